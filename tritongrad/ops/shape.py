"""Shape operations."""

from __future__ import annotations

from typing import Any

from ..op import op
from ..samples import Rand

Tensor = Any


@op(cpu=lambda x: x.T, view=True, samples=[(Rand((3, 4)),)])
def t(input: Tensor):
    """The transpose of a matrix; 0-d and 1-d tensors are returned as they are."""
    return (input,)


t.vjp(input=lambda g: g.t())


@op(cpu=lambda x, shape: x.reshape(shape), view=True, samples=[(Rand((3, 4)), (4, 3))])
def reshape(input: Tensor, shape):
    """reshape"""
    return input, tuple(shape)


reshape.vjp(input=lambda g, input_shape: g.reshape(input_shape))


@op(cpu=lambda x: x.copy(), samples=[(Rand((3, 4)),)])
def clone(input: Tensor):
    """A copy."""
    return (input,)


clone.vjp(input=lambda g: g)
