"""The seam between host code and a device: memory, copies, launches, and the interpret device."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from tritongrad.cuda.array import InterpretArray

ALIGNMENT = 64  # bytes; more than any access of a kernel needs, and a cache line of the host
POISON = 0xFF  # as a byte pattern it is nan in every float dtype and -1 in every signed integer


class Storage:
    """One allocation; its memory goes back to the device when the last view is dropped"""

    __slots__ = ("__weakref__", "device", "home", "nbytes", "ptr")

    def __init__(self, ptr: int, nbytes: int, device: Device, home: Any) -> None:
        self.ptr = ptr
        self.nbytes = nbytes
        self.device = device
        self.home = home  # the freed blocks it will join; None where there is no such thing

    # This object is the only owner of the memory, and is never part of a cycle of its own;
    # a weakref.finalize for each allocation would cost 1 us more.
    def __del__(self) -> None:
        self.device.release(self)


class Block(Storage):
    """A block of a GPU's memory: what nearly every release comes to is written out here"""

    __slots__ = ("room",)

    def __del__(self) -> None:
        home, room = self.home, self.room
        memory = self.device.memory
        if memory.careful or room > home.largest or home.held + room > home.most:
            self.device.release(self)
            return
        try:
            home.lists[room].append(self.ptr)
        except KeyError:
            home.lists.setdefault(room, []).append(self.ptr)
        home.held += room
        memory.allocated -= room


class HeldStorage(Storage):
    """Memory that lives as long as `keep`: a host buffer, or another library's object"""

    __slots__ = ("keep",)

    def __init__(self, ptr: int, nbytes: int, device: Device, keep: Any) -> None:
        super().__init__(ptr, nbytes, device, None)
        self.keep = keep


class Here(threading.local):
    """This thread's place: the device whose context is current, and its current lane."""

    device: Any = None
    lane: Any = None  # None until a device is bound
    index = 0  # the device that set_device chose

    def __init__(self) -> None:
        self.lanes: dict[Any, Any] = {}  # the current one of every device
        self.outer: list[tuple[int, Any]] = []  # what the open `with stream:` blocks restore


here = Here()


class Device:
    """What both kinds of device share: a name, an index and equality by identity"""

    kind: str
    array: type
    # The seam: each kind defines these.
    allocate: Any  # nbytes -> Storage
    foreign: Any  # address, nbytes, owner -> Storage
    release: Any  # Storage ->
    upload: Any  # address, host array, non_blocking=False ->
    download: Any  # address, host array, non_blocking=False ->
    copy: Any  # address of dst, address of src, nbytes ->
    memset: Any  # address, byte, nbytes ->
    keep: Any  # arrays that are used without a launch ->
    launch: Any  # kernel, grid, args, options, constexprs ->
    synchronize: Any
    capturing = False  # whether what this thread queues is recorded instead of run: nothing to read
    # What a GPU has; only host code for a GPU asks.
    memory: Any
    properties: dict[str, int]
    capability: tuple[int, int]

    def __init__(self, index: int) -> None:
        self.index = index

    def verify(self, look: Callable[[], None]) -> None:
        """Call look, which waits for results and raises if they are wrong.

        Of work that is recorded there are none: there CUDAGraph.check() calls it, after a replay.
        """
        look()

    def __repr__(self) -> str:
        return self.kind if self.kind == "interpret" else f"{self.kind}:{self.index}"


