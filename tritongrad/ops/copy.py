"""Copies: clones, and values written over a tensor."""

from __future__ import annotations

from typing import Any

import numpy as np

from tritongrad.op import op
from tritongrad.samples import Rand

from .sizes import expanded, shape_of
from .values import scalar_value, without_history

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
def copy(input: Tensor, source: Tensor, device=None, non_blocking=False):
    """The values of source, broadcast to the shape of input, in its dtype, on its device."""
    shape = shape_of("copy", input)
    expanded("copy_", shape_of("copy", source, "source"), shape)
    return input, without_history(source, input._array.dtype), source.device, bool(non_blocking)


copy.vjp(input=lambda g: g.new_zeros(g.shape), source=lambda g, device: g.to(device))
