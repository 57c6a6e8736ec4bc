"""Layer normalisation on NumPy, in blocks of rows."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tritongrad.dtype import FLOAT64

from . import fast_norm
from .nn import wide
from .pool import empty
from .rows import column, dots, in_blocks, sums
from .scratch import ROOM, scratch
from .totals import add, total

Array = np.ndarray
GROUP = 16  # rows whose products are added before they are widened
TILES = 16  # times that a row is repeated, if it is shorter than ROOM
SHOWS = 2.0**-22  # of a standard deviation: what may be left of a mean


class Repeated:
    """A row, repeated so that NumPy's loops are long: kernel(a, row, out=out) for rows of a."""

    def __init__(self, row: Array, rows: int) -> None:
        count = 1 if row.size >= ROOM else TILES
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
    mean, rstd = (np.empty(rows, matrix.dtype) for _ in range(2))
    out = empty(x.shape, matrix.dtype)
    affine = [None if t is None else wide(t).reshape(n) for t in (weight, bias)]
    arrays = out.reshape(rows, n), mean, rstd
    if not fast_norm.forward(matrix, affine, eps, arrays):
        forward(matrix, affine, eps, arrays)
    return out.astype(x.dtype, copy=False), mean, rstd


def forward(matrix: Array, affine: Sequence[Array | None], eps: float, arrays: tuple) -> None:
    """The result, the means and the factors of rows into these arrays, by NumPy."""
    rows, n = matrix.shape
    into, mean, rstd = arrays
    weights = [None if t is None else Repeated(t, rows) for t in affine]

    def work(i: int, j: int) -> None:
        block = into[i:j]
        mean[i:j], rstd[i:j] = _standardise(matrix[i:j], eps, block)
        for kernel, t in zip((np.multiply, np.add), weights, strict=True):
            if t is not None:
                t(kernel, block, block)

    in_blocks(rows, n, work)


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
    parts = Parts(rows, n, matrix.dtype)

    def work(first: int, last: int) -> None:
        i, j = first * GROUP, min(last * GROUP, rows)
        block = _like(matrix[i:j])
        np.subtract(matrix[i:j], column(mean[i:j], block.dtype), out=block)
        np.multiply(block, column(rstd[i:j], block.dtype), out=block)
        parts.add(first, block, g[i:j])

    in_blocks(parts.groups, GROUP * n, work)
    return parts.total().astype(x.dtype).reshape(x.shape[x.ndim - ndim :])


class Parts:
    """Sums over all rows, of blocks in any order: each group's in its own precision, then wider."""

    def __init__(self, rows: int, n: int, dtype: np.dtype) -> None:
        self.groups = -(-rows // GROUP)
        self.sums = np.empty((self.groups, n), dtype)

    def add(self, first: int, *factors: Array) -> None:
        """A block, or the products of two, from its first group's number; whole groups, or all."""
        whole = len(factors[0]) // GROUP
        end = whole * GROUP
        n = self.sums.shape[1]
        if whole:
            groups = [a[:end].reshape(whole, GROUP, n) for a in factors]
            add_groups(groups, self.sums[first : first + whole])
        if end < len(factors[0]):
            add_groups([a[None, end:] for a in factors], self.sums[first + whole :])

    def total(self) -> Array:
        return total(self.sums, (0,))


def add_groups(factors: list, out: Array) -> None:
    """(groups, rows, n) -> (groups, n), from row to row."""
    if len(factors) == 1:
        add(factors[0], 1, None, out)
    else:
        np.einsum("gij,gij->gj", *factors, out=out)


def layer_norm_gradients(
    grad: Array, x: Array, weight: Array, ndim: int, mean: Array, rstd: Array
) -> tuple[Array, Array, Array]:
    """The gradients of layer_norm by input, weight and bias, from one visit to grad and x."""
    matrices = _matrix(grad, ndim), _matrix(x, ndim)
    rows, n = matrices[1].shape
    out = empty(x.shape, matrices[1].dtype)
    row = wide(weight).reshape(n).astype(out.dtype, copy=False)
    parts = Parts(rows, n, out.dtype), Parts(rows, n, out.dtype)
    given = (*matrices, row, mean, rstd)
    if not fast_norm.gradients(*given, out.reshape(rows, n), parts):
        gradients(*given, out.reshape(rows, n), parts)
    by_weight, by_bias = (t.total().astype(out.dtype).reshape(weight.shape) for t in parts)
    return out.astype(grad.dtype, copy=False), by_weight, by_bias


def gradients(
    g: Array, matrix: Array, row: Array, mean: Array, rstd: Array, into: Array, parts: tuple
) -> None:
    """The gradient by input into an array, and those of the weights into parts, by NumPy."""
    rows, n = matrix.shape
    repeated = Repeated(row, rows)
    means, scales = column(mean, into.dtype), column(rstd, into.dtype)
    of_weight, of_bias = parts

    def work(first: int, last: int) -> None:
        i, j = first * GROUP, min(last * GROUP, rows)
        away, scaled, scale = into[i:j], _like(into[i:j]), rstd[i:j].astype(FLOAT64)
        np.subtract(matrix[i:j], means[i:j], out=away)
        np.multiply(g[i:j], scales[i:j], out=scaled)
        of_weight.add(first, scaled, away)
        of_bias.add(first, g[i:j])
        repeated(np.multiply, scaled, scaled)
        along = dots(away, scaled).astype(FLOAT64) * scale * scale / n
        np.multiply(away, column(along, into.dtype), out=away)
        np.subtract(scaled, away, out=away)
        np.subtract(away, column(sums(scaled).astype(FLOAT64) / n, into.dtype), out=away)

    in_blocks(of_weight.groups, GROUP * n, work)


def _like(block: Array) -> Array:
    """Memory of this thread, of the shape of a block."""
    return scratch.take(block.size, block.dtype).reshape(block.shape)
