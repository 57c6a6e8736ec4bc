"""Indexing of device arrays: gather, scatter, sums at indices, and NumPy's x[index].

Sums at equal indices run in the order of the index, without atomics: the same bits every time. An
index out of range raises at once, for which the host waits; so do masks, nonzero and sort.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tritongrad.cuda.array import DeviceArray, copyto, empty, from_numpy
from tritongrad.cuda.launch import launch
from tritongrad.cuda.moving import dense, put, sum_dtype, take, tile_of, write_rows, zeros
from tritongrad.cuda.picking import BLOCK, as_array, collapsed, count, linear, pick


def getitem(x: DeviceArray, index: Any) -> DeviceArray:
    """x[index]: a view for basic indexing, else a new array."""
    picked = pick(x, index, "getitem")
    if not picked.axes:
        return picked.view
    return take(picked, "getitem")


def setitem(x: DeviceArray, index: Any, value: Any) -> None:
    """x[index] = value in place; of equal indices the last one stays."""
    masks = isinstance(index, DeviceArray) and index.dtype == bool and index.shape == x.shape
    if masks and getattr(value, "ndim", 0) == 0:
        copyto(x, masked_fill(x, index, value))
        return
    put(pick(x, index, "setitem"), as_array(value, x.dtype, x), False, "setitem")


def index_put(x: DeviceArray, index: Any, value: Any, accumulate: bool = False) -> DeviceArray:
    """A copy of x with value written, or added, at the index."""
    out = x.copy()
    put(pick(out, index, "index_put"), as_array(value, x.dtype, x), accumulate, "index_put")
    return out


def index_select(x: DeviceArray, dim: int, index: DeviceArray) -> DeviceArray:
    """The slices of x along dim that a 1-d index names."""
    if x.ndim == 0:
        return take(pick(x[None], index, "index_select"), "index_select").reshape(())
    key = (slice(None),) * (dim % x.ndim) + (index,)
    return take(pick(x, key, "index_select"), "index_select")


def index_add(x: DeviceArray, dim: int, index: DeviceArray, src: DeviceArray) -> DeviceArray:
    """A copy of x with the slices of src along dim added at a 1-d index, in its order."""
    out = x.copy()
    key = (slice(None),) * (dim % x.ndim) + (index,)
    put(pick(out, key, "index_add"), src, True, "index_add")
    return out


def embedding(weight: DeviceArray, index: DeviceArray) -> DeviceArray:
    """Rows of weight at an index of any shape."""
    return take(pick(weight, index, "embedding"), "embedding")


def embedding_backward(g: DeviceArray, index: DeviceArray, rows: int) -> DeviceArray:
    """The gradient of embedding's weight: rows of g summed where their index agrees, in order."""
    out = zeros((rows, *g.shape[index.ndim :]), g.dtype, g)
    put(pick(out, index, "embedding_backward"), g, True, "embedding_backward")
    return out


def _along(x: DeviceArray, dim: int, index: DeviceArray, op: str) -> DeviceArray:
    """The part of x that an index of the same rank can reach, after a check of shapes."""
    fits = x.ndim == index.ndim and all(
        n <= m for i, (n, m) in enumerate(zip(index.shape, x.shape, strict=True)) if i != dim
    )
    if not fits:
        raise RuntimeError(
            f"{op}: index {index.shape} must have the rank of input {x.shape} and be no larger "
            f"in any dimension but {dim}"
        )
    key = (slice(None) if i == dim else slice(n) for i, n in enumerate(index.shape))
    return x[tuple(key)]


