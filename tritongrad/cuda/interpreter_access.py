"""The interpreter's memory instructions: every access is checked before it happens."""

import ctypes

import numpy as np
import triton.language as tl
from triton.runtime import interpreter as stock
from triton.runtime.interpreter import TensorHandle

from .interpreter_memory import check, state, stuck
from .interpreter_numbers import numpy_dtype, round_bfloat16, to_float

HALVES = (tl.float16, tl.bfloat16)
INTEGERS = {4: tl.int32, 8: tl.int64}


def carrying(handle_type):
    """A descriptor or block pointer whose pointers know the argument that they came from."""

    class Carrying(handle_type):
        def materialize_pointers(self, *where):
            ptrs, mask = super().materialize_pointers(*where)
            ptrs.attr = self.base.attr
            return ptrs, TensorHandle(mask if isinstance(mask, np.ndarray) else mask.data, tl.int1)

    return Carrying


Descriptor = carrying(stock.TensorDescHandle)
if hasattr(stock, "BlockPointerHandle"):  # until Triton 3.8
    BlockPointer = carrying(stock.BlockPointerHandle)


class Access(stock.InterpreterBuilder):
    """Loads, stores and atomics, through pointers, block pointers and descriptors"""

    def create_masked_load(self, ptrs, mask, other, *options, **named):
        dtype = numpy_dtype(ptrs.get_element_ty())
        check("load", ptrs, mask, dtype.itemsize)
        if other is None and state.poison:
            garbage = np.full((*ptrs.data.shape, dtype.itemsize), 0xFF, np.uint8)
            other = TensorHandle(garbage.view(dtype)[..., 0], ptrs.get_element_ty())
        return super().create_masked_load(ptrs, mask, other, *options, **named)

    def create_masked_store(self, ptrs, value, mask, *options, **named):
        check("store", ptrs, mask, value.data.itemsize)
        return super().create_masked_store(ptrs, value, mask, *options, **named)

    def create_atomic_rmw(self, operation, ptr, val, mask, sem, *options):
        check(order_of(sem), ptr, mask, val.data.itemsize)
        if val.dtype.scalar in HALVES:
            return self.add_halves(ptr, val, mask)
        if operation == stock._ir.ATOMIC_OP.XCHG and val.data.dtype.kind == "f":
            bits = TensorHandle(val.data.view(f"i{val.data.itemsize}"), INTEGERS[val.data.itemsize])
            old = super().create_atomic_rmw(operation, ptr, bits, mask, sem, *options)
            return TensorHandle(old.data.view(val.data.dtype), val.dtype.scalar)
        return super().create_atomic_rmw(operation, ptr, val, mask, sem, *options)

    def create_atomic_cas(self, ptr, cmp, val, sem, *options):
        kind = ptr.get_element_ty()
        if len({k.name.removeprefix("u") for k in (cmp.dtype.scalar, val.dtype.scalar, kind)}) > 1:
            raise TypeError(
                f"tl.atomic_cas: {cmp.dtype.scalar} is compared and {val.dtype.scalar} put where a "
                f"{kind} lies; cast both to that"
            )
        check(order_of(sem), ptr, None, val.data.itemsize)
        result = super().create_atomic_cas(ptr, cmp, val, sem, *options)
        stuck(ptr.data, bool((result.data != cmp.data).any()))
        return result

    def add_halves(self, ptr, val, mask):
        """atomic_add of 16-bit floats, the only atomic that they have: one lane after another."""
        kind = val.dtype.scalar
        dtype = numpy_dtype(kind)
        old = np.zeros(ptr.data.shape, dtype)
        for at in zip(*np.nonzero(np.broadcast_to(mask.data, old.shape)), strict=True):
            place = (ctypes.c_uint16 * 1).from_address(int(ptr.data[at]))
            found = np.frombuffer(place, dtype)
            old[at] = found[0]
            total = to_float(TensorHandle(found, kind)).astype(np.float32) + to_float(val)[at]
            found[:] = round_bfloat16(total) if kind == tl.bfloat16 else total
        return TensorHandle(old, kind)

    # Tensor descriptors and block pointers.

    def create_make_tensor_descriptor(self, base, shape, strides, block_shape, signed, *padding):
        found = Descriptor(base, shape, strides, block_shape, *padding)
        found.validate()
        return found

    def create_make_block_ptr(self, base, shape, strides, offsets, block_shape, order):
        copies = [offset.clone() for offset in offsets]
        return BlockPointer(base, shape, strides, copies, block_shape, order)

    def create_advance(self, ptr, offsets):
        pairs = zip(ptr.offsets, offsets, strict=True)
        moved = [TensorHandle(old.data + step.data, old.dtype) for old, step in pairs]
        return BlockPointer(ptr.base, ptr.shape, ptr.strides, moved, ptr.block_shape, ptr.order)

    def create_descriptor_reduce(self, kind, desc, value, indices):
        """An atomic for each element of a block, without a result."""
        ptrs, mask = desc.materialize_pointers(indices)
        dtype = value.dtype.scalar
        prefix = "F" if dtype.is_floating() else "U" if dtype.is_int_unsigned() else ""
        name = kind.name if kind.name not in ("ADD", "MIN", "MAX") else prefix + kind.name
        operation = getattr(stock._ir.ATOMIC_OP, "ADD" if name == "UADD" else name)
        relaxed = stock._ir.MEM_SEMANTIC.RELAXED
        self.create_atomic_rmw(operation, ptrs, value, mask, relaxed, None)


def order_of(sem):
    """What the observer is told of an atomic: a relaxed one orders no other accesses."""
    return "relaxed" if sem == stock._ir.MEM_SEMANTIC.RELAXED else "atomic"
