"""A loop that numba compiles, imported by fast_gemm.py alone: pieces of a product, by OpenBLAS."""

from __future__ import annotations

from typing import Any

from .compiled import cached, numba
from .gemm import ROW_MAJOR
from .spinning import I64, NOTHING, WORD, intrinsic, ir, load, store

# Words of a table: what all pieces have in common, then a row for each piece.
FUNCTION, STEPS, HEAD, ROW = 0, 1, 8, 24
# Words of a row: the arguments of gemm_batch in its order, which are addresses of values, and how
# far from the beginning of each matrix the piece lies.
A, B, C, SIZES = 6, 8, 11, 13
OFFSETS = 14
I32 = ir.IntType(32)


@intrinsic
def gemm_batch(context, function, row):
    """One product, as the words of a row say."""

    def build(context, builder, signature, values):
        function, row = values
        kind = ir.FunctionType(ir.VoidType(), [I32, *[I64] * 15])
        words = [builder.add(row, I64(8 * k)) for k in range(SIZES)]
        arguments = [I32(ROW_MAJOR), *words, I64(1), builder.add(row, I64(8 * SIZES))]
        builder.call(builder.inttoptr(function, kind.as_pointer()), arguments)
        return context.get_dummy_value()

    return NOTHING(WORD, WORD), build


def products(out, a, b, table, i, j):
    """Places i to j of a product: of each the first piece, then those that add to it."""
    function, steps = load(table + 8 * FUNCTION), load(table + 8 * STEPS)
    for k in range(i * steps, j * steps):
        row = table + 8 * (HEAD + k * ROW)
        store(row + 8 * A, a + load(row + 8 * OFFSETS))
        store(row + 8 * B, b + load(row + 8 * OFFSETS + 8))
        store(row + 8 * C, out + load(row + 8 * OFFSETS + 16))
        gemm_batch(function, row)


def compiled() -> Any:
    """The loop, whose attribute `address` is that of a C function."""
    return cached(numba.cfunc, NOTHING(*[WORD] * 6), error_model="numpy")(products)
