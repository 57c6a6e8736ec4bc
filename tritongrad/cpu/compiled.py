"""Loops that numba compiles, imported by fast.py alone: each has the bits of what it stands for.

loop(out, a, b, c, i, j) does elements i to j of flat arrays that lie apart; of a number it gets an
array of one element. One that repeats a row does rows i to j, and c holds their length. No loop
adds in another order or contracts a product and a sum, and fast.py or fast_repeat.py compares the
bits of each with NumPy's on all kinds of numbers before it is used.
"""

from __future__ import annotations

import importlib
import math
from typing import Any

numba: Any = importlib.import_module("numba")  # an extra: not there for whoever checks types
KINDS = {"float32": numba.types.float32, "float64": numba.types.float64}


def compiled(name: str, kind: str) -> Any:
    """The loop of this name for arrays of this dtype, from numba's cache where that can be written.

    Its attribute `address` is that of a C function.
    """
    index, pointer = numba.types.int64, numba.types.CPointer
    array = pointer(KINDS[kind])
    last = pointer(index) if name.endswith("_row") else array
    signature = numba.types.void(array, array, array, last, index, index)
    return cached(numba.cfunc, signature, error_model="numpy")(globals()[name])


def cached(compiler: Any, signature: Any, **options: Any) -> Any:
    """A compiler of numba's that keeps what it makes on disk, or does without where it cannot."""

    def compile(function: Any) -> Any:
        try:
            return compiler(signature, cache=True, **options)(function)
        except (RuntimeError, OSError):  # no folder for it, or a full disk
            return compiler(signature, **options)(function)

    return compile


def add(out, a, b, c, i, j):
    for k in range(i, j):
        out[k] = a[k] + b[k]


def add_number(out, a, b, c, i, j):
    y = b[0]
    for k in range(i, j):
        out[k] = a[k] + y


def add_inplace(out, a, b, c, i, j):
    for k in range(i, j):
        out[k] = out[k] + b[k]


def sub(out, a, b, c, i, j):
    for k in range(i, j):
        out[k] = a[k] - b[k]


def sub_number(out, a, b, c, i, j):
    y = b[0]
    for k in range(i, j):
        out[k] = a[k] - y


def sub_inplace(out, a, b, c, i, j):
    for k in range(i, j):
        out[k] = out[k] - b[k]


def mul(out, a, b, c, i, j):
    for k in range(i, j):
        out[k] = a[k] * b[k]


def mul_number(out, a, b, c, i, j):
    y = b[0]
    for k in range(i, j):
        out[k] = a[k] * y


def mul_inplace(out, a, b, c, i, j):
    for k in range(i, j):
        out[k] = out[k] * b[k]


def mul_inplace_number(out, a, b, c, i, j):
    y = b[0]
    for k in range(i, j):
        out[k] = out[k] * y


def div(out, a, b, c, i, j):
    for k in range(i, j):
        out[k] = a[k] / b[k]


def div_number(out, a, b, c, i, j):
    y = b[0]
    for k in range(i, j):
        out[k] = a[k] / y


def negative(out, a, b, c, i, j):
    for k in range(i, j):
        out[k] = -a[k]


def absolute(out, a, b, c, i, j):
    for k in range(i, j):
        out[k] = abs(a[k])


def sqrt(out, a, b, c, i, j):
    for k in range(i, j):
        out[k] = math.sqrt(a[k])


def square(out, a, b, c, i, j):
    for k in range(i, j):
        out[k] = a[k] * a[k]


def cube(out, a, b, c, i, j):
    for k in range(i, j):
        out[k] = a[k] * a[k] * a[k]


def fourth(out, a, b, c, i, j):
    for k in range(i, j):
        x = a[k] * a[k]
        out[k] = x * x


def maximum(out, a, b, c, i, j):
    for k in range(i, j):
        x, y = a[k], b[k]
        out[k] = x if (x > y) | (x != x) else y


def maximum_number(out, a, b, c, i, j):
    y = b[0]
    for k in range(i, j):
        x = a[k]
        out[k] = y if x <= y else x


def minimum(out, a, b, c, i, j):
    for k in range(i, j):
        x, y = a[k], b[k]
        out[k] = x if (x < y) | (x != x) else y


def minimum_number(out, a, b, c, i, j):
    y = b[0]
    for k in range(i, j):
        x = a[k]
        out[k] = y if x >= y else x


def clamp_both(out, a, b, c, i, j):
    low, high = b[0], c[0]
    for k in range(i, j):
        x = low if a[k] <= low else a[k]
        out[k] = high if x >= high else x


def relu(out, a, b, c, i, j):
    for k in range(i, j):
        out[k] = 0 if a[k] <= 0 else a[k]


def relu_backward(out, a, b, c, i, j):
    for k in range(i, j):
        out[k] = a[k] if b[k] > 0 else 0


def clamp_min_backward(out, a, b, c, i, j):
    low = c[0]
    for k in range(i, j):
        out[k] = a[k] if b[k] >= low else 0


def clamp_max_backward(out, a, b, c, i, j):
    high = c[0]
    for k in range(i, j):
        out[k] = a[k] if b[k] <= high else 0


def add_row(out, a, b, length, i, j):
    n = length[0]
    for first in range(i * n, j * n, n):
        for k in range(n):
            out[first + k] = a[first + k] + b[k]


def mul_row(out, a, b, length, i, j):
    n = length[0]
    for first in range(i * n, j * n, n):
        for k in range(n):
            out[first + k] = a[first + k] * b[k]
