"""Host side of running sums and products: totals of chunks, their own scan, then every chunk."""

from __future__ import annotations

from typing import Any

import numpy as np

from tritongrad.cuda.array import DeviceArray, empty
from tritongrad.cuda.launch import launch
from tritongrad.cuda.rows import Axis, Matrix, matrix, tile_of
from tritongrad.cuda.types import accumulator, total_dtype, triton_type

CHUNK = 4096  # elements of a tile


def cumsum(x: DeviceArray, dim: int, dtype: Any = None) -> DeviceArray:
    """Running sums along dim; integers and bools as int64"""
    return running(x, dim, total_dtype(x.dtype, dtype), "add", 0)


def cumprod(x: DeviceArray, dim: int, dtype: Any = None) -> DeviceArray:
    return running(x, dim, total_dtype(x.dtype, dtype), "multiply", 1)


def running(x: DeviceArray, dim: int, dtype: np.dtype, combine: str, identity: int) -> DeviceArray:
    out = empty(x.shape, dtype, x.device)
    if out.size:
        if not x.contiguous:
            x = x.copy()
        dims = (dim % x.ndim,) if x.ndim else ()
        scan_matrix(matrix(out, dims), matrix(x, dims), combine, identity, accumulator(dtype))
    return out


def scan_matrix(to: Matrix, view: Matrix, combine: str, identity: int, acc: np.dtype) -> None:
    """Scans the rows of one matrix into another of the same layout."""
    from tritongrad.kernels import reduce, scan

    rows, cols = view.rows, view.cols
    tile_rows, width = tile_of(view, CHUNK, CHUNK)
    chunks = -(-cols.length // width)
    grid = (-(-rows.length // tile_rows) * chunks,)
    sizes = (rows.length, cols.length, *rows[1:])
    fixed = {
        "COMBINE": combine,
        "IDENTITY": identity,
        "ACC": triton_type(acc),
        "ROWS": tile_rows,
        "COLS": width,
        "num_warps": 8,
    }
    before: Any = 0
    if chunks > 1:
        totals = empty((rows.length, chunks), acc, to.array.device)
        launch(
            reduce.reduce_tiles, grid, totals, view.array, 0, *sizes, *cols[1:], chunks, 1, 0.0,
            PREPARE=reduce.plain, FINISH=reduce.keep, SHIFTED=False, PIECES=1, **fixed,
        )  # fmt: skip
        before = empty((rows.length, chunks), acc, to.array.device)
        lines = Axis(rows.length, 0, 0, chunks), Axis(chunks, 0, 0, 1)
        scan_matrix(Matrix(before, *lines), Matrix(totals, *lines), combine, identity, acc)
    launch(
        scan.scan_tiles, grid, to.array, view.array, before, *sizes, cols.inner,
        *to.rows[2:], to.cols.inner, FOLLOWS=chunks > 1, **fixed,
    )  # fmt: skip
