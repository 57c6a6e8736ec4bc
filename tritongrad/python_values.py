"""The arrays that Python's values mean: numbers, nested lists of them, arrays, tensors."""

from __future__ import annotations

from typing import Any

import numpy as np

from .autograd.modes import quiet
from .autograd.variable import Variable
from .dtype import BY_NUMPY, get_default_dtype

PLAIN = {bool, int, float}  # lists of these need no look at each element


def array_of(data: Any, name: str, dtype: Any = None) -> Any:
    """The array meant by Python values, in PyTorch's dtypes; arrays and tensors as they are.

    With a dtype Python's floats stay float64, for it to be rounded from.
    """
    if isinstance(data, Variable):
        return data._array
    if isinstance(data, np.ndarray):
        return checked(data, name)
    if isinstance(data, np.generic):
        return checked(np.asarray(data), name)
    if hasattr(data, "__array__") and not isinstance(data, (list, tuple)):
        return checked(np.asarray(data), name)
    types: set = set()
    try:
        array = np.array(_plain(data, types))
    except ValueError:
        raise ValueError(
            f"{name}: the nested lists are ragged: every list at one depth must have one length"
        ) from None
    if types and array.dtype == np.float64 and array.dtype in types:
        return array
    if array.dtype == np.float64 or array.size == 0:
        return quiet(array.astype, get_default_dtype().numpy) if dtype is None else array
    if array.dtype.kind == "O" and all(isinstance(x, int) for x in array.flat):
        raise OverflowError(f"{name}: an integer does not fit into int64")
    return checked(array, name)


def _plain(data: Any, types: set) -> Any:
    """Nested lists with every tensor in them as Python values, one of one element as a number.

    `types` gets the dtypes of NumPy's arrays and numbers, which are kept, unlike Python's floats.
    """
    if isinstance(data, (list, tuple, range)):
        if PLAIN.issuperset(map(type, data)):
            return data
        return [_plain(x, types) for x in data]
    if isinstance(data, Variable):
        return data.item() if data.numel() == 1 else data.tolist()
    if isinstance(data, (np.generic, np.ndarray)):
        types.add(data.dtype)
    return data


def converted(array: Any, dtype: np.dtype, name: str, data: Any) -> Any:
    """An array in another dtype; Python's numbers have to fit into it."""
    if dtype.kind in "iu" and array.size and not isinstance(data, (Variable, np.ndarray)):
        limits, low, high = np.iinfo(dtype), array.min(), array.max()
        if not (low >= limits.min and high < limits.max + 1):  # so that nan is refused too
            raise RuntimeError(
                f"{name}: a value between {low} and {high} cannot be converted to type {dtype} "
                "without overflow"
            )
    return quiet(array.astype, dtype)


def checked(array: np.ndarray, name: str) -> np.ndarray:
    """An array of a dtype that tensors have; others are refused."""
    if array.dtype not in BY_NUMPY or not array.dtype.isnative:
        raise TypeError(
            f"{name}: can't convert data of type {array.dtype}; the supported types are "
            f"{', '.join(d.name for d in BY_NUMPY.values())}"
        )
    return array
