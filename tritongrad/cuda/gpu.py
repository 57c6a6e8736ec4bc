"""A GPU as a device: the seam's methods on the CUDA driver."""

from __future__ import annotations

import atexit
import contextlib
import os
import threading
from collections.abc import Callable
from typing import Any

import cuda.bindings.driver as cu
import numpy as np

from tritongrad.cuda import driver
from tritongrad.cuda.array import CudaArray
from tritongrad.cuda.memory import Memory
from tritongrad.cuda.pinned import mark_used, pinned_owner
from tritongrad.cuda.seam import POISON, Block, Device, HeldStorage, Storage, device_of, here
from tritongrad.cuda.streams import POOLED, Lane, after, new_lane


class CudaDevice(Device):
    """One GPU: its primary context, its streams and its memory"""

    kind = "cuda"
    array = CudaArray
    check = staticmethod(driver.check)
    failed = staticmethod(driver.failed)

    def __init__(self, index: int) -> None:
        driver.initialise()
        super().__init__(index)
        count = driver.device_count()
        if not 0 <= index < count:
            raise RuntimeError(f"device: cuda:{index} does not exist; there are {count} GPUs")
        self.handle = driver.check(cu.cuDeviceGet(index), "cuDeviceGet")
        retained = cu.cuDevicePrimaryCtxRetain(self.handle)
        self.context = driver.check(retained, "cuDevicePrimaryCtxRetain")
        driver.check(cu.cuCtxSetCurrent(self.context), "cuCtxSetCurrent")
        here.device = here.lane = None  # what was bound before in this thread no longer is
        self.properties = driver.properties(self.handle)
        self.capability = (self.properties["major"], self.properties["minor"])
        self.arch = self.capability[0] * 10 + self.capability[1]
        self.lane = new_lane(self)
        self.lanes = [self.lane]  # every one that may hold freed blocks
        self._pooled: list[Lane] = []
        self._turn = 0
        self._own: dict[str, Lane] = {}  # lanes for a purpose, out of the turn
        self._lock = threading.Lock()
        self.capture: Any = None  # the graph being captured, if any
        self.memory = Memory(self, cu)
        self.synchronous = os.environ.get("TRITONGRAD_SYNC") == "1"

    def name(self) -> str:
        raw = driver.check(cu.cuDeviceGetName(128, self.handle), "cuDeviceGetName")
        return raw.split(b"\0")[0].decode()

    # Threads: a context is current per thread, a child of fork has none.

    def ready(self) -> None:
        """Make this device's context current in this thread."""
        if here.device is not self:
            self.bind()

    def bind(self) -> None:
        if here.device is not self:
            if driver.forked():
                raise RuntimeError(driver.FORKED)
            driver.check(cu.cuCtxSetCurrent(self.context), "cuCtxSetCurrent")
            here.device = self
        here.lane = here.lanes.get(self, self.lane)

    def pooled_lane(self) -> Lane:
        """The next of the side streams, made on first use and handed out in turn."""
        self.ready()
        with self._lock:
            turn, self._turn = self._turn, (self._turn + 1) % POOLED
            if turn == len(self._pooled):
                self._pooled.append(new_lane(self))
                self.lanes.append(self._pooled[-1])
            return self._pooled[turn]

    def own_lane(self, purpose: str) -> Lane:
        """A stream that is never handed out: where graphs are recorded, and get their memory."""
        self.ready()
        with self._lock:
            if purpose not in self._own:
                self._own[purpose] = new_lane(self)
                self.lanes.append(self._own[purpose])
            return self._own[purpose]

    def external_lane(self, handle: int) -> Lane:
        """The lane for a stream that another library made."""
        with self._lock:
            known = {lane.handle: lane for lane in self.lanes}
            if handle not in known:
                known[handle] = Lane(self, handle)
                self.lanes.append(known[handle])
            return known[handle]

    # Memory.

    def allocate(self, nbytes: int) -> Storage:
        if here.device is not self:
            self.bind()
        if not nbytes:
            return Storage(0, 0, self, None)
        home = here.lane.home
        size = (nbytes + 511) & -512  # memory.rounded, without the call
        memory = self.memory
        ptr = home.take(size) or self.obtain(size)
        memory.allocated += size
        if memory.allocated > memory.peak:
            memory.peak = memory.allocated
        if memory.poison:
            self.memset(ptr, POISON, nbytes)
        block = Block(ptr, nbytes, self, home)
        block.room = size
        return block

    def obtain(self, size: int) -> int:
        """A block of memory that nobody holds, in the order of this thread's stream."""
        lane = here.lane
        if lane.capture is not None:
            return lane.capture.obtain(size)
        return self.memory.obtain(size, lane)

    def foreign(self, ptr: int, nbytes: int, owner: Any) -> Storage:
        """Memory of somebody else's, kept alive through its owner."""
        return HeldStorage(ptr, nbytes, self, owner)

    def release(self, storage: Storage) -> None:
        home = storage.home
        if home is None:
            return
        memory = self.memory
        size = (storage.nbytes + 511) & -512
        memory.allocated -= size
        if memory.careful and not self._release_with_care(storage, size):
            return
        if not home.give(size, storage.ptr) and not driver.forked():
            if here.device is not self:
                self.bind()
            memory.give_back(storage.ptr, home.owner)

    def _release_with_care(self, storage: Storage, size: int) -> bool:
        """What seldom has to be done before a block may be used again; whether it may be."""
        if driver.forked():
            return False
        if here.device is not self:
            self.bind()
        memory, capture = self.memory, self.capture
        if capture is not None:
            memory.watched.pop(storage.ptr, None)
            return not capture.defer(storage, size)
        lane = storage.home.owner
        for user in memory.watched.pop(storage.ptr, ()):
            after(user, lane)
        if memory.poison:
            code = cu.cuMemsetD8Async(storage.ptr, POISON, size, lane.handle)
            driver.check(code, "cuMemsetD8Async")
        memory.be_careful()
        return True

    @property
    def capturing(self) -> bool:
        """Whether what this thread queues is recorded into a graph: nothing can be read then."""
        return here.lanes.get(self, self.lane).capture is not None

    def verify(self, look: Callable[[], None]) -> None:
        capture = here.lanes.get(self, self.lane).capture
        look() if capture is None else capture.checks.append(look)

    def record(self, capture: Any) -> None:
        """Begin or, with None, end recording a graph."""
        self.capture = capture
        self.memory.be_careful()

    # Copies; all in the order of the current stream.

    def upload(self, ptr: int, array: np.ndarray, non_blocking: bool = False) -> None:
        """From host memory; returns when the array may be changed, unless non_blocking."""
        self.ready()
        if not array.nbytes:
            return
        lane = here.lane
        if lane.capture is not None:
            array = lane.capture.own_copy(array)
        address = array.__array_interface__["data"][0]
        result = cu.cuMemcpyHtoDAsync(ptr, address, array.nbytes, lane.handle)
        driver.check(result, "cuMemcpyHtoDAsync", f"{array.nbytes} bytes")
        pinned = pinned_owner(array)  # the driver has copied memory that is not pinned by now
        if pinned is not None and lane.capture is None:
            mark_used(pinned, lane)
            if not non_blocking:
                driver.check(cu.cuStreamSynchronize(lane.handle), "cuStreamSynchronize")

    def download(self, ptr: int, array: np.ndarray, non_blocking: bool = False) -> None:
        """To host memory; waits for the data unless it is pinned and non_blocking."""
        self.ready()
        if not array.nbytes:
            return
        lane, address = here.lane, array.__array_interface__["data"][0]
        result = cu.cuMemcpyDtoHAsync(address, ptr, array.nbytes, lane.handle)
        driver.check(result, "cuMemcpyDtoHAsync", f"{array.nbytes} bytes")
        pinned = pinned_owner(array) if non_blocking else None
        if pinned is not None:
            mark_used(pinned, lane)
            return
        driver.check(cu.cuStreamSynchronize(lane.handle), "cuStreamSynchronize")

    def copy(self, dst: int, src: int, nbytes: int) -> None:
        self.ready()
        result = cu.cuMemcpyDtoDAsync(dst, src, nbytes, here.lane.handle)
        driver.check(result, "cuMemcpyDtoDAsync", f"{nbytes} bytes")

    def memset(self, ptr: int, value: int, nbytes: int) -> None:
        if nbytes:
            self.ready()
            result = cu.cuMemsetD8Async(ptr, value, nbytes, here.lane.handle)
            driver.check(result, "cuMemsetD8Async", f"{nbytes} bytes")

    # Work.

    def launch(
        self, kernel: Any, grid: tuple, args: tuple, options: dict, constexprs: dict
    ) -> None:
        from tritongrad.cuda.launch import launch

        launch(kernel, grid, *args, **options, **constexprs)

    def keep(self, *arrays: Any) -> None:
        """Tell a running capture of memory that its graph uses without launching a kernel."""
        if self.capture is not None:
            self.capture.keep(*(array.storage for array in arrays))

    def synchronize(self) -> None:
        """Wait until every stream of the device is idle."""
        self.ready()
        driver.check(cu.cuCtxSynchronize(), "cuCtxSynchronize")

    def drop_event(self, handle: Any) -> None:
        if not driver.forked():
            with contextlib.suppress(Exception):  # at exit the driver may be gone already
                self.ready()
                cu.cuEventDestroy(handle)


def gpu(device: Any = None) -> CudaDevice:
    """The GPU meant by None, a number, 'cuda:1', or an object with a device index."""
    if isinstance(device, CudaDevice):
        return device
    if device is None:
        index = here.index
    elif isinstance(device, str):
        kind, _, number = device.partition(":")
        if kind != "cuda":
            raise ValueError(f"device: expected 'cuda' or 'cuda:<number>', got {device!r}")
        index = int(number) if number else here.index
    else:
        if getattr(device, "type", "cuda") != "cuda":
            raise ValueError(f"device: expected a device of CUDA, got {device!r}")
        index = getattr(device, "index", device)
        index = here.index if index is None else index
    return device_of("cuda", index)


def _after_fork() -> None:
    """In a child: no context is current here, so that the next use of the device says why."""
    here.device = here.lane = None


def _leave(self: CudaDevice, storage: Storage) -> None:
    """What release does once the interpreter exits: the driver frees all memory by itself."""


def _stop_releasing() -> None:
    CudaDevice.release = _leave


os.register_at_fork(after_in_child=_after_fork)
atexit.register(_stop_releasing)
