"""Softmax and cross-entropy, fused, and the fused halves of their gradients."""

from __future__ import annotations

import importlib
from typing import Any

from tritongrad.op import op
from tritongrad.samples import Ints, Rand

from .dims import check_dim, floating, tensor
from .elementwise import where
from .reduce import sum

Tensor = Any

ROWS = [
    (Rand((3, 4)), 1),
    (Rand((2, 3, 4)), -2),
    (Rand(()), 0),
    (Rand((0, 3)), 1),
    (Rand((3, 0)), 1),
]
ROW_GRADS = [(Rand((3, 4)), Rand((3, 4), -2, -0.1), 1), (Rand((2, 3)), Rand((2, 3), -2, -0.1), 0)]


def _along(name: str, input: Any, dim: Any, dtype: Any) -> tuple:
    if dtype is not None:
        input = tensor(name, input).to(dtype)
    if dim is None:
        raise TypeError(f"{name}: argument 'dim' is missing: over which dim should it sum to 1?")
    return floating(name, input), check_dim(name, dim, input.ndim)


@op(samples=ROW_GRADS)
def softmax_backward(grad: Tensor, output: Tensor, dim):
    """output * (grad - the sum of grad * output along dim)"""
    return grad, output, dim


softmax_backward.vjp(
    grad=lambda g, output, dim: softmax_backward(g, output, dim),
    output=lambda g, grad, output, dim: (
        g * (grad - sum(grad * output, dim, True)) - grad * sum(g * output, dim, True)
    ),
)


@op(samples=ROWS)
def softmax(input: Tensor, dim, dtype=None):
    """e ** x divided by its sum along dim."""
    return _along("softmax", input, dim, dtype)


softmax.vjp(input=lambda g, result, dim: softmax_backward(g, result, dim))


@op(samples=ROW_GRADS)
def log_softmax_backward(grad: Tensor, output: Tensor, dim):
    """grad - e ** output * the sum of grad along dim"""
    return grad, output, dim


log_softmax_backward.vjp(
    grad=lambda g, output, dim: g - sum(g * output.exp(), dim, True),
    output=lambda g, grad, output, dim: -g * output.exp() * sum(grad, dim, True),
)


@op(samples=ROWS)
def log_softmax(input: Tensor, dim, dtype=None):
    """x - log(sum(e ** x)) along dim, without overflow."""
    return _along("log_softmax", input, dim, dtype)


log_softmax.vjp(input=lambda g, result, dim: log_softmax_backward(g, result, dim))


def on_device(name: str, *order: int, pick: int | None = None) -> Any:
    """A function of cuda/nn.py, found when it is first needed.

    `order`: which of the operation's arguments it takes, if not all; `pick`: the output to take.
    """

    def run(*args: Any) -> Any:
        chosen = [args[i] for i in order] if order else args
        found = getattr(importlib.import_module("tritongrad.cuda.nn"), name)(*chosen)
        return found if pick is None else found[pick]

    return run


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
    grad: Tensor, input: Tensor, target, weight, ignore_index, label_smoothing, lse=None
):
    """The gradient of cross_entropy_rows: grad * (Q e ** (x - lse) - q), with Q the sum of q."""
    if lse is None:
        lse = cross_entropy_forward(input, target, weight, ignore_index, label_smoothing)[2]
    return grad, input, target, weight, ignore_index, label_smoothing, lse


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


def given(*args: Any) -> Any:
    """The kernel of an operation whose result was computed with what its gradient needs."""
    return args[-1]


@op(samples=[(Rand((3, 3)), *c) for c in CLASSES], cpu=given, device=given)
def cross_entropy_rows(
    input: Tensor, target, weight, ignore_index, label_smoothing, lse=None, losses=None
):
    """For each row the sum of q (lse - x), with lse the logarithm of the row's sum of e ** x.

    q is weight * (1 - label_smoothing) at the target, plus weight * label_smoothing / classes.
    """
    if losses is None:
        losses, _, lse = cross_entropy_forward(input, target, weight, ignore_index, label_smoothing)
    return input, target, weight, ignore_index, label_smoothing, lse, losses


cross_entropy_rows.vjp(
    input=lambda g, input, lse, target, weight, ignore_index, label_smoothing: (
        cross_entropy_backward(g, input, target, weight, ignore_index, label_smoothing, lse)
    )
)
