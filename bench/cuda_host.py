"""Host time of elementwise operations on a GPU: allocate, launch, record; beside Triton's own.

    python bench/cuda_host.py [--json] [--driver]

Runs against the tests' stand-in for libcuda, which returns at once, so that what is timed is our
Python and the binding's; --driver takes the driver of this machine.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import shutil
import subprocess
import sys
import tempfile
import timeit
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
SHAPE = (64, 64)
ROUNDS, CALLS = 25, 1000
GOAL = 3.0  # us for one recorded operation

OPERATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "add": lambda x, y: x + y,
    "mul": lambda x, y: x * y,
    "mul by a number": lambda x, y: x * 2.5,
    "exp": lambda x, y: x.exp(),
    "clamp": lambda x, y: x.clamp(-1, 1),
}


def on_stand_in() -> bool:
    """Whether libcuda is the stand-in, which executes nothing."""
    try:
        return hasattr(ctypes.CDLL("libcuda.so.1"), "fake_launches")
    except OSError:
        return False


def stand_in(folder: str) -> dict[str, str]:
    """The environment in which libcuda is the stand-in, compiled into folder."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        raise SystemExit("cuda_host: the stand-in for libcuda needs a C compiler (cc, gcc, clang)")
    library, source = Path(folder, "libcuda.so.1"), ROOT / "tests" / "fake_libcuda.c"
    options = ["-shared", "-fPIC", "-O1", "-w", "-o", str(library), str(source), "-ldl"]
    subprocess.run([compiler, *options], check=True)
    Path(folder, "libcuda.so").symlink_to(library.name)
    caches = {"TRITON_CACHE_DIR": f"{folder}/triton", "TRITONGRAD_CACHE_DIR": f"{folder}/cubins"}
    return os.environ | caches | {"LD_LIBRARY_PATH": folder, "TRITON_LIBCUDA_PATH": folder}


def times(calls: dict[str, Callable]) -> dict[str, float]:
    """The least us of each call; all in turn, so that a busy machine is busy for all of them."""
    least = dict.fromkeys(calls, float("inf"))
    for call in calls.values():
        timeit.timeit(call, number=200)
    for _ in range(ROUNDS):
        for name, call in calls.items():
            least[name] = min(least[name], timeit.timeit(call, number=CALLS) / CALLS * 1e6)
    return least


class Plain:
    """What the baseline makes: an object of three slots"""

    __slots__ = ("a", "b", "c")

    def __init__(self, a: int, b: int, c: int) -> None:
        self.a, self.b, self.c = a, b, c


def plain() -> None:
    """Ten calls of Python that make an object each: what other times are compared with."""
    for i in range(10):
        Plain(i, i, i)


def launch_alone(x: Any) -> Callable:
    """The packing of three addresses and the driver's call, as a plan makes them."""
    import struct

    import cuda.bindings.driver as cu

    from tritongrad.cuda.elementwise import launches_of
    from tritongrad.cuda.launch import bind
    from tritongrad.cuda.plans import Ready

    ((kernel, grid, args, options),) = launches_of("add", (x, x))[1]
    ready = Ready(bind(kernel, **options).prepare(x.device, args), args, grid[0])
    data, config, params, keep = ready.new_buffer(ready.join()[0])
    pack, function, call = struct.Struct("=QQQ").pack_into, ready.function, cu.cuLaunchKernelEx

    def launch() -> None:
        pack(data, 0, x.ptr, x.ptr, x.ptr)
        if call(config, function, params, 0)[0]:
            raise RuntimeError("cuLaunchKernelEx failed")

    launch.keep = keep
    return launch


def tritons_own(x: Any) -> Callable:
    """kernel[grid](...) with Triton's own driver and launcher, on memory that is there already."""
    import triton
    from triton.backends.nvidia.driver import CudaDriver, CudaLauncher, CudaUtils

    from bench.vector_add import vector_add
    from tritongrad.cuda.seam import here

    class Stock(CudaDriver):
        """Told the device and stream, which it would ask PyTorch for"""

        def __init__(self) -> None:
            self.utils, self.launcher_cls = CudaUtils(), CudaLauncher
            self.get_current_device = lambda: 0
            self.get_current_stream = lambda device: here.lane.handle
            self.get_device_capability = lambda device: x.device.capability

    triton.runtime.driver.set_active(Stock())
    grid, n, options = (x.size // 1024,), x.size, {"BLOCK": 1024, "enable_fp_fusion": False}
    return lambda: vector_add[grid](x, x, x, n, **options)


def measure() -> dict[str, Any]:
    """us of every operation, recorded and not, and of what they consist of."""
    import tritongrad as tg
    from bench.gpu.training import training_step

    x, y = (tg.randn(SHAPE, device="cuda") for _ in range(2))
    v, w = (tg.randn(SHAPE, device="cuda", requires_grad=True) for _ in range(2))
    array = x._array
    device, nbytes = array.device, array.nbytes
    calls: dict[str, Callable] = {
        "plain": plain,
        "allocate": lambda: device.allocate(nbytes),
        "launch": launch_alone(array),
        "Triton": tritons_own(array),
    }
    for name, f in OPERATIONS.items():
        calls[name] = lambda f=f: f(x, y)
        calls[f"{name}, recorded"] = lambda f=f: f(v, w)
    found = times(calls)
    step = min(timeit.repeat(training_step(tg, (8, 16, 8, 4))[0], number=50, repeat=8)) / 50 * 1e6
    rows = {n: {"recorded": found[f"{n}, recorded"], "not": found[n]} for n in OPERATIONS}
    return {
        **{k: found[k] for k in ("plain", "allocate", "launch", "Triton")},
        "rows": rows,
        "step": step,
    }


def report(found: dict[str, Any]) -> None:
    """The times as a table."""
    where = "the stand-in driver" if on_stand_in() else "this machine's driver"
    print(f"us of host time against {where}, float32 {SHAPE}, the least of {ROUNDS} rounds")
    print(f"{'':18}recorded =   record + launch + allocate, release + the rest; over Triton's")
    launch, allocate = found["launch"], found["allocate"]
    for name, row in found["rows"].items():
        recorded, record = row["recorded"], row["recorded"] - row["not"]
        rest = row["not"] - launch - allocate
        parts = f"{record:6.2f}   {launch:6.2f}   {allocate:16.2f}   {rest:8.2f}"
        verdict = "ok" if recorded <= GOAL else f"MORE than {GOAL:g}"
        ratio = recorded / found["Triton"]
        print(f"{name:18}{recorded:8.2f}   {parts}   {ratio:13.2f}   {verdict}")
    print(f"{'Triton':18}{found['Triton']:8.2f}   kernel[grid](...) alone: no memory, no graph")
    print(f"{'tutorial, a step':18}{found['step']:8.2f}   forward, backward and both updates")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print the times as JSON")
    parser.add_argument("--driver", action="store_true", help="take this machine's driver")
    chosen = parser.parse_args()
    if chosen.driver or on_stand_in():
        found = measure()
        print(json.dumps(found)) if chosen.json else report(found)
        return
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([sys.executable, *sys.argv], env=stand_in(folder), check=False)
    raise SystemExit(done.returncode)


if __name__ == "__main__":
    main()
