"""Masks and triangles: elements chosen by a condition or by where they stand."""

from __future__ import annotations

from typing import Any

from tritongrad.op import op
from tritongrad.samples import Bools, Ints, Rand

from . import elementwise
from .sizes import ints, shape_of
from .subscript import subscript
from .values import scalar_value
from .view import broadcast_tensors

Tensor = Any
ABSENT: Any = object()


@op(
    samples=[
        (Rand((3, 4)), Bools((3, 4)), 0.5),
        (Rand((3, 4)), Bools((4,)), Rand(())),
        (Rand((3, 1)), Bools((2, 1, 4)), -1),
        (Rand((0, 2)), Bools((2,)), 1),
    ]
)
def masked_fill(input: Tensor, mask: Tensor, value):
    """value where mask is True, else input; the two broadcast."""
    shapes = shape_of("masked_fill", input), shape_of("masked_fill", mask, "mask")
    if mask._array.dtype.kind != "b":
        raise RuntimeError(
            f"masked_fill only supports boolean masks, but got mask with dtype {mask.dtype}: "
            "compare it, as in `mask != 0`"
        )
    for d, (n, m) in enumerate(zip(shapes[0][::-1], shapes[1][::-1], strict=False), 1):
        if n != m and 1 not in (n, m):
            raise RuntimeError(
                f"masked_fill: The size of tensor a ({n}) must match the size of tensor b ({m}) at "
                f"non-singleton dimension {max(map(len, shapes)) - d} (input {list(shapes[0])}, "
                f"mask {list(shapes[1])})"
            )
    return input, mask, scalar_value("masked_fill", input, value)


masked_fill.vjp(
    input=lambda g, mask: g.masked_fill(mask, 0),
    value=lambda g, mask: g.masked_fill(mask.logical_not(), 0),
)


def masked_select(input, mask):
    """The elements of input where mask is True, in C order, in one dim; the two broadcast."""
    return subscript(*broadcast_tensors(input, mask))


@op(samples=[(Rand((3, 4)),), (Rand((2, 3, 3)), 1), (Rand((4, 2)), -1), (Rand((0, 3)),)])
def tril(input: Tensor, diagonal=0):
    """Matrices with zeros above a diagonal."""
    return input, _diagonal("tril", input, diagonal)


@op(samples=[(Rand((3, 4)),), (Rand((2, 3, 3)), 1), (Rand((4, 2)), -1), (Rand((0, 3)),)])
def triu(input: Tensor, diagonal=0):
    """Matrices with zeros below a diagonal."""
    return input, _diagonal("triu", input, diagonal)


def _diagonal(name: str, input: Any, diagonal: Any) -> int:
    if len(shape_of(name, input)) < 2:
        raise RuntimeError(
            f"{name}: input tensor must have at least 2 dimensions, got {list(input._array.shape)}"
        )
    return diagonal.__index__()


tril.vjp(input=lambda g, diagonal: g.tril(diagonal))
triu.vjp(input=lambda g, diagonal: g.triu(diagonal))


@op(samples=[(Rand((3, 4)),), (Bools((2, 3)),), (Rand((0, 2)),), (Rand(()),)])
def nonzero(input: Tensor, as_tuple=False):
    """The positions of elements that are not 0, one a row; `as_tuple`: a vector for each dim."""
    shape_of("nonzero", input)
    return (input,)


_rows: Any = nonzero


def nonzero(input, as_tuple=False):
    """The positions of elements that are not 0, one a row; `as_tuple`: a vector for each dim."""
    if not as_tuple:
        return _rows(input)
    return _rows(input if shape_of("nonzero", input) else input.reshape(1)).unbind(1)


def where(condition, input=ABSENT, other=ABSENT):
    """input where condition holds, else other; of a condition alone, where it holds."""
    if input is ABSENT and other is ABSENT:
        return nonzero(condition, as_tuple=True)
    if input is ABSENT or other is ABSENT:
        raise TypeError("where: give both `input` and `other`, or the condition alone")
    return elementwise.where(condition, input, other)


def argwhere(input):
    """nonzero(input)"""
    return nonzero(input)


@op(samples=[(Ints((3, 2), 0, 4), 4), (Ints((3,), 0, 4),), (Ints((0,)), 2)])
def one_hot(input: Tensor, num_classes=-1):
    """1 in the place of each index along a new last dim, else 0; -1: as many as are needed."""
    shape_of("one_hot", input)
    if input._array.dtype.kind not in "iu":
        raise RuntimeError(f"one_hot is only applicable to index tensors, got {input.dtype}")
    (num_classes,) = ints("one_hot", num_classes, (), "num_classes")
    if num_classes == -1:
        if not input._array.size:
            raise RuntimeError("one_hot: can not infer the number of classes from an empty tensor")
        num_classes = int(input._host().max()) + 1
    return input, num_classes
