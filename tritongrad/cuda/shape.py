"""Joining device arrays: one strided copy for each."""

from __future__ import annotations

from tritongrad.cuda.array import DeviceArray, copyto, empty


def cat(arrays: list[DeviceArray], dim: int = 0) -> DeviceArray:
    """The arrays one after the other along dim; dtypes are alike."""
    first = arrays[0]
    dim %= first.ndim
    total = sum(array.shape[dim] for array in arrays)
    shape = (*first.shape[:dim], total, *first.shape[dim + 1 :])
    out, start = empty(shape, first.dtype, first.device), 0
    for array in arrays:
        end = start + array.shape[dim]
        copyto(out[(*(slice(None),) * dim, slice(start, end))], array)
        start = end
    return out
