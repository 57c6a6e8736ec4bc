"""The interpreter's arithmetic and memory: what every Triton instruction does to NumPy arrays.

Triton's own builder is the base; overridden here is what it gets wrong on some version from 3.6
on (bfloat16 kept as raw bits, fma rounded twice, nan kept where the GPU drops it, floats out of
an integer's range) and every access to memory, which is checked before it happens.
"""

import dataclasses

import numpy as np
import triton.language as tl
from triton.runtime import interpreter as stock
from triton.runtime.interpreter import TensorHandle

from .interpreter_memory import check, state

PRECISIONS = ("tf32", "tf32x3", "ieee", "bf16x3", "bf16x6")


_numpy_dtypes = {}


def numpy_dtype(kind):
    """The NumPy dtype that holds a Triton type: bfloat16 as its bits, pointers as uint64."""
    kind = kind.scalar
    found = _numpy_dtypes.get(kind.name)
    if found is None:
        found = _numpy_dtypes[kind.name] = stock._get_np_dtype(kind)
    return found


_block_types = {}


def block_type(kind, shape):
    """Triton's type of a block of scalars or pointers; made once, for it costs 10 us."""
    key = (str(kind), *shape)
    found = _block_types.get(key)
    if found is None:
        found = _block_types[key] = tl.block_type(kind, list(shape))
    return found


def to_float(handle):
    """The numbers of a float handle; bfloat16 as float32."""
    if handle.dtype.scalar == tl.bfloat16 and handle.data.dtype == np.uint16:
        return (handle.data.astype(np.uint32) << np.uint32(16)).view(np.float32)
    return handle.data


def round_bfloat16(values):
    """float32 to the bits of bfloat16, to nearest even; nan stays nan."""
    values = np.ascontiguousarray(values, dtype=np.float32)
    bits = values.view(np.uint32)
    odd = (bits >> np.uint32(16)) & np.uint32(1)
    rounded = ((bits + np.uint32(0x7FFF) + odd) >> np.uint32(16)).astype(np.uint16)
    return np.where(np.isnan(values), np.uint16(0x7FC0), rounded)


def fma(x, y, z):
    """x * y + z rounded once: through a wider type, whose own rounding is made odd."""
    dtype = np.result_type(x, y, z)
    if dtype == np.float16:
        return (x.astype(np.float64) * y + z).astype(dtype)
    if dtype == np.float32:
        product, addend = x.astype(np.float64) * y, z.astype(np.float64)
        total = product + addend
        error = two_sum_error(product, addend, total)
        bits = total.view(np.int64)
        step = np.where((error > 0) == (total > 0), 1, -1)
        fix = np.isfinite(total) & (error != 0) & (bits & 1 == 0)
        return (bits + np.where(fix, step, 0)).view(np.float64).astype(dtype)
    # z may bring back a product that is too large alone: large factors and z by 2 ** -100, exactly.
    down_x = np.where((np.abs(x) > 2.0**400) & (np.abs(y) > 2.0**-300), 2.0**-100, 1.0)
    down_y = np.where((np.abs(y) > 2.0**400) & (np.abs(x) > 2.0**-300), 2.0**-100, 1.0)
    x, y, z = x * down_x, y * down_y, z * down_x * down_y
    product = x * y
    error = two_product_error(x, y, product)
    total = product + z
    fixed = total + (two_sum_error(product, z, total) + error)
    return np.where(np.isfinite(fixed), fixed, total) / down_x / down_y


def two_sum_error(a, b, total):
    rest = total - a
    return (a - (total - rest)) + (b - rest)


def two_product_error(a, b, product):
    def split(v):
        big = v * 134217729.0
        high = big - (big - v)
        return high, v - high

    (ah, al), (bh, bl) = split(a), split(b)
    return ((ah * bh - product) + ah * bl + al * bh) + al * bl


def to_integer(values, dtype):
    """Floats to integers as the GPU does: towards zero, saturating, nan to 0."""
    info = np.iinfo(dtype)
    values = np.nan_to_num(np.trunc(values), nan=0.0, posinf=np.inf, neginf=-np.inf)
    inside = (values > float(info.min) - 1) & (values < float(info.max) + 1)
    result = np.where(inside, values, 0).astype(dtype)
    result = np.where(values >= float(info.max), info.max, result)
    return np.where(values <= float(info.min), info.min, result).astype(dtype)


class Builder(stock.InterpreterBuilder):
    """One builder for all threads: what differs between them is in `state`."""

    def __init__(self):
        super().__init__()
        self.options = dataclasses.replace(
            self.options,
            allowed_dot_input_precisions=PRECISIONS,
            sanitize_overflow=False,
            debug=True,  # device_assert is heard
        )

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
        data = np.where(cond.data, lhs.data, rhs.data)
        return TensorHandle(data, rhs.dtype.scalar, lhs.attr)

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

    def create_rsqrt(self, arg):
        return self.unary_op(arg, lambda v: (1 / np.sqrt(v)).astype(v.dtype))

    def create_dot(self, a, b, d, *options):
        if tl.bfloat16 not in (a.dtype.scalar, b.dtype.scalar):
            return super().create_dot(a, b, d, *options)
        product = np.matmul(to_float(a), to_float(b), dtype=np.float32)
        return TensorHandle(product.astype(d.data.dtype) + d.data, d.dtype.scalar)

    # Casts.

    def cast_impl(self, src, dst_type):
        target = dst_type.scalar
        values = to_float(src)
        if target == tl.bfloat16:
            return TensorHandle(round_bfloat16(values.astype(np.float32)), target)
        dtype = numpy_dtype(target)
        if values.dtype.kind == "f" and dtype.kind in "iu":
            return TensorHandle(to_integer(values, dtype), target)
        return TensorHandle(values.astype(dtype), target)

    def create_fp_to_fp(self, src, dst_type, rounding_mode):
        narrow = min(src.dtype.scalar.primitive_bitwidth, dst_type.scalar.primitive_bitwidth)
        if narrow > 8 and rounding_mode in (None, stock._ir.ROUNDING_MODE.RTNE):
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

    # Memory.

    def create_masked_load(self, ptrs, mask, other, *options, **named):
        check("load", ptrs, mask, numpy_dtype(ptrs.get_element_ty()).itemsize)
        return super().create_masked_load(ptrs, mask, other, *options, **named)

    def create_masked_store(self, ptrs, value, mask, *options, **named):
        check("store", ptrs, mask, value.data.itemsize)
        return super().create_masked_store(ptrs, value, mask, *options, **named)

    def create_atomic_rmw(self, rmwOp, ptr, val, mask, *options):
        check("atomic", ptr, mask, val.data.itemsize)
        return super().create_atomic_rmw(rmwOp, ptr, val, mask, *options)

    def create_atomic_cas(self, ptr, cmp, val, *options):
        check("atomic", ptr, None, val.data.itemsize)
        return super().create_atomic_cas(ptr, cmp, val, *options)
