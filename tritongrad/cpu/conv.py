"""Convolution and pooling of images (batch, channels, height, width) on NumPy.

A convolution is one matrix product a group: the patches are copied with the channels innermost, in
runs of kernel width times channels, and BLAS does the rest.
"""

import math

import numpy as np
from numpy.lib.stride_tricks import as_strided

from tritongrad.windows import Windows, divisors, geometry, pool_geometry

PIECE = 1 << 20  # elements of patches made at a time: 4 MiB of float32


def conv2d(x, w, stride=1, padding=0, dilation=1, groups=1):
    """out[n, o, h, ..] = sum over c, r, s of x[n, c, h * stride - padding + r * dilation, ..] w"""
    steps = geometry("conv2d", x.shape, w.shape, stride, padding, dilation, groups)
    filters, depth = w.shape[0], math.prod(w.shape[1:])
    out = np.empty((len(x), filters, *steps[0]), x.dtype)
    weight = np.ascontiguousarray(by_taps(w, groups).reshape(groups, -1, depth)).mT
    for part in pieces(len(x), depth * groups * math.prod(steps[0])):
        rows = patches(x[part], w.shape[2:], *steps, groups).reshape(groups, -1, depth)
        channels_first(out[part], np.matmul(rows, weight))
    return out


def conv2d_grad_weight(g, x, w_shape, stride=1, padding=0, dilation=1, groups=1):
    """The gradient of conv2d's weight, for the gradient g of its result."""
    steps = geometry("conv2d", x.shape, w_shape, stride, padding, dilation, groups)
    filters, depth = w_shape[0], math.prod(w_shape[1:])
    total = np.zeros((groups, filters // groups, depth), wide_dtype(x.dtype))
    for part in pieces(len(x), depth * groups * math.prod(steps[0])):
        rows = patches(x[part], w_shape[2:], *steps, groups).reshape(groups, -1, depth)
        total += np.matmul(channels_last(g[part], groups).mT, rows)
    taps_inside = total.reshape(filters, *w_shape[2:], w_shape[1])
    return taps_inside.transpose(0, 3, 1, 2).astype(x.dtype, order="C")


def conv2d_grad_input(g, w, x_shape, stride=1, padding=0, dilation=1, groups=1):
    """The gradient of conv2d's input: every patch's gradient added where the patch was cut out."""
    size, stride, padding, dilation = geometry(
        "conv2d", x_shape, w.shape, stride, padding, dilation, groups
    )
    (pad_h, pad_w), (height, width) = padding, x_shape[2:]
    depth, kernel = w.shape[1], w.shape[2:]
    weight = np.ascontiguousarray(by_taps(w, groups).transpose(2, 3, 0, 1, 4))
    weight = weight.reshape(-1, groups, w.shape[0] // groups, depth)
    out = np.empty(x_shape, g.dtype)
    for part in pieces(x_shape[0], math.prod(w.shape[1:]) * groups * math.prod(size)):
        grads = np.matmul(channels_last(g[part], groups), weight)
        grads = grads.reshape(*kernel, groups, -1, *size, depth)
        whole = np.zeros(
            (*grads.shape[2:4], height + 2 * pad_h, width + 2 * pad_w, depth), grads.dtype
        )
        for r, s, rows, cols in taps(kernel, size, stride, dilation):
            whole[:, :, rows, cols] += grads[r, s]
        channels_first(out[part], whole[:, :, pad_h : pad_h + height, pad_w : pad_w + width])
    return out


def wide_dtype(dtype):
    """Halves are multiplied and summed in float32."""
    return np.dtype(np.float32) if dtype.itemsize == 2 and dtype.kind not in "iu" else dtype


def wide(x):
    return x.astype(wide_dtype(x.dtype), copy=False)


def pieces(batch, each):
    """Slices of the batch whose patches fit into memory that caches can follow."""
    step = max(1, PIECE // max(each, 1))
    return [slice(start, start + step) for start in range(0, batch, step)]


def by_taps(w, groups):
    """The weight as (groups, filters, kernel height, kernel width, channels)."""
    return wide(w).reshape(groups, -1, *w.shape[1:]).transpose(0, 1, 3, 4, 2)


def channels_last(g, groups):
    """(n, o, h, w) as matrices (groups, n * h * w, o)."""
    n, filters, height, width = g.shape
    split = wide(g).reshape(n, groups, filters // groups, height * width)
    rows = np.ascontiguousarray(split.transpose(1, 0, 3, 2))
    return rows.reshape(groups, n * height * width, filters // groups)


def channels_first(out, rows):
    """Fill out (n, o, h, w) from rows that hold (groups, n, h, w, o)."""
    groups, (n, filters, height, width) = rows.shape[0], out.shape
    split = rows.reshape(groups, n, height, width, filters // groups)
    out.reshape(n, groups, filters // groups, height, width)[...] = split.transpose(1, 0, 4, 2, 3)


def patches(x, kernel, size, stride, padding, dilation, groups):
    """The patch under each position: (groups, n, height, width, r, s, channels)."""
    n, channels, height, width = x.shape
    pad_h, pad_w = padding
    depth = channels // groups
    shape = (groups, n, height + 2 * pad_h, width + 2 * pad_w, depth)
    whole = (np.zeros if pad_h or pad_w else np.empty)(shape, wide_dtype(x.dtype))
    inside = whole[:, :, pad_h : pad_h + height, pad_w : pad_w + width]
    inside[...] = x.reshape(n, groups, depth, height, width).transpose(1, 0, 3, 4, 2)
    group, image, line, pixel, channel = whole.strides
    strides = (line * stride[0], pixel * stride[1], line * dilation[0], pixel * dilation[1])
    windows = as_strided(
        whole, (groups, n, *size, *kernel, depth), (group, image, *strides, channel)
    )
    return np.ascontiguousarray(windows)


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


def max_pool2d(x, kernel, stride=None, padding=0, dilation=1, ceil_mode=False):
    """The largest element of each window and its position in the plane; nan counts as largest."""
    windows = pool_geometry("max_pool2d", x.shape, kernel, stride, padding, dilation, ceil_mode)
    size, kernel, stride, padding, dilation = windows
    least = np.iinfo(x.dtype).min if x.dtype.kind in "iu" else -np.inf
    values = [
        padded(x, size, kernel, stride, padding, dilation, least)[..., rows, cols]
        for _, _, rows, cols in taps(kernel, size, stride, dilation)
    ]
    out = values[0].copy()
    for value in values[1:]:
        np.maximum(out, value, out=out)
    tap = np.zeros(out.shape, np.int16)
    if (out > least).all():  # no nan, and no window in which the padding can be mistaken
        for i in range(len(values) - 1, 0, -1):
            np.copyto(tap, i, where=values[i] == out)
        np.copyto(tap, 0, where=values[0] == out)
    else:
        tap = first_largest(values, inside_of(x, windows))
    top, left = (np.arange(n) * s - p for n, s, p in zip(size, stride, padding, strict=True))
    steps = np.arange(kernel[0])[:, None] * (dilation[0] * x.shape[-1])
    steps = (steps + np.arange(kernel[1]) * dilation[1]).reshape(-1)
    return out, steps[tap] + (top[:, None] * x.shape[-1] + left)


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
    return best


def max_pool2d_backward(
    g, indices, x_shape, kernel, stride=None, padding=0, dilation=1, ceil_mode=False
):
    """g added at the positions that max_pool2d returned."""
    planes, area = math.prod(x_shape[:-2]), math.prod(x_shape[-2:])
    total = np.zeros(planes * area, wide_dtype(g.dtype))
    place = indices.reshape(planes, -1) + np.arange(planes)[:, None] * area
    np.add.at(total, place.reshape(-1), wide(g).reshape(-1))
    return total.reshape(x_shape).astype(g.dtype, copy=False)


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
