"""The map of a scalar function over 1 to 4 operands: contiguous, and over any strides.

An operand is a pointer or a number of the type that the function computes in.
"""

import triton
import triton.language as tl

from .copy import convert


@triton.jit
def operand(x, offset, mask, like, COMPUTE: tl.constexpr, NUMBER: tl.constexpr):
    """The elements of an operand, or its number in every place, as COMPUTE"""
    if NUMBER:
        return tl.full(like.shape, x, COMPUTE)
    else:
        return convert(tl.load(x + offset, mask), COMPUTE)


@triton.jit
def apply(
    FUNCTION: tl.constexpr, x0, x1, x2, x3, o0, o1, o2, o3, mask, like,
    COMPUTE: tl.constexpr, ARITY: tl.constexpr, NUMBERS: tl.constexpr,
):  # fmt: skip
    """FUNCTION of ARITY operands at offsets o0..o3; bit i of NUMBERS: operand i is a number"""
    a = operand(x0, o0, mask, like, COMPUTE, NUMBERS & 1 != 0)
    if ARITY == 1:
        return FUNCTION(a)
    else:
        b = operand(x1, o1, mask, like, COMPUTE, NUMBERS & 2 != 0)
        if ARITY == 2:
            return FUNCTION(a, b)
        else:
            c = operand(x2, o2, mask, like, COMPUTE, NUMBERS & 4 != 0)
            if ARITY == 3:
                return FUNCTION(a, b, c)
            else:
                return FUNCTION(a, b, c, operand(x3, o3, mask, like, COMPUTE, NUMBERS & 8 != 0))


@triton.jit
def map_block(
    out, x0, x1, x2, x3, i, mask,
    FUNCTION: tl.constexpr, COMPUTE: tl.constexpr, ARITY: tl.constexpr, NUMBERS: tl.constexpr,
):  # fmt: skip
    """out[i] = FUNCTION(x0[i], ...) where mask allows; without a mask everywhere"""
    result = apply(FUNCTION, x0, x1, x2, x3, i, i, i, i, mask, i, COMPUTE, ARITY, NUMBERS)
    tl.store(out + i, convert(result, out.dtype.element_ty), mask)


@triton.jit
def map_contiguous(
    out, x0, x1, x2, x3, n,
    FUNCTION: tl.constexpr, COMPUTE: tl.constexpr, ARITY: tl.constexpr, NUMBERS: tl.constexpr,
    EVEN: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """out[i] = FUNCTION(x0[i], ...) for n elements, BLOCK a program; unused operands: any number

    EVEN: n is a multiple of 16, so that the mask never cuts a 16-byte access in two. Otherwise
    the blocks before the last one go without a mask.
    """
    start = tl.program_id(0).to(tl.int64) * BLOCK
    i = start + tl.arange(0, BLOCK)
    if EVEN:
        map_block(out, x0, x1, x2, x3, i, i < n, FUNCTION, COMPUTE, ARITY, NUMBERS)
    else:
        if start + BLOCK <= n:
            map_block(out, x0, x1, x2, x3, i, None, FUNCTION, COMPUTE, ARITY, NUMBERS)
        else:
            map_block(out, x0, x1, x2, x3, i, i < n, FUNCTION, COMPUTE, ARITY, NUMBERS)


@triton.jit
def map_tiles(
    out, x0, x1, x2, x3, size1, rows, cols,
    d0, d1, d_row, d_col, a0, a1, a_row, a_col, b0, b1, b_row, b_col,
    c0, c1, c_row, c_col, e0, e1, e_row, e_col,
    FUNCTION: tl.constexpr, COMPUTE: tl.constexpr, ARITY: tl.constexpr, NUMBERS: tl.constexpr,
    ROWS: tl.constexpr, COLS: tl.constexpr,
):  # fmt: skip
    """out[i, j, row, col] = FUNCTION(x0[i, j, row, col], ...): ROWS x COLS of it a program

    Strides in elements: d of out, a, b, c, e of the operands.
    """
    tile = tl.program_id(0).to(tl.int64)
    tiles = tl.cdiv(cols, COLS)
    col = tile % tiles * COLS + tl.arange(0, COLS)[None, :]
    tile = tile // tiles
    tiles = tl.cdiv(rows, ROWS)
    row = tile % tiles * ROWS + tl.arange(0, ROWS)[:, None]
    tile = tile // tiles
    i, j = tile // size1, tile % size1
    mask = (row < rows) & (col < cols)
    result = apply(
        FUNCTION, x0, x1, x2, x3,
        i * a0 + j * a1 + row * a_row + col * a_col, i * b0 + j * b1 + row * b_row + col * b_col,
        i * c0 + j * c1 + row * c_row + col * c_col, i * e0 + j * e1 + row * e_row + col * e_col,
        mask, row + col, COMPUTE, ARITY, NUMBERS,
    )  # fmt: skip
    to = out + i * d0 + j * d1 + row * d_row + col * d_col
    tl.store(to, convert(result, out.dtype.element_ty), mask)
