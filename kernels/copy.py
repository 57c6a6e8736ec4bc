"""Copies with conversion: contiguous, by rows, and over any strides."""

import triton
import triton.language as tl


@triton.jit
def convert(x, dtype: tl.constexpr):
    """x as dtype, the way NumPy's astype does it: bool by != 0, integers by truncation"""
    if dtype == tl.int1:
        return x != 0
    elif dtype == tl.bfloat16:
        return x.to(tl.float32).to(tl.bfloat16)  # one rounding, to nearest even
    elif dtype.is_int() and x.dtype.is_floating():
        # C compilers convert to a full register first, so that -1.0 becomes 255 in uint8
        wide: tl.constexpr = tl.int32 if dtype.primitive_bitwidth < 32 else dtype
        if x.dtype.primitive_bitwidth < 32:
            return x.to(tl.float32).to(wide).to(dtype)
        else:
            return x.to(wide).to(dtype)
    elif x.dtype == tl.bfloat16:
        return x.to(tl.float32).to(dtype)
    else:
        return x.to(dtype)


@triton.jit
def copy_contiguous(dst, src, n, BLOCK: tl.constexpr):
    """dst[i] = src[i]; n elements, BLOCK a program"""
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    mask = i < n
    x = tl.load(src + i, mask)
    tl.store(dst + i, convert(x, dst.dtype.element_ty), mask)


@triton.jit
def copy_rows(
    dst, src, cols, size1, size2, d0, d1, d2, d3, a0, a1, a2, a3, BLOCK: tl.constexpr
):  # fmt: skip
    """dst[i0, i1, i2, col] = src[i0, i1, i2, col]; a program takes BLOCK columns of one row

    d0..d3 and a0..a3 are the strides of dst and src in elements.
    """
    row = tl.program_id(0).to(tl.int64)
    col = tl.program_id(1).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    i2 = row % size2
    i1 = (row // size2) % size1
    i0 = row // size2 // size1
    mask = col < cols
    x = tl.load(src + i0 * a0 + i1 * a1 + i2 * a2 + col * a3, mask)
    out = convert(x, dst.dtype.element_ty)
    tl.store(dst + i0 * d0 + i1 * d1 + i2 * d2 + col * d3, out, mask)


@triton.jit
def copy_tiles(
    dst, src, rows, cols, size1, d0, d1, d_row, a0, a1, a_col, TILE: tl.constexpr
):  # fmt: skip
    """dst[i0, i1, row, col] = src[i0, i1, row, col], a tile of one (i0, i1) a program

    dst is contiguous along col and src along row, so that each is accessed in its own order: the
    compiler turns the tile through shared memory.
    """
    row = tl.program_id(0).to(tl.int64) * TILE + tl.arange(0, TILE)[:, None]
    col = tl.program_id(1).to(tl.int64) * TILE + tl.arange(0, TILE)[None, :]
    outer = tl.program_id(2).to(tl.int64)
    i0, i1 = outer // size1, outer % size1
    mask = (row < rows) & (col < cols)
    x = tl.load(src + i0 * a0 + i1 * a1 + row + col * a_col, mask)
    out = convert(x, dst.dtype.element_ty)
    tl.store(dst + i0 * d0 + i1 * d1 + row * d_row + col, out, mask)


@triton.jit
def offsets_4d(i, size1, size2, size3, s0, s1, s2, s3):
    """Offset of the i-th element, counted in C order, of a (?, size1, size2, size3) array"""
    i3 = i % size3
    i = i // size3
    i2 = i % size2
    i = i // size2
    return (i // size1) * s0 + (i % size1) * s1 + i2 * s2 + i3 * s3


# Sizes and strides only enter address arithmetic here: one compilation serves them all.
@triton.jit(do_not_specialize=list(range(2, 14)))
def copy_4d(
    dst, src, n, size1, size2, size3, d0, d1, d2, d3, a0, a1, a2, a3,
    BLOCK: tl.constexpr, WIDE: tl.constexpr,
):  # fmt: skip
    """dst[i0, i1, i2, i3] = src[i0, i1, i2, i3] for n elements; WIDE: 64-bit offsets"""
    start = tl.program_id(0)
    if WIDE:
        start = start.to(tl.int64)
    i = start * BLOCK + tl.arange(0, BLOCK)
    mask = i < n
    x = tl.load(src + offsets_4d(i, size1, size2, size3, a0, a1, a2, a3), mask)
    out = convert(x, dst.dtype.element_ty)
    tl.store(dst + offsets_4d(i, size1, size2, size3, d0, d1, d2, d3), out, mask)


@triton.jit(do_not_specialize=list(range(2, 26)))
def copy_8d(
    dst, src, n, size1, size2, size3, size4, size5, size6, size7,
    d0, d1, d2, d3, d4, d5, d6, d7, a0, a1, a2, a3, a4, a5, a6, a7,
    BLOCK: tl.constexpr, WIDE: tl.constexpr,
):  # fmt: skip
    """copy_4d for up to eight dimensions"""
    start = tl.program_id(0)
    if WIDE:
        start = start.to(tl.int64)
    i = start * BLOCK + tl.arange(0, BLOCK)
    mask = i < n
    inner = size4 * size5 * size6 * size7
    high = i // inner
    low = i % inner
    x = tl.load(
        src
        + offsets_4d(high, size1, size2, size3, a0, a1, a2, a3)
        + offsets_4d(low, size5, size6, size7, a4, a5, a6, a7),
        mask,
    )
    out = convert(x, dst.dtype.element_ty)
    tl.store(
        dst
        + offsets_4d(high, size1, size2, size3, d0, d1, d2, d3)
        + offsets_4d(low, size5, size6, size7, d4, d5, d6, d7),
        out,
        mask,
    )