class InterpretDevice(Device):
    """Host memory, and kernels run by Triton's interpreter: for tests and for debugging."""

    kind = "interpret"
    array = InterpretArray

    def __init__(self, index: int) -> None:
        super().__init__(index)
        self.blocks: dict[int, int] = {}  # start -> bytes of what is allocated: bounds checks
        self.allocated = self.peak = 0
        self.poison = os.environ.get("TRITONGRAD_POISON") == "1"

    def allocate(self, nbytes: int) -> Storage:
        buffer = np.empty(nbytes + ALIGNMENT, np.uint8)
        base = buffer.__array_interface__["data"][0]
        ptr = base + -base % ALIGNMENT
        if self.poison:
            buffer.fill(POISON)
        if nbytes:
            self.blocks[ptr] = nbytes
        self.allocated += nbytes
        self.peak = max(self.peak, self.allocated)
        return HeldStorage(ptr, nbytes, self, buffer)

    def foreign(self, ptr: int, nbytes: int, owner: Any) -> Storage:
        """Memory of somebody else's, kept alive through its owner."""
        self.blocks[ptr] = max(nbytes, self.blocks.get(ptr, 0))
        self.allocated += nbytes
        return HeldStorage(ptr, nbytes, self, (owner,))  # an array alone would be poisoned

    def release(self, storage: HeldStorage) -> None:
        self.blocks.pop(storage.ptr, None)
        self.allocated -= storage.nbytes
        if self.poison and isinstance(storage.keep, np.ndarray):
            storage.keep.fill(POISON)

    def upload(self, ptr: int, array: np.ndarray, non_blocking: bool = False) -> None:
        if array.nbytes:
            host_bytes(ptr, array.nbytes)[:] = array.reshape(-1).view(np.uint8)

    def download(self, ptr: int, array: np.ndarray, non_blocking: bool = False) -> None:
        if array.nbytes:
            array.reshape(-1).view(np.uint8)[:] = host_bytes(ptr, array.nbytes)

    def copy(self, dst: int, src: int, nbytes: int) -> None:
        host_bytes(dst, nbytes)[:] = host_bytes(src, nbytes)

    def memset(self, ptr: int, value: int, nbytes: int) -> None:
        if nbytes:
            host_bytes(ptr, nbytes).fill(value)

    def keep(self, *arrays: Any) -> None:
        """Nothing to remember: no graph is ever captured here."""

    def launch(
        self, kernel: Any, grid: tuple, args: tuple, options: dict, constexprs: dict
    ) -> None:
        from tritongrad.cuda.interpreter import run

        run(kernel, grid, args, constexprs)

    def synchronize(self) -> None:
        """Nothing to wait for: every launch has ended when it returns."""


def host_bytes(ptr: int, nbytes: int) -> np.ndarray:
    """The bytes at a host address as an array."""
    return np.asarray(_HostMemory(ptr, nbytes))


class _HostMemory:
    """The array interface of an address; ctypes would build a new array type for every length."""

    __slots__ = ("__array_interface__",)

    def __init__(self, ptr: int, nbytes: int) -> None:
        self.__array_interface__ = host_bytes_interface(ptr, nbytes)


def host_bytes_interface(ptr: int, nbytes: int) -> dict:
    """NumPy's description of a run of bytes."""
    return {"data": (ptr, False), "shape": (nbytes,), "typestr": "|u1", "version": 3}


_devices: dict[tuple[str, int], Device] = {}
_lock = threading.Lock()


def device_of(kind: str, index: int = 0) -> Any:
    """The device of a kind ('cuda' or 'interpret') and number, made on first use."""
    found = _devices.get((kind, index))
    if found is not None:
        return found
    with _lock:
        if (kind, index) not in _devices:
            _devices[kind, index] = _create(kind, index)
    return _devices[kind, index]


def _create(kind: str, index: int) -> Device:
    if kind == "cuda":
        from tritongrad.cuda import driver

        driver.initialise()
        from tritongrad.cuda.gpu import CudaDevice

        made: Device = CudaDevice(index)
    elif kind == "interpret":
        if index:
            raise RuntimeError(f"device: interpret has one device, got index {index}")
        made = InterpretDevice(0)
    else:
        raise RuntimeError(f"device: {kind!r} has no device arrays; use 'cuda' or 'interpret'")
    try:  # so that users' kernels take its tensors, and Triton never asks PyTorch for a device
        from tritongrad.cuda.triton_driver import install
    except ImportError as error:
        raise RuntimeError(
            f"{kind} needs Triton ({error}): pip install 'tritongrad[cuda]'"
        ) from error
    install()
    return made
