"""Cross-entropy of rows of class scores on NumPy; half types are computed in float32."""

from __future__ import annotations

import numpy as np

from tritongrad.dtype import FLOAT32, FLOAT64

from .nn import log_sums, wide
from .pool import empty
from .rows import column, in_blocks, sums
from .totals import total

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
    return cross_entropy_scores(x, target, weight, ignore_index, label_smoothing)[:3]


def cross_entropy_scores(
    x: Array, target: Array, weight: Array | None, ignore_index: int, label_smoothing: float
) -> tuple[Array, Array, Array, Array]:
    """The same, and the powers of every row's elements, of which the gradient is made."""
    counts, index, own = _targets(x, target, weight, ignore_index)
    acc = FLOAT64 if x.dtype == FLOAT64 else FLOAT32
    shift, logs, found = log_sums(np.ascontiguousarray(wide(x)))
    away = shift.astype(FLOAT64) - x[np.arange(len(index)), index]  # small beside the sum of them
    # where a class is sure, what rounding has left of the difference may lie below 0
    loss = (1 - label_smoothing) * own * np.maximum(logs + away, 0)
    lse = logs + shift
    if label_smoothing:
        heavy = np.ones(x.shape[1]) if weight is None else weight.astype(FLOAT64)
        rest = heavy.sum() * lse - total(x.astype(FLOAT64) * heavy, (1,))
        loss = loss + label_smoothing / x.shape[1] * rest
    return (
        np.where(counts, loss, 0).astype(x.dtype),
        np.where(counts, own, 0).astype(acc),
        lse.astype(acc),
        found,
    )


def cross_entropy_backward(
    grad: Array,
    x: Array,
    target: Array,
    weight: Array | None,
    ignore_index: int,
    label_smoothing: float,
    lse: Array,
    found: Array | None = None,
) -> Array:
    counts, index, own = _targets(x, target, weight, ignore_index)
    grad = np.where(counts, grad, 0).astype(FLOAT64)
    if label_smoothing:
        heavy = np.ones(x.shape[1], FLOAT64) if weight is None else weight.astype(FLOAT64)
        rest = heavy * (label_smoothing / x.shape[1])
        return _smoothed_backward(grad, x, index, (1 - label_smoothing) * own, rest, lse)
    factor = own * grad
    if found is None:
        found = log_sums(np.ascontiguousarray(wide(x)))[2]
    made = found
    out = empty(x.shape, made.dtype)

    def work(i: int, j: int) -> None:
        block = out[i:j]
        share = factor[i:j] / sums(made[i:j])
        np.multiply(made[i:j], column(share, block.dtype), out=block)
        block[np.arange(j - i), index[i:j]] -= factor[i:j]

    in_blocks(x.shape[0], x.shape[1], work)
    return out.astype(x.dtype, copy=False)


def _smoothed_backward(
    grad: Array, x: Array, index: Array, own: Array, rest: Array, lse: Array
) -> Array:
    """The same in float64, with weights of all classes beside which e ** x would lose digits."""
    out = np.exp(x.astype(FLOAT64) - lse.astype(FLOAT64)[:, None])
    out *= (own + rest.sum())[:, None]
    out -= rest
    out[np.arange(len(index)), index] -= own
    out *= grad[:, None]
    return out.astype(x.dtype, copy=False)