def gather(x: DeviceArray, dim: int, index: DeviceArray) -> DeviceArray:
    """x[.., index[.., i, ..], ..] along dim."""
    from tritongrad.kernels import index as kernels

    if x.ndim == 0:
        x, index, shape = x[None], index.reshape((index.size,)), index.shape
        return gather(x, 0, index).reshape(shape)
    dim %= x.ndim
    x = _along(x, dim, index, "gather")
    s_outer, s_inner = collapsed(x, 0, dim), collapsed(x, dim + 1, x.ndim)
    if s_outer is None or s_inner is None:
        x = x.copy()
        s_outer, s_inner = collapsed(x, 0, dim), collapsed(x, dim + 1, x.ndim)
    at = linear(index, x.shape[dim], 1, "gather", dim, low=0)
    out = empty(index.shape, x.dtype, x.device)
    if out.size:
        block = BLOCK[x.device.kind]
        sizes = (out.size, index.shape[dim], count(index.shape[dim + 1 :]))
        strides = (s_outer, x.strides[dim] // x.itemsize, s_inner)
        grid = (-(-out.size // block),)
        launch(kernels.gather, grid, out, x, at, *sizes, *strides, BLOCK=block)
    return out


def scatter_add(x: DeviceArray, dim: int, index: DeviceArray, src: DeviceArray) -> DeviceArray:
    """A copy of x with src added at an index along dim, in the order of the index."""
    return _scatter(x, dim, index, src, True, "scatter_add")


def scatter(x: DeviceArray, dim: int, index: DeviceArray, src: Any) -> DeviceArray:
    """A copy of x with src, an array or a number, written at an index along dim."""
    return _scatter(x, dim, index, src, False, "scatter")


def _scatter(
    x: DeviceArray, dim: int, index: DeviceArray, src: Any, add: bool, op: str
) -> DeviceArray:
    """The checks and shapes of scatter and scatter_add."""
    src = as_array(src, x.dtype, x)
    if x.ndim == 0:
        flat = src.reshape((src.size,))
        return _scatter(x[None], 0, index.reshape((index.size,)), flat, add, op).reshape(())
    dim %= x.ndim
    out = x.copy()
    part = _along(out, dim, index, op)
    if src.ndim:
        src = _along(src, dim, index, op)[tuple(slice(n) for n in index.shape)]
    src = dense(src.broadcast_to(index.shape))
    at = linear(index, x.shape[dim], 1, op, dim, low=0)
    if x.ndim == 1:
        write_rows(part, 1, at, src, add)
    elif index.size:
        _write_along(part, dim, at, src, add)
    return out


def _write_along(out: DeviceArray, dim: int, at: DeviceArray, src: DeviceArray, add: bool) -> None:
    """out[.., at[.., i, ..], ..] (+)= src along dim."""
    from tritongrad.kernels import index as kernels

    s_outer, s_inner = collapsed(out, 0, dim), collapsed(out, dim + 1, out.ndim)
    if s_outer is None or s_inner is None:
        whole = out.copy()
        _write_along(whole, dim, at, src, add)
        copyto(out, whole)
        return
    inner = count(at.shape[dim + 1 :])
    columns = count(at.shape[:dim]) * inner
    tile = tile_of(out, columns)
    grid = (-(-out.shape[dim] // tile["R"]) * -(-columns // tile["C"]),)
    sizes = (columns, out.shape[dim], at.shape[dim], inner)
    strides = (s_outer, out.strides[dim] // out.itemsize, s_inner)
    constants = {"SUM": sum_dtype(out.dtype), "ADD": add, **tile}
    launch(kernels.scatter, grid, out, at, src, *sizes, *strides, **constants)


def masked_fill(x: DeviceArray, mask: DeviceArray, value: Any) -> DeviceArray:
    """value where the mask is True, else x; x and mask broadcast together."""
    from tritongrad.kernels import index as kernels

    shape = np.broadcast_shapes(x.shape, mask.shape)
    if mask.dtype != bool:
        raise RuntimeError(f"masked_fill: mask must be bool, got {mask.dtype}; use mask != 0")
    out = empty(shape, x.dtype, x.device)
    if out.size:
        x, mask = (dense(array.broadcast_to(shape)) for array in (x, mask))
        block = BLOCK[x.device.kind]
        value = as_array(value, x.dtype, x)
        grid = (-(-out.size // block),)
        launch(kernels.fill_where, grid, out, x, mask, value, out.size, BLOCK=block)
    return out


def masked_select(x: DeviceArray, mask: DeviceArray) -> DeviceArray:
    """The elements where the mask is True, in C order, in one dimension."""
    shape = np.broadcast_shapes(x.shape, mask.shape)
    return getitem(x.broadcast_to(shape), mask.broadcast_to(shape))


def nonzero(x: DeviceArray) -> DeviceArray:
    """Positions of the elements that are not zero, one a row; found on the host."""
    return from_numpy(np.argwhere(x.numpy()).astype(np.int64, copy=False), x.device)


def tril(x: DeviceArray, diagonal: int = 0) -> DeviceArray:
    """Matrices with zeros above a diagonal."""
    return _triangle(x, diagonal, False)


def triu(x: DeviceArray, diagonal: int = 0) -> DeviceArray:
    """Matrices with zeros below a diagonal."""
    return _triangle(x, diagonal, True)


def _triangle(x: DeviceArray, diagonal: int, upper: bool) -> DeviceArray:
    from tritongrad.kernels import index as kernels

    if x.ndim < 2:
        raise RuntimeError(f"{'triu' if upper else 'tril'}: input must be 2-d at least: {x.shape}")
    out = empty(x.shape, x.dtype, x.device)
    if out.size:
        block = BLOCK[x.device.kind]
        grid, sizes = (-(-out.size // block),), (out.size, *x.shape[-2:], diagonal)
        launch(kernels.triangle, grid, out, dense(x), *sizes, UPPER=upper, BLOCK=block)
    return out


def one_hot(index: DeviceArray, num_classes: int = -1) -> DeviceArray:
    """1 at each index along a new last dimension; -1 classes means the largest index + 1."""
    from tritongrad.kernels import index as kernels

    if num_classes == -1:
        num_classes = int(index.numpy().max(initial=-1)) + 1
    at = linear(index, num_classes, 1, "one_hot", 0, low=0)
    out = empty((*index.shape, num_classes), at.dtype, at.device)
    if out.size:
        block = BLOCK[index.device.kind]
        launch(
            kernels.one_hot, (-(-out.size // block),), out, at, out.size, num_classes, BLOCK=block
        )
    return out


def argsort(x: DeviceArray, dim: int, descending: bool) -> DeviceArray:
    """Positions that sort x along dim, stably, nan as the largest; found on the host."""
    host = x.numpy()
    if descending:
        order = np.flip(np.argsort(np.flip(host, dim), dim, kind="stable"), dim)
        order = host.shape[dim] - 1 - order if host.ndim else order
    else:
        order = np.argsort(host, dim, kind="stable")
    return from_numpy(order.astype(np.int64, copy=False), x.device)


def sort(x: DeviceArray, dim: int, descending: bool) -> tuple[DeviceArray, DeviceArray]:
    """Sorted values and where they were; the order is found on the host."""
    order = argsort(x, dim, descending)
    return gather(x, dim, order), order


def topk(
    x: DeviceArray, k: int, dim: int, largest: bool = True, sorted: bool = True
) -> tuple[DeviceArray, DeviceArray]:
    """The k largest (or smallest) along dim, in order, and where they were."""
    if not 0 <= k <= x.shape[dim]:
        raise RuntimeError(f"topk: k {k} is out of range for dimension {dim} of {x.shape}")
    key = (slice(None),) * (dim % x.ndim) + (slice(k),)
    order = argsort(x, dim, largest)[key].copy()
    return gather(x, dim, order), order
