"""Batch normalisation on NumPy: a few passes over blocks of images.

x - mean is taken with the nearest number to the mean, which is exact near it, and what that number
lacks is put right afterwards.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

import numpy as np

from tritongrad.dtype import FLOAT64

from . import rows
from .nn import wide
from .norm import GROUP, add_groups
from .pool import empty

Array = np.ndarray
LONG = 512  # elements of a plane from which loops along it are long enough
FEW = 4  # elements of a plane for each image of a group below which sums along planes are slower


@functools.lru_cache(maxsize=256)
def lie(images: int, channels: int, n: int) -> tuple[bool, tuple]:
    """Whether sums run along planes, and the shape: (images, channels, elements of a plane).

    Where they do not, it is (groups, images of a group, channels * elements).
    """
    group = max(k for k in range(1, GROUP + 1) if images % k == 0)
    if n >= FEW * group:
        return True, (images, channels, n)
    return False, (images // group, group, channels * n)


class Planes:
    """A batch x in such a shape and in float32 at least, and `away`, which becomes x - mean.

    Sums run along planes, or over the images of a group, in that type; the rest in float64.
    """

    def __init__(self, x: Array) -> None:
        self.channels, self.n = x.shape[1], math.prod(x.shape[2:])
        self.count = max(len(x) * self.n, 1)  # elements of a channel
        self.along, self.shape = lie(len(x), self.channels, self.n)
        self.x = self.array(x)
        self.away = empty(self.shape, self.x.dtype)

    def array(self, t: Array) -> Array:
        """Another batch likewise."""
        return np.ascontiguousarray(wide(t)).reshape(self.shape)

    def column(self, t: Array) -> Array:
        """A number for each channel, in the type of x and a shape that broadcasts to it."""
        t = t.astype(self.x.dtype, copy=False)
        if self.n >= LONG:
            return t[:, None]
        t = t.repeat(self.n)  # NumPy likes long loops
        return t.reshape(self.shape[1:]) if self.along else t

    def in_blocks(self, work: Callable) -> None:
        """work(first, last) of images or groups, by the team if that pays."""
        rows.in_blocks(self.shape[0], self.shape[1] * self.shape[2], work)

    def sums(self, terms: Callable) -> Array:
        """The sum over each channel of an array or the product of two: terms(first, last)."""
        if self.along:
            parts = np.empty(self.shape[:2], FLOAT64)
        else:
            parts = np.empty((self.shape[0], self.shape[2]), self.x.dtype)

        def work(i: int, j: int) -> None:
            arrays = terms(i, j)
            if self.along:
                parts[i:j] = rows.sums(*arrays) if len(arrays) == 1 else rows.dots(*arrays)
            else:
                add_groups(arrays, parts[i:j])

        self.in_blocks(work)
        if self.along:
            return np.add.reduce(parts, 0)
        return np.add.reduce(parts.reshape(len(parts), self.channels, self.n), (0, 2), FLOAT64)

    def centre(self, mean: Array) -> tuple[Array, Callable]:
        """What the numbers nearest to the means lack, and what takes these from a block of x."""
        near = mean.astype(self.x.dtype)
        column = self.column(near)

        def centred(i: int, j: int) -> Array:
            return np.subtract(self.x[i:j], column, out=self.away[i:j])

        return mean - near, centred


def factor(var: Array, eps: float) -> Array:
    """1 / sqrt(var + eps)"""
    return 1 / np.sqrt(var.astype(FLOAT64, copy=False) + eps)


def _finish(
    planes: Planes, away: Callable, weight: Array | None, bias: Array | None, scale: Array,
    rest: Array,
) -> None:  # fmt: skip
    """(x - mean) * scale * weight + bias in place of each block that away(first, last) gives."""
    scale = scale if weight is None else scale * weight
    shift = -rest * scale if bias is None else bias - rest * scale
    times, plus = planes.column(scale), planes.column(shift)

    def work(i: int, j: int) -> None:
        block = away(i, j)
        np.multiply(block, times, out=block)
        np.add(block, plus, out=block)

    planes.in_blocks(work)


def batch_norm_forward(
    x: Array, weight: Array | None, bias: Array | None, eps: float
) -> tuple[Array, Array, Array]:
    """batch_norm in training, and the mean and variance of each channel, in float32 at least."""
    planes = Planes(x)
    mean = planes.sums(lambda i, j: (planes.x[i:j],)) / planes.count
    rest, centred = planes.centre(mean)
    square = planes.sums(lambda i, j: (centred(i, j), planes.away[i:j]))
    var = np.maximum(square / planes.count - rest * rest, 0)
    _finish(planes, lambda i, j: planes.away[i:j], weight, bias, factor(var, eps), rest)
    value = planes.away.reshape(x.shape).astype(x.dtype, copy=False)
    return value, mean.astype(planes.x.dtype), var.astype(planes.x.dtype)


def batch_norm(
    x: Array, weight: Array | None, bias: Array | None, eps: float, training: bool, mean: Array,
    var: Array, value: Array | None,
) -> Array:  # fmt: skip
    """(x - mean) / sqrt(var + eps) * weight + bias, unless that is known."""
    if value is not None:
        return value
    planes = Planes(x)
    rest, centred = planes.centre(mean)
    _finish(planes, centred, weight, bias, factor(var, eps), rest)
    return planes.away.reshape(x.shape).astype(x.dtype, copy=False)


def batch_norm_gradients(
    grad: Array, x: Array, weight: Array | None, eps: float, mean: Array, var: Array
) -> tuple[Array, Array, Array]:
    """The gradients of batch_norm in training by input, weight and bias.

    By input: weight r (grad - <grad> - y <grad y>), with y = (x - mean) r, r = 1 / sqrt(var + eps)
    and <> the mean of a channel.
    """
    planes = Planes(x)
    g = planes.array(grad)
    _, centred = planes.centre(mean)  # they lack nothing: batch_norm_forward has rounded them
    r = factor(var, eps)
    by_bias = planes.sums(lambda i, j: (g[i:j],))
    along = planes.sums(lambda i, j: (g[i:j], centred(i, j)))
    by_weight = along * r
    bend = -by_weight * r / planes.count
    shift = -by_bias / planes.count
    scale = r if weight is None else r * weight
    times, plus, scale = [planes.column(t) for t in (bend, shift, scale)]

    def finish(i: int, j: int) -> None:
        away = planes.away[i:j]
        np.multiply(away, times, out=away)
        np.add(away, plus, out=away)
        np.add(away, g[i:j], out=away)
        np.multiply(away, scale, out=away)

    planes.in_blocks(finish)
    by_input = planes.away.reshape(x.shape).astype(grad.dtype, copy=False)
    return by_input, by_weight.astype(planes.x.dtype), by_bias.astype(planes.x.dtype)


def batch_norm_backward(
    grad: Array, x: Array, weight: Array | None, eps: float, mean: Array, var: Array
) -> Array:
    """The first of them."""
    return batch_norm_gradients(grad, x, weight, eps, mean, var)[0]
