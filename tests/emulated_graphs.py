"""Streams, events and graphs of the GPU that emulated.py plays: what waits, what is refused."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import cuda.bindings.driver as cu

R = cu.CUresult
OK = R.CUDA_SUCCESS
RELAXED = cu.CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_RELAXED

graphs: dict[int, Recording] = {}  # graphs and executables
events: dict[int, Any] = {}  # event -> time, or the recording that it is part of
faults: list[str] = []  # after the first, every call fails
lock = threading.RLock()


class Recording:
    """What a capture has recorded so far"""

    def __init__(self) -> None:
        self.work: list[Callable] = []
        self.broken = False


class Here(threading.local):
    """This thread's captures, by stream, and how strict they are."""

    def __init__(self) -> None:
        self.captures: dict[int, Recording] = {}
        self.mode: Any = cu.CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_GLOBAL


here = Here()


def guarded(call: Callable) -> Callable:
    """What a thread that captures must not call, unless it has relaxed its mode."""

    def unsafe(*args: Any) -> tuple:
        if here.captures and here.mode != RELAXED:
            for recording in here.captures.values():
                recording.broken = True
            return (R.CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, None)
        return call(*args)

    return unsafe


def queue(stream: Any, work: Callable) -> tuple:
    """Run now, or with the graph that the stream records."""
    recording = here.captures.get(int(stream))
    if recording is not None:
        recording.work.append(work)
        return (OK,)
    return attempt([work])


def attempt(work: list[Callable]) -> tuple:
    if faults:
        return (R.CUDA_ERROR_ILLEGAL_ADDRESS,)
    with lock:
        try:
            for each in work:
                each()
        except IndexError as fault:  # a kernel left its memory: told at the next call
            faults.append(str(fault))
            print(f"emulated: {fault}", file=sys.stderr)
    return (OK,)


def waits(*args: Any) -> tuple:
    """Of a stream, or of the context: not while this thread captures."""
    stream = int(args[0]) if args else None
    if here.captures and (stream is None or stream in here.captures):
        for recording in here.captures.values():
            recording.broken = True
        return (R.CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED,)
    return (R.CUDA_ERROR_ILLEGAL_ADDRESS,) if faults else (OK,)


def event_record(event: Any, stream: Any) -> tuple:
    recording = here.captures.get(int(stream))
    events[int(event)] = time.perf_counter() if recording is None else recording
    return (OK,)


def wait_event(stream: Any, event: Any, flags: int) -> tuple:
    source = events.get(int(event))
    if isinstance(source, Recording):  # this stream joins the capture
        here.captures.setdefault(int(stream), source)
    elif int(stream) in here.captures:
        return (R.CUDA_ERROR_STREAM_CAPTURE_ISOLATION,)
    return (OK,)


def elapsed(start: Any, end: Any) -> tuple:
    return OK, max(1e-4, 1e3 * (events[int(end)] - events[int(start)]))


def begin(stream: Any, mode: Any) -> tuple:
    here.captures[int(stream)] = Recording()
    here.mode = mode
    return (OK,)


def exchange(mode: Any) -> tuple:
    before, here.mode = here.mode, mode
    return OK, before


def end(stream: Any) -> tuple:
    recording = here.captures.get(int(stream))
    here.captures = {s: r for s, r in here.captures.items() if r is not recording}
    if recording is None or recording.broken:
        return (R.CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, None)
    graphs[id(recording)] = recording
    return OK, id(recording)


def instantiate(graph: int, flags: int) -> tuple:
    made = Recording()
    made.work = graphs[graph].work
    graphs[id(made)] = made
    return OK, id(made)


def update(executable: int, graph: int) -> tuple:
    graphs[executable].work = graphs[graph].work
    return OK, SimpleNamespace(result="success")


def destroy(graph: int) -> tuple:
    graphs.pop(graph)
    return (OK,)


REPLACEMENTS: dict[str, Callable] = {
    "cuStreamSynchronize": waits,
    "cuCtxSynchronize": waits,
    "cuEventRecord": event_record,
    "cuStreamWaitEvent": wait_event,
    "cuEventElapsedTime": elapsed,
    "cuStreamBeginCapture": begin,
    "cuStreamEndCapture": end,
    "cuThreadExchangeStreamCaptureMode": exchange,
    "cuGraphInstantiate": instantiate,
    "cuGraphExecUpdate": update,
    "cuGraphLaunch": lambda executable, stream: attempt(graphs[int(executable)].work),
    "cuGraphDestroy": destroy,
    "cuGraphExecDestroy": destroy,
}
