"""Matrix products by the extra [fast]: the pieces of gemm.py, taken by threads that watch for work.

Two kinds of threads that wait awake would be in each other's way: where the helpers of spinning.py
are, OpenBLAS's sleep, and each piece is a product of one thread, with the bits that it has anyway.
"""

from __future__ import annotations

import ctypes
import functools
import struct
from typing import Any

import numpy as np

from tritongrad.dtype import FLOAT32, INT64

from .blas import alone, blas
from .fast import fast
from .team import get_num_threads

Array = np.ndarray
PRODUCTS = 1 << 6  # that take as long as one element of a pass
EACH = 1 << 17  # elements of a pass that take no longer than the smallest piece


def multiply(input: Array, other: Array, out: Array, steps: tuple, work: int) -> bool:
    """Do the pieces of a product of so much work, if there are helpers that watch for some."""
    if get_num_threads() == 1 or not fast.ready(work // PRODUCTS):
        return False
    dtype = out.dtype
    loop = fast.find((multiply, dtype), lambda: _compared(dtype))
    if loop:
        alone(_run, loop, input, other, out, steps)
    return bool(loop)


def _run(loop: int, input: Array, other: Array, out: Array, steps: tuple) -> None:
    strides = input.strides, other.strides, out.strides
    words = table(steps, strides, out.dtype).copy()  # addresses are written into it
    fast.team.run(loop, out, input, other, words, n=len(steps[0]), each=EACH)


@functools.lru_cache(maxsize=512)
def table(steps: tuple, strides: tuple, dtype: np.dtype) -> Array:
    """The words of compiled_gemm.py for these pieces."""
    from .compiled_gemm import FUNCTION, HEAD, ROW, STEPS
    from .gemm import layout, offset

    a, b, c = strides
    (turn_a, lda), (turn_b, ldb), (_, ldc) = [layout(s, dtype.itemsize) for s in strides]
    real = "f4x" if dtype is FLOAT32 else "d"
    one, zero = [struct.unpack("q", struct.pack(real, v))[0] for v in (1, 0)]
    head = [0] * HEAD
    batch: Any = blas.batches[dtype]
    head[FUNCTION] = ctypes.cast(batch, ctypes.c_void_p).value or 0
    head[STEPS] = len(steps)
    words = [head]
    for place in zip(*steps, strict=True):
        for number, p in enumerate(place):
            sizes = p.j - p.i, p.right - p.left, p.last - p.first
            row = [turn_a, turn_b, *sizes, one, 0, lda, 0, ldb, one if number else zero, 0, ldc, 1]
            row += offset(a, p.m, p.i, p.first), offset(b, p.m, p.first, p.left)
            row.append(offset(c, p.m, p.i, p.left))
            words.append(row + [0] * (ROW - len(row)))
    return np.array([w for row in words for w in row], INT64)


def _compared(dtype: np.dtype) -> int:
    """The address of the loop, if it multiplies as OpenBLAS's own threads do."""
    from .compiled_gemm import compiled
    from .gemm import by_blas, plan

    loop = compiled()
    fast.kept.append(loop)
    random = np.random.default_rng(0)
    for shape in ((1, 64, 1000, 100), (1, 192, 500, 200), (3, 120, 90, 110)):
        count, rows, inner, cols = shape
        found = plan(*shape, max(inner // 250, 1), 2)
        if found is None:
            return 0
        steps, sums = found
        a = random.standard_normal((count, inner, rows)).astype(dtype).swapaxes(1, 2)
        b = random.standard_normal((count, inner, cols)).astype(dtype)
        results = [np.empty((max(sums, count), rows, cols), dtype) for _ in "ab"]
        if count == 1:
            a, b = a[0], b[0]
        alone(_run, loop.address, a, b, results[0], steps)
        alone(by_blas, a, b, results[1], steps)
        if results[0].tobytes() != results[1].tobytes():
            return 0
    return loop.address
