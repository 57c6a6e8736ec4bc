"""Softmax and its logarithm on NumPy; half types are computed in float32."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tritongrad.dtype import FLOAT32

from .pool import empty
from .reduce import largest, smallest
from .rows import column, dots, in_blocks, sums

Array = np.ndarray
SAFE = 60  # no sum of so many e ** x that fit into memory is infinite


def wide(x: Array) -> Array:
    """float32 for half types, else as it is."""
    return x.astype(FLOAT32) if x.dtype.itemsize == 2 else x


def as_rows(kernel: Callable, dim: int, *arrays: Array) -> Array:
    """kernel(*matrices, out) with the elements along dim as rows, in float32 at least."""
    x = arrays[0]
    if not x.ndim:
        return as_rows(kernel, 0, *[a.reshape(1) for a in arrays]).reshape(())
    if dim != -1 and dim != x.ndim - 1:
        turned = as_rows(kernel, -1, *[np.moveaxis(a, dim, -1) for a in arrays])
        return np.ascontiguousarray(np.moveaxis(turned, -1, dim))
    n = x.shape[-1]
    rows = x.size // n if n else 0
    matrices = [np.ascontiguousarray(wide(a)).reshape(rows, n) for a in arrays]
    out = empty(x.shape, matrices[0].dtype)
    kernel(*matrices, out.reshape(rows, n))
    return out.astype(x.dtype, copy=False)


def powers(block: Array, out: Array) -> Array | None:
    """e ** (x - shift) into out; the shift of each row, if there is one.

    It is the row's largest element, or 0 where that keeps the sum of the powers finite, since then
    small powers lose fewer digits to underflow, not more.
    """
    shift = largest(block, -1, None, None, True, initial=-np.inf)
    low, high = smallest(shift, None, initial=np.inf), largest(shift, None, initial=-np.inf)
    if float(low) >= 0 and float(high) <= SAFE:
        np.exp(block, out=out)
        return None
    shift[(shift >= 0) & (shift <= SAFE)] = 0
    np.exp(np.subtract(block, shift, out=out), out=out)
    return shift


def softmax(x: Array, dim: int) -> Array:
    return as_rows(_softmax, dim, x)


def _softmax(x: Array, out: Array) -> None:
    def work(i: int, j: int) -> None:
        block = out[i:j]
        powers(x[i:j], block)
        np.divide(block, column(sums(block), block.dtype), out=block)

    in_blocks(x.shape[0], x.shape[1], work)


def softmax_backward(grad: Array, output: Array, dim: int) -> Array:
    return as_rows(_softmax_backward, dim, grad, output)


def _softmax_backward(g: Array, y: Array, out: Array) -> None:
    def work(i: int, j: int) -> None:
        block = out[i:j]
        np.subtract(g[i:j], column(dots(g[i:j], y[i:j]), g.dtype), out=block)
        np.multiply(block, y[i:j], out=block)

    in_blocks(g.shape[0], g.shape[1], work)


def log_softmax(x: Array, dim: int) -> Array:
    return as_rows(_log_softmax, dim, x)


def _log_softmax(x: Array, out: Array) -> None:
    """The largest is always taken off: as e ** 0 is 1, what is nearly sure keeps its digits."""

    def work(i: int, j: int) -> None:
        block = out[i:j]
        np.subtract(x[i:j], largest(x[i:j], -1, None, None, True, initial=-np.inf), out=block)
        found = np.exp(block, out=empty(block.shape, block.dtype))
        logs = np.log(column(sums(found), np.float64)).astype(block.dtype)
        np.subtract(block, logs, out=block)

    in_blocks(x.shape[0], x.shape[1], work)


def log_softmax_backward(grad: Array, output: Array, dim: int) -> Array:
    return as_rows(_log_softmax_backward, dim, grad, output)


def _log_softmax_backward(g: Array, y: Array, out: Array) -> None:
    def work(i: int, j: int) -> None:
        block = out[i:j]
        np.exp(y[i:j], out=block)
        np.multiply(block, column(sums(g[i:j]), g.dtype), out=block)
        np.subtract(g[i:j], block, out=block)

    in_blocks(g.shape[0], g.shape[1], work)


def log_sums(x: Array) -> tuple[Array, Array, Array]:
    """Of each row what was taken from it, log of the sum of e ** what is left, and the powers."""
    rows, n = x.shape
    found = empty((rows, n), x.dtype)
    shift, logs = np.zeros(rows, x.dtype), np.empty(rows, np.float64)

    def work(i: int, j: int) -> None:
        taken = powers(x[i:j], found[i:j])
        if taken is not None:
            shift[i:j] = taken[:, 0]
        logs[i:j] = np.log(sums(found[i:j]).astype(np.float64))

    in_blocks(rows, n, work)
    return shift, logs, found
