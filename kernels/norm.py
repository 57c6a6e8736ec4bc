"""Softmax and layer normalisation of the rows of a matrix, forward and backward.

A row that fits one tile is read once. Longer rows are walked tile by tile; what is summed up over
the tiles is kept as value + rounding error.
"""

import triton
import triton.language as tl

from .copy import convert
from .exponential import divide, exp, log
from .reduce import add, larger, strided
from .special import sqrt


@triton.jit
def place(rows, size_row, s_row0, s_row1, ROWS: tl.constexpr):
    """(rows of this program, their mask, their offsets)"""
    row = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)[:, None]
    return row, row < rows, strided(row, size_row, s_row0, s_row1)


@triton.jit
def fetch(x, at, start, cols, s_col, row_mask, ACC: tl.constexpr, COLS: tl.constexpr):
    """(elements, mask, offsets) of the tile of COLS columns from `start` on"""
    col = start + tl.arange(0, COLS)[None, :].to(tl.int64)
    mask = row_mask & (col < cols)
    offset = at + col * s_col
    return convert(tl.load(x + offset, mask, other=0), ACC), mask, offset


@triton.jit
def row_sum(value, mask):
    """The sum of every row of a tile, as a column"""
    return tl.expand_dims(tl.reduce(tl.where(mask, value, 0).to(value.dtype), 1, add), 1)


@triton.jit
def row_max(value, mask):
    low = tl.where(mask, value, -float("inf")).to(value.dtype)
    return tl.expand_dims(tl.reduce(low, 1, larger), 1)


@triton.jit
def accumulate(total, error, term):
    """total + error + term as (sum, rounding error): Knuth's two-sum"""
    s = total + term
    b = s - total
    lost = (total - (s - b)) + (term - b)
    return s, error + tl.where(lost == lost, lost, 0.0)


@triton.jit
def softmax_of(x, top, total, LOG: tl.constexpr):
    if LOG:
        return (x - top) - log(total)
    else:
        return divide(exp(x - top), total)


@triton.jit
def softmax_rows(
    out, x, rows, cols, size_row, s_row0, s_row1, s_col,
    LOG: tl.constexpr, ACC: tl.constexpr, ONE: tl.constexpr,
    ROWS: tl.constexpr, COLS: tl.constexpr,
):  # fmt: skip
    """out[row, :] = (log of) softmax(x[row, :]); ONE: a row fits a tile"""
    row, inside, at = place(rows, size_row, s_row0, s_row1, ROWS)
    if ONE:
        value, mask, offset = fetch(x, at, 0, cols, s_col, inside, ACC, COLS)
        top = row_max(value, mask)
        total = row_sum(exp(value - top), mask)
        result = softmax_of(value, top, total, LOG)
        tl.store(out + offset, convert(result, out.dtype.element_ty), mask)
    else:
        top = tl.full([ROWS, 1], -float("inf"), ACC)
        for start in range(0, cols, COLS):
            value, mask, offset = fetch(x, at, start, cols, s_col, inside, ACC, COLS)
            top = larger(top, row_max(value, mask))
        total = tl.zeros([ROWS, 1], ACC)
        error = tl.zeros([ROWS, 1], ACC)
        for start in range(0, cols, COLS):
            value, mask, offset = fetch(x, at, start, cols, s_col, inside, ACC, COLS)
            total, error = accumulate(total, error, row_sum(exp(value - top), mask))
        total += error
        for start in range(0, cols, COLS):
            value, mask, offset = fetch(x, at, start, cols, s_col, inside, ACC, COLS)
            result = softmax_of(value, top, total, LOG)
            tl.store(out + offset, convert(result, out.dtype.element_ty), mask)


@triton.jit
def softmax_slope(grad, result, total, LOG: tl.constexpr):
    if LOG:
        return grad - exp(result) * total
    else:
        return result * (grad - total)


