"""Layer and batch normalisation on NumPy, computed in float64 and rounded once."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tritongrad.dtype import FLOAT32, FLOAT64

from .reduce import total

Array = np.ndarray


def _normalised_grad(grad: Array, y: Array, scale: Array, dim: tuple) -> Array:
    n = max(math.prod([y.shape[d] for d in dim]), 1)
    along = total(grad * y, dim, True) / n
    return (scale * (grad - total(grad, dim, True) / n - y * along)).astype(grad.dtype)


def _scaled(y: Array, weight: Array | None, bias: Array | None, dtype: np.dtype) -> Array:
    if weight is not None:
        y = y * weight
    if bias is not None:
        y = y + bias
    return y.astype(dtype, copy=False)


def layer_norm_forward(
    x: Array, weight: Array | None, bias: Array | None, ndim: int, eps: float
) -> tuple[Array, Array, Array]:
    """The result, and for every row its mean and 1 / sqrt(var + eps)."""
    dim = tuple(range(x.ndim - ndim, x.ndim))
    n = max(math.prod(x.shape[x.ndim - ndim :]), 1)
    mean = total(x, dim, True) / n
    away = np.subtract(x, mean, dtype=FLOAT64)
    rstd = 1 / np.sqrt(total(away * away, dim, True) / n + eps)
    wide = FLOAT64 if x.dtype == FLOAT64 else FLOAT32
    result = _scaled(away * rstd, weight, bias, x.dtype)
    return result, mean.reshape(-1).astype(wide), rstd.reshape(-1).astype(wide)


def _rows(x: Array, ndim: int, mean: Array, rstd: Array) -> tuple[Array, Array]:
    """The normalised x and the factor of every row, in float64."""
    shape = x.shape[: x.ndim - ndim] + (1,) * ndim
    scale = rstd.reshape(shape).astype(FLOAT64)
    return np.subtract(x, mean.reshape(shape), dtype=FLOAT64) * scale, scale


def layer_norm_backward(
    grad: Array, x: Array, ndim: int, eps: float, mean: Array, rstd: Array
) -> Array:
    dim = tuple(range(x.ndim - ndim, x.ndim))
    return _normalised_grad(grad, *_rows(x, ndim, mean, rstd), dim)


def layer_norm_weight_backward(
    grad: Array, x: Array, ndim: int, eps: float, mean: Array, rstd: Array
) -> Array:
    y, _ = _rows(x, ndim, mean, rstd)
    return total(grad * y, tuple(range(x.ndim - ndim))).astype(x.dtype)


def _by_channel(t: Any, x: Array) -> Any:
    return None if t is None else t.reshape([-1 if d == 1 else 1 for d in range(x.ndim)])


def batch_norm(
    x: Array,
    weight: Array | None,
    bias: Array | None,
    eps: float,
    training: bool,
    mean: Array,
    var: Array,
) -> Array:
    y, _ = _standard(x, mean, var, eps)
    return _scaled(y, _by_channel(weight, x), _by_channel(bias, x), x.dtype)


def _standard(x: Array, mean: Array, var: Array, eps: float) -> tuple[Array, Array]:
    """(x - mean) / sqrt(var + eps) for each channel, and 1 / sqrt(var + eps), in float64."""
    scale = 1 / np.sqrt(_by_channel(var, x).astype(FLOAT64) + eps)
    return np.subtract(x, _by_channel(mean, x), dtype=FLOAT64) * scale, scale


def batch_norm_backward(grad: Array, x: Array, eps: float, mean: Array, var: Array) -> Array:
    y, scale = _standard(x, mean, var, eps)
    return _normalised_grad(grad, y, scale, (0, *range(2, x.ndim)))
