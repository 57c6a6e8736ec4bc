"""Cross-entropy of rows of class scores, fused, and the fused half of its gradient."""

from __future__ import annotations

from typing import Any

import numpy as np

from tritongrad.autograd.modes import quiet
from tritongrad.autograd.variable import wrap
from tritongrad.cpu import losses as on_cpu
from tritongrad.op import op
from tritongrad.samples import Ints, Rand

from .elementwise import where
from .fused import given, on_device
from .nn import softmax, softmax_backward
from .reduce import sum

Tensor = Any

CLASSES = [(Ints((3,)), None, -100, 0.0), (Ints((3,)), Rand((3,), 0.5, 2.0), 1, 0.1)]


@op(samples=[(Rand((3, 3)), *c) for c in CLASSES], device=on_device("cross_entropy"))
def cross_entropy_forward(input: Tensor, target, weight, ignore_index, label_smoothing):
    """(losses, weights, log-sum-exps) of the rows; nothing is recorded."""
    return input, target, weight, ignore_index, label_smoothing


@op(
    samples=[(Rand((3,)), Rand((3, 3)), *c) for c in CLASSES],
    device=on_device("cross_entropy_backward", 0, 1, 6, 2, 3, 4, 5),
)
def cross_entropy_backward(
    grad: Tensor,
    input: Tensor,
    target,
    weight,
    ignore_index,
    label_smoothing,
    lse=None,
    powers=None,
):
    """The gradient of cross_entropy_rows: grad * (Q e ** (x - lse) - q), with Q the sum of q.

    `powers`: e ** x of each row but for a factor, where they are known.
    """
    if lse is None:
        lse = cross_entropy_forward(input, target, weight, ignore_index, label_smoothing)[2]
    return grad, input, target, weight, ignore_index, label_smoothing, lse, powers


def _rows_grad(g, input, target, weight, ignore_index, label_smoothing, lse):
    one = g.new_ones(g.shape[:1])
    rest = (input, target, weight, ignore_index, label_smoothing, lse)
    return sum(g * cross_entropy_backward(one, *rest), 1)


def _rows_input(g, grad, input, target, weight, ignore_index, label_smoothing):
    share = weight_of_rows(target, weight, ignore_index, label_smoothing, input)
    return softmax_backward(g * (grad * share).unsqueeze(1), softmax(input, 1), 1)


cross_entropy_backward.vjp(grad=_rows_grad, input=_rows_input)


def weight_of_rows(target, weight, ignore_index, label_smoothing, input):
    """The sum of the weights q that a row gives to its classes; 0 for rows that are ignored."""
    counts = target != ignore_index
    if weight is None:
        return counts.to(input.dtype)
    own = weight.index_select(0, where(counts, target, 0)) * (1 - label_smoothing)
    return where(counts, own + sum(weight) * (label_smoothing / input.shape[1]), 0)


def cross_entropy_scores(input, *rest) -> tuple:
    """(losses, weights, log-sum-exps, powers) of the rows; the last is None on a device."""
    weight, smoothing = rest[1], rest[3]
    plain = smoothing == 0 and (weight is None or type(weight._array) is np.ndarray)
    if not plain or any(type(t._array) is not np.ndarray for t in (input, rest[0])):
        return *cross_entropy_forward(input, *rest), None
    arrays = [getattr(t, "_array", t) for t in (input, *rest)]
    return tuple(wrap(a) for a in quiet(on_cpu.cross_entropy_scores, *arrays))


@op(samples=[(Rand((3, 3)), *c) for c in CLASSES], cpu=given, device=given)
def cross_entropy_rows(
    input: Tensor, target, weight, ignore_index, label_smoothing, lse=None, powers=None, losses=None
):
    """For each row the sum of q (lse - x), with lse the logarithm of the row's sum of e ** x.

    q is weight * (1 - label_smoothing) at the target, plus weight * label_smoothing / classes.
    """
    if losses is None:
        losses, _, lse = cross_entropy_forward(input, target, weight, ignore_index, label_smoothing)
    return input, target, weight, ignore_index, label_smoothing, lse, powers, losses


cross_entropy_rows.vjp(
    input=lambda g, input, lse, powers, target, weight, ignore_index, label_smoothing: (
        cross_entropy_backward(g, input, target, weight, ignore_index, label_smoothing, lse, powers)
    )
)
