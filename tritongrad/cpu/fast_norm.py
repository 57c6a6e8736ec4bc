"""Layer normalisation by the extra [fast]: the loops of compiled_norm.py, bit for bit."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from tritongrad.dtype import FLOAT32, FLOAT64, INT64

from .blas import blas
from .fast import fast
from .pool import empty
from .rows import CHUNK, ONES

Array = np.ndarray
LENGTHS = (2, 3, 7, 16, 33, 300, CHUNK, CHUNK + 400, 3 * CHUNK + 5)
FEW = 8  # chunks of a row from which NumPy adds theirs in another order


def forward(x: Array, affine: Sequence[Array | None], eps: float, arrays: tuple) -> bool:
    """norm.forward by a compiled loop, if there is one."""
    found = _usable(x, *affine) and address("forward", x.dtype)
    if found:
        _forward(found, x, affine, eps, arrays)
    return bool(found)


def _forward(loop: int, x: Array, affine: Sequence[Array | None], eps: float, arrays: Any) -> None:
    from . import norm

    out, mean, rstd = arrays
    given = [0 if t is None else t.ctypes.data for t in affine]
    places = (mean.ctypes.data, rstd.ctypes.data, *given, out.ctypes.data, out.itemsize)
    words = np.array((x.shape[1], *_blas(x.dtype), *places), INT64)
    fast.team.run(loop, out, x, words, np.array((eps,)), n=len(x), each=x.shape[1])
    far = rstd < 0
    if far.any():
        again = [np.empty_like(a[far]) for a in arrays]
        norm.forward(x[far], affine, eps, tuple(again))
        out[far], mean[far], rstd[far] = again


def gradients(
    g: Array, x: Array, row: Array, mean: Array, rstd: Array, out: Array, parts: tuple
) -> bool:
    """norm.gradients by a compiled loop, if there is one."""
    found = _usable(x, g, row, mean, rstd) and address("gradients", x.dtype)
    if found:
        _gradients(found, g, x, row, mean, rstd, out, parts)
    return bool(found)


def _gradients(
    loop: int, g: Array, x: Array, row: Array, mean: Array, rstd: Array, out: Array, parts: tuple
) -> None:
    from .norm import GROUP

    rows, n = x.shape
    groups = [t.sums for t in parts]
    memory = empty(groups[0].shape, x.dtype)
    places = [t.ctypes.data for t in (g, row, *groups, memory)]
    statistics = mean.ctypes.data, rstd.ctypes.data
    words = np.array((n, *_blas(x.dtype), *statistics, rows, *places, x.itemsize), INT64)
    fast.team.run(loop, out, x, words, np.zeros(1), n=len(memory), each=GROUP * n)


def _usable(x: Array, *others: Array | None) -> bool:
    """Whether there may be a loop for such arrays."""
    dtype = x.dtype
    if not (dtype is FLOAT32 or dtype is FLOAT64) or not fast.ready(x.size):
        return False
    same = all(t is None or (t.dtype is dtype and t.flags.c_contiguous) for t in others)
    return same and 1 < x.shape[1] < FEW * CHUNK


@functools.cache
def _blas(dtype: np.dtype) -> tuple[int, int]:
    """The addresses of OpenBLAS's dot product, as NumPy's wheel has it, and of a chunk of ones."""
    blas.look()
    function = blas.cblas("sdot" if dtype is FLOAT32 else "ddot")
    if function is None:
        return 0, 0
    return ctypes.cast(function, ctypes.c_void_p).value or 0, ONES[dtype].ctypes.data


LOOPS: dict[str, Callable] = {"forward": _forward, "gradients": _gradients}


def address(name: str, dtype: np.dtype) -> int:
    """Of the loop of this name, compiled and compared on first use; 0: NumPy has to do it."""
    return fast.find((name, dtype), lambda: _compared(name, dtype))


def _compared(name: str, dtype: np.dtype) -> int:
    from . import norm
    from .compiled_norm import compiled

    if not _blas(dtype)[0]:
        return 0
    loop = compiled(name, dtype.name)
    fast.kept.append(loop)
    with np.errstate(all="ignore"):
        for x, affine in _trials(dtype):
            trial = _try_forward if name == "forward" else _try_gradients
            found = trial(lambda *args: LOOPS[name](loop.address, *args), x, affine)
            want = trial(getattr(norm, name), x, affine)
            if any(a.tobytes() != b.tobytes() for a, b in zip(found, want, strict=True)):
                return 0
    return loop.address


def _try_forward(run: Callable, x: Array, affine: list) -> list[Array]:
    made = [np.empty_like(x), np.empty(len(x), x.dtype), np.empty(len(x), x.dtype)]
    run(x, affine, 1e-5, tuple(made))
    return made


def _try_gradients(run: Callable, x: Array, affine: list) -> list[Array]:
    from .norm import Parts

    rows, n = x.shape
    parts = Parts(rows, n, x.dtype), Parts(rows, n, x.dtype)
    row = np.ones(n, x.dtype) if affine[0] is None else affine[0]
    out = np.empty_like(x)
    run(x[::-1] * row, x, row, x[:, 0].copy(), np.abs(x[:, -1]) + row[0], out, parts)
    return [out, *(t.sums for t in parts)]


def _trials(dtype: np.dtype) -> Iterator[tuple[Array, list]]:
    """Rows of several lengths, near zero, far from it and all alike; weights or none."""
    random = np.random.default_rng(0)
    for n in LENGTHS:
        x = random.standard_normal((37, n))
        x[5] += 1e4
        x[6], x[7], x[8] = 3, 1e8, -0.0
        row = random.random((2, n)).astype(dtype)
        for affine in ([None, None], [row[0], None], [row[0], row[1]]):
            yield x.astype(dtype), affine
