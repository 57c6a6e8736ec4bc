"""Strided copies between arrays of one device, with conversion."""

from __future__ import annotations

from tritongrad.cuda.array import DeviceArray
from tritongrad.cuda.launch import launch

BLOCK = 1024
ROW = 128  # the shortest innermost axis that is worth a program of its own
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
    from tritongrad.kernels import copy as kernels

    if len(dims) > 8:  # nobody does, but it has to be right
        (n, d, s), inner = dims[0], dims[1:]
        for i in range(n):
            _copy(
                dst.as_strided(dst.shape, dst.strides, i * d * dst.itemsize),
                src.as_strided(src.shape, src.strides, i * s * src.itemsize),
                inner,
            )
        return
    count = 1
    for n, _, _ in dims:
        count *= n
    if all(d == s == 1 for _, d, s in dims):
        grid = (-(-count // BLOCK),)
        launch(kernels.copy_contiguous, grid, dst, src, count, BLOCK=BLOCK)
        return
    length, d_inner, s_inner = dims[-1]
    if len(dims) <= 4 and d_inner == s_inner == 1 and length >= ROW:
        sizes, d, s = _padded(dims, 4)
        grid = (count // length, -(-length // BLOCK))
        if grid[1] < 65536:
            args = (length, *sizes[1:3], *d, *s)
            launch(kernels.copy_rows, grid, dst, src, *args, BLOCK=BLOCK)
            return
    rank = 4 if len(dims) <= 4 else 8
    kernel = kernels.copy_4d if rank == 4 else kernels.copy_8d
    sizes, d, s = _padded(dims, rank)
    wide = max(count, _reach(sizes, d), _reach(sizes, s)) > NARROW
    grid = (-(-count // BLOCK),)
    launch(kernel, grid, dst, src, count, *sizes[1:], *d, *s, BLOCK=BLOCK, WIDE=wide)


def _padded(dims: Dims, rank: int) -> tuple[list[int], list[int], list[int]]:
    """Sizes and both lists of strides, filled up with outer dimensions of length 1."""
    rows = [(1, 0, 0)] * (rank - len(dims)) + dims
    return [n for n, _, _ in rows], [d for _, d, _ in rows], [s for _, _, s in rows]


def _reach(sizes: list[int], strides: list[int]) -> int:
    return sum((n - 1) * abs(stride) for n, stride in zip(sizes, strides, strict=True))
