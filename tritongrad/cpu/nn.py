"""Softmax and its logarithm on NumPy; half types are computed in float32."""

from __future__ import annotations

import numpy as np

from tritongrad.dtype import FLOAT32

from .reduce import largest, total

Array = np.ndarray


def wide(x: Array) -> Array:
    """float32 for half types, else as it is."""
    return x.astype(FLOAT32) if x.dtype.itemsize == 2 else x


def _along(dim: int, x: Array) -> tuple:
    return (dim,) if x.ndim else ()


def _shifted(x: Array, dim: tuple) -> Array:
    """x minus its largest element along dim, in float32 at least."""
    x = wide(x)
    return x - largest(x, dim, None, None, True, initial=-np.inf)


def softmax(x: Array, dim: int) -> Array:
    over = _along(dim, x)
    powers = np.exp(_shifted(x, over))
    return (powers / total(powers, over, True).astype(powers.dtype)).astype(x.dtype, copy=False)


def softmax_backward(grad: Array, output: Array, dim: int) -> Array:
    g, y = wide(grad), wide(output)
    inner = total(g * y, _along(dim, g), True).astype(g.dtype)
    return (y * (g - inner)).astype(grad.dtype, copy=False)


def log_softmax(x: Array, dim: int) -> Array:
    over = _along(dim, x)
    away = _shifted(x, over)
    return (away - np.log(total(np.exp(away), over, True)).astype(away.dtype)).astype(
        x.dtype, copy=False
    )


def log_softmax_backward(grad: Array, output: Array, dim: int) -> Array:
    g, y = wide(grad), wide(output)
    whole = total(g, _along(dim, g), True).astype(g.dtype)
    return (g - np.exp(y) * whole).astype(grad.dtype, copy=False)
