"""Reductions on NumPy: wide accumulators, and an order of summation that only the shape decides.

float32 and the half types are summed in float64 and rounded once: |error| <= 2u sum|x| at any
length, strided or expanded, where NumPy's own float32 sum only holds that for contiguous rows.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tritongrad.dtype import FLOAT32, FLOAT64, INT64

Array = np.ndarray
add: Any = np.add.reduce  # NumPy's stubs do not know positional keepdims and out
multiply: Any = np.multiply.reduce
largest: Any = np.maximum.reduce
smallest: Any = np.minimum.reduce
some: Any = np.logical_or.reduce
every: Any = np.logical_and.reduce
BLOCK = 1 << 16  # elements converted at a time: they stay in the second-level cache
LONG = 1 << 14  # a row is summed in pieces of this length
HALVED = 512  # float32 elements: their halves are added first, which costs u sum|x| at most
GROUP = 64  # rows of a column are summed in groups of this many


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


def total(x: Array, dim: tuple, keepdim: bool = False) -> Array:
    """The sum over dims in float64, in an order that the shape alone decides."""
    if len(dim) == x.ndim:
        return _full(x).reshape((1,) * x.ndim) if keepdim else _full(x)
    if len(dim) == 1 and x.size <= BLOCK and x.shape[dim[0]] < GROUP:
        after = math.prod(x.shape[dim[0] + 1 :])
        if after > 1 or dim[0] == x.ndim - 1:  # what _columns and _rows come to
            return add(x.astype(FLOAT64, "C", copy=False), dim, None, None, keepdim)
    shape = x.shape
    for first, last in _runs(dim):
        if last > first and not x.flags.c_contiguous:
            x = np.ascontiguousarray(x)
        n = math.prod(shape[first : last + 1])
        outer, inner = math.prod(shape[:first]), x.shape[last + 1 :]
        x = x.reshape(outer, n, math.prod(inner)) if inner else x.reshape(outer, n)
        add_up = _columns if inner else _rows
        if x.dtype is FLOAT32 and n >= HALVED:
            half = n // 2
            x = add_up(x[:, :half] + x[:, half : 2 * half]) + add_up(x[:, 2 * half :])
        else:
            x = add_up(x)
        x = x.reshape(shape[:first] + (1,) * (last - first + 1) + inner)
    return x if keepdim else x.reshape([s for d, s in enumerate(shape) if d not in dim])


def _runs(dim: tuple) -> list[tuple[int, int]]:
    """Neighbouring dims as (first, last), the last run first: (0, 2, 3) gives (2, 3), (0, 0)."""
    runs: list[tuple[int, int]] = []
    for d in reversed(dim):
        if runs and runs[-1][0] == d + 1:
            runs[-1] = (d, runs[-1][1])
        else:
            runs.append((d, d))
    return runs


def _full(x: Array) -> Array:
    """The sum of everything."""
    if x.dtype == FLOAT64:
        return np.asarray(add(x if x.flags.c_contiguous else x.reshape(-1), None))
    if x.size < BLOCK or x.dtype != FLOAT32 or not x.flags.c_contiguous:
        return np.asarray(add(x, None, FLOAT64))
    # One float32 addition costs at most u sum|x| and halves what has to be widened.
    flat = x.reshape(-1)
    half = flat.size // 2
    found = np.float64(0)
    for start in range(0, half, BLOCK // 2):
        stop = min(start + BLOCK // 2, half)
        pairs = np.add(flat[start:stop], flat[half + start : half + stop])
        found += add(pairs, None, FLOAT64)
    return np.asarray(found + flat[2 * half :].sum(dtype=FLOAT64))


def _rows(x: Array) -> Array:
    """(rows, n) -> (rows,): each row by NumPy's pairwise sum of a contiguous copy in float64."""
    rows, n = x.shape
    if n > LONG:
        pieces = n // LONG
        parts = np.empty((rows, pieces + 1), FLOAT64)
        whole = x[:, : pieces * LONG].reshape(rows * pieces, LONG)
        parts[:, :-1] = _rows(whole).reshape(rows, pieces)
        parts[:, -1] = _rows(x[:, pieces * LONG :])
        return _rows(parts)
    if x.size <= BLOCK:
        return add(x.astype(FLOAT64, "C", copy=False), -1)
    out = np.empty(rows, FLOAT64)
    step = BLOCK // n
    for start in range(0, rows, step):
        block = x[start : start + step].astype(FLOAT64, "C", copy=False)
        add(block, -1, None, out[start : start + step])
    return out


def _columns(x: Array) -> Array:
    """(outer, n, inner) -> (outer, inner): from row to row, in groups, then the groups likewise."""
    outer, n, inner = x.shape
    if inner == 1:  # NumPy would sum a lone column pairwise, unlike one of several
        return _columns(np.repeat(x, 2, -1))[:, :1]
    if n > GROUP:
        groups = n // GROUP
        parts = np.empty((outer, groups + 1, inner), FLOAT64)
        whole = x[:, : groups * GROUP].reshape(outer * groups, GROUP, inner)
        parts[:, :-1] = _columns(whole).reshape(outer, groups, inner)
        parts[:, -1] = _columns(x[:, groups * GROUP :])
        return _columns(parts)
    if x.size <= BLOCK:
        return add(x.astype(FLOAT64, "C", copy=False), 1)
    out = np.empty((outer, inner), FLOAT64)
    step = max(BLOCK // (n * inner), 1)
    width = max(BLOCK // n, 2)
    for o in range(0, outer, step):
        for i in range(0, inner - 1, width):  # never a lone last column
            stop = inner if i + width >= inner - 1 else i + width
            block = x[o : o + step, :, i:stop].astype(FLOAT64, "C", copy=False)
            add(block, 1, None, out[o : o + step, i:stop])
    return out


def amax(x: Array, dim: tuple, keepdim: bool) -> Array:
    return largest(x, dim, None, None, keepdim)


def amin(x: Array, dim: tuple, keepdim: bool) -> Array:
    return smallest(x, dim, None, None, keepdim)


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
    away = np.subtract(x, np.divide(total(x, dim, True), n), dtype=FLOAT64)
    return np.divide(total(away * away, dim, keepdim), max(n - correction, 0))


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
