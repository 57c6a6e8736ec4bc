"""Elementwise kernels over large arrays: in blocks, by a team of threads, into used memory."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from . import fast, fast_repeat
from .address import address
from .blas import blas
from .pool import empty
from .scratch import little_room
from .team import cuts, pieces, team

BOOL = np.dtype(bool)
LARGE = 1 << 14  # elements from which results come from the pool
SPLIT = 1 << 19  # elements from which a second thread pays for its wake-up
MANY = 1 << 22  # ... beside threads of OpenBLAS's that wait for work
AXPY = 1 << 15  # ... whose sums a thread of OpenBLAS's that is awake is worth
BLOCK = 1 << 15  # elements of a block of a kernel with temporaries: they stay in L2
WIDE = 1 << 17  # ... of one that keeps them in its result
WHOLE = 1 << 62  # ... of one without any: threads meet less often at the interpreter's lock
ROW = 1 << 14  # elements of a row full of one number; much shorter ones NumPy copies first
AHEAD = 4  # blocks that a kernel which moves memory does while a helper wakes
SIGNS = {np.add: 1.0, np.subtract: -1.0}  # of what y += sign x is, rounded once as well
MOVERS = frozenset(
    (np.add, np.subtract, np.multiply, np.maximum, np.minimum, np.negative, np.absolute, np.square)
)


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
    found = fast.run(kernel, arrays)
    if found is not None:
        return found
    shape = _common_shape(arrays)
    if shape is None:
        if isinstance(kernel, np.ufunc):
            return _broadcast(kernel, arrays)
        return kernel(*arrays)
    n = math.prod(shape)
    ufunc = isinstance(kernel, np.ufunc)
    slow = slow_with_number(kernel, arrays)
    moves = kernel in MOVERS or hasattr(kernel, "into")
    shared = pays(n) if moves else n >= SPLIT
    if ufunc and not slow and not shared:
        return kernel(*arrays, out=empty(shape, _type_of(kernel, arrays)))
    flat = [a.reshape(-1) if a.ndim else a for a in arrays]
    if ufunc or moves:
        dtype = _type_of(kernel, arrays)
    else:
        dtype = kernel(*[a[:1] if a.ndim else a for a in flat]).dtype
    out = empty(shape, dtype)
    work = _worker(kernel, flat, out.reshape(-1), slow)
    if shared:
        team().run(work, pieces(n, BLOCK, AHEAD if moves else AHEAD // 2), light=moves)
    else:
        work(0, n)
    return out


def pays(n: int) -> bool:
    """Whether a second thread pays for n elements, if a kernel does little but move memory."""
    return n >= (SPLIT if not blas.awake() else MANY)


def _type_of(kernel: Any, arrays: Sequence[np.ndarray]) -> np.dtype:
    """Of the results of a ufunc, or of a kernel that takes `out`."""
    compared = isinstance(kernel, np.ufunc) and compares(kernel)
    return BOOL if compared else arrays[-1].dtype  # the first may be a mask


def _worker(kernel: Any, flat: list, target: np.ndarray, slow: bool) -> Callable:
    """work(i, j): the kernel on these elements, in blocks that suit it."""
    step = getattr(kernel, "into", WHOLE if isinstance(kernel, np.ufunc) else 0)
    if slow:
        (a,) = [a for a in flat if a.ndim]
        (row,) = [row_of(b.tobytes(), b.dtype) for b in flat if not b.ndim]
        given = kernel if flat[0].ndim else lambda x, y, out: kernel(y, x, out=out)
        return lambda i, j: by_rows(given, a[i:j], row, target[i:j])

    def work(i: int, j: int) -> None:
        for start in range(i, j, step or BLOCK):
            end = min(start + (step or BLOCK), j)
            parts = [a[start:end] if a.ndim else a for a in flat]
            if step:
                kernel(*parts, out=target[start:end])
            else:
                target[start:end] = kernel(*parts)

    return work


def by_rows(kernel: Callable, a: np.ndarray, row: np.ndarray, out: np.ndarray) -> None:
    """kernel(a, number, out=out) for flat arrays, by a row full of the number."""
    n = out.size
    whole = n // ROW * ROW
    if whole:
        kernel(a[:whole].reshape(-1, ROW), row, out=out[:whole].reshape(-1, ROW))
    if whole < n:
        kernel(a[whole:], row[: n - whole], out=out[whole:])


@functools.lru_cache(maxsize=4)
def row_of(number: bytes, dtype: np.dtype) -> np.ndarray:
    """A row full of one number, given by its bytes: 0.0 and -0.0 are two."""
    return np.full(ROW, np.frombuffer(number, dtype)[0])


def slow_with_number(kernel: Any, arrays: tuple) -> bool:
    """Whether rows full of the number are quicker: NumPy's extremes have no loop for one."""
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
        repeat(kernel, parts, out[i:j])

    if shape[0] < 2 or not pays(out.size):
        repeat(kernel, arrays, out)
    elif not fast_repeat.run(kernel, arrays, out):
        team().run(work, cuts(shape[0], 1), light=True)
    return out


def repeat(kernel: Any, arrays: Sequence[np.ndarray], out: np.ndarray) -> None:
    """kernel(*arrays, out=out), where some of the arrays are repeated along dims of others."""
    if fast_repeat.run(kernel, arrays, out):
        return
    with little_room(out.shape[-1] if out.ndim else 0, out.size):
        kernel(*arrays, out=out)


def store(kernel: Any, target: np.ndarray, other: np.ndarray) -> None:
    """kernel(target, other, out=target) for a large contiguous target, by the team.

    Or by threads of OpenBLAS's while they are awake: what each wrote of a product is in its cache.
    """
    if other is not target:
        if np.may_share_memory(target, other):
            repeat(kernel, (target, other), target)  # NumPy takes a copy
            return
        if fast.run(kernel, (target, other), inplace=True) is not None:
            return
        if kernel in SIGNS and _added(SIGNS[kernel], target, other):
            return
    if not pays(target.size) or _common_shape((target, other)) is None:
        repeat(kernel, (target, other), target)
        return
    a = target.reshape(-1)
    b = other.reshape(-1) if other.ndim else other

    def work(i: int, j: int) -> None:
        kernel(a[i:j], b[i:j] if b.ndim else b, out=a[i:j])

    team().run(work, pieces(a.size, BLOCK, AHEAD), light=True)


def _added(sign: float, target: np.ndarray, other: np.ndarray) -> bool:
    """target += sign other by OpenBLAS, if its threads are awake."""
    axpy = blas.axpys.get(target.dtype) if target.size >= AXPY and blas.awake() else None
    if axpy is None or not other.ndim or _common_shape((target, other)) is None:
        return False
    axpy(target.size, sign, address(other), 1, address(target), 1)
    return True
