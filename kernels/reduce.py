"""Reductions of the rows of a strided matrix: a tree within a tile, then a tree over the tiles.

A row is reduced in chunks of PIECES * COLS elements, one chunk and ROWS rows a program; the host
reduces the chunks' results likewise until one is left. The order of additions depends on the
length of a row alone, and no lane adds up more than a few elements in sequence.
"""

import triton
import triton.language as tl

from .copy import convert
from .exponential import divide, exp
from .special import sqrt

ALL = tl.constexpr(tl.PropagateNan.ALL)

# How two partial results become one.


@triton.jit
def add(a, b):
    return a + b


@triton.jit
def multiply(a, b):
    return a * b


@triton.jit
def larger(a, b):
    return tl.maximum(a, b, propagate_nan=ALL)


@triton.jit
def smaller(a, b):
    return tl.minimum(a, b, propagate_nan=ALL)


@triton.jit
def combined(a, b, COMBINE: tl.constexpr):
    if COMBINE == "add":
        return a + b
    elif COMBINE == "multiply":
        return a * b
    elif COMBINE == "larger":
        return larger(a, b)
    else:
        return smaller(a, b)


@triton.jit
def row_totals(a, COMBINE: tl.constexpr):
    """Every row of a tile reduced, as a column; tl.reduce takes no function from a constant"""
    if COMBINE == "add":
        return tl.expand_dims(tl.reduce(a, 1, add), 1)
    elif COMBINE == "multiply":
        return tl.expand_dims(tl.reduce(a, 1, multiply), 1)
    elif COMBINE == "larger":
        return tl.expand_dims(tl.reduce(a, 1, larger), 1)
    else:
        return tl.expand_dims(tl.reduce(a, 1, smaller), 1)


# What is done to an element first; `shift` is a number of its row.


@triton.jit
def plain(x, shift):
    return x


@triton.jit
def not_zero(x, shift):
    return (x != 0).to(x.dtype)


@triton.jit
def absolute(x, shift):
    return tl.abs(x)


@triton.jit
def square(x, shift):
    return x * x


@triton.jit
def squared_difference(x, shift):
    return (x - shift) * (x - shift)


@triton.jit
def exp_difference(x, shift):
    return exp(x - shift)


# What is done to the result of a row last.


@triton.jit
def keep(total, count):
    return total


@triton.jit
def quotient(total, count):
    return divide(total, tl.full(total.shape, count, total.dtype))


@triton.jit
def root(total, count):
    return sqrt(total)


@triton.jit
def root_of_quotient(total, count):
    return sqrt(quotient(total, count))


@triton.jit
def strided(i, size, outer, inner):
    """The offset of the i-th of two dimensions' elements; size 0: there is one dimension"""
    if size == 0:
        return i * inner
    else:
        return i // size * outer + i % size * inner


@triton.jit
def piece(
    x, at, col, cols, row_mask, size_col, s_col0, s_col1, shift,
    PREPARE: tl.constexpr, IDENTITY: tl.constexpr, ACC: tl.constexpr,
):  # fmt: skip
    """Prepared elements of some rows and columns; the identity outside"""
    mask = row_mask & (col < cols)
    value = convert(tl.load(x + at + strided(col, size_col, s_col0, s_col1), mask), ACC)
    return tl.where(mask, PREPARE(value, shift), IDENTITY).to(ACC)


