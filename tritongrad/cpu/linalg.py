"""Matrix products on NumPy: BLAS where it is exact enough, and never a narrow accumulator.

Shapes and dtypes were checked by the declarations (ops/linalg.py).
"""

import math

import numpy as np

from . import gemm
from .blas import alone, blas
from .gemm import DIRECT, FEW, WAKING
from .large import LARGE, repeat
from .pool import empty
from .team import cuts, team

FLOAT32, FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)
TINY = 1 << 18  # products of numbers: below, OpenBLAS takes one thread by itself
NARROW = 1 << 15  # elements of a second matrix that stays in the cache from one part to the next
CHAIN, PART = 128, 288  # products in one float32 sum: in all, and in each of several
LONG = 1024  # products from which the parts in which BLAS adds them are many enough
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
    if bias is not None:
        repeat(np.add, (out, bias), out)
    return out


def multiply(input, other):
    """Product of floats, by BLAS; its bits do not depend on the number of threads."""
    if input.ndim == 2 == other.ndim:
        rows, inner, cols = *input.shape, other.shape[1]
        work = rows * inner * cols
        if rows * cols < LARGE and work <= TINY and inner <= CHAIN:
            return input.dot(other)  # BLAS as in matmul, a third of its price for small ones
        out = empty((rows, cols), input.dtype)
        if work > TINY and gemm.multiply(input, other, out, chains(rows, inner, cols, input.dtype)):
            return out
        count = parts_of(rows, inner, cols, input.dtype)
        if work <= TINY:
            return product(input, other, out, count)
        if inner <= CHAIN and inner * cols <= NARROW and work > DIRECT:
            return alone(multiply_by_rows, input, other, out)
        return alone(product, input, other, out, count)
    if other.ndim == 2 and input.ndim > 2 and input.flags.c_contiguous and input.size:
        flat = multiply(input.reshape(-1, input.shape[-1]), other)
        return flat.reshape(*input.shape[:-1], other.shape[1])
    if input.ndim == 3 == other.ndim and len(input) == len(other):
        return multiply_batches(input, other)
    batch = np.broadcast_shapes(input.shape[:-2], other.shape[:-2])
    rows, inner, cols = *input.shape[-2:], other.shape[-1]
    out = empty((*batch, rows, cols), input.dtype)
    return alone(product, input, other, out, parts_of(rows, inner, cols, input.dtype))


def parts_of(rows, inner, cols, dtype):
    """In how many parts the sums of a product are added up, small ones as BLAS is quickest."""
    count = chains(rows, inner, cols, dtype)
    direct = -(-rows * inner * cols // DIRECT)
    small = count > 1 and blas.direct and direct * rows * cols <= FEW
    return max(direct, count) if small else count


def chains(rows, inner, cols, dtype):
    """In how many parts the sums of a product have to be: what one chain would lose is too much.

    BLAS adds up to 384 products, or all of a small matrix, in one chain of float32 additions.
    """
    if inner <= CHAIN or dtype is not FLOAT32:
        return 1
    each = inner * cols
    averaged = inner >= LONG and rows * each > DIRECT and each > NARROW
    return 1 if averaged else least_parts(inner)


def least_parts(inner):
    """In how many parts a sum of so many products has to be, for its chains to be short."""
    return 1 if inner <= CHAIN else max(-(-inner // PART), 2)


def product(input, other, out, count):
    """out = input other, the sums in `count` parts."""
    if count == 1:
        return into(input, other, out)
    step = input.shape[-1] // count
    if count > 3 and count * out.size <= FEW:
        return add_parts(input, other, out, count, step)
    return one_by_one(input, other, out, step)


def one_by_one(input, other, out, step):
    """out = input other, so many columns of input at a time."""
    into(input[..., :step], other[..., :step, :], out)
    inner = input.shape[-1]
    more = empty(out.shape, out.dtype) if step < inner else out
    for start in range(step, inner, step):
        ends = slice(start, start + step)
        np.add(out, into(input[..., ends], other[..., ends, :], more), out=out)
    return out


def into(input, other, out):
    """out = input other, by the call that is quicker."""
    if input.ndim == 2 == other.ndim and out.flags.c_contiguous:
        return np.dot(input, other, out)
    return np.matmul(input, other, out=out)


def add_parts(input, other, out, count, step):
    """The same with all parts at once, in memory of their own."""
    rows, cols, whole = input.shape[-2], other.shape[-1], count * step
    a = input[..., :whole].reshape(*input.shape[:-1], count, step).swapaxes(-3, -2)
    b = other[..., :whole, :].reshape(*other.shape[:-2], count, step, cols)
    parts = np.matmul(a, b, out=empty((*out.shape[:-2], count, rows, cols), out.dtype))
    np.add.reduce(parts, -3, out=out)
    if whole < input.shape[-1]:
        np.add(out, np.matmul(input[..., whole:], other[..., whole:, :]), out=out)
    return out


def multiply_by_rows(input, other, out):
    """out = input other, a few rows at a time where BLAS is quicker for it; alone() around it."""
    rows, inner = input.shape
    cols = other.shape[1]
    step = DIRECT // (inner * cols) // 4 * 4
    across, along = input.strides
    lie_well = input.itemsize in (across, along) and other.flags.c_contiguous
    if not (blas.direct and step and lie_well):
        return np.dot(input, other, out)
    count = -(-rows // step)
    step = rows // count // 4 * 4 or step
    count = rows // step
    whole = count * step
    if along == input.itemsize:
        parts = input[:whole].reshape(count, step, inner)
    else:
        parts = input.T[:, :whole].reshape(inner, count, step).transpose(1, 2, 0)
    np.matmul(parts, other, out=out[:whole].reshape(count, step, cols))
    if whole < rows:
        np.matmul(input[whole:], other, out=out[whole:])
    return out


def multiply_batches(input, other):
    """Products of two batches of as many matrices, shared among the threads of the team."""
    count, rows, inner = input.shape
    cols = other.shape[2]
    work = math.prod((count, rows, inner, cols))
    if work <= TINY and inner <= CHAIN:
        return np.matmul(input, other)
    out = empty((count, rows, cols), input.dtype)
    if gemm.multiply(input, other, out, chains(rows, inner, cols, input.dtype)):
        return out
    parts = parts_of(rows, inner, cols, input.dtype)

    def part(i, j):
        product(input[i:j], other[i:j], out[i:j], parts)

    if work < WAKING or count < 2:
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
