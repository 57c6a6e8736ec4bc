"""The interpreter's numbers: how NumPy holds Triton's types, and roundings that NumPy lacks."""

import ml_dtypes
import numpy as np
import triton.language as tl
from triton.runtime import interpreter as stock

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


# The float8 types of NVIDIA's GPUs (AMD's have no infinity and one nan).
FLOAT8 = {
    tl.float8e4nv.name: np.dtype(ml_dtypes.float8_e4m3fn),
    tl.float8e5.name: np.dtype(ml_dtypes.float8_e5m2),
}


def to_float(handle):
    """The numbers of a float handle; bfloat16 and float8 as float32."""
    kind = handle.dtype.scalar
    if kind == tl.bfloat16 and handle.data.dtype == np.uint16:
        return (handle.data.astype(np.uint32) << np.uint32(16)).view(np.float32)
    if kind.name in FLOAT8:
        return np.ascontiguousarray(handle.data).view(FLOAT8[kind.name]).astype(np.float32)
    return handle.data


def round_float8(values, kind):
    """float32 to the bits of float8, to nearest even; what is too large becomes the largest."""
    dtype = FLOAT8[kind.name]
    most = np.float32(ml_dtypes.finfo(dtype).max)
    return np.clip(values.astype(np.float32), -most, most).astype(dtype).view(np.uint8)


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
    """Floats to integers as the GPU does: towards zero, nan to 0, saturating at 16 bits or more

    There is no instruction for 8 bits: those are the low half of 16.
    """
    if dtype.itemsize == 1:
        return to_integer(values, np.dtype(f"{dtype.kind}2")).astype(dtype)
    info = np.iinfo(dtype)
    values = np.nan_to_num(np.trunc(values), nan=0.0, posinf=np.inf, neginf=-np.inf)
    inside = (values > float(info.min) - 1) & (values < float(info.max) + 1)
    result = np.where(inside, values, 0).astype(dtype)
    result = np.where(values >= float(info.max), info.max, result)
    return np.where(values <= float(info.min), info.min, result).astype(dtype)


def as_tf32(values):
    """float32 as tensor cores read it for tf32: the last 13 bits are not there."""
    bits = np.ascontiguousarray(values).view(np.uint32)
    return (bits & np.uint32(0xFFFFE000)).view(np.float32)
