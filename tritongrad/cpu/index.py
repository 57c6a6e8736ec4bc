"""NumPy kernels of indexing: ranges checked, sums at equal indices in float64 or int64."""

from __future__ import annotations

from typing import Any

import numpy as np

from tritongrad.errors import OutOfRange

Array = np.ndarray
ALL = slice(None)


def out_of_range(name: str, index: Array, dim: int, size: int, low: int) -> OutOfRange | None:
    """The error for the first index outside of low .. size - 1, if there is one."""
    bad = index[(index < low) | (index >= size)]
    if not bad.size:
        return None
    return OutOfRange(
        f"{name}: index {bad.flat[0]} is out of bounds for dimension {dim} with size {size}"
    )


def check_range(name: str, index: Array, dim: int, size: int) -> None:
    if index.size and (index.min() < 0 or index.max() >= size):
        raise out_of_range(name, index, dim, size, 0)  # type: ignore[misc]  (there is one)


def _refuse(name: str, x: Array, index: tuple) -> None:
    """Name what is wrong with an index that NumPy refused."""
    for dim, i in enumerate(index):
        error = (
            None
            if isinstance(i, slice)
            else out_of_range(name, i, dim, x.shape[dim], -x.shape[dim])
        )
        if error is not None:
            raise error from None
    shapes = ", ".join(str(list(i.shape)) for i in index if not isinstance(i, slice))
    raise IndexError(
        f"{name}: shape mismatch: indexing tensors could not be broadcast together with shapes "
        f"{shapes}"
    ) from None


def getitem(x: Array, index: tuple) -> Array:
    """x[index] for full slices and int arrays, in C order."""
    try:
        if len(index) == 1 or all(isinstance(i, slice) for i in index[:-1]):
            return np.take(x, index[-1], axis=len(index) - 1)  # the last of them is an array
        out = x[index]
    except IndexError:
        _refuse("getitem", x, index)
    return out if out.flags.c_contiguous else out.copy()


def index_put(x: Array, index: tuple, value: Any, accumulate: bool) -> Array:
    out = x.copy()
    put(out, index, value, accumulate)
    return out


def put(x: Array, index: tuple, value: Any, accumulate: bool) -> None:
    """Write, or add, value at x[index], in place."""
    try:
        if accumulate:
            add_at(x, index, np.asarray(value, x.dtype))
        else:
            x[index] = value
    except IndexError:
        _refuse("index_put", x, index)
    except ValueError:
        want = np.broadcast_to(np.int8(0), x.shape)[index].shape
        raise RuntimeError(
            f"shape mismatch: value tensor of shape {list(np.shape(value))} cannot be broadcast to "
            f"indexing result of shape {list(want)}"
        ) from None


def add_at(x: Array, index: tuple, value: Array) -> None:
    """x[index] += value, where equal indices all count."""
    dims = [d for d, i in enumerate(index) if not isinstance(i, slice)]
    for d in dims:
        error = out_of_range("index_put", index[d], d, x.shape[d], -x.shape[d])
        if error is not None:
            raise error
    arrays = np.broadcast_arrays(*[index[d] % max(x.shape[d], 1) for d in dims])
    count, k = arrays[0].ndim, len(dims)
    front = np.moveaxis(x, dims, range(k))
    first = dims[0] if dims == list(range(dims[0], dims[0] + k)) else 0
    rest = front.shape[k:]
    while value.ndim > count + len(rest) and value.shape[0] == 1:
        value = value[0]
    value = np.broadcast_to(value, (*rest[:first], *arrays[0].shape, *rest[first:]))
    value = np.moveaxis(value, range(first, first + count), range(count))
    if value.size:
        rows = np.ravel_multi_index([a.reshape(-1) for a in arrays], front.shape[:k])
        _add_rows(front, k, rows, value.reshape(-1, *rest))


def _add_rows(x: Array, k: int, rows: Array, value: Array) -> None:
    """x[row] += value, where rows count the first k dims of x in C order."""
    wide = np.int64 if x.dtype.kind in "biu" else np.float64
    size = int(np.prod(x.shape[:k]))
    if x.ndim == k and wide is np.float64 and size <= 8 * rows.size:
        x[...] = np.bincount(rows, value, size).reshape(x.shape) + x
        return
    order = np.argsort(rows, kind="stable")
    rows = rows[order]
    starts = np.flatnonzero(np.concatenate(([True], rows[1:] != rows[:-1])))
    sums = np.add.reduceat(value[order].astype(wide), starts, axis=0)
    at = np.unravel_index(rows[starts], x.shape[:k])
    x[at] = (x[at].astype(wide) + sums).astype(x.dtype)


def _grid(dim: int, index: Array) -> tuple:
    """Index arrays of every dim: where each entry of index points."""
    n = index.ndim
    grid = [np.arange(size).reshape(-1, *(1,) * (n - d - 1)) for d, size in enumerate(index.shape)]
    grid[dim] = index
    return tuple(grid)


def gather(x: Array, dim: int, index: Array) -> Array:
    if not x.ndim:
        return gather(x.reshape(1), 0, index.reshape(-1)).reshape(index.shape)
    check_range("gather", index, dim, x.shape[dim])
    return x[_grid(dim, index)]


def scatter(x: Array, dim: int, index: Array, src: Any) -> Array:
    out = x.copy()
    scatter_into(out, dim, index, src)
    return out


def scatter_into(x: Array, dim: int, index: Array, src: Any, add: bool = False) -> None:
    """x.scatter_(dim, index, src), or scatter_add_."""
    name = "scatter_add" if add else "scatter"
    if not x.ndim:
        src = src.reshape(-1) if isinstance(src, np.ndarray) and src.ndim else src
        return scatter_into(x.reshape(1), 0, index.reshape(-1), src, add)
    check_range(name, index, dim, x.shape[dim])
    if isinstance(src, np.ndarray) and src.ndim:
        src = src[tuple([slice(n) for n in index.shape])]
    if add:
        add_at(x, _grid(dim, index), src)
    else:
        x[_grid(dim, index)] = src
    return None


def scatter_add(x: Array, dim: int, index: Array, src: Array) -> Array:
    out = x.copy()
    scatter_into(out, dim, index, src, True)
    return out


def index_select(x: Array, dim: int, index: Array) -> Array:
    if not x.ndim:
        return index_select(x.reshape(1), 0, index).reshape(())
    check_range("index_select", index, dim, x.shape[dim])
    return np.take(x, index, axis=dim)


def index_add(x: Array, dim: int, index: Array, source: Array) -> Array:
    out = x.copy()
    index_add_into(out, dim, index, source)
    return out


def index_add_into(x: Array, dim: int, index: Array, source: Array) -> None:
    """x.index_add_(dim, index, source)"""
    if not x.ndim:
        return index_add_into(x.reshape(1), 0, index, source.reshape(1))
    check_range("index_add", index, dim, x.shape[dim])
    add_at(x, (*(ALL,) * dim, index), source)
    return None


def embedding(weight: Array, index: Array) -> Array:
    check_range("embedding", index, 0, weight.shape[0])
    return np.take(weight, index, axis=0)


def embedding_backward(g: Array, index: Array, rows: int) -> Array:
    out = np.zeros((rows, g.shape[-1]), g.dtype)
    add_at(out, (index,), g)
    return out
