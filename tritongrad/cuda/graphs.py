"""CUDA graphs: record a piece of work once, replay it with one call"""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Callable
from typing import Any

import cuda.bindings.driver as cu
import numpy as np

from tritongrad.cuda.driver import check, forked
from tritongrad.cuda.gpu import gpu
from tritongrad.cuda.memory import Blocks
from tritongrad.cuda.pinned import pin
from tritongrad.cuda.streams import MODES, Lane, Stream, current_lane, relaxed


class Capture:
    """The memory of one graph: what is allocated or used while it is recorded stays its own

    Blocks freed during the capture are reused within it, since replay keeps the order; they never
    go back to the device's pool before the graph does.
    """

    def __init__(self, lane: Lane) -> None:
        self.lane = lane
        self.side: Lane = lane.device.own_lane(
            "graph memory"
        )  # allocating on a capturing stream is recorded
        self.blocks = Blocks(self.side, largest=1 << 62, most=1 << 62)
        self.owned: list[tuple[int, int]] = []  # all that was ever obtained for it
        self.deferred: list[tuple[Any, int, int]] = []  # older memory freed while recording
        self.kept: set = set()
        self.host: list = []  # what uploads read again at every replay
        self.checks: list[Callable[[], None]] = []  # what would have waited, and raised
        self.open = True

    def keep(self, *storages: Any) -> None:
        """Memory that the graph reads or writes lives as long as the graph."""
        self.kept.update(s for s in storages if s.home is not self.blocks)

    def own_copy(self, array: np.ndarray) -> np.ndarray:
        """A page-locked copy of what is uploaded, for the graph to read when it is replayed."""
        self.host.append(pin(array, self.lane.device))
        return self.host[-1]

    def obtain(self, size: int) -> int:
        """New memory for the graph, from outside the recorded stream"""
        with relaxed():
            block = self.lane.device.memory.obtain(size, self.side)
        self.owned.append((size, block))
        return block

    def defer(self, storage: Any, size: int) -> bool:
        """Whether memory that is freed now has to wait until the graph is gone."""
        if storage.home is self.blocks:
            return False
        if self.open:
            self.deferred.append((storage.home, size, storage.ptr))
        return self.open

    def close(self) -> None:
        """Give all memory back; only once the graph cannot run any more."""
        self.kept.clear()
        self.host.clear()
        self.checks.clear()
        memory = self.lane.device.memory
        for home, size, block in self.deferred:
            if not home.give(size, block):
                memory.give_back(block, home.owner)
        self.deferred.clear()
        # Tensors made during the capture may outlive the graph: theirs goes back when they do.
        self.blocks.largest = 0
        for _, block in self.blocks.drain():
            memory.give_back(block, self.side)


class CUDAGraph:
    """Recorded work; record it with `with tritongrad.cuda.graph(g):`, run it with g.replay()"""

    def __init__(self) -> None:
        self.capture: Capture | None = None
        self.executable: Any = None

    def capture_begin(self, capture_error_mode: str = "thread_local") -> None:
        """Record instead of run what this thread queues on the current stream from here on."""
        if self.executable is not None or self.capture is not None:
            raise RuntimeError(
                "graph: this CUDAGraph is recorded already; use reset() or a new one"
            )
        lane = current_lane()
        device = lane.device
        device.ready()
        if device.capture is not None:
            raise RuntimeError("graph: another capture is running on this device; end it first")
        gc.collect()  # dead cycles are better freed now than recorded in the middle
        mode = MODES[capture_error_mode]
        capture = Capture(lane)
        check(cu.cuStreamBeginCapture(lane.handle, mode), "cuStreamBeginCapture")
        self.capture = lane.capture = capture
        device.record(capture)
        lane.home = capture.blocks

    def capture_end(self) -> None:
        """Stop recording and make the graph ready to run."""
        capture, recorded = self._stop()
        try:
            made = cu.cuGraphInstantiate(recorded, 0)
            self.executable = check(made, "cuGraphInstantiate")
        finally:
            check(cu.cuGraphDestroy(recorded), "cuGraphDestroy")
        # The graph's memory was allocated on the side: it is there once that stream is idle.
        check(cu.cuStreamSynchronize(capture.side.handle), "cuStreamSynchronize")

    def _stop(self) -> tuple[Capture, Any]:
        capture = self.capture
        if capture is None or not capture.open:
            raise RuntimeError("graph: no capture is running; begin with tritongrad.cuda.graph(g)")
        capture.open = False
        lane = capture.lane
        lane.capture = None
        lane.device.record(None)
        lane.home = lane.blocks
        return capture, check(cu.cuStreamEndCapture(lane.handle), "cuStreamEndCapture")

    def abandon(self) -> None:
        """End a capture in which something failed; the graph is empty again."""
        with contextlib.suppress(RuntimeError):
            _, recorded = self._stop()
            cu.cuGraphDestroy(recorded)
        self.reset()

    def replay(self) -> None:
        """Run the recorded work, on the current stream."""
        if self.executable is None or self.capture is None:
            raise RuntimeError("graph: nothing is recorded; use `with tritongrad.cuda.graph(g):`")
        lane = current_lane(self.capture.lane.device)
        lane.device.ready()
        check(cu.cuGraphLaunch(self.executable, lane.handle), "cuGraphLaunch")

    def check(self) -> None:
        """Wait for the last replay, and raise if one of its indices or classes was out of range.

        An operation that checks its indices waits for the answer, which a recording cannot: a
        replay takes place 0 for each wrong index, leaves rows of wrong classes out of
        cross_entropy, and says nothing until it is asked here.
        """
        if self.capture is not None and self.executable is not None:
            self.capture.lane.device.synchronize()
            for look in self.capture.checks:
                look()

    def reset(self) -> None:
        """Forget the recorded work and give its memory back."""
        capture, executable = self.capture, self.executable
        self.capture = self.executable = None
        if capture is None or forked():
            return
        capture.lane.device.ready()
        if executable is not None:
            capture.lane.device.synchronize()  # a replay may still be running
            check(cu.cuGraphExecDestroy(executable), "cuGraphExecDestroy")
        capture.close()

    # The graph is the only owner of its executable and of its memory.
    def __del__(self) -> None:
        with contextlib.suppress(Exception):  # at exit the driver may be gone already
            self.reset()


