"""Long float32 sums: trees in float32 first, float64 for what they come to and where it matters.

Neighbours in a row, or rows of a column, are added in float32, at most 256 of them, so that one is
in about ten additions: in a row BLAS decides, in a column it is ten at most. Each is off by u of
what it adds, to either side: beside the sum of many trees little is left of that, unless one tree
is much of the whole. Then it is added in float64 after all. What is proven of |error| is about
11u sum|x|; what is seen is 2u, also where a few numbers are most of the sum, and 2.4u where all
trees are alike since the numbers repeat.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tritongrad.dtype import FLOAT32, FLOAT64

from .large import SPLIT
from .pool import empty
from .scratch import scratch
from .team import pieces, team

Array = np.ndarray
add: Any = np.add.reduce  # NumPy's stubs do not know positional keepdims and out
BOOL = np.dtype(bool)
CHUNK = 256  # neighbours in a row that BLAS adds: in vectors, then the lanes of one
CHUNKS = 16  # chunks of a row at least
LONG = 1 << 10  # elements of a row that is summed by chunks
SPAN = 1 << 15  # elements of a row that are summed by chunks; a longer one is so many rows
APART = 1 << 17  # elements at a time that are put next to one another
ONES, WIDE_ONES = (np.ones(1024, t) for t in (np.float32, np.float64))
HEAVY = np.float32(0.2)  # of the sum of trees: more is much; normal numbers do not reach it
HEAVIER = np.float32(0.25)  # ... where the trees are fewer than 32
STEP = 64  # rows: one and those one, two and three steps further are added
BAND = 4 * STEP  # rows of a column that are summed together
TALLER = 1 << 12  # rows of a column from which a band is folded once more
WIDTH = 1 << 12  # columns at a time: fewer would leave gaps between short stretches of memory
TILE = 1 << 18  # elements of a sum of four rows: it stays in the second-level cache
SHARED = 1 << 14  # ... and so many at least, where threads could not share them otherwise
QUICK = 1 << 21  # elements from which a second thread pays for its wake-up
SOME = 1 << 12  # bands at a time that are summed again


def share(size: int, tasks: Sequence, work: Callable, least: int = SPLIT) -> None:
    """work(tasks) of parts of the tasks, by the team if this many elements are worth it."""
    if size < least or len(tasks) < 2:
        work(tasks)
    else:
        team().run(work, [(tasks[i:j],) for i, j in pieces(len(tasks), 1)])


def widened(a: Array, memory: Array) -> Array:
    """A block in the type of some memory that is used again, and in it."""
    wide = memory[: a.size].reshape(a.shape)
    np.copyto(wide, a)
    return wide


def rows_by_chunks(x: Array) -> Array:
    """(rows, n) -> (rows,) in float64, for rows of LONG elements at least."""
    rows, n = x.shape
    if n > SPAN:
        whole = n // SPAN * SPAN
        found = add(rows_by_chunks(x[:, :whole].reshape(-1, SPAN)).reshape(rows, -1), -1)
        if n - whole >= LONG:
            return found + rows_by_chunks(x[:, whole:])
        return found + add(x[:, whole:].astype(FLOAT64), 1)
    chunk = min(1 << ((n // CHUNKS).bit_length() - 1), CHUNK)
    whole = n // chunk * chunk
    found = np.empty(rows, FLOAT64)
    apart = x.strides[1] != x.itemsize
    step = min(max(APART // n, 1), rows) if apart else rows

    def work(tasks: range) -> None:
        memory = empty((step * n,), FLOAT32) if apart else None
        for i in range(tasks.start, tasks.stop, step):
            block = x[i : min(i + step, tasks.stop)]
            if memory is not None:
                block = widened(block, memory)
            into = found[i : i + len(block)]
            _sum_chunks(block[:, :whole].reshape(len(block), -1, chunk), into)
            if whole < n:
                into += add(block[:, whole:].astype(FLOAT64, "C"), 1)

    share(x.size, range(rows), work, QUICK)
    return found


def _sum_chunks(x: Array, out: Array) -> None:
    """(rows, chunks, elements) -> (rows,), chunks that are much of their row's sum in float64.

    What is found of the chunks lies with the rows next to one another: they are more.
    """
    if len(x) == 1:  # NumPy would sum a lone column pairwise, unlike one of several
        two = np.empty(2)
        _sum_chunks(np.broadcast_to(x, (2, *x.shape[1:])), two)
        out[0] = two[0]
        return
    shape = (x.shape[1], x.shape[0])
    count = shape[0] * shape[1]
    memory = scratch.take(2 * count, FLOAT64)
    wide, rest = memory[:count].reshape(shape), memory[count:].view(FLOAT32)
    sums, heavy = rest[:count].reshape(shape), rest[count:].view(BOOL)[:count].reshape(shape)
    np.vecdot(x, ONES[: x.shape[2]], out=sums.T)
    np.copyto(wide, sums)
    sizes = np.abs(sums, out=sums)
    limits = add(sizes, 0) * (HEAVY if shape[0] >= 32 else HEAVIER)
    np.greater(sizes, limits, out=heavy)
    if not np.isfinite(limits).all():
        heavy |= ~np.isfinite(sizes)
    if heavy.any():
        chunk, row = heavy.nonzero()
        wide[chunk, row] = add(x[row, chunk].astype(FLOAT64), 1)
    add(wide, 0, None, out)


def columns_by_bands(x: Array) -> Array:
    """(outer, n, inner) -> (outer, inner) in float64, for n a multiple of BAND and inner not 1."""
    outer, n, inner = x.shape
    bands = x.reshape(outer, n // BAND, 4, STEP, inner)
    kept = 2 if n >= TALLER else STEP // 4
    sums = empty((outer, n // BAND, kept, inner), FLOAT32)
    tasks, most = _tiles(outer, n // BAND, inner)

    def work(tasks: Sequence[tuple]) -> None:
        memory = scratch.take(most + most // 2, FLOAT32)
        for o, g, c in tasks:
            _fold(bands[o, g, :, :, c], memory, sums[o, g, :, c])

    share(x.size, tasks, work, QUICK)
    sums = sums.reshape(outer, -1, inner)
    wide = widened(sums, empty((sums.size,), FLOAT64))
    sizes = np.abs(sums, out=sums)
    limits = add(sizes, 1) * HEAVY
    if not ((np.maximum.reduce(sizes, 1) <= limits) & np.isfinite(limits)).all():
        heavy = np.argwhere((sizes > limits[:, None]) | ~np.isfinite(sizes))
        _again(bands.reshape(outer, n // BAND, -1, kept, inner), heavy, wide)
    return add(wide, 1)


def _fold(x: Array, memory: Array, out: Array) -> None:
    """(outer, bands, 4, rows, inner) -> (outer, bands, fewer rows, inner): four become one."""
    outer, bands, _, rows, inner = x.shape
    size = outer * bands * rows * inner
    four = memory[:size].reshape(outer, bands, rows, inner)
    np.add(x[:, :, 0], x[:, :, 1], out=four)
    np.add(four, x[:, :, 2], out=four)
    np.add(four, x[:, :, 3], out=four)
    while rows > 4 * out.shape[2]:
        rows //= 4
        less = memory[size : size + outer * bands * rows * inner]
        size += less.size
        less = less.reshape(outer, bands, rows, inner)
        four = add(four.reshape(outer, bands, 4, rows, inner), 2, None, less)
    add(four.reshape(outer, bands, -1, out.shape[2], inner), 2, None, out)


def _again(x: Array, where: Array, sums: Array) -> None:
    """Some sums of (outer, bands, elements, sums of a band, inner) in float64."""
    for i in range(0, len(where), SOME):
        o, at, c = where[i : i + SOME].T
        sums[o, at, c] = add(x[o, at // x.shape[3], :, at % x.shape[3], c].astype(FLOAT64), 1)


def _tiles(outer: int, bands: int, inner: int) -> tuple[list[tuple], int]:
    """(outer indices, bands, columns) of parts to sum, and how many elements four rows sum to.

    Never a lone column, which NumPy would sum in another order.
    """
    ends = [*range(0, max(inner - 1, 1), WIDTH), inner]
    columns = [slice(i, j) for i, j in itertools.pairwise(ends)]
    band = STEP * min(inner, WIDTH + 1)
    size = min(max(outer * bands * band // 16, SHARED), TILE)
    many = min(max(size // band, 1), bands)
    count = min(max(size // (band * many), 1), outer)
    groups = [slice(g, min(g + many, bands)) for g in range(0, bands, many)]
    outers = [slice(o, min(o + count, outer)) for o in range(0, outer, count)]
    return [(o, g, c) for o in outers for g in groups for c in columns], count * many * band
