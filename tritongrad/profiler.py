"""`profile()`: what each operation costs, as a table and as a trace that Chrome shows."""

from __future__ import annotations

import functools
import gzip
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterable
from enum import Enum
from typing import Any

from .profiler_hooks import Hooks
from .profiler_record import SCOPE, Recorder, active
from .profiler_table import EventList, averages


class ProfilerActivity(Enum):
    """What `profile(activities=...)` may be asked for; each is recorded wherever it happens."""

    CPU = 0
    CUDA = 1


class ProfilerAction(Enum):
    """What a schedule may say of a step; RECORD_AND_SAVE is the last of those recorded together."""

    NONE = 0
    WARMUP = 1
    RECORD = 2
    RECORD_AND_SAVE = 3


RECORDED = (ProfilerAction.RECORD, ProfilerAction.RECORD_AND_SAVE)


def schedule(
    *, wait: int, warmup: int, active: int, repeat: int = 0, skip_first: int = 0
) -> Callable[[int], ProfilerAction]:
    """Which steps to record: `active` ones after `wait` and `warmup`, again and again.

    `repeat`: so many times, 0 for always. `skip_first`: steps before all that.
    """
    if min(wait, warmup, repeat, skip_first) < 0 or active <= 0:
        raise ValueError("schedule: counts must not be negative, and active must be above 0")
    cycle = wait + warmup + active

    def action(step: int) -> ProfilerAction:
        count, at = divmod(step - skip_first, cycle)
        if count < 0 or 0 < repeat <= count or at < wait:
            return ProfilerAction.NONE
        if at < wait + warmup:
            return ProfilerAction.WARMUP
        return ProfilerAction.RECORD if at < cycle - 1 else ProfilerAction.RECORD_AND_SAVE

    return action


def tensorboard_trace_handler(dir_name: Any, worker_name: str | None = None) -> Callable:
    """For `on_trace_ready`: each trace as a file of a folder, named after the time."""

    def save(done: profile) -> None:
        os.makedirs(dir_name, exist_ok=True)
        who = worker_name or f"{socket.gethostname()}_{os.getpid()}"
        done.export_chrome_trace(os.path.join(dir_name, f"{who}.{time.time_ns()}.pt.trace.json"))

    return save


class profile:
    """Record every operation inside: `with profile() as p: ...`, then `p.key_averages().table()`.

    `activities`: PyTorch's argument; host and device times are always both recorded.
    `schedule`: which steps to record (see `schedule()`); call `p.step()` after each of them.
    `on_trace_ready`: on_trace_ready(p) is called when steps that belong together are recorded.
    `record_shapes`: keep the shapes of the inputs. `nvtx`: show each operation as a range in
    NVIDIA's tools. While no `profile` is running, operations do not know that there could be one.
    """

    def __init__(
        self,
        activities: Iterable[ProfilerActivity] | None = None,
        *,
        schedule: Callable[[int], ProfilerAction] | None = None,
        on_trace_ready: Callable[[profile], Any] | None = None,
        record_shapes: bool = False,
        nvtx: bool = False,
    ) -> None:
        odd = [a for a in activities or () if not isinstance(a, ProfilerActivity)]
        if odd:
            raise TypeError(f"profile: activities must be ProfilerActivity, got {odd[0]!r}")
        self._options = record_shapes, nvtx
        self._recorder = Recorder(*self._options)
        self._hooks = Hooks()
        self._schedule = schedule or (lambda step: ProfilerAction.RECORD)
        self._action: ProfilerAction | None = None  # while it is started
        self.on_trace_ready = on_trace_ready
        self.step_num = 0

    def start(self) -> None:
        """Record from here on, or follow the schedule."""
        if active:
            raise RuntimeError("profile: another profile is running: only one can at a time")
        self._turn(self._schedule(self.step_num))

    def step(self) -> None:
        """A step of the program is done: go on as the schedule says."""
        if self._action is None:
            raise RuntimeError("profile: step() before start()")
        self.step_num += 1
        self._turn(self._schedule(self.step_num))

    def stop(self) -> None:
        """Record no more; waits until the GPU has done what was recorded."""
        if self._action is None:
            raise RuntimeError("profile: stop() before start()")
        self._turn(None)

    def _turn(self, action: ProfilerAction | None) -> None:
        """From what is being done to what is to be done."""
        before, self._action = self._action, action
        recording, wanted = before in RECORDED, action in RECORDED
        if recording and (not wanted or before is ProfilerAction.RECORD_AND_SAVE):
            self._hooks.take_back()
            active.clear()
            self._recorder.finish()
            recording = False
            if self.on_trace_ready is not None:
                self.on_trace_ready(self)
        if wanted and not recording:
            self._recorder = Recorder(*self._options)
            self._recorder.begin()
            active.append(self._recorder)
            self._hooks.set()

    def __enter__(self) -> profile:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def events(self) -> list:
        """Every call that was recorded, in the order in which they began."""
        return self._recorder.events

    def key_averages(self, group_by_input_shape: bool = False) -> EventList:
        """One row for each name: calls, times, bytes; see its `table()`."""
        if group_by_input_shape and not self._recorder.record_shapes:
            raise RuntimeError(
                "key_averages: shapes were not recorded: profile(record_shapes=True)"
            )
        return averages(self.events(), group_by_input_shape)

    def export_chrome_trace(self, path: Any) -> None:
        """Write what happened when, for chrome://tracing or ui.perfetto.dev; .gz is compressed."""
        name = os.fspath(path)
        text = json.dumps({"traceEvents": self._rows(), "displayTimeUnit": "ms"}).encode()
        with open(name, "wb") as file:
            file.write(gzip.compress(text) if name.endswith(".gz") else text)

    def _rows(self) -> list[dict]:
        process = os.getpid()
        rows = [{"ph": "M", "name": "process_name", "pid": process, "args": {"name": "tritongrad"}}]
        for event in self.events():
            common = {"ph": "X", "name": event.name, "pid": process, "cat": event.kind}
            detail: dict[str, Any] = {"bytes": event.bytes}
            if event.shapes is not None:
                detail["Input Dims"] = event.shapes
            start = (event.start - self._recorder.start) / 1e3
            host = {"ts": start, "dur": event.host_time, "tid": event.thread, "args": detail}
            rows.append(common | host)
            if event.device_time is not None and event.kind != SCOPE:
                device = {"ts": event.device_start, "dur": event.device_time, "tid": "device"}
                rows.append(common | device)
        return rows


class record_function:
    """A range with a name of one's own, in the table and the trace: a context and a decorator."""

    def __init__(self, name: str, args: str | None = None) -> None:
        self.name = name
        self._open = threading.local()

    def __enter__(self) -> record_function:
        recorder = active[0] if active else None
        event = None if recorder is None else recorder.open(self.name, SCOPE)
        self._open.__dict__.setdefault("events", []).append((recorder, event))
        return self

    def __exit__(self, *exc: object) -> None:
        recorder, event = self._open.events.pop()
        if event is not None:
            recorder.close(event)

    def __call__(self, function: Callable) -> Callable:
        @functools.wraps(function)
        def inside(*args: Any, **kwargs: Any) -> Any:
            with record_function(self.name):
                return function(*args, **kwargs)

        return inside
