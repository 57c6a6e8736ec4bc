"""Matrix products: one tiled kernel for every dtype and layout, and a persistent one through TMA.

The sum over `inner` always runs in the same order, whatever the tile, so that a row of the result
does not depend on how many other rows there are.
"""

import triton
import triton.language as tl


@triton.jit
def tile_of(pid, rows, cols, BM: tl.constexpr, BN: tl.constexpr, GROUP: tl.constexpr):
    """(row, column) of a tile: GROUP rows of tiles at a time, so that neighbours share operands"""
    across = tl.cdiv(cols, BN)
    down = tl.cdiv(rows, BM)
    group = pid // (GROUP * across)
    first = group * GROUP
    height = tl.minimum(down - first, GROUP)
    inside = pid % (GROUP * across)
    return first + inside % height, inside // height


@triton.jit
def round_tf32(x):
    """x rounded to the 10 digits of tf32, ties away from zero; the hardware alone truncates"""
    bits = x.to(tl.int32, bitcast=True)
    return tl.where(x == x, ((bits + 0x1000) & -0x2000).to(tl.float32, bitcast=True), x)


@triton.jit
def multiply_tiles(x, y, part, MODE: tl.constexpr):
    """part + x @ y by the arithmetic that MODE names"""
    if MODE == "integer":
        wide = x.to(part.dtype)[:, :, None] * y.to(part.dtype)[None, :, :]
        return part + tl.sum(wide, 1)
    elif MODE == "tf32":
        return tl.dot(round_tf32(x), round_tf32(y), part, input_precision="tf32")
    else:
        return tl.dot(x, y, part, input_precision=MODE, out_dtype=part.dtype)


@triton.jit
def flushed(total, part, step, FLUSH: tl.constexpr):
    """(total, part) after a step: part moves into total every FLUSH steps, never if it is 0"""
    if FLUSH > 0 and (step + 1) % FLUSH == 0:
        total += part
        part = tl.zeros_like(part)
    return total, part


# fmt: off
@triton.jit
def matmul(
    out, a, b, bias, rows, cols, inner, batches, s_a_outer, s_a_batch, s_a_row, s_a_col,
    s_b_outer, s_b_batch, s_b_row, s_b_col,
    MODE: tl.constexpr, SUM: tl.constexpr, FLUSH: tl.constexpr, BIAS: tl.constexpr,
    BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr, GROUP: tl.constexpr,
):
    """out[o, i] = a[o, i] @ b[o, i]: (outer, batches, rows, inner) by (.., inner, cols).

    With BIAS the row `bias` is added to each of the product, once that is rounded.
    One program per tile. FLUSH > 0 adds the running sum to a second one every FLUSH steps of BK:
    a single chain of float32 additions loses a bit with each doubling of inner.
    """
    tiles = tl.cdiv(rows, BM) * tl.cdiv(cols, BN)
    batch = (tl.program_id(0) // tiles).to(tl.int64)
    tile_row, tile_col = tile_of(tl.program_id(0) % tiles, rows, cols, BM, BN, GROUP)
    row = tile_row.to(tl.int64) * BM + tl.arange(0, BM)[:, None]
    col = tile_col.to(tl.int64) * BN + tl.arange(0, BN)[None, :]
    k = tl.arange(0, BK)
    a += batch // batches * s_a_outer + batch % batches * s_a_batch
    b += batch // batches * s_b_outer + batch % batches * s_b_batch
    a_tile = a + row * s_a_row + k.to(tl.int64)[None, :] * s_a_col
    b_tile = b + k.to(tl.int64)[:, None] * s_b_row + col * s_b_col
    a_step = tl.cast(s_a_col, tl.int64) * BK
    b_step = tl.cast(s_b_row, tl.int64) * BK
    total, part = tl.zeros([BM, BN], SUM), tl.zeros([BM, BN], SUM)
    for step in range(tl.cdiv(inner, BK)):
        left = inner - step * BK
        x = tl.load(a_tile, (row < rows) & (k[None, :] < left), other=0)
        y = tl.load(b_tile, (k[:, None] < left) & (col < cols), other=0)
        part = multiply_tiles(x, y, part, MODE)
        a_tile += a_step
        b_tile += b_step
        total, part = flushed(total, part, step, FLUSH)
    total += part
    if BIAS:
        total = total.to(out.dtype.element_ty).to(SUM) + tl.load(bias + col, col < cols, other=0)
    place = out + (batch * rows + row) * cols + col
    tl.store(place, total.to(out.dtype.element_ty), (row < rows) & (col < cols))


@triton.jit
def matmul_tma(
    out, a, b, rows, cols, inner, s_a, s_b, programs,
    A_IS_T: tl.constexpr, B_IS_T: tl.constexpr,
    BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr, GROUP: tl.constexpr,
):
    """out = a @ b for 16-bit floats through tensor descriptors; a persistent program per processor.

    a is (rows, inner) with s_a elements between rows, or its transpose when A_IS_T; b likewise.
    """
    if A_IS_T:
        a_tiles = tl.make_tensor_descriptor(a, [inner, rows], [s_a, 1], [BK, BM])
    else:
        a_tiles = tl.make_tensor_descriptor(a, [rows, inner], [s_a, 1], [BM, BK])
    if B_IS_T:
        b_tiles = tl.make_tensor_descriptor(b, [cols, inner], [s_b, 1], [BN, BK])
    else:
        b_tiles = tl.make_tensor_descriptor(b, [inner, cols], [s_b, 1], [BK, BN])
    out_tiles = tl.make_tensor_descriptor(out, [rows, cols], [cols, 1], [BM, BN])
    for tile in range(tl.program_id(0), tl.cdiv(rows, BM) * tl.cdiv(cols, BN), programs):
        tile_row, tile_col = tile_of(tile, rows, cols, BM, BN, GROUP)
        total = tl.zeros([BM, BN], tl.float32)
        for step in range(tl.cdiv(inner, BK)):
            if A_IS_T:
                x = tl.load_tensor_descriptor(a_tiles, [step * BK, tile_row * BM]).T
            else:
                x = tl.load_tensor_descriptor(a_tiles, [tile_row * BM, step * BK])
            if B_IS_T:
                y = tl.load_tensor_descriptor(b_tiles, [tile_col * BN, step * BK]).T
            else:
                y = tl.load_tensor_descriptor(b_tiles, [step * BK, tile_col * BN])
            total = tl.dot(x, y, total, input_precision="ieee")
        total = total.to(out.dtype.element_ty)
        tl.store_tensor_descriptor(out_tiles, [tile_row * BM, tile_col * BN], total)
# fmt: on
