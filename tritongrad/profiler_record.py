"""What a running profile writes down: one Event for each call, nested as the calls are."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .autograd.variable import Variable

OPERATION, NODE, SCOPE = "operation", "backward", "range"

active: list[Recorder] = []  # the running profile's, or nothing
now = time.perf_counter_ns


class Event:
    """One call: when, on which thread, inside which other, what it read and wrote.

    `start`, `end` in ns of the host; `inside` is the part of it that other events took. Device
    times in us, None where no GPU took part. `bytes` of tensors read and written.
    """

    __slots__ = (
        "bytes",
        "device_inside",
        "device_start",
        "device_time",
        "end",
        "inside",
        "kind",
        "marks",
        "name",
        "parent",
        "shapes",
        "start",
        "thread",
    )

    def __init__(self, name: str, kind: str, parent: Event | None) -> None:
        self.name = name
        self.kind = kind
        self.parent = parent
        self.thread = threading.get_native_id()
        self.inside = self.bytes = 0
        self.device_inside = 0.0
        self.device_time: float | None = None
        self.device_start: float | None = None
        self.shapes: list | None = None
        self.marks: list | None = None
        self.start = self.end = 0

    @property
    def host_time(self) -> float:
        """Microseconds from call to return."""
        return (self.end - self.start) / 1e3

    @property
    def self_host_time(self) -> float:
        """host_time less that of the events inside."""
        return (self.end - self.start - self.inside) / 1e3

    @property
    def self_device_time(self) -> float:
        """device_time less that of the events inside."""
        return max((self.device_time or 0.0) - self.device_inside, 0.0)

    def __repr__(self) -> str:
        return f"Event({self.name!r}, {self.host_time:.1f} us)"


class Recorder:
    """The events of one profile."""

    def __init__(self, record_shapes: bool, nvtx: bool) -> None:
        self.record_shapes = record_shapes
        self.events: list[Event] = []
        self.start = 0
        self._local = threading.local()
        self._first: Any = None  # a mark on the GPU beside self.start
        self._nvtx: Any = None
        if nvtx:
            from .cuda import nvtx as ranges

            ranges.check()
            self._nvtx = ranges

    def begin(self) -> None:
        """Start the clocks."""
        self._first = gpu_mark()
        self.start = now()

    def finish(self) -> None:
        """Wait for the GPU and read its clock."""
        marked = [event for event in self.events if event.marks is not None]
        if not marked:
            return
        from . import cuda

        cuda.synchronize()
        for event in marked:
            first, last = event.marks  # type: ignore[misc]  (of those that have marks)
            event.marks = None
            event.device_time = time_on_device = first.elapsed_time(last) * 1e3
            since = (event.start - self.start) / 1e3
            event.device_start = since
            if self._first is not None:
                event.device_start = self._first.elapsed_time(first) * 1e3
            if event.parent is not None:
                event.parent.device_inside += time_on_device

    def open(self, name: str, kind: str) -> Event:
        """A call begins."""
        stack = self._stack()
        event = Event(name, kind, stack[-1] if stack else None)
        stack.append(event)
        self.events.append(event)
        if self._nvtx is not None:
            self._nvtx.range_push(name)
        mark = gpu_mark()
        event.marks = None if mark is None else [mark]
        event.start = now()
        return event

    def close(self, event: Event) -> None:
        """A call ends."""
        event.end = now()
        if event.marks is not None:
            mark = gpu_mark()
            event.marks = None if mark is None else [*event.marks, mark]
        if self._nvtx is not None:
            self._nvtx.range_pop()
        self._stack().pop()
        if event.parent is not None:
            event.parent.inside += now() - event.start
            if event.kind != OPERATION:
                event.parent.bytes += event.bytes

    def run(self, function: Callable, name: str, op: Any, args: tuple, kwargs: dict) -> Any:
        """Call an operation; what a function of the same name calls first is the same call."""
        stack = self._stack()
        if stack and stack[-1].name == name:
            return function(*args, **kwargs)
        event = self.open(name, OPERATION)
        ended = False
        try:
            result = function(*args, **kwargs)
            ended = True
        finally:
            if not ended:
                self.close(event)
        event.end = now()
        own = bytes_moved(name, op, args, result)
        if op is not None or not event.bytes:
            event.bytes = own
        if event.parent is not None:
            event.parent.bytes += event.bytes
        if self.record_shapes:
            event.shapes = [list(t._array.shape) for t in tensors(args)]
        if event.marks is not None and not any(on_gpu(t) for t in tensors((*args, result))):
            event.marks = None
        end = event.end
        self.close(event)
        event.end = end
        return result

    def _stack(self) -> list[Event]:
        found = self._local.__dict__.get("stack")
        if found is None:
            found = self._local.stack = []
        return found


def tensors(values: Any) -> Iterator[Any]:
    """The tensors among values and in lists among them, at any depth."""
    for value in values:
        if isinstance(value, Variable):
            yield value
        elif isinstance(value, (list, tuple)):
            yield from tensors(value)


def on_gpu(t: Any) -> bool:
    """Whether a tensor's memory is a GPU's."""
    return t.device.type == "cuda"


def size_of(t: Any) -> int:
    """Bytes of memory that a tensor's elements take."""
    return room_of(t._array)


def room_of(array: Any) -> int:
    """Bytes of memory that an array's elements take; an expanded dim is there once."""
    count = array.itemsize
    for size, stride in zip(array.shape, array.strides, strict=True):
        if stride or not size:
            count *= size
    return count


def bytes_moved(name: str, op: Any, args: tuple, result: Any) -> int:
    """Bytes that an operation must read and write: its inputs and its results, each once."""
    if op is not None and op.view:
        return 0
    made = list(tensors((result,) if not isinstance(result, tuple) else result))
    given = list(tensors(args))
    inplace = name.endswith("_")
    if not inplace and any(shared(r._array, a._array) for r in made for a in given):
        return 0  # views, and x.to() or x.contiguous() where there is nothing to do
    if name in ("fill_", "zero_", "normal_", "uniform_", "copy_"):
        given = given[1:]
    return sum(map(size_of, given)) + sum(map(size_of, made))


def shared(a: Any, b: Any) -> bool:
    """Whether two arrays are the same memory, or parts of it."""
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return np.may_share_memory(a, b)
    return getattr(a, "storage", None) is getattr(b, "storage", 0)


def gpu_mark() -> Any:
    """A point in the current stream of a GPU that is in use; None where there is none."""
    from .cuda.seam import here

    if here.device is None:
        return None
    from .cuda.streams import Event as Mark
    from .cuda.streams import current_lane

    if current_lane().capture is not None:  # what a graph holds has no times yet
        return None
    mark = Mark(enable_timing=True)
    mark.record()
    return mark
