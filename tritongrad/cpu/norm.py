"""Layer normalisation on NumPy, in blocks of rows."""

from __future__ import annotations

import math

import numpy as np

from tritongrad.dtype import FLOAT64

from .blas import alone
from .nn import wide
from .pool import empty
from .rows import column, dots, in_blocks, sums

Array = np.ndarray
GROUP = 16  # rows whose float32 products are added before they are widened
LONG = 1 << 13  # elements of a row from which NumPy's loops along it are long enough
SHOWS = 2.0**-22  # of a standard deviation: what may be left of a mean


class Repeated:
    """A row, repeated so that NumPy's loops are long: kernel(a, row, out=out) for rows of a."""

    def __init__(self, row: Array, rows: int) -> None:
        count = 1 if row.size >= LONG else GROUP
        self.row, self.count = row, count
        self.rows = np.tile(row, count) if rows >= 2 * count > 2 else row

    def __call__(self, kernel: np.ufunc, a: Array, out: Array) -> None:
        rows, n = a.shape
        whole = rows // self.count * self.count if self.rows is not self.row else 0
        if whole:
            shape = (-1, n * self.count)
            kernel(a[:whole].reshape(shape), self.rows, out=out[:whole].reshape(shape))
        if whole < rows:
            kernel(a[whole:], self.row, out=out[whole:])


def layer_norm_forward(
    x: Array, weight: Array | None, bias: Array | None, ndim: int, eps: float
) -> tuple[Array, Array, Array]:
    """The result, and for every row its mean and 1 / sqrt(var + eps)."""
    matrix = _matrix(x, ndim)
    rows, n = matrix.shape
    weights = [None if t is None else Repeated(wide(t).reshape(n), rows) for t in (weight, bias)]
    mean, rstd = (np.empty(rows, matrix.dtype) for _ in range(2))
    out = empty(x.shape, matrix.dtype)
    into = out.reshape(rows, n)

    def work(i: int, j: int) -> None:
        block = into[i:j]
        mean[i:j], rstd[i:j] = _standardise(matrix[i:j], eps, block)
        for kernel, t in zip((np.multiply, np.add), weights, strict=True):
            if t is not None:
                t(kernel, block, block)

    in_blocks(rows, n, work)
    return out.astype(x.dtype, copy=False), mean, rstd


def _standardise(x: Array, eps: float, out: Array) -> tuple[Array, Array]:
    """(x - mean) / sqrt(var + eps) of each row into out; the means, and the factors.

    The mean is rounded before it is subtracted: what that leaves is taken from the variance, and
    from rows so far from zero that it shows in them too.
    """
    n = max(x.shape[1], 1)
    mean = sums(x).astype(FLOAT64) / n
    rounded = column(mean, x.dtype)
    np.subtract(x, rounded, out=out)
    left = sums(out).astype(FLOAT64) / n
    var = dots(out, out).astype(FLOAT64) / n - left * left
    if not np.isfinite(var).all():
        _far(x, ~np.isfinite(var), out, (rounded[:, 0], left, var))
    rstd = 1 / np.sqrt(np.maximum(var, 0) + eps)
    shows = np.abs(left) * rstd > SHOWS
    if shows.any():
        np.subtract(out, column(np.where(shows, left, 0), x.dtype), out=out)
    np.multiply(out, column(rstd, x.dtype), out=out)
    return rounded[:, 0] + left, rstd


def _far(x: Array, rows: Array, out: Array, found: tuple) -> None:
    """The same in float64, of rows whose squares float32 cannot hold."""
    mean, left, var = found
    block = x[rows].astype(FLOAT64)
    mean[rows] = middle = block.mean(1)
    block -= middle[:, None]
    out[rows], left[rows], var[rows] = block, 0, np.square(block).mean(1)


def _matrix(x: Array, ndim: int) -> Array:
    """The last ndim dims as rows, in float32 at least."""
    n = math.prod(x.shape[x.ndim - ndim :])
    return np.ascontiguousarray(wide(x)).reshape(math.prod(x.shape[: x.ndim - ndim]), n)


