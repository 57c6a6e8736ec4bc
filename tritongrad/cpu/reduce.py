"""Reductions on NumPy: wide accumulators, and an order of summation that only the shape decides.

float32 and the half types are summed in float64 (totals.py) and rounded once, strided or expanded,
where NumPy's own float32 sum is one long chain.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tritongrad.dtype import FLOAT32, FLOAT64, INT64

from .rows import in_blocks
from .scratch import scratch
from .totals import BLOCK, PIECE, add, total

Array = np.ndarray
multiply: Any = np.multiply.reduce  # NumPy's stubs do not know positional keepdims and out
largest: Any = np.maximum.reduce
smallest: Any = np.minimum.reduce
some: Any = np.logical_or.reduce
every: Any = np.logical_and.reduce
MANY = 1 << 21  # elements from which rows are shared by the team


def sum(x: Array, dim: tuple, keepdim: bool, dtype: np.dtype) -> Array:
    if x.dtype.kind == "b" or dtype.kind in "iu":
        wide = INT64 if dtype.kind in "biu" else FLOAT64
        x = x if x.dtype.kind in "biu" else x.astype(dtype)
        return add(x, dim, wide, None, keepdim).astype(dtype, copy=False)
    if dtype.itemsize < x.dtype.itemsize and x.dtype.kind == "f":
        x = x.astype(dtype)
    return _narrow(total(x, dim, keepdim), dtype)


def mean(x: Array, dim: tuple, keepdim: bool, dtype: np.dtype) -> Array:
    n = math.prod([x.shape[d] for d in dim])
    return _narrow(np.divide(total(x, dim, keepdim), n), dtype)


def prod(x: Array, dim: tuple, keepdim: bool, dtype: np.dtype) -> Array:
    if dtype.kind in "biu":
        x = x.astype(dtype, copy=False)
        return multiply(x, dim, dtype, None, keepdim)
    return _narrow(multiply(x, dim, FLOAT64, None, keepdim), dtype)


def _narrow(x: Array, dtype: np.dtype) -> Array:
    return np.asarray(x).astype(dtype, copy=False)


def amax(x: Array, dim: tuple, keepdim: bool) -> Array:
    return _extreme(largest, x, dim, keepdim)


def amin(x: Array, dim: tuple, keepdim: bool) -> Array:
    return _extreme(smallest, x, dim, keepdim)


def _extreme(kernel: Any, x: Array, dim: tuple, keepdim: bool) -> Array:
    if x.size < MANY or not _are_rows(x, dim):
        return kernel(x, dim, None, None, keepdim)
    out = np.empty(x.shape[:-1], x.dtype)
    rows, into = x.reshape(-1, x.shape[-1]), out.reshape(-1)

    def work(i: int, j: int) -> None:
        kernel(rows[i:j], 1, None, into[i:j])

    in_blocks(*rows.shape, work)
    return out[..., None] if keepdim else out


def _are_rows(x: Array, dim: tuple) -> bool:
    """Whether each row of a matrix is reduced to one number."""
    return x.ndim > 1 and dim == (x.ndim - 1,) and x.flags.c_contiguous


def argmax(x: Array, dim: int | None, keepdim: bool) -> Array:
    return _index(np.argmax, x, dim, keepdim)


def argmin(x: Array, dim: int | None, keepdim: bool) -> Array:
    return _index(np.argmin, x, dim, keepdim)


def _index(choose: object, x: Array, dim: int | None, keepdim: bool) -> Array:
    """The first index of the extreme, or of the first nan."""
    if x.dtype.kind == "V":
        x = x.astype(FLOAT32)
    if x.ndim == 0:
        return np.zeros((), INT64)
    return np.asarray(choose(x, dim, keepdims=keepdim), INT64)  # type: ignore[operator]


def any(x: Array, dim: tuple, keepdim: bool) -> Array:
    return some(x, dim, bool, None, keepdim)


def all(x: Array, dim: tuple, keepdim: bool) -> Array:
    return every(x, dim, bool, None, keepdim)


def var(x: Array, dim: tuple, correction: float, keepdim: bool) -> Array:
    return _narrow(_variance(x, dim, correction, keepdim), x.dtype)


def std(x: Array, dim: tuple, correction: float, keepdim: bool) -> Array:
    return _narrow(np.sqrt(_variance(x, dim, correction, keepdim)), x.dtype)


def _variance(x: Array, dim: tuple, correction: float, keepdim: bool) -> Array:
    """Mean square of the distance from the mean, which is known before: nothing cancels."""
    n = math.prod([x.shape[d] for d in dim])
    mean = np.divide(total(x, dim, True), n)
    if x.size >= BLOCK and n <= PIECE and _are_rows(x, dim):  # beyond, total sums by pieces
        squares = _row_squares(x.reshape(-1, n), mean.reshape(-1, 1)).reshape(mean.shape)
        squares = squares if keepdim else squares[..., 0]
    else:
        away = np.subtract(x, mean, dtype=FLOAT64)
        squares = total(away * away, dim, keepdim)
    return np.divide(squares, max(n - correction, 0))


def _row_squares(x: Array, mean: Array) -> Array:
    """The sum over each row of (x - mean) ** 2, in float64."""
    rows, n = x.shape
    found = np.empty(rows, FLOAT64)

    def work(i: int, j: int) -> None:
        away = scratch.take((j - i) * n, FLOAT64).reshape(j - i, n)
        np.copyto(away, x[i:j])
        np.subtract(away, mean[i:j], out=away)
        np.multiply(away, away, out=away)
        add(away, 1, None, found[i:j])

    in_blocks(rows, 2 * n, work)  # they take twice as much room
    return found


def norm(x: Array, p: float, dim: tuple, keepdim: bool) -> Array:
    size = np.abs(x.astype(FLOAT64))
    if math.isinf(p):
        extreme = largest if p > 0 else smallest
        return _narrow(extreme(size, dim, None, None, keepdim), x.dtype)
    if p == 0:
        return _narrow(total((size != 0).astype(FLOAT64), dim, keepdim), x.dtype)
    if p == 1:
        return _narrow(total(size, dim, keepdim), x.dtype)
    if p == 2:
        if x.dtype != FLOAT64:
            return _narrow(np.sqrt(total(size * size, dim, keepdim)), x.dtype)
        most = largest(size, dim, None, None, True, initial=0)
        scale = np.where(
            (most > 0) & (most < np.inf), most, 1
        )  # squares neither over- nor underflow
        root = np.sqrt(total(np.square(size / scale), dim, True)) * scale
        return root if keepdim else root.reshape([s for d, s in enumerate(x.shape) if d not in dim])
    return _narrow(np.power(total(np.power(size, p), dim, keepdim), 1 / p), x.dtype)


def logsumexp(x: Array, dim: tuple, keepdim: bool) -> Array:
    """log of the sum of exponentials, from the largest of them down."""
    most = largest(x, dim, FLOAT64, None, True, initial=-np.inf)
    shift = np.where(np.isfinite(most), most, 0)
    found = np.log(total(np.exp(np.subtract(x, shift, dtype=FLOAT64)), dim, True)) + shift
    if not keepdim:
        found = found.reshape([s for d, s in enumerate(x.shape) if d not in dim])
    return _narrow(found, x.dtype)
