"""NumPy kernels of masks and triangles."""

import numpy as np

Array = np.ndarray


def masked_fill(x: Array, mask: Array, value: object) -> Array:
    return np.where(mask, np.asarray(value, x.dtype), x)


def tril(x: Array, diagonal: int) -> Array:
    return np.tril(x, diagonal)


def triu(x: Array, diagonal: int) -> Array:
    return np.triu(x, diagonal)


def nonzero(x: Array) -> Array:
    """Positions, one a row."""
    return np.argwhere(x).astype(np.int64, copy=False)


def one_hot(index: Array, num_classes: int) -> Array:
    if index.size and (index.min() < 0 or index.max() >= num_classes):
        raise RuntimeError(
            "one_hot: Class values must be non-negative and smaller than num_classes "
            f"({num_classes}), got {index.min()} to {index.max()}"
        )
    return (index[..., None] == np.arange(num_classes)).astype(np.int64)
