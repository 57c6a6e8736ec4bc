"""Layer normalisation on NumPy, in blocks of rows."""

from __future__ import annotations

import math

import numpy as np

from tritongrad.dtype import FLOAT64

from .nn import wide
from .pool import empty
from .rows import column, dots, in_blocks, sums

Array = np.ndarray
GROUP = 16  # rows whose float32 products are added before they are widened
SHOWS = 2.0**-22  # of a standard deviation: what may be left of a mean


def layer_norm_forward(
    x: Array, weight: Array | None, bias: Array | None, ndim: int, eps: float
) -> tuple[Array, Array, Array]:
    """The result, and for every row its mean and 1 / sqrt(var + eps)."""
    matrix = _matrix(x, ndim)
    rows, n = matrix.shape
    weights = [None if t is None else wide(t).reshape(n) for t in (weight, bias)]
    mean, rstd = (np.empty(rows, matrix.dtype) for _ in range(2))
    out = empty(x.shape, matrix.dtype)
    into = out.reshape(rows, n)

    def work(i: int, j: int) -> None:
        block = into[i:j]
        mean[i:j], rstd[i:j] = _standardise(matrix[i:j], eps, block)
        if weights[0] is not None:
            np.multiply(block, weights[0], out=block)
        if weights[1] is not None:
            np.add(block, weights[1], out=block)

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
