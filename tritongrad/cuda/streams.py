"""Streams and events: the order in which work runs on a GPU."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import cuda.bindings.driver as cu

from tritongrad.cuda.driver import check
from tritongrad.cuda.memory import Blocks
from tritongrad.cuda.seam import here

if TYPE_CHECKING:
    from tritongrad.cuda.gpu import CudaDevice
    from tritongrad.cuda.graphs import Capture

MODES = {
    "global": cu.CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_GLOBAL,
    "thread_local": cu.CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL,
    "relaxed": cu.CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_RELAXED,
}
POOLED = 32  # side streams of a device; more are not faster, and none is ever destroyed


class Lane:
    """One driver stream, and the freed memory that its later work may use again."""

    __slots__ = ("blocks", "capture", "device", "handle", "home")

    def __init__(self, device: CudaDevice, handle: int) -> None:
        self.device = device
        self.handle = handle
        self.blocks = self.home = Blocks(self)
        self.capture: Capture | None = None  # while a graph is captured; home is then the graph's


def after(first: Lane, then: Lane) -> None:
    """Work queued on `then` from here on runs after what `first` holds now."""
    Stream(lane=then).wait_stream(Stream(lane=first))


def new_lane(device: CudaDevice) -> Lane:
    """A driver stream that does not wait for the legacy default stream."""
    flag = cu.CUstream_flags.CU_STREAM_NON_BLOCKING
    return Lane(device, int(check(cu.cuStreamCreate(flag), "cuStreamCreate")))


@contextlib.contextmanager
def relaxed() -> Iterator[None]:
    """Let this thread make calls that a capture would forbid; they are not recorded

    Such are all that may wait for the device: loading code, allocating, page-locking memory.
    """
    before = check(exchange(MODES["relaxed"]), "cuThreadExchangeStreamCaptureMode")
    try:
        yield
    finally:
        check(exchange(before), "cuThreadExchangeStreamCaptureMode")


def exchange(mode: Any) -> tuple:
    return cu.cuThreadExchangeStreamCaptureMode(mode)


class Stream:
    """A queue of work; current inside `with stream:`, for this thread"""

    __slots__ = ("lane",)

    def __init__(self, device: Any = None, lane: Lane | None = None) -> None:
        self.lane = lane or _as_device(device).pooled_lane()

    @property
    def device(self) -> CudaDevice:
        return self.lane.device

    @property
    def cuda_stream(self) -> int:
        """The driver's handle."""
        return self.lane.handle

    def __cuda_stream__(self) -> tuple[int, int]:
        return 0, self.lane.handle

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Stream) and other.lane is self.lane

    def __hash__(self) -> int:
        return hash(self.lane)

    def __repr__(self) -> str:
        return f"Stream({self.lane.device}, {self.lane.handle:#x})"

    def __enter__(self) -> Stream:
        here.outer.append((here.index, current_lane(self.lane.device)))
        set_lane(self.lane)
        here.index = self.lane.device.index
        return self

    def __exit__(self, *error: object) -> None:
        here.index, lane = here.outer.pop()
        set_lane(lane)

    def synchronize(self) -> None:
        """Wait until all work queued so far has run."""
        self.lane.device.ready()
        check(cu.cuStreamSynchronize(self.lane.handle), "cuStreamSynchronize")

    def query(self) -> bool:
        """Whether all work queued so far has run."""
        self.lane.device.ready()
        (code,) = cu.cuStreamQuery(self.lane.handle)
        if code == cu.CUresult.CUDA_ERROR_NOT_READY:
            return False
        check((code,), "cuStreamQuery")
        return True

    def record_event(self, event: Event | None = None) -> Event:
        """Mark this point of the queue."""
        event = event or Event()
        event.record(self)
        return event

    def wait_event(self, event: Event) -> None:
        """Work queued from here on runs after the event."""
        event.wait(self)

    def wait_stream(self, stream: Stream) -> None:
        """Work queued from here on runs after what the other stream holds now."""
        self.wait_event(stream.record_event())


class Event:
    """A mark in a stream, to wait for and, with enable_timing, to measure between"""

    __slots__ = ("device", "enable_timing", "handle")

    def __init__(self, enable_timing: bool = False) -> None:
        self.enable_timing = enable_timing
        self.handle = None  # made on the device of the stream that records it
        self.device: CudaDevice | None = None

    def record(self, stream: Stream | None = None) -> None:
        """Mark this point of the stream, or of the current one."""
        lane = stream.lane if stream is not None else current_lane()
        lane.device.ready()
        if self.handle is None:
            flags = cu.CUevent_flags
            kind = flags.CU_EVENT_DEFAULT if self.enable_timing else flags.CU_EVENT_DISABLE_TIMING
            self.handle = check(cu.cuEventCreate(kind), "cuEventCreate")
            self.device = lane.device
        check(cu.cuEventRecord(self.handle, lane.handle), "cuEventRecord")

    def wait(self, stream: Stream | None = None) -> None:
        """Work queued on the stream from here on runs after the event."""
        lane = stream.lane if stream is not None else current_lane()
        if self.handle is not None:  # waiting for an event nobody recorded is no wait
            lane.device.ready()
            check(cu.cuStreamWaitEvent(lane.handle, self.handle, 0), "cuStreamWaitEvent")

    def synchronize(self) -> None:
        """Block until the event has been reached."""
        if self.handle is not None and self.device is not None:
            self.device.ready()
            check(cu.cuEventSynchronize(self.handle), "cuEventSynchronize")

    def query(self) -> bool:
        """Whether the event has been reached."""
        if self.handle is None or self.device is None:
            return True
        self.device.ready()
        (code,) = cu.cuEventQuery(self.handle)
        if code == cu.CUresult.CUDA_ERROR_NOT_READY:
            return False
        check((code,), "cuEventQuery")
        return True

    def elapsed_time(self, end_event: Event) -> float:
        """Milliseconds from this event to the other; both need enable_timing=True."""
        for event in (self, end_event):
            if not event.enable_timing:
                raise ValueError("elapsed_time: make both events with Event(enable_timing=True)")
            if event.handle is None or event.device is None:
                raise ValueError("elapsed_time: record both events first")
            event.device.ready()
        result = cu.cuEventElapsedTime(self.handle, end_event.handle)
        return check(result, "cuEventElapsedTime", "both events must have been reached")

    # Events are few, and a driver event is a small object on the device.
    def __del__(self) -> None:
        if self.handle is not None and self.device is not None:
            self.device.drop_event(self.handle)


def set_lane(lane: Lane) -> None:
    """Make a lane the current one of its device, for this thread."""
    here.lanes[lane.device] = lane
    lane.device.bind()


def current_lane(device: Any = None) -> Lane:
    """The lane on which this thread's work for a device runs."""
    chosen = _as_device(device)
    return here.lanes.get(chosen, chosen.lane)


def external(stream: Any) -> Stream:
    """Another library's stream, by its handle or the __cuda_stream__ protocol."""
    if isinstance(stream, Stream):
        return stream
    handle = stream if isinstance(stream, int) else stream.__cuda_stream__()[1]
    return Stream(lane=_as_device(None).external_lane(int(handle)))


def _as_device(device: Any) -> CudaDevice:
    from tritongrad.cuda.gpu import gpu

    return gpu(device)
