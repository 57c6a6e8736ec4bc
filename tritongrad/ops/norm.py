"""Layer and batch normalisation, fused, and the fused halves of their gradients."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from tritongrad.autograd.modes import quiet, state
from tritongrad.autograd.variable import wrap
from tritongrad.cpu import channels, norm
from tritongrad.op import op
from tritongrad.samples import Rand

from .dims import floating, tensor
from .fused import given, on_device
from .reduce import mean, sum, var

Tensor = Any


def curvature(h: Any, g: Any, x: Any, dim: tuple, eps: float) -> Any:
    """The gradient by x of sum(h * (gradient of normalised x for g)).

    With y = (x - <x>) r, r = (var + eps) ** -1/2 and <> the mean over dim, that sum is
    n r (<h g> - <h><g> - <h y><g y>); dr = -r^2 y / n and d<h y> = r (h - <h> - y <h y>) / n.
    """

    def centre(t):
        return mean(t, dim, True)

    r = (var(x, dim, 0, True) + eps).rsqrt()
    y = (x - centre(x)) * r
    hy, gy, hm, gm = centre(h * y), centre(g * y), centre(h), centre(g)
    bend = y * (centre(h * g) - hm * gm - hy * gy)
    return -(r * r) * (bend + gy * (h - hm - y * hy) + hy * (g - gm - y * gy))


def last(shape: Any, ndim: int) -> tuple:
    """The last ndim dims."""
    return tuple(range(len(shape) - ndim, len(shape)))


AFFINE = [
    (Rand((3, 4)), Rand((4,)), Rand((4,)), 1, 0.1),
    (Rand((2, 3, 4)), Rand((3, 4)), None, 2, 1e-5),
    (Rand((3, 4)), None, None, 1, 1e-5),
    (Rand((0, 4)), Rand((4,)), Rand((4,)), 1, 1e-5),
]
PLAIN = [(Rand((3, 4)), 1, 0.1), (Rand((2, 3, 4)), 2, 1e-5)]


@op(samples=AFFINE, device=on_device("layer_norm", 0, 3, 1, 2, 4))
def layer_norm_forward(input: Tensor, weight, bias, ndim, eps):
    """(layer_norm, mean, 1 / sqrt(var + eps)), with one of the last two a row, not recorded."""
    floating("layer_norm", input)
    return input, weight, bias, ndim, eps


def _with_rows(input: Any, ndim: int, eps: float, mean: Any, rstd: Any) -> tuple:
    if rstd is None:
        _, mean, rstd = layer_norm_forward(input, None, None, ndim, eps)
    return mean, rstd


@op(
    samples=[(Rand(x.shape), x, *rest) for x, *rest in PLAIN],
    device=lambda grad, x, ndim, eps, mean, rstd: on_device("layer_norm_backward")(
        grad, x, mean, rstd, None, ndim
    ),
)
def layer_norm_backward(grad: Tensor, input: Tensor, ndim, eps, mean=None, rstd=None):
    """The gradient of layer_norm without weight, by input: rstd (grad - <grad> - y <grad y>)."""
    return grad, input, ndim, eps, *_with_rows(input, ndim, eps, mean, rstd)


layer_norm_backward.vjp(
    grad=lambda g, input, ndim, eps, mean, rstd: layer_norm_backward(
        g, input, ndim, eps, mean, rstd
    ),
    input=lambda g, grad, input, ndim, eps: curvature(g, grad, input, last(input.shape, ndim), eps),
)


@op(
    samples=[(Rand(x.shape), x, *rest) for x, *rest in PLAIN],
    device=on_device("layer_norm_weight_backward", 0, 1, 4, 5, 2),
)
def layer_norm_weight_backward(grad: Tensor, input: Tensor, ndim, eps, mean=None, rstd=None):
    """The gradient of layer_norm by weight: the sum over rows of grad * y."""
    return grad, input, ndim, eps, *_with_rows(input, ndim, eps, mean, rstd)


layer_norm_weight_backward.vjp(
    grad=lambda g, input, ndim, eps: g * layer_norm(input, None, None, ndim, eps),
    input=lambda g, grad, input, ndim, eps, mean, rstd: layer_norm_backward(
        g * grad, input, ndim, eps, mean, rstd
    ),
)


@op(samples=AFFINE, cpu=given, device=given)
def layer_norm(input: Tensor, weight, bias, ndim, eps, mean=None, rstd=None, value=None):
    """(x - <x>) / sqrt(var + eps) over the last ndim dims, * weight + bias."""
    shape = tuple(floating("layer_norm", input).shape)[input.ndim - ndim :]
    for name, t in (("weight", weight), ("bias", bias)):
        if t is not None and tuple(tensor("layer_norm", t, name).shape) != shape:
            raise RuntimeError(
                f"layer_norm: {name} has shape {tuple(t.shape)}, the normalised dims of input "
                f"{tuple(input.shape)} are {shape}"
            )
    if value is None:
        value, mean, rstd = layer_norm_forward(input, weight, bias, ndim, eps)
    return input, weight, bias, ndim, eps, mean, rstd, value


def _first_order(g: Any) -> bool:
    return type(g._array) is np.ndarray and not state.grad


def _layer_norm_input(g, input, weight, ndim, eps, mean, rstd):
    if weight is None:
        return layer_norm_backward(g, input, ndim, eps, mean, rstd)
    if type(g._array) is np.ndarray or state.grad:
        return layer_norm_backward(g * weight, input, ndim, eps, mean, rstd)
    there = [t._array for t in (g, input, mean, rstd, weight)]  # one kernel takes the weight along
    return wrap(quiet(on_device("layer_norm_backward"), *there, ndim))


def _layer_norm_weight(g, input, ndim, eps, mean, rstd):
    return layer_norm_weight_backward(g, input, ndim, eps, mean, rstd)


def _layer_norm_all(g, input, weight, ndim, eps, mean, rstd):
    """All three; without a record as one piece of work on the CPU."""
    if weight is not None and _first_order(g):
        arrays = [t._array for t in (g, input, weight)]
        found = quiet(norm.layer_norm_gradients, *arrays, ndim, mean._array, rstd._array)
        return [wrap(array) for array in found]
    by_input = _layer_norm_input(g, input, weight, ndim, eps, mean, rstd)
    by_weight = None if weight is None else _layer_norm_weight(g, input, ndim, eps, mean, rstd)
    return [by_input, by_weight, g]


layer_norm.vjp(
    _layer_norm_all, input=_layer_norm_input, weight=_layer_norm_weight, bias=lambda g: g
)


def but_channels(shape: Any) -> tuple:
    """All dims but dim 1."""
    return (0, *range(2, len(shape)))


def by_channel(t: Any, shape: Any) -> Any:
    """One number a channel, broadcast to the shape of a batch."""
    return t.reshape([-1 if d == 1 else 1 for d in range(len(shape))])


def _of_channels(name: str) -> dict:
    """The kernels of an operation: cpu/channels.py and cuda/channels.py have them."""

    def run(*args: Any) -> Any:
        return getattr(importlib.import_module("tritongrad.cuda.channels"), name)(*args)

    return {"cpu": getattr(channels, name), "device": run}


CHANNELS = [
    (Rand((4, 3)), Rand((3,)), Rand((3,)), 0.1),
    (Rand((2, 3, 2, 2)), Rand((3,)), None, 1e-5),
    (Rand((2, 3, 2)), None, None, 1e-5),
    (Rand((3, 2)), None, Rand((2,)), 1e-5),
]


@op(samples=CHANNELS, **_of_channels("batch_norm_forward"))
def batch_norm_forward(input: Tensor, weight, bias, eps):
    """(batch_norm in training, mean, variance of each channel), not recorded."""
    floating("batch_norm", input)
    return input, weight, bias, eps


@op(
    samples=[
        (Rand((4, 3)), Rand((4, 3)), None, 0.1),
        (Rand((2, 3, 2)), Rand((2, 3, 2)), Rand((3,)), 0.1),
    ],
    **_of_channels("batch_norm_backward"),
)
def batch_norm_backward(grad: Tensor, input: Tensor, weight, eps, mean=None, var=None):
    """The gradient of batch_norm in training by input: weight r (grad - <grad> - y <grad y>)."""
    if var is None:
        _, mean, var = batch_norm_forward(input, None, None, eps)
    return grad, input, weight, eps, mean, var


def _weighted(t: Any, weight: Any) -> Any:
    return t if weight is None else t * by_channel(weight, t.shape)


batch_norm_backward.vjp(
    grad=lambda g, input, weight, eps, mean, var: batch_norm_backward(
        g, input, weight, eps, mean, var
    ),
    input=lambda g, grad, input, weight, eps: curvature(
        _weighted(g, weight), grad, input, but_channels(input.shape), eps
    ),
    weight=lambda g, grad, input, eps, mean, var: sum(
        g * batch_norm_backward(grad, input, None, eps, mean, var), but_channels(input.shape)
    ),
)
FIXED = (Rand((3,), -0.1, 0.1), Rand((3,), 1.0, 1.2))


@op(
    samples=[
        *[(*args, True) for args in CHANNELS],
        (Rand((2, 3, 2)), Rand((3,)), Rand((3,)), 1e-5, False, *FIXED),
        (Rand((4, 3)), None, None, 1e-5, False, *FIXED),
    ],
    **_of_channels("batch_norm"),
)
def batch_norm(input: Tensor, weight, bias, eps, training, mean=None, var=None, value=None):
    """(x - mean) / sqrt(var + eps) * weight + bias, with one of each for each channel (dim 1).

    In training mean and var are those of input over the other dims, and its gradient counts them.
    """
    floating("batch_norm", input)
    if var is None:
        value, mean, var = batch_norm_forward(input, weight, bias, eps)
    return input, weight, bias, eps, training, mean, var, value


def _batch_norm_input(g, input, weight, eps, training, mean, var):
    if training:
        return batch_norm_backward(g, input, weight, eps, mean, var)
    return _weighted(g, weight) * by_channel((var + eps).rsqrt(), g.shape)


def _batch_norm_weight(g, input, eps, training, mean, var):
    y = batch_norm(input, None, None, eps, training, mean, var)
    return sum(g * y, but_channels(g.shape))


def _batch_norm_bias(g):
    return sum(g, but_channels(g.shape))


def _batch_norm_all(g, input, weight, eps, training, mean, var):
    """All three; in training without a record as one piece of work on the CPU."""
    if training and _first_order(g):
        scales = None if weight is None else weight._array
        arrays = g._array, input._array, scales, eps, mean._array, var._array
        return [wrap(array) for array in quiet(channels.batch_norm_gradients, *arrays)]
    fixed = eps, training, mean, var
    by_input = _batch_norm_input(g, input, weight, *fixed)
    by_weight = None if weight is None else _batch_norm_weight(g, input, *fixed)
    return [by_input, by_weight, _batch_norm_bias(g)]


batch_norm.vjp(
    _batch_norm_all,
    input=_batch_norm_input,
    weight=_batch_norm_weight,
    bias=_batch_norm_bias,
)
