"""Sums that numba compiles, imported by fast_rows.py alone: NumPy's own orders of additions.

loop(out, a, words, _, i, j) finds parts i to j of flat `out`, from numbers of a matrix `a`. The
elements are taken eight at a time, in vectors of the processor, as NumPy's pairwise sum takes them.
"""

from __future__ import annotations

import importlib
from typing import Any

from .compiled import KINDS, cached, numba
from .fast_rows import LEAF

extending: Any = importlib.import_module("numba.extending")
ir: Any = importlib.import_module("llvmlite.ir")

INDEX, DOUBLE, NOTHING = numba.types.int64, numba.types.float64, numba.types.void
I32 = ir.IntType(32)
LANES = 8  # sums that NumPy adds to in turn
VECTOR = ir.VectorType(ir.DoubleType(), LANES)
inlined = numba.njit(nogil=True, error_model="numpy", forceinline=True)


class Eight(numba.types.Type):
    """Eight float64 numbers in a register, or in as many as they need."""

    def __init__(self) -> None:
        super().__init__("Eight")


@extending.register_model(Eight)
class _Model(extending.models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, VECTOR)


EIGHT = Eight()


def _place(builder: Any, pointer: Any, at: Any) -> Any:
    """pointer[at] as the address of a vector."""
    kind = ir.VectorType(pointer.type.pointee, LANES)
    return builder.bitcast(builder.gep(pointer, [at]), kind.as_pointer())


def _vector(builder: Any, pointer: Any, at: Any) -> Any:
    size = 4 if pointer.type.pointee == ir.FloatType() else 8
    return builder.load(_place(builder, pointer, at), align=size)


def _wide(builder: Any, vector: Any) -> Any:
    return vector if vector.type == VECTOR else builder.fpext(vector, VECTOR)


@extending.intrinsic
def read(context, pointer, at):
    """pointer[at], ... pointer[at + 7] in float64"""

    def build(context, builder, signature, values):
        return _wide(builder, _vector(builder, *values))

    return EIGHT(pointer, INDEX), build


@extending.intrinsic
def read_pairs(context, pointer, at, gap):
    """The same of the sums of each and the one `gap` later."""

    def build(context, builder, signature, values):
        pointer, at, gap = values
        other = _vector(builder, pointer, builder.add(at, gap))
        return _wide(builder, builder.fadd(_vector(builder, pointer, at), other))

    return EIGHT(pointer, INDEX, INDEX), build


@extending.intrinsic
def write(context, pointer, at, eight):
    def build(context, builder, signature, values):
        pointer, at, eight = values
        builder.store(eight, _place(builder, pointer, at), align=8)
        return context.get_dummy_value()

    return NOTHING(pointer, INDEX, EIGHT), build


@extending.intrinsic
def plus(context, x, y):
    def build(context, builder, signature, values):
        return builder.fadd(*values)

    return EIGHT(EIGHT, EIGHT), build


