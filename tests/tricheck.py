"""Watches kernels in the interpreter: reads of memory that nothing wrote, and races of programs.

Out-of-bounds accesses are the interpreter's own business; it raises. Two programs race if both
write a byte, or one writes what the other reads, unless all of these accesses are atomic.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tritongrad.cuda.interpreter_memory import state
from tritongrad.cuda.seam import device_of

NOBODY, SEVERAL, ATOMIC = -1, -2, -3


@dataclass
class Shadow:
    """What is known of every byte of one allocation."""

    ptr: int
    written: np.ndarray
    writer: np.ndarray
    reader: np.ndarray

    @classmethod
    def of(cls, ptr: int, nbytes: int, written: bool) -> Shadow:
        nobody = np.full(nbytes, NOBODY, np.int64)
        return cls(ptr, np.full(nbytes, written), nobody, nobody.copy())


@dataclass
class Watch:
    """The allocations, the kernels, and what was found: (kind, kernel, access, program)"""

    shadows: dict[int, Shadow] = field(default_factory=dict)
    found: list[tuple[str, str, str, Any]] = field(default_factory=list)
    kernels: set[str] = field(default_factory=set)  # module.name of all that ran

    def shadow_at(self, address: int) -> Shadow | None:
        for shadow in self.shadows.values():
            if shadow.ptr <= address < shadow.ptr + len(shadow.written):
                return shadow
        return None

    def mark(self, ptr: int, nbytes: int) -> None:
        """The host has written these bytes."""
        shadow = self.shadow_at(ptr)
        if shadow is not None and nbytes:
            shadow.written[ptr - shadow.ptr : ptr - shadow.ptr + nbytes] = True

    def begin(self) -> None:
        """A launch: what earlier ones wrote is visible to all of its programs."""
        for shadow in self.shadows.values():
            shadow.writer.fill(NOBODY)
            shadow.reader.fill(NOBODY)

    def observe(self, kind: str, addresses: np.ndarray, size: int, program: tuple) -> None:
        columns, rows, _ = state.grid
        number = program[0] + columns * (program[1] + rows * program[2])
        addresses = addresses.astype(np.int64)
        if kind == "store" and len(np.unique(addresses)) != len(addresses):
            self.report("RACE", f"{kind} of equal lanes")
        while len(addresses):
            shadow = self.shadow_at(int(addresses[0]))
            if shadow is None:
                return
            offset = addresses - shadow.ptr
            here = (offset >= 0) & (offset < len(shadow.written))
            self.touch(shadow, kind, offset[here], size, number)
            addresses = addresses[~here]

    def touch(self, shadow: Shadow, kind: str, at: np.ndarray, size: int, number: int) -> None:
        at = (at[:, None] + np.arange(size)).reshape(-1)
        writer, reader = shadow.writer[at], shadow.reader[at]
        if kind != "store" and not shadow.written[at].all():
            self.report("UNINITIALISED", kind)
        mine = (NOBODY, number, ATOMIC) if kind == "atomic" else (NOBODY, number)
        if not np.isin(writer, mine).all():
            self.report("RACE", f"{kind} of what another program wrote")
        if kind == "load":
            shadow.reader[at] = np.where(np.isin(reader, (NOBODY, number)), number, SEVERAL)
            return
        if not np.isin(reader, (NOBODY, number)).all():
            self.report("RACE", f"{kind} to what another program read")
        shadow.writer[at] = ATOMIC if kind == "atomic" else number
        shadow.written[at] = True

    def unwritten(self, array: Any) -> int:
        """How many bytes of an array's elements nothing has written."""
        shadow = self.shadow_at(array.ptr) if array.size else None
        if shadow is None:
            return 0
        shape, strides = (*array.shape, array.itemsize), (*array.strides, 1)
        written = shadow.written[array.ptr - shadow.ptr :]
        return int((~np.lib.stride_tricks.as_strided(written, shape, strides)).sum())

    def report(self, kind: str, access: str) -> None:
        self.found.append((kind, state.kernel, access, state.program))


@contextlib.contextmanager
def watching() -> Iterator[Watch]:
    """Collects the launches on the interpret device, and their faults."""
    device = device_of("interpret")
    watch = Watch()
    kind = type(device)

    def allocate(nbytes: int) -> Any:
        storage = kind.allocate(device, nbytes)
        watch.shadows[storage.ptr] = Shadow.of(storage.ptr, nbytes, False)
        return storage

    def foreign(ptr: int, nbytes: int, owner: Any) -> Any:
        watch.shadows[ptr] = Shadow.of(ptr, nbytes, True)
        return kind.foreign(device, ptr, nbytes, owner)

    def release(storage: Any) -> None:
        watch.shadows.pop(storage.ptr, None)
        kind.release(device, storage)

    def upload(ptr: int, array: np.ndarray, *rest: Any) -> None:
        watch.mark(ptr, array.nbytes)
        kind.upload(device, ptr, array, *rest)

    def copy(dst: int, src: int, nbytes: int) -> None:
        watch.mark(dst, nbytes)
        kind.copy(device, dst, src, nbytes)

    def memset(ptr: int, value: int, nbytes: int) -> None:
        watch.mark(ptr, nbytes)
        kind.memset(device, ptr, value, nbytes)

    def launch(kernel: Any, grid: Any, args: Any, options: Any, constexprs: Any) -> None:
        watch.begin()
        watch.kernels.add(f"{kernel.fn.__module__.rpartition('.')[2]}.{kernel.__name__}")
        kind.launch(device, kernel, grid, args, options, constexprs)

    with _replaced(device, allocate, foreign, release, upload, copy, memset, launch):
        state.observer = watch.observe
        try:
            yield watch
        finally:
            state.observer = None


@contextlib.contextmanager
def recording() -> Iterator[list[tuple]]:
    """Collects launches as (kernel, args, options, constexprs) and runs none of them."""
    device = device_of("interpret")
    kind = type(device)
    launches: list[tuple] = []

    def allocate(nbytes: int) -> Any:
        storage = kind.allocate(device, nbytes)
        kind.memset(device, storage.ptr, 0x7F, nbytes)  # large and finite in every type
        return storage

    def launch(kernel: Any, grid: Any, args: Any, options: Any, constexprs: Any) -> None:
        launches.append((kernel, args, options, constexprs))

    with _replaced(device, allocate, launch):
        yield launches


@contextlib.contextmanager
def _replaced(device: Any, *methods: Any) -> Iterator[None]:
    """Methods of the one interpret device, for a while."""
    for method in methods:
        setattr(device, method.__name__, method)
    try:
        yield
    finally:
        for method in methods:
            delattr(device, method.__name__)
