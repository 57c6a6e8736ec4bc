"""Pooling of planes (plane, height, width); backward sums in a fixed order, without atomics."""

import triton
import triton.language as tl


# fmt: off
@triton.jit
def max_pool2d(
    out, index, x, n, height, width, out_h, out_w, kernel_h, kernel_w,
    stride_h, stride_w, pad_h, pad_w, dil_h, dil_w, LEAST: tl.constexpr, BLOCK: tl.constexpr,
):
    """The largest of each window and its place in the plane: the first, or the last nan"""
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    plane = i // out_w // out_h * height * width
    top = i // out_w % out_h * stride_h - pad_h
    left = i % out_w * stride_w - pad_w
    best = tl.full([BLOCK], -1, tl.int64)
    largest = tl.full([BLOCK], LEAST, x.dtype.element_ty)
    for r in range(kernel_h):
        row = top + r * dil_h
        for s in range(kernel_w):
            col = left + s * dil_w
            inside = (row >= 0) & (row < height) & (col >= 0) & (col < width) & (i < n)
            place = row * width + col
            value = tl.load(x + plane + place, inside, other=LEAST)
            better = inside & ((best < 0) | (value > largest) | (value != value))
            best = tl.where(better, place, best)
            largest = tl.where(better, value, largest)
    tl.store(out + i, largest, i < n)
    tl.store(index + i, best, i < n)


@triton.jit
def max_pool2d_backward(
    out, g, index, n, height, width, out_h, out_w, kernel_h, kernel_w,
    stride_h, stride_w, pad_h, pad_w, dil_h, dil_w, SUM: tl.constexpr, BLOCK: tl.constexpr,
):
    """Each place sums g over the windows whose index names it, in the order of the kernel"""
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    place = i % (height * width)
    plane = i // width // height * out_h * out_w
    total = tl.zeros([BLOCK], SUM)
    for r in range(kernel_h):
        y = place // width + pad_h - r * dil_h
        for s in range(kernel_w):
            z = place % width + pad_w - s * dil_w
            inside = (y >= 0) & (y % stride_h == 0) & (y // stride_h < out_h) & (i < n)
            inside = inside & (z >= 0) & (z % stride_w == 0) & (z // stride_w < out_w)
            window = plane + y // stride_h * out_w + z // stride_w
            mine = inside & (tl.load(index + window, inside, other=-1) == place)
            total += tl.load(g + window, mine, other=0).to(SUM)
    tl.store(out + i, total.to(out.dtype.element_ty), i < n)


@triton.jit
def divide(x, y):
    """The IEEE quotient in x's dtype"""
    y = y.to(x.dtype)
    if x.dtype == tl.float32:
        return tl.div_rn(x, y)
    else:
        return x / y


@triton.jit
def avg_pool2d(
    out, x, divisor, n, height, width, out_h, out_w, kernel_h, kernel_w,
    stride_h, stride_w, pad_h, pad_w, SUM: tl.constexpr, BLOCK: tl.constexpr,
):
    """The sum of each window over divisor[window]"""
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    plane = i // out_w // out_h * height * width
    top = i // out_w % out_h * stride_h - pad_h
    left = i % out_w * stride_w - pad_w
    total = tl.zeros([BLOCK], SUM)
    for r in range(kernel_h):
        row = top + r
        for s in range(kernel_w):
            col = left + s
            inside = (row >= 0) & (row < height) & (col >= 0) & (col < width) & (i < n)
            total += tl.load(x + plane + row * width + col, inside, other=0).to(SUM)
    by = tl.load(divisor + i % (out_h * out_w), i < n, other=1)
    tl.store(out + i, divide(total, by).to(out.dtype.element_ty), i < n)


@triton.jit
def avg_pool2d_backward(
    out, g, divisor, n, height, width, out_h, out_w, kernel_h, kernel_w,
    stride_h, stride_w, pad_h, pad_w, SUM: tl.constexpr, BLOCK: tl.constexpr,
):
    """Each place sums its share of g over the windows that hold it, in the order of the kernel"""
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    plane = i // width // height * out_h * out_w
    total = tl.zeros([BLOCK], SUM)
    for r in range(kernel_h):
        y = i // width % height + pad_h - r
        for s in range(kernel_w):
            z = i % width + pad_w - s
            inside = (y >= 0) & (y % stride_h == 0) & (y // stride_h < out_h) & (i < n)
            inside = inside & (z >= 0) & (z % stride_w == 0) & (z // stride_w < out_w)
            window = y // stride_h * out_w + z // stride_w
            by = tl.load(divisor + window, inside, other=1)
            total += divide(tl.load(g + plane + window, inside, other=0).to(SUM), by)
    tl.store(out + i, total.to(out.dtype.element_ty), i < n)
# fmt: on
