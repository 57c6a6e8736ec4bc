"""Convolution of images (batch, channels, height, width)."""

from __future__ import annotations

from typing import Any

import numpy as np

from tritongrad.autograd.modes import quiet, state
from tritongrad.autograd.variable import wrap
from tritongrad.cpu.conv import conv2d_gradients
from tritongrad.front import front
from tritongrad.op import op
from tritongrad.samples import Rand
from tritongrad.windows import geometry, one
from tritongrad.windows import pair as pair_of

from . import shape as shapes
from .dims import floating, tensor

Tensor = Any

IMAGES = [
    (Rand((2, 2, 5, 4)), Rand((3, 2, 3, 2)), 1, 0, 1, 1),
    (Rand((1, 2, 6, 5)), Rand((2, 1, 2, 3)), (2, 1), (1, 2), (1, 2), 2),
]


def _steps(stride: Any, padding: Any, dilation: Any) -> tuple:
    return pair_of(stride), pair_of(padding), pair_of(dilation)


def _check(input: Any, weight: Any) -> None:
    floating("conv2d", input)
    if tensor("conv2d", weight, "weight").dtype is not input.dtype:
        raise RuntimeError(
            f"conv2d: input is {input.dtype} and weight is {weight.dtype}: convert one with "
            ".to(dtype)"
        )


def _check_grad(op: str, grad: Any, other: Any, input: tuple, weight: tuple, *steps: Any) -> None:
    """The gradient of a convolution has its result's shape, of which kernels read all."""
    floating(op, grad, "grad")
    if other.dtype is not grad.dtype:
        raise RuntimeError(f"{op}: dtypes {grad.dtype} and {other.dtype} differ; convert one")
    size = geometry(op, input, weight, *steps)[0]
    expected = (input[0], weight[0], *size)
    if tuple(grad.shape) != expected:
        raise RuntimeError(
            f"{op}: grad has shape {tuple(grad.shape)}, but the result for input {input} and "
            f"weight {weight} has {expected}"
        )


@op(samples=IMAGES)
def conv2d(input: Tensor, weight: Tensor, stride=1, padding=0, dilation=1, groups=1):
    """Sums of products of weight with the patches of images, `groups` of channels apart."""
    _check(input, weight)
    shapes = tuple(input.shape), tuple(weight.shape)
    geometry("conv2d", *shapes, stride, padding, dilation, groups)
    return input, weight, *_steps(stride, padding, dilation), groups


@op(
    samples=[
        (Rand((2, 3, 3, 3)), Rand((3, 2, 3, 2)), (2, 2, 5, 4), 1, 0, 1, 1),
        (Rand((1, 2, 4, 5)), Rand((2, 1, 2, 3)), (1, 2, 6, 5), (2, 1), (1, 2), (1, 2), 2),
    ]
)
def conv2d_grad_input(grad: Tensor, weight: Tensor, shape, stride, padding, dilation, groups):
    """The gradient of conv2d by its input, which has `shape`: a transposed convolution."""
    shape, steps = tuple(shape), (*_steps(stride, padding, dilation), groups)
    _check_grad("conv2d_grad_input", grad, weight, shape, tuple(weight.shape), *steps)
    return grad, weight, shape, *steps


@op(
    samples=[
        (Rand((2, 3, 3, 3)), Rand((2, 2, 5, 4)), (3, 2, 3, 2), 1, 0, 1, 1),
        (Rand((1, 2, 4, 5)), Rand((1, 2, 6, 5)), (2, 1, 2, 3), (2, 1), (1, 2), (1, 2), 2),
    ]
)
def conv2d_grad_weight(grad: Tensor, input: Tensor, shape, stride, padding, dilation, groups):
    """The gradient of conv2d by its weight, which has `shape`."""
    shape, steps = tuple(shape), (*_steps(stride, padding, dilation), groups)
    _check_grad("conv2d_grad_weight", grad, input, tuple(input.shape), shape, *steps)
    return grad, input, shape, *steps


