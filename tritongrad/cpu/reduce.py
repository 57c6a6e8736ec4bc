"""Reductions on NumPy."""

from __future__ import annotations

import numpy as np

from ..dtype import as_dtype


def sum(x: np.ndarray, dim: tuple, keepdim: bool, dtype: object) -> np.ndarray:
    target = as_dtype(dtype).numpy if dtype is not None else None
    if target is None and x.dtype.kind in "biu":
        target = np.dtype(np.int64)
    return np.add.reduce(x, dim, target, None, keepdim)
