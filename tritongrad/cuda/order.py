"""Device sides of sorting."""

from __future__ import annotations

import numpy as np

from tritongrad.cuda import index
from tritongrad.cuda.array import DeviceArray
from tritongrad.cuda.moving import zeros


def argsort(x: DeviceArray, dim: int, descending: bool) -> DeviceArray:
    """Positions that sort x along dim, stably, nan as the largest."""
    if not x.shape:
        return zeros((), np.dtype(np.int64), x)
    return index.argsort(x, dim, descending)
