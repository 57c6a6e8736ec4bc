"""Memory on CUDA handed to other libraries and taken from them: what cuda.core does for us."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tritongrad.cuda.streams import Event, current_lane, external
from tritongrad.cuda.views import layout
from tritongrad.dtype import BY_NUMPY

NO_CUDA_CORE = (
    "DLPack of tensors on cuda goes through the package cuda-core, which is not installed: "
    "pip install 'cuda-core[cu13]', or use __cuda_array_interface__"
)


def capsule(array: Any, stream: Any, max_version: tuple[int, int] | None) -> Any:
    """The DLPack capsule of an array on a GPU, ready when work queued on `stream` reads it."""
    if stream == 0 or (stream is not None and (type(stream) is not int or stream < -1)):
        raise ValueError(
            f"__dlpack__: stream must be None, -1, 1, 2 or the handle of a stream, got {stream!r}"
        )
    try:
        from cuda.core import Buffer  # type: ignore[import-not-found, attr-defined]
        from cuda.core.utils import StridedMemoryView  # type: ignore[import-not-found]
    except ImportError as error:
        raise BufferError(f"__dlpack__: {NO_CUDA_CORE}") from error
    if stream != -1:  # the reader's stream waits for the work that fills this memory
        wait_on(array.device, 1 if stream is None else stream)
    strides = tuple(s // array.itemsize for s in array.strides)
    owned = Buffer.from_handle(array.ptr, _extent(array), owner=array)
    view = StridedMemoryView.from_buffer(owned, array.shape, strides, dtype=array.dtype)
    return view.__dlpack__(stream=-1, max_version=max_version)


def _extent(array: Any) -> int:
    """Bytes from element 0 to the end of the last element."""
    if not array.size:
        return 0
    rows = zip(array.shape, array.strides, strict=True)
    return array.itemsize + sum((n - 1) * s for n, s in rows)


def wait_on(gpu: Any, stream: int) -> None:
    """Work that is queued on another library's stream from here on runs after ours."""
    gpu.ready()
    if current_lane(gpu).handle != stream:
        event = Event()
        event.record()
        event.wait(external(stream))


def stream_of(array: Any) -> int:
    """The handle of the stream on which work on this array is queued."""
    return current_lane(array.device).handle


def from_dlpack(source: Any, gpu: Any) -> Any:
    """A GPU array of another library as ours, which lives while ours does."""
    gpu.ready()
    try:
        from cuda.core.utils import StridedMemoryView  # type: ignore[import-not-found]
    except ImportError as error:
        described = getattr(source, "__cuda_array_interface__", None)
        if described is None:
            raise BufferError(f"from_dlpack: {NO_CUDA_CORE}") from error
        return from_interface(source, described, gpu)
    view = StridedMemoryView.from_dlpack(source, stream_ptr=current_lane(gpu).handle)
    return _over(gpu, view.ptr, view.shape, view.strides, np.dtype(view.dtype), view)


def from_interface(source: Any, described: dict, gpu: Any) -> Any:
    """An array of ours over one that has `__cuda_array_interface__`."""
    dtype = np.dtype(described["typestr"])
    if described.get("mask") is not None:
        raise TypeError("asarray: masked arrays cannot be tensors")
    stream, strides = described.get("stream"), described.get("strides")
    if stream:
        event = Event()
        event.record(external(int(stream)))
        event.wait()
    if strides is not None:
        strides = tuple(s // dtype.itemsize for s in strides)
    return _over(gpu, described["data"][0], described["shape"], strides, dtype, source)


def _over(gpu: Any, ptr: int, shape: Any, strides: Any, dtype: np.dtype, owner: Any) -> Any:
    if dtype not in BY_NUMPY:
        raise TypeError(f"from_dlpack: no tensor has the type {dtype}")
    shape = tuple(shape)
    packed, size, _ = layout(shape, dtype.itemsize)
    steps = packed if strides is None else tuple(s * dtype.itemsize for s in strides)
    if any(s < 0 for s in steps):
        raise BufferError("from_dlpack: negative strides on cuda are not read: copy it first")
    extent = dtype.itemsize + sum((n - 1) * s for n, s in zip(shape, steps, strict=True))
    storage = gpu.foreign(ptr, extent if math.prod(shape) else 0, owner)
    return gpu.array(storage, ptr, shape, steps, dtype, size)
