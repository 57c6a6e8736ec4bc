"""Softmax and its logarithm, fused, and the fused halves of their gradients."""

from __future__ import annotations

from typing import Any

from tritongrad.op import op
from tritongrad.samples import Rand

from .dims import check_dim, floating, tensor
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
