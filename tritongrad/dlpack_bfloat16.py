"""bfloat16 through NumPy's DLPack, which knows every other type: its bits travel as int16."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from tritongrad.dtype import BFLOAT16

INT, BFLOAT = 0, 4  # DLPack's type codes
# Where a capsule's struct says what the elements are, by the capsule's name: the unversioned one
# begins with its DLTensor; the versioned one with version, context, deleter and flags. A DLTensor
# is data (8 bytes), device (8), ndim (4), then the type: code, bits (1 byte each), lanes (2).
TYPE_AT = {b"dltensor": 20, b"dltensor_versioned": 32 + 20}

_api = ctypes.pythonapi
_name = _api.PyCapsule_GetName
_name.restype, _name.argtypes = ctypes.c_char_p, [ctypes.py_object]
_pointer = _api.PyCapsule_GetPointer
_pointer.restype, _pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]


def _type_of(capsule: Any) -> Any:
    """The two bytes of a fresh capsule that say code and bits; None for an unknown capsule."""
    name = _name(capsule)
    if name not in TYPE_AT:
        return None
    return (ctypes.c_uint8 * 2).from_address(_pointer(capsule, name) + TYPE_AT[name])


def exported(array: np.ndarray, stream: Any, max_version: Any, dl_device: Any, copy: Any) -> Any:
    """The capsule of a bfloat16 array: that of its bits as int16, with the type put right."""
    capsule = array.view(np.int16).__dlpack__(
        stream=stream, max_version=max_version, dl_device=dl_device, copy=copy
    )
    _type_of(capsule)[0] = BFLOAT
    return capsule


def imported(source: Any) -> np.ndarray:
    """`np.from_dlpack(source)`, bfloat16 included."""
    once = _Once(source)
    array = np.from_dlpack(once)
    return array.view(BFLOAT16) if once.bfloat16 else array


class _Once:
    """A source of DLPack that remembers whether its capsule held bfloat16."""

    def __init__(self, source: Any) -> None:
        self.source = source
        self.bfloat16 = False

    def __dlpack__(self, **asked: Any) -> Any:
        try:
            capsule = self.source.__dlpack__(**asked)
        except TypeError:  # a producer from before max_version, dl_device and copy
            capsule = self.source.__dlpack__()
        described = _type_of(capsule)
        if described is not None and tuple(described) == (BFLOAT, 16):
            self.bfloat16 = True
            described[0] = INT
        return capsule

    def __dlpack_device__(self) -> tuple[int, int]:
        return 1, 0