def layer_norm_backward(
    grad: Array, x: Array, ndim: int, eps: float, mean: Array, rstd: Array
) -> Array:
    """rstd (g - <g> - y <g y>) for each row, with y = (x - mean) rstd and <> the mean."""
    g, matrix = _matrix(grad, ndim), _matrix(x, ndim)
    rows, n = matrix.shape
    out = empty(x.shape, matrix.dtype)
    into = out.reshape(rows, n)

    def work(i: int, j: int) -> None:
        block, scale = into[i:j], rstd[i:j].astype(FLOAT64)
        np.subtract(matrix[i:j], column(mean[i:j], out.dtype), out=block)
        along = dots(block, g[i:j]).astype(FLOAT64) * scale * scale / n
        np.multiply(block, column(along, out.dtype), out=block)
        np.subtract(g[i:j], block, out=block)
        np.subtract(block, column(sums(g[i:j]).astype(FLOAT64) / n, out.dtype), out=block)
        np.multiply(block, column(scale, out.dtype), out=block)

    in_blocks(rows, n, work)
    return out.astype(grad.dtype, copy=False)


def layer_norm_weight_backward(
    grad: Array, x: Array, ndim: int, eps: float, mean: Array, rstd: Array
) -> Array:
    """The sum of grad * y over the rows, in groups whose sums are added in float64."""
    g, matrix = _matrix(grad, ndim), _matrix(x, ndim)
    rows, n = matrix.shape
    groups = -(-rows // GROUP)
    parts = np.empty((groups, n), FLOAT64)

    def work(first: int, last: int) -> None:
        i, j = first * GROUP, min(last * GROUP, rows)
        block = empty((j - i, n), matrix.dtype)
        np.subtract(matrix[i:j], column(mean[i:j], block.dtype), out=block)
        np.multiply(block, column(rstd[i:j], block.dtype), out=block)
        np.multiply(block, g[i:j], out=block)
        for k in range(first, last):
            part = block[k * GROUP - i : (k + 1) * GROUP - i]
            parts[k] = np.add.reduce(part, 0)

    in_blocks(groups, GROUP * n, work)
    return np.add.reduce(parts, 0).astype(x.dtype).reshape(x.shape[x.ndim - ndim :])


def layer_norm_gradients(
    grad: Array, x: Array, weight: Array, ndim: int, mean: Array, rstd: Array
) -> tuple[Array, Array, Array]:
    """The gradients of layer_norm by input, weight and bias, from one visit to grad and x."""
    g, matrix = _matrix(grad, ndim), _matrix(x, ndim)
    rows, n = matrix.shape
    out = empty(x.shape, matrix.dtype)
    into = out.reshape(rows, n)
    row = wide(weight).reshape(n).astype(out.dtype, copy=False)
    repeated = Repeated(row, rows)
    parts = np.empty((2, -(-rows // GROUP), n), out.dtype)

    def work(first: int, last: int) -> None:
        i, j = first * GROUP, min(last * GROUP, rows)
        away, block, mine, scale = into[i:j], empty((j - i, n), out.dtype), g[i:j], rstd[i:j]
        np.subtract(matrix[i:j], column(mean[i:j], out.dtype), out=away)
        np.multiply(away, mine, out=block)
        _of_groups(scale.astype(out.dtype, copy=False), block, parts[0, first:last])
        _of_groups(np.ones(j - i, out.dtype), mine, parts[1, first:last])
        scale = scale.astype(FLOAT64)
        level = dots(mine, row[None]).astype(FLOAT64) * scale / n
        along = dots(block, row[None]).astype(FLOAT64) * scale * scale * scale / n
        repeated(np.multiply, mine, block)
        np.multiply(block, column(scale, out.dtype), out=block)
        np.multiply(away, column(along, out.dtype), out=away)
        np.subtract(block, away, out=away)
        np.subtract(away, column(level, out.dtype), out=away)

    in_blocks(parts.shape[1], GROUP * n, work)
    by_weight, by_bias = np.add.reduce(parts, 1, FLOAT64).reshape(2, *weight.shape)
    return out.astype(grad.dtype, copy=False), by_weight, by_bias


def _of_groups(factors: Array, x: Array, out: Array) -> None:
    """The sum of factors * x over each group of rows."""
    whole = len(x) // GROUP * GROUP
    if whole:
        groups = x[:whole].reshape(whole // GROUP, GROUP, x.shape[1])
        alone(np.vecmat, factors[:whole].reshape(-1, GROUP), groups, out[: whole // GROUP])
    if whole < len(x):
        alone(np.vecmat, factors[whole:], x[whole:], out[-1])
