"""`profile()`: what each operation costs, as a table and as a trace that Chrome shows."""

from __future__ import annotations

import functools
import gzip
import json
import os
import threading
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


class profile:
    """Record every operation inside: `with profile() as p: ...`, then `p.key_averages().table()`.

    `activities`: PyTorch's argument; host and device times are always both recorded.
    `record_shapes`: keep the shapes of the inputs. `nvtx`: show each operation as a range in
    NVIDIA's tools. While no `profile` is running, operations do not know that there could be one.
    """

    def __init__(
        self,
        activities: Iterable[ProfilerActivity] | None = None,
        *,
        record_shapes: bool = False,
        nvtx: bool = False,
    ) -> None:
        odd = [a for a in activities or () if not isinstance(a, ProfilerActivity)]
        if odd:
            raise TypeError(f"profile: activities must be ProfilerActivity, got {odd[0]!r}")
        self._recorder = Recorder(record_shapes, nvtx)
        self._hooks = Hooks()

    def start(self) -> None:
        """Record from here on."""
        if active:
            raise RuntimeError("profile: another profile is running: only one can at a time")
        self._recorder.begin()
        active.append(self._recorder)
        self._hooks.set()

    def stop(self) -> None:
        """Record no more; waits until the GPU has done what was recorded."""
        if not active or active[0] is not self._recorder:
            raise RuntimeError("profile: stop() before start()")
        self._hooks.take_back()
        active.clear()
        self._recorder.finish()

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
