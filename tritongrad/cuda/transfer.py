"""Values between host arrays and device arrays that are there already."""

from __future__ import annotations

from typing import Any

import numpy as np

from tritongrad.cuda.array import DeviceArray, copyto, from_numpy


def store(target: DeviceArray, source: Any, non_blocking: bool = False) -> None:
    """target[...] = source, an array of the host, of this device or of another one"""
    if isinstance(source, DeviceArray):
        if source.device is target.device:
            copyto(target, source)
        else:
            send(target, source.numpy())
    else:
        send(target, np.asarray(source), non_blocking)


def send(target: DeviceArray, source: np.ndarray, non_blocking: bool = False) -> None:
    """target[...] = source, broadcasting and casting; goes on at once if it may and can."""
    if alike(target, source) and target.contiguous and source.flags.c_contiguous:
        target.device.keep(target)
        target.device.upload(target.ptr, source, non_blocking)
    else:
        copyto(target, from_numpy(source, target.device, non_blocking))


def receive(target: np.ndarray, source: DeviceArray, non_blocking: bool = False) -> None:
    """target[...] = source, broadcasting and casting; goes on at once if it may and can."""
    if alike(source, target) and target.flags.c_contiguous:
        source = source if source.contiguous else source.copy()
        source.device.download(source.ptr, target, non_blocking)
    else:
        np.copyto(target, source.numpy(), casting="unsafe")


def alike(there: DeviceArray, host: np.ndarray) -> bool:
    """Whether the bytes of one are those of the other, if both are contiguous."""
    return there.dtype == host.dtype and there.shape == host.shape and host.size > 0
