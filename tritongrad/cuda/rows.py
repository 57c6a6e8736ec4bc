"""An array seen as a strided matrix: kept dims are its rows, the others its columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from tritongrad.cuda.array import DeviceArray
from tritongrad.cuda.elementwise import power_of_2

Dims = tuple[int, ...]


class Axis(NamedTuple):
    """Up to two dimensions walked as one: index i lies at i // size * outer + i % size * inner.

    size 0: there is one dimension, of stride `inner`.
    """

    length: int
    size: int
    outer: int
    inner: int


@dataclass(frozen=True, slots=True)
class Matrix:
    """x[row, col], in elements of the array's dtype"""

    array: DeviceArray
    rows: Axis
    cols: Axis

    @property
    def across(self) -> bool:
        """Whether neighbours in memory lie in one column."""
        row, col = self.rows, self.cols
        return row.length > 1 and col.length > 1 and 0 < abs(row.inner) < abs(col.inner)


def matrix(x: DeviceArray, dim: Dims) -> Matrix:
    """The dims `dim` of x as columns and the others as rows; copied only if two do not suffice."""
    kept = tuple(d for d in range(x.ndim) if d not in dim)
    rows, cols = axis_of(x, kept), axis_of(x, dim)
    if rows is None or cols is None:
        x = x.transpose((*kept, *dim)).copy()
        kept, dim = tuple(range(len(kept))), tuple(range(len(kept), x.ndim))
        rows, cols = axis_of(x, kept), axis_of(x, dim)
    assert rows is not None and cols is not None, "a contiguous array collapses"
    return Matrix(x, rows, cols)


def axis_of(x: DeviceArray, dims: Dims) -> Axis | None:
    """Some dims of x as one axis, or None if more than two are left after merging."""
    if any(x.shape[d] == 0 for d in dims):
        return Axis(0, 0, 0, 0)  # strides of nothing need not fit each other
    merged: list[tuple[int, int]] = []
    for d in dims:
        n, stride = x.shape[d], x.strides[d] // x.itemsize
        if n == 1:
            continue
        if merged and merged[-1][1] == n * stride:
            merged[-1] = (merged[-1][0] * n, stride)
        else:
            merged.append((n, stride))
    if len(merged) > 2:
        return None
    if len(merged) == 2:
        (a, outer), (b, inner) = merged
        return Axis(a * b, b, outer, inner)
    n, stride = merged[0] if merged else (1, 0)
    return Axis(n, 0, 0, stride)


def reduced_shape(shape: Dims, dim: Dims, keepdim: bool) -> Dims:
    """The shape of a reduction over dims."""
    if keepdim:
        return tuple(1 if d in dim else n for d, n in enumerate(shape))
    return tuple(n for d, n in enumerate(shape) if d not in dim)


def tile_of(view: Matrix, budget: int, most: int) -> tuple[int, int]:
    """(ROWS, COLS) of a tile: a function of the row's length and of what lies together.

    It does not depend on the number of rows, so that no row's result does.
    """
    if view.across:
        return 32, min(power_of_2(view.cols.length), 128)
    cols = min(power_of_2(view.cols.length), most)
    return max(1, min(budget // cols, 256)), cols


def normal_dims(dim: int | Sequence[int] | None, ndim: int) -> Dims:
    """dim as a tuple of non-negative dims; None and () are all of them."""
    if dim is None or dim == ():
        return tuple(range(ndim))
    dims = (dim,) if isinstance(dim, int) else dim
    return tuple(sorted(d % max(ndim, 1) for d in dims if ndim))
