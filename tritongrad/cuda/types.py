"""Element types of kernels: what sums are kept in, and NumPy's types in Triton's names."""

from __future__ import annotations

from typing import Any

import numpy as np

from tritongrad.dtype import as_dtype

BOOL, INT64 = np.dtype(bool), np.dtype(np.int64)
FLOAT32, FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)


def accumulator(dtype: np.dtype) -> np.dtype:
    """The type that sums of dtype are kept in: integers and bools int64, half types float32."""
    if dtype.kind in "biu":
        return INT64
    return FLOAT64 if dtype == FLOAT64 else FLOAT32


def total_dtype(source: np.dtype, dtype: Any) -> np.dtype:
    """The type of a sum or product: what was asked for, else int64 for integers and bools."""
    if dtype is not None:
        return as_dtype(dtype).numpy
    return INT64 if source.kind in "biu" else source


def triton_type(dtype: np.dtype) -> Any:
    """An accumulator's type as Triton's."""
    import triton.language as tl

    return {INT64: tl.int64, FLOAT32: tl.float32, FLOAT64: tl.float64}[dtype]
