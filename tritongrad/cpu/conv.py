"""Convolution of images (batch, channels, height, width) on NumPy, and its gradients.

Patches are copied, a block at a time, and BLAS does the rest. Where a patch has few elements they
lie in the order of planes (conv_planes), else the channels of a pixel side by side (conv_pixels).
"""

import math
from typing import Any

import numpy as np

from tritongrad.windows import Pair, pair

from . import conv_pixels, conv_planes
from .conv_pixels import share_jobs
from .conv_spread import spread_out
from .patches import plan_of

SHORT = 64  # elements of a patch up to which it may lie as planes do


def conv2d(x, w, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups=1):
    """out[n, o, h, ..] = sum over c, r, s of x[n, c, h * stride - padding + r * dilation, ..] w"""
    work = forward(x, w, pair(stride), pair(padding), pair(dilation), groups)
    share_jobs(work.jobs(), work.plan.flop)
    return work.result()


def conv2d_grad_weight(
    g, x, w_shape, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups=1
):
    """The gradient of conv2d's weight, for the gradient g of its result."""
    work = of_weight(g, x, tuple(w_shape), pair(stride), pair(padding), pair(dilation), groups)
    share_jobs(work.jobs(), work.plan.flop)
    return work.result()


def conv2d_grad_input(
    g, w, x_shape, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups=1
):
    """The gradient of conv2d's input."""
    steps = pair(stride), pair(padding), pair(dilation)
    reach = turning(w, *steps)
    if reach is None:
        return spread_out(g, w, tuple(x_shape), *steps, groups)
    return conv2d(g, turned(w, groups), 1, reach, dilation, groups)


def conv2d_gradients(g, x, w, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups=1):
    """The gradients of conv2d's input and weight, shared among threads as one piece of work."""
    steps = pair(stride), pair(padding), pair(dilation)
    weight = of_weight(g, x, w.shape, *steps, groups)
    reach = turning(w, *steps)
    if reach is None:
        share_jobs(weight.jobs(), weight.plan.flop)
        return spread_out(g, w, x.shape, *steps, groups), weight.result()
    input = forward(g, turned(w, groups), (1, 1), reach, steps[2], groups)
    share_jobs([*input.jobs(), *weight.jobs()], input.plan.flop + weight.plan.flop)
    return input.result(), weight.result()


def forward(x, w, stride: Pair, padding: Pair, dilation: Pair, groups: int) -> Any:
    """The work of a convolution."""
    plan = plan_of(x.shape, w.shape, stride, padding, dilation, groups)
    planes = in_planes(w.shape, groups) or conv_planes.whole(w.shape, stride, padding)
    return (conv_planes if planes else conv_pixels).Forward(x, w, plan)


def of_weight(
    g, x, w_shape: tuple, stride: Pair, padding: Pair, dilation: Pair, groups: int
) -> Any:
    """The work of the gradient of its weight."""
    plan = plan_of(x.shape, w_shape, stride, padding, dilation, groups)
    return (conv_planes if in_planes(w_shape, groups) else conv_pixels).Weight(g, x, w_shape, plan)


def in_planes(w_shape: tuple, groups: int) -> bool:
    """Whether patches are to lie in the order of planes."""
    return groups > 1 or math.prod(w_shape[1:]) <= SHORT


def turning(w: np.ndarray, stride: Pair, padding: Pair, dilation: Pair) -> Pair | None:
    """The padding with which g, convolved with the kernel turned round, is the gradient of the
    input; None where that is not so simple."""
    reach = pair([d * (k - 1) - p for d, k, p in zip(dilation, w.shape[2:], padding, strict=True)])
    return reach if stride == (1, 1) and min(reach) >= 0 else None


def turned(w: np.ndarray, groups: int) -> np.ndarray:
    """The kernel turned round, its filters and channels exchanged."""
    filters, depth = len(w) // groups, w.shape[1]
    whole = w.reshape(groups, filters, *w.shape[1:]).swapaxes(1, 2)[..., ::-1, ::-1]
    return whole.reshape(groups * depth, filters, *w.shape[2:])
