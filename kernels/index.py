"""Reading and writing at indices: take, gather, scatter; sums at equal indices in a fixed order.

Indices arrive checked, as int64 (`linear`). A sum at one place adds its terms in the order of the
index, all in the program that owns the place: no atomics, the same bits every time.
"""

import triton
import triton.language as tl


@triton.jit
def linear(out, bad, index, n, low, size, stride, ADD: tl.constexpr, BLOCK: tl.constexpr):
    """out[i] (+)= index[i] * stride, negative ones counted from size, 0 where out of range.

    bad[program] is the position of the first index outside low .. size - 1, or n.
    """
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    at = tl.load(index + i, i < n, other=0).to(tl.int64)
    outside = ((at < low) | (at >= size)) & (i < n)
    tl.store(bad + tl.program_id(0), tl.min(tl.where(outside, i, n), 0))
    at = tl.where(at < 0, at + size, at)
    at = tl.where(outside, 0, at) * stride
    if ADD:
        at += tl.load(out + i, i < n, other=0)
    tl.store(out + i, at, i < n)


@triton.jit
def take(out, x, offsets, rows, picked, inner, s_outer, s_inner, R: tl.constexpr, C: tl.constexpr):
    """out[o, p, c] = x[o * s_outer + offsets[p] + c * s_inner]; rows counts (o, p)"""
    across = tl.cdiv(inner, C)
    row = (tl.program_id(0) // across).to(tl.int64) * R + tl.arange(0, R)[:, None]
    col = (tl.program_id(0) % across).to(tl.int64) * C + tl.arange(0, C)[None, :]
    offset = tl.load(offsets + row % picked, row < rows, other=0)
    here = (row < rows) & (col < inner)
    value = tl.load(x + row // picked * s_outer + offset + col * s_inner, here)
    tl.store(out + row * inner + col, value, here)


@triton.jit
def gather(
    out, x, index, n, picked, inner, s_outer, s_dim, s_inner, BLOCK: tl.constexpr
):  # fmt: skip
    """out[o, p, c] = x[o, index[o, p, c], c] with any strides of x; n elements in all"""
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    at = tl.load(index + i, i < n, other=0) * s_dim
    at += i // inner // picked * s_outer + i % inner * s_inner
    tl.store(out + i, tl.load(x + at, i < n), i < n)


# fmt: off
@triton.jit
def scatter(
    out, index, source, columns, size, picked, inner, s_outer, s_dim, s_inner,
    SUM: tl.constexpr, ADD: tl.constexpr, R: tl.constexpr, C: tl.constexpr,
):
    """out[o, index[o, p, c], c] (+)= source[o, p, c] for p = 0, 1, ..; the last one stays.

    One program owns R places along dim of C of the columns (o, c), and walks their index.
    """
    across = tl.cdiv(columns, C)
    place = (tl.program_id(0) // across).to(tl.int64) * R + tl.arange(0, R)
    column = (tl.program_id(0) % across).to(tl.int64) * C + tl.arange(0, C)
    in_column = column < columns
    start = column // inner * picked * inner + column % inner
    base = out + column // inner * s_outer + column % inner * s_inner
    where = base[None, :] + place[:, None] * s_dim
    here = (place < size)[:, None] & in_column[None, :]
    total = tl.load(where, here, other=0).to(SUM)
    for p in range(picked):
        spot = start + tl.cast(p, tl.int64) * inner
        at = tl.load(index + spot, in_column, other=-1)
        value = tl.load(source + spot, in_column, other=0).to(SUM)[None, :]
        new = total + value if ADD else value
        total = tl.where(place[:, None] == at[None, :], new, total)
    tl.store(where, total.to(out.dtype.element_ty), here)


@triton.jit
def scatter_rows(
    out, index, source, size, picked, inner, s_row, s_col,
    SUM: tl.constexpr, ADD: tl.constexpr, R: tl.constexpr, C: tl.constexpr, SCAN: tl.constexpr,
):
    """out[index[p], c] (+)= source[p, c] for p = 0, 1, ..; the last one stays.

    One program owns R rows of C columns: it scans the whole index, SCAN entries at a time, and
    follows those that fall into its rows one by one, first to last.
    """
    across = tl.cdiv(inner, C)
    first_row = (tl.program_id(0) // across).to(tl.int64) * R
    row = first_row + tl.arange(0, R)[:, None]
    col = (tl.program_id(0) % across).to(tl.int64) * C + tl.arange(0, C)[None, :]
    where = out + row * s_row + col * s_col
    here = (row < size) & (col < inner)
    total = tl.load(where, here, other=0).to(SUM)
    touched = 0
    for start in range(0, picked, SCAN):
        p = start + tl.arange(0, SCAN)
        at = tl.load(index + p, p < picked, other=-1)
        mine = (at >= first_row) & (at < first_row + R)
        count = tl.sum(mine.to(tl.int32), 0)
        touched += count
        last = start - 1
        for _ in range(count):
            last = tl.min(tl.where(mine & (p > last), p, picked), 0)
            target = tl.load(index + last)
            spot = source + tl.cast(last, tl.int64) * inner + col
            value = tl.load(spot, col < inner, other=0).to(SUM)
            new = total + value if ADD else tl.broadcast_to(value, (R, C))
            total = tl.where(row == target, new, total)
    tl.store(where, total.to(out.dtype.element_ty), here & (touched > 0))
# fmt: on


@triton.jit
def fill_where(out, x, mask, value, n, BLOCK: tl.constexpr):
    """out[i] = value[0] where mask[i], else x[i]"""
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    chosen = tl.load(mask + i, i < n, other=0)
    kept = tl.load(x + i, i < n)
    tl.store(out + i, tl.where(chosen != 0, tl.load(value), kept), i < n)


@triton.jit
def triangle(out, x, n, rows, cols, diagonal, UPPER: tl.constexpr, BLOCK: tl.constexpr):
    """Matrices with zeros on one side of a diagonal"""
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    above = i % cols - i // cols % rows - diagonal
    kept = above >= 0 if UPPER else above <= 0
    tl.store(out + i, tl.load(x + i, (i < n) & kept, other=0), i < n)


@triton.jit
def one_hot(out, index, n, classes, BLOCK: tl.constexpr):
    """out[i, k] = 1 where k is index[i]"""
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    at = tl.load(index + i // classes, i < n, other=0)
    tl.store(out + i, (at == i % classes).to(tl.int64), i < n)
