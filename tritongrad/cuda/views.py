"""The arithmetic of views: which strides, which offset, and whether two of them overlap."""

from __future__ import annotations

import math
from functools import lru_cache
from operator import index as as_int
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tritongrad.cuda.array import DeviceArray

Shape = tuple[int, ...]


@lru_cache(maxsize=4096)
def layout(shape: Shape, itemsize: int) -> tuple[Shape, int, int]:
    """Strides in bytes, number of elements and bytes of a C-ordered array."""
    strides, step = [], itemsize
    for length in reversed(shape):
        strides.append(step)
        step *= max(length, 1)
    size = math.prod(shape)
    return tuple(reversed(strides)), size, size * itemsize


def overlapping(dst: DeviceArray, src: DeviceArray) -> bool:
    """Whether writing dst in some order could change a src not yet read; src is not dst."""
    if dst.ptr == src.ptr and dst.strides == src.strides and dst.itemsize == src.itemsize:
        return False
    (low, high), (start, end) = _span(dst), _span(src)
    return low < end and start < high


def _span(array: DeviceArray) -> tuple[int, int]:
    """First address and the one after the last."""
    steps = [(n - 1) * s for n, s in zip(array.shape, array.strides, strict=True)]
    low = array.ptr + sum(step for step in steps if step < 0)
    return low, array.ptr + sum(step for step in steps if step > 0) + array.itemsize


def reshaped_strides(array: DeviceArray, shape: Shape) -> Shape | None:
    """Strides that show the array in the new shape without a copy, or None."""
    if array.contiguous:
        return layout(shape, array.dtype.itemsize)[0]
    old = [(n, s) for n, s in zip(array.shape, array.strides, strict=True) if n != 1]
    strides, have, step = [], 1, array.dtype.itemsize
    for length in reversed(shape):
        if length != 1 and have == 1:  # the run of old axes is used up: take the next one
            if not old:
                return None
            have, step = old.pop()
        while have % length and old and old[-1][1] == have * step:
            have *= old.pop()[0]
        if have % length:
            return None
        strides.append(step)
        step *= length
        have //= length
    return tuple(reversed(strides))


def inferred(shape: Shape, array: DeviceArray) -> Shape:
    """The shape with its -1 replaced, checked against the number of elements."""
    known = math.prod(length for length in shape if length != -1)
    if shape.count(-1) == 1 and known and array.size % known == 0:
        return tuple(array.size // known if length == -1 else length for length in shape)
    if -1 in shape or known != array.size:
        raise ValueError(
            f"reshape: shape {shape} does not hold the {array.size} elements of {array.shape}"
        )
    return shape


def checked(key: Any, axis: int, shape: Shape) -> int:
    where, length = as_int(key), shape[axis]
    if not -length <= where < length:
        raise IndexError(f"index {where} is out of range for dimension {axis} of shape {shape}")
    return where % length


def expanded(keys: tuple, shape: Shape) -> list:
    """The keys with the Ellipsis written out as full slices, one key for every axis."""
    used = sum(key is not None and key is not Ellipsis for key in keys)
    if used > len(shape):
        raise IndexError(f"index: {used} indices for the {len(shape)} dimensions of {shape}")
    at = next((i for i, key in enumerate(keys) if key is Ellipsis), len(keys))
    fill = [slice(None)] * (len(shape) - used)
    return [*keys[:at], *fill, *keys[at + 1 :]]