def _both(g, input, weight, stride, padding, dilation, groups):
    """The gradients of input and weight; without a record as one piece of work on the CPU."""
    steps = stride, padding, dilation, groups
    if type(g._array) is np.ndarray and not state.grad:
        arrays = [t._array for t in (g, input, weight)]
        return [wrap(array) for array in quiet(conv2d_gradients, *arrays, *steps)]
    return [
        conv2d_grad_input(g, weight, tuple(input.shape), *steps),
        conv2d_grad_weight(g, input, tuple(weight.shape), *steps),
    ]


conv2d.vjp(
    _both,
    input=lambda g, weight, input_shape, stride, padding, dilation, groups: conv2d_grad_input(
        g, weight, input_shape, stride, padding, dilation, groups
    ),
    weight=lambda g, input, weight_shape, stride, padding, dilation, groups: conv2d_grad_weight(
        g, input, weight_shape, stride, padding, dilation, groups
    ),
)
conv2d_grad_input.vjp(
    grad=lambda g, weight, stride, padding, dilation, groups: _conv(
        g, weight, stride, padding, dilation, groups
    ),
    weight=lambda g, grad, weight_shape, stride, padding, dilation, groups: conv2d_grad_weight(
        grad, g, weight_shape, stride, padding, dilation, groups
    ),
)
conv2d_grad_weight.vjp(
    grad=lambda g, input, stride, padding, dilation, groups: _conv(
        input, g, stride, padding, dilation, groups
    ),
    input=lambda g, grad, input_shape, stride, padding, dilation, groups: conv2d_grad_input(
        grad, g, input_shape, stride, padding, dilation, groups
    ),
)
_conv = conv2d


@front(_conv)
def conv2d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Sums of products of weight with the patches of images, plus one bias a filter.

    padding may be "valid" (none) or "same" (the result has the size of the input).
    """
    _check(input, weight)
    single = input.ndim == 3
    x = input.unsqueeze(0) if single else input
    dilation = pair_of(dilation)
    if padding == "valid":
        padding = 0
    elif padding == "same":
        if pair_of(stride) != (1, 1):
            raise RuntimeError("conv2d: padding='same' is not supported for strided convolutions")
        reach = [d * (k - 1) for d, k in zip(dilation, weight.shape[2:], strict=True)]
        padding = [n // 2 for n in reach]
        if any(n % 2 for n in reach):
            x = shapes.pad(x, (0, reach[1] % 2, 0, reach[0] % 2))
    y = _conv(x, weight, stride, padding, dilation, groups)
    if bias is not None:
        y = y + bias.reshape(1, -1, 1, 1)
    return y.squeeze(0) if single else y


@front()
def conv1d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """conv2d of (batch, channels, length): images of height 1."""
    pad = padding if isinstance(padding, str) else (0, one(padding))
    y = conv2d(
        input.unsqueeze(-2),
        weight.unsqueeze(-2),
        bias,
        (1, one(stride)),
        pad,
        (1, one(dilation)),
        groups,
    )
    return y.squeeze(-2)


@front()
def conv_transpose2d(
    input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1
):
    """The gradient of conv2d by its input, as a layer: each pixel spreads weight over a patch."""
    _check(input, weight)
    stride, padding, dilation = _steps(stride, padding, dilation)
    extra = pair_of(output_padding)
    size = [
        (n - 1) * s - 2 * p + d * (k - 1) + e + 1
        for n, s, p, d, k, e in zip(
            input.shape[2:], stride, padding, dilation, weight.shape[2:], extra, strict=True
        )
    ]
    shape = (input.shape[0], weight.shape[1] * groups, *size)
    y = conv2d_grad_input(input, weight, shape, stride, padding, dilation, groups)
    return y if bias is None else y + bias.reshape(1, -1, 1, 1)