@triton.jit
def reduce_tiles(
    out, x, shift, rows, cols, size_row, s_row0, s_row1, size_col, s_col0, s_col1, o_row, o_chunk,
    count, COMBINE: tl.constexpr, PREPARE: tl.constexpr, FINISH: tl.constexpr,
    IDENTITY: tl.constexpr, ACC: tl.constexpr, SHIFTED: tl.constexpr,
    ROWS: tl.constexpr, COLS: tl.constexpr, PIECES: tl.constexpr,
):  # fmt: skip
    """out[row, chunk] = FINISH(COMBINE of PREPARE(x[row, c], shift[row]) for c in the chunk)"""
    program = tl.program_id(0).to(tl.int64)
    chunks = tl.maximum(tl.cdiv(cols, COLS * PIECES), 1)  # rows of nothing have one, of identities
    chunk = program % chunks
    row = program // chunks * ROWS + tl.arange(0, ROWS)[:, None]
    col = chunk * (COLS * PIECES) + tl.arange(0, COLS)[None, :]
    row_mask = row < rows
    at = strided(row, size_row, s_row0, s_row1)
    about = convert(tl.load(shift + row, row_mask), ACC) if SHIFTED else 0
    a = piece(x, at, col, cols, row_mask, size_col, s_col0, s_col1, about, PREPARE, IDENTITY, ACC)
    if PIECES == 4:
        b = piece(
            x, at, col + COLS, cols, row_mask, size_col, s_col0, s_col1, about,
            PREPARE, IDENTITY, ACC,
        )  # fmt: skip
        c = piece(
            x, at, col + 2 * COLS, cols, row_mask, size_col, s_col0, s_col1, about,
            PREPARE, IDENTITY, ACC,
        )  # fmt: skip
        d = piece(
            x, at, col + 3 * COLS, cols, row_mask, size_col, s_col0, s_col1, about,
            PREPARE, IDENTITY, ACC,
        )  # fmt: skip
        a = combined(combined(a, b, COMBINE), combined(c, d, COMBINE), COMBINE)
    result = convert(FINISH(row_totals(a, COMBINE), count), out.dtype.element_ty)
    tl.store(out + row * o_row + chunk * o_chunk, result, row_mask)


@triton.jit
def first_larger(a, i, b, j):
    """The larger of two values with its index: nan above all, the first of equals"""
    other = (b > a) | ((b == a) & (j < i))
    other = tl.where(b != b, (a == a) | (j < i), other & (a == a))
    return tl.where(other, b, a), tl.where(other, j, i)


@triton.jit
def first_smaller(a, i, b, j):
    other = (b < a) | ((b == a) & (j < i))
    other = tl.where(b != b, (a == a) | (j < i), other & (a == a))
    return tl.where(other, b, a), tl.where(other, j, i)


@triton.jit
def index_tiles(
    out, out_index, x, index, rows, cols, size_row, s_row0, s_row1, size_col, s_col0, s_col1,
    o_row, o_chunk, LARGEST: tl.constexpr, IDENTITY: tl.constexpr, ACC: tl.constexpr,
    FIRST: tl.constexpr, ROWS: tl.constexpr, COLS: tl.constexpr,
):  # fmt: skip
    """(out, out_index)[row, chunk] = the extreme of x[row, chunk's columns] and its column

    FIRST: columns count from 0; otherwise x is a former result, and `index` holds its columns.
    """
    program = tl.program_id(0).to(tl.int64)
    chunks = tl.cdiv(cols, COLS)
    chunk = program % chunks
    row = program // chunks * ROWS + tl.arange(0, ROWS)[:, None]
    col = chunk * COLS + tl.arange(0, COLS)[None, :]
    mask = (row < rows) & (col < cols)
    at = strided(row, size_row, s_row0, s_row1) + strided(col, size_col, s_col0, s_col1)
    value = tl.where(mask, convert(tl.load(x + at, mask), ACC), IDENTITY).to(ACC)
    if FIRST:
        place = tl.broadcast_to(col, [ROWS, COLS])
    else:
        place = tl.load(index + at, mask, other=9223372036854775807)
    if LARGEST:
        value, place = tl.reduce((value, place), 1, first_larger)
    else:
        value, place = tl.reduce((value, place), 1, first_smaller)
    to = row * o_row + chunk * o_chunk
    result = convert(tl.expand_dims(value, 1), out.dtype.element_ty)
    tl.store(out + to, result, row < rows)
    tl.store(out_index + to, tl.expand_dims(place, 1), row < rows)
