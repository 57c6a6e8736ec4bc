"""Elementwise activations and bounds, and the fused halves of their gradients."""

from __future__ import annotations

import math

import numpy as np

from tritongrad.autograd.record import on_arrays
from tritongrad.cpu import elementwise as kernels
from tritongrad.elementwise import elementwise
from tritongrad.operands import zero_dim
from tritongrad.samples import Rand, unary

from .elementwise import exp, where

KINK = unary(away=(0,))
BOUNDS = [
    (Rand((3, 4), away=(-0.5, 0.5)), -0.5, 0.5),
    (Rand((3, 4), -2, 2), Rand((4,), -3, -2.2), Rand((3, 1), 2.2, 3)),
    (Rand((), away=(-0.5, 0.5)), -0.5, 0.5),
    (Rand((0, 2)), -0.5, 0.5),
]
BOUND = [
    (Rand((3, 4), away=(0.5,)), 0.5),
    (Rand((3, 4), -2, 2), Rand((4,), -3, -2.2)),
    (Rand((3, 4), -2, 2), Rand((2, 1, 1), 2.2, 3)),
    (Rand((0, 2)), 0.5),
]


@elementwise(samples=[(Rand((3, 4)), *b) for b in BOUNDS[:1]])
def clamp_backward(grad, input, min, max):
    """grad where min <= input <= max, else 0."""


clamp_backward.vjp(grad=lambda g, input, min, max: clamp_backward(g, input, min, max))


@elementwise(samples=[(Rand((3, 4)), *b) for b in BOUND[:1]])
def clamp_min_backward(grad, input, min):
    """grad where input >= min, else 0."""


clamp_min_backward.vjp(grad=lambda g, input, min: clamp_min_backward(g, input, min))


@elementwise(samples=[(Rand((3, 4)), *b) for b in BOUND[:1]])
def clamp_max_backward(grad, input, max):
    """grad where input <= max, else 0."""


clamp_max_backward.vjp(grad=lambda g, input, max: clamp_max_backward(g, input, max))


def _bounded(kernel):
    """A kernel of g, an input and a bound, for a bound that is a number."""
    return lambda g, input, bound: kernel(g, input, zero_dim(bound, g.dtype))


@elementwise(samples=BOUNDS)
def clamp_both(input, min, max):
    """min(max(input, min), max); the gradient is 1 at the bounds."""


clamp_both.vjp(
    input=lambda g, input, min, max: clamp_backward(g, input, min, max),
    min=lambda g, input, min, max: where((input < min).logical_and(min <= max), g, 0),
    max=lambda g, input, min, max: where((input > max).logical_or(min > max), g, 0),
)


@elementwise(cpu=np.maximum, samples=BOUND)
def clamp_min(input, min):
    """max(input, min); the gradient is 1 at the bound."""


clamp_min.vjp(
    input=on_arrays(
        _bounded(kernels.clamp_min_backward),
        lambda g, input, min: clamp_min_backward(g, input, min),
    ),
    min=lambda g, input, min: where(input < min, g, 0),
)


@elementwise(cpu=np.minimum, samples=BOUND)
def clamp_max(input, max):
    """min(input, max); the gradient is 1 at the bound."""


clamp_max.vjp(
    input=on_arrays(
        _bounded(kernels.clamp_max_backward),
        lambda g, input, max: clamp_max_backward(g, input, max),
    ),
    max=lambda g, input, max: where(input > max, g, 0),
)


def clamp_form(min, max):
    """Which of the three operations clamp(min, max) means, and its bounds."""
    if min is None and max is None:
        raise RuntimeError("clamp: at least one of 'min' or 'max' must not be None")
    if max is None:
        return clamp_min, (min,)
    return (clamp_max, (max,)) if min is None else (clamp_both, (min, max))


_at_least = clamp_min.operator


def clamp(input, min=None, max=None, *, out=None):
    """input, no smaller than min and no larger than max (numbers or tensors, either may be absent).

    nan in input or in a bound gives nan; where min > max the result is max.
    """
    if out is None and min is not None:  # the commonest forms, without a detour
        return _at_least(input, min) if max is None else clamp_both(input, min, max)
    form, bounds = clamp_form(min, max)
    return form(input, *bounds, out=out) if out is not None else form(input, *bounds)


