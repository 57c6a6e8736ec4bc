"""In-place writes that need no result of their own: fills, and scaled sums fused into one pass."""

from __future__ import annotations

import numpy as np

from tritongrad.cuda.array import DeviceArray, empty
from tritongrad.cuda.elementwise import elementwise
from tritongrad.cuda.quick import filled
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


def add_scaled(x: DeviceArray, other: DeviceArray, alpha: float) -> DeviceArray:
    """x += alpha other, reading each once; other has x's shape or broadcasts to it"""
    return elementwise("add_scaled", x, apart(other, x), alpha, out=x)


def sub_scaled(x: DeviceArray, other: DeviceArray, alpha: float) -> DeviceArray:
    """x -= alpha other: the step of gradient descent"""
    return elementwise("sub_scaled", x, apart(other, x), alpha, out=x)


def apart(other: DeviceArray, x: DeviceArray) -> DeviceArray:
    """other, copied if it is another view of x's memory: no element may change before it is read"""
    same = other.ptr == x.ptr and other.shape == x.shape and other.strides == x.strides
    return other.copy() if other.storage is x.storage and not same else other
