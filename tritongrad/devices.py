"""Where a tensor lives: `device("cpu")`, `device("cuda:1")`, `device("interpret")`."""

from __future__ import annotations

from typing import Any

import numpy as np

KINDS = ("cpu", "cuda", "interpret")


class device:
    """A device by type and number. Equal devices compare equal and hash alike."""

    __slots__ = ("index", "type")

    def __init__(self, type: str | int | device, index: int | None = None) -> None:
        if isinstance(type, device):
            type, index = type.type, type.index if index is None else index
        if isinstance(type, int) and not isinstance(type, bool):
            type, index = "cuda", type
        if not isinstance(type, str):
            raise TypeError(f"device: expected a name such as 'cpu' or 'cuda:0', got {type!r}")
        name, colon, number = type.partition(":")
        if colon:
            if not number.isdecimal() or index is not None:
                raise RuntimeError(f"device: invalid device string: {type!r}")
            index = int(number)
        if name not in KINDS:
            raise RuntimeError(f"device: {name!r} is not one of {', '.join(KINDS)}")
        if index is not None and index < 0:
            raise RuntimeError(f"device: the index must not be negative, got {index}")
        self.type = name
        self.index = index

    def _key(self) -> tuple:
        return self.type, self.index or 0

    def __eq__(self, other: object) -> bool:
        if isinstance(other, str):
            try:
                other = device(other)
            except RuntimeError:
                return False
        return isinstance(other, device) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __repr__(self) -> str:
        number = "" if self.index is None else f", index={self.index}"
        return f"device(type='{self.type}'{number})"

    def __reduce__(self) -> tuple:
        return device, (self.type, self.index)

    def __enter__(self) -> device:
        _defaults.append(self)
        return self

    def __exit__(self, *exc: object) -> None:
        _defaults.pop()


CPU = device("cpu")
_defaults = [CPU]


def set_default_device(where: str | device | None) -> None:
    """The device of tensors that are made without `device=`; None means the CPU."""
    _defaults[:] = [CPU if where is None else device(where)]


def get_default_device() -> device:
    """The device of tensors that are made without `device=`."""
    return _defaults[-1]


def as_device(where: str | int | device | None) -> device:
    """A device from what a caller may pass as `device=`."""
    if where is None:
        return _defaults[-1]
    return where if type(where) is device else device(where)


def device_of_array(array: Any) -> device:
    """The device on which an array lies."""
    if type(array) is np.ndarray:
        return CPU
    seam = array.device
    return device(seam.kind, seam.index if seam.kind == "cuda" else None)


def place(array: np.ndarray, where: device, non_blocking: bool = False) -> Any:
    """A NumPy array as an array of a device: itself on the CPU, a copy elsewhere."""
    if where.type == "cpu":
        return array
    from .cuda.array import from_numpy

    return from_numpy(array, seam(where), non_blocking)


def seam(where: device) -> Any:
    """The object that allocates and launches on a device other than the CPU."""
    from .cuda.seam import device_of

    index = where.index
    if index is None:
        index = 0
        if where.type == "cuda":
            from . import cuda

            index = cuda.current_device()
    return device_of(where.type, index)


def move(array: Any, where: device, non_blocking: bool = False) -> Any:
    """The array on another device; the array itself if it is there."""
    here = device_of_array(array)
    if here == where and not (where.type == "cuda" and where.index not in (None, here.index)):
        return array
    host = array if type(array) is np.ndarray else array.numpy()
    return place(host, where, non_blocking)
