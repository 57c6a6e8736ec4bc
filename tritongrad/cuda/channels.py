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


def batch_norm_forward(
    x: DeviceArray, weight: DeviceArray | None, bias: DeviceArray | None, eps: float
) -> tuple[DeviceArray, DeviceArray, DeviceArray]:
    """batch_norm in training, and the mean and variance of each channel"""
    wide, over = cast(x, accumulator(x.dtype)), (0, *range(2, x.ndim))
    mean, var = reduce.mean(wide, over), reduce.var(wide, over, 0)
    return batch_norm(x, weight, bias, eps, True, mean, var, None), mean, var


def batch_norm(
    x: DeviceArray, weight: DeviceArray | None, bias: DeviceArray | None, eps: float,
    training: bool, mean: DeviceArray, var: DeviceArray, value: DeviceArray | None,
) -> DeviceArray:  # fmt: skip
    """(x - mean) / sqrt(var + eps) * weight + bias, unless that is known"""
    if value is not None:
        return value
    y, _ = standard(x, mean, var, eps)
    if weight is not None:
        y = elementwise("mul", y, by_channel(weight, x))
    if bias is not None:
        y = elementwise("add", y, by_channel(bias, x))
    return cast(y, x.dtype)


def batch_norm_backward(
    grad: DeviceArray, x: DeviceArray, weight: DeviceArray | None, eps: float, mean: DeviceArray,
    var: DeviceArray,
) -> DeviceArray:  # fmt: skip
    """weight r (grad - <grad> - y <grad y>), with <> the mean of a channel"""
    y, scale = standard(x, mean, var, eps)
    grad, over = cast(grad, y.dtype), (0, *range(2, x.ndim))
    level = reduce.mean(grad, over, True)
    slope = reduce.mean(elementwise("mul", grad, y), over, True)
    rest = elementwise("sub", elementwise("sub", grad, level), elementwise("mul", y, slope))
    if weight is not None:
        scale = elementwise("mul", scale, by_channel(weight, x))
    return cast(elementwise("mul", rest, scale), x.dtype)
