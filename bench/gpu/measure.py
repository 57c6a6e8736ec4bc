"""The benchmarks as tasks: each yields its rows one by one, and refuses to run on a stand-in."""

from __future__ import annotations

import contextlib
import importlib.util
from collections.abc import Callable, Iterator
from typing import Any

from bench.gpu import facts
from bench.gpu.cases import BANDWIDTH
from bench.gpu.timing import (
    against,
    copy_bandwidth,
    device_times,
    floors,
    host_times,
    per_second,
    ratio,
    rounded,
    summary,
)

Rows = Iterator[tuple[str, Any]]
OURS, PEER = "tritongrad", "torch"
REHEARSAL = 1 << 16  # bytes of the operands where nothing is timed


def begin(options: dict[str, Any]) -> dict[str, Any]:
    """tritongrad and, if it is asked for, installed and has the GPU too, PyTorch."""
    facts.rehearsing = bool(options.get("rehearse"))
    facts.require_gpu()
    import tritongrad as tg
    import tritongrad.nn.functional

    found: dict[str, Any] = {OURS: tg}
    if options["torch"] and importlib.util.find_spec(PEER) is not None:
        with contextlib.suppress(Exception):  # a broken installation is as good as none
            torch = importlib.import_module(PEER)
            if torch.cuda.is_available():
                found[PEER] = torch
    return found


def rounds_of(options: dict[str, Any]) -> int:
    return 2 if options.get("rehearse") else 5 if options["quick"] else 11


def said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:500]


def attempted(function: Callable[..., dict[str, Any]], *args: Any) -> dict[str, Any]:
    """The row, or what was raised instead: one failure is one row."""
    try:
        return function(*args)
    except IndexError as error:
        return {"note" if facts.rehearsing else "error": said(error)}  # no value is right there
    except Exception as error:
        return {"error": said(error)}


@contextlib.contextmanager
def unrecorded(libs: dict[str, Any]) -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        for lib in libs.values():
            stack.enter_context(lib.no_grad())
        yield


def give_back(libs: dict[str, Any]) -> None:
    """Make room: what one library keeps, the other cannot have."""
    for lib in libs.values():
        lib.cuda.empty_cache()


def for_each(libs: dict[str, Any], make: Callable[[Any], Any]) -> tuple[dict, dict]:
    """What make gives for each library, and a note where PyTorch cannot do it."""
    made, note = {OURS: make(libs[OURS])}, {}
    if PEER in libs:
        try:
            made[PEER] = make(libs[PEER])
        except Exception as error:
            note = {f"{PEER} error": said(error)}
    return made, note


def compared(calls: dict[str, Callable], libs: dict[str, Any], rounds: int) -> dict[str, Any]:
    """Milliseconds of each library, interleaved, and how many times PyTorch's time ours is."""
    row: dict[str, Any] = {}
    if PEER in calls:
        try:
            calls[PEER]()
            libs[PEER].cuda.synchronize()
        except Exception as error:
            row[f"{PEER} error"] = said(error)
            calls = {OURS: calls[OURS]}
    times = device_times(calls, rounds, libs=libs)
    row |= {f"{name} ms": summary(t, 1e-3) for name, t in times.items()}
    if PEER in times:
        row["of torch"] = ratio(times[OURS], times[PEER])
    return row


# Operations that only move memory.


def bandwidth(options: dict[str, Any]) -> Rows:
    """GB/s of operations that only move memory, beside a copy in the same run."""
    libs = begin(options)
    small = options.get("rehearse")
    yield "copy GB/s", (copy := copy_bandwidth(REHEARSAL if small else 256 << 20))
    sizes = [REHEARSAL] if small else [256 << 20] if options["quick"] else [256 << 20, 1 << 30]
    for nbytes in sizes:
        for case in BANDWIDTH:
            with unrecorded(libs):
                row = attempted(moved, case, libs, nbytes, copy, rounds_of(options))
            yield f"{case.name}, {nbytes >> 20} MB", row | {"least": case.least}
            give_back(libs)
    yield "copy GB/s at the end", copy_bandwidth(REHEARSAL if small else 256 << 20)


def moved(case: Any, libs: dict[str, Any], nbytes: int, copy: float, rounds: int) -> dict[str, Any]:
    made, note = for_each(libs, lambda lib: case.make(lib, nbytes, "cuda"))
    row = note | compared({name: call for name, (call, _) in made.items()}, libs, rounds)
    total, ms = made[OURS][1], row[f"{OURS} ms"]["median"]
    row |= {"bytes": total, "GB/s": per_second(total / 1e6, ms)}
    return row | against(floors(0, total, None, copy), ms)


# What the host spends on an operation.


