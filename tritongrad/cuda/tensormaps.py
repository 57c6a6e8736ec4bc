"""Tensor descriptors made on the host: what a launch passes to a kernel for each of them."""

from __future__ import annotations

import ctypes
import functools
import re
from collections.abc import Iterator
from typing import Any

from triton.tools.tensor_descriptor import TensorDescriptor

from tritongrad.cuda.driver import check

# Flags that follow the strides where a kernel takes a descriptor apart: nan beyond the edges,
# and since Triton 3.9 whether float32 is rounded to tf32.
FLAGS = [name for name in ("padding", "round_f32_to_tf32") if hasattr(TensorDescriptor, name)]
# The driver's numbers of types where they are not those in the code's metadata.
NUMBERS = {8: 10, 9: 8, 10: 9}
TF32 = 11
BYTES, ALIGNMENT = 128, 64


def expanded(kind: str, meta: dict | None) -> list[str]:
    """The types of the parameters that stand for a descriptor; meta is None without TMA."""
    [(element, block)] = re.findall(r"^tensordesc<([^[>]*)\[([^]]*)\]", kind)
    rank = block.count(",") + 1
    last = ["i32"] * rank + ["i64"] * rank
    if meta is None:
        return [f"*{element}", *["i64"] * (2 * rank), *["i1"] * len(FLAGS), *last]
    return ["tensormap", *last]


def values_of(descriptor: Any, meta: dict | None, address: int) -> Iterator:
    """The parameters themselves; address is that of the tensor."""
    shape, strides = [*map(int, descriptor.shape)], [*map(int, descriptor.strides)]
    if meta is None:
        yield from (address, *shape, *strides)
        yield from (getattr(descriptor, name) in ("nan", True) for name in FLAGS)
    else:
        yield encoded(descriptor, meta, address, shape, strides)
    yield from shape
    yield from strides


@functools.cache
def _encode() -> Any:
    return ctypes.CDLL("libcuda.so.1").cuTensorMapEncodeTiled


def encoded(
    descriptor: Any, meta: dict, address: int, shape: list[int], strides: list[int]
) -> bytes:
    """A CUtensorMap of the driver's, whose dims go from the innermost outwards

    The driver wants it at a multiple of 64, where an object of cuda.bindings need not lie.
    """
    import cuda.bindings.driver as cu

    rank, size = len(shape), meta["elem_size"]
    if meta["fp4_padded"]:
        shape = [*shape[:-1], 2 * shape[-1]]
    kind = NUMBERS.get(meta["elem_type"], meta["elem_type"])
    if getattr(descriptor, "round_f32_to_tf32", False):
        kind = TF32
    pitches = [size * stride for stride in strides[-2::-1]]
    pitches.append(shape[0] * (pitches[-1] if pitches else size))  # asked for, and not used
    room = ctypes.create_string_buffer(BYTES + ALIGNMENT)
    start = -ctypes.addressof(room) % ALIGNMENT
    result = _encode()(
        ctypes.c_void_p(ctypes.addressof(room) + start),
        kind,
        rank,
        ctypes.c_void_p(address),
        (ctypes.c_uint64 * rank)(*reversed(shape)),
        (ctypes.c_uint64 * rank)(*pitches),
        (ctypes.c_uint32 * rank)(*reversed(meta["block_size"])),
        (ctypes.c_uint32 * rank)(*[1] * rank),
        int(cu.CUtensorMapInterleave.CU_TENSOR_MAP_INTERLEAVE_NONE),
        meta["swizzle"],
        int(cu.CUtensorMapL2promotion.CU_TENSOR_MAP_L2_PROMOTION_L2_128B),
        int(descriptor.padding == "nan"),
    )
    said = f"a descriptor of shape {shape}, strides {strides}"
    check((cu.CUresult(result),), "cuTensorMapEncodeTiled", said)
    return room.raw[start : start + BYTES]
