"""Where the windows of a convolution or a pooling lie: sizes, strides and checks, on any device."""

import functools
from typing import Any

import numpy as np

Pair = tuple[int, int]
Windows = tuple[Pair, Pair, Pair, Pair, Pair]  # size, kernel, stride, padding, dilation


def pair(value) -> Pair:
    """A number as (height, width)."""
    if type(value) is tuple and len(value) == 2 and type(value[0]) is type(value[1]) is int:
        return value
    sizes: Any = (value,) if hasattr(value, "__index__") else value
    try:
        sizes = tuple([n.__index__() for n in sizes])
    except (AttributeError, TypeError):
        raise TypeError(
            f"sizes of windows must be an int or a tuple of ints, got {value!r}"
        ) from None
    if len(sizes) not in (1, 2):
        raise RuntimeError(f"sizes of windows must be one int or a tuple of two, got {value!r}")
    return sizes[0], sizes[-1]


def positive(op, **sizes) -> None:
    """Refuse windows without elements, and steps that lead nowhere."""
    for name, value in sizes.items():
        if min(value) < 1:
            raise RuntimeError(f"{op}: {name} must be greater than 0, got {value}")


def adapted(op, shape, wanted) -> Pair:
    """The (height, width) that a result is to have, where None keeps that of the input."""
    both = wanted if isinstance(wanted, (tuple, list)) else (wanted, wanted)
    size = pair(tuple([n if w is None else w for n, w in zip(shape[-2:], both, strict=True)]))
    positive(op, output_size=size)
    return size


def one(value):
    """A number, also of a tuple that holds one."""
    return value[0] if isinstance(value, (tuple, list)) else value


def out_size(size, kernel, stride, padding, dilation, ceil_mode=False):
    """Positions of a window along one dimension; with ceil_mode also the last, partial one."""
    room = size + 2 * padding - dilation * (kernel - 1) - 1
    count = (room + (stride - 1 if ceil_mode else 0)) // stride + 1
    if ceil_mode and (count - 1) * stride >= size + padding:
        count -= 1
    return count


def geometry(
    op, x_shape, w_shape, stride, padding, dilation, groups
) -> tuple[Pair, Pair, Pair, Pair]:
    """((out height, out width), stride, padding, dilation) as pairs, after a check of shapes."""
    steps = pair(stride), pair(padding), pair(dilation)
    return _geometry(op, tuple(x_shape), tuple(w_shape), *steps, groups), *steps


@functools.lru_cache(256)
def _geometry(
    op: str, x_shape: tuple, w_shape: tuple, stride: Pair, padding: Pair, dilation: Pair, groups
) -> Pair:
    positive(op, stride=stride, dilation=dilation)
    shapes = f"(input {x_shape}, weight {w_shape}, groups {groups})"
    if len(x_shape) != 4 or len(w_shape) != 4:
        raise RuntimeError(f"{op}: input and weight must be 4-d {shapes}")
    if x_shape[1] != w_shape[1] * groups or w_shape[0] % groups:
        raise RuntimeError(f"{op}: input must have weight.shape[1] * groups channels {shapes}")
    rows = zip(x_shape[2:], w_shape[2:], stride, padding, dilation, strict=True)
    size = pair([out_size(*row) for row in rows])
    if min(size) < 1:
        raise RuntimeError(f"{op}: the padded input is smaller than the kernel {shapes}")
    return size


def pool_geometry(op, shape, kernel, stride, padding, dilation, ceil_mode) -> Windows:
    """((out height, out width), kernel, stride, padding, dilation) as pairs, checked."""
    kernel = pair(kernel)
    stride = kernel if stride is None else pair(stride)
    steps = kernel, stride, pair(padding), pair(dilation)
    return _pool_geometry(op, tuple(shape), *steps, ceil_mode), *steps


@functools.lru_cache(256)
def _pool_geometry(
    op: str, shape: tuple, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair, ceil_mode
) -> Pair:
    positive(op, kernel_size=kernel, stride=stride, dilation=dilation)
    if len(shape) < 3:
        raise RuntimeError(f"{op}: input must be 3-d or 4-d, got shape {shape}")
    if any(2 * p > k for p, k in zip(padding, kernel, strict=True)):
        raise RuntimeError(f"{op}: padding {padding} must be at most half of the kernel {kernel}")
    rows = zip(shape[-2:], kernel, stride, padding, dilation, strict=True)
    size = pair([out_size(*row, ceil_mode) for row in rows])
    if min(size) < 1:
        raise RuntimeError(f"{op}: the kernel {kernel} is larger than the input {shape}")
    return size


def divisors(shape, windows, count_include_pad, divisor_override):
    """What each window's sum is divided by: its elements, those of the padding on request."""
    if divisor_override is not None:
        return np.full(windows[0], divisor_override, np.int64)
    sides = []
    for n, length, kernel, stride, padding in zip(
        windows[0], shape[-2:], *windows[1:4], strict=True
    ):
        start = np.arange(n) * stride - padding
        end = np.minimum(start + kernel, length + padding)
        if not count_include_pad:
            start, end = np.maximum(start, 0), np.minimum(end, length)
        sides.append(end - start)
    return sides[0][:, None] * sides[1]
