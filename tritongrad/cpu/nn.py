"""Softmax, cross-entropy and normalisation on NumPy; half types are computed in float32."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..dtype import FLOAT32, FLOAT64
from .reduce import total

Array = np.ndarray


def _wide(x: Array) -> Array:
    """float32 for half types, else as it is."""
    return x.astype(FLOAT32) if x.dtype.itemsize == 2 else x


def _along(dim: int, x: Array) -> tuple:
    return (dim,) if x.ndim else ()


def _shifted(x: Array, dim: tuple) -> Array:
    """x minus its largest element along dim, in float32 at least."""
    x = _wide(x)
    return x - np.maximum.reduce(x, dim, None, None, True, initial=-np.inf)


def softmax(x: Array, dim: int) -> Array:
    over = _along(dim, x)
    powers = np.exp(_shifted(x, over))
    return (powers / total(powers, over, True).astype(powers.dtype)).astype(x.dtype, copy=False)


def softmax_backward(grad: Array, result: Array, dim: int) -> Array:
    g, y = _wide(grad), _wide(result)
    inner = total(g * y, _along(dim, g), True).astype(g.dtype)
    return (y * (g - inner)).astype(grad.dtype, copy=False)


def log_softmax(x: Array, dim: int) -> Array:
    over = _along(dim, x)
    away = _shifted(x, over)
    return (away - np.log(total(np.exp(away), over, True)).astype(away.dtype)).astype(
        x.dtype, copy=False
    )


def log_softmax_backward(grad: Array, result: Array, dim: int) -> Array:
    g, y = _wide(grad), _wide(result)
    whole = total(g, _along(dim, g), True).astype(g.dtype)
    return (g - np.exp(y) * whole).astype(grad.dtype, copy=False)


def _targets(x: Array, target: Array, weight: Array | None, ignore_index: int) -> tuple:
    """Which rows count, their class (0 where they do not), and its weight."""
    counts = target != ignore_index
    index = np.where(counts, target, 0)
    wrong = (index < 0) | (index >= x.shape[1])
    if wrong.any():
        raise IndexError(
            f"cross_entropy: target {int(index[wrong][0])} is out of bounds for {x.shape[1]} "
            f"classes (input {x.shape}); rows to leave out have target {ignore_index}"
        )
    own = np.ones(len(index)) if weight is None else _wide(weight)[index]
    return counts, index, own


def cross_entropy_rows(
    x: Array,
    target: Array,
    weight: Array | None,
    lse: Array,
    ignore_index: int,
    label_smoothing: float,
) -> Array:
    counts, index, own = _targets(x, target, weight, ignore_index)
    classes = x.shape[1]
    lse = lse.astype(FLOAT64)
    loss = (1 - label_smoothing) * own * (lse - x[np.arange(len(index)), index])
    if label_smoothing:
        heavy = np.ones(classes) if weight is None else weight.astype(FLOAT64)
        rest = heavy.sum() * lse - total(x.astype(FLOAT64) * heavy, (1,))
        loss = loss + label_smoothing / classes * rest
    return np.where(counts, loss, 0).astype(x.dtype)


def cross_entropy_rows_backward(
    grad: Array,
    x: Array,
    target: Array,
    weight: Array | None,
    lse: Array,
    ignore_index: int,
    label_smoothing: float,
) -> Array:
    counts, index, own = _targets(x, target, weight, ignore_index)
    wide = _wide(x)
    share = label_smoothing / x.shape[1]
    heavy = np.ones(x.shape[1], wide.dtype) if weight is None else weight.astype(wide.dtype)
    own = (1 - label_smoothing) * own.astype(wide.dtype)
    out = np.exp(wide - lse.astype(wide.dtype)[:, None])
    out *= (own + share * heavy.sum())[:, None]
    if label_smoothing:
        out -= share * heavy
    out[np.arange(len(index)), index] -= own
    out *= np.where(counts, grad, 0).astype(wide.dtype)[:, None]
    return out.astype(x.dtype, copy=False)


def _normalised(x: Array, dim: tuple, eps: float) -> tuple[Array, Array]:
    """(x - mean) / sqrt(var + eps) over dim, and 1 / sqrt(var + eps), in float64."""
    n = max(math.prod([x.shape[d] for d in dim]), 1)
    away = np.subtract(x, total(x, dim, True) / n, dtype=FLOAT64)
    scale = 1 / np.sqrt(total(away * away, dim, True) / n + eps)
    return away * scale, scale


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


def layer_norm(x: Array, weight: Array | None, bias: Array | None, ndim: int, eps: float) -> Array:
    y, _ = _normalised(x, tuple(range(x.ndim - ndim, x.ndim)), eps)
    return _scaled(y, weight, bias, x.dtype)


def layer_norm_backward(grad: Array, x: Array, ndim: int, eps: float) -> Array:
    dim = tuple(range(x.ndim - ndim, x.ndim))
    return _normalised_grad(grad, *_normalised(x, dim, eps), dim)


def _by_channel(t: Any, x: Array) -> Any:
    return None if t is None else t.reshape([-1 if d == 1 else 1 for d in range(x.ndim)])


def batch_norm(
    x: Array,
    weight: Array | None,
    bias: Array | None,
    mean: Array,
    var: Array,
    eps: float,
    training: bool,
) -> Array:
    y, _ = _standard(x, mean, var, eps)
    return _scaled(y, _by_channel(weight, x), _by_channel(bias, x), x.dtype)


def _standard(x: Array, mean: Array, var: Array, eps: float) -> tuple[Array, Array]:
    """(x - mean) / sqrt(var + eps) for each channel, and 1 / sqrt(var + eps), in float64."""
    scale = 1 / np.sqrt(_by_channel(var, x).astype(FLOAT64) + eps)
    return np.subtract(x, _by_channel(mean, x), dtype=FLOAT64) * scale, scale


def batch_norm_backward(grad: Array, x: Array, mean: Array, var: Array, eps: float) -> Array:
    y, scale = _standard(x, mean, var, eps)
    return _normalised_grad(grad, y, scale, (0, *range(2, x.ndim)))
