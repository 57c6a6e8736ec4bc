"""Sums of rows and columns by the extra [fast]: the loops of compiled_rows.py, bit for bit."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator

import numpy as np

from tritongrad.dtype import FLOAT32, FLOAT64, INT64

from .fast import fast

Array = np.ndarray
STRIP = 1 << 12  # columns at a time: long stretches of memory, and sums that stay in a cache
LEAF = 128  # elements that NumPy adds without halving them again
QUICK = 4  # elements of a sum that take as long as one of a pass that writes too
LENGTHS = (1, 7, 8, 9, 64, 65, 128, 137, 300, 512, 1023, 2048 + 64)  # NumPy cuts each in its way


def rows(parts: Array, x: Array, half: int) -> bool:
    """totals.row_parts by a compiled loop, if there is one."""
    return _run("rows", parts, x, half)


def _rows(loop: int, parts: Array, x: Array, half: int) -> None:
    words = _row_words(x.shape[1], half, parts.shape[1])
    fast.team.run(loop, parts, x, words, each=max(x.size // parts.size // QUICK, 1))


@functools.lru_cache(maxsize=256)
def _row_words(n: int, half: int, pieces: int) -> Array:
    from .totals import PIECE

    return np.array((n, half, PIECE, half if half < n else 0, pieces, LEAF), INT64)


def columns(parts: Array, x: Array, half: int) -> bool:
    """totals.column_parts by a compiled loop, if there is one."""
    return _run("columns", parts, x, half)


def _columns(loop: int, parts: Array, x: Array, half: int) -> None:
    (_, n, inner), groups = x.shape, parts.shape[1]
    strips = -(-inner // STRIP)
    count = parts.size // inner * strips
    words = _column_words(n, half, inner, groups, strips)
    fast.team.run(loop, parts, x, words, n=count, each=max(x.size // count // QUICK, 1))


@functools.lru_cache(maxsize=256)
def _column_words(n: int, half: int, inner: int, groups: int, strips: int) -> Array:
    from .totals import GROUP

    gap = half * inner if half < n else 0
    return np.array((n, half, GROUP, gap, groups, inner, STRIP, strips), INT64)


LOOPS: dict[str, Callable] = {"rows": _rows, "columns": _columns}


def _run(name: str, parts: Array, x: Array, half: int) -> bool:
    found = _usable(x) and address(name, x.dtype)
    if found:
        LOOPS[name](found, parts, x, half)
    return bool(found)


def _usable(x: Array) -> bool:
    """Whether there may be a loop for such a matrix."""
    kind = x.dtype is FLOAT32 or x.dtype is FLOAT64
    return kind and x.flags.c_contiguous and fast.ready(x.size)


def address(name: str, dtype: np.dtype) -> int:
    """Of the loop of this name, compiled and compared on first use; 0: NumPy has to do it."""
    return fast.find((name, dtype), lambda: _compared(name, dtype))


def _compared(name: str, dtype: np.dtype) -> int:
    from . import totals
    from .compiled_rows import compiled

    loop = compiled(name, dtype.name)
    fast.kept.append(loop)
    numpys: Callable = {"rows": totals.row_parts, "columns": totals.column_parts}[name]
    for x, half, shape in _trials(name, dtype):
        found, want = np.empty(shape), np.empty(shape)
        LOOPS[name](loop.address, found, x, half)
        with np.errstate(all="ignore"):
            numpys(want, x, half)
        for sums in (found, want):
            sums[np.isnan(sums)] = np.nan  # which of several nans it is, nobody promises
        if found.tobytes() != want.tobytes():
            return 0
    return loop.address


def _trials(name: str, dtype: np.dtype) -> Iterator[tuple[Array, int, tuple]]:
    """Three rows of numbers or more, how many of a row are summed, and the shape of the parts."""
    from .totals import GROUP, PIECE

    random = np.random.default_rng(0)
    for n in (*LENGTHS, PIECE + 513) if name == "rows" else LENGTHS:
        x = random.standard_normal((3, n)) * 10.0 ** random.integers(-3, 4, (3, n))
        x[2] = -0.0
        if n == 300:
            x[0, 5], x[1, 7:9] = np.nan, (np.inf, -np.inf)
        x = x.astype(dtype)
        for half in {n, n // 2} - {0} if dtype is FLOAT32 else {n}:
            if name == "rows":
                yield x, half, (3, -(-half // PIECE))
                continue
            for inner in (2, 3, 21):
                scales = np.arange(1, inner + 1, dtype=dtype)
                yield x[:, :, None] * scales, half, (3, -(-half // GROUP), inner)
