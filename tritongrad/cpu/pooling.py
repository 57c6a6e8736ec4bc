"""Pooling of images (batch, channels, height, width) on NumPy: strided slices, one for each tap."""

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tritongrad.windows import Windows, divisors, pool_geometry

from .elementwise import select
from .patches import wide, wide_dtype
from .pool import empty
from .team import cuts, team

BLOCK = 1 << 16  # elements of the planes worked on at a time: they stay in L2
SPLIT = 1 << 18  # elements from which a second thread pays for its wake-up


def taps(kernel, size, stride, dilation):
    """For each position (r, s) in the kernel the rows and columns of the input it meets."""
    for r in range(kernel[0]):
        for s in range(kernel[1]):
            yield (
                *(r, s),
                slice(r * dilation[0], r * dilation[0] + (size[0] - 1) * stride[0] + 1, stride[0]),
                slice(s * dilation[1], s * dilation[1] + (size[1] - 1) * stride[1] + 1, stride[1]),
            )


def padded(x, size, kernel, stride, padding, dilation, value):
    """x with a frame of `value` as wide as the windows reach."""
    reach = [(n - 1) * s + (k - 1) * d + 1 for n, s, k, d in
             zip(size, stride, kernel, dilation, strict=True)]  # fmt: skip
    frame = [(p, max(r - p - n, 0)) for p, r, n in zip(padding, reach, x.shape[-2:], strict=True)]
    if not any(map(any, frame)):
        return x
    return np.pad(x, [(0, 0)] * (x.ndim - 2) + frame, constant_values=value)


def max_pool2d_choice(x, kernel, stride=None, padding=0, dilation=1, ceil_mode=False):
    """The largest element of each window, and which of the window's it is; nan counts as largest.

    The first of several equal ones, the last of several nans.
    """
    windows = pool_geometry("max_pool2d", x.shape, kernel, stride, padding, dilation, ceil_mode)
    size, kernel = windows[:2]
    planes = x.reshape(math.prod(x.shape[:-2]), *x.shape[-2:])
    out = empty((len(planes), *size), x.dtype)
    tap = empty(out.shape, np.dtype(np.uint8 if math.prod(kernel) < 256 else np.int16))

    def work(start: int, stop: int) -> None:
        _largest(planes[start:stop], windows, out[start:stop], tap[start:stop])

    share(work, planes)
    return out.reshape(*x.shape[:-2], *size), tap.reshape(*x.shape[:-2], *size)