@triton.jit
def softmax_backward_rows(
    out, grad, result, rows, cols, size_row, s_row0, s_row1, s_col,
    LOG: tl.constexpr, ACC: tl.constexpr, ONE: tl.constexpr,
    ROWS: tl.constexpr, COLS: tl.constexpr,
):  # fmt: skip
    """The gradient of softmax's input from that of its result: one sum a row"""
    row, inside, at = place(rows, size_row, s_row0, s_row1, ROWS)
    total = tl.zeros([ROWS, 1], ACC)
    error = tl.zeros([ROWS, 1], ACC)
    if ONE:
        g, mask, offset = fetch(grad, at, 0, cols, s_col, inside, ACC, COLS)
        r, mask, offset = fetch(result, at, 0, cols, s_col, inside, ACC, COLS)
        total = row_sum(g if LOG else g * r, mask)
        slope = softmax_slope(g, r, total, LOG)
        tl.store(out + offset, convert(slope, out.dtype.element_ty), mask)
    else:
        for start in range(0, cols, COLS):
            g, mask, offset = fetch(grad, at, start, cols, s_col, inside, ACC, COLS)
            r, mask, offset = fetch(result, at, start, cols, s_col, inside, ACC, COLS)
            total, error = accumulate(total, error, row_sum(g if LOG else g * r, mask))
        total += error
        for start in range(0, cols, COLS):
            g, mask, offset = fetch(grad, at, start, cols, s_col, inside, ACC, COLS)
            r, mask, offset = fetch(result, at, start, cols, s_col, inside, ACC, COLS)
            slope = softmax_slope(g, r, total, LOG)
            tl.store(out + offset, convert(slope, out.dtype.element_ty), mask)


@triton.jit
def weighted(x, weight, bias, col, cols, ACC: tl.constexpr, AFFINE: tl.constexpr):
    """x times weight[col] plus bias[col]; bit 0 of AFFINE: there are weights, bit 1: biases"""
    if AFFINE & 1:
        x = x * convert(tl.load(weight + col, col < cols, other=0), ACC)
    if AFFINE & 2:
        x = x + convert(tl.load(bias + col, col < cols, other=0), ACC)
    return x


@triton.jit
def moments(
    x, at, cols, n, inside,
    ACC: tl.constexpr, ONE: tl.constexpr, ROWS: tl.constexpr, COLS: tl.constexpr,
):  # fmt: skip
    """(mean, variance) of every row, and its last tile: elements, mask, offsets; ONE: its only"""
    value, mask, offset = fetch(x, at, 0, cols, 1, inside, ACC, COLS)
    total = row_sum(value, mask)
    error = tl.zeros([ROWS, 1], ACC)
    if not ONE:
        for start in range(COLS, cols, COLS):
            value, mask, offset = fetch(x, at, start, cols, 1, inside, ACC, COLS)
            total, error = accumulate(total, error, row_sum(value, mask))
    mean = divide(total + error, n)
    if ONE:
        total = row_sum((value - mean) * (value - mean), mask)
    else:
        total = tl.zeros([ROWS, 1], ACC)
        error = tl.zeros([ROWS, 1], ACC)
        for start in range(0, cols, COLS):
            value, mask, offset = fetch(x, at, start, cols, 1, inside, ACC, COLS)
            total, error = accumulate(total, error, row_sum((value - mean) * (value - mean), mask))
    return mean, divide(total + error, n), value, mask, offset


@triton.jit
def layer_norm_rows(
    out, means, scales, x, weight, bias, rows, cols, count, eps,
    AFFINE: tl.constexpr, ACC: tl.constexpr, ONE: tl.constexpr,
    ROWS: tl.constexpr, COLS: tl.constexpr,
):  # fmt: skip
    """out[row, :] = (x - mean) scale weight + bias, with scale = 1 / sqrt(variance + eps)

    x is (rows, cols), contiguous; means and scales take one number a row; count is cols as a float.
    ONE: a row fits a tile, and is read once.
    """
    row, inside, at = place(rows, 0, 0, cols, ROWS)
    n = tl.full([ROWS, 1], count, ACC)
    mean, variance, value, mask, offset = moments(x, at, cols, n, inside, ACC, ONE, ROWS, COLS)
    scale = divide(tl.full([ROWS, 1], 1, ACC), sqrt(variance + eps))
    tl.store(means + row, mean, inside)
    tl.store(scales + row, scale, inside)
    if ONE:
        col = tl.arange(0, COLS)[None, :].to(tl.int64)
        result = weighted((value - mean) * scale, weight, bias, col, cols, ACC, AFFINE)
        tl.store(out + offset, convert(result, out.dtype.element_ty), mask)
    else:
        for start in range(0, cols, COLS):
            value, mask, offset = fetch(x, at, start, cols, 1, inside, ACC, COLS)
            col = start + tl.arange(0, COLS)[None, :].to(tl.int64)
            result = weighted((value - mean) * scale, weight, bias, col, cols, ACC, AFFINE)
            tl.store(out + offset, convert(result, out.dtype.element_ty), mask)


