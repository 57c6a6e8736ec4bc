"""NumPy's rules of advanced indexing, for device arrays: what an index picks, checked."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from tritongrad.cuda.array import DeviceArray, copyto, empty, from_numpy
from tritongrad.cuda.launch import launch
from tritongrad.errors import OutOfRange

BLOCK = {"cuda": 1024, "interpret": 65536}

Indices = list[Any]  # one host or device array for each picked axis


@dataclass(frozen=True, slots=True)
class Pick:
    """A view and the integer arrays that pick from some of its axes; none for basic indexing"""

    view: DeviceArray
    axes: tuple[int, ...]
    arrays: tuple[Any, ...]
    shape: tuple[int, ...]  # of the arrays, broadcast
    together: bool  # the picked axes are neighbours, so the picked shape takes their place

    def order(self) -> tuple[int, ...]:
        """Axes of the view with the picked ones in front."""
        return (*self.axes, *(i for i in range(self.view.ndim) if i not in self.axes))

    def result_order(self) -> tuple[int, ...]:
        """Axes of the result with those of the picked shape in front."""
        first, count = (self.axes[0] if self.together else 0), len(self.shape)
        rest = self.view.ndim - len(self.axes)
        return (*range(first, first + count), *range(first), *range(first + count, rest + count))

    def result_shape(self) -> tuple[int, ...]:
        rest = [n for i, n in enumerate(self.view.shape) if i not in self.axes]
        first = self.axes[0] if self.together else 0
        return (*rest[:first], *self.shape, *rest[first:])


def pick(x: DeviceArray, index: Any, op: str) -> Pick:
    """Split an index into the basic view it takes and the arrays that pick from it."""
    items = [_plain(item) for item in (index if isinstance(index, tuple) else (index,))]
    used = sum(_consumed(item) for item in items)
    if used > x.ndim:
        raise IndexError(f"{op}: {used} indices for the {x.ndim} dimensions of {x.shape}")
    if not any(_is_array(item) for item in items):
        return Pick(x[tuple(items)], (), (), (), True)
    at = next((i for i, item in enumerate(items) if item is Ellipsis), len(items))
    items[at : at + 1] = [slice(None)] * (x.ndim - used)
    basic, axes, arrays, source = [], [], [], 0
    for item in items:
        if _is_array(item) or isinstance(item, int):
            for array in _integers(item, x.shape[source:], op):
                axes.append(len(basic))
                arrays.append(array)
                scalar_mask = not isinstance(item, int) and item.ndim == 0 and item.dtype == bool
                basic.append(None if scalar_mask else slice(None))
        else:
            basic.append(item)
        source += _consumed(item)
    try:
        shape = np.broadcast_shapes(*(array.shape for array in arrays))
    except ValueError:
        shapes = ", ".join(str(array.shape) for array in arrays)
        raise IndexError(f"{op}: index shapes {shapes} do not broadcast together") from None
    together = axes == list(range(axes[0], axes[0] + len(axes)))
    return Pick(x[tuple(basic)], tuple(axes), tuple(arrays), shape, together)


def _plain(item: Any) -> Any:
    """Lists and NumPy scalars as arrays and ints."""
    if isinstance(item, bool | np.bool_):
        return np.array(item)
    if isinstance(item, list | tuple | range):
        return np.asarray(item, dtype=np.int64 if len(item) == 0 else None)
    return int(item) if isinstance(item, np.integer) else item


def _is_array(item: Any) -> bool:
    return isinstance(item, np.ndarray | DeviceArray)


def _consumed(item: Any) -> int:
    """How many axes of x an item stands for."""
    if item is None or item is Ellipsis:
        return 0
    return item.ndim if _is_array(item) and item.dtype == bool else 1


def _integers(item: Any, shape: tuple[int, ...], op: str) -> Indices:
    """The integer arrays an item means; a mask is brought to the host and means its positions."""
    if isinstance(item, int):
        return [np.array(item, np.int64)]
    if item.dtype != bool:
        if item.dtype.kind not in "iu":
            raise IndexError(f"{op}: indices must be integers or bool, got {item.dtype}")
        return [item]
    if item.shape != shape[: item.ndim]:
        raise IndexError(
            f"{op}: a mask of shape {item.shape} does not match dimensions {shape[: item.ndim]}"
        )
    mask = item.numpy() if isinstance(item, DeviceArray) else item
    return list(np.nonzero(mask)) if mask.ndim else [np.zeros(int(mask), np.int64)]


def offsets(picked: Pick, strides: tuple[int, ...], op: str) -> DeviceArray:
    """The sum of index * stride over the picked axes, for every element of the picked shape."""
    device = picked.view.device
    out: DeviceArray | None = None
    host = np.zeros(picked.shape, np.int64)
    for axis, array, stride in zip(picked.axes, picked.arrays, strides, strict=True):
        size = picked.view.shape[axis]
        if isinstance(array, np.ndarray):
            host += wrapped(array, size, op, axis) * stride
        else:
            out = linear(array.broadcast_to(picked.shape), size, stride, op, axis, out)
    if out is None:
        return from_numpy(host, device)
    if host.any():
        both = from_numpy(host, device)
        return linear(both, 2**62, 1, op, 0, out)
    return out


def wrapped(index: np.ndarray, size: int, op: str, axis: int) -> np.ndarray:
    """A host index as int64 within 0 .. size - 1."""
    index = index.astype(np.int64)
    outside = (index < -size) | (index >= size)
    if outside.any():
        raise out_of_range(op, int(index[outside][0]), axis, size)
    return np.where(index < 0, index + size, index)


def linear(
    index: DeviceArray,
    size: int,
    stride: int,
    op: str,
    axis: int,
    out: DeviceArray | None = None,
    low: int | None = None,
) -> DeviceArray:
    """index * stride (added to out), checked: this waits for the device, unless it records."""
    from tritongrad.kernels import index as kernels

    if not index.contiguous:
        index = index.copy()
    add = out is not None
    if out is None:
        out = empty(index.shape, np.dtype(np.int64), index.device)
    if index.size:
        block = BLOCK[index.device.kind]
        programs = -(-index.size // block)
        bad = empty((programs,), np.dtype(np.int64), index.device)
        args = (index.size, -size if low is None else low, size, stride)
        launch(kernels.linear, (programs,), out, bad, index, *args, ADD=add, BLOCK=block)
        index.device.verify(lambda: check_found(bad, index, op, axis, size))
    return out


def check_found(bad: DeviceArray, index: DeviceArray, op: str, axis: int, size: int) -> None:
    """Raise for the first index out of range that the programs of `linear` have found."""
    first = int(bad.numpy().min())
    if first < index.size:
        raise out_of_range(op, int(index.reshape((index.size,))[first].numpy()), axis, size)


def out_of_range(op: str, index: int, axis: int, size: int) -> OutOfRange:
    return OutOfRange(f"{op}: index {index} is out of bounds for dimension {axis} with size {size}")


def as_array(value: Any, dtype: np.dtype, like: DeviceArray) -> DeviceArray:
    """A number or an array as an array of this dtype on the device of `like`."""
    if isinstance(value, DeviceArray):
        if value.dtype == dtype:
            return value
        return value.astype(dtype)
    return from_numpy(np.asarray(value).astype(dtype), like.device)


def collapsed(array: DeviceArray, first: int, last: int) -> int | None:
    """The one stride, in elements, that walks axes first .. last - 1 of an array, or None."""
    found: tuple[int, int] | None = None
    for n, stride in zip(array.shape[first:last], array.strides[first:last], strict=True):
        if n == 1:
            continue
        if found is not None and found[1] != n * stride:
            return None
        found = (n, stride)
    return 0 if found is None else found[1] // array.itemsize


def assign_basic(picked: Pick, value: DeviceArray) -> None:
    """view[...] = value, where value may have leading axes of length 1 too many."""
    while value.ndim > picked.view.ndim and value.shape[0] == 1:
        value = value[0]
    copyto(picked.view, value)


def count(shape: tuple[int, ...]) -> int:
    return math.prod(shape)
