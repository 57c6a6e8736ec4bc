"""The interpreter's arithmetic: what every Triton instruction does to NumPy arrays.

Triton's own builder is the base; overridden here is what it gets wrong on some version from 3.6
on: bfloat16 kept as raw bits, float8 cut off, fma rounded twice, nan kept where the GPU drops it,
floats out of an integer's range.
"""

import dataclasses

import numpy as np
import triton.language as tl
from triton.backends.nvidia.compiler import min_dot_size
from triton.runtime import interpreter as stock
from triton.runtime.interpreter import TensorHandle

from .interpreter_access import Access
from .interpreter_memory import state
from .interpreter_numbers import (
    FLOAT8,
    as_tf32,
    block_type,
    fma,
    numpy_dtype,
    round_bfloat16,
    round_float8,
    to_float,
    to_integer,
)

PRECISIONS = ("tf32", "tf32x3", "ieee", "bf16x3", "bf16x6")


class Builder(Access):
    """One builder for all threads: what differs between them is in `state`."""

    def __init__(self):
        super().__init__()
        self.options = dataclasses.replace(
            self.options,
            allowed_dot_input_precisions=PRECISIONS,
            sanitize_overflow=False,
            debug=True,  # device_assert is heard
            supported_fp8_dtypes=("fp8e5", "fp8e4nv", "fp8e4b15"),
        )
        self.codegen_fns["min_dot_size"] = min_dot_size(None)

    # The grid, of this thread.

    def create_get_program_id(self, axis):
        return TensorHandle(np.array([state.program[axis]], np.int32), tl.int32)

    def create_get_num_programs(self, axis):
        return TensorHandle(np.array([state.grid[axis]], np.int32), tl.int32)

    @property
    def grid_idx(self):
        return state.program

    def get_block_ty(self, dtype, shape):
        return block_type(dtype, shape)

    # Arithmetic.

    def get_bf16(self, value):
        return TensorHandle(round_bfloat16(np.array([value])), tl.bfloat16)

    def binary_op(self, lhs, rhs, op):
        dtype = lhs.dtype.scalar
        if dtype.is_fp8():
            raise TypeError(f"{dtype} is stored, not computed in: use .to(tl.float32) first")
        if dtype == tl.bfloat16:
            output = op(to_float(lhs), to_float(rhs))
            if output.dtype != np.bool_:
                output = round_bfloat16(output)
        elif lhs.data.dtype == np.bool_ and op in (np.add, np.subtract, np.multiply):
            # int1 is a one-bit integer that wraps
            output = (op(lhs.data.astype(np.int8), rhs.data.astype(np.int8)) & 1).astype(np.bool_)
        else:
            output = op(lhs.data, rhs.data)
        if output.dtype == np.bool_:
            return TensorHandle(output, tl.int1)
        expected = numpy_dtype(dtype)
        return TensorHandle(output if output.dtype == expected else output.astype(expected), dtype)

    def create_minnumf(self, lhs, rhs):
        return self.binary_op(lhs, rhs, np.fmin)

    def create_maxnumf(self, lhs, rhs):
        return self.binary_op(lhs, rhs, np.fmax)

    def create_clampf(self, arg, lo, hi, propagate_nans):
        keep = propagate_nans != stock._ir.PROPAGATE_NAN.NONE
        low, high = (np.maximum, np.minimum) if keep else (np.fmax, np.fmin)
        return self.binary_op(self.binary_op(arg, lo, low), hi, high)

    def create_idiv(self, lhs, rhs):
        exact = lhs.data - np.fmod(lhs.data, rhs.data)
        return TensorHandle(exact // rhs.data, lhs.dtype.scalar)

    def create_ashr(self, lhs, rhs):
        signed = stock._get_signed_np_dtype(lhs.data.dtype)
        shifted = np.right_shift(lhs.data.view(signed), rhs.data.astype(signed))
        return TensorHandle(shifted.view(lhs.data.dtype), lhs.dtype.scalar)

    def create_umulhi(self, lhs, rhs):
        dtype = lhs.data.dtype
        unsigned = np.dtype(f"uint{dtype.itemsize * 8}")
        a, b = lhs.data.view(unsigned), rhs.data.view(unsigned)
        if dtype.itemsize < 8:
            wide = np.dtype(f"uint{dtype.itemsize * 16}")
            high = (a.astype(wide) * b.astype(wide) >> wide.type(dtype.itemsize * 8)).astype(
                unsigned
            )
        else:
            low, shift = np.uint64(0xFFFFFFFF), np.uint64(32)
            middle = (a >> shift) * (b & low) + ((a & low) * (b & low) >> shift)
            cross = (a & low) * (b >> shift) + (middle & low)
            high = (a >> shift) * (b >> shift) + (middle >> shift) + (cross >> shift)
        return TensorHandle(high.view(dtype), lhs.dtype.scalar)

    def create_select(self, cond, lhs, rhs):
        data = np.where(cond.data, lhs.data, rhs.data)  # of 64 bits, where only the signs differ
        kind = rhs.dtype.scalar
        return TensorHandle(data.astype(numpy_dtype(kind), copy=False), kind, lhs.attr)

    def create_fma(self, x, y, z):
        result = fma(*np.broadcast_arrays(to_float(x), to_float(y), to_float(z)))
        if z.dtype.scalar == tl.bfloat16:
            result = round_bfloat16(result)
        return TensorHandle(result, z.dtype.scalar)

    def unary_op(self, arg, op):
        if arg.dtype.scalar == tl.bfloat16:
            return TensorHandle(round_bfloat16(op(to_float(arg))), tl.bfloat16)
        return TensorHandle(op(arg.data), arg.dtype.scalar)

    def create_fabs(self, arg):
        if arg.dtype.scalar == tl.bfloat16:
            return TensorHandle(arg.data & np.uint16(0x7FFF), tl.bfloat16)
        return TensorHandle(np.abs(arg.data), arg.dtype.scalar)

    def create_fneg(self, arg):
        return self.unary_op(arg, np.negative)

    def create_inline_asm(self, *_):
        raise NotImplementedError(
            "tl.inline_asm_elementwise runs on GPUs only: let a constexpr argument choose between "
            "it, there, and the same in Triton's own operations, on interpret"
        )

    def create_rsqrt(self, arg):
        return self.unary_op(arg, lambda v: (1 / np.sqrt(v)).astype(v.dtype))

    def create_dot(self, a, b, d, precision, *options):
        kind = a.dtype.scalar
        if kind == tl.float32 and precision == stock._ir.INPUT_PRECISION.TF32:
            a, b = (TensorHandle(as_tf32(x.data), kind) for x in (a, b))
        if kind != tl.bfloat16 and not kind.is_fp8():
            return super().create_dot(a, b, d, precision, *options)
        product = np.matmul(to_float(a), to_float(b), dtype=np.float32)
        return TensorHandle(product.astype(d.data.dtype) + d.data, d.dtype.scalar)

    def get_all_ones_value(self, kind):
        dtype = numpy_dtype(kind)
        ones = np.ones(1, dtype) if dtype == np.bool_ else ~np.zeros(1, dtype)
        return TensorHandle(ones, kind.scalar)

    def create_histogram(self, data, bins, mask):
        values = data.data if mask is None else data.data[mask.data]
        if values.size and (values.min() < 0 or values.max() >= bins):
            wrong = values[(values < 0) | (values >= bins)][0]
            raise ValueError(f"tl.histogram: {wrong} is in none of {bins} bins; mask it out")
        counts = np.bincount(values.reshape(-1), minlength=bins)
        return TensorHandle(counts.astype(np.int32), tl.int32)

    # Casts.

    def cast_impl(self, src, dst_type):
        target = dst_type.scalar
        values = to_float(src)
        if target == tl.bfloat16:
            return TensorHandle(round_bfloat16(values.astype(np.float32)), target)
        if target.name in FLOAT8:
            return TensorHandle(round_float8(values, target), target)
        dtype = numpy_dtype(target)
        if values.dtype.kind == "f" and dtype.kind in "iu":
            return TensorHandle(to_integer(values, dtype), target)
        return TensorHandle(values.astype(dtype), target)

    def create_fp_to_fp(self, src, dst_type, rounding_mode):
        kinds = [k for k in (src.dtype.scalar, dst_type.scalar) if k.is_fp8()]
        known = all(kind.name in FLOAT8 for kind in kinds)
        if known and rounding_mode in (None, stock._ir.ROUNDING_MODE.RTNE):
            return self.cast_impl(src, dst_type)
        return super().create_fp_to_fp(src, dst_type, rounding_mode)

    def create_bitcast(self, src, dst_type):
        data = np.ascontiguousarray(src.data).view(numpy_dtype(dst_type))
        return TensorHandle(data, dst_type.scalar, src.attr)

    create_int_to_ptr = create_bitcast
    create_ptr_to_int = create_bitcast

    # Pointers carry the argument that they came from.

    def create_addptr(self, ptr, offset):
        size = max(1, ptr.get_element_ty().primitive_bitwidth // 8)
        data = ptr.data + np.uint64(size) * offset.data.astype(np.uint64)
        return TensorHandle(data, ptr.dtype, ptr.attr)

    def create_splat(self, ret_ty, arg):
        data = np.full(ret_ty.shape, arg.data.reshape(-1)[0], dtype=arg.data.dtype)
        return TensorHandle(data, arg.dtype.scalar, arg.attr)

    def create_broadcast(self, arg, shape):
        return TensorHandle(np.broadcast_to(arg.data, shape), arg.dtype.scalar, arg.attr)

    def create_expand_dims(self, arg, axis):
        return TensorHandle(np.expand_dims(arg.data, axis), arg.dtype.scalar, arg.attr)

    def create_reshape(self, arg, shape, allow_reorder):
        return TensorHandle(arg.data.reshape(shape), arg.dtype.scalar, arg.attr)
