"""Page-locked host memory: what the GPU can copy from and to while the CPU goes on."""

from __future__ import annotations

from typing import Any

import numpy as np

from tritongrad.cuda.driver import check, forked, initialise
from tritongrad.cuda.seam import host_bytes_interface


class Pinned:
    """One page-locked allocation; it waits for the copies that use it before it is freed."""

    __slots__ = (
        "__array_interface__", "__weakref__", "cu", "device", "events", "ptr", "relaxed",
    )  # fmt: skip

    def __init__(self, nbytes: int, device: Any) -> None:
        import cuda.bindings.driver as cu

        from tritongrad.cuda.streams import relaxed

        device.ready()
        self.cu, self.device, self.relaxed = cu, device, relaxed
        self.events: list = []
        with relaxed():
            self.ptr = int(check(cu.cuMemAllocHost(nbytes), "cuMemAllocHost", f"{nbytes} bytes"))
        self.__array_interface__ = host_bytes_interface(self.ptr, nbytes)

    # The owner of the memory; the arrays that show it hold it as their base.
    def __del__(self) -> None:
        if getattr(self, "ptr", 0) and not forked():
            self.device.ready()
            with self.relaxed():  # it may be dropped while a graph is recorded
                for event in self.events:
                    event.synchronize()
                self.cu.cuMemFreeHost(self.ptr)


def pinned_empty(shape: tuple[int, ...], dtype: Any, device: Any = None) -> np.ndarray:
    """An undefined array in page-locked memory."""
    initialise()  # which says why there is no GPU, where there is none
    from tritongrad.cuda.gpu import gpu

    dtype = np.dtype(dtype)
    nbytes = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    raw = np.asarray(Pinned(max(nbytes, 1), gpu(device)))
    return raw[:nbytes].view(dtype).reshape(shape)


def pin(array: np.ndarray, device: Any = None) -> np.ndarray:
    """A copy of the array in page-locked memory."""
    result = pinned_empty(array.shape, array.dtype, device)
    result[...] = array
    return result


def pinned_owner(array: Any) -> Pinned | None:
    """The page-locked allocation that an array shows, if it does."""
    while isinstance(array, np.ndarray):
        array = array.base
    return array if isinstance(array, Pinned) else None


def mark_used(pinned: Pinned, lane: Any) -> None:
    """Remember that a copy on this lane still uses the memory."""
    from tritongrad.cuda.streams import Event, Stream

    pinned.events = [event for event in pinned.events if not event.query()]
    event = Event()
    event.record(Stream(lane=lane))
    pinned.events.append(event)
