"""A row repeated along a matrix, as a bias is, by the extra [fast]: loops of compiled.py."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tritongrad.dtype import FLOAT32, FLOAT64, INT64

from .fast import fast

Array = np.ndarray
LOOPS: dict[Any, str] = {np.add: "add_row", np.multiply: "mul_row"}


def run(kernel: Any, arrays: Sequence[Array], out: Array) -> bool:
    """kernel(matrix, row, out=out) by a compiled loop, if there is one; out may be the matrix."""
    if kernel not in LOOPS or not fast.ready(out.size):
        return False
    a, row = arrays
    dtype = out.dtype
    if not (dtype is FLOAT32 or dtype is FLOAT64) or a.dtype is not dtype or row.dtype is not dtype:
        return False
    if a.shape != out.shape or row.ndim != 1 or row.size != a.shape[-1]:
        return False
    if not (a.flags.c_contiguous and row.flags.c_contiguous and out.flags.c_contiguous):
        return False
    if np.may_share_memory(row, out) or (a is not out and np.may_share_memory(a, out)):
        return False
    loop = fast.find((kernel, "row", dtype), lambda: _compared(kernel, dtype))
    if loop:
        _run(loop, a, row, out)
    return bool(loop)


def _run(loop: int, a: Array, row: Array, out: Array) -> None:
    n = row.size
    fast.team.run(loop, out, a, row, np.array([n], INT64), n=a.size // n, each=n)


def _compared(kernel: Callable, dtype: np.dtype) -> int:
    from .compiled import compiled
    from .fast import trials

    loop = compiled(LOOPS[kernel], dtype.name)
    fast.kept.append(loop)
    for (a, b), _ in trials(LOOPS[kernel], kernel, "aa", dtype):
        for n in (1, 7, 16, 25):
            matrix, row = a[: a.size // n * n].reshape(-1, n), b[:: b.size // n][:n].copy()
            found = np.empty_like(matrix)
            _run(loop.address, matrix, row, found)
            with np.errstate(all="ignore"):
                want = kernel(matrix, row)
            two = np.isnan(matrix) & np.isnan(row)
            found[two] = want[two] = 0  # as in fast.py
            if found.tobytes() != want.tobytes():
                return 0
    return loop.address