def share(work: Callable, planes: np.ndarray) -> None:
    """work(start, stop) over parts of the planes that stay in L2, by the team if they are many."""
    step = max(BLOCK // max(math.prod(planes.shape[1:]), 1), 1)

    def blocks(start: int, stop: int) -> None:
        for first in range(start, stop, step):
            work(first, min(first + step, stop))

    if planes.size < SPLIT:
        blocks(0, len(planes))
    else:
        team().run(blocks, cuts(len(planes), step))


def _largest(x: np.ndarray, windows: Windows, out: np.ndarray, tap: np.ndarray) -> None:
    size, kernel, stride, padding, dilation = windows
    least = np.iinfo(x.dtype).min if x.dtype.kind in "iu" else -np.inf
    whole = padded(x, size, kernel, stride, padding, dilation, least)
    values = taken(whole, windows, out.shape)
    np.maximum(values[0], values[-1], out=out)
    for value in values[1:-1]:
        np.maximum(out, value, out=out)
    if (out > least).all():  # no nan, and no window in which the padding can be mistaken
        tap.fill(0)
        for value in reversed(values[:-1]):  # one further where this is not it, else the first
            tap += 1
            np.multiply(tap, value != out, out=tap)
    else:
        tap[...] = first_largest(values, inside_of(x, windows))


def taken(whole: np.ndarray, windows: Windows, shape: tuple) -> list[np.ndarray]:
    """For each tap what the windows meet there: copies, since short rows take NumPy long."""
    size, kernel, stride, _, dilation = windows
    width = whole.shape[2]
    reach = (kernel[1] - 1) * dilation[1]
    if not whole.flags.c_contiguous or width != size[1] * stride[1] or reach >= stride[1]:
        places = taps(kernel, size, stride, dilation)
        return [np.ascontiguousarray(whole[..., rows, cols]) for _, _, rows, cols in places]
    line = np.dtype((np.void, width * whole.itemsize))  # a line's pixels as one element
    lines = whole.view(line)[..., 0]
    values = []
    for _, s, rows, _ in taps(kernel, size, stride, dilation):
        if s == 0:
            flat = np.ascontiguousarray(lines[:, rows]).reshape(-1).view(whole.dtype)
        values.append(np.ascontiguousarray(flat[s * dilation[1] :: stride[1]]).reshape(shape))
    return values


def max_pool2d_with_indices(x, kernel, stride=None, padding=0, dilation=1, ceil_mode=False):
    """The largest element of each window and its position in the plane."""
    out, tap = max_pool2d_choice(x, kernel, stride, padding, dilation, ceil_mode)
    windows = pool_geometry("max_pool2d", x.shape, kernel, stride, padding, dilation, ceil_mode)
    starts, steps = positions(windows, x.shape[-2:])
    return out, steps[tap] + starts


def positions(windows: Windows, shape: tuple) -> tuple[np.ndarray, np.ndarray]:
    """Where in a plane each window begins, and how far from there its taps are."""
    size, kernel, stride, padding, dilation = windows
    top, left = (np.arange(n) * s - p for n, s, p in zip(size, stride, padding, strict=True))
    steps = np.arange(kernel[0])[:, None] * (dilation[0] * shape[1])
    steps = (steps + np.arange(kernel[1]) * dilation[1]).reshape(-1)
    return top[:, None] * shape[1] + left, steps


@functools.lru_cache(maxsize=8)
def flat_positions(windows: Windows, shape: tuple, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The same for so many planes, one after the other."""
    starts, steps = positions(windows, shape)
    planes = np.arange(count)[:, None, None] * math.prod(shape)
    return (planes + starts).reshape(-1), steps


def inside_of(x, windows: Windows):
    """For each tap, which windows meet the image there and not the padding."""
    size, kernel, stride, _, dilation = windows
    frame = padded(np.ones(x.shape[-2:], bool), *windows, False)
    return [frame[rows, cols] for _, _, rows, cols in taps(kernel, size, stride, dilation)]


def first_largest(values, inside):
    """The tap of the last nan, else of the first largest element that is inside the image."""
    best = np.full(values[0].shape, -1, np.int16)
    largest = values[0].copy()
    for i, (value, here) in enumerate(zip(values, inside, strict=True)):
        better = here & ((best < 0) | (value > largest) | (value != value))
        np.copyto(best, i, where=better)
        np.copyto(largest, value, where=better)
    return np.maximum(best, 0)


def max_pool2d_backward(
    g, x_shape, kernel, stride=None, padding=0, dilation=1, ceil_mode=False, of=None, at: Any = None
):
    """g added where the elements are that max_pool2d_choice chose."""
    windows = pool_geometry("max_pool2d", x_shape, kernel, stride, padding, dilation, ceil_mode)
    size, kernel, stride, (top, left), dilation = windows
    apart = all(s > d * (k - 1) for s, d, k in zip(stride, dilation, kernel, strict=True))
    sum_dtype, planes = wide_dtype(g.dtype), math.prod(x_shape[:-2])
    out = empty((planes, *x_shape[-2:]), g.dtype)
    grads, at = g.reshape(planes, *size), at.reshape(planes, *size)

    def work(start: int, stop: int) -> None:
        inside = out[start:stop]
        inside.fill(0)
        if apart:  # no element is in two windows
            starts, steps = flat_positions(windows, inside.shape[1:], len(inside))
            chosen = steps.take(at[start:stop].reshape(-1))
            np.add(chosen, starts, out=chosen)
            inside.reshape(-1)[chosen] = grads[start:stop].reshape(-1)
            return
        whole = padded(inside.astype(sum_dtype, copy=False), *windows, 0)
        for t, (_, _, rows, cols) in enumerate(taps(kernel, size, stride, dilation)):
            whole[..., rows, cols] += select(at[start:stop] == t, wide(grads[start:stop]))
        if whole is not inside:
            inside[...] = whole[..., top : top + x_shape[-2], left : left + x_shape[-1]]

    share(work, out)
    return out.reshape(x_shape)


def max_pool2d_take(
    x,
    kernel,
    stride=None,
    padding=0,
    dilation=1,
    ceil_mode=False,
    of=None,
    at: Any = None,
    value=None,
):
    """The elements of x that max_pool2d_choice chose: they are `value`, if that is known."""
    if value is not None:
        return value
    windows = pool_geometry("max_pool2d", x.shape, kernel, stride, padding, dilation, ceil_mode)
    size, kernel, stride, _, dilation = windows
    whole = padded(x, *windows, 0)
    out = np.zeros(at.shape, x.dtype)
    for t, (_, _, rows, cols) in enumerate(taps(kernel, size, stride, dilation)):
        np.copyto(out, whole[..., rows, cols], where=at == t)
    return out


def avg_pool2d(
    x,
    kernel,
    stride=None,
    padding=0,
    ceil_mode=False,
    count_include_pad=True,
    divisor_override=None,
):
    """The mean of each window."""
    windows = pool_geometry("avg_pool2d", x.shape, kernel, stride, padding, 1, ceil_mode)
    size, kernel, stride, _, dilation = windows
    whole = wide(padded(x, *windows, 0))
    total = np.zeros((*x.shape[:-2], *size), whole.dtype)
    for _, _, rows, cols in taps(kernel, size, stride, dilation):
        total += whole[..., rows, cols]
    total /= divisors(x.shape, windows, count_include_pad, divisor_override).astype(total.dtype)
    return total.astype(x.dtype, copy=False)


def avg_pool2d_backward(
    g, x_shape, kernel, stride=None, padding=0, ceil_mode=False, count_include_pad=True,
    divisor_override=None,
):  # fmt: skip
    """g shared out evenly over each window."""
    windows = pool_geometry("avg_pool2d", x_shape, kernel, stride, padding, 1, ceil_mode)
    size, kernel, stride, (top, left), dilation = windows
    share = wide(g) / divisors(x_shape, windows, count_include_pad, divisor_override).astype(
        wide_dtype(g.dtype)
    )
    whole = padded(np.zeros(x_shape, share.dtype), *windows, 0)
    for _, _, rows, cols in taps(kernel, size, stride, dilation):
        whole[..., rows, cols] += share
    inside = whole[..., top : top + x_shape[-2], left : left + x_shape[-1]]
    return inside.astype(g.dtype)
