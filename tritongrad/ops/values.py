"""Values that are stored into a tensor: as numbers of its dtype, without history it cannot keep."""

from __future__ import annotations

from typing import Any

import numpy as np

from tritongrad.autograd.variable import Variable, edge_of, wrap
from tritongrad.dtype import category


def number_of(name: str, value: Any, dtype: np.dtype) -> Any:
    """A number as one of a dtype; refused if an integer type cannot hold it."""
    if dtype.kind == "b":
        return bool(value)
    if category(dtype) == 2:
        return float(value)
    limits = np.iinfo(dtype)
    if value != value or not limits.min <= value <= limits.max:
        raise RuntimeError(
            f"{name}: value {value} cannot be converted to type {dtype.name} without overflow"
        )
    return int(value)


def without_history(source: Any, dtype: np.dtype) -> Any:
    """source, cut off from the graph if what it becomes has a dtype without gradients."""
    if isinstance(source, Variable) and category(dtype) < 2 and edge_of(source) is not None:
        return wrap(source._array)
    return source


def storable(name: str, values: Any, dtype: np.dtype) -> Any:
    """A tensor, as `without_history` has it, or a number; TypeError for anything else."""
    if not isinstance(values, (Variable, bool, int, float)):
        raise TypeError(f"{name}: argument 'values' must be a Tensor, got {type(values).__name__}")
    return without_history(values, dtype)


def scalar_value(name: str, input: Any, value: Any) -> Any:
    """A number, or a 0-d tensor beside input, that can be stored in input."""
    dtype = input._array.dtype
    if not isinstance(value, Variable):
        if isinstance(value, (bool, int, float, np.generic)):
            return number_of(name, value, dtype)
        raise TypeError(f"{name}: value must be a number or a Tensor, got {type(value).__name__}")
    if value._array.ndim:
        raise RuntimeError(
            f"{name}: only supports 0-dimension value tensor but got tensor with "
            f"{value._array.ndim} dimensions (shape {list(value._array.shape)})"
        )
    if type(value._array) is not type(input._array):
        value = value.to(input.device)
    return without_history(value, dtype)
