"""In-place writes that need no result of their own: fills, and scaled sums fused into one pass."""

from __future__ import annotations

import numpy as np

from tritongrad.cuda.array import DeviceArray, empty
from tritongrad.cuda.elementwise import elementwise
from tritongrad.cuda.quick import filled, stored_scaled
from tritongrad.cuda.seam import Device


def fill(x: DeviceArray, value: float) -> DeviceArray:
    """x = value, in x's dtype"""
    return elementwise("positive", value, out=x)


def full(shape: tuple[int, ...], value: np.ndarray, device: Device) -> DeviceArray:
    """An array of one value, which is given as a 0-d array of its dtype"""
    if any(value.tobytes()):
        found = filled(shape, value, device)
        return fill(empty(shape, value.dtype, device), value.item()) if found is None else found
    out = empty(shape, value.dtype, device)
    device.memset(out.ptr, 0, out.nbytes)
    return out


def scaled(name: str, x: DeviceArray, other: DeviceArray, alpha: float) -> DeviceArray:
    """x += alpha other ("add_scaled") or x -= alpha other, of x's shape, reading each once."""
    other = apart(other, x)
    found = stored_scaled(name, x, other, alpha)
    return elementwise(name, x, other, alpha, out=x) if found is None else found


def apart(other: DeviceArray, x: DeviceArray) -> DeviceArray:
    """other, copied if it is another view of x's memory: no element may change before it is read"""
    same = other.ptr == x.ptr and other.shape == x.shape and other.strides == x.strides
    return other.copy() if other.storage is x.storage and not same else other
