"""The benchmarks as tasks: each yields its rows one by one, and refuses to run on a stand-in."""

from __future__ import annotations

import contextlib
import importlib.util
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from bench.gpu.cases import BANDWIDTH, PRODUCTS
from bench.gpu.facts import rates, require_gpu
from bench.gpu.timing import copy_bandwidth, device_times, floors, host_times, rounded, summary

Rows = Iterator[tuple[str, Any]]
RATE = {"bfloat16": "half", "float16": "half", "float32": "float32", "float64": "float64"}
PRECISION_RATE = {"highest": "float32", "high": "tf32", "medium": "tf32"}
PRODUCTS_OF = {"high": 3}  # tf32 products for each float32 one


def libraries(with_torch: bool) -> dict[str, Any]:
    """tritongrad and, if it is asked for and installed, PyTorch: the same calls serve both."""
    import tritongrad as tg
    import tritongrad.nn.functional

    found: dict[str, Any] = {"tritongrad": tg}
    if with_torch and importlib.util.find_spec("torch") is not None:
        import torch  # type: ignore[import-not-found]

        if torch.cuda.is_available():
            found["torch"] = torch
    return found


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


def compared(calls: dict[str, Callable], libs: dict[str, Any], rounds: int) -> dict[str, Any]:
    """Milliseconds of each library, interleaved, and how many times PyTorch's time ours is."""
    times = device_times(calls, rounds, libs=libs)
    row: dict[str, Any] = {f"{name} ms": summary(t, 1e-3) for name, t in times.items()}
    if "torch" in times:
        pairs = zip(times["tritongrad"], times["torch"], strict=True)
        row["of torch"] = rounded(statistics.median(ours / other for ours, other in pairs))
    return row


def bandwidth(options: dict[str, Any]) -> Rows:
    """GB/s of operations that only move memory, beside a copy in the same run."""
    require_gpu()
    libs, quick = libraries(options["torch"]), options["quick"]
    yield "copy GB/s", (copy := copy_bandwidth())
    sizes = [256] if quick else [256, 1024]
    for megabytes in sizes:
        for case in BANDWIDTH:
            name = f"{case.name}, {megabytes} MB"
            with unrecorded(libs):
                try:
                    yield name, moved(case, libs, megabytes << 20, copy, 5 if quick else 11)
                except Exception as error:
                    yield name, {"error": f"{type(error).__name__}: {error}"[:500]}
            give_back(libs)
    yield "copy GB/s at the end", copy_bandwidth()


def moved(case: Any, libs: dict[str, Any], nbytes: int, copy: float, rounds: int) -> dict[str, Any]:
    made = {name: case.make(lib, nbytes, "cuda") for name, lib in libs.items()}
    row = compared({name: call for name, (call, _) in made.items()}, libs, rounds)
    total = made["tritongrad"][1]
    speed = total / row["tritongrad ms"]["median"] / 1e6
    row |= {"bytes": total, "GB/s": rounded(speed), "of copy": rounded(speed / copy, 3)}
    return row | {"floor": floors(0, total, None, copy)}


def matmul(options: dict[str, Any]) -> Rows:
    """Products of many shapes, dtypes and layouts, beside what the data sheet allows."""
    require_gpu()
    import tritongrad as tg

    libs, known = libraries(options["torch"]), rates(tg.cuda.get_device_name())
    yield "copy GB/s", (copy := copy_bandwidth())
    for product in PRODUCTS:
        with unrecorded(libs):
            try:
                calls = {name: product.make(lib, "cuda") for name, lib in libs.items()}
                row = compared(calls, libs, 5 if options["quick"] else 11)
            except Exception as error:
                yield product.name, {"error": f"{type(error).__name__}: {error}"[:500]}
                continue
        rate = known.get(RATE[product.dtype])
        row["TFLOP/s"] = rounded(product.flops / row["tritongrad ms"]["median"] / 1e9)
        row["floor"] = floors(product.flops, product.nbytes, rate, copy)
        if rate:
            row["of rate"] = rounded(row["TFLOP/s"] / rate, 3)
        yield product.name, row
        del calls
        give_back(libs)


