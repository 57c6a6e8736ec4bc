"""Plans: functions that do one elementwise operation on operands of known forms, and no more."""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import cache
from typing import Any

import cuda.bindings.driver as cu
import ml_dtypes
import numpy as np

from tritongrad.cuda.array import CudaArray, DeviceArray
from tritongrad.cuda.forms import Form
from tritongrad.cuda.loaded import Entry, packing
from tritongrad.cuda.memory import rounded
from tritongrad.cuda.seam import Block, here

MOST = 1000  # numbers kept in their rounded form
HALVES = (np.dtype(np.float16), np.dtype(ml_dtypes.bfloat16))

# Plans, written out for the kinds of its operands: a loop over them would cost 1 us, and
# calling the methods that this repeats (allocate, __init__) another one.
HEAD = """
def make(form, room, entry, ready, to_dtype, pack):
    device, shape, strides, dtype = form.device, form.shape, form.strides, form.dtype
    size, nbytes, memory, obtain = form.size, form.nbytes, device.memory, device.obtain
    buffers, new_buffer, join, function = ready.lanes, ready.new_buffer, ready.join, ready.function
    def plan({operands}):
        lane = here.lane
        unused = buffers.get(lane)
        if unused is None:
            lane, unused = join()
        home = lane.home
        if {foreign}:
            return None
"""
ALLOCATION = """
        try:
            address = home.lists[room].pop()
            home.held -= room
        except (KeyError, IndexError):
            address = obtain(room)
        memory.allocated = used = memory.allocated + room
        if used > memory.peak:
            memory.peak = used
        owner = new(Block)
        owner.ptr = address
        owner.nbytes = nbytes
        owner.device = device
        owner.home = home
        owner.room = room
"""
LAUNCH = """
        try:
            buffer = unused.pop()
        except IndexError:
            buffer = new_buffer(lane)
        data, config, params, _ = buffer
        try:
            pack(data, 0, {values})
        except (error, OverflowError):
            return None
        result = launch(config, function, params, 0)
        unused.append(buffer)
        if result[0]:
            ready.after(result, lane)
"""
RESULT = """
        out = new(CudaArray)
        out.storage = owner
        out.ptr = address
        out.shape = shape
        out.strides = strides
        out.dtype = dtype
        out.size = size
        out.form = form
        return out
    return plan
"""
STORED = """
        return x0
    return plan
"""
PLAN = HEAD + ALLOCATION + LAUNCH + RESULT
STORE = HEAD + LAUNCH + STORED  # into the first operand


class Ready:
    """A launch with its constants in place, in as many buffers as there are threads inside one

    A buffer is taken from the list of its stream while it is in use: launching drops the GIL.
    """

    def __init__(self, entry: Entry, args: tuple, programs: int) -> None:
        values = [x.ptr if isinstance(x, DeviceArray) else x for x in args]
        self.values = values if entry.pick is None else entry.pick(values)
        self.entry = entry
        self.programs = programs
        self.function = cu.CUfunction(entry.function)
        self.lanes: dict[Any, list] = {}  # stream -> its buffers that are not in use

    def join(self) -> tuple[Any, list]:
        """This thread's stream of the device, which becomes the current one."""
        self.entry.device.bind()
        return here.lane, self.lanes.setdefault(here.lane, [])

    def new_buffer(self, lane: Any) -> tuple:
        """(parameters, configuration, address of the parameters' addresses, what holds those)"""
        data, addresses, params = self.entry.new_buffer()
        self.entry.pack_exactly(data, self.values)
        config = cu.CUlaunchConfig()
        config.gridDimX, config.gridDimY, config.gridDimZ = self.programs, 1, 1
        config.blockDimX, config.blockDimY, config.blockDimZ = self.entry.threads, 1, 1
        config.sharedMemBytes, config.hStream = self.entry.shared, cu.CUstream(lane.handle)
        return data, config, params, addresses

    def after(self, result: tuple, lane: Any) -> None:
        """A launch that failed."""
        self.entry.after(self.entry.device, result, lane, self.programs, 1, 1)


def written(
    entry: Entry,
    form: Form,
    dtype: np.dtype,
    operands: list,
    args: tuple,
    programs: int,
    text: str = PLAN,
    unread: int = 0,
) -> Callable | None:
    """PLAN for operands like these and a result of this form, or STORE; numbers become dtype.

    The first `unread` operands are not read: a fill has one.
    """
    if entry.special is not None:
        return None
    names = [f"x{i}" for i in range(len(operands))]
    arrays = [name for name, x in zip(names, operands, strict=True) if type(x) is CudaArray]
    number = "to_dtype({})" if dtype in HALVES else "{}"
    values = [f"{name}.ptr" if name in arrays else number.format(name) for name in names]
    foreign = " or ".join(f"{name}.storage.home is not home" for name in arrays) or "False"
    values = ["address" if text is PLAN else "x0.ptr", *values[unread:]]
    make = maker(text, ", ".join(names), foreign, ", ".join(values))
    pack = struct.Struct(packing(entry.binary.types[: len(values)])[0]).pack_into
    ready = Ready(entry, args, programs)
    return make(form, rounded(form.nbytes), entry, ready, rounder(dtype), pack)


@cache
def maker(text: str, operands: str, foreign: str, values: str) -> Callable:
    """A plan with its holes filled: one text serves all operations with such operands."""
    known: dict[str, Any] = {
        "Block": Block,
        "CudaArray": CudaArray,
        "error": struct.error,
        "here": here,
        "launch": cu.cuLaunchKernelEx,
        "new": object.__new__,
    }
    exec(text.format(operands=operands, foreign=foreign, values=values), known)
    return known["make"]


@cache
def rounder(dtype: np.dtype) -> Callable[[float], float]:
    """What rounds a number to dtype, remembering those it has seen."""
    seen: dict[float, float] = {}

    def to_dtype(value: float) -> float:
        found = seen.get(value)
        if found is None:
            with np.errstate(over="ignore"):
                found = float(np.asarray(float(value)).astype(dtype).astype(np.float32))
            if value and len(seen) < MOST:  # 0.0 and -0.0 are one key
                seen[value] = found
        return found

    return to_dtype
