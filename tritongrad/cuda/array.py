"""A strided view of device memory that answers to the names of a NumPy array."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tritongrad.cuda.forms import UNKNOWN, fresh_form
from tritongrad.cuda.views import (
    Shape,
    checked,
    expanded,
    inferred,
    layout,
    overlapping,
    reshaped_strides,
)

if TYPE_CHECKING:
    from tritongrad.cuda.seam import Device, Storage


class DeviceArray:
    """Elements of one dtype at `ptr`, `strides` bytes apart, in memory that `storage` owns"""

    __slots__ = ("__weakref__", "dtype", "form", "ptr", "shape", "size", "storage", "strides")

    def __init__(
        self, storage: Storage, ptr: int, shape: Shape, strides: Shape, dtype: np.dtype, size: int
    ) -> None:
        self.storage = storage
        self.ptr = ptr
        self.shape = shape
        self.strides = strides
        self.dtype = dtype
        self.size = size
        self.form = UNKNOWN  # until somebody asks: see forms.py

    @property
    def device(self) -> Device:
        return self.storage.device

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def itemsize(self) -> int:
        return self.dtype.itemsize

    @property
    def nbytes(self) -> int:
        return self.size * self.dtype.itemsize

    @property
    def offset(self) -> int:
        """Bytes between the storage's start and element 0."""
        return self.ptr - self.storage.ptr

    @property
    def contiguous(self) -> bool:
        """Whether the elements lie in C order without gaps."""
        wanted = layout(self.shape, self.dtype.itemsize)[0]
        if self.strides == wanted or self.size == 0:
            return True
        rows = zip(self.shape, self.strides, wanted, strict=True)
        return all(length == 1 or stride == want for length, stride, want in rows)

    def data_ptr(self) -> int:
        return self.ptr

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len: a 0-d array has no length; use .item()")
        return self.shape[0]

    def __repr__(self) -> str:
        return f"{type(self).__name__}(shape={self.shape}, dtype={self.dtype}, {self.device})"

    # Views: same storage, other shape and strides.

    def as_strided(self, shape: Shape, strides: Shape, offset: int = 0) -> DeviceArray:
        """The view whose element 0 lies `offset` bytes after this one's; strides in bytes."""
        shape = tuple(shape)
        size = math.prod(shape)
        return type(self)(self.storage, self.ptr + offset, shape, tuple(strides), self.dtype, size)

    def view(self, dtype: Any) -> DeviceArray:
        """The same bytes read as another dtype; of another width, the last dim changes."""
        dtype, shape, strides = np.dtype(dtype), self.shape, self.strides
        if dtype.itemsize != self.dtype.itemsize:
            if not shape or strides[-1] != self.dtype.itemsize:
                raise ValueError("view: to change the width, the last dim must be contiguous")
            length, rest = divmod(shape[-1] * self.dtype.itemsize, dtype.itemsize)
            if rest:
                raise ValueError(f"view: {dtype} does not divide the last dim's {shape[-1]}")
            shape, strides = (*shape[:-1], length), (*strides[:-1], dtype.itemsize)
        return type(self)(self.storage, self.ptr, shape, strides, dtype, math.prod(shape))

    @property
    def T(self) -> DeviceArray:
        return self.as_strided(self.shape[::-1], self.strides[::-1])

    def transpose(self, *axes: Any) -> DeviceArray:
        """Axes in the given order; reversed when none is given."""
        if len(axes) == 1 and not isinstance(axes[0], int):
            axes = tuple(axes[0]) if axes[0] is not None else ()
        if not axes:
            return self.T
        order = tuple(axis % self.ndim for axis in axes)
        if sorted(order) != list(range(self.ndim)):
            raise ValueError(f"transpose: axes {axes} do not permute {self.ndim} dimensions")
        return self.as_strided(
            tuple(self.shape[axis] for axis in order), tuple(self.strides[axis] for axis in order)
        )

    def squeeze(self, axis: int | Sequence[int] | None = None) -> DeviceArray:
        """Without the given axes of length 1, or without all of them."""
        if axis is None:
            gone = {i for i, length in enumerate(self.shape) if length == 1}
        else:
            axes = (axis,) if isinstance(axis, int) else axis
            gone = {a % self.ndim for a in axes}
        for a in gone:
            if self.shape[a] != 1:
                raise ValueError(f"squeeze: axis {a} of shape {self.shape} is not of length 1")
        kept = [i for i in range(self.ndim) if i not in gone]
        return self.as_strided(
            tuple(self.shape[i] for i in kept), tuple(self.strides[i] for i in kept)
        )

    def broadcast_to(self, shape: Shape) -> DeviceArray:
        """Repeated along new axes and axes of length 1, without a copy."""
        shape = tuple(shape)
        if shape == self.shape:
            return self
        missing = len(shape) - self.ndim
        pairs = zip(self.shape, shape[missing:], strict=True) if missing >= 0 else ()
        if missing < 0 or any(have not in (1, want) for have, want in pairs):
            raise ValueError(f"broadcast_to: shape {self.shape} does not broadcast to {shape}")
        strides = (0,) * missing + tuple(
            stride if have == want else 0
            for have, want, stride in zip(self.shape, shape[missing:], self.strides, strict=True)
        )
        return self.as_strided(shape, strides)

    def __getitem__(self, key: Any) -> DeviceArray:
        """The view NumPy's basic indexing gives: integers, slices, None and Ellipsis."""
        if self.shape and type(key) is int:  # the commonest case, and what iteration uses
            where = checked(key, 0, self.shape)
            return self.as_strided(self.shape[1:], self.strides[1:], where * self.strides[0])
        keys = expanded(key if isinstance(key, tuple) else (key,), self.shape)
        shape, strides, offset, axis = [], [], 0, 0
        for item in keys:
            if item is None:
                shape.append(1)
                strides.append(0)
                continue
            if isinstance(item, slice):
                start, stop, step = item.indices(self.shape[axis])
                length = len(range(start, stop, step))
                shape.append(length)
                strides.append(step * self.strides[axis])
                offset += start * self.strides[axis] if length else 0
            else:
                offset += checked(item, axis, self.shape) * self.strides[axis]
            axis += 1
        return self.as_strided(tuple(shape), tuple(strides), offset)

    def reshape(self, *shape: Any) -> DeviceArray:
        """A view where the strides allow one, else a C-ordered copy."""
        new = shape[0] if len(shape) == 1 and not isinstance(shape[0], int) else shape
        new = inferred(tuple(new), self)
        strides = reshaped_strides(self, new)
        if strides is None:
            return self.copy().as_strided(new, layout(new, self.dtype.itemsize)[0])
        return self.as_strided(new, strides)

    # Copies.

    def copy(self) -> DeviceArray:
        """A C-ordered copy."""
        result = empty(self.shape, self.dtype, self.device)
        copyto(result, self)
        return result

    def astype(self, dtype: Any) -> DeviceArray:
        """A C-ordered copy of another dtype, converted as NumPy does."""
        result = empty(self.shape, np.dtype(dtype), self.device)
        copyto(result, self)
        return result

    def numpy(self) -> np.ndarray:
        """The elements in host memory; waits for the device."""
        source = self if self.contiguous else self.copy()
        result = np.empty(self.shape, self.dtype)
        self.device.download(source.ptr, result)
        return result