@triton.jit
def arriving(
    grad, x, weight, mean, scale, at, start, cols, inside,
    AFFINE: tl.constexpr, ACC: tl.constexpr, COLS: tl.constexpr,
):  # fmt: skip
    """(grad weight, normalised x, mask, offset) of COLS columns from start on"""
    g, mask, offset = fetch(grad, at, start, cols, 1, inside, ACC, COLS)
    value, mask, offset = fetch(x, at, start, cols, 1, inside, ACC, COLS)
    col = start + tl.arange(0, COLS)[None, :].to(tl.int64)
    h = weighted(g, weight, weight, col, cols, ACC, AFFINE)
    return h, (value - mean) * scale, mask, offset


@triton.jit
def layer_norm_backward_rows(
    out, grad, x, means, scales, weight, rows, cols, count,
    AFFINE: tl.constexpr, ACC: tl.constexpr, ROWS: tl.constexpr, COLS: tl.constexpr,
):  # fmt: skip
    """out = (h - mean(h) - y mean(h y)) scale, with h = grad weight and y the normalised x"""
    row, inside, at = place(rows, 0, 0, cols, ROWS)
    n = tl.full([ROWS, 1], count, ACC)
    mean = tl.load(means + row, inside, other=0)
    scale = tl.load(scales + row, inside, other=0)
    h_sum = tl.zeros([ROWS, 1], ACC)
    h_error = tl.zeros([ROWS, 1], ACC)
    y_sum = tl.zeros([ROWS, 1], ACC)
    y_error = tl.zeros([ROWS, 1], ACC)
    for start in range(0, cols, COLS):
        h, y, mask, offset = arriving(
            grad, x, weight, mean, scale, at, start, cols, inside, AFFINE, ACC, COLS
        )
        h_sum, h_error = accumulate(h_sum, h_error, row_sum(h, mask))
        y_sum, y_error = accumulate(y_sum, y_error, row_sum(h * y, mask))
    h_mean = divide(h_sum + h_error, n)
    y_mean = divide(y_sum + y_error, n)
    for start in range(0, cols, COLS):
        h, y, mask, offset = arriving(
            grad, x, weight, mean, scale, at, start, cols, inside, AFFINE, ACC, COLS
        )
        slope = (h - h_mean - y * y_mean) * scale
        tl.store(out + offset, convert(slope, out.dtype.element_ty), mask)


@triton.jit
def layer_norm_weight_tiles(
    parts, grad, x, means, scales, rows, cols,
    ACC: tl.constexpr, ROWS: tl.constexpr, COLS: tl.constexpr,
):  # fmt: skip
    """Sums over ROWS rows of grad times the normalised x: (row tiles, cols), for another sum"""
    program = tl.program_id(0).to(tl.int64)
    tiles = tl.cdiv(cols, COLS)
    part = program // tiles
    row = part * ROWS + tl.arange(0, ROWS)[:, None]
    col = program % tiles * COLS + tl.arange(0, COLS)[None, :]
    mask = (row < rows) & (col < cols)
    g = convert(tl.load(grad + row * cols + col, mask, other=0), ACC)
    value = convert(tl.load(x + row * cols + col, mask, other=0), ACC)
    mean = tl.load(means + row, row < rows, other=0)
    scale = tl.load(scales + row, row < rows, other=0)
    product = tl.where(mask, g * ((value - mean) * scale), 0).to(ACC)
    tl.store(parts + part * cols + col, tl.expand_dims(tl.reduce(product, 0, add), 0), col < cols)
