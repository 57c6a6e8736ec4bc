"""Copies: clones, and values written over a tensor."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autograd.variable import Variable, edge_of, wrap
from ..dtype import category
from ..op import op
from ..samples import Rand
from .sizes import expanded, shape_of

Tensor = Any


def _copy(x):
    return x.copy()


@op(cpu=_copy, device=_copy, samples=[(Rand((3, 4)),), (Rand(()),), (Rand((0, 2)),)])
def clone(input: Tensor, memory_format=None):
    """A copy in C order, with a history."""
    return (input,)


clone.vjp(input=lambda g: g)


def contiguous(input, memory_format=None):
    """The tensor itself if its elements lie in C order without gaps, else such a copy."""
    shape_of("contiguous", input)
    return input if input.is_contiguous() else clone(input)


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
        value = value.to(input.device)  # type: ignore[attr-defined]  (a Tensor)
    return without_history(value, dtype)


@op(samples=[(Rand((3, 4)), 2.5), (Rand((2, 3)), Rand(())), (Rand((0, 2)), 1)])
def fill(input: Tensor, value):
    """One value everywhere."""
    shape_of("fill", input)
    return input, scalar_value("fill", input, value)


fill.vjp(input=lambda g: g.new_zeros(g.shape), value=lambda g: g)


@op(cpu=np.zeros_like, samples=[(Rand((3, 4)),), (Rand(()),), (Rand((0, 2)),)])
def zero(input: Tensor):
    """Zeros in the shape of input."""
    return (input,)


zero.vjp(input=lambda g: g.new_zeros(g.shape))


@op(
    samples=[
        (Rand((3, 4)), Rand((3, 4))),
        (Rand((3, 4)), Rand((4,))),
        (Rand((2, 3)), Rand(())),
        (Rand((0, 2)), Rand((2,))),
    ]
)
def copy(input: Tensor, source: Tensor, device=None):
    """The values of source, broadcast to the shape of input, in its dtype, on its device."""
    shape = shape_of("copy", input)
    expanded("copy_", shape_of("copy", source, "source"), shape)
    return input, without_history(source, input._array.dtype), source.device


copy.vjp(input=lambda g: g.new_zeros(g.shape), source=lambda g, device: g.to(device))
