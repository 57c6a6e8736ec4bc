"""What recording costs: an operation, a chain of a million, what is left over, the tutorial's step.

    python bench/autograd_bench.py [--quick]

Everything is measured against NumPy in the same run, a and b in turn, medians of the rounds; a
figure is a ratio or a difference of those, so that a slow or busy machine does not change it much.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

import tritongrad as tg
from tritongrad.cpu.blas import blas


def alternately(
    functions: dict[str, Callable], rounds: int, calls: int, clock: Callable = time.process_time
) -> dict[str, list[float]]:
    """Seconds a call of each function, in rounds that take them in turn.

    The processor's seconds, so that other programs do not count, but for work of several threads.
    """
    times: dict[str, list[float]] = {name: [] for name in functions}
    for function in functions.values():
        function()
    for _ in range(rounds):
        for name, function in functions.items():
            start = clock()
            for _ in range(calls):
                function()
            times[name].append((clock() - start) / calls)
    return times


def spread(values: list[float]) -> str:
    low, _, high = statistics.quantiles(values, n=4)
    return f"{low:.3g} .. {high:.3g}"


def report(what: str, values: list[float], unit: str, limit: float | None = None) -> None:
    middle = statistics.median(values)
    bound = "" if limit is None else f"  (at most {limit:g}: {'ok' if middle <= limit else 'MORE'})"
    print(f"{what:<58} {middle:8.3f} {unit:<3} [{spread(values)}]{bound}")


def operations(rounds: int, calls: int) -> None:
    """Microseconds of Python above the bare ufunc, 8x8 float32."""
    x, y = tg.rand(8, 8, requires_grad=True), tg.rand(8, 8, requires_grad=True)
    a, b = x.detach().numpy(), y.detach().numpy()
    pairs = {
        "mul": (lambda: x * y, lambda: a * b),
        "add": (lambda: x + y, lambda: a + b),
        "mul by a number": (lambda: x * 2.0, lambda: a * np.float32(2)),
        "exp": (lambda: x.exp(), lambda: np.exp(a)),
    }
    for name, (ours, bare) in pairs.items():
        times = alternately({"ours": ours, "bare": bare}, rounds, calls)
        extra = [1e6 * (o - b) for o, b in zip(times["ours"], times["bare"], strict=True)]
        report(f"recorded {name} over the bare NumPy call", extra, "us", 1.0)


def there_and_back(rounds: int, calls: int) -> None:
    x, w = tg.rand(8, 8), tg.rand(8, 8, requires_grad=True)
    a, v = x.numpy(), w.detach().numpy()

    def ours() -> None:
        w.grad = None
        (x * w).exp().sum().backward()

    def by_hand() -> None:
        e = np.exp(a * v)
        e.sum()
        np.multiply(np.ones_like(e) * e, a)

    times = alternately({"ours": ours, "hand": by_hand}, rounds, calls)
    report("forward and backward of (x * w).exp().sum()", [1e6 * t for t in times["ours"]], "us")
    extra = [1e6 * (o - h) for o, h in zip(times["ours"], times["hand"], strict=True)]
    report("  of it above NumPy by hand", extra, "us")


def chain(nodes: int) -> None:
    """Seconds of processor time, so that other work on the machine does not count."""
    start = time.process_time()
    x = tg.ones(1, requires_grad=True)
    y = x
    for _ in range(nodes):
        y = y + 1.0
    built = time.process_time()
    y.backward()
    back = time.process_time()
    del y
    gone = time.process_time()
    assert x.grad.item() == 1.0
    print(
        f"chain of {nodes:,} nodes: made in {built - start:.2f} s, backward {back - built:.2f} s, "
        f"dropped {gone - back:.2f} s; in all {gone - start:.2f} s  (at most 15: "
        f"{'ok' if gone - start <= 15 else 'MORE'})"
    )


def make_step(n: int, d_in: int, hidden: int, d_out: int) -> tuple[Callable, Callable]:
    """The tutorial's step, and the same arithmetic written by hand."""
    tg.manual_seed(0)
    x, t = tg.randn(n, d_in), tg.randn(n, d_out)
    w1 = tg.randn(d_in, hidden, requires_grad=True)
    w2 = tg.randn(hidden, d_out, requires_grad=True)
    xa, ta = x.numpy().copy(), t.numpy().copy()
    a1, a2 = w1.detach().numpy().copy(), w2.detach().numpy().copy()
    rate = 1e-6

    def ours() -> None:
        loss = (x.mm(w1).clamp(min=0).mm(w2) - t).pow(2).sum()
        loss.backward()
        with tg.no_grad():
            w1.sub_(rate * w1.grad)
            w2.sub_(rate * w2.grad)
            w1.grad.zero_()
            w2.grad.zero_()

    g1, g2 = np.zeros_like(a1), np.zeros_like(a2)

    def by_hand() -> None:
        h = xa @ a1
        r = np.maximum(h, 0)
        difference = r @ a2 - ta
        np.square(difference).sum()
        g = difference * 2
        g2.__iadd__(r.T @ g)
        g1.__iadd__(xa.T @ np.where(h >= 0, g @ a2.T, 0))
        a1.__isub__(np.float32(rate) * g1)
        a2.__isub__(np.float32(rate) * g2)
        g1.fill(0)
        g2.fill(0)

    return ours, by_hand


def tutorial(rounds: int) -> None:
    ours, by_hand = make_step(64, 1000, 100, 10)
    times = alternately({"ours": ours, "hand": by_hand}, rounds, 5, time.perf_counter)
    ratio = [o / h for o, h in zip(times["ours"], times["hand"], strict=True)]
    report("the tutorial's step (ours)", [1e3 * t for t in times["ours"]], "ms")
    report("the tutorial's step over NumPy by hand", ratio, "x", 1.25)
    before = blas.get() if blas.get else 1
    blas.set_num_threads(1)  # NumPy is quicker so here; few who write it by hand know
    times = alternately({"ours": ours, "hand": by_hand}, rounds, 5, time.perf_counter)
    blas.set_num_threads(before)
    ratio = [o / h for o, h in zip(times["ours"], times["hand"], strict=True)]
    report("  ... where NumPy too is told to use one thread of BLAS", ratio, "x", 1.25)


def left_over() -> None:
    ours, _ = make_step(8, 6, 5, 2)
    ours()
    gc.collect()
    gc.disable()
    for _ in range(50):
        ours()
    left = gc.collect()
    gc.enable()
    print(
        f"objects left to the collector after 50 steps: {left}  (0: {'ok' if not left else 'MORE'})"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds, a shorter chain")
    quick = parser.parse_args().quick
    print(f"NumPy {np.__version__}, Python {sys.version.split()[0]}, medians [quartiles]")
    operations(9 if quick else 25, 5_000)
    there_and_back(9 if quick else 25, 500)
    left_over()
    tutorial(21 if quick else 61)
    chain(100_000 if quick else 1_000_000)


if __name__ == "__main__":
    main()