@elementwise(samples=[(Rand((3, 4)), Rand((3, 4), 0.1, 2.0))])
def relu_backward(grad, result):
    """grad where result > 0, else 0."""


relu_backward.vjp(grad=lambda g, result: relu_backward(g, result))


@elementwise(samples=KINK)
def relu(input):
    """max(x, 0)"""


relu.vjp(input=lambda g, result: relu_backward(g, result))


@elementwise(samples=[(Rand((3, 4)), Rand((3, 4), -0.9, 0.9))])
def tanh_backward(grad, result):
    """grad * (1 - result^2)"""


tanh_backward.vjp(
    grad=lambda g, result: tanh_backward(g, result),
    result=lambda g, grad, result: g * grad * result * -2,
)


@elementwise(cpu=np.tanh, dtype="float", samples=unary())
def tanh(input):
    """The hyperbolic tangent."""


tanh.vjp(input=lambda g, result: tanh_backward(g, result))


@elementwise(samples=[(Rand((3, 4)), Rand((3, 4), 0.1, 0.9))])
def sigmoid_backward(grad, result):
    """grad * result * (1 - result)"""


sigmoid_backward.vjp(
    grad=lambda g, result: sigmoid_backward(g, result),
    result=lambda g, grad, result: g * grad * (1 - result * 2),
)


@elementwise(dtype="float", samples=unary())
def sigmoid(input):
    """1 / (1 + e ** -x)"""


sigmoid.vjp(input=lambda g, result: sigmoid_backward(g, result))


@elementwise(dtype="float", samples=unary())
def log_sigmoid(input):
    """log(sigmoid(x)), without underflow"""


log_sigmoid.vjp(input=lambda g, input: g * sigmoid(-input))


@elementwise(dtype="float", samples=unary())
def softplus(input):
    """log(1 + e ** x), without overflow"""


softplus.vjp(input=lambda g, input: g * sigmoid(input))


@elementwise(dtype="float", samples=unary())
def silu(input):
    """x * sigmoid(x)"""


silu.vjp(input=lambda g, input, result: g * (sigmoid(input) * (1 + input - result)))


@elementwise(dtype="float", samples=unary())
def erf(input):
    """The error function, 2/sqrt(pi) times the integral of e ** -t^2 from 0 to x."""


erf.vjp(input=lambda g, input: g * (exp(-input * input) * (2 / math.sqrt(math.pi))))


@elementwise(dtype="float", samples=[(Rand((3, 4)), Rand((3, 4)))])
def gelu_backward(grad, input):
    """grad times the slope of gelu at input."""


def _gelu_curvature(g, grad, input):
    """The slope of x -> Phi(x) + x phi(x) is phi(x) (2 - x^2)."""
    density = exp(input * input * -0.5) * (1 / math.sqrt(2 * math.pi))
    return g * grad * (density * (2 - input * input))


gelu_backward.vjp(grad=lambda g, input: gelu_backward(g, input), input=_gelu_curvature)


@elementwise(dtype="float", samples=unary())
def gelu(input):
    """x Phi(x), the normal distribution function (Hendrycks, Gimpel 2016, arXiv:1606.08415)."""


gelu.vjp(input=lambda g, input: gelu_backward(g, input))


@elementwise(dtype="float", samples=unary())
def gelu_tanh(input):
    """gelu with its tanh approximation."""


def _gelu_tanh_slope(g, input):
    inner = (input + input * input * input * 0.044715) * math.sqrt(2 / math.pi)
    t = tanh(inner)
    slope = (input * input * (3 * 0.044715) + 1) * math.sqrt(2 / math.pi)
    return g * ((1 + t) * 0.5 + input * (1 - t * t) * slope * 0.5)


gelu_tanh.vjp(input=_gelu_tanh_slope)


@elementwise(samples=[(*s, 0.1) for s in KINK])
def leaky_relu(input, negative_slope=0.01):
    """x where x > 0, else negative_slope * x."""


leaky_relu.vjp(
    input=lambda g, input, negative_slope: where(input > 0, g, g * negative_slope),
)


@elementwise(dtype="float", samples=[(*s, 1.2) for s in KINK])
def elu(input, alpha=1.0):
    """x where x > 0, else alpha * (e ** x - 1)."""


elu.vjp(input=lambda g, input, alpha: where(input > 0, g, g * (exp(input) * alpha)))