class CudaArray(DeviceArray):
    """An array in the memory of a CUDA device."""

    __slots__ = ()


class InterpretArray(DeviceArray):
    """An array in host memory that only interpreted kernels touch."""

    __slots__ = ()


def empty(shape: Shape, dtype: np.dtype, device: Device) -> DeviceArray:
    """A C-ordered array of undefined elements."""
    form = fresh_form(device, shape, dtype)
    storage = device.allocate(form.nbytes)
    result = device.array(storage, storage.ptr, form.shape, form.strides, form.dtype, form.size)
    result.form = form
    return result


def from_numpy(array: np.ndarray, device: Device, non_blocking: bool = False) -> DeviceArray:
    """A copy of a host array on the device."""
    result = empty(array.shape, array.dtype, device)
    device.upload(result.ptr, np.ascontiguousarray(array), non_blocking)
    return result


def copyto(dst: DeviceArray, src: DeviceArray) -> None:
    """Write src, broadcast and cast, into dst; both on one device."""
    if dst.device is not src.device:
        raise RuntimeError(f"copyto: dst is on {dst.device} and src on {src.device}")
    src = src.broadcast_to(dst.shape)
    if dst.size == 0:
        return
    if src.storage is dst.storage and overlapping(dst, src):
        src = src.copy()
    if dst.dtype == src.dtype and dst.contiguous and src.contiguous:
        dst.device.keep(dst, src)
        dst.device.copy(dst.ptr, src.ptr, dst.nbytes)
        return
    from tritongrad.cuda.copying import copy_strided

    copy_strided(dst, src)