def precision(options: dict[str, Any]) -> Rows:
    """float32 products at each setting: time, and the error on positive data."""
    require_gpu()
    import tritongrad as tg
    from bench.gpu.probes_numbers import U, worst
    from tritongrad.precision import PRECISIONS

    known, copy = rates(tg.cuda.get_device_name()), copy_bandwidth()
    for n in (1024, 4096) if options["quick"] else (1024, 4096, 8192):
        a, b = tg.rand(n, n, device="cuda"), tg.rand(n, n, device="cuda")
        left, right = a[:32].cpu().numpy(), b.cpu().numpy()
        calls, errors = {}, {}
        for setting in PRECISIONS:
            calls[setting] = at_precision(setting, a, b)
            errors[setting] = worst(calls[setting]()[:32].cpu().numpy(), left, right) / U
        times = device_times(calls, 5 if options["quick"] else 11)
        for setting in PRECISIONS:
            row: dict[str, Any] = {"ms": summary(times[setting], 1e-3)}
            flops = 2.0 * n**3
            row["TFLOP/s"] = rounded(flops / row["ms"]["median"] / 1e9)
            row["error in u |A||B|"] = rounded(errors[setting], 3)
            work = flops * PRODUCTS_OF.get(setting, 1)
            row["floor"] = floors(work, 12.0 * n * n, known.get(PRECISION_RATE[setting]), copy)
            yield f"{setting}, n = {n}", row


def at_precision(setting: str, a: Any, b: Any) -> Callable[[], Any]:
    import tritongrad as tg

    def call() -> Any:
        tg.set_float32_matmul_precision(setting)
        try:
            return a @ b
        finally:
            tg.set_float32_matmul_precision("highest")

    return call


def host(options: dict[str, Any]) -> Rows:
    """Microseconds of the host for an operation on small tensors: allocate, launch, record."""
    require_gpu()
    libs = libraries(options["torch"])
    work: dict[str, Callable] = {}
    for name, lib in libs.items():
        x = lib.randn(64, 64, device="cuda")
        y = lib.randn(64, 64, device="cuda", requires_grad=True)
        g = lib.ones(64, 64, device="cuda")
        work |= {
            f"x + x, {name}": lambda x=x: x + x,
            f"x * y recorded, {name}": lambda x=x, y=y: x * y,
            f"x @ x, {name}": lambda x=x: x @ x,
            f"x.sum(), {name}": lambda x=x: x.sum(),
            f"x.softmax(-1), {name}": lambda x=x: x.softmax(-1),
            f"x.t(), {name}": lambda x=x: x.t(),
            f"empty, {name}": lambda lib=lib: lib.empty(64, 64, device="cuda"),
            f"x.add_(1), {name}": lambda x=x: x.add_(1),
            f"forward and backward, {name}": lambda x=x, y=y, g=g: (x * y).exp().backward(g),
        }
    times = host_times(work, 7 if options["quick"] else 15, 100)
    for name, seconds in times.items():
        yield name, {"us": summary(seconds, 1e-6)}


def tutorial(options: dict[str, Any]) -> Rows:
    """The tutorial's training step, eager and as a graph: time of a step from end to end."""
    require_gpu()
    import tritongrad as tg
    from bench.gpu.probes_graphs import training_step

    steps = {"eager": training_step()[0], "graphed": tg.cuda.graphed(training_step()[0])}
    libs: dict[str, Any] = {}
    if "torch" in (found := libraries(options["torch"])):
        steps["torch eager"], libs = torch_step(found["torch"]), {"torch eager": found["torch"]}
    for function in steps.values():
        for _ in range(5):
            function()
    wall: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(5 if options["quick"] else 15):
        for name, function in steps.items():
            lib = libs.get(name, tg)
            lib.cuda.synchronize()
            start = time.perf_counter()
            for _ in range(50):
                function()
            lib.cuda.synchronize()
            wall[name].append((time.perf_counter() - start) / 50)
    for name, seconds in wall.items():
        yield name, {"us a step": summary(seconds, 1e-6)}
    pairs = zip(wall["eager"], wall["graphed"], strict=True)
    yield "graphed over eager", rounded(float(np.median([g / e for e, g in pairs])))


def torch_step(torch: Any) -> Callable[[], Any]:
    x, y = torch.randn(64, 1000, device="cuda"), torch.randn(64, 10, device="cuda")
    w1 = torch.randn(1000, 100, device="cuda", requires_grad=True)
    w2 = torch.randn(100, 10, device="cuda", requires_grad=True)

    def step() -> Any:
        loss = (x.mm(w1).clamp(min=0).mm(w2) - y).pow(2).sum()
        loss.backward()
        with torch.no_grad():
            for w in (w1, w2):
                w.sub_(1e-6 * w.grad)
                w.grad.zero_()
        return loss.detach()

    return step
