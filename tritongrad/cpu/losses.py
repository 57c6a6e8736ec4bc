"""Cross-entropy of rows of class scores on NumPy; half types are computed in float32."""

from __future__ import annotations

import numpy as np

from tritongrad.dtype import FLOAT32, FLOAT64

from .nn import wide
from .reduce import logsumexp, total

Array = np.ndarray


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
    own = np.ones(len(index)) if weight is None else wide(weight)[index]
    return counts, index, own


def cross_entropy_forward(
    x: Array, target: Array, weight: Array | None, ignore_index: int, label_smoothing: float
) -> tuple[Array, Array, Array]:
    """The loss of every row, its weight, and the logarithm of the sum of its e ** x."""
    counts, index, own = _targets(x, target, weight, ignore_index)
    acc = FLOAT64 if x.dtype == FLOAT64 else FLOAT32
    lse = logsumexp(wide(x), (1,), False)
    loss = (1 - label_smoothing) * own * (lse.astype(FLOAT64) - x[np.arange(len(index)), index])
    if label_smoothing:
        heavy = np.ones(x.shape[1]) if weight is None else weight.astype(FLOAT64)
        rest = heavy.sum() * lse - total(x.astype(FLOAT64) * heavy, (1,))
        loss = loss + label_smoothing / x.shape[1] * rest
    return np.where(counts, loss, 0).astype(x.dtype), np.where(counts, own, 0).astype(acc), lse


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
    share = label_smoothing / x.shape[1]
    heavy = np.ones(x.shape[1], FLOAT64) if weight is None else weight.astype(FLOAT64)
    own = (1 - label_smoothing) * own.astype(FLOAT64)
    out = np.exp(x.astype(FLOAT64) - lse.astype(FLOAT64)[:, None])
    out *= (own + share * heavy.sum())[:, None]
    if label_smoothing:
        out -= share * heavy
    out[np.arange(len(index)), index] -= own
    out *= np.where(counts, grad, 0).astype(FLOAT64)[:, None]
    return out.astype(x.dtype, copy=False)
