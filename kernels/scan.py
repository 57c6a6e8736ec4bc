"""Running sums and products along the rows of a strided matrix."""

import triton
import triton.language as tl

from .copy import convert
from .reduce import add, combined, multiply, strided


@triton.jit
def scan_tiles(
    out, x, before, rows, cols, size_row, s_row0, s_row1, s_col, o_row0, o_row1, o_col,
    COMBINE: tl.constexpr, IDENTITY: tl.constexpr, ACC: tl.constexpr, FOLLOWS: tl.constexpr,
    ROWS: tl.constexpr, COLS: tl.constexpr,
):  # fmt: skip
    """out[row, c] = COMBINE of x[row, 0..c]; before[row, k] holds that of the chunks 0..k

    FOLLOWS: there is more than one chunk of COLS columns.
    """
    program = tl.program_id(0).to(tl.int64)
    chunks = tl.cdiv(cols, COLS)
    chunk = program % chunks
    row = program // chunks * ROWS + tl.arange(0, ROWS)[:, None]
    col = chunk * COLS + tl.arange(0, COLS)[None, :]
    mask = (row < rows) & (col < cols)
    at = strided(row, size_row, s_row0, s_row1) + col * s_col
    value = tl.where(mask, convert(tl.load(x + at, mask), ACC), IDENTITY).to(ACC)
    if COMBINE == "add":
        result = tl.associative_scan(value, 1, add)
    else:
        result = tl.associative_scan(value, 1, multiply)
    if FOLLOWS:
        earlier = (row < rows) & (chunk > 0)
        total = tl.load(before + row * chunks + chunk - 1, earlier, other=IDENTITY)
        result = combined(total, result, COMBINE)
    to = strided(row, size_row, o_row0, o_row1) + col * o_col
    tl.store(out + to, convert(result, out.dtype.element_ty), mask)
