"""launch(kernel, grid, ...): run a Triton kernel on the device of its arguments."""

from __future__ import annotations

import struct
import types
from typing import Any

import numpy as np

from tritongrad.cuda.array import CudaArray, DeviceArray
from tritongrad.cuda.device import here

_entries: dict[tuple, Any] = {}  # everything a compilation depends on -> loaded kernel
PLAIN = (int, bool, float, str, type(None))  # constexpr types that hash by what they say


def launch(
    kernel: Any,
    grid: tuple[int, ...],
    *args: Any,
    num_warps: int = 4,
    num_stages: int = 3,
    num_ctas: int = 1,
    enable_fp_fusion: bool = False,
    **constexprs: Any,
) -> None:
    """Run kernel over the grid; args are arrays and numbers in signature order

    A float is passed as float32, an np.float64 as float64, an int as int32 if it fits, else as
    int64 (uint64), and as a constant if it is 1: what Triton would do, with np.float64 added.
    """
    first = args[0] if args else None
    if type(first) is not CudaArray:
        first = next((arg for arg in args if isinstance(arg, DeviceArray)), None)
        if type(first) is not CudaArray:
            options = (num_warps, num_stages, num_ctas, enable_fp_fusion)
            return _elsewhere(first, kernel, grid, args, options, constexprs)
    device = first.storage.device
    if here.device is not device:
        device.bind()
    lane = here.lane
    home = lane.home
    key: list = [device, id(kernel), num_warps, num_stages, num_ctas, enable_fp_fusion]
    values = []
    for arg in args:
        kind = type(arg)
        if kind is CudaArray:
            ptr = arg.ptr
            key.append((arg.dtype,) if ptr & 15 else arg.dtype)
            values.append(ptr)
            if arg.storage.home is not home:
                note_foreign_use(arg.storage, device, lane)
        else:
            key.append(_class_of(arg) if kind is not int or not 1 < arg < 2**31 else not arg & 15)
            values.append(arg)
    for name, value in constexprs.items():
        kind = type(value)
        key += (name, kind, value if kind in PLAIN else id(value))
    entry = _entries.get(frozen := tuple(key))
    if entry is None:
        options = (num_warps, num_stages, num_ctas, enable_fp_fusion)
        entry = _entries[frozen] = _prepare(device, kernel, args, options, constexprs)
    if entry.pick is not None:
        values = entry.pick(values)
    gx, gy, gz = grid if len(grid) == 3 else (*grid, 1, 1)[:3]
    if entry.special is not None:
        entry.special.run(device, entry.function, lane, gx, gy, gz, values)
        return None
    try:
        buffer, params = entry.local.state
    except AttributeError:
        buffer, params = entry.new_state()
    try:
        entry.pack_into(buffer, 0, *values, 0, 0)
    except (struct.error, OverflowError):
        entry.pack_exactly(buffer, values)
    result = entry.call(
        entry.function, gx, gy, gz, entry.threads, 1, 1, entry.shared, lane.handle, params, 0
    )
    if result[0] or device.synchronous:
        entry.after(device, result, lane, gx, gy, gz)
    return None


def _class_of(arg: Any) -> Any:
    """What of a scalar argument the compiled code depends on, never coarser than Triton."""
    if type(arg) is int:
        if arg == 1:
            return "1"
        aligned = not arg & 15
        if -(2**31) <= arg < 2**31:
            return aligned
        return ("i64" if arg < 2**63 else "u64", aligned)
    if type(arg) in (float, bool, np.float64, types.NoneType):
        return type(arg)
    if isinstance(arg, DeviceArray):
        raise RuntimeError(f"launch: arguments lie on different devices, one on {arg.device}")
    raise TypeError(
        f"launch: cannot pass a {type(arg).__name__}; pass a device array, int, float or bool"
    )


def note_foreign_use(storage: Any, device: Any, lane: Any) -> None:
    """Memory of another stream is not to be reused before this launch has run."""
    if storage.device is not device:
        raise RuntimeError(f"launch: arguments lie on {device} and on {storage.device}")
    if lane.capture is not None:
        lane.capture.keep(storage)
    elif storage.home is not None:
        if storage.users is None:
            storage.users = set()
        storage.users.add(lane)


def _elsewhere(
    first: Any, kernel: Any, grid: tuple, args: tuple, options: tuple, constexprs: dict
) -> None:
    """A launch on a device that is not a GPU."""
    if first is None:
        raise RuntimeError(f"launch: no argument of {kernel.__name__} is a device array; pass one")
    first.device.launch(kernel, grid, args, options, constexprs)


def _prepare(device: Any, kernel: Any, args: tuple, options: tuple, constexprs: dict) -> Any:
    """The kernel compiled for such arguments and loaded on the device."""
    from tritongrad.cuda.compile import specialise
    from tritongrad.cuda.loaded import load

    specialised = specialise(kernel, args, options, constexprs, device.arch)
    return load(device, specialised, len(args))
