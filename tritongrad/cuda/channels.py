"""Batch normalisation of device arrays: one mean and variance a channel, dim 1 of the batch."""

from __future__ import annotations

import numpy as np

from tritongrad.cuda import reduce
from tritongrad.cuda.array import DeviceArray
from tritongrad.cuda.elementwise import elementwise
from tritongrad.cuda.types import accumulator


def by_channel(t: DeviceArray, x: DeviceArray) -> DeviceArray:
    """One number a channel, in the type to compute x in, as a shape that broadcasts to x."""
    shape = tuple(t.size if d == 1 else 1 for d in range(x.ndim))
    return cast(t, accumulator(x.dtype)).reshape(shape)


def cast(x: DeviceArray, dtype: np.dtype) -> DeviceArray:
    return x if x.dtype == dtype else x.astype(dtype)


def standard(
    x: DeviceArray, mean: DeviceArray, var: DeviceArray, eps: float
) -> tuple[DeviceArray, DeviceArray]:
    """(x - mean) / sqrt(var + eps), and 1 / sqrt(var + eps) of each channel"""
    scale = elementwise("rsqrt", elementwise("add", by_channel(var, x), eps))
    away = elementwise("sub", cast(x, accumulator(x.dtype)), by_channel(mean, x))
    return elementwise("mul", away, scale), scale


def batch_norm(
    x: DeviceArray, weight: DeviceArray | None, bias: DeviceArray | None, eps: float,
    training: bool, mean: DeviceArray, var: DeviceArray,
) -> DeviceArray:  # fmt: skip
    """(x - mean) / sqrt(var + eps) * weight + bias"""
    y, _ = standard(x, mean, var, eps)
    if weight is not None:
        y = elementwise("mul", y, by_channel(weight, x))
    if bias is not None:
        y = elementwise("add", y, by_channel(bias, x))
    return cast(y, x.dtype)


def batch_norm_sums(
    grad: DeviceArray, x: DeviceArray, eps: float, mean: DeviceArray, var: DeviceArray
) -> tuple[DeviceArray, DeviceArray]:
    """For each channel the sums of grad and of grad * y, with y = (x - mean) / sqrt(var + eps)"""
    y, _ = standard(x, mean, var, eps)
    grad, over = cast(grad, y.dtype), (0, *range(2, x.ndim))
    along = elementwise("mul", grad, y)
    return reduce.sum(grad, over, False, y.dtype), reduce.sum(along, over, False, y.dtype)


def batch_norm_backward(
    grad: DeviceArray, x: DeviceArray, weight: DeviceArray | None, eps: float, mean: DeviceArray,
    var: DeviceArray, level: DeviceArray, slope: DeviceArray,
) -> DeviceArray:  # fmt: skip
    """weight r (grad - <grad> - y <grad y>), with <> the mean of a channel"""
    y, scale = standard(x, mean, var, eps)
    grad, n = cast(grad, y.dtype), x.size // max(x.shape[1], 1)
    level, slope = (elementwise("mul", by_channel(t, x), 1 / max(n, 1)) for t in (level, slope))
    rest = elementwise("sub", elementwise("sub", grad, level), elementwise("mul", y, slope))
    if weight is not None:
        scale = elementwise("mul", scale, by_channel(weight, x))
    return cast(elementwise("mul", rest, scale), x.dtype)