class graph:
    """`with graph(g):` records what is queued inside into g, on a side stream"""

    def __init__(
        self,
        cuda_graph: CUDAGraph,
        stream: Stream | None = None,
        capture_error_mode: str = "thread_local",
    ) -> None:
        self.cuda_graph = cuda_graph
        self.stream: Any = stream
        self.mode = capture_error_mode

    def __enter__(self) -> None:
        device = gpu(None)
        device.synchronize()  # what the recorded work will read has been written
        self.stream = self.stream or Stream(lane=device.own_lane("capture"))
        self.stream.__enter__()
        try:
            self.cuda_graph.capture_begin(self.mode)
        except BaseException:
            self.stream.__exit__()
            raise

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        try:
            if kind is None:
                self.cuda_graph.capture_end()
            else:
                self.cuda_graph.abandon()
        finally:
            self.stream.__exit__()


def graphed(step: Callable, warmup: int = 3) -> Callable:
    """step, recorded once and replayed: `fast = graphed(step); loss = fast(x, y)`

    The first `warmup` calls run as they are, which compiles kernels and makes the optimizer's
    state; the next one is recorded. From then on a call copies its tensors into the places of the
    recorded ones, replays, and returns the same result tensors with new contents. What step does
    on the host is done no more: numbers, shapes and branches stay as they were recorded.
    """
    return Graphed(step, warmup)


class Graphed:
    """What graphed() returns; `graph` is the CUDAGraph once there is one"""

    def __init__(self, step: Callable, warmup: int) -> None:
        self.step = step
        self.left = warmup
        self.graph: CUDAGraph | None = None
        self.places: list = []
        self.result: Any = None

    def __call__(self, *args: Any) -> Any:
        if self.left > 0:
            self.left -= 1
            return self.step(*args)
        recorded = self.graph or self._record(args)
        self._fill(args)
        recorded.replay()  # recording has run nothing, so the first time too
        return self.result

    def _record(self, args: tuple) -> CUDAGraph:
        """Record step with copies of the tensors as its arguments"""
        if any(_is_tensor(arg) and arg.requires_grad for arg in args):
            raise ValueError("graphed: an argument requires a gradient; pass data only")
        self.places = [arg.clone() if _is_tensor(arg) else arg for arg in args]
        recorded = CUDAGraph()
        with graph(recorded):
            self.result = self.step(*self.places)
        self.graph = recorded
        return recorded

    def _fill(self, args: tuple) -> None:
        """Copy new inputs into the places of the recorded ones"""
        if len(args) != len(self.places):
            raise TypeError(f"graphed: recorded with {len(self.places)} arguments, got {len(args)}")
        for place, arg in zip(self.places, args, strict=True):
            if _is_tensor(arg):
                if tuple(arg.shape) != tuple(place.shape):
                    raise ValueError(
                        f"graphed: recorded with shape {tuple(place.shape)}, got "
                        f"{tuple(arg.shape)}; make a second graphed step for it"
                    )
                place.copy_(arg)
            elif arg != place:
                raise ValueError(f"graphed: recorded with {place!r}, got {arg!r}; pass a tensor")


def _is_tensor(value: Any) -> bool:
    return hasattr(value, "data_ptr") and hasattr(value, "copy_")
