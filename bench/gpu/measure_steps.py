"""Times of whole steps: the tutorial's, eager and as a CUDA graph, and the first of a process."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

from bench.gpu.facts import rates
from bench.gpu.measure import OURS, PEER, REHEARSAL, Rows, begin, rounds_of, said
from bench.gpu.timing import against, copy_bandwidth, floors, ratio, summary
from bench.gpu.training import training_step

FLOPS, BYTES = 26.2e6, 1.75e6  # of the tutorial's step: five products, every array once
LIMIT = 240  # seconds that one process may take to its first step


def tutorial(options: dict[str, Any]) -> Rows:
    """The tutorial's training step, eager and as a graph: time of a step from end to end."""
    libs = begin(options)
    import tritongrad as tg

    steps = {"eager": training_step(tg)[0], "graphed": tg.cuda.graphed(training_step(tg)[0])}
    if PEER in libs:
        for name, make in (("torch eager", torch_eager), ("torch graphed", torch_graph)):
            try:
                steps[name] = make(libs[PEER])
            except Exception as error:
                yield name, {"error": said(error)}
    count = 3 if options.get("rehearse") else 50
    wall = wall_times(steps, libs, rounds_of(options), count)
    rate = rates(tg.cuda.get_device_name()).get("float32")
    copy = copy_bandwidth(REHEARSAL if options.get("rehearse") else 256 << 20)
    for name, seconds in wall.items():
        row: dict[str, Any] = {"us": summary(seconds, 1e-6)}
        if (other := f"torch {name}") in wall:
            row["of torch"] = ratio(seconds, wall[other])
        yield name, row | against(floors(FLOPS, BYTES, rate, copy), row["us"]["median"] / 1e3)
    yield "graphed over eager", ratio(wall["graphed"], wall["eager"])


def wall_times(
    steps: dict[str, Callable], libs: dict[str, Any], rounds: int, count: int
) -> dict[str, list[float]]:
    """Seconds of a step from end to end, in turns of so many steps."""
    wall: dict[str, list[float]] = {name: [] for name in steps}
    for turn in range(rounds + 1):
        for name, function in steps.items():
            lib = libs[PEER if name.startswith(PEER) else OURS]
            lib.cuda.synchronize()
            start = time.perf_counter()
            for _ in range(count):
                function()
            lib.cuda.synchronize()
            if turn:  # the first compiles, records and fills pools
                wall[name].append((time.perf_counter() - start) / count)
    return wall


def torch_eager(torch: Any) -> Callable[[], Any]:
    """PyTorch's step as it is."""
    return training_step(torch)[0]


def torch_graph(torch: Any) -> Callable[[], Any]:
    """PyTorch's step captured by hand, as its manual says."""
    step = torch_eager(torch)
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return graph.replay


# From the start of a process to its first step.

BARE = """
import ctypes, time
cu, device, context = ctypes.CDLL("libcuda.so.1"), ctypes.c_int(), ctypes.c_void_p()
cu.cuInit(0)
cu.cuDeviceGet(ctypes.byref(device), 0)
cu.cuDevicePrimaryCtxRetain(ctypes.byref(context), device)
print(time.time())
"""
STEP = """
def step():
    loss = (x.mm(w1).clamp(min=0).mm(w2) - y).pow(2).sum()
    loss.backward()
    return loss.detach()

x, y = lib.randn(64, 1000, device="cuda"), lib.randn(64, 10, device="cuda")
w1 = lib.randn(1000, 100, device="cuda", requires_grad=True)
w2 = lib.randn(100, 10, device="cuda", requires_grad=True)
COMPILE
step().item()
with lib.no_grad():
    w1.sub_(1e-6 * w1.grad), w2.sub_(1e-6 * w2.grad)
w2[0, 0].item()
import time
print(time.time())
"""
FIRST = "import tritongrad as lib\n(lib.ones(4, device='cuda') + 1).sum().item()\n"
PROGRAMS = {
    "CUDA's own start": BARE,
    "first result": FIRST + "import time\nprint(time.time())\n",
    "first step": "import tritongrad as lib\n" + STEP.replace("COMPILE", ""),
    "first step, cold": "import tritongrad as lib\n" + STEP.replace("COMPILE", ""),
}
PEERS = {
    "torch first step": "import torch as lib\n" + STEP.replace("COMPILE", ""),
    "torch.compile, cold": "import torch as lib\n"
    + STEP.replace("COMPILE", "step = lib.compile(step)"),
}
BESIDE = {"first step": "torch first step", "first step, cold": "torch.compile, cold"}
CACHES = ("TRITONGRAD_CACHE_DIR", "TRITON_CACHE_DIR", "TORCHINDUCTOR_CACHE_DIR")


def start(options: dict[str, Any]) -> Rows:
    """Seconds from the start of a process to its first result, with warm and with cold caches."""
    programs = PROGRAMS | (PEERS if PEER in begin(options) else {})
    turns = 1 if options.get("rehearse") else 2 if options["quick"] else 4
    times: dict[str, list[float]] = {}
    for name, code in programs.items():
        cold = name.endswith("cold")
        try:
            count = max(1, turns // 2) if cold else turns + 1  # a cold one takes ten times as long
            found = [process_seconds(code, cold) for _ in range(count)]
        except Exception as error:
            yield name, {"error": said(error)}
            continue
        times[name] = found if cold else found[1:]  # the first one fills the caches
        row: dict[str, Any] = {"s": summary(times[name])}
        floor = statistics.median(times.get("CUDA's own start", [0.0]))
        if name != "CUDA's own start" and floor:
            row["beyond CUDA's start"] = summary([t - floor for t in times[name]])
            row |= against({"start_s": floor}, row["s"]["median"])
        yield name, row
    for ours, theirs in BESIDE.items():
        if ours in times and theirs in times:
            share = statistics.median(times[ours]) / statistics.median(times[theirs])
            yield f"{ours}, of {theirs}", round(share, 3)


def process_seconds(code: str, cold: bool) -> float:
    """From the start of a process until what it prints, with caches of its own if cold."""
    with tempfile.TemporaryDirectory(prefix="gpu-check-") as place:
        env = dict(os.environ)
        if cold:
            env |= {name: os.path.join(place, name.lower()) for name in CACHES}
        program = os.path.join(place, "program.py")  # torch.compile reads its source
        with open(program, "w", encoding="utf-8") as file:
            file.write(code)
        env["PYTHONPATH"] = os.pathsep.join(filter(None, [os.getcwd(), env.get("PYTHONPATH")]))
        began = time.time()
        command = [sys.executable, program]
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, env=env)
        if done.returncode:
            raise RuntimeError(f"exit status {done.returncode}: {done.stderr[-400:]}")
        return float(done.stdout.split()[-1]) - began
