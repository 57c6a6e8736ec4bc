"""Running sums and products on NumPy, in float64 for every floating type."""

from __future__ import annotations

import numpy as np

from tritongrad.dtype import FLOAT64


def cumsum(x: np.ndarray, dim: int, dtype: np.dtype) -> np.ndarray:
    return _running(np.add, x, dim, dtype)


def cumprod(x: np.ndarray, dim: int, dtype: np.dtype) -> np.ndarray:
    return _running(np.multiply, x, dim, dtype)


def _running(combine: np.ufunc, x: np.ndarray, dim: int, dtype: np.dtype) -> np.ndarray:
    if x.ndim == 0:
        return x.astype(dtype)
    if dtype.kind in "biu":
        return combine.accumulate(x.astype(dtype, copy=False), dim, dtype)
    return combine.accumulate(x, dim, FLOAT64).astype(dtype, copy=False)
