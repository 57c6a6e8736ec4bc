"""Convolutions as matrix products whose operands are addressed, not copied; and pooling.

Images are contiguous (batch, channels, height, width). A `pixel` numbers (image, row, column) of
the result; the inner index of a product runs over (channel, r, s), kernel position fastest.
"""

import triton
import triton.language as tl

from .matmul import flushed, multiply_tiles


# fmt: off
@triton.jit
def conv2d(
    out, x, w, batch, channels, height, width, filters, out_h, out_w, kernel_h, kernel_w,
    stride_h, stride_w, pad_h, pad_w, dil_h, dil_w,
    MODE: tl.constexpr, SUM: tl.constexpr, FLUSH: tl.constexpr,
    BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr,
):
    """out[n, o, y, z] = sum of x[n, c, y * stride - pad + r * dil, ..] * w[o, c, r, s].

    channels and filters are those of a group; a program makes BM pixels of BN filters of a group.
    """
    pixels = batch * out_h * out_w
    down = tl.cdiv(pixels, BM)
    pixel = (tl.program_id(0) % down) * BM + tl.arange(0, BM)
    filter = (tl.program_id(0) // down) * BN + tl.arange(0, BN)
    image = (pixel // (out_h * out_w)).to(tl.int64)
    top = pixel // out_w % out_h * stride_h - pad_h
    left = pixel % out_w * stride_w - pad_w
    inner = channels * kernel_h * kernel_w
    group, groups = tl.program_id(1), tl.num_programs(1)
    x += (image * groups + group)[:, None] * channels * height * width
    w += (group * filters + filter).to(tl.int64)[None, :] * inner
    total, part = tl.zeros([BM, BN], SUM), tl.zeros([BM, BN], SUM)
    for step in range(tl.cdiv(inner, BK)):
        k = step * BK + tl.arange(0, BK)
        row = top[:, None] + (k // kernel_w % kernel_h * dil_h)[None, :]
        col = left[:, None] + (k % kernel_w * dil_w)[None, :]
        inside = (row >= 0) & (row < height) & (col >= 0) & (col < width)
        inside = inside & (pixel < pixels)[:, None] & (k < inner)[None, :]
        channel = (k // (kernel_h * kernel_w)).to(tl.int64)[None, :]
        a = tl.load(x + (channel * height + row) * width + col, inside, other=0)
        b = tl.load(w + k[:, None], (k < inner)[:, None] & (filter < filters)[None, :], other=0)
        part = multiply_tiles(a, b, part, MODE)
        total, part = flushed(total, part, step, FLUSH)
    total += part
    plane = (image * groups + group)[:, None] * filters + filter[None, :]
    place = out + plane * out_h * out_w + (pixel % (out_h * out_w))[:, None]
    there = (pixel < pixels)[:, None] & (filter < filters)[None, :]
    tl.store(place, total.to(out.dtype.element_ty), there)


@triton.jit
def conv2d_grad_input(
    out, g, w, batch, channels, height, width, filters, out_h, out_w, kernel_h, kernel_w,
    stride_h, stride_w, pad_h, pad_w, dil_h, dil_w,
    MODE: tl.constexpr, SUM: tl.constexpr, FLUSH: tl.constexpr,
    BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr,
):
    """out[n, c, y, z] = sum of w[o, c, r, s] * g at (y + pad - r * dil) / stride, where whole"""
    pixels = batch * height * width
    down = tl.cdiv(pixels, BM)
    pixel = (tl.program_id(0) % down) * BM + tl.arange(0, BM)
    channel = (tl.program_id(0) // down) * BN + tl.arange(0, BN)
    image = (pixel // (height * width)).to(tl.int64)
    bottom = pixel // width % height + pad_h
    right = pixel % width + pad_w
    taps = kernel_h * kernel_w
    inner = filters * taps
    group, groups = tl.program_id(1), tl.num_programs(1)
    g += (image * groups + group)[:, None] * filters * out_h * out_w
    w += tl.cast(group, tl.int64) * filters * channels * taps
    total, part = tl.zeros([BM, BN], SUM), tl.zeros([BM, BN], SUM)
    for step in range(tl.cdiv(inner, BK)):
        k = step * BK + tl.arange(0, BK)
        y = bottom[:, None] - (k // kernel_w % kernel_h * dil_h)[None, :]
        z = right[:, None] - (k % kernel_w * dil_w)[None, :]
        inside = (y >= 0) & (y % stride_h == 0) & (y // stride_h < out_h)
        inside = inside & (z >= 0) & (z % stride_w == 0) & (z // stride_w < out_w)
        inside = inside & (pixel < pixels)[:, None] & (k < inner)[None, :]
        filter = (k // taps).to(tl.int64)
        a = tl.load(g + (filter[None, :] * out_h + y // stride_h) * out_w + z // stride_w, inside,
                    other=0)
        tap = (filter[:, None] * channels + channel[None, :]) * taps + (k % taps)[:, None]
        b = tl.load(w + tap, (k < inner)[:, None] & (channel < channels)[None, :], other=0)
        part = multiply_tiles(a, b, part, MODE)
        total, part = flushed(total, part, step, FLUSH)
    total += part
    plane = (image * groups + group)[:, None] * channels + channel[None, :]
    place = out + plane * height * width + (pixel % (height * width))[:, None]
    there = (pixel < pixels)[:, None] & (channel < channels)[None, :]
    tl.store(place, total.to(out.dtype.element_ty), there)


@triton.jit
def conv2d_grad_weight(
    out, g, x, batch, channels, height, width, filters, out_h, out_w, kernel_h, kernel_w,
    stride_h, stride_w, pad_h, pad_w, dil_h, dil_w, span,
    MODE: tl.constexpr, SUM: tl.constexpr, FLUSH: tl.constexpr,
    BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr,
):
    """out[slice, o, c, r, s] = sum of g[n, o, y, z] * x[n, c, y * stride - pad + r * dil, ..].

    Each slice sums `span` pixels. A program makes BM filters of BN positions (c, r, s) of a group.
    """
    depth = channels * kernel_h * kernel_w
    down = tl.cdiv(filters, BM)
    group, groups = tl.program_id(1), tl.num_programs(1)
    filter = (tl.program_id(0) % down) * BM + tl.arange(0, BM)
    tap = (tl.program_id(0) // down) * BN + tl.arange(0, BN)
    channel = (tap // (kernel_h * kernel_w)).to(tl.int64)
    top, left = tap // kernel_w % kernel_h * dil_h - pad_h, tap % kernel_w * dil_w - pad_w
    area = out_h * out_w
    pixels = batch * area
    first = tl.program_id(2) * span
    total, part = tl.zeros([BM, BN], SUM), tl.zeros([BM, BN], SUM)
    for step in range(tl.cdiv(span, BK)):
        pixel = first + step * BK + tl.arange(0, BK)
        real = (pixel < pixels) & (pixel < first + span)
        image = (pixel // area).to(tl.int64)
        row = (pixel // out_w % out_h * stride_h)[:, None] + top[None, :]
        col = (pixel % out_w * stride_w)[:, None] + left[None, :]
        inside = (row >= 0) & (row < height) & (col >= 0) & (col < width)
        inside = inside & real[:, None] & (tap < depth)[None, :]
        plane = (image * groups + group)[:, None] * channels + channel[None, :]
        b = tl.load(x + (plane * height + row) * width + col, inside, other=0)
        plane = (image * groups + group)[None, :] * filters + filter[:, None]
        a = tl.load(g + plane * area + (pixel % area)[None, :],
                    (filter < filters)[:, None] & real[None, :], other=0)
        part = multiply_tiles(a, b, part, MODE)
        total, part = flushed(total, part, step, FLUSH)
    total += part
    row = ((tl.program_id(2) * groups + group) * filters + filter).to(tl.int64)[:, None]
    there = (filter < filters)[:, None] & (tap < depth)[None, :]
    tl.store(out + row * depth + tap[None, :], total.to(out.dtype.element_ty), there)
# fmt: on


@triton.jit
def sum_slices(out, x, n, slices, SUM: tl.constexpr, BLOCK: tl.constexpr):
    """out[i] = sum over k of x[k, i], first to last"""
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    total = tl.zeros([BLOCK], SUM)
    for k in range(slices):
        total += tl.load(x + tl.cast(k, tl.int64) * n + i, i < n, other=0)
    tl.store(out + i, total.to(out.dtype.element_ty), i < n)
