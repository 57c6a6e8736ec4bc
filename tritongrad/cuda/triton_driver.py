"""A Triton driver without PyTorch, so that a user's `kernel[grid](tensor, ...)` runs here."""

from __future__ import annotations

import threading
from typing import Any

import triton
from triton.backends.compiler import GPUTarget
from triton.backends.driver import DriverBase
from triton.runtime.autotuner import Autotuner
from triton.runtime.jit import JITFunction

from tritongrad.cuda.ahead import DEFAULT_ARCH, aim, aimed_at, asked, compile_too
from tritongrad.cuda.array import DeviceArray, empty
from tritongrad.cuda.seam import device_of, here
from tritongrad.cuda.user_launch import for_interpret, interpret
from tritongrad.devices import device
from tritongrad.dtype import dtype

_lock = threading.Lock()
_installed = False


def install() -> None:
    """Make this the active driver, before Triton looks for one and imports PyTorch for it.

    Two methods of Triton are wrapped, because a driver only sees launches that are compiled
    already: JITFunction.run, which hands kernels with tensors on the interpret device to our
    interpreter, and Autotuner.run, which takes the first configuration there, unmeasured.
    """
    global _installed
    with _lock:
        if _installed:
            return
        triton.runtime.driver.set_active(Driver())
        JITFunction.run = _run_or_interpret(JITFunction.run)
        Autotuner.run = _tune_or_not(Autotuner.run)
        Autotuner._bench = _bench_or_not(Autotuner._bench)
        _installed = True


def _run_or_interpret(stock: Any) -> Any:
    def run(self: Any, *args: Any, grid: Any, warmup: bool, **kwargs: Any) -> Any:
        if warmup:
            args = tuple(_array_of_type(a) if isinstance(a, dtype) else a for a in args)
            with aimed_at(kwargs.pop("arch", None)):
                return stock(self, *args, grid=grid, warmup=warmup, **kwargs)
        if not for_interpret(self, args, kwargs):
            return stock(self, *args, grid=grid, warmup=warmup, **kwargs)
        if asked():
            compile_too(stock, self, args, kwargs)
        for hook in self.pre_run_hooks:
            hook(*args, **kwargs)
        return interpret(self, args, grid, kwargs)

    return run


def _array_of_type(element: dtype) -> DeviceArray:
    """What stands for a tensor of a dtype when a kernel is only compiled."""
    return empty((1,), element.numpy, device_of("interpret"))


def _tune_or_not(stock: Any) -> Any:
    def run(self: Any, *args: Any, **kwargs: Any) -> Any:
        if not for_interpret(self, args, kwargs):
            return stock(self, *args, **kwargs)
        measured, self.cache = self.cache, {}  # what is chosen here says nothing about a GPU
        try:
            return stock(self, *args, **kwargs)
        finally:
            self.cache = measured

    return run


def _bench_or_not(stock: Any) -> Any:
    def bench(self: Any, *args: Any, config: Any, **meta: Any) -> Any:
        if for_interpret(self, args, meta):
            return [float(self.configs.index(config))] * 3  # the first one wins
        return stock(self, *args, config=config, **meta)

    return bench


def _refuse_to_time() -> None:
    from tritongrad.cuda import driver

    there, reason = driver.status()
    if not there:
        raise RuntimeError(
            f"a kernel can be timed on a GPU only ({reason}); kernel.warmup(..., arch=90) tells "
            "what it needs of one, in .metadata.shared, and what it becomes, in .asm"
        )


class Driver(DriverBase):
    """What Triton's JIT asks of a backend: the device, its stream, loading and launching"""

    def __init__(self) -> None:
        super().__init__()
        from tritongrad.cuda.triton_launcher import Launcher, Utils

        self.utils = Utils()
        self.launcher_cls = Launcher

    @classmethod
    def is_active(cls) -> bool:
        return True

    def map_python_to_cpp_type(self, ty: str) -> str:
        from triton.backends.nvidia.driver import ty_to_cpp

        return ty_to_cpp(ty)

    def get_current_target(self) -> GPUTarget:
        from tritongrad.cuda import driver
        from tritongrad.cuda.seam import device_of

        if aim.arch or not driver.device_count():
            return GPUTarget("cuda", aim.arch or DEFAULT_ARCH, 32)
        return GPUTarget("cuda", device_of("cuda", here.index).arch, 32)

    def get_current_device(self) -> int:
        return -aim.arch if aim.arch else here.index  # Triton keeps what it compiles by this

    def set_current_device(self, device: int) -> None:
        here.index = device

    def get_current_stream(self, device: int | None = None) -> int:
        from tritongrad.cuda import driver

        if aim.arch or not driver.device_count():
            return 0  # for warmup, which compiles and does not launch
        from tritongrad.cuda.gpu import gpu

        chosen = gpu(device)
        chosen.bind()
        return here.lane.handle

    def get_device_capability(self, device: int | None = None) -> tuple[int, int]:
        return divmod(int(self.get_current_target().arch), 10)

    def get_active_torch_device(self) -> device:
        """Where Triton's tutorials put their tensors: the GPU, or what stands in for one."""
        from tritongrad.cuda import driver

        return device("cuda", here.index) if driver.device_count() else device("interpret")

    def get_device_interface(self) -> Any:
        """Event, synchronize and current_device, which is what triton.testing.do_bench calls."""
        import tritongrad.cuda

        _refuse_to_time()
        return tritongrad.cuda

    def get_benchmarker(self) -> Any:
        from tritongrad.cuda.triton_launcher import benchmark

        _refuse_to_time()
        return benchmark

    def get_empty_cache_for_benchmark(self) -> Any:
        from tritongrad.cuda.gpu import gpu

        return gpu(None).allocate(256 << 20)

    def clear_cache(self, cache: Any) -> None:
        cache.device.memset(cache.ptr, 0, cache.nbytes)

    def allocate_default_profile_scratch(self, size: int, alignment: int, stream: Any) -> Any:
        from tritongrad.cuda.gpu import gpu

        storage = gpu(None).allocate(size)
        storage.device.memset(storage.ptr, 0, size)
        return DevicePointer(storage)

    def assemble_tensormap_to_arg(self, tensormaps_info: Any, args: Any) -> Any:
        return args


class DevicePointer:
    """An allocation as Triton's launchers want it: something with data_ptr()."""

    __slots__ = ("storage",)

    def __init__(self, storage: Any) -> None:
        self.storage = storage

    def data_ptr(self) -> int:
        return self.storage.ptr
