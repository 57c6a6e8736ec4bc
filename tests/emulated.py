"""A GPU played on the stand-in driver: launches run in the interpreter, graphs when replayed.

`install()` replaces calls of cuda.bindings.driver in this process. Work runs when it is queued, on
whatever stream; what a capture forbids is refused as strictly as a driver may.
"""

from __future__ import annotations

import bisect
import ctypes
import gc
import struct
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import cuda.bindings.driver as cu
import emulated_graphs
from emulated_graphs import guarded, here, lock, queue

R = cu.CUresult
UNSAFE = (
    "cuMemAlloc cuMemFree cuMemAllocHost cuMemFreeHost cuEventQuery cuLibraryLoadData cuFuncLoad"
)
FRESH = 0xFF  # as floats nan: what a kernel does not write shows
LARGE = 64 << 20  # bytes that are marked; the rest of a huge block stays untouched
DTYPES = {"u1": "bool", "fp16": "float16", "bf16": "bfloat16", "fp32": "float32", "fp64": "float64"}
DTYPES |= {f"i{n}": f"int{n}" for n in (8, 16, 32, 64)} | {
    f"u{n}": f"uint{n}" for n in (8, 16, 32, 64)
}

stock: dict[str, Callable] = {}
blocks: dict[int, int] = {}  # start -> bytes of what is allocated
starts: list[int] = []  # the same, sorted
ran: list[str] = []  # the names of the kernels that were launched
known: dict[int, Any] = {}  # function -> (kernel, constants, [(name, type)], programs per cluster)


def install() -> None:
    """Play the GPU from here on."""
    for name, replacement in REPLACEMENTS.items():
        stock[name] = getattr(cu, name)
        setattr(cu, name, replacement)
    for name in UNSAFE.split():
        setattr(cu, name, guarded(getattr(cu, name)))


# Launches.


def launch(function: Any, gx: int, gy: int, gz: int, *rest: Any) -> tuple:
    _, _, _, _, stream, params, _ = rest
    kernel, constants, types, _ = source_of(int(function))
    addresses = ctypes.cast(params, ctypes.POINTER(ctypes.c_void_p))
    args = [value_at(addresses[i], kind) for i, (_, kind) in enumerate(types)]
    ran.append(kernel.__name__)
    return queue(stream, lambda: run(kernel, (gx, gy, gz), args, constants))


def launch_ex(config: Any, function: Any, params: int, extra: Any) -> tuple:
    programs = source_of(int(function))[3]
    grid = (config.gridDimX // programs, config.gridDimY, config.gridDimZ)
    return launch(function, *grid, 1, 1, 1, 0, config.hStream, params, extra)


def run(kernel: Any, grid: tuple, args: list, constants: dict) -> None:
    from tritongrad.cuda import interpreter

    interpreter.run(kernel, grid, args, constants, live=lambda: list(blocks.items()))


def source_of(function: int) -> Any:
    """The kernel of a function that was loaded: by our launcher, or by Triton's."""
    if function not in known:
        from tritongrad.cuda.loaded import _loaded

        for entry in list(_loaded.values()):
            spec = entry.source
            rows = [row for row in spec.signature.items() if row[1] != "constexpr"]
            known[entry.function] = (spec.kernel, spec.constants, rows, entry.binary.num_ctas)
    if function not in known:
        from triton.compiler import CompiledKernel

        for made in [x for x in gc.get_objects() if type(x) is CompiledKernel]:
            if getattr(made, "function", None) is not None:
                names = made.src.fn.arg_names
                rows = [row for row in made.src.signature.items() if row[1] != "constexpr"]
                given = {names[at[0]]: value for at, value in made.src.constants.items()}
                known[made.function] = (made.src.fn, given, rows, made.metadata.num_ctas)
    return known[function]


def value_at(address: int, kind: str) -> Any:
    """One parameter, read as the machine code would."""
    import numpy as np

    if kind[0] == "*":
        return pointer(ctypes.c_uint64.from_address(address).value, kind)
    from tritongrad.cuda.loaded import FORMATS

    letter = FORMATS[kind]
    raw = ctypes.string_at(address, struct.calcsize(letter))
    (value,) = struct.unpack(letter, raw)
    if kind in ("u1", "i1"):
        return bool(value)
    return np.float64(value) if kind == "fp64" else value


def pointer(address: int, kind: str) -> Any:
    where = bisect.bisect_right(starts, address) - 1
    low = starts[where] if where >= 0 else address
    size = blocks.get(low, 0)
    if not low <= address <= low + size:
        low, size = address, 0
    storage = SimpleNamespace(ptr=low, nbytes=size)
    dtype: Any = DTYPES[kind.lstrip("*k")]
    if dtype == "bfloat16":
        import ml_dtypes

        dtype = ml_dtypes.bfloat16
    return SimpleNamespace(ptr=address, dtype=dtype, storage=storage)


# Memory.


def allocated(result: tuple, size: int) -> tuple:
    if not result[0]:
        with lock:
            address = int(result[1])
            ctypes.memset(address, FRESH, min(size, LARGE))
            blocks[address] = size
            bisect.insort(starts, address)
    return result


def freed(address: Any) -> None:
    with lock:
        if blocks.pop(int(address), None) is not None:
            del starts[bisect.bisect_left(starts, int(address))]


def mem_alloc(size: int) -> tuple:
    return allocated(stock["cuMemAlloc"](size), size)


def mem_free(address: Any) -> tuple:
    freed(address)
    return stock["cuMemFree"](address)


def alloc_async(size: int, pool: Any, stream: Any) -> tuple:
    if int(stream) in here.captures:
        return (R.CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, None)
    return allocated(stock["cuMemAllocFromPoolAsync"](size, pool, stream), size)


def free_async(address: Any, stream: Any) -> tuple:
    if int(stream) in here.captures:
        return (R.CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED,)
    freed(address)
    return stock["cuMemFreeAsync"](address, stream)


def copy(target: Any, source: Any, nbytes: int, stream: Any) -> tuple:
    where = int(target), int(source), int(nbytes)
    return queue(stream, lambda: ctypes.memmove(*where))


def memset(target: Any, value: int, nbytes: int, stream: Any) -> tuple:
    where = int(target), int(value), int(nbytes)
    return queue(stream, lambda: ctypes.memset(*where))


REPLACEMENTS: dict[str, Callable] = {
    "cuLaunchKernel": launch,
    "cuLaunchKernelEx": launch_ex,
    "cuMemAlloc": mem_alloc,
    "cuMemFree": mem_free,
    "cuMemAllocFromPoolAsync": alloc_async,
    "cuMemFreeAsync": free_async,
    "cuMemcpyHtoDAsync": copy,
    "cuMemcpyDtoHAsync": copy,
    "cuMemcpyDtoDAsync": copy,
    "cuMemsetD8Async": memset,
    **emulated_graphs.REPLACEMENTS,
}
