"""NumPy kernels of slicing; views are in cpu/view.py."""

import numpy as np


def embed(x: np.ndarray, shape: tuple, key: tuple, value: float = 0) -> np.ndarray:
    """A shape full of one value with x at [key]."""
    out = np.full(shape, value, x.dtype) if value else np.zeros(shape, x.dtype)
    out[key] = x
    return out
