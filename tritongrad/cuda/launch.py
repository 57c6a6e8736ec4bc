"""launch(kernel, grid, ...): run a Triton kernel on the device of its arguments."""

from __future__ import annotations

import struct
import types
from collections.abc import Callable
from typing import Any

import numpy as np

from tritongrad.cuda.array import CudaArray, DeviceArray
from tritongrad.cuda.seam import here

PLAIN = (int, bool, float, str, type(None))  # constexpr types that hash by what they say
SCALARS = (np.float64, types.NoneType, float, bool)

_bound: dict[tuple, Bound] = {}


def launch(
    kernel: Any,
    grid: tuple[int, ...],
    *args: Any,
    num_warps: int = 4,
    num_stages: int = 3,
    num_ctas: int = 1,
    enable_fp_fusion: bool | int = False,
    **constexprs: Any,
) -> None:
    """Run kernel over the grid; args are arrays and numbers in signature order

    A float is passed as float32, an np.float64 as float64, an int as int32 if it fits, else as
    int64 (uint64), and as a constant if it is 1: what Triton would do, with np.float64 added.
    """
    key = [id(kernel), num_warps, num_stages, num_ctas, enable_fp_fusion]
    for name, value in constexprs.items():
        kind = type(value)
        key += (name, kind, value if kind in PLAIN else id(value))
    bound = _bound.get(frozen := tuple(key))
    if bound is None:
        options = (num_warps, num_stages, num_ctas, enable_fp_fusion)
        bound = _bound[frozen] = Bound(kernel, options, constexprs)
    bound(grid, *args)


def bind(kernel: Any, *, num_warps: int = 4, num_stages: int = 3, **constexprs: Any) -> Bound:
    """launch() with its constants given once: `bind(kernel, BLOCK=1024)(grid, x, y, n)`"""
    return Bound(kernel, (num_warps, num_stages, 1, False), constexprs)


class Bound:
    """A kernel with its constants and options, and a plan for each tuple of argument types"""

    __slots__ = ("constexprs", "kernel", "options", "plans")

    def __init__(self, kernel: Any, options: tuple, constexprs: dict[str, Any]) -> None:
        self.kernel = kernel  # it and the constexprs live as long as their ids are keys
        self.options = options
        self.constexprs = constexprs
        self.plans: dict[tuple, Callable] = {}

    def __call__(self, grid: tuple[int, ...], *args: Any) -> None:
        kinds = tuple(map(type, args))
        plan = self.plans.get(kinds)
        if plan is None:
            plan = self.plans[kinds] = self.typed(*kinds)
        plan(grid, *args)

    def typed(self, *kinds: type) -> Callable:
        """The launch for arguments of these types, without looking at them again each time."""
        arrays = [kind for kind in kinds if issubclass(kind, DeviceArray)]
        if not arrays:
            raise RuntimeError(
                f"launch: no argument of {self.kernel.__name__} is a device array; pass one"
            )
        if len(set(arrays)) > 1:
            raise RuntimeError(
                f"launch: arguments of {self.kernel.__name__} lie on different devices: "
                f"{sorted(kind.__name__ for kind in set(arrays))}"
            )
        return gpu_plan(self, kinds) if arrays[0] is CudaArray else self.elsewhere

    def elsewhere(self, grid: tuple, *args: Any) -> None:
        """A launch on a device that is not a GPU."""
        array = next(arg for arg in args if isinstance(arg, DeviceArray))
        names = ("num_warps", "num_stages", "num_ctas", "enable_fp_fusion")
        options = dict(zip(names, self.options, strict=True))
        array.device.launch(self.kernel, grid, args, options, self.constexprs)

    def prepare(self, device: Any, args: tuple) -> Any:
        """Compile the kernel for such arguments and load it on the device."""
        from tritongrad.cuda.compile import specialise
        from tritongrad.cuda.loaded import load

        made = specialise(self.kernel, args, self.options, self.constexprs, device.arch)
        return load(device, made, len(args))


