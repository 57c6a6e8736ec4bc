"""Pooling of images (batch, channels, height, width)."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from tritongrad.autograd.modes import quiet
from tritongrad.autograd.variable import wrap
from tritongrad.front import front
from tritongrad.op import op
from tritongrad.samples import Rand
from tritongrad.windows import adapted, one
from tritongrad.windows import pair as pair_of

from .dims import floating, tensor
from .reduce import mean

Tensor = Any


def on_device(name: str) -> Any:
    """A function of cuda/conv.py, found when it is first needed."""

    def run(*args: Any) -> Any:
        return getattr(importlib.import_module("tritongrad.cuda.conv"), name)(*args)

    return run


def _pairs(kernel: Any, stride: Any, padding: Any, dilation: Any) -> tuple:
    kernel = pair_of(kernel)
    stride = kernel if stride is None or stride == () else pair_of(stride)
    return kernel, stride, pair_of(padding), pair_of(dilation)


POOLED = [
    (Rand((2, 3, 6, 4), distinct=True), 2, None, 0),
    (Rand((1, 1, 5, 7), distinct=True), (3, 2), (1, 2), 1),
]


def max_pool2d_choice(input: Any, *steps: Any) -> tuple:
    """(largest element of each window, which it is, in the device's own form), not recorded."""
    array = tensor("max_pool2d", input)._array
    if type(array) is np.ndarray:
        kernel = importlib.import_module("tritongrad.cpu.pooling").max_pool2d_choice
    else:
        kernel = on_device("max_pool2d")
    value, at = quiet(kernel, array, *steps)
    return wrap(value), wrap(at)


@op(samples=[(*p, 1, False) for p in POOLED], device=on_device("max_pool2d"))
def max_pool2d_with_indices(input: Tensor, kernel, stride, padding, dilation, ceil_mode):
    """(largest element of each window, its position in the plane), not recorded."""
    return tensor("max_pool2d", input), *_pairs(kernel, stride, padding, dilation), ceil_mode


CHOSEN = [(Rand(p[0].shape), *p[1:], 1, False, p[0]) for p in POOLED]


@op(
    samples=[(Rand((2, 3, 3, 2)), (2, 3, 6, 4), *CHOSEN[0][1:])],
    device=lambda g, shape, kernel, stride, padding, dilation, ceil_mode, of, at: on_device(
        "max_pool2d_backward"
    )(g, at, shape, kernel, stride, padding, dilation, ceil_mode),
)
def max_pool2d_backward(
    grad: Tensor, shape, kernel, stride, padding, dilation, ceil_mode, of=None, at=None
):
    """The gradient of max_pool2d, whose input has `shape`: added where the largest elements were.

    Those are what max_pool2d_choice says: `at`, or what it says of `of`.
    """
    steps = (*_pairs(kernel, stride, padding, dilation), ceil_mode)
    if at is None:
        at = max_pool2d_choice(of, *steps)[1]
    return grad, tuple(shape), *steps, None, at


def _taken(x: Any, *steps: Any) -> Any:
    """On a device `at` is the position in the plane."""
    *_, at, value = steps
    flat = x.reshape((*x.shape[:-2], -1))
    if value is not None:
        return value
    take = importlib.import_module("tritongrad.cuda.index").gather
    return take(flat, -1 % flat.ndim, at.reshape((*at.shape[:-2], -1))).reshape(at.shape)


@op(samples=CHOSEN, device=_taken)
def max_pool2d_take(
    input: Tensor, kernel, stride, padding, dilation, ceil_mode, of=None, at=None, value=None
):
    """For each window the element of input where the largest of `of` is."""
    steps = (*_pairs(kernel, stride, padding, dilation), ceil_mode)
    if at is None:
        at = max_pool2d_choice(of, *steps)[1]
    return input, *steps, None, at, value


max_pool2d_take.vjp(
    input=lambda g, input_shape, kernel, stride, padding, dilation, ceil_mode, at: (
        max_pool2d_backward(g, input_shape, kernel, stride, padding, dilation, ceil_mode, None, at)
    )
)
max_pool2d_backward.vjp(
    grad=lambda g, kernel, stride, padding, dilation, ceil_mode, at: max_pool2d_take(
        g, kernel, stride, padding, dilation, ceil_mode, None, at
    )
)


@front()
def max_pool2d(
    input,
    kernel_size,
    stride=None,
    padding=0,
    dilation=1,
    ceil_mode=False,
    return_indices=False,
):
    """The largest element of each window; its gradient goes there."""
    steps = (*_pairs(kernel_size, stride, padding, dilation), ceil_mode)
    value, at = max_pool2d_choice(input, *steps)
    y = max_pool2d_take(input, *steps, None, at, value)
    return (y, max_pool2d_with_indices(input.detach(), *steps)[1]) if return_indices else y


@front()
def max_pool1d(input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False):
    """max_pool2d of (batch, channels, length)."""
    stride = kernel_size if stride is None else stride
    args = [(1, one(n)) for n in (kernel_size, stride)]
    y = max_pool2d(input.unsqueeze(-2), *args, (0, one(padding)), (1, one(dilation)), ceil_mode)
    return y.squeeze(-2)


MEANS = [(*p, False, True, None) for p in POOLED] + [
    (Rand((1, 1, 5, 7)), (3, 2), (2, 2), 1, True, False, None)
]


def _windows(input, kernel_size, stride, padding, *rest):
    kernel = pair_of(kernel_size)
    stride = kernel if stride is None or stride == () else pair_of(stride)
    return input, kernel, stride, pair_of(padding), *rest


@op(samples=MEANS, device=on_device("avg_pool2d"))
def avg_pool2d(
    input: Tensor,
    kernel_size,
    stride=None,
    padding=0,
    ceil_mode=False,
    count_include_pad=True,
    divisor_override=None,
):
    """The mean of each window."""
    floating("avg_pool2d", input)
    return _windows(
        input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
    )


@op(
    samples=[(Rand((2, 3, 3, 2)), (2, 3, 6, 4), 2, 2, 0, False, True, None)],
    device=on_device("avg_pool2d_backward"),
)
def avg_pool2d_backward(
    grad: Tensor,
    shape,
    kernel_size,
    stride,
    padding,
    ceil_mode,
    count_include_pad,
    divisor_override,
):
    """The gradient of avg_pool2d, whose input has `shape`: shared out over each window."""
    rest = _windows(
        None, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
    )
    return grad, tuple(shape), *rest[1:]


def _avg_pool_input(
    g, input_shape, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
):
    return avg_pool2d_backward(
        g, input_shape, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
    )


def _avg_pool_grad(g, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override):
    return avg_pool2d(
        g, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
    )


avg_pool2d.vjp(input=_avg_pool_input)
avg_pool2d_backward.vjp(grad=_avg_pool_grad)


@front()
def adaptive_avg_pool2d(input, output_size):
    """The means of equal parts of each image, as many as output_size says."""
    size = adapted("adaptive_avg_pool2d", input.shape, output_size)
    if size == (1, 1):
        return mean(input, (-2, -1), True)
    if any(n % want for n, want in zip(input.shape[-2:], size, strict=True)):
        raise RuntimeError(
            f"adaptive_avg_pool2d: the size {tuple(input.shape[-2:])} of input must be divisible "
            f"by output_size {size}"
        )
    kernel = tuple(n // want for n, want in zip(input.shape[-2:], size, strict=True))
    return avg_pool2d(input, kernel)
