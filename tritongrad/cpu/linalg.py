"""Matrix products on NumPy: BLAS where it is exact enough, and never a narrow accumulator.

Shapes and dtypes were checked by the declarations (ops/linalg.py).
"""

import itertools
import math

import numpy as np

from .blas import alone
from .large import LARGE
from .pool import empty
from .team import cuts, team

FLOAT32, FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)
TINY = 1 << 18  # products of numbers: below, OpenBLAS takes one thread by itself
SHARED = 12_000_000  # from here the team, whose threads take 50 us to wake, is worth its while
STEP = 96  # rows and columns are cut at multiples: no element meets another inner loop
EXACT = {4: 2**24, 8: 2**53}  # integers up to here are exact in a float of so many bytes


def mm(input, mat2, precision="highest"):
    """Product of two matrices."""
    d = input.dtype
    return multiply(input, mat2) if d is FLOAT32 or d is FLOAT64 else matmul(input, mat2)


def bmm(input, mat2, precision="highest"):
    """Products of the matrices of two batches."""
    return matmul(input, mat2)


def matmul(input, other, precision="highest"):
    """Products of the last two dimensions, broadcast over the others."""
    dtype = input.dtype
    if dtype is FLOAT32 or dtype is FLOAT64:
        return multiply(input, other)
    if dtype.kind in "iu":
        return multiply_integers(input, other)
    wide = multiply(input.astype(np.float32), other.astype(np.float32))
    return wide.astype(dtype)


def linear(input, weight, bias=None, precision="highest"):
    """Product of the last dim and the transpose of a matrix, plus a row."""
    out = matmul(input, weight.T)
    return out if bias is None else np.add(out, bias, out=out)


def multiply(input, other):
    """Product of floats, by BLAS; its bits do not depend on the number of threads."""
    if input.ndim == 2 == other.ndim:
        rows, inner, cols = *input.shape, other.shape[1]
        work = rows * inner * cols
        if rows * cols < LARGE and work <= TINY:
            return input.dot(other)  # BLAS as in matmul, a third of its price for small ones
        out = empty((rows, cols), input.dtype)
        if work <= TINY:
            return np.dot(input, other, out)
        if work < SHARED or max(rows, cols) < 2 * STEP:
            return alone(np.dot, input, other, out)
        return alone(multiply_shared, input, other, out)
    if other.ndim == 2 and input.ndim > 2 and input.flags.c_contiguous and input.size:
        flat = multiply(input.reshape(-1, input.shape[-1]), other)
        return flat.reshape(*input.shape[:-1], other.shape[1])
    if input.ndim == 3 == other.ndim and len(input) == len(other):
        return multiply_batches(input, other)
    return alone(np.matmul, input, other)


def multiply_shared(input, other, out):
    """out = input other, its rows or its columns shared among the threads of the team."""

    def by_rows(i, j):
        np.dot(input[i:j], other, out[i:j])

    def by_columns(i, j):
        np.matmul(input, other[:, i:j], out=out[:, i:j])

    if len(out) >= out.shape[1]:
        team().run(by_rows, shares(len(out)))
    else:
        team().run(by_columns, shares(out.shape[1]))
    return out


def shares(n):
    """[0, n) in one part a thread, each of 2 STEP at least and cut at multiples of STEP."""
    count = min(team().n, n // (2 * STEP))
    ends = [n // STEP * k // count * STEP for k in range(count)]
    return list(itertools.pairwise([*ends, n]))


def multiply_batches(input, other):
    """Products of two batches of as many matrices, shared among the threads of the team."""
    count, rows, inner = input.shape
    cols = other.shape[2]
    work = math.prod((count, rows, inner, cols))
    if work <= TINY:
        return np.matmul(input, other)
    out = empty((count, rows, cols), input.dtype)

    def part(i, j):
        np.matmul(input[i:j], other[i:j], out=out[i:j])

    if work < SHARED or count < 2:
        alone(part, 0, count)
    else:
        alone(team().run, part, cuts(count, 1))
    return out


def multiply_integers(input, other):
    """Exact product modulo the dtype's width, by BLAS where no partial sum can be rounded."""
    if input.size and other.size and input.shape[-1] > 8:
        most = input.shape[-1] * magnitude(input) * magnitude(other)
        for itemsize, bound in EXACT.items():
            if most <= bound:
                wide = np.dtype(f"f{itemsize}")
                product = multiply(input.astype(wide), other.astype(wide))
                return product.astype(np.int64).astype(input.dtype)
    return np.matmul(input, other)


def magnitude(x):
    """The largest absolute value."""
    return max(int(x.max()), -int(x.min()))
