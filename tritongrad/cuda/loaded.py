"""Kernels loaded on a GPU: parameters packed by us, launched by one call of the driver."""

from __future__ import annotations

import ctypes
import math
import struct
import threading
import warnings
from operator import itemgetter
from typing import Any

import cuda.bindings.driver as cu
import triton

from tritongrad.cuda.compile import Binary, Spec, compiled, refuse_oversized, triton_compile
from tritongrad.cuda.driver import check, failed
from tritongrad.cuda.streams import relaxed
from tritongrad.cuda.triton_driver import DevicePointer

# How the machine code lays out a parameter: C's natural sizes and alignments.
FORMATS = {
    **{"i1": "b", "u1": "B", "i8": "b", "u8": "B", "i16": "h", "u16": "H", "i32": "i"},
    **{"u32": "I", "i64": "q", "u64": "Q", "fp16": "e", "bf16": "H", "fp32": "f", "fp64": "d"},
    "tensormap": "128s",
}
LARGE_SHARED = 48 << 10  # more dynamic shared memory than this has to be asked for
LARGEST_FLOAT = 3.4028235677973366e38  # beyond this float32 rounds to infinity
INFO_ENDS = "CUDA_ERROR_INVALID_VALUE"

_loaded: dict[tuple, Entry] = {}
_fallen_back: list[str] = []  # the kernels that Triton's own launcher runs
_lock = threading.Lock()


class Layout:
    """Offsets of the parameters of one kernel, and the struct that packs them"""

    __slots__ = ("offsets", "sizes", "struct")

    def __init__(self, types: tuple[str, ...]) -> None:
        # Triton appends the addresses of the global and the profile scratch memory
        text, self.offsets, self.sizes = packing((*types, "u64", "u64"))
        self.struct = struct.Struct(text)


