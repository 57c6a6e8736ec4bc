"""Device sides of copies."""

from __future__ import annotations

from typing import Any

from tritongrad.cuda import inplace
from tritongrad.cuda.array import DeviceArray, copyto, empty
from tritongrad.cuda.moving import zeros


def fill(x: DeviceArray, value: Any) -> DeviceArray:
    """One value in the shape of x."""
    out = empty(x.shape, x.dtype, x.device)
    if not isinstance(value, DeviceArray):
        return inplace.fill(out, value)
    copyto(out, value)
    return out


def zero(x: DeviceArray) -> DeviceArray:
    """Zeros in the shape of x."""
    return zeros(x.shape, x.dtype, x)


def copy(x: DeviceArray, source: DeviceArray, device: Any, non_blocking: bool) -> DeviceArray:
    """source broadcast to the shape of x, in its dtype."""
    out = empty(x.shape, x.dtype, x.device)
    copyto(out, source)
    return out
