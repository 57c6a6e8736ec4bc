"""Probes of CUDA graphs: capture, update, memory inside, first launches inside, costs."""

from __future__ import annotations

from typing import Any

import numpy as np

from bench.gpu.probes import Answer, blank, probe, up
from bench.gpu.timing import device_times, host_times, summary
from bench.gpu.training import training_step


@probe("Does a captured training step give the bits of the eager one over 50 replays?")
def capture_replay() -> Answer:
    import tritongrad as tg

    eager, one = training_step(tg)
    step, two = training_step(tg)
    graphed = tg.cuda.graphed(step)
    losses: dict[str, list[float]] = {"eager": [], "graphed": []}
    for _ in range(50):
        losses["eager"].append(eager().item())
        losses["graphed"].append(graphed().item())
    same = all(
        np.array_equal(a.detach().cpu().numpy(), b.detach().cpu().numpy())
        for a, b in zip(one, two, strict=True)
    )
    good = (
        same and losses["eager"] == losses["graphed"] and losses["eager"][-1] < losses["eager"][0]
    )
    return good, {"first": losses["eager"][0], "last": [row[-1] for row in losses.values()]}


@probe("Does memory of a graph stay its own while others allocate, and go when the graph goes?")
def memory_of_a_graph() -> Answer:
    import tritongrad as tg

    tg.cuda.empty_cache()
    start = tg.cuda.memory_allocated()
    step, parameters = training_step(tg)
    graphed = tg.cuda.graphed(step, warmup=2)
    first = [graphed().item() for _ in range(4)]
    other = [
        tg.full((size,), float("nan"), device="cuda") for size in (64, 640, 6400, 100_000) * 20
    ]
    later = [graphed().item() for _ in range(4)]
    untouched = all(bool(t.isnan().all().item()) for t in other[::7])
    del step, graphed, parameters, other
    tg.cuda.empty_cache()
    left = tg.cuda.memory_allocated() - start
    falling = all(a > b for a, b in zip(first + later, (first + later)[1:], strict=False))
    seen = {"losses": first + later, "left": left, "others untouched": untouched}
    return falling and untouched and left == 0, seen


@probe("May a kernel's first launch, its compiling and loading, happen inside a capture?")
def first_launch_inside() -> Answer:
    import tritongrad as tg

    x = up(np.full(777, 2.0, "f4"))
    graph = tg.cuda.CUDAGraph()
    out = blank(777)
    with tg.cuda.graph(graph):
        from bench.gpu.probe_kernels import plus_one
        from tritongrad.cuda.launch import launch

        launch(plus_one, (1,), out, x, 777, BLOCK=1024)
    graph.replay()
    return bool((out.numpy() == 3).all()), {}


@probe("Does an older tensor freed inside a capture live as long as the graph?")
def freed_inside() -> Answer:
    import tritongrad as tg

    old = tg.full((4096,), 7.0, device="cuda")
    graph = tg.cuda.CUDAGraph()
    with tg.cuda.graph(graph):
        result = old + 1
        del old
    others = [tg.zeros(4096, device="cuda") for _ in range(50)]
    graph.replay()
    graph.replay()
    good = bool((result.cpu().numpy() == 8).all()) and not any(
        bool(t.any().item()) for t in others[::9]
    )
    return good, {}


@probe("Does an upload inside a capture read its own copy at every replay?")
def upload_inside() -> Answer:
    import tritongrad as tg

    graph, host = tg.cuda.CUDAGraph(), np.arange(1000, dtype="f4")
    with tg.cuda.graph(graph):
        x = up(host)
    host[:] = -1
    graph.replay()
    return bool(np.array_equal(x.numpy(), np.arange(1000, dtype="f4"))), {}


@probe("Can the executable be updated from a second capture of the same shape?")
def exec_update() -> Answer:
    import cuda.bindings.driver as cu

    import tritongrad as tg
    from bench.gpu.probe_kernels import plus_one
    from tritongrad.cuda.driver import check
    from tritongrad.cuda.launch import launch
    from tritongrad.cuda.streams import MODES, Stream

    x, y = up(np.zeros(256, "f4")), up(np.full(256, 10.0, "f4"))
    out, side = blank(256), Stream()
    launch(plus_one, (1,), out, x, 256, BLOCK=256)

    def recorded(source: Any) -> Any:
        with side:
            check(cu.cuStreamBeginCapture(side.cuda_stream, MODES["thread_local"]), "begin")
            launch(plus_one, (1,), out, source, 256, BLOCK=256)
            return check(cu.cuStreamEndCapture(side.cuda_stream), "end")

    tg.cuda.synchronize()
    executable = check(cu.cuGraphInstantiate(recorded(x), 0), "instantiate")
    code, *info = cu.cuGraphExecUpdate(executable, recorded(y))
    check(cu.cuGraphLaunch(executable, tg.cuda.current_stream().cuda_stream), "launch")
    seen = {"code": getattr(code, "name", code), "result": str(getattr(info[0], "result", info))}
    return not code and bool((out.numpy() == 11).all()), seen


@probe("Does waiting inside a capture raise an error that says so, and is all usable after it?")
def waiting_inside() -> Answer:
    import tritongrad as tg
    from tritongrad.errors import CudaError

    x = tg.ones(8, device="cuda")
    (x + 1).cpu()
    graph, said = tg.cuda.CUDAGraph(), ""
    try:
        with tg.cuda.graph(graph):
            (x + 1).sum().item()
    except CudaError as error:
        said = str(error)
    with tg.cuda.graph(graph):
        y = x + 1
    graph.replay()
    return "out of the capture" in said and bool((y.cpu().numpy() == 2).all()), {"said": said}


@probe("What does a replay cost, by the number of kernels in it?", alone=True)
def replay_cost() -> Answer:
    import tritongrad as tg

    seen: dict[str, Any] = {}
    x = tg.zeros(128, device="cuda")
    for count in (1, 10, 100):
        graph = tg.cuda.CUDAGraph()
        with tg.cuda.graph(graph):
            y = x
            for _ in range(count):
                y = y + 1
        work = {"replay": graph.replay}
        seen[f"{count} kernels"] = {
            "host us": summary(host_times(work, calls=50)["replay"], 1e-6),
            "device us": summary(device_times(work, calls=20)["replay"], 1e-6),
        }
    return None, seen
