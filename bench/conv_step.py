"""A convolutional network's training step, and its layers alone, beside PyTorch on the CPU.

python bench/conv_step.py [--rounds 15] [--json FILE] [row ...]

Both run in one process, one after the other in each round, with as many threads each. Without
PyTorch the times of tritongrad are printed alone. With --threads 1 processor time is measured:
other programs disturb it less.
"""

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import tritongrad as tg
from bench.worker import rest
from tritongrad.progress import track

SECONDS = 0.05  # a timing repeats its work until it takes so long


def numbers(lib: Any, *shape: int, grad: bool = False) -> Any:
    """A tensor of normal numbers, the same for both."""
    made = lib.tensor(np.random.default_rng(len(shape)).normal(size=shape).astype(np.float32))
    return made.requires_grad_() if grad else made


def digits(nn: Any) -> Any:
    """The network of examples/digits_conv.py, for images of 8 x 8."""

    def block(inputs: int, filters: int) -> list:
        conv = nn.Conv2d(inputs, filters, 3, padding=1, bias=False)
        return [conv, nn.BatchNorm2d(filters), nn.ReLU()]

    return nn.Sequential(
        *block(1, 32), *block(32, 32), nn.MaxPool2d(2), *block(32, 64), nn.MaxPool2d(2),
        nn.Flatten(), nn.Dropout(0.3), nn.Linear(256, 10),
    )  # fmt: skip


def mnist(nn: Any) -> Any:
    """PyTorch's first convolutional example, for images of 28 x 28."""
    return nn.Sequential(
        nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Dropout(0.25), nn.Flatten(), nn.Linear(9216, 128), nn.ReLU(), nn.Dropout(0.5),
        nn.Linear(128, 10),
    )  # fmt: skip


def step(lib: Any, make: Callable, batch: int, side: int) -> Callable:
    """Forward, backward and Adam on one batch."""
    net, loss = make(lib.nn), lib.nn.CrossEntropyLoss()
    optimizer = lib.optim.Adam(net.parameters(), lr=1e-3)
    x, y = numbers(lib, batch, 1, side, side), lib.arange(batch) % 10

    def run() -> None:
        optimizer.zero_grad()
        loss(net(x), y).backward()
        optimizer.step()

    return run


def both_ways(lib: Any, function: Callable, *shapes: tuple) -> Callable:
    """A function of tensors of these shapes, and its gradients."""
    leaves = [numbers(lib, *shape, grad=True) for shape in shapes]
    start = lib.ones_like(function(*leaves).detach())

    def run() -> None:
        for leaf in leaves:
            leaf.grad = None
        function(*leaves).backward(start)

    return run


def conv(lib: Any, *shapes: tuple) -> Callable:
    def function(x: Any, w: Any, b: Any) -> Any:
        return lib.nn.functional.conv2d(x, w, b, padding=1)

    return both_ways(lib, function, *shapes, shapes[1][:1])


def layer_norm(lib: Any) -> Callable:
    def function(x: Any, w: Any, b: Any) -> Any:
        return lib.nn.functional.layer_norm(x, (1024,), w, b)

    return both_ways(lib, function, (256, 1024), (1024,), (1024,))


def cross_entropy(lib: Any) -> Callable:
    target = lib.arange(256) * 37 % 1000
    return both_ways(lib, lambda x: lib.nn.functional.cross_entropy(x, target), (256, 1000))


def batch_norm(lib: Any) -> Callable:
    def function(x: Any, w: Any, b: Any) -> Any:
        return lib.nn.functional.batch_norm(x, None, None, w, b, True)

    return both_ways(lib, function, (64, 32, 28, 28), (32,), (32,))


def max_pool(lib: Any) -> Callable:
    return both_ways(lib, lambda x: lib.nn.functional.max_pool2d(x, 2), (64, 32, 28, 28))


def recurrent(lib: Any, kind: str) -> Callable:
    """32 steps of 128 hidden numbers for 32 sequences of 64 features, and the gradients."""
    net = getattr(lib.nn, kind)(64, 128)
    x = numbers(lib, 32, 32, 64)

    def run() -> None:
        net.zero_grad()
        net(x)[0].sum().backward()

    return run


def optimizer(lib: Any, kind: str, **settings: Any) -> Callable:
    """One step over a million numbers in 10 parameters."""
    params = [numbers(lib, 100_000, grad=True) for _ in range(10)]
    for p in params:
        p.grad = lib.ones_like(p)
    return getattr(lib.optim, kind)(params, **settings).step


