"""A Triton driver without PyTorch, so that a user's `kernel[grid](tensor, ...)` runs here."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import triton
from triton.backends.compiler import GPUTarget
from triton.backends.driver import DriverBase
from triton.backends.nvidia.compiler import CUDAOptions
from triton.runtime.autotuner import Autotuner
from triton.runtime.jit import JITFunction

from tritongrad.cuda.ahead import DEFAULT_ARCH, aim, aimed_at, asked, compile_too
from tritongrad.cuda.array import DeviceArray, InterpretArray, empty
from tritongrad.cuda.seam import device_of, here
from tritongrad.dtype import dtype

OPTIONS = set(CUDAOptions.__dataclass_fields__)  # what a launch may say besides arguments

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


def array_of(value: Any) -> Any:
    """The device array that a Tensor holds, or that the value is; else None."""
    array = getattr(value, "_array", value)
    return array if isinstance(array, DeviceArray) else None


def flat(values: Iterable) -> Iterator:
    """The values, those in tuples and lists one by one."""
    for value in values:
        if isinstance(value, (tuple, list)):
            yield from flat(value)
        else:
            yield value


def array_or_tensor(value: Any) -> bool:
    """Whether a value is a tensor or an array, wherever it lies."""
    return isinstance(getattr(value, "_array", value), (np.ndarray, DeviceArray))


def rebuilt(old: tuple, items: Iterable) -> tuple:
    """A tuple of the old one's kind, which may have names, with other items."""
    return type(old)(*items) if hasattr(old, "_fields") else tuple(items)


def _interpreted(kernel: Any, args: tuple, kwargs: dict) -> bool:
    """Whether a launch is for the interpret device; one with arrays of the CPU is refused."""
    values = flat((*args, *kwargs.values()))
    kinds = {type(getattr(value, "_array", value)) for value in values}
    if InterpretArray not in kinds and np.ndarray in kinds:
        name = getattr(kernel, "base_fn", kernel).__name__
        raise RuntimeError(
            f"{name}: a tensor argument is on the CPU; move it with .to('cuda') or .to('interpret')"
        )
    return InterpretArray in kinds


def _run_or_interpret(stock: Any) -> Any:
    def run(self: Any, *args: Any, grid: Any, warmup: bool, **kwargs: Any) -> Any:
        if warmup:
            args = tuple(_array_of_type(a) if isinstance(a, dtype) else a for a in args)
            with aimed_at(kwargs.pop("arch", None)):
                return stock(self, *args, grid=grid, warmup=warmup, **kwargs)
        if not _interpreted(self, args, kwargs):
            return stock(self, *args, grid=grid, warmup=warmup, **kwargs)
        if asked():
            compile_too(stock, self, args, kwargs)
        for hook in self.pre_run_hooks:
            hook(*args, **kwargs)
        return _interpret(self, args, grid, kwargs)

    return run


def _array_of_type(element: dtype) -> DeviceArray:
    """What stands for a tensor of a dtype when a kernel is only compiled."""
    return empty((1,), element.numpy, device_of("interpret"))


def _interpret(kernel: Any, args: tuple, grid: Any, kwargs: dict) -> None:
    """Bind the arguments as Triton does and run the kernel in our interpreter."""
    from tritongrad.cuda.interpreter import run

    given = dict(zip(kernel.arg_names, args, strict=False)) | kwargs
    unknown = sorted(given.keys() - set(kernel.arg_names) - OPTIONS)
    if unknown or len(args) > len(kernel.arg_names):
        raise TypeError(
            f"{kernel.__name__} takes {', '.join(kernel.arg_names)}; got {len(args)} arguments by "
            f"position and {unknown or 'nothing else'} by name"
        )
    _check_options(kernel, given)
    bound, values, constexprs = {}, [], {}
    for param in kernel.params:
        if param.name not in given and not param.has_default:
            raise TypeError(f"{kernel.__name__}: argument {param.name!r} is missing")
        value = bound[param.name] = given.get(param.name, param.default)
        if param.is_constexpr and array_or_tensor(value):
            raise TypeError(
                f"{kernel.__name__}: argument {param.name!r} is a constexpr, which a tensor cannot "
                "be: give its .item(), or take the annotation tl.constexpr away"
            )
        if param.is_constexpr or value is None:
            constexprs[param.name] = value
        else:
            values.append(_interpretable(kernel, param.name, value))
    grid = grid(bound) if callable(grid) else grid
    run(kernel, _checked_grid(kernel, grid), tuple(values), constexprs)


def _check_options(kernel: Any, given: dict) -> None:
    """Refuse what no GPU would take, though the interpreter has no use for it."""
    warps = given.get("num_warps", 4)
    if "num_warps" not in kernel.arg_names and (
        not isinstance(warps, int) or warps <= 0 or warps & (warps - 1)
    ):
        raise ValueError(f"{kernel.__name__}: num_warps must be a power of two, got {warps!r}")


def _checked_grid(kernel: Any, grid: Any) -> tuple:
    if not isinstance(grid, (tuple, list)) or not all(hasattr(n, "__index__") for n in grid):
        raise TypeError(
            f"{kernel.__name__}: the grid must be a tuple of ints, as in kernel[(4,)](...), got "
            f"{grid!r}"
        )
    if not 1 <= len(grid) <= 3 or min(grid) < 0:
        raise ValueError(
            f"{kernel.__name__}: the grid must have 1 to 3 sizes, none of them negative, got {grid}"
        )
    return tuple(grid)


def _interpretable(kernel: Any, name: str, value: Any) -> Any:
    if isinstance(value, tuple):
        items = (_interpretable(kernel, f"{name}[{i}]", item) for i, item in enumerate(value))
        return rebuilt(value, items)
    array = array_of(value)
    if (array is None and hasattr(value, "data_ptr")) or isinstance(value, np.ndarray):
        raise RuntimeError(
            f"{kernel.__name__}: argument {name!r} is not on the interpret device as the others "
            "are; move it with .to('interpret')"
        )
    if isinstance(value, (list, dict, str)):
        raise TypeError(
            f"{kernel.__name__}: argument {name!r} must be a tensor, a number or a constexpr, got "
            f"{value!r:.40}"
        )
    return value if array is None else array


def _tune_or_not(stock: Any) -> Any:
    def run(self: Any, *args: Any, **kwargs: Any) -> Any:
        if not _interpreted(self, args, kwargs):
            return stock(self, *args, **kwargs)
        measured, self.cache = self.cache, {}  # what is chosen here says nothing about a GPU
        try:
            return stock(self, *args, **kwargs)
        finally:
            self.cache = measured

    return run


def _bench_or_not(stock: Any) -> Any:
    def bench(self: Any, *args: Any, config: Any, **meta: Any) -> Any:
        if _interpreted(self, args, meta):
            return [float(self.configs.index(config))] * 3  # the first one wins
        return stock(self, *args, config=config, **meta)

    return bench


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

    def get_active_torch_device(self) -> Any:
        raise RuntimeError("tritongrad's Triton driver has no PyTorch device; use tritongrad's own")

    def get_device_interface(self) -> Any:
        """Event, synchronize and current_device, which is what triton.testing.do_bench calls."""
        import tritongrad.cuda

        return tritongrad.cuda

    def get_benchmarker(self) -> Any:
        from tritongrad.cuda.triton_launcher import benchmark

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
