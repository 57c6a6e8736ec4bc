"""Sums in float64, in an order that only the shape decides, large ones by the team of threads.

Long float32 sums begin in float32, in trees of up to 128 neighbours in a row and of 16 rows of a
column; what these come to is added in float64. A row's bits do not depend on other rows.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tritongrad.dtype import FLOAT32, FLOAT64

from .large import SPLIT
from .pool import empty
from .team import cuts, team

Array = np.ndarray
add: Any = np.add.reduce  # NumPy's stubs do not know positional keepdims and out
BLOCK = 1 << 17  # elements at a time, so that their wide forms stay near
LONG = 1 << 14  # a row is summed in pieces of this many elements, if not by chunks
CHUNK = 128  # neighbours in a row that BLAS adds in float32: a tree of vectors, then of its lanes
CHUNKS = 32  # chunks of a row at least: their errors are of either sign, and few beside the sum
SPAN = 1 << 15  # elements of a row that are summed by chunks; a longer one is so many rows
STREAM = 1 << 20  # elements of rows that BLAS is given at once
HEAVY = np.float32(0.125)  # of the chunks' sum: a chunk's share from which it is summed in float64
ONES = np.ones(SPAN // CHUNK, np.float32)
GROUP = 64  # rows of a column are summed in groups of this many
QUARTERED = 512  # float32 rows: their four quarters are added first
FOLDED = 16  # ... and then the rows of a group, halved until so many are left
WIDTH = 1 << 12  # columns at a time: fewer would leave gaps between short stretches of memory
TILE = 1 << 18  # elements of a sum of four quarters: it stays in the second-level cache
TILES = 32  # tiles at least, where they are large enough, so that threads can share them


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


def share(size: int, tasks: Sequence[tuple], work: Callable) -> None:
    """work(tasks) of parts of the tasks, by the team if this many elements are worth it."""
    if size < SPLIT or len(tasks) < 2:
        work(tasks)
    else:
        team().run(work, [(tasks[i:j],) for i, j in cuts(len(tasks), 1)])


def widened(a: Array, memory: Array) -> Array:
    """A block in the type of some memory that is used again, and in it."""
    wide = memory[: a.size].reshape(a.shape)
    np.copyto(wide, a)
    return wide


def _rows(x: Array) -> Array:
    """(rows, n) -> (rows,): each row by NumPy's pairwise sum of pieces in float64."""
    rows, n = x.shape
    if x.dtype is FLOAT32 and n >= CHUNKS * CHUNKS:
        return _long_rows(x) if n > SPAN else _rows_of_chunks(x)
    if x.size <= BLOCK and n <= LONG:
        return add(x.astype(FLOAT64, "C", copy=False), -1)
    parts = np.empty((rows, max(-(-n // LONG), 1)), FLOAT64)
    spans = _spans(n, LONG, BLOCK)
    longest = max((j - i for i, j in spans), default=0)
    step = min(max(BLOCK // max(longest, 1), 1), rows)
    tasks = [(slice(r, r + step), i, j) for r in range(0, rows, step) for i, j in spans]

    def work(tasks: Sequence[tuple]) -> None:
        memory = empty((step * longest,), FLOAT64)
        for r, i, j in tasks:
            wide = widened(x[r, i:j], memory)
            into = parts[r, i // LONG : -(-j // LONG)]
            add(wide.reshape(*into.shape, min(j - i, LONG)), 2, None, into)

    share(x.size, tasks, work)
    return add(parts, -1) if parts.shape[1] > 1 else parts[:, 0]


def _long_rows(x: Array) -> Array:
    """The same, of rows of more than a span: the spans are rows."""
    rows, n = x.shape
    whole = n // SPAN * SPAN
    spans = x[:, :whole].reshape(-1, SPAN)
    found = add(_rows_of_chunks(spans).reshape(rows, -1), -1)
    return found + _rows(x[:, whole:]) if whole < n else found


def _rows_of_chunks(x: Array) -> Array:
    """The same, of float32 rows of a span at most, from sums of chunks in float32."""
    rows, n = x.shape
    chunk = min(1 << ((n // CHUNKS).bit_length() - 1), CHUNK)
    whole = n // chunk * chunk
    found = np.empty(rows, FLOAT64)
    apart = x.strides[1] != x.itemsize
    step = max((BLOCK if apart else STREAM) // n, 1)

    def work(first: int, last: int) -> None:
        memory = empty((min(step, last - first) * n,), FLOAT32) if apart else None
        for i in range(first, last, step):
            block = x[i : min(i + step, last)]
            if memory is not None:
                block = widened(block, memory)
            _sum_chunks(block[:, :whole].reshape(len(block), -1, chunk), found[i : i + len(block)])
            if whole < n:
                found[i : i + len(block)] += add(block[:, whole:].astype(FLOAT64), 1)

    if x.size < SPLIT or rows < 2:
        work(0, rows)
    else:
        team().run(work, cuts(rows, 1))
    return found


def _sum_chunks(x: Array, out: Array) -> None:
    """(rows, chunks, elements) -> (rows,), a chunk that is much of its row's sum in float64."""
    sums = np.vecdot(x, ONES[: x.shape[2]])
    wide = sums.astype(FLOAT64)
    sizes = np.abs(sums, out=sums)
    limits = np.vecdot(sizes, ONES[: x.shape[1]]) * HEAVY
    heavy = sizes > limits[:, None]
    if not np.isfinite(limits).all():
        heavy |= ~np.isfinite(sizes)
    if heavy.any():
        wide[heavy] = add(x[heavy].astype(FLOAT64), 1)
    add(wide, 1, None, out)


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
    quartered = x.dtype is FLOAT32 and n >= QUARTERED
    if x.size <= BLOCK and n <= GROUP:
        return add(x.astype(FLOAT64, "C", copy=False), 1)
    n = n // 4 if quartered else n
    groups = max(-(-n // GROUP), 1)
    parts = np.empty((outer, groups, inner), FLOAT64)
    size = min(max(outer * n * inner // TILES, BLOCK // 4), TILE) if quartered else BLOCK
    tasks, most = _tiles(outer, n, inner, size)

    def work(tasks: Sequence[tuple]) -> None:
        memory = empty((most,), FLOAT64)
        four = empty((most,), FLOAT32) if quartered else None
        for o, i, j, columns in tasks:
            into = parts[o, i // GROUP : -(-j // GROUP), columns]
            shape = (*into.shape[:2], min(j - i, GROUP), into.shape[2])
            if four is None:
                block = x[o, i:j, columns].reshape(shape)
            else:
                block = _four(x, n, (o, i, j, columns), four).reshape(shape)
                block = _folded(block) if shape[2] == GROUP else block
            add(widened(block, memory), 2, None, into)

    share(x.size, tasks, work)
    found = add(parts, 1) if groups > 1 else parts[:, 0]
    return found + add(x[:, 4 * n :].astype(FLOAT64), 1) if quartered and x.shape[1] % 4 else found


def _four(x: Array, n: int, tile: tuple, memory: Array) -> Array:
    """The sum of a tile and of those n, 2 n and 3 n rows further."""
    o, i, j, columns = tile
    one, two, three, four = (x[o, k * n + i : k * n + j, columns] for k in range(4))
    out = memory[: one.size].reshape(one.shape)
    np.add(one, two, out=out)
    np.add(out, three, out=out)
    return np.add(out, four, out=out)


def _folded(x: Array) -> Array:
    """(outer, groups, rows, inner) with fewer rows: the second half of them added to the first."""
    rows = x.shape[2]
    while rows > FOLDED:
        rows //= 2
        np.add(x[:, :, :rows], x[:, :, rows : 2 * rows], out=x[:, :, :rows])
    return x[:, :, :rows]


def _tiles(outer: int, n: int, inner: int, size: int) -> tuple[list[tuple], int]:
    """(outer indices, first row, last, columns) of parts to sum, and the elements of the largest.

    A tile has several whole groups of rows where the columns are few, and never a lone column.
    """
    ends = [*range(0, max(inner - 1, 1), WIDTH), inner]
    columns = [slice(i, j) for i, j in itertools.pairwise(ends)]
    width = min(inner, WIDTH + 1)
    rows = _spans(n, GROUP, size // width)
    longest = max((j - i for i, j in rows), default=0)
    count = max(size // max(longest * width, 1), 1)
    outers = [slice(o, o + count) for o in range(0, outer, count)]
    tasks = [(o, i, j, c) for o in outers for i, j in rows for c in columns]
    return tasks, min(count, outer) * longest * width
