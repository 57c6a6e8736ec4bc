"""Elementwise kernels over large arrays: in blocks, by a team of threads, into used memory."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .pool import empty
from .team import cuts, team

BOOL = np.dtype(bool)
LARGE = 1 << 14  # elements from which results come from the pool
SPLIT = 1 << 18  # elements from which a second thread pays for its wake-up
BLOCK = 1 << 15  # elements of a block of a kernel with temporaries: they stay in L2
WIDE = 1 << 17  # ... without them: two threads meet less often at the interpreter's lock


def fits(arrays: list) -> bool:
    """Whether these operands are NumPy's and one of them is large."""
    large = False
    for a in arrays:
        if type(a) is not np.ndarray:
            return False
        large = large or a.size >= LARGE
    return large


def elementwise(kernel: Callable, *arrays: np.ndarray) -> np.ndarray:
    """kernel(*arrays), of which at least one is large."""
    shape = _common_shape(arrays)
    if shape is None:
        if isinstance(kernel, np.ufunc):
            return _broadcast(kernel, arrays)
        return kernel(*arrays)
    n = math.prod(shape)
    direct = isinstance(kernel, np.ufunc) or hasattr(kernel, "into")
    if n < SPLIT and isinstance(kernel, np.ufunc) and not slow_with_number(kernel, arrays):
        dtype = BOOL if compares(kernel) else arrays[0].dtype
        return kernel(*arrays, out=empty(shape, dtype))
    flat = [a.reshape(-1) if a.ndim else a for a in arrays]
    first = kernel(*[a[:1] if a.ndim else a for a in flat])
    out = empty(shape, first.dtype)
    target = out.reshape(-1)
    step = n if isinstance(kernel, np.ufunc) else WIDE if direct else BLOCK
    if slow_with_number(kernel, arrays):
        flat = [a if a.ndim else block_of(a.tobytes(), a.dtype)[:n] for a in flat]
        step = WIDE

    def work(i: int, j: int) -> None:
        for start in range(i, j, step):
            end = min(start + step, j)
            parts = [part(a, start, end, n) for a in flat]
            if direct:
                kernel(*parts, out=target[start:end])
            else:
                target[start:end] = kernel(*parts)

    if n < SPLIT:
        work(0, n)
    else:
        team().run(work, cuts(n, BLOCK))
    return out


@functools.lru_cache(maxsize=4)
def block_of(number: bytes, dtype: np.dtype) -> np.ndarray:
    """A block full of one number, given by its bytes: 0.0 and -0.0 are two."""
    return np.full(WIDE, np.frombuffer(number, dtype)[0])


def part(a: np.ndarray, start: int, end: int, n: int) -> np.ndarray:
    """What an operand gives to a block: a number as it is, or one block of it."""
    if a.ndim == 0:
        return a
    return a[start:end] if a.size == n else a[: end - start]


def slow_with_number(kernel: Any, arrays: tuple) -> bool:
    """Whether a block full of the number is quicker: NumPy's extremes have no loop for one."""
    return kernel in (np.maximum, np.minimum) and any(a.ndim == 0 for a in arrays)


@functools.cache
def compares(ufunc: np.ufunc) -> bool:
    """Whether the results of a ufunc are bools."""
    return "ff->?" in ufunc.types or "f->?" in ufunc.types


def _common_shape(arrays: tuple) -> tuple | None:
    """The shape if all are contiguous and of one shape (0-d ones aside), else None."""
    shape = None
    for a in arrays:
        if a.ndim == 0:
            continue
        if shape is None:
            shape = a.shape
        elif a.shape != shape:
            return None
        if not a.flags.c_contiguous:
            return None
    return shape


def _broadcast(kernel: Any, arrays: tuple) -> np.ndarray:
    """A ufunc over arrays of different shapes or layouts, into memory of the pool."""
    shape = np.broadcast_shapes(*[a.shape for a in arrays])
    first = kernel(*[a[tuple([slice(0, 1)] * a.ndim)] for a in arrays])
    out = empty(shape, first.dtype)
    whole = [a.ndim == len(shape) and a.shape[0] == shape[0] for a in arrays]

    def work(i: int, j: int) -> None:
        parts = [a[i:j] if has_all else a for a, has_all in zip(arrays, whole, strict=True)]
        kernel(*parts, out=out[i:j])

    if out.size < SPLIT or shape[0] < 2:
        kernel(*arrays, out=out)
    else:
        team().run(work, cuts(shape[0], 1))
    return out


def store(kernel: Any, target: np.ndarray, other: np.ndarray) -> None:
    """kernel(target, other, out=target) for a large contiguous target, by the team."""
    apart = other is target or not np.may_share_memory(target, other)
    if target.size < SPLIT or not apart or _common_shape((target, other)) is None:
        kernel(target, other, out=target)  # where they overlap, NumPy takes a copy
        return
    a = target.reshape(-1)
    b = other.reshape(-1) if other.ndim else other

    def work(i: int, j: int) -> None:
        kernel(a[i:j], b[i:j] if b.ndim else b, out=a[i:j])

    team().run(work, cuts(a.size, BLOCK))
