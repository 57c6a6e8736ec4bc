"""Probes of threads, events, clusters and the launcher that stands in for ours."""

from __future__ import annotations

import threading
import time
import warnings

import numpy as np

from bench.gpu.probes import Answer, blank, probe, up


@probe("Do launches from several threads at once each get their own parameters?")
def threads() -> Answer:
    from bench.gpu.probe_kernels import plus_one
    from tritongrad.cuda.launch import launch

    wrong: list[str] = []

    def work(number: int) -> None:
        try:
            x = up(np.full(1000, number, "f4"))
            for _ in range(200):
                y = blank(1000)
                launch(plus_one, (1,), y, x, 1000, BLOCK=1024)
                x = y
            if not (x.numpy() == number + 200).all():
                wrong.append(f"thread {number}: {x.numpy()[:3]}")
        except Exception as error:
            wrong.append(f"thread {number}: {type(error).__name__}: {error}")

    each = [threading.Thread(target=work, args=(1000 * n,)) for n in range(8)]
    for thread in each:
        thread.start()
    for thread in each:
        thread.join()
    return not wrong, {"wrong": wrong[:3]}


@probe("Do times between events agree with the host's clock?", alone=True)
def event_times() -> Answer:
    import tritongrad as tg
    from bench.gpu.probe_kernels import spin
    from tritongrad.cuda.launch import launch

    out, seen = blank(1024), {}
    start, end = (tg.cuda.Event(enable_timing=True) for _ in range(2))
    launch(spin, (1,), out, 1000, BLOCK=1024)
    for loops in (1_000_000, 5_000_000):
        tg.cuda.synchronize()
        began = time.perf_counter()
        start.record()
        launch(spin, (1,), out, loops, BLOCK=1024)
        end.record()
        early = end.query()
        end.synchronize()
        seen[f"{loops} loops"] = {
            "events ms": start.elapsed_time(end),
            "host ms": (time.perf_counter() - began) * 1e3,
            "done at once": early,
        }
    rows = seen.values()
    near = all(abs(r["events ms"] - r["host ms"]) < 0.1 * r["host ms"] + 0.2 for r in rows)
    return near and not any(r["done at once"] for r in rows), seen


@probe("Does a kernel of clusters (num_ctas = 2) launch with our attributes, where there are any?")
def cluster_launch() -> Answer:
    from bench.gpu.probe_kernels import plus_one
    from tritongrad.cuda.gpu import gpu
    from tritongrad.cuda.launch import launch

    if gpu(0).capability < (9, 0):
        return None, {"not asked": "clusters need compute capability 9.0"}
    x, out = up(np.arange(9000, dtype="f4")), blank(9000)
    launch(plus_one, (5,), out, x, 9000, BLOCK=2048, num_ctas=2)
    return bool(np.array_equal(out.numpy(), np.arange(1, 9001, dtype="f4"))), {}


@probe("Does Triton's own launcher serve where the layout of parameters is not the one we know?")
def fallback_launcher() -> Answer:
    from bench.gpu.probe_kernels import muladd
    from tritongrad.cuda import loaded
    from tritongrad.cuda.launch import launch

    kept, loaded.offsets_agree = loaded.offsets_agree, lambda kernel, layout: False
    rng = np.random.default_rng(4)
    x, y, z = (rng.standard_normal(500).astype("f4") for _ in range(3))
    out = blank(500)
    try:
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            launch(muladd, (1,), out, up(x), up(y), up(z), 500, BLOCK=512)
    finally:
        loaded.offsets_agree = kept
    good = np.array_equal(out.numpy(), x * y + z) and len(loaded._fallen_back) == 1
    return good, {"warned": [str(w.message)[:120] for w in said]}


@probe("Are random numbers refused inside a capture, and right again after it?")
def random_inside() -> Answer:
    import tritongrad as tg

    graph, said = tg.cuda.CUDAGraph(), ""
    tg.manual_seed(5)
    first = tg.rand(100, device="cuda").cpu().numpy()
    try:
        with tg.cuda.graph(graph):
            tg.rand(100, device="cuda")
    except RuntimeError as error:
        said = str(error)
    tg.manual_seed(5)
    again = tg.rand(100, device="cuda").cpu().numpy()
    return "every replay" in said and np.array_equal(first, again), {"said": said}