def packing(types: tuple[str, ...]) -> tuple[str, list[int], list[int]]:
    """The format of parameters of these types, their offsets and their sizes."""
    text, offsets, sizes, end = "=", [], [], 0
    for kind in types:
        letter = "Q" if kind[0] == "*" else FORMATS[kind]
        size = struct.calcsize(letter)
        step = min(size, 64)  # a tensor map of 128 bytes lies at a multiple of 64
        start = -(-end // step) * step
        text += f"{start - end}x{letter}" if start > end else letter
        offsets.append(start)
        sizes.append(size)
        end = start + size
    return text, offsets, sizes


class Launchable:
    """Packs the parameters of one kernel and launches it; what launch() reads is an attribute"""

    __slots__ = (
        "__weakref__",
        "binary",
        "call",
        "layout",
        "local",
        "pack_into",
        "shared",
        "special",
        "threads",
    )

    def __init__(self, binary: Binary) -> None:
        self.binary = binary
        self.layout = Layout(binary.types)
        self.pack_into = self.layout.struct.pack_into
        self.local = threading.local()  # a buffer per thread: launching drops the GIL
        self.call = cu.cuLaunchKernel
        self.threads = 32 * binary.num_warps
        self.shared = binary.shared
        extended = binary.num_ctas > 1 or binary.cooperative or binary.dependent
        self.special: Any = self if extended or binary.scratch or binary.profile else None

    def new_state(self) -> tuple[Any, int]:
        """This thread's buffer of parameters and the address of the list of their addresses."""
        buffer, self.local.keep, address = self.new_buffer()
        self.local.state = buffer, address
        return self.local.state

    def new_buffer(self) -> tuple[Any, Any, int]:
        """A buffer of parameters, the list of their addresses, and the address of that list."""
        buffer = ctypes.create_string_buffer(self.layout.struct.size)
        start = ctypes.addressof(buffer)
        count = len(self.layout.offsets)
        params = (ctypes.c_void_p * count)(*[start + offset for offset in self.layout.offsets])
        return buffer, params, ctypes.addressof(params)

    def pack_exactly(self, buffer: Any, values: Any, scratch: int = 0, profile: int = 0) -> None:
        """Pack what struct refuses: floats beyond float32, and bfloat16."""
        kinds = zip(self.binary.types, values, strict=True)
        fixed = [_exact(kind, value) for kind, value in kinds]
        self.pack_into(buffer, 0, *fixed, scratch, profile)

    def after(self, device: Any, result: tuple, lane: Any, *grid: int) -> None:
        """A launch that failed or that has to be waited for."""
        if math.prod(grid) == 0:
            return  # nothing to do is no error, only the driver thinks so
        name = f"{self.binary.name}, grid {grid}"
        check(result, "cuLaunchKernel", name)
        if device.synchronous and lane.capture is None:
            check(cu.cuStreamSynchronize(lane.handle), "cuStreamSynchronize", name)

    def run(
        self, device: Any, function: int, lane: Any, gx: int, gy: int, gz: int, values: Any
    ) -> None:
        """Launch with all that a kernel can need: scratch memory, clusters, attributes"""
        binary = self.binary
        programs = gx * gy * gz * binary.num_ctas
        if not programs:
            return
        # Freed when this returns, and reused in the order of the stream: after the kernel.
        scratch = device.allocate(programs * binary.scratch)
        profile = device.allocate(programs * binary.profile)
        if profile.nbytes:
            device.memset(profile.ptr, 0, profile.nbytes)
        buffer, params = getattr(self.local, "state", None) or self.new_state()
        self.pack_exactly(buffer, values, scratch.ptr, profile.ptr)
        if not (attrs := attributes(binary)):
            grid = (gx, gy, gz, self.threads, 1, 1)
            result = cu.cuLaunchKernel(function, *grid, self.shared, lane.handle, params, 0)
        else:
            config = cu.CUlaunchConfig()
            config.gridDimX, config.gridDimY, config.gridDimZ = gx * binary.num_ctas, gy, gz
            config.blockDimX, config.blockDimY, config.blockDimZ = self.threads, 1, 1
            config.sharedMemBytes, config.hStream = binary.shared, cu.CUstream(lane.handle)
            config.attrs, config.numAttrs = attrs, len(attrs)
            result = cu.cuLaunchKernelEx(config, cu.CUfunction(function), params, 0)
        self.after(device, result, lane, gx, gy, gz)


class Entry(Launchable):
    """One kernel on one device, as launch() keeps it"""

    __slots__ = ("device", "function", "library", "pick", "source")

    def __init__(self, device: Any, binary: Binary, source: Spec, arguments: int) -> None:
        refuse_oversized(binary, device.properties)
        super().__init__(binary)
        self.device = device
        self.source = source  # holds on to the functions whose ids are in launch's key
        self.pick = picker(binary.kept, arguments)
        loaded = load_function(binary.cubin, binary.name, binary.shared, binary.num_ctas)
        self.library, kernel, self.function = loaded
        if device.synchronous:
            self.special = self
        if not offsets_agree(kernel, self.layout):
            self.special = Fallback(self, source)


@relaxed()
def load_function(cubin: bytes, name: str, shared: int, num_ctas: int) -> tuple[Any, Any, int]:
    """Library, kernel and function, loaded now: a launch that still has to load is not recorded"""
    library = check(cu.cuLibraryLoadData(cubin, [], [], 0, [], [], 0), "cuLibraryLoadData", name)
    kernel = check(cu.cuLibraryGetKernel(library, name.encode()), "cuLibraryGetKernel", name)
    function = check(cu.cuKernelGetFunction(kernel), "cuKernelGetFunction", name)
    keys = cu.CUfunction_attribute
    if shared > LARGE_SHARED:
        key = keys.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES
        check(cu.cuFuncSetAttribute(function, key, shared), "cuFuncSetAttribute", name)
    if num_ctas > 8:
        key = keys.CU_FUNC_ATTRIBUTE_NON_PORTABLE_CLUSTER_SIZE_ALLOWED
        check(cu.cuFuncSetAttribute(function, key, 1), "cuFuncSetAttribute", name)
    check(cu.cuFuncLoad(function), "cuFuncLoad", name)
    return library, kernel, int(function)


def _exact(kind: str, value: Any) -> Any:
    if kind == "fp32" and math.isfinite(value) and abs(value) > LARGEST_FLOAT:
        return math.copysign(math.inf, value)
    if kind == "bf16":  # truncated, as Triton's own launcher does
        return struct.unpack("<I", struct.pack("<f", value))[0] >> 16
    return value


def attributes(binary: Binary) -> list:
    """The launch attributes that Triton's own launcher sets."""
    ids, result = cu.CUlaunchAttributeID, []

    def add(name: str) -> Any:
        attribute = cu.CUlaunchAttribute()
        attribute.id = getattr(ids, f"CU_LAUNCH_ATTRIBUTE_{name}")
        result.append(attribute)
        return attribute

    if binary.dependent:
        add("PROGRAMMATIC_STREAM_SERIALIZATION").value.programmaticStreamSerializationAllowed = 1
    if binary.cooperative:
        add("COOPERATIVE").value.cooperative = 1
    if binary.num_ctas > 1:
        cluster = add("CLUSTER_DIMENSION").value.clusterDim
        cluster.x, cluster.y, cluster.z = binary.num_ctas, 1, 1
        policy = cu.CUclusterSchedulingPolicy.CU_CLUSTER_SCHEDULING_POLICY_SPREAD
        add("CLUSTER_SCHEDULING_POLICY_PREFERENCE").value.clusterSchedulingPolicyPreference = policy
    return result


def warn_once(name: str) -> None:
    if not _fallen_back:
        warnings.warn(
            f"launch: {name} wants its parameters laid out in a new way; using Triton's own "
            "launcher, which is slower. Please report the version of Triton.",
            RuntimeWarning,
            stacklevel=2,
        )
    _fallen_back.append(name)


class Fallback:
    """Triton's own launcher, for a layout of parameters that we do not know; needs a C compiler"""

    def __init__(self, entry: Entry, spec: Spec) -> None:
        from triton.backends.nvidia.driver import CudaLauncher

        warn_once(entry.binary.name)
        self.entry, self.spec = entry, spec
        self.compiled = triton_compile(spec)
        self.launcher = CudaLauncher(self.compiled.src, self.compiled.metadata)

    def run(
        self, device: Any, function: int, lane: Any, gx: int, gy: int, gz: int, values: Any
    ) -> None:
        if not gx * gy * gz:
            return
        given = iter(values)
        constants, signature = self.spec.constants, self.spec.signature
        args = [
            constants[name] if kind == "constexpr" else next(given)
            for name, kind in signature.items()
        ]
        if self.entry.binary.scratch:  # per thread: a new one sees no allocator at all
            triton.set_allocator(
                lambda size, alignment, stream: DevicePointer(device.allocate(size))
            )
        packed = self.compiled.packed_metadata
        self.launcher(gx, gy, gz, lane.handle, function, packed, None, None, None, *args)


def offsets_agree(kernel: Any, layout: Layout) -> bool:
    """Whether the driver, which reads the code, sees the parameters where we put them."""
    found = []
    for index in range(len(layout.offsets) + 1):
        code, *info = cu.cuKernelGetParamInfo(kernel, index)
        if code and code.name != INFO_ENDS:
            raise failed("cuKernelGetParamInfo", code)
        if code:
            break
        found.append((int(info[0]), int(info[1])))
    return found == list(zip(layout.offsets, layout.sizes, strict=True))


def picker(kept: tuple[int, ...], arguments: int) -> Any:
    """What drops the arguments that are compiled in; None when there are none."""
    if kept == tuple(range(arguments)):
        return None
    return itemgetter(*kept) if len(kept) > 1 else lambda values: [values[i] for i in kept]


def load(device: Any, specialised: tuple[Spec, tuple[int, ...]], arguments: int) -> Entry:
    """The entry of a spec, compiled and loaded once per device and process."""
    spec, kept = specialised
    key = (device, spec.text(), kept, arguments)
    with _lock:
        if key not in _loaded:
            _loaded[key] = Entry(device, compiled(spec, kept), spec, arguments)
        return _loaded[key]