# The work of one launch, written out for the types of its arguments: a loop over them would cost
# 1.5 us more than the 1.2 us that this takes beside the driver's call.
PLAN = """
def plan(grid, {names}):
    device = {first}.storage.device
    if here.device is not device:
        device.bind()
    lane = here.lane
    home = lane.home
{arrays}
    key = (device, {key})
    entry = get(key)
    if entry is None:
        entry = entries[key] = bound.prepare(device, ({names},))
    if len(grid) == 1:
        gx = grid[0]
        gy = gz = 1
    else:
        gx, gy, gz = grid if len(grid) == 3 else (*grid, 1)
    if entry.special is not None:
        values = ({values},) if entry.pick is None else entry.pick(({values},))
        return entry.special.run(device, entry.function, lane, gx, gy, gz, values)
    try:
        buffer, params = entry.local.state
    except AttributeError:
        buffer, params = entry.new_state()
    try:
        if entry.pick is None:
            entry.pack_into(buffer, 0, {values}, 0, 0)
        else:
            entry.pack_into(buffer, 0, *entry.pick(({values},)), 0, 0)
    except pack_errors:
        entry.pack_exactly(buffer, ({values},) if entry.pick is None else entry.pick(({values},)))
    result = entry.call(
        entry.function, gx, gy, gz, entry.threads, 1, 1, entry.shared, lane.handle, params, 0
    )
    if result[0]:
        entry.after(device, result, lane, gx, gy, gz)
"""
ARRAY = """
    if {name}.storage.home is not home:
        note_foreign_use({name}.storage, device, lane)
    p{name} = {name}.ptr"""


def gpu_plan(bound: Bound, kinds: tuple[type, ...]) -> Callable:
    """PLAN for arguments of these types; its key is never coarser than Triton's own"""
    names = [f"a{i}" for i in range(len(kinds))]
    arrays, key, values = [], [], []
    for name, kind in zip(names, kinds, strict=True):
        values.append(f"p{name}" if kind is CudaArray else name)
        if kind is CudaArray:
            arrays.append(ARRAY.format(name=name))
            key.append(f"{name}.dtype, p{name} & 15")
        elif kind is int:
            key.append(f"(not {name} & 15) if 1 < {name} < 2147483648 else class_of({name})")
        elif kind not in SCALARS:
            raise TypeError(
                f"launch: cannot pass a {kind.__name__} to {bound.kernel.__name__}; pass a device "
                "array, int, float or bool"
            )
    source = PLAN.format(
        names=", ".join(names),
        first=names[kinds.index(CudaArray)],
        arrays="".join(arrays),
        key=", ".join(key),
        values=", ".join(values),
    )
    entries: dict[tuple, Any] = {}  # what else the machine code depends on -> loaded kernel
    known = {
        "bound": bound,
        "class_of": class_of,
        "entries": entries,
        "get": entries.get,
        "here": here,
        "note_foreign_use": note_foreign_use,
        "pack_errors": (struct.error, OverflowError),
    }
    exec(source, known)
    return known["plan"]


def class_of(value: int) -> Any:
    """What of an integer argument the machine code depends on."""
    if value == 1:
        return "1"
    aligned = not value & 15
    if -(2**31) <= value < 2**31:
        return aligned
    return ("i64" if value < 2**63 else "u64", aligned)


def note_foreign_use(storage: Any, device: Any, lane: Any) -> None:
    """Memory of another stream is not to be reused before this launch has run."""
    if storage.device is not device:
        raise RuntimeError(
            f"launch: expected all tensors to be on the same device, but found at least two, "
            f"{device} and {storage.device}: move one with .to(device)"
        )
    if lane.capture is not None:
        lane.capture.keep(storage)
    elif storage.home is not None:
        device.memory.watch(storage.ptr, lane)