def host(options: dict[str, Any]) -> Rows:
    """Microseconds of the host for an operation on small tensors: allocate, launch, record."""
    libs = begin(options)
    rounds, calls = rounds_of(options), 3 if options.get("rehearse") else 100
    launch = driver_launch()
    made, note = for_each(libs, small_work)
    if note:
        yield "torch", note
    for name, ours in made[OURS].items():
        pair = {OURS: ours, **({PEER: made[PEER][name]} if PEER in made else {})}
        extra = {"floor": launch} if name not in WITHOUT_LAUNCH else {}
        row = attempted(host_row, pair, extra, rounds, calls)
        yield name, row
    yield "Triton's dispatch", attempted(dispatch_row, made[OURS]["x + x"], rounds, calls)
    yield "memory", attempted(steady_memory, made[OURS]["forward and backward"])


WITHOUT_LAUNCH = ("empty 64 x 64", "empty 1 MB", "empty 64 MB", "x.t()")
ALLOCATIONS = WITHOUT_LAUNCH[:3]


def small_work(lib: Any) -> dict[str, Callable[[], Any]]:
    """The calls of one library."""
    x = lib.randn(64, 64, device="cuda")
    y = lib.randn(64, 64, device="cuda", requires_grad=True)
    g = lib.ones(64, 64, device="cuda")
    return {
        "x + x": lambda: x + x,
        "x * y recorded": lambda: x * y,
        "x @ x": lambda: x @ x,
        "x.sum()": lambda: x.sum(),
        "x.softmax(-1)": lambda: x.softmax(-1),
        "x.clamp(min=0)": lambda: x.clamp(min=0),
        "x.add_(1)": lambda: x.add_(1),
        "forward and backward": lambda: (x * y).exp().backward(g),
        "x.t()": lambda: x.t(),
        "empty 64 x 64": lambda: lib.empty(64, 64, device="cuda"),
        "empty 1 MB": lambda: lib.empty(1 << 18, device="cuda"),
        "empty 64 MB": lambda: lib.empty(1 << 24, device="cuda"),
    }


def host_row(pair: dict, extra: dict, rounds: int, calls: int) -> dict[str, Any]:
    """Times of both libraries; the floor of what launches is the driver's call alone."""
    times = host_times(pair | extra, rounds, calls)
    row: dict[str, Any] = {f"{name} us": summary(t, 1e-6) for name, t in times.items()}
    if PEER in pair:
        row["of torch"] = ratio(times[OURS], times[PEER])
    if extra:
        floor = {"launch_us": row.pop("floor us")["median"]}
        row |= against(floor, row[f"{OURS} us"]["median"])
    return row


def driver_launch() -> Callable[[], Any]:
    """cuLaunchKernel alone, for a kernel of one program."""
    import cuda.bindings.driver as cu
    import numpy as np

    from bench.gpu.probe_kernels import plus_one
    from bench.gpu.probes import blank, up
    from tritongrad.cuda.launch import bind
    from tritongrad.cuda.loaded import _loaded
    from tritongrad.cuda.seam import here

    x, out = up(np.zeros(128, "f4")), blank(128)
    bind(plus_one, BLOCK=128)((1,), out, x, 128)
    entry = next(e for e in _loaded.values() if "plus_one" in e.binary.name)
    config = (1, 1, 1, entry.threads, 1, 1, entry.shared)

    def call(kept: tuple = (x, out)) -> None:
        cu.cuLaunchKernel(entry.function, *config, here.lane.handle, entry.local.state[1], 0)

    return call


def dispatch_row(ours: Callable, rounds: int, calls: int) -> dict[str, Any]:
    """An operation of ours by a launch of a kernel as Triton's users write it."""
    import tritongrad as tg
    from bench.gpu.probe_kernels import plus_one

    t, u = tg.zeros(128, device="cuda"), tg.zeros(128, device="cuda")
    pair = {
        "x + x": ours,
        "kernel[grid]": lambda: plus_one[(1,)](u, t, 128, BLOCK=128),  # type: ignore[index]
    }
    times = host_times(pair, rounds, calls)
    row: dict[str, Any] = {f"{name} us": summary(t, 1e-6) for name, t in times.items()}
    return row | {"of Triton's": ratio(times["x + x"], times["kernel[grid]"])}


def steady_memory(step: Callable) -> dict[str, Any]:
    """Whether a step that has run before asks the driver for memory again."""
    import tritongrad as tg

    for _ in range(3):
        step()
    before = tg.cuda.memory_reserved()
    for _ in range(100):
        step()
    return {"reserved more": tg.cuda.memory_reserved() - before, "after steps": 100}


def speed_up(row: dict[str, Any]) -> float | None:
    """How many times as quick as PyTorch a row is."""
    return rounded(1 / row["of torch"]) if row.get("of torch") else None
