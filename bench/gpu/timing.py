"""Times of device work and of host work: in turn, with median and quartiles."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

from bench.gpu.facts import require_gpu


def summary(values: list[float], unit: float = 1.0) -> dict[str, float]:
    """Median, quartiles and count of some seconds, in the unit."""
    scaled = sorted(value / unit for value in values)
    low, _, high = statistics.quantiles(scaled, n=4) if len(scaled) > 1 else scaled * 3
    return {
        "median": rounded(statistics.median(scaled)),
        "low": rounded(low),
        "high": rounded(high),
        "n": len(scaled),
    }


def rounded(value: float, digits: int = 5) -> float:
    return float(f"{value:.{digits}g}")


def device_times(
    functions: dict[str, Callable[[], Any]], rounds: int = 15, calls: int = 3, libs: Any = None
) -> dict[str, list[float]]:
    """Seconds of the device per call, by events; the functions take turns in every round.

    Some work is queued before the first event, so that the host is ahead and not on the clock.
    `libs` names the functions that are not tritongrad's, whose streams our events do not see.
    """
    require_gpu()
    import tritongrad as tg

    for name, function in functions.items():
        function()
        (libs or {}).get(name, tg).cuda.synchronize()
    times: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(rounds):
        for name, function in functions.items():
            event = (libs or {}).get(name, tg).cuda.Event
            start, end = event(enable_timing=True), event(enable_timing=True)
            function()
            start.record()
            for _ in range(calls):
                function()
            end.record()
            end.synchronize()
            times[name].append(start.elapsed_time(end) / 1e3 / calls)
    return times


def host_times(
    functions: dict[str, Callable[[], Any]], rounds: int = 15, calls: int = 200
) -> dict[str, list[float]]:
    """Seconds of the host per call; the device is idle before each batch, so no queue is full."""
    require_gpu()
    import tritongrad as tg

    for function in functions.values():
        function()
    times: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(rounds):
        for name, function in functions.items():
            tg.cuda.synchronize()
            start = time.perf_counter()
            for _ in range(calls):
                function()
            times[name].append((time.perf_counter() - start) / calls)
    tg.cuda.synchronize()
    return times


def floors(flops: float, nbytes: float, tflops: float | None, copy_gbs: float) -> dict[str, float]:
    """The least milliseconds that arithmetic and memory allow."""
    found = {"bytes_ms": rounded(nbytes / copy_gbs / 1e6)} if copy_gbs else {}
    if flops and tflops:
        found["flops_ms"] = rounded(flops / tflops / 1e9)
    return found


def against(floor: dict[str, float], ms: float) -> dict[str, Any]:
    """A floor, the share of it that was reached, and which of its parts is the limit."""
    if not floor or ms <= 0:
        return {"floor": floor}
    limit, least = max(floor.items(), key=lambda item: item[1])
    return {"floor": floor, "of floor": rounded(least / ms, 3), "limit": limit.rpartition("_")[0]}


def ratio(ours: list[float], theirs: list[float]) -> float | None:
    """The median over the rounds of our time by theirs; None where nothing was timed."""
    pairs = [a / b for a, b in zip(ours, theirs, strict=True) if b > 0]
    return rounded(statistics.median(pairs)) if pairs else None


def per_second(amount: float, seconds: float) -> float | None:
    return rounded(amount / seconds) if seconds > 0 else None


def copy_bandwidth(nbytes: int = 256 << 20, rounds: int = 9) -> float:
    """GB/s of a copy on the device, bytes read and written both counted."""
    from tritongrad.cuda.gpu import gpu

    device = gpu(0)
    source, target = device.allocate(nbytes), device.allocate(nbytes)
    device.memset(source.ptr, 1, nbytes)
    copy = {"copy": lambda: device.copy(target.ptr, source.ptr, nbytes)}
    seconds = statistics.median(device_times(copy, rounds)["copy"])
    return per_second(2 * nbytes / 1e9, seconds) or 0.0
