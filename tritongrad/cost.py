"""How long five typical operations take on a device: one table, in about a second."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import tritongrad as tg

ROUNDS, ROUND_SECONDS = 7, 0.02
N, SIDE, SMALL = 4_000_000, 512, 8  # N beyond most caches


class Row(NamedTuple):
    """One measurement: what was run, how long a call takes, what that means."""

    what: str
    seconds: float
    rate: str


def measure(device: str) -> list[Row]:
    """Time each operation on random float32 numbers."""
    tg.manual_seed(0)
    a, b = tg.randn(N, device=device), tg.randn(N, device=device)
    m, n = tg.randn(SIDE, SIDE, device=device), tg.randn(SIDE, SIDE, device=device)
    s = tg.randn(SMALL, SMALL, device=device, requires_grad=True)
    wait = tg.cuda.synchronize if device.startswith("cuda") else nothing
    many = f"{N:,} float32"
    timed: list[tuple[str, Callable, Callable]] = [
        (f"add   {many} + the same", lambda: a + b, bandwidth(3)),
        (f"exp   {many}", lambda: a.exp(), bandwidth(2)),
        (f"sum   {many}", lambda: a.sum(), bandwidth(1)),
        (f"mm    {SIDE} x {SIDE} by {SIDE} x {SIDE}", lambda: m.mm(n), products),
        (f"mul   {SMALL} x {SMALL}, recorded", lambda: s * s, lambda _: "per call, mostly Python"),
    ]
    rows = []
    for what, call, rate in timed:
        taken = seconds_of(call, wait)
        rows.append(Row(what, taken, rate(taken)))
    return rows


def seconds_of(call: Callable[[], Any], wait: Callable[[], Any]) -> float:
    """The median time of one call, over rounds long enough for the clock."""
    call()
    wait()
    start = time.perf_counter()
    call()
    wait()
    once = time.perf_counter() - start
    calls = max(1, min(2000, int(ROUND_SECONDS / max(once, 1e-7))))
    rounds = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        for _ in range(calls):
            call()
        wait()
        rounds.append((time.perf_counter() - start) / calls)
    return statistics.median(rounds)


def nothing() -> None:
    """What there is to wait for on a device that computes at once."""


def bandwidth(passes: int) -> Callable[[float], str]:
    """Memory read and written in a second, for a call that passes N floats so many times."""
    return lambda seconds: f"{4 * N * passes / seconds / 1e9:,.1f} GB/s"


def products(seconds: float) -> str:
    """Floating point operations in a second of the matrix product."""
    return f"{2 * SIDE**3 / seconds / 1e9:,.0f} GFLOP/s"


def readable(seconds: float) -> str:
    """A duration with a unit that fits."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"
