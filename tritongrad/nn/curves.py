"""Activations with PyTorch's arguments: nn.functional's, and what the modules call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tritongrad.autograd.modes import is_grad_enabled
from tritongrad.autograd.variable import Variable
from tritongrad.front import of_tensors
from tritongrad.ops import activation as _activation
from tritongrad.ops import nn as _nn
from tritongrad.ops.activation import log_sigmoid as logsigmoid
from tritongrad.ops.activation import sigmoid as sigmoid
from tritongrad.ops.activation import tanh as tanh
from tritongrad.ops.dims import check_dim
from tritongrad.ops.elementwise import where

__all__ = ["logsigmoid", "sigmoid", "tanh"]


def _written(curve: Callable, input: Any, inplace: bool) -> Any:
    """curve(input), which with inplace=True also replaces the values of input."""
    if not inplace:
        return curve(input)
    if not isinstance(input, Variable):
        raise TypeError(f"inplace=True: 'input' must be a Tensor, got {type(input).__name__}")
    # The gradient of a curve may need the values that are about to go.
    return input.copy_(curve(input.clone() if is_grad_enabled() else input))


def relu(input: Any, inplace: bool = False) -> Any:
    """max(x, 0)"""
    return relu_(input) if inplace else _activation.relu(input)


@of_tensors
def relu_(input: Any) -> Any:
    """max(x, 0) in place"""
    return input.relu_()


def leaky_relu(input: Any, negative_slope: float = 0.01, inplace: bool = False) -> Any:
    """x where x > 0, else negative_slope * x."""
    return _written(lambda x: _activation.leaky_relu(x, negative_slope), input, inplace)


@of_tensors
def prelu(input: Any, weight: Any) -> Any:
    """x where x > 0, else weight * x, with one weight, or one for each channel (dim 1)."""
    if weight.numel() > 1:
        weight = weight.reshape([-1 if d == 1 else 1 for d in range(input.ndim)])
    return where(input > 0, input, input * weight)


def elu(input: Any, alpha: float = 1.0, inplace: bool = False) -> Any:
    """x where x > 0, else alpha * (e ** x - 1)."""
    return _written(lambda x: _activation.elu(x, alpha), input, inplace)


def selu(input: Any, inplace: bool = False) -> Any:
    """1.0507 elu(x, 1.6733), which keeps means at 0 and variances at 1."""
    scale, alpha = 1.0507009873554805, 1.6732632423543772
    return _written(lambda x: _activation.elu(x, alpha) * scale, input, inplace)


def celu(input: Any, alpha: float = 1.0, inplace: bool = False) -> Any:
    """x where x > 0, else alpha * (e ** (x / alpha) - 1)."""
    return _written(lambda x: _activation.elu(x / alpha) * alpha, input, inplace)


def silu(input: Any, inplace: bool = False) -> Any:
    """x * sigmoid(x)"""
    return _written(_activation.silu, input, inplace)


def mish(input: Any, inplace: bool = False) -> Any:
    """x * tanh(softplus(x))"""
    return _written(lambda x: x * _activation.softplus(x).tanh(), input, inplace)


def gelu(input: Any, approximate: str = "none") -> Any:
    """x times the normal distribution function, exactly or with tanh."""
    if approximate not in ("none", "tanh"):
        raise RuntimeError(f"gelu: approximate must be 'none' or 'tanh', got {approximate!r}")
    return _activation.gelu(input) if approximate == "none" else _activation.gelu_tanh(input)


def softplus(input: Any, beta: float = 1.0, threshold: float = 20.0) -> Any:
    """log(1 + e ** (beta x)) / beta; x itself where beta x > threshold."""
    scaled = input * beta
    return where(scaled > threshold, input, _activation.softplus(scaled) / beta)


@of_tensors
def hardtanh(input: Any, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Any:
    """x, no smaller than min_val and no larger than max_val."""
    return _written(lambda x: x.clamp(min_val, max_val), input, inplace)


@of_tensors
def relu6(input: Any, inplace: bool = False) -> Any:
    """x, no smaller than 0 and no larger than 6."""
    return hardtanh(input, 0.0, 6.0, inplace)


def hardsigmoid(input: Any, inplace: bool = False) -> Any:
    """(x + 3) / 6, no smaller than 0 and no larger than 1."""
    return _written(lambda x: relu6(x + 3) / 6, input, inplace)


def hardswish(input: Any, inplace: bool = False) -> Any:
    """x * hardsigmoid(x)"""
    return _written(lambda x: x * relu6(x + 3) / 6, input, inplace)


def threshold(input: Any, threshold: float, value: float, inplace: bool = False) -> Any:
    """x where x > threshold, else value."""
    return _written(lambda x: where(x > threshold, x, value), input, inplace)


@of_tensors
def softsign(input: Any) -> Any:
    """x / (1 + |x|)"""
    return input / (input.abs() + 1)


@of_tensors
def tanhshrink(input: Any) -> Any:
    """x - tanh(x)"""
    return input - input.tanh()


@of_tensors
def glu(input: Any, dim: int = -1) -> Any:
    """The first half of x along dim times the sigmoid of the second."""
    if not input.ndim:
        raise RuntimeError("glu: does not support scalars because halving size must be even")
    dim = check_dim("glu", dim, input.ndim)
    if input.shape[dim] % 2:
        raise RuntimeError(
            f"glu: Halving dimension must be even, but dimension {dim} is size {input.shape[dim]}"
        )
    value, gate = input.chunk(2, dim)
    return value * gate.sigmoid()


def softmax(input: Any, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Any:
    """e ** x divided by its sum over a dim."""
    return _nn.softmax(input, _dim(dim, "softmax"), dtype)


def softmin(input: Any, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Any:
    """softmax(-x)"""
    return _nn.softmax(-input, _dim(dim, "softmin"), dtype)


def log_softmax(input: Any, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Any:
    """log(softmax(x)), without underflow."""
    return _nn.log_softmax(input, _dim(dim, "log_softmax"), dtype)


def _dim(dim: int | None, name: str) -> int:
    if dim is None:
        raise TypeError(f"{name}: say over which dim, as in {name}(x, dim=1)")
    return dim
