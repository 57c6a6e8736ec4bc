"""Sums in float64, in an order that only the shape decides, large ones by the team of threads.

float32 is summed two elements at a time before it is widened: |error| <= 2u sum|x| at any length
after the rounding to float32, strided or expanded; where two overflow, each is widened after all.
A row's bits do not depend on other rows.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tritongrad.dtype import FLOAT32, FLOAT64

from . import fast_rows
from .large import SPLIT
from .pool import empty
from .team import cuts, team

Array = np.ndarray
add: Any = np.add.reduce  # NumPy's stubs do not know positional keepdims and out
BLOCK = 1 << 17  # elements at a time, so that their wide forms stay near
LONG = 1 << 18  # ... of rows that are not summed in pairs: threads meet less often at the GIL
PIECE = 1 << 14  # a row is summed in pieces of this many numbers, or pairs of them
SPAN = 1 << 18  # elements of a row that all of an array is cut into: pairs are not far apart
HALVED = 128  # float32 rows: their halves are added first, which costs u sum|x| at most
STRETCH = 2 * PIECE  # elements of a row from which its halves are long enough to be added likewise
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
    x = x.reshape(-1)
    found = add(_sum_spans(x, True), None)
    if not math.isfinite(found):  # a pair may have overflowed
        found = add(_sum_spans(x, False), None)
    return np.asarray(found)


def _sum_spans(x: Array, paired: bool) -> Array:
    """The sums of the rows that x is cut into, and of what is left."""
    whole = x.size // SPAN * SPAN
    found = _sum_rows(x[:whole].reshape(-1, SPAN), paired) if whole else np.empty(0, FLOAT64)
    if whole < x.size:
        left = x[None, whole:]
        found = np.append(found, _sum_rows(left, paired and left.size >= STRETCH))
    return found


def share(size: int, tasks: Sequence[tuple], work: Callable) -> None:
    """work(tasks) of parts of the tasks, by the team if this many elements are worth it."""
    if size < SPLIT or len(tasks) < 2:
        work(tasks)
    else:
        team().run(work, [(tasks[i:j],) for i, j in cuts(len(tasks), 1)])


class Widen:
    """Blocks, or sums of the pairs of two, in float64 and in memory that is used again."""

    def __init__(self, count: int, paired: bool) -> None:
        self.pairs = empty((count,), FLOAT32) if paired else None
        self.wide = empty((count,), FLOAT64)

    def __call__(self, a: Array, b: Array | None) -> Array:
        wide = self.wide[: a.size].reshape(a.shape)
        if b is not None and self.pairs is not None:
            a = np.add(a, b, out=self.pairs[: a.size].reshape(a.shape))
        np.copyto(wide, a)
        return wide


def _rows(x: Array) -> Array:
    """(rows, n) -> (rows,): each row by NumPy's pairwise sum of pieces in float64."""
    paired = x.dtype is FLOAT32 and x.shape[1] >= STRETCH
    found = _sum_rows(x, paired)
    return _if_finite(found, lambda: _sum_rows(x, False)) if paired else found


def _if_finite(found: Array, again: Callable) -> Array:
    """Sums of pairs; where a pair may have overflowed, what again() finds."""
    finite = np.isfinite(found)
    return found if finite.all() else np.where(finite, found, again())


def _sum_rows(x: Array, paired: bool) -> Array:
    rows, n = x.shape
    half = n // 2 if paired else n
    if x.size <= BLOCK and half <= PIECE and not paired:
        return add(x.astype(FLOAT64, "C", copy=False), -1)
    parts = np.empty((rows, max(-(-half // PIECE), 1)), FLOAT64)
    if not fast_rows.rows(parts, x, half):
        row_parts(parts, x, half)
    found = add(parts, -1) if parts.shape[1] > 1 else parts[:, 0]
    return found + x[:, -1] if paired and n % 2 else found


def row_parts(parts: Array, x: Array, half: int) -> None:
    """The sum of each piece of each row: of its pairs, if half a row is told from all of it."""
    rows, n = x.shape
    paired = half < n
    most = BLOCK if paired else LONG
    spans = _spans(half, PIECE, most)
    longest = max((j - i for i, j in spans), default=0)
    step = min(max(most // max(longest, 1), 1), rows)
    tasks = [(slice(r, r + step), i, j) for r in range(0, rows, step) for i, j in spans]

    def work(tasks: Sequence[tuple]) -> None:
        widen = Widen(step * longest, paired)
        for r, i, j in tasks:
            wide = widen(x[r, i:j], x[r, half + i : half + j] if paired else None)
            into = parts[r, i // PIECE : -(-j // PIECE)]
            add(wide.reshape(*into.shape, min(j - i, PIECE)), 2, None, into)

    share(x.size, tasks, work)


def _spans(n: int, group: int, most: int) -> list[tuple[int, int]]:
    """[0, n) in spans of whole groups, at most so many elements if several, and what is left."""
    whole = n // group * group
    step = max(most // group, 1) * group
    spans = [(i, min(i + step, whole)) for i in range(0, whole, step)]
    return [*spans, (whole, n)] if whole < n else spans


def _columns(x: Array) -> Array:
    """(outer, n, inner) -> (outer, inner): from row to row, in groups, then the groups likewise."""
    n, inner = x.shape[1:]
    if inner == 1:  # NumPy would sum a lone column pairwise, unlike one of several
        return _columns(np.repeat(x, 2, -1))[:, :1]
    paired = x.dtype is FLOAT32 and n >= HALVED
    found = _sum_columns(x, paired)
    return _if_finite(found, lambda: _sum_columns(x, False)) if paired else found


def _sum_columns(x: Array, paired: bool) -> Array:
    outer, n, inner = x.shape
    half = n // 2 if paired else n
    if x.size <= BLOCK and half <= GROUP:
        return add(x.astype(FLOAT64, "C", copy=False), 1)
    groups = max(-(-half // GROUP), 1)
    parts = np.empty((outer, groups, inner), FLOAT64)
    if not fast_rows.columns(parts, x, half):
        column_parts(parts, x, half)
    found = add(parts, 1) if groups > 1 else parts[:, 0]
    return found + x[:, -1] if paired and n % 2 else found


def column_parts(parts: Array, x: Array, half: int) -> None:
    """The sum of each group of rows: of their pairs, if half of them is told from all."""
    outer, n, inner = x.shape
    paired = half < n
    tasks, most = _tiles(outer, half, inner)

    def work(tasks: Sequence[tuple]) -> None:
        memory = empty((most,), FLOAT32 if paired else FLOAT64)
        for o, i, j, columns in tasks:
            block = x[o, i:j, columns]
            near = memory[: block.size].reshape(block.shape)
            if paired:  # NumPy widens the sums on its way from row to row
                np.add(block, x[o, half + i : half + j, columns], out=near)
            else:
                np.copyto(near, block)
            into = parts[o, i // GROUP : -(-j // GROUP), columns]
            shape = (*into.shape[:2], min(j - i, GROUP), into.shape[2])
            add(near.reshape(shape), 2, FLOAT64, into)

    share(x.size, tasks, work)


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
