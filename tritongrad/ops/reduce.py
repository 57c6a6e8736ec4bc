"""Reductions: sums, means, extremes over any dims."""

from __future__ import annotations

from typing import Any

from ..op import op
from ..samples import Rand

Tensor = Any

OVER = [
    (Rand((3, 4)),),
    (Rand((3, 4)), 1),
    (Rand((2, 3, 4)), (0, 2), True),
    (Rand((2, 3, 4)), -2),
    (Rand(()),),
    (Rand((0, 3)),),
    (Rand((0, 3)), 0),
]


def dims_of(name: str, input: Any, dim: Any) -> tuple:
    """The dims meant by `dim`: None and () are all of them. Sorted, not negative."""
    n = input.ndim
    if dim is None or (isinstance(dim, (tuple, list)) and not dim):
        return tuple(range(n))
    dims = [check_dim(name, d, n) for d in (dim if isinstance(dim, (tuple, list)) else (dim,))]
    if len(set(dims)) != len(dims):
        raise RuntimeError(f"{name}: dim {dim} appears multiple times in the list of dims")
    return tuple(sorted(d for d in dims if d < n))


def check_dim(name: str, dim: Any, n: int) -> int:
    """dim counted from the front; IndexError outside of [-n, n-1]."""
    if not hasattr(dim, "__index__") or isinstance(dim, bool):
        raise TypeError(f"{name}: argument 'dim' must be an int, got {type(dim).__name__}")
    dim = dim.__index__()
    reach = max(n, 1)
    if not -reach <= dim < reach:
        raise IndexError(
            f"{name}: Dimension out of range (expected to be in range of [{-reach}, {reach - 1}], "
            f"but got {dim})"
        )
    return dim % reach


def spread(g: Any, shape: tuple, dim: tuple, keepdim: bool) -> Any:
    """The gradient of a reduction, expanded over the dims that were reduced."""
    if not keepdim:
        g = g.reshape([1 if d in dim else size for d, size in enumerate(shape)])
    return g.expand(shape)


@op(samples=OVER)
def sum(input: Tensor, dim=None, keepdim=False, dtype=None):
    """Sum over dims (all if none are given); integers and bools are summed as int64."""
    return input, dims_of("sum", input, dim), keepdim, dtype


sum.vjp(input=lambda g, input_shape, dim, keepdim: spread(g, input_shape, dim, keepdim))
