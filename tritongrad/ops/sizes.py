"""Sizes and dims as callers give them: one by one or in a tuple, with -1, counted from the back."""

from __future__ import annotations

import math
from typing import Any

from tritongrad.autograd.variable import Variable

from .dims import check_dim


def shape_of(name: str, input: Any, argument: str = "input") -> tuple:
    """The shape of a tensor; TypeError for anything else."""
    if not isinstance(input, Variable):
        raise TypeError(
            f"{name}: argument '{argument}' must be a Tensor, got {type(input).__name__}"
        )
    return input._array.shape


def ints(name: str, first: Any, more: tuple, argument: str = "size") -> tuple:
    """A tuple of ints from `f(x, 2, 3)` or `f(x, (2, 3))`."""
    given = (first, *more) if more or not isinstance(first, (tuple, list)) else first
    try:
        return tuple([n.__index__() for n in given])
    except AttributeError:
        odd = next(n for n in given if not hasattr(n, "__index__"))
        raise TypeError(
            f"{name}: argument '{argument}' must be ints, got {type(odd).__name__} in it"
        ) from None


def checked_dims(name: str, dims: tuple, n: int) -> tuple:
    """Different dims, counted from the front."""
    dims = tuple([check_dim(name, d, n) for d in dims])
    if len(set(dims)) != len(dims):
        raise RuntimeError(f"{name}: a dim appears multiple times in the list of dims {dims}")
    return dims


def inferred(name: str, shape: tuple, size: int) -> tuple:
    """The shape with its one -1 replaced so that it holds `size` elements."""
    known = math.prod(shape)
    if known == size and -1 not in shape:
        if min(shape, default=0) >= 0:
            return shape
    elif shape.count(-1) == 1 and min(shape) == -1:
        known = -known
        if known == 0 and size == 0:
            raise RuntimeError(
                f"{name}: cannot reshape tensor of 0 elements into shape {list(shape)} because the "
                "unspecified dimension size -1 can be any value and is ambiguous"
            )
        if known and size % known == 0:
            return tuple([size // known if n == -1 else n for n in shape])
    if shape.count(-1) > 1:
        raise RuntimeError(f"{name}: only one dimension can be inferred, got {list(shape)}")
    for i, n in enumerate(shape):
        if n < -1:
            raise RuntimeError(
                f"{name}: invalid shape dimension {n} at index {i} of shape {list(shape)}"
            )
    raise RuntimeError(f"{name}: shape '{list(shape)}' is invalid for input of size {size}")


def expanded(name: str, shape: tuple, target: tuple) -> tuple:
    """The sizes that `shape` gets when it is expanded to `target`, where -1 keeps a size."""
    new = len(target) - len(shape)
    if new < 0:
        raise RuntimeError(
            f"{name}: the number of sizes provided ({len(target)}) must be greater or equal to the "
            f"number of dimensions in the tensor ({len(shape)}): input {list(shape)}, size "
            f"{list(target)}"
        )
    if target[new:] == shape and min(target[:new], default=0) >= 0:
        return target
    result = list(target)
    for d, want in enumerate(target):
        have = shape[d - new] if d >= new else None
        if want == -1 and have is not None:
            result[d] = have
        elif want < 0:
            raise RuntimeError(
                f"{name}: the expanded size of the tensor ({want}) isn't allowed in a leading, "
                f"non-existing dimension {d}"
            )
        elif have is not None and have not in (1, want):
            raise RuntimeError(
                f"{name}: The expanded size of the tensor ({want}) must match the existing size "
                f"({have}) at non-singleton dimension {d}.  Target sizes: {list(target)}.  "
                f"Tensor sizes: {list(shape)}"
            )
    return tuple(result)