@extending.intrinsic
def across(context, eight):
    """Their sum: neighbours first, then neighbours of those."""

    def build(context, builder, signature, values):
        (vector,) = values
        for count in (LANES // 2, LANES // 4):
            kind = ir.VectorType(I32, count)
            masks = [ir.Constant(kind, list(range(k, 2 * count, 2))) for k in (0, 1)]
            evens, odds = [builder.shuffle_vector(vector, vector, mask) for mask in masks]
            vector = builder.fadd(evens, odds)
        return builder.fadd(*[builder.extract_element(vector, I32(k)) for k in range(2)])

    return DOUBLE(EIGHT), build


@inlined
def eight(a, k, gap):
    """Eight elements; with a gap, which is compiled apart, eight sums of pairs."""
    if gap is None:
        return read(a, k)
    return read_pairs(a, k, gap)


@inlined
def one(a, k, gap):
    if gap is None:
        return DOUBLE(a[k])
    return DOUBLE(a[k] + a[k + gap])


@numba.njit(nogil=True, error_model="numpy")
def leaf(a, i, n, gap):
    """The sum of at most LEAF elements from i on, or of their pairs."""
    if n < LANES:
        total = -0.0
        for k in range(i, i + n):
            total += one(a, k, gap)
        return total
    end = i + n - n % LANES
    sums = eight(a, i, gap)
    for k in range(i + LANES, end, LANES):
        sums = plus(sums, eight(a, k, gap))
    total = across(sums)
    for k in range(end, i + n):
        total += one(a, k, gap)
    return total


@inlined
def whole(a, i, gap, length):
    """The same of LEAF elements, which the compiler is not told: it would unroll the loop and read
    memory in another order, which processors do not foresee."""
    sums = eight(a, i, gap)
    for k in range(LANES, length, LANES):
        sums = plus(sums, eight(a, i + k, gap))
    return across(sums)


@numba.njit(nogil=True, error_model="numpy")
def pairwise(a, i, n, gap, length):
    """The sum of n elements from i on, or of their pairs, as NumPy adds them in float64.

    Of four leaves side by side the next one begins while the last is added up.
    """
    if n <= LEAF:
        return leaf(a, i, n, gap)
    if n == 4 * LEAF:
        first = whole(a, i, gap, length) + whole(a, i + LEAF, gap, length)
        second = whole(a, i + 2 * LEAF, gap, length) + whole(a, i + 3 * LEAF, gap, length)
        return first + second
    half = n // 2
    half -= half % LANES
    first = pairwise(a, i, half, gap, length)
    return first + pairwise(a, i + half, n - half, gap, length)


def rows(out, a, words, unused, i, j):
    """Sums of pieces of the rows: words are a row's length, that of its half, of a piece, the gap
    between the two of a pair, the pieces of a row, and LEAF."""
    n, half, piece, gap, pieces = words[0], words[1], words[2], words[3], words[4]
    for item in range(i, j):
        row = item // pieces
        start = (item - row * pieces) * piece
        first, count = row * n + start, min(piece, half - start)
        if gap:
            out[item] = 0.0 + pairwise(a, first, count, gap, words[5])
        else:
            out[item] = 0.0 + pairwise(a, first, count, None, words[5])


def columns(out, a, words, unused, i, j):
    """Sums of groups of rows, from row to row: words are the rows of a matrix, those of its half,
    of a group, the gap as above, the groups, the columns, those of a strip, the strips."""
    n, half, group, gap, groups = words[0], words[1], words[2], words[3], words[4]
    inner, width, strips = words[5], words[6], words[7]
    for item in range(i, j):
        part = item // strips
        matrix = part // groups
        first = (item - part * strips) * width
        last = min(first + width, inner)
        start = (part - matrix * groups) * group
        count = min(group, half - start)
        at = (matrix * n + start) * inner
        if gap:
            down(out, part * inner, a, at, count, inner, gap, first, last)
        else:
            down(out, part * inner, a, at, count, inner, None, first, last)


@numba.njit(nogil=True, error_model="numpy")
def down(out, to, a, at, count, inner, gap, first, last):
    """out[to + k] = the sum of `count` rows at k, four at a time, for k from first to last."""
    for k in range(to + first, to + last):
        out[k] = 0.0
    end = last - (last - first) % LANES
    fours = count - count % 4
    for r in range(0, fours, 4):
        p = at + r * inner
        for k in range(first, end, LANES):
            sums = plus(read(out, to + k), eight(a, p + k, gap))
            sums = plus(sums, eight(a, p + inner + k, gap))
            sums = plus(sums, eight(a, p + 2 * inner + k, gap))
            write(out, to + k, plus(sums, eight(a, p + 3 * inner + k, gap)))
    for r in range(fours, count):
        p = at + r * inner
        for k in range(first, end, LANES):
            write(out, to + k, plus(read(out, to + k), eight(a, p + k, gap)))
    for r in range(count):
        for k in range(end, last):
            out[to + k] += one(a, at + r * inner + k, gap)


def compiled(name: str, kind: str) -> Any:
    """The loop of this name for matrices of this dtype, with the attribute `address`."""
    pointer = numba.types.CPointer
    arrays = pointer(DOUBLE), pointer(KINDS[kind]), pointer(INDEX), pointer(INDEX)
    signature = NOTHING(*arrays, INDEX, INDEX)
    return cached(numba.cfunc, signature, error_model="numpy")(globals()[name])
