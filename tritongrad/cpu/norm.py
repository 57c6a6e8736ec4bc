"""Layer normalisation on NumPy, in blocks of rows."""

from __future__ import annotations

import math

import numpy as np

from tritongrad.dtype import FLOAT64

from .nn import wide
from .pool import empty
from .rows import column, dots, in_blocks, sums
from .scratch import ROOM, scratch
from .totals import add

Array = np.ndarray
GROUP = 64  # rows whose products are added before they are widened: in fours, three times
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
    parts = Parts(rows, n, matrix.dtype)

    def work(first: int, last: int) -> None:
        i, j = first * GROUP, min(last * GROUP, rows)
        block, memory = _memory(matrix[i:j])
        np.subtract(matrix[i:j], column(mean[i:j], block.dtype), out=block)
        np.multiply(block, column(rstd[i:j], block.dtype), out=block)
        np.multiply(block, g[i:j], out=block)
        parts.add(block, first, memory)

    in_blocks(parts.groups, GROUP * n, work)
    return parts.total().astype(x.dtype).reshape(x.shape[x.ndim - ndim :])


class Parts:
    """Sums over all rows, of blocks in any order: each group's in its own precision, then wider."""

    def __init__(self, rows: int, n: int, dtype: np.dtype) -> None:
        self.groups = -(-rows // GROUP)
        self.sums = np.empty((self.groups, n), dtype)

    def add(self, block: Array, first: int, memory: Array) -> None:
        """A block of whole groups, or with the last of all, from its first group's number."""
        n = block.shape[1]
        groups, rest = divmod(len(block), GROUP)
        if groups:
            rows = block[: groups * GROUP].reshape(groups, 4, GROUP // 4, n)
            size = rows.size // 4
            fours = memory[:size].reshape(groups, GROUP // 4, n)
            rows = add(rows, 1, None, fours).reshape(groups, 4, GROUP // 16, n)
            fours = memory[size : size + size // 4].reshape(groups, GROUP // 16, n)
            add(add(rows, 1, None, fours), 1, None, self.sums[first : first + groups])
        if rest:
            last = block[groups * GROUP :].astype(FLOAT64)
            self.sums[first + groups] = add(last, 0)

    def total(self) -> Array:
        return add(self.sums.astype(FLOAT64), 0)


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
    means, scales = column(mean, out.dtype), column(rstd, out.dtype)
    of_weight, of_bias = Parts(rows, n, out.dtype), Parts(rows, n, out.dtype)

    def work(first: int, last: int) -> None:
        i, j = first * GROUP, min(last * GROUP, rows)
        y, mine, scale = into[i:j], g[i:j], scales[i:j]
        block, memory = _memory(y)
        np.subtract(matrix[i:j], means[i:j], out=y)
        np.multiply(y, scale, out=y)
        np.multiply(y, mine, out=block)
        of_weight.add(block, first, memory)
        along = column(dots(block, row[None]) / n, out.dtype)
        of_bias.add(mine, first, memory)
        level = column(dots(mine, row[None]) / n, out.dtype)
        repeated(np.multiply, mine, block)
        np.multiply(y, along, out=y)
        np.subtract(block, y, out=y)
        np.subtract(y, level, out=y)
        np.multiply(y, scale, out=y)

    in_blocks(of_weight.groups, GROUP * n, work)
    by_weight, by_bias = (t.total().reshape(weight.shape) for t in (of_weight, of_bias))
    return out.astype(grad.dtype, copy=False), by_weight, by_bias


def _memory(like: Array) -> tuple[Array, Array]:
    """A block like another, and what Parts.add needs for it."""
    memory = scratch.take(like.size + like.size // 4 + like.size // 16, like.dtype)
    return memory[: like.size].reshape(like.shape), memory[like.size :]
