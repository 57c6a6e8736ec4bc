"""Moving elements from and to the places that an index picks: what getitem and its kin share."""

from __future__ import annotations

from typing import Any

import numpy as np

from tritongrad.cuda.array import DeviceArray, copyto, empty
from tritongrad.cuda.launch import launch
from tritongrad.cuda.picking import Pick, assign_basic, collapsed, count, offsets

TILE = {"cuda": 1024, "interpret": 4096}  # elements of a program's tile
SCAN = 1024  # indices that a program looks at together


def take(picked: Pick, op: str) -> DeviceArray:
    """The elements that a Pick means."""
    from tritongrad.kernels import index as kernels

    view, first, k = picked.view, picked.axes[0] if picked.together else 0, len(picked.axes)
    if not picked.together:
        view = view.transpose(picked.order())
    s_outer, s_inner = collapsed(view, 0, first), collapsed(view, first + k, view.ndim)
    if s_outer is None or s_inner is None:
        view = view.copy()
        s_outer, s_inner = collapsed(view, 0, first), collapsed(view, first + k, view.ndim)
    steps = tuple(stride // view.itemsize for stride in view.strides[first : first + k])
    at = offsets(picked, steps, op)
    out = empty(picked.result_shape(), view.dtype, view.device)
    if out.size:
        inner = count(view.shape[first + k :])
        rows = out.size // inner
        tile = tile_of(view, inner)
        grid = (-(-rows // tile["R"]) * -(-inner // tile["C"]),)
        sizes = (rows, at.size, inner, s_outer, s_inner)
        launch(kernels.take, grid, out, view, at, *sizes, **tile)
    return out


def tile_of(x: DeviceArray, inner: int) -> dict[str, int]:
    """Rows and columns of a program's tile: as many columns as there are, up to 256."""
    columns = min(1 << max(inner - 1, 0).bit_length(), 256)
    return {"R": TILE[x.device.kind] // columns, "C": columns}


def put(picked: Pick, value: DeviceArray, add: bool, op: str) -> None:
    """Write value where a Pick points."""
    if not picked.axes and not add:
        return assign_basic(picked, value)
    if not picked.axes:  # addition in place through one more axis, of length 1
        picked = Pick(picked.view[None], (0,), (np.zeros(1, np.int64),), (1,), True)
    shape = picked.result_shape()
    while value.ndim > len(shape) and value.shape[0] == 1:
        value = value[0]
    source = value.broadcast_to(shape).transpose(picked.result_order())
    target = picked.view.transpose(picked.order())
    k = len(picked.axes)
    steps = tuple(count(target.shape[i + 1 : k]) for i in range(k))
    rows = offsets(picked, steps, op)
    write_rows(target, k, rows, source, add)


def write_rows(
    target: DeviceArray, k: int, rows: DeviceArray, source: DeviceArray, add: bool
) -> None:
    """target[row] (+)= source, where rows number the first k axes of target, in C order."""
    from tritongrad.kernels import index as kernels

    if not (target.size and rows.size):
        return
    s_row, s_col = collapsed(target, 0, k), collapsed(target, k, target.ndim)
    if s_row is None or s_col is None:
        whole = target.copy()
        write_rows(whole, k, rows, source, add)
        copyto(target, whole)
        return
    size, inner = count(target.shape[:k]), count(target.shape[k:])
    source = source if source.contiguous else source.copy()
    tile = tile_of(target, inner)
    grid = (-(-size // tile["R"]) * -(-inner // tile["C"]),)
    sizes = (size, rows.size, inner, s_row, s_col)
    constants = {"SUM": sum_dtype(target.dtype), "ADD": add, "SCAN": SCAN, **tile}
    launch(kernels.scatter_rows, grid, target, rows, source, *sizes, **constants)


def sum_dtype(dtype: np.dtype) -> Any:
    """What sums of a dtype are kept in, as Triton calls it."""
    import triton.language as tl

    if dtype.kind in "iub":
        return tl.int64 if dtype.itemsize == 8 else tl.int32
    return tl.float64 if dtype == np.float64 else tl.float32


def zeros(shape: tuple[int, ...], dtype: np.dtype, like: DeviceArray) -> DeviceArray:
    """An array of zeros beside `like`."""
    out = empty(shape, dtype, like.device)
    out.device.memset(out.ptr, 0, out.nbytes)
    return out


def dense(x: DeviceArray) -> DeviceArray:
    return x if x.contiguous else x.copy()
