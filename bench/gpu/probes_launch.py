"""Probes of loading and launching: cubins, parameters, scratch memory, faults, costs."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

import numpy as np

from bench.gpu.probes import Answer, blank, probe, up
from bench.gpu.timing import device_times, host_times, summary


@probe("Does this driver load the machine code of the installed Triton, and is it right?")
def cubin_loads() -> Answer:
    import triton

    from bench.gpu.probe_kernels import plus_one
    from tritongrad.cuda.launch import launch
    from tritongrad.cuda.loaded import _loaded

    x, out = up(np.arange(5000, dtype="f4")), blank(5000)
    launch(plus_one, (5,), out, x, 5000, BLOCK=1024)
    good = np.array_equal(out.numpy(), np.arange(1, 5001, dtype="f4"))
    cubin = next(iter(_loaded.values())).binary.cubin
    # Bytes 7 and 8: newer assemblers write another ABI, which older drivers refuse.
    return good, {"triton": triton.__version__, "elf_abi": list(cubin[7:9]), "bytes": len(cubin)}


@probe("Does code of the older assembler load, should the driver refuse the newer one's?")
def older_assembler() -> Answer:
    import tempfile
    from pathlib import Path

    import triton

    from bench.gpu import isolate

    assembler = Path(triton.__file__).parent / "backends" / "nvidia" / "bin" / "ptxas"
    with tempfile.TemporaryDirectory(prefix="gpu-check-") as place:
        env = {"TRITON_PTXAS_BLACKWELL_PATH": str(assembler), "TRITONGRAD_CACHE_DIR": place}
        env |= {"TRITON_CACHE_DIR": place}
        done = isolate.run("bench.gpu.probes:ask", "cubin_loads", 50, env=env)
    row = dict(done["rows"]).get("cubin_loads", {})
    return row.get("verdict") == "yes", {"seen": row.get("result"), "error": done.get("error")}


@probe("Do parameters of all kinds arrive that are passed by the address of their addresses?")
def int_address_parameters() -> Answer:
    from bench.gpu.probe_kernels import mixed
    from tritongrad.cuda.launch import launch

    n, wrong = 300, []
    x, half = np.arange(400, dtype="f4"), np.arange(300, dtype="f2")
    for far in (5, 7 << 30, -(3 << 30)):
        for flag in (True, False):
            for offset in (0, 1, 16):
                out = blank(n)
                launch(mixed, (2,), out, up(x), n, far, 1.5, flag, up(half), offset, BLOCK=256)
                want = x[offset : offset + n] * 1.5 + half + np.float32(far // 2**30)
                if not np.array_equal(out.numpy(), want if flag else 0 * want):
                    wrong.append([far, flag, offset])
    return not wrong, {"cases": 18, "wrong": wrong}


@probe("Does the driver report the parameter offsets that we pack, so that no launch falls back?")
def parameter_layout() -> Answer:
    import tritongrad as tg
    from tritongrad.cuda.loaded import _fallen_back, _loaded

    x = tg.rand(64, 64, device="cuda")
    (x.mm(x) + x).softmax(-1).sum().item()
    return not _fallen_back, {"kernels": len(_loaded), "fell back": list(_fallen_back)}


@probe("Do TMA kernels run right with scratch from our pool, and is that aligned to 128 bytes?")
def tma_scratch() -> Answer:
    import ml_dtypes

    import tritongrad as tg
    from tritongrad.cuda.linalg import fits_tma

    rng, n = np.random.default_rng(0), 4096
    a, b = (rng.uniform(-1, 1, (n, n)).astype(ml_dtypes.bfloat16) for _ in range(2))
    left, right = up(a), up(b)
    used = fits_tma(left, right, blank((n, n), "bfloat16"))
    got = (tg.tensor(a).to("cuda") @ tg.tensor(b).to("cuda")).cpu().to(tg.float32).numpy()
    want = a[:64].astype("f4") @ b.astype("f4")
    error = float(np.max(np.abs(got[:64] - want) / np.maximum(np.abs(want), 1)))
    odd = [blank(size, "u1") for size in (1, 3, 50688, 513, 7)]
    aligned = all(x.ptr % 128 == 0 for x in odd)
    return aligned and error < 0.01, {"tma used": used, "error": error, "aligned": aligned}


@probe("Is a kernel that leaves its memory reported as an error that says what to do?")
def illegal_address() -> Answer:
    from bench.gpu.probe_kernels import far_away
    from tritongrad.cuda.launch import launch
    from tritongrad.errors import CudaError

    x = blank(4)
    try:
        launch(far_away, (1,), x, 1 << 40, BLOCK=128)
        x.numpy()
    except CudaError as error:
        return "TRITONGRAD_SYNC" in str(error), {"said": str(error)}
    return False, {"said": "nothing was raised"}


@probe("Does a child of fork get a clear error, and does the parent stay usable?")
def fork() -> Answer:
    import multiprocessing

    x = up(np.ones(4, "f4"))
    context = multiprocessing.get_context("fork")
    said = context.SimpleQueue()

    def child() -> None:
        try:
            up(np.ones(4, "f4"))
        except RuntimeError as error:
            said.put(str(error))
        else:
            said.put("")

    process = context.Process(target=child)
    process.start()
    text = said.get()
    process.join()
    return "spawn" in text and x.numpy()[0] == 1, {"said": text}


@probe("Do a user's kernel[grid](...) and @triton.autotune work, without PyTorch?")
def users_kernels() -> Answer:
    import tritongrad as tg
    from bench.gpu.probe_kernels import plus_one, tuned

    x = tg.arange(100_000, dtype=tg.float32, device="cuda")
    y, z = tg.empty_like(x), tg.empty_like(x)
    plus_one[(98,)](y, x, 100_000, BLOCK=1024)  # type: ignore[index]
    tuned[lambda meta: (-(-100_000 // meta["BLOCK"]),)](z, x, 100_000)
    want = np.arange(100_000, dtype="f4")
    good = np.array_equal(y.cpu().numpy(), want + 1) and np.array_equal(z.cpu().numpy(), want * 2)
    return good and "torch" not in sys.modules, {"chosen": str(tuned.best_config)}


@probe("What does a launch cost the host: ours, the driver's alone, the user's way?", alone=True)
def launch_cost() -> Answer:
    import cuda.bindings.driver as cu

    import tritongrad as tg
    from bench.gpu.probe_kernels import plus_one
    from tritongrad.cuda.launch import bind
    from tritongrad.cuda.loaded import _loaded
    from tritongrad.cuda.seam import here

    t, u = tg.zeros(128, device="cuda"), tg.zeros(128, device="cuda")
    x, out = up(np.zeros(128, "f4")), blank(128)
    ours = bind(plus_one, BLOCK=128)
    ours((1,), out, x, 128)
    entry = next(e for e in _loaded.values() if "plus_one" in e.binary.name)
    grid = (1, 1, 1, entry.threads, 1, 1)
    tail = (entry.shared, here.lane.handle, entry.local.state[1], 0)
    work = {
        "bound launch": lambda: ours((1,), out, x, 128),
        "cuLaunchKernel": lambda: cu.cuLaunchKernel(entry.function, *grid, *tail),
        "kernel[grid]": lambda: plus_one[(1,)](u, t, 128, BLOCK=128),  # type: ignore[index]
        "x + 1": lambda: t + 1,
    }
    host, device = host_times(work), device_times(work, calls=200)
    return None, {
        name: {"host us": summary(host[name], 1e-6), "back to back us": summary(device[name], 1e-6)}
        for name in work
    }


@probe("What do the driver's other calls cost the host?", alone=True)
def call_costs() -> Answer:
    import tritongrad as tg
    from tritongrad.cuda.gpu import gpu

    device, event, x = gpu(0), tg.cuda.Event(), blank(1024)
    other = tg.cuda.Stream()
    work = {
        "event record": event.record,
        "stream wait": lambda: event.wait(other),
        "memset 4 KB": lambda: device.memset(x.ptr, 0, x.nbytes),
        "copy 2 KB": lambda: device.copy(x.ptr, x.ptr + 2048, 2048),
        "synchronize, idle": device.synchronize,
        ".item()": lambda: x.numpy(),
    }
    return None, {n: summary(t, 1e-6) for n, t in host_times(work).items()}


START = """
import time; t = time.perf_counter()
import cuda.bindings.driver as cu
cu.cuInit(0); d = cu.cuDeviceGet(0)[1]; c = cu.cuDevicePrimaryCtxRetain(d)[1]
cu.cuCtxSetCurrent(c); cu.cuCtxSynchronize()
ready = time.perf_counter()
import tritongrad as tg
(tg.ones(4, device="cuda") + 1).sum().item()
print(ready - t, time.perf_counter() - ready)
"""


@probe("How long from process start to the first result, beyond CUDA's own start?", alone=True)
def warm_start() -> Answer:
    from bench.gpu.facts import require_gpu

    require_gpu()
    starts, ours, whole = [], [], []
    for turn in range(5):
        began = time.perf_counter()
        done = subprocess.run([sys.executable, "-c", START], capture_output=True, check=True)
        first, second = map(float, done.stdout.split())
        if turn:  # the first one fills the cache of machine code
            whole.append(time.perf_counter() - began)
            starts.append(first)
            ours.append(second)
    seen = {"cuda s": summary(starts), "ours s": summary(ours), "process s": summary(whole)}
    return statistics.median(ours) < 0.5, seen
