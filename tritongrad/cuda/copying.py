"""Strided copies between arrays of one device, with conversion."""

from __future__ import annotations

import math

from tritongrad.cuda.array import DeviceArray
from tritongrad.cuda.launch import launch
from tritongrad.kernels import copy as kernels

BLOCK = 1024
ROW = 128  # the shortest innermost axis that is worth a program of its own
TILE = 64  # edge of a square of a transposed copy
HIGHEST = 65535  # programs along the second and third axis of a grid
NARROW = 2**31 - BLOCK  # offsets up to here fit 32-bit arithmetic

Dims = list[tuple[int, int, int]]  # (length, stride of dst, stride of src), outermost first


def copy_strided(dst: DeviceArray, src: DeviceArray) -> None:
    """Write src, of dst's shape, into dst; sizes and strides as they come"""
    _copy(dst, src, collapsed(dst, src))


def collapsed(dst: DeviceArray, src: DeviceArray) -> Dims:
    """The fewest dimensions that walk both arrays, by falling stride of dst, in elements."""
    rows = zip(dst.shape, dst.strides, src.strides, strict=True)
    dims = [(n, d // dst.itemsize, s // src.itemsize) for n, d, s in rows if n != 1]
    dims.sort(key=lambda dim: (-abs(dim[1]), -abs(dim[2])))
    result: Dims = []
    for n, d, s in dims:
        if result and result[-1][1] == n * d and result[-1][2] == n * s:
            result[-1] = (result[-1][0] * n, d, s)
        else:
            result.append((n, d, s))
    return result


def _copy(dst: DeviceArray, src: DeviceArray, dims: Dims) -> None:
    """The kernel that suits these dimensions; several launches where there are more than eight."""
    if len(dims) > 8:  # nobody does, but it has to be right
        (n, d, s), inner = dims[0], dims[1:]
        for i in range(n):
            _copy(
                dst.as_strided(dst.shape, dst.strides, i * d * dst.itemsize),
                src.as_strided(src.shape, src.strides, i * s * src.itemsize),
                inner,
            )
        return
    count = math.prod(n for n, _, _ in dims)
    if all(d == s == 1 for _, d, s in dims):
        launch(kernels.copy_contiguous, (-(-count // BLOCK),), dst, src, count, BLOCK=BLOCK)
    elif not (_copy_rows(dst, src, dims) or _copy_tiles(dst, src, dims)):
        rank = 4 if len(dims) <= 4 else 8
        kernel = kernels.copy_4d if rank == 4 else kernels.copy_8d
        sizes, d, s = _padded(dims, rank)
        wide = max(count, _reach(sizes, d), _reach(sizes, s)) > NARROW
        args = (count, *sizes[1:], *d, *s)
        launch(kernel, (-(-count // BLOCK),), dst, src, *args, BLOCK=BLOCK, WIDE=wide)


def _copy_rows(dst: DeviceArray, src: DeviceArray, dims: Dims) -> bool:
    """Both are contiguous along a long last axis: a program for each piece of a row."""
    length, d_inner, s_inner = dims[-1]
    sizes, d, s = _padded(dims, 4)
    grid = (math.prod(sizes[:3]), -(-length // BLOCK))
    if len(dims) > 4 or not d_inner == s_inner == 1 or length < ROW or grid[1] > HIGHEST:
        return False
    launch(kernels.copy_rows, grid, dst, src, length, *sizes[1:3], *d, *s, BLOCK=BLOCK)
    return True


def _copy_tiles(dst: DeviceArray, src: DeviceArray, dims: Dims) -> bool:
    """They are contiguous along different axes: a program for each tile of the two"""
    cols, d_col, a_col = dims[-1]
    where = next((i for i, (_, _, s) in enumerate(dims[:-1]) if s == 1), None)
    if where is None or len(dims) > 4 or d_col != 1:
        return False
    rows, d_row, _ = dims[where]
    (size0, size1), d, s = _padded([dim for i, dim in enumerate(dims[:-1]) if i != where], 2)
    grid = (-(-rows // TILE), -(-cols // TILE), size0 * size1)
    if min(rows, cols) < TILE // 4 or max(grid[1:]) > HIGHEST:
        return False
    args = (rows, cols, size1, *d, d_row, *s, a_col)
    launch(kernels.copy_tiles, grid, dst, src, *args, TILE=TILE, num_warps=8)
    return True


def _padded(dims: Dims, rank: int) -> tuple[list[int], list[int], list[int]]:
    """Sizes and both lists of strides, filled up with outer dimensions of length 1."""
    rows = [(1, 0, 0)] * (rank - len(dims)) + dims
    return [n for n, _, _ in rows], [d for _, d, _ in rows], [s for _, _, s in rows]


def _reach(sizes: list[int], strides: list[int]) -> int:
    return sum((n - 1) * abs(stride) for n, stride in zip(sizes, strides, strict=True))
