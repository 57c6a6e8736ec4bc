"""Batch normalisation on NumPy: a few passes over blocks of images that stay in the cache.

Sums run along the contiguous rows of each channel in float32 (pairwise, by NumPy) or, where those
are short, over a few images; the rest in float64. x - mean is taken with the nearest number to the
mean, which is exact near it, and what that number lacks is put right afterwards.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from tritongrad.dtype import FLOAT32, FLOAT64

from .pool import empty
from .scratch import little_room
from .team import cuts, team

Array = np.ndarray
BLOCK = 1 << 17  # elements worked on at a time
SPLIT = 1 << 18  # elements from which a second thread pays for its wake-up
LONG = 512  # elements of a plane from which loops along it are long enough
GROUP = 16  # images that are added up in float32
add = np.add.reduce


def planes(x: Array) -> Array:
    """(images, channels, elements)"""
    return x.reshape(*x.shape[:2], -1) if x.size else x.reshape(*x.shape[:2], 0)


def narrow(x: Array) -> np.dtype:
    """The type to compute in."""
    return FLOAT64 if x.dtype == FLOAT64 else FLOAT32


def in_blocks(work: Callable, x: Array) -> int:
    """work(block, its number) for blocks of images, by the team; how many blocks there are."""
    step = max(BLOCK // max(x[:1].size, 1), 1)
    count = -(-len(x) // step)

    def part(start: int, stop: int) -> None:
        with little_room(math.prod(x.shape[1:])):
            for k in range(start, stop):
                work(slice(k * step, min((k + 1) * step, len(x))), k)

    if x.size < SPLIT or count < 2:
        part(0, count)
    else:
        team().run(part, cuts(count, 1))
    return count


def summed(x: Array, terms: Callable, outputs: int) -> Array:
    """The sums over each channel of what terms(block) gives, in float64: (outputs, channels)."""
    step = max(BLOCK // max(x[:1].size, 1), 1)
    found = np.zeros((outputs, -(-len(x) // step), x.shape[1]))

    def work(block: slice, k: int) -> None:
        for i, values in enumerate(terms(block)):
            if x.shape[2] >= LONG:
                add(add(values, 2), 0, FLOAT64, found[i, k])
            else:  # rows are too short to add up along: from image to image, in small groups
                groups = [add(values[n : n + GROUP], 0) for n in range(0, len(values), GROUP)]
                add(np.array(groups), (0, 2), FLOAT64, found[i, k])

    in_blocks(work, x)
    return add(found, 1)


def column(t: Array, x: Array, dtype: np.dtype) -> Array:
    """One number a channel, as a shape that broadcasts to (images, channels, elements)."""
    t = t.astype(dtype).reshape(-1, 1)
    return t if x.shape[2] >= LONG else np.repeat(t, x.shape[2], 1)  # NumPy likes long loops


def split(mean: Array, x: Array, dtype: np.dtype) -> tuple[Array, Array]:
    """The nearest numbers of a dtype to the means, as a column, and what they lack."""
    near = mean.astype(dtype)
    return column(near, x, dtype), mean.astype(FLOAT64) - near


def channel_statistics(x: Array) -> tuple[Array, Array]:
    """(mean, variance) of each channel, in float64."""
    x, wide = planes(x), narrow(x)
    n = max(x.size // max(x.shape[1], 1), 1)
    (total,) = summed(x, lambda block: (x[block].astype(wide, copy=False),), 1)
    mean = total / n
    near, rest = split(mean, x, wide)

    def squares(block: slice) -> tuple:
        away = np.subtract(x[block], near, out=empty(x[block].shape, wide))
        return (np.multiply(away, away, out=away),)

    (square,) = summed(x, squares, 1)
    return mean, np.maximum(square / n - rest * rest, 0)


def batch_norm(
    x: Array,
    weight: Array | None,
    bias: Array | None,
    eps: float,
    training: bool,
    mean: Array,
    var: Array,
) -> Array:
    """(x - mean) / sqrt(var + eps) * weight + bias"""
    shape, dtype, wide = x.shape, x.dtype, narrow(x)
    x = planes(x)
    near, rest = split(mean, x, wide)
    scale = 1 / np.sqrt(var.astype(FLOAT64) + eps)
    if weight is not None:
        scale = scale * weight
    shift = -rest * scale
    if bias is not None:
        shift = shift + bias
    factor, addend = column(scale, x, wide), column(shift, x, wide)
    out = empty(x.shape, dtype)

    def work(block: slice, k: int) -> None:
        y = out[block] if dtype is wide else empty(x[block].shape, wide)
        np.subtract(x[block], near, out=y)
        np.multiply(y, factor, out=y)
        np.add(y, addend, out=y)
        if y.dtype is not dtype:
            out[block] = y

    in_blocks(work, x)
    return out.reshape(shape)


def batch_norm_sums(
    grad: Array, x: Array, eps: float, mean: Array, var: Array
) -> tuple[Array, Array]:
    """For each channel the sums of grad and of grad * (x - mean) / sqrt(var + eps)."""
    grad, x, wide = planes(grad), planes(x), narrow(x)
    near, rest = split(mean, x, wide)

    def terms(block: slice) -> tuple:
        g = grad[block].astype(wide, copy=False)
        away = np.subtract(x[block], near, out=empty(g.shape, wide))
        return g, np.multiply(away, g, out=away)

    level, slope = summed(x, terms, 2)
    slope = (slope - rest * level) / np.sqrt(var.astype(FLOAT64) + eps)
    return level.astype(wide), slope.astype(wide)


def batch_norm_backward(
    grad: Array,
    x: Array,
    weight: Array | None,
    eps: float,
    mean: Array,
    var: Array,
    level: Array,
    slope: Array,
) -> Array:
    """weight r (grad - <grad> - y <grad y>), with y = (x - mean) r, r = 1 / sqrt(var + eps)"""
    shape, wide = x.shape, narrow(x)
    grad, x = planes(grad), planes(x)
    n = max(x.size // max(x.shape[1], 1), 1)
    near, rest = split(mean, x, wide)
    r = 1 / np.sqrt(var.astype(FLOAT64) + eps)
    scale = r if weight is None else r * weight
    bend = -scale * r * slope.astype(FLOAT64) / n
    shift = -scale * level / n - bend * rest
    of_grad, of_x, addend = column(scale, x, wide), column(bend, x, wide), column(shift, x, wide)
    out = empty(x.shape, grad.dtype)

    def work(block: slice, k: int) -> None:
        y = np.subtract(x[block], near, out=empty(x[block].shape, wide))
        np.multiply(y, of_x, out=y)
        np.add(y, addend, out=y)
        scaled = np.multiply(grad[block], of_grad, out=empty(y.shape, wide))
        np.add(y, scaled, out=out[block], casting="same_kind")

    in_blocks(work, x)
    return out.reshape(shape)
