"""Sums in float64, in an order that only the shape decides, large ones by the team of threads.

Long float32 sums begin with trees in float32 (trees.py). A row's bits do not depend on other rows.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tritongrad.dtype import FLOAT32, FLOAT64

from .pool import empty
from .trees import BAND, LONG, columns_by_bands, rows_by_chunks, share, widened

Array = np.ndarray
add: Any = np.add.reduce  # NumPy's stubs do not know positional keepdims and out
BLOCK = 1 << 17  # elements at a time, so that their wide forms stay near
TALL = 1 << 10  # rows of a float32 column that is summed by bands
PIECE = 1 << 14  # other rows are summed in pieces of this many elements
GROUP = 64  # rows of a column are summed in groups of this many
WIDTH = 1 << 12  # columns at a time: fewer would leave gaps between short stretches of memory


def total(x: Array, dim: tuple, keepdim: bool = False) -> Array:
    """The sum over dims in float64, in an order that the shape alone decides."""
    if len(dim) == x.ndim:
        return _full(x).reshape((1,) * x.ndim) if keepdim else _full(x)
    if not x.size:
        return add(x.astype(FLOAT64), dim, None, None, keepdim)
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
        x = _columns(x) if inner else _rows(x)
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
    return _rows(x.reshape(1, -1)).reshape(())


def _rows(x: Array) -> Array:
    """(rows, n) -> (rows,): each row by NumPy's pairwise sum of pieces in float64."""
    rows, n = x.shape
    if x.dtype is FLOAT32 and n >= LONG:
        return rows_by_chunks(x)
    if x.size <= BLOCK and n <= PIECE:
        return add(x.astype(FLOAT64, "C", copy=False), -1)
    parts = np.empty((rows, max(-(-n // PIECE), 1)), FLOAT64)
    spans = _spans(n, PIECE, BLOCK)
    longest = max((j - i for i, j in spans), default=0)
    step = min(max(BLOCK // max(longest, 1), 1), rows)
    tasks = [(slice(r, r + step), i, j) for r in range(0, rows, step) for i, j in spans]

    def work(tasks: Sequence[tuple]) -> None:
        memory = empty((step * longest,), FLOAT64)
        for r, i, j in tasks:
            wide = widened(x[r, i:j], memory)
            into = parts[r, i // PIECE : -(-j // PIECE)]
            add(wide.reshape(*into.shape, min(j - i, PIECE)), 2, None, into)

    share(x.size, tasks, work)
    return add(parts, -1) if parts.shape[1] > 1 else parts[:, 0]


def _spans(n: int, group: int, most: int) -> list[tuple[int, int]]:
    """[0, n) in spans of whole groups, at most so many elements if several, and what is left."""
    whole = n // group * group
    step = max(most // group, 1) * group
    spans = [(i, min(i + step, whole)) for i in range(0, whole, step)]
    return [*spans, (whole, n)] if whole < n else spans


def _columns(x: Array) -> Array:
    """(outer, n, inner) -> (outer, inner): from row to row, in groups, then the groups likewise."""
    outer, n, inner = x.shape
    if inner == 1:  # NumPy would sum a lone column pairwise, unlike one of several
        return _columns(np.repeat(x, 2, -1))[:, :1]
    if x.dtype is FLOAT32 and n >= TALL:
        whole = n // BAND * BAND
        found = columns_by_bands(x[:, :whole])
        return found + _columns(x[:, whole:]) if whole < n else found
    if x.size <= BLOCK and n <= GROUP:
        return add(x.astype(FLOAT64, "C", copy=False), 1)
    groups = max(-(-n // GROUP), 1)
    parts = np.empty((outer, groups, inner), FLOAT64)
    tasks, most = _tiles(outer, n, inner)

    def work(tasks: Sequence[tuple]) -> None:
        memory = empty((most,), FLOAT64)
        for o, i, j, columns in tasks:
            into = parts[o, i // GROUP : -(-j // GROUP), columns]
            shape = (*into.shape[:2], min(j - i, GROUP), into.shape[2])
            add(widened(x[o, i:j, columns], memory).reshape(shape), 2, None, into)

    share(x.size, tasks, work)
    return add(parts, 1) if groups > 1 else parts[:, 0]


def _tiles(outer: int, n: int, inner: int) -> tuple[list[tuple], int]:
    """(outer indices, first row, last, columns) of parts to sum, and the elements of the largest.

    A tile has several whole groups of rows where the columns are few, and never a lone column.
    """
    ends = [*range(0, max(inner - 1, 1), WIDTH), inner]
    columns = [slice(i, j) for i, j in itertools.pairwise(ends)]
    width = min(inner, WIDTH + 1)
    rows = _spans(n, GROUP, BLOCK // width)
    longest = max((j - i for i, j in rows), default=0)
    count = max(BLOCK // max(longest * width, 1), 1)
    outers = [slice(o, o + count) for o in range(0, outer, count)]
    tasks = [(o, i, j, c) for o in outers for i, j in rows for c in columns]
    return tasks, min(count, outer) * longest * width
