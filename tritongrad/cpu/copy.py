"""NumPy kernels of copies."""

import numpy as np

Array = np.ndarray


def fill(x: Array, value: object) -> Array:
    return np.full(x.shape, value, x.dtype)


def copy(x: Array, source: Array, device: object, non_blocking: bool) -> Array:
    out = np.empty(x.shape, x.dtype)
    np.copyto(out, source, casting="unsafe")
    return out
