"""Layer normalisation that numba compiles, imported by fast_norm.py alone: norm.py's own steps.

A row stays in the first cache from its first step to its last. Sums along it are OpenBLAS's, called
as NumPy calls it, so that they have the same bits.
"""

from __future__ import annotations

import importlib
import math
from typing import Any

from .compiled import KINDS, cached, numba
from .norm import GROUP, SHOWS
from .rows import CHUNK

intrinsic: Any = importlib.import_module("numba.extending").intrinsic
ir: Any = importlib.import_module("llvmlite.ir")

INDEX, DOUBLE, NOTHING = numba.types.int64, numba.types.float64, numba.types.void
I64 = ir.IntType(64)
FAR = -1  # in place of rstd: squares overflow, NumPy has to do this row
inlined = numba.njit(nogil=True, error_model="numpy", forceinline=True)


@intrinsic
def array(context, address, like):
    """A pointer of the type of another."""

    def build(context, builder, signature, values):
        return builder.inttoptr(values[0], values[1].type)

    return like(INDEX, like), build


@intrinsic
def number(context, value, like):
    """A float64 rounded to the type that a pointer points to."""

    def build(context, builder, signature, values):
        kind = values[1].type.pointee
        return values[0] if kind == values[0].type else builder.fptrunc(values[0], kind)

    return like.dtype(DOUBLE, like), build


@intrinsic
def blas_dot(context, function, n, x, i, y, j):
    """cblas_sdot or cblas_ddot of n numbers from x[i] and y[j] on."""

    def build(context, builder, signature, values):
        function, n, x, i, y, j = values
        kind = ir.FunctionType(x.type.pointee, [I64, x.type, I64, y.type, I64])
        places = builder.gep(x, [i]), I64(1), builder.gep(y, [j]), I64(1)
        return builder.call(builder.inttoptr(function, kind.as_pointer()), [n, *places])

    return x.dtype(INDEX, INDEX, x, INDEX, y, INDEX), build


@inlined
def dot(function, n, x, i, y, moves):
    """rows.dots of one row and y, or rows.sums: y is a chunk of ones then, which does not move."""
    if n <= CHUNK:
        return DOUBLE(blas_dot(function, n, x, i, y, 0))
    whole = n // CHUNK * CHUNK
    total = 0.0
    for k in range(0, whole, CHUNK):
        total += blas_dot(function, CHUNK, x, i + k, y, k * moves)
    if whole < n:
        total += blas_dot(function, n - whole, x, i + whole, y, whole * moves)
    return total


def forward(out, x, words, numbers, i, j):
    """Rows i to j of the result, their means and 1 / sqrt(var + eps)."""
    n, blas, ones = words[0], words[1], array(words[2], x)
    mean, rstd = array(words[3], x), array(words[4], x)
    for row in range(i, j):
        at = row * n
        middle = number(dot(blas, n, x, at, ones, 0) / n, x)
        for k in range(at, at + n):
            out[k] = x[k] - middle
        left = dot(blas, n, out, at, ones, 0) / n
        var = dot(blas, n, out, at, array(words[7] + at * words[8], x), 1) / n - left * left
        if not math.isfinite(var):
            rstd[row] = FAR
            continue
        scale = 1 / math.sqrt(max(var, 0.0) + numbers[0])
        if abs(left) * scale > SHOWS:
            rest = number(left, x)
            for k in range(at, at + n):
                out[k] -= rest
        mean[row] = number(DOUBLE(middle) + left, x)
        rstd[row] = number(scale, x)
        affine(out, at, n, rstd[row], words[5], words[6])


@inlined
def affine(out, at, n, scale, weight, bias):
    """out * scale * weight + bias; the addresses of the last two, 0 for none."""
    for k in range(at, at + n):
        out[k] *= scale
    if weight:
        factor = array(weight, out)
        for k in range(n):
            out[at + k] *= factor[k]
    if bias:
        addend = array(bias, out)
        for k in range(n):
            out[at + k] += addend[k]


def gradients(out, x, words, numbers, i, j):
    """The gradient by input of groups i to j of rows, and their parts of the others."""
    n, blas, ones, rows = words[0], words[1], array(words[2], x), words[5]
    mean, rstd = array(words[3], x), array(words[4], x)
    grad, weight = array(words[6], x), array(words[7], x)
    of_weight, of_bias, memory = array(words[8], x), array(words[9], x), array(words[10], x)
    for group in range(i, j):
        part = group * n
        for k in range(part, part + n):
            of_weight[k] = 0
            of_bias[k] = 0
        for row in range(group * GROUP, min(group * GROUP + GROUP, rows)):
            at, scale = row * n, rstd[row]
            centred(out, x, at, n, mean[row])
            for k in range(n):
                memory[part + k] = grad[at + k] * scale
            for k in range(n):
                of_weight[part + k] += memory[part + k] * out[at + k]
            for k in range(n):
                of_bias[part + k] += grad[at + k]
            for k in range(n):
                memory[part + k] *= weight[k]
            mine = array(words[10] + part * words[11], x)
            wide = DOUBLE(scale)
            along = number(dot(blas, n, out, at, mine, 1) * wide * wide / n, x)
            level = number(dot(blas, n, memory, part, ones, 0) / n, x)
            for k in range(n):
                out[at + k] = memory[part + k] - out[at + k] * along - level


@inlined
def centred(out, x, at, n, middle):
    for k in range(at, at + n):
        out[k] = x[k] - middle


def compiled(name: str, kind: str) -> Any:
    """The loop of this name for matrices of this dtype, with the attribute `address`."""
    pointer = numba.types.CPointer
    arrays = pointer(KINDS[kind]), pointer(KINDS[kind]), pointer(INDEX), pointer(DOUBLE)
    signature = NOTHING(*arrays, INDEX, INDEX)
    return cached(numba.cfunc, signature, error_model="numpy")(globals()[name])