ROWS: dict[str, Callable] = {
    "step digits 64x1x8x8": lambda lib: step(lib, digits, 64, 8),
    "step mnist 64x1x28x28": lambda lib: step(lib, mnist, 64, 28),
    "conv2d 32x64x56x56, 64 of 3x3": lambda lib: conv(lib, (32, 64, 56, 56), (64, 64, 3, 3)),
    "conv2d 16x32x32x32, 64 of 3x3": lambda lib: conv(lib, (16, 32, 32, 32), (64, 32, 3, 3)),
    "layer_norm 256x1024": layer_norm,
    "cross_entropy 256x1000": cross_entropy,
    "batch_norm 64x32x28x28": batch_norm,
    "max_pool2d 64x32x28x28": max_pool,
    "LSTM 32x32x64, 128 hidden": lambda lib: recurrent(lib, "LSTM"),
    "GRU 32x32x64, 128 hidden": lambda lib: recurrent(lib, "GRU"),
    "RNN 32x32x64, 128 hidden": lambda lib: recurrent(lib, "RNN"),
    "SGD 1M": lambda lib: optimizer(lib, "SGD", lr=1e-3),
    "SGD momentum 1M": lambda lib: optimizer(lib, "SGD", lr=1e-3, momentum=0.9),
    "Adam 1M": lambda lib: optimizer(lib, "Adam"),
    "AdamW 1M": lambda lib: optimizer(lib, "AdamW"),
}


def seconds(run: Callable, times: int) -> float:
    """The time of one run, as the mean of several: the processor's, if there is one thread."""
    clock = time.process_time if tg.get_num_threads() == 1 else time.perf_counter
    start = clock()
    for _ in range(times):
        run()
    return (clock() - start) / times


def measure(libs: dict[str, Any], make: Callable, rounds: int, title: str) -> dict[str, list]:
    """The times of each library, of which every round has one."""
    runs = {name: make(lib) for name, lib in libs.items()}
    times = {}
    for name, run in runs.items():
        run()  # memory and plans
        times[name] = max(1, int(SECONDS / max(seconds(run, 1), 1e-6)))
    found: dict[str, list] = {name: [] for name in runs}
    for _ in track(range(rounds), title):
        for name, run in runs.items():
            found[name].append(seconds(run, times[name]))
            rest()
    return found


def peer(threads: int) -> Any:
    """PyTorch with this many threads, or None."""
    try:
        torch = import_module("torch")
    except ImportError:
        print("PyTorch is not installed here: tritongrad's times only\n")
        return None
    torch.set_num_threads(threads)
    print(f"PyTorch {torch.__version__}, {threads} threads each\n")
    return torch


def main(words: list[str] | None = None) -> dict[str, dict]:
    """Measure the rows that are named, or all; the medians in seconds and the ratios."""
    parser = argparse.ArgumentParser(description="Layers and training steps beside PyTorch.")
    parser.add_argument("rows", nargs="*", help="rows to measure: parts of their names")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--json", metavar="FILE", help="write the figures there")
    args = parser.parse_args(words)
    tg.set_num_threads(args.threads)
    torch = peer(args.threads)
    libs = {"tritongrad": tg} if torch is None else {"tritongrad": tg, "torch": torch}
    print(f"{'work':32}  {'ms':>9}  {'PyTorch ms':>10}  ratio   spread")
    figures = {}
    for name, make in ROWS.items():
        if args.rows and not any(word in name for word in args.rows):
            continue
        found = measure(libs, make, args.rounds, name)
        row = {lib: statistics.median(times) for lib, times in found.items()}
        line = f"{name:32}  {row['tritongrad'] * 1e3:9.3f}"
        if torch is not None:
            ratios = sorted(a / b for a, b in zip(*found.values(), strict=True))
            row["ratio"] = statistics.median(ratios)
            line += f"  {row['torch'] * 1e3:10.3f}  {row['ratio']:5.2f}"
            line += f"  {ratios[len(ratios) // 4]:.2f} to {ratios[-1 - len(ratios) // 4]:.2f}"
        print(line, flush=True)
        figures[name] = row
    if args.json:
        Path(args.json).write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return figures


if __name__ == "__main__":
    main()
