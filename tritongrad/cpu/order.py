"""NumPy kernels of sorting."""

import numpy as np


def argsort(x: np.ndarray, dim: int, descending: bool) -> np.ndarray:
    """Stable, nan as the largest; descending is ascending seen from the other end."""
    if not x.ndim:
        return np.zeros((), np.int64)
    if not descending:
        return np.argsort(x, dim, kind="stable")
    order = np.flip(np.argsort(np.flip(x, dim), dim, kind="stable"), dim)
    return x.shape[dim] - 1 - order
