"""Devices, memory, streams and graphs of CUDA; importing this loads no Triton and no driver."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tritongrad.cuda import driver
from tritongrad.cuda.seam import here
from tritongrad.errors import CudaError, OutOfMemoryError

if TYPE_CHECKING:
    from tritongrad import amp
    from tritongrad.cuda import nvtx
    from tritongrad.cuda.graphs import CUDAGraph, graph, graphed
    from tritongrad.cuda.pinned import pin, pinned_empty
    from tritongrad.cuda.streams import Event, Stream
    from tritongrad.cuda.triton_driver import install as install_triton_driver
    from tritongrad.graphed import make_graphed_callables
    from tritongrad.random import manual_seed

    manual_seed_all = manual_seed

# Names of modules that load cuda.bindings, Triton or tensors: looked up on first use.
LAZY = {
    "CUDAGraph": ("tritongrad.cuda.graphs", "CUDAGraph"),
    "Event": ("tritongrad.cuda.streams", "Event"),
    "Stream": ("tritongrad.cuda.streams", "Stream"),
    "amp": ("tritongrad.amp", None),
    "graph": ("tritongrad.cuda.graphs", "graph"),
    "graphed": ("tritongrad.cuda.graphs", "graphed"),
    "install_triton_driver": ("tritongrad.cuda.triton_driver", "install"),
    "make_graphed_callables": ("tritongrad.graphed", "make_graphed_callables"),
    "manual_seed": ("tritongrad.random", "manual_seed"),  # one generator serves every device
    "manual_seed_all": ("tritongrad.random", "manual_seed"),
    "nvtx": ("tritongrad.cuda.nvtx", None),  # the module itself
    "pin": ("tritongrad.cuda.pinned", "pin"),
    "pinned_empty": ("tritongrad.cuda.pinned", "pinned_empty"),
}

__all__ = [
    "CUDAGraph",
    "CudaError",
    "Event",
    "OutOfMemoryError",
    "Stream",
    "amp",
    "current_device",
    "current_stream",
    "default_stream",
    "device",
    "device_count",
    "empty_cache",
    "get_device_capability",
    "get_device_name",
    "graph",
    "graphed",
    "install_triton_driver",
    "is_available",
    "is_bf16_supported",
    "make_graphed_callables",
    "manual_seed",
    "manual_seed_all",
    "max_memory_allocated",
    "mem_get_info",
    "memory_allocated",
    "memory_reserved",
    "memory_summary",
    "nvtx",
    "pin",
    "pinned_empty",
    "reset_peak_memory_stats",
    "set_device",
    "set_stream",
    "status",
    "stream",
    "synchronize",
]


def __getattr__(name: str) -> Any:
    if name not in LAZY:
        from tritongrad.absent import missing

        raise missing(__name__, name)
    import importlib

    module, wanted = LAZY[name]
    found = importlib.import_module(module)
    globals()[name] = found if wanted is None else getattr(found, wanted)
    return globals()[name]


def _gpu(device: Any) -> Any:
    driver.initialise()
    from tritongrad.cuda.gpu import gpu

    return gpu(device)


# What there is.


def status() -> tuple[bool, str]:
    """Whether CUDA can be used, and the reason why or why not."""
    return driver.status()


def is_available() -> bool:
    """Whether there is a GPU with a driver, and Triton and cuda-bindings to use it with."""
    return driver.status()[0]


def device_count() -> int:
    """How many GPUs there are; 0 where CUDA cannot be used."""
    return driver.device_count()


def current_device() -> int:
    """The number of the GPU that 'cuda' means in this thread."""
    return here.index


def set_device(device: Any) -> None:
    """Choose the GPU that 'cuda' means in this thread."""
    chosen = _gpu(device)
    chosen.bind()
    here.index = chosen.index


class device:
    """`with device(1):` chooses the GPU that 'cuda' means inside, for this thread

    Takes what set_device takes; None means the GPU that is chosen anyway.
    """

    def __init__(self, device: Any) -> None:
        self.device = device

    def __enter__(self) -> device:
        chosen = _gpu(self.device)
        here.outer.append((here.index, here.device))
        chosen.bind()
        here.index = chosen.index
        return self

    def __exit__(self, *error: object) -> None:
        here.index, bound = here.outer.pop()
        if bound is not None:  # else no GPU was in use yet, and none is made for this
            bound.bind()


def get_device_name(device: Any = None) -> str:
    """The GPU's name."""
    return _gpu(device).name()


def get_device_capability(device: Any = None) -> tuple[int, int]:
    """Major and minor number of the GPU's architecture, (9, 0) for a Hopper."""
    return _gpu(device).capability


def is_bf16_supported() -> bool:
    """Whether the GPU computes in bfloat16: every one since Ampere."""
    return is_available() and get_device_capability() >= (8, 0)


# Order.


def synchronize(device: Any = None) -> None:
    """Wait until the GPU has done all its work."""
    _gpu(device).synchronize()


def current_stream(device: Any = None) -> Stream:
    """The stream on which this thread's work for the GPU runs."""
    chosen = _gpu(device)
    from tritongrad.cuda.streams import Stream, current_lane

    return Stream(lane=current_lane(chosen))


def default_stream(device: Any = None) -> Stream:
    """The stream that is current where no other was chosen; it is no legacy stream."""
    chosen = _gpu(device)
    from tritongrad.cuda.streams import Stream

    return Stream(lane=chosen.lane)


def set_stream(stream: Any) -> None:
    """Make a stream the current one of its GPU, for this thread."""
    _gpu(None)
    from tritongrad.cuda.streams import external, set_lane

    set_lane(external(stream).lane)


def stream(stream: Any) -> Stream:
    """`with stream(s):` makes s current; s may be another library's, with __cuda_stream__."""
    _gpu(None)
    from tritongrad.cuda.streams import external

    return external(stream)


# Memory.


def memory_allocated(device: Any = None) -> int:
    """Bytes in live tensors; 0 where CUDA cannot be used."""
    return _gpu(device).memory.allocated if is_available() else 0


def max_memory_allocated(device: Any = None) -> int:
    """The most bytes that were in live tensors at one time; 0 where CUDA cannot be used."""
    return _gpu(device).memory.peak if is_available() else 0


def memory_reserved(device: Any = None) -> int:
    """Bytes held from the GPU, in tensors or for reuse."""
    return _gpu(device).memory.reserved()


def reset_peak_memory_stats(device: Any = None) -> None:
    """Start max_memory_allocated again from what is allocated now."""
    _gpu(device).memory.reset_peak()


def mem_get_info(device: Any = None) -> tuple[int, int]:
    """Bytes that can still be allocated, and all of the GPU's."""
    return _gpu(device).memory.free_and_total()


def memory_summary(device: Any = None) -> str:
    """The accounts of the GPU's memory as text."""
    return _gpu(device).memory.summary()


def empty_cache() -> None:
    """Give memory that is held for reuse back to the GPU."""
    if here.device is not None or device_count():
        _gpu(None).memory.empty()
