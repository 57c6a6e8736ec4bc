"""Work on the rows of a matrix, in blocks that stay in a cache, large ones by the team of threads.

Between two calls of NumPy a thread may have to wait for another: blocks are large, in the cache
that threads share, so that there are few of them.

A row's bits depend on its own elements and on how many they are, never on other rows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .scratch import little_room
from .team import cuts, team

Array = np.ndarray
BLOCK = 1 << 20  # elements of a block at most
CHUNK = 1 << 10  # elements of a row that BLAS adds in the array's own precision
SPLIT = 1 << 19  # elements beyond which a second thread pays: each step of a block is short
ONES = {np.dtype(t): np.ones(CHUNK, t) for t in (np.float32, np.float64)}


def in_blocks(rows: int, n: int, work: Callable) -> None:
    """work(first, last) of blocks of the rows of n elements, by the team if that pays."""
    step = max(BLOCK // max(n, 1), 1)

    def several(first: int, last: int) -> None:
        with little_room(n, rows * n):
            for i in range(first, last, step):
                work(i, min(i + step, last))

    if rows * n <= SPLIT:
        several(0, rows)
    else:
        team().run(several, cuts(rows, 1))


def dots(a: Array, b: Array) -> Array:
    """The sum of a * b over each row: a chunk at a time by BLAS, the chunks in float64."""
    n = a.shape[-1]
    if n <= CHUNK:
        return np.vecdot(a, b)
    whole = n // CHUNK * CHUNK
    found: Any = np.vecdot(chunks(a, whole), chunks(b, whole)).sum(-1, np.float64)
    return found + np.vecdot(a[..., whole:], b[..., whole:]) if whole < n else found


def sums(a: Array) -> Array:
    """The sum of each row, likewise."""
    n, ones = a.shape[-1], ONES[a.dtype]
    if n <= CHUNK:
        return np.vecdot(a, ones[:n])
    whole = n // CHUNK * CHUNK
    found: Any = np.vecdot(chunks(a, whole), ones).sum(-1, np.float64)
    return found + np.vecdot(a[..., whole:], ones[: n - whole]) if whole < n else found


def chunks(a: Array, whole: int) -> Array:
    """The first elements of each row as a dim of chunks."""
    return a[..., :whole].reshape(*a.shape[:-1], whole // CHUNK, CHUNK)


def column(a: Array, dtype: Any) -> Array:
    """A number for each row, to be broadcast over the row."""
    return a.astype(dtype, copy=False)[:, None]
