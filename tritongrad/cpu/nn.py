"""Softmax and cross-entropy on NumPy; half types are computed in float32."""

from __future__ import annotations

import numpy as np

from tritongrad.dtype import FLOAT32, FLOAT64

from .reduce import logsumexp, total

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


def softmax_backward(grad: Array, output: Array, dim: int) -> Array:
    g, y = _wide(grad), _wide(output)
    inner = total(g * y, _along(dim, g), True).astype(g.dtype)
    return (y * (g - inner)).astype(grad.dtype, copy=False)


def log_softmax(x: Array, dim: int) -> Array:
    over = _along(dim, x)
    away = _shifted(x, over)
    return (away - np.log(total(np.exp(away), over, True)).astype(away.dtype)).astype(
        x.dtype, copy=False
    )


def log_softmax_backward(grad: Array, output: Array, dim: int) -> Array:
    g, y = _wide(grad), _wide(output)
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


def cross_entropy_forward(
    x: Array, target: Array, weight: Array | None, ignore_index: int, label_smoothing: float
) -> tuple[Array, Array, Array]:
    """The loss of every row, its weight, and the logarithm of the sum of its e ** x."""
    counts, index, own = _targets(x, target, weight, ignore_index)
    wide = np.promote_types(FLOAT32, x.dtype) if x.dtype.kind == "f" else np.dtype(FLOAT32)
    lse = logsumexp(_wide(x), (1,), False)
    loss = (1 - label_smoothing) * own * (lse.astype(FLOAT64) - x[np.arange(len(index)), index])
    if label_smoothing:
        heavy = np.ones(x.shape[1]) if weight is None else weight.astype(FLOAT64)
        rest = heavy.sum() * lse - total(x.astype(FLOAT64) * heavy, (1,))
        loss = loss + label_smoothing / x.shape[1] * rest
    return np.where(counts, loss, 0).astype(x.dtype), np.where(counts, own, 0).astype(wide), lse


def cross_entropy_backward(
    grad: Array,
    x: Array,
    target: Array,
    weight: Array | None,
    ignore_index: int,
    label_smoothing: float,
    lse: Array,
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
