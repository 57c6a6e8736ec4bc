"""Running sums and products along a dim."""

from __future__ import annotations

from typing import Any

from tritongrad.op import op
from tritongrad.samples import Ints, Rand

from . import shape as shapes
from .dims import check_dim, summed, tensor

Tensor = Any

ALONG = [
    (Rand((3, 4)), 1),
    (Rand((2, 3, 4)), -2),
    (Rand((5,)), 0),
    (Rand(()), 0),
    (Rand((0, 3)), 0),
    (Ints((3, 4)), 0),
]


@op(samples=ALONG)
def cumsum(input: Tensor, dim, dtype=None):
    """Running sums along a dim; integers and bools are summed as int64."""
    input, dtype = summed("cumsum", input, dtype)
    return input, check_dim("cumsum", dim, tensor("cumsum", input).ndim), dtype


def _from_the_end(g: Any, dim: int) -> Any:
    """Running sums from the last element to the first."""
    return cumsum(g.flip([dim]), dim).flip([dim]) if g.ndim else g


cumsum.vjp(input=lambda g, dim: _from_the_end(g, dim))


@op(samples=ALONG)
def cumprod(input: Tensor, dim, dtype=None):
    """Running products along a dim; integers and bools are multiplied as int64."""
    input, dtype = summed("cumprod", input, dtype)
    return input, check_dim("cumprod", dim, tensor("cumprod", input).ndim), dtype


def _cumprod_input(g, input, dim):
    """before[j] * (g[j] + x[j+1] (g[j+1] + x[j+2] (...))): no quotient, so zeros are right."""
    if input.ndim == 0 or input.numel() == 0:
        return g
    n = input.shape[dim]
    one = input.new_ones([1 if d == dim else size for d, size in enumerate(input.shape)])
    before = shapes.cat([one, cumprod(input.narrow(dim, 0, n - 1), dim)], dim)
    factor = shapes.cat([input.narrow(dim, 1, n - 1), one * 0], dim)
    total = g
    step = 1
    while step < n:  # total[j] covers the elements from j to j + step - 1, factor leads past them
        rest = n - step
        ahead = factor.narrow(dim, 0, rest) * total.narrow(dim, step, rest)
        last = total.narrow(dim, rest, step)
        total = shapes.cat([total.narrow(dim, 0, rest) + ahead, last], dim)
        onward = factor.narrow(dim, 0, rest) * factor.narrow(dim, step, rest)
        factor = shapes.cat([onward, factor.narrow(dim, rest, step) * 0], dim)
        step *= 2
    return before * total


cumprod.vjp(input=_cumprod_input)
