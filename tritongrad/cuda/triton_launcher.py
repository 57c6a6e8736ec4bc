"""Loading, launching and timing for Triton's JIT, over our own packing of parameters."""

from __future__ import annotations

from typing import Any

from tritongrad.cuda.compile import Binary
from tritongrad.cuda.seam import here
from tritongrad.cuda.tensormaps import expanded, values_of
from tritongrad.cuda.user_launch import array_of, flat

REPEATS = 20  # timed runs of a configuration, after two untimed ones


class Launcher:
    """Runs one compiled kernel with the arguments of `kernel[grid](...)`"""

    def __init__(self, src: Any, metadata: Any) -> None:
        from tritongrad.cuda.loaded import FORMATS, Launchable

        signature = list(flat(src.signature.values()))
        self.places = [i for i, kind in enumerate(signature) if kind != "constexpr"]
        self.kinds = [signature[i] for i in self.places]
        self.name = metadata.name
        self.maps = list(getattr(metadata, "tensordesc_meta", None) or ())  # none without TMA
        if not self.maps:
            self.maps = [None] * sum(kind.startswith("tensordesc") for kind in self.kinds)
        maps, types = iter(self.maps), []
        for kind in self.kinds:
            types += expanded(kind, next(maps)) if kind.startswith("tensordesc") else [kind]
            if types[-1][0] != "*" and types[-1] not in FORMATS:
                raise RuntimeError(f"{self.name}: cannot pass a {kind} from the host")
        self.launchable = Launchable(
            Binary(
                cubin=b"",
                name=metadata.name,
                types=tuple(types),
                kept=(),
                num_warps=metadata.num_warps,
                num_ctas=metadata.num_ctas,
                shared=metadata.shared,
                tensor_memory=0,
                scratch=metadata.global_scratch_size or 0,
                profile=metadata.profile_scratch_size or 0,
                cooperative=bool(metadata.launch_cooperative_grid),
                dependent=bool(metadata.launch_pdl),
            )
        )

    def __call__(
        self, gx: int, gy: int, gz: int, stream: int, function: int, packed: Any, launch_meta: Any,
        enter: Any, leave: Any, *args: Any,
    ) -> None:  # fmt: skip
        given = args if len(args) > max(self.places, default=-1) else tuple(flat(args))
        if any(isinstance(arg, tuple) for arg in args):
            given = tuple(flat(args))
        device, lane, values, maps = here.device, here.lane, [], iter(self.maps)
        for place, kind in zip(self.places, self.kinds, strict=True):
            value = given[place]
            if kind[0] == "*":
                values.append(self._address(value, device, lane))
            elif kind.startswith("tensordesc"):
                base = self._address(value.base, device, lane)
                values += values_of(value, next(maps), base)
            else:
                values.append(value)
        if not gx * gy * gz:
            return
        if enter is not None and getattr(enter, "calls", True):
            enter(launch_meta)
        self.launchable.run(device, function, lane, gx, gy, gz, values)
        if leave is not None and getattr(leave, "calls", True):
            leave(launch_meta)

    def _address(self, value: Any, device: Any, lane: Any) -> int:
        """A pointer argument as a number; a tensor is checked and protected from early reuse."""
        from tritongrad.cuda.launch import note_foreign_use

        if value is None:
            return 0
        if isinstance(value, int):
            return value
        array = array_of(value)
        if array is not None:
            if array.storage.home is not lane.home:
                note_foreign_use(array.storage, device, lane)
            return array.ptr
        if hasattr(value, "_array"):
            raise RuntimeError(
                f"{self.name}: a tensor argument is on the CPU; move it with .to('cuda')"
            )
        return value.data_ptr()


class Utils:
    """What Triton's CompiledKernel asks of the driver's C helper."""

    def __init__(self) -> None:
        self.libraries: list = []  # held for ever: unloading during a capture would break it

    def __getattr__(self, name: str) -> Any:
        """What only Triton's own launcher needs, from its C helper, which needs a C compiler."""
        from triton.backends.nvidia.driver import CudaUtils

        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(CudaUtils(), name)

    def get_device_properties(self, device: int) -> dict[str, int]:
        from tritongrad.cuda.gpu import gpu

        found = gpu(device).properties
        names = {
            "max_shared_mem": found["max_shared"],
            "max_num_regs": found["max_registers"],
            "multiprocessor_count": found["multiprocessors"],
            "warpSize": 32,
        }
        return names | dict.fromkeys(("sm_clock_rate", "mem_clock_rate", "mem_bus_width"), 0)

    def load_binary(self, name: str, kernel: bytes, shared: int, device: int) -> tuple:
        from tritongrad.cuda.gpu import gpu
        from tritongrad.cuda.loaded import load_function

        gpu(device).bind()
        library, loaded, function = load_function(kernel, name, shared, 1)
        self.libraries.append((library, loaded))
        registers, local, threads = function_attributes(function)
        return len(self.libraries), function, registers, local // 4, threads

    def unload_module(self, module: int) -> None:
        """Nothing: see `libraries`."""

    def set_printf_fifo_size(self, size: int) -> None:
        import cuda.bindings.driver as cu

        from tritongrad.cuda.driver import check

        check(cu.cuCtxSetLimit(cu.CUlimit.CU_LIMIT_PRINTF_FIFO_SIZE, size), "cuCtxSetLimit")


def function_attributes(function: int) -> tuple[int, int, int]:
    """Registers, bytes of local memory and most threads of a function."""
    import cuda.bindings.driver as cu

    from tritongrad.cuda.driver import check

    names = ("NUM_REGS", "LOCAL_SIZE_BYTES", "MAX_THREADS_PER_BLOCK")
    keys = [getattr(cu.CUfunction_attribute, f"CU_FUNC_ATTRIBUTE_{name}") for name in names]
    handle = cu.CUfunction(function)
    values = [check(cu.cuFuncGetAttribute(key, handle), "cuFuncGetAttribute") for key in keys]
    return values[0], values[1], values[2]


def benchmark(kernel_call: Any, quantiles: Any = None, **options: Any) -> Any:
    """Milliseconds of a call at the given quantiles, the second-level cache flushed before each"""
    from tritongrad.cuda.gpu import gpu
    from tritongrad.cuda.streams import Event

    device = gpu(None)
    kernel_call()
    device.synchronize()
    flushed = device.allocate(256 << 20)
    pairs = [(Event(enable_timing=True), Event(enable_timing=True)) for _ in range(REPEATS)]
    kernel_call()
    for start, end in pairs:
        device.memset(flushed.ptr, 0, flushed.nbytes)
        start.record()
        kernel_call()
        end.record()
    device.synchronize()
    times = sorted(start.elapsed_time(end) for start, end in pairs)
    if quantiles is None:
        return sum(times) / len(times)
    return [times[min(len(times) - 1, int(q * len(times)))] for q in quantiles]
