"""Arrays of more than 2^31 elements without the memory: pages appear where they are touched.

Only the last programs of a grid run, so that all but the end of every array stays zero.
"""

from __future__ import annotations

import contextlib
import math
import mmap
from collections.abc import Iterator
from typing import Any

import numpy as np
from kernel_cases import draw

from tritongrad.cuda import interpreter
from tritongrad.cuda.array import DeviceArray, InterpretArray
from tritongrad.cuda.seam import device_of, host_bytes
from tritongrad.cuda.views import layout

FAR = 2**31
N = FAR + 1000
ROWS, COLS = 32769, 65539  # more than FAR together
LINES, WIDTH = 2**20 + 1, 2049
I8, I64, F16 = (np.dtype(d) for d in (np.int8, np.int64, np.float16))
END = draw(700, I8, 1, -40, 40)
LINE = draw(WIDTH, F16, 2)
Result = tuple[Any, Any, float]
LAST = 3  # programs of a grid that run; all of a grid of few
FEW = 64
kept: list[np.ndarray] = []  # memory that views of the host may outlive, until the case has ended
LAZY = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | getattr(mmap, "MAP_NORESERVE", 0x4000)


def last_programs(grid: tuple[int, int, int]) -> Iterator[tuple[int, int, int]]:
    columns, rows, layers = grid
    count = columns * rows * layers
    for k in range(0 if count <= FEW else count - LAST, count):
        yield k % columns, k // columns % rows, k // (columns * rows)


def lazily(nbytes: int) -> Any:
    """Storage of zeros that takes no memory before it is written."""
    page = np.frombuffer(mmap.mmap(-1, max(nbytes, 1), flags=LAZY), np.uint8)
    kept.append(page)
    return device_of("interpret").foreign(page.__array_interface__["data"][0], nbytes, page)


def spanned(args: Any) -> set[int]:
    """How many elements each array argument reaches over, from its first to its last."""
    return {
        1 + sum((n - 1) * abs(s // a.itemsize) for n, s in zip(a.shape, a.strides, strict=True))
        for a in args
        if isinstance(a, DeviceArray) and a.size
    }


@contextlib.contextmanager
def sparse_memory() -> Iterator[dict[str, int]]:
    """The interpret device with such memory; yields the longest argument of each kernel."""
    device, kind = device_of("interpret"), type(device_of("interpret"))
    longest: dict[str, int] = {}

    def launch(kernel: Any, grid: Any, args: Any, options: Any, constexprs: Any) -> None:
        name = f"{kernel.fn.__module__.rpartition('.')[2]}.{kernel.__name__}"
        longest[name] = max(longest.get(name, 0), *spanned(args))
        kind.launch(device, kernel, grid, args, options, constexprs)

    def memset(ptr: int, value: int, nbytes: int) -> None:
        assert value == 0 or nbytes < 1 << 20, "it is zero as it comes"

    def copy(dst: int, src: int, nbytes: int) -> None:
        skipped = max(nbytes - (1 << 20), 0)  # which is zero in both
        kind.copy(device, dst + skipped, src + skipped, nbytes - skipped)

    changes = {"allocate": lazily, "launch": launch, "memset": memset, "copy": copy}
    changes["verify"] = lambda look: None  # programs that did not run have found nothing
    every = interpreter.programs_of
    for name, method in changes.items():
        setattr(device, name, method)
    interpreter.programs_of = last_programs
    try:
        yield longest
    finally:
        interpreter.programs_of = every
        for name in changes:
            delattr(device, name)
        kept.clear()


def host(a: DeviceArray) -> np.ndarray:
    """The memory of a device array as a NumPy array: nothing is copied."""
    buffer: Any = host_bytes(a.storage.ptr, a.storage.nbytes)
    return np.ndarray(a.shape, a.dtype, buffer, a.offset, a.strides)


def far(shape: Any, dtype: Any, end: Any = ()) -> DeviceArray:
    """A contiguous array of zeros whose last elements, in C order, are `end`."""
    shape, dtype = tuple(np.atleast_1d(shape).tolist()), np.dtype(dtype)
    size = math.prod(shape)
    storage = lazily(size * dtype.itemsize)
    strides = layout(shape, dtype.itemsize)[0]
    out = InterpretArray(storage, storage.ptr, shape, strides, dtype, size)
    end = np.asarray(end, dtype).reshape(-1)
    if end.size:
        host(out).reshape(-1)[-end.size :] = end
    return out


def end_of(x: Any, count: int = 700) -> np.ndarray:
    return host(x).reshape(-1)[-count:]
