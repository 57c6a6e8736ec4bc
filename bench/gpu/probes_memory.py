"""Probes of memory: the pool and its threshold, costs, limits, page-locked copies, streams."""

from __future__ import annotations

import gc

import numpy as np

from bench.gpu.probes import Answer, blank, probe, up
from bench.gpu.timing import host_times, summary

GIB = 1 << 30


@probe("Does the pool keep freed memory across a synchronize, and give it back when asked?")
def release_threshold() -> Answer:
    import tritongrad as tg

    tg.cuda.empty_cache()
    start = tg.cuda.memory_reserved()
    x = blank(GIB, "u1")
    held = tg.cuda.memory_reserved()
    del x
    tg.cuda.synchronize()
    kept = tg.cuda.memory_reserved()
    tg.cuda.empty_cache()
    left = tg.cuda.memory_reserved()
    good = held - start >= GIB and kept == held and left <= start
    return good, {"before": start, "with 1 GiB": held, "freed": kept, "emptied": left}


@probe("Do the pool's accounts and cuMemGetInfo agree on what can still be allocated?", alone=True)
def free_memory() -> Answer:
    import tritongrad as tg

    tg.cuda.empty_cache()
    free, total = tg.cuda.mem_get_info()
    x = blank(GIB, "u1")
    less = tg.cuda.mem_get_info()[0]
    del x
    tg.cuda.synchronize()
    again = tg.cuda.mem_get_info()[0]
    good = abs(free - less - GIB) < 64 << 20 and abs(free - again) < 64 << 20
    return good, {"free": free, "total": total, "with 1 GiB": less, "freed": again}


@probe("Is freed memory of one stream not handed to another before its work is done?")
def stream_order() -> Answer:
    import tritongrad as tg
    from bench.gpu.probe_kernels import plus_one, spin
    from tritongrad.cuda.launch import launch

    n, wrong = 1 << 20, 0
    busy, side = blank(1024), tg.cuda.Stream()
    zeros = up(np.zeros(n, "f4"))
    tg.cuda.synchronize()
    for _ in range(20):
        out = blank(n)
        with side:
            launch(spin, (1,), busy, 200_000, BLOCK=1024)
            x = blank(n)
            launch(plus_one, (n // 1024,), x, zeros, n, BLOCK=1024)
        tg.cuda.current_stream().wait_stream(side)
        launch(plus_one, (n // 1024,), out, x, n, BLOCK=1024)
        del x  # while the launch above may not have begun
        with side:
            y = blank(n)
            launch(plus_one, (n // 1024,), y, busy, 0, BLOCK=1024)
        wrong += not (out.numpy() == 2).all()
        del y
    return wrong == 0, {"turns": 20, "wrong": wrong}


@probe("Does too large a request raise OutOfMemoryError and leave everything usable?", alone=True)
def out_of_memory() -> Answer:
    import tritongrad as tg

    total = tg.cuda.mem_get_info()[1]
    try:
        blank(total * 2, "u1")
    except tg.cuda.OutOfMemoryError as error:
        said = str(error)
    else:
        return False, {"said": "nothing was raised"}
    held, said_full = [], ""
    try:
        while len(held) < 4096:
            held.append(blank(8 * GIB if len(held) < 4 else 2 * GIB, "u1"))
    except tg.cuda.OutOfMemoryError as error:
        said_full = str(error)
    count = len(held)
    held.clear()
    gc.collect()
    tg.cuda.empty_cache()
    usable = bool((up(np.ones(9, "f4")).numpy() == 1).all())
    good = usable and "free" in said and "free" in said_full
    return good, {"said": said, "when full": said_full, "blocks": count}


@probe("Do kernels reach elements beyond 2^31?", alone=True, seconds=90)
def beyond_2_31() -> Answer:
    import tritongrad as tg

    n = (1 << 31) + 4099
    x = tg.zeros(n, dtype=tg.int8, device="cuda")
    x[-3:] = 5
    y = x + 1
    tail, head = y[-4:].cpu().numpy().tolist(), y[:2].cpu().numpy().tolist()
    middle = y[(1 << 31) - 2 : (1 << 31) + 2].cpu().numpy().tolist()
    good = tail == [1, 6, 6, 6] and middle == [1] * 4 and head == [1, 1]
    return good, {"head": head, "at 2^31": middle, "tail": tail}


@probe("What does allocating cost the host: kept small blocks, the pool, new memory?", alone=True)
def allocation_cost() -> Answer:
    import tritongrad as tg
    from tritongrad.cuda.gpu import gpu

    device = gpu(0)
    work = {f"{size} bytes": (lambda size=size: device.allocate(size)) for size in (512, 1 << 20)}
    work |= {
        f"{size >> 20} MiB": (lambda size=size: device.allocate(size))
        for size in (2 << 20, 64 << 20, GIB)
    }
    seen = {name: summary(t, 1e-6) for name, t in host_times(work).items()}

    def fresh() -> None:
        device.allocate(64 << 20)
        tg.cuda.empty_cache()

    times = host_times({"64 MiB, then emptied": fresh}, rounds=5, calls=5)
    return None, seen | {name: summary(t, 1e-6) for name, t in times.items()}


@probe(
    "Do copies from page-locked memory return before they are done, and how fast are they?",
    alone=True,
)
def pinned_copies() -> Answer:
    import statistics
    import time

    import tritongrad as tg
    from tritongrad.cuda.gpu import gpu

    device, nbytes = gpu(0), 256 << 20
    target, pinned = device.allocate(nbytes), tg.cuda.pinned_empty((nbytes,), np.uint8)
    pinned[:] = 3
    pageable = pinned.copy()
    seen: dict = {}
    for name, array, later in (("pinned", pinned, True), ("pageable", pageable, False)):
        returns, ends = [], []
        for _ in range(5):
            tg.cuda.synchronize()
            start = time.perf_counter()
            device.upload(target.ptr, array, non_blocking=later)
            returns.append(time.perf_counter() - start)
            tg.cuda.synchronize()
            ends.append(time.perf_counter() - start)
        rate = nbytes / statistics.median(ends) / 1e9
        seen[name] = {"returns ms": summary(returns, 1e-3), "done ms": summary(ends, 1e-3)}
        seen[name]["GB/s"] = round(rate, 1)
    early = seen["pinned"]["returns ms"]["median"] < seen["pinned"]["done ms"]["median"] / 4
    back = np.empty(nbytes, np.uint8)
    device.download(target.ptr, back)
    return early and bool((back == 3).all()), seen


@probe("Do kernels of two streams run at the same time?", alone=True)
def streams_overlap() -> Answer:
    import tritongrad as tg
    from bench.gpu.probe_kernels import spin
    from bench.gpu.timing import device_times
    from tritongrad.cuda.launch import launch

    one, two, side = blank(1024), blank(1024), tg.cuda.Stream()

    def in_turn() -> None:
        launch(spin, (1,), one, 100_000, BLOCK=1024)
        launch(spin, (1,), two, 100_000, BLOCK=1024)

    def together() -> None:
        side.wait_stream(tg.cuda.current_stream())
        launch(spin, (1,), one, 100_000, BLOCK=1024)
        with side:
            launch(spin, (1,), two, 100_000, BLOCK=1024)
        tg.cuda.current_stream().wait_stream(side)

    times = device_times({"in turn": in_turn, "together": together}, rounds=7, calls=1)
    seen = {name: summary(t, 1e-3) for name, t in times.items()}
    return seen["together"]["median"] < 0.75 * seen["in turn"]["median"], seen
