"""Conversions: other dtypes, other devices."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from tritongrad import devices
from tritongrad.autograd.variable import Variable, wrap
from tritongrad.devices import as_device, device_of_array
from tritongrad.dtype import BY_NAME, TENSOR_TYPES, as_dtype, element_type
from tritongrad.op import op
from tritongrad.samples import Rand

from .copy import clone
from .sizes import shape_of
from .values import without_history

Tensor = Any


def _astype(x, dtype):
    return x.astype(dtype)


@op(
    cpu=_astype,
    device=_astype,
    samples=[(Rand((3, 4)), "float64"), (Rand(()), "float64"), (Rand((0, 2)), "float64")],
)
def cast(input: Tensor, dtype):
    """The values in another dtype."""
    shape_of("cast", input)
    d = as_dtype(dtype).numpy
    return without_history(input, d), d


cast.vjp(input=lambda g: g)  # every gradient is given the dtype of what it is for


def _move(x, device, source, non_blocking):
    return devices.move(x, device, non_blocking)


@op(cpu=_move, device=_move, samples=[(Rand((3, 4)), "cpu")])
def to_device(input: Tensor, device, source=None, non_blocking=False):
    """The values on another device; `source` is filled in, for the way back."""
    shape_of("to_device", input)
    return input, as_device(device), input.device, bool(non_blocking)


to_device.vjp(input=lambda g, source: to(g, source))


def to(input, *args, device=None, dtype=None, non_blocking=False, copy=False):
    """In another dtype, on another device, or like another tensor; input itself if it is so.

    to(dtype), to(device), to(device, dtype), to(other), or by keyword. non_blocking: go on before
    the values have arrived, where they come from page-locked memory (see pin_memory).
    """
    shape_of("to", input)
    for a in args:
        if isinstance(a, Variable):
            device, dtype = device_of_array(a._array), a._array.dtype
        elif _is_device(a):
            device = a
        elif a is not None and not isinstance(a, bool):
            dtype = _dtype_or_device(a)
    d = input._array.dtype if dtype is None else as_dtype(dtype).numpy
    here = device_of_array(input._array)
    where = here if device is None else as_device(device)
    result = input if d == input._array.dtype else cast(input, d)
    if where != here:
        result = to_device(result, where, non_blocking=non_blocking)
    return clone(input) if copy and result is input else result


def _dtype_or_device(a: Any) -> Any:
    """A dtype; the error for a word that means none says which devices there are as well."""
    try:
        return as_dtype(a)
    except TypeError as error:
        if not isinstance(a, str):
            raise
        raise RuntimeError(f"to: no device ({', '.join(devices.KINDS)}), and {error}") from None


def _is_device(a: Any) -> bool:
    if isinstance(a, str):
        return a.partition(":")[0] in devices.KINDS
    return isinstance(a, (devices.device, int)) and not isinstance(a, bool)


def type_as(input, other):
    """In the dtype of other."""
    shape_of("type_as", other, "other")
    return to(input, dtype=other._array.dtype)


TYPE_NAMES = {element: name for name, element in TENSOR_TYPES.items()}


def _conversion(name: str) -> Callable:
    d = BY_NAME[name]

    def convert(self: Any) -> Any:
        return self if self._array.dtype == d.numpy else cast(self, d)

    convert.__name__ = name
    convert.__doc__ = f"In {name}; the tensor itself if it is."
    return convert


class Conversions:
    """The methods of Tensor that are named after types and devices."""

    __slots__ = ()

    to = to
    type_as = type_as
    bool = _conversion("bool")
    byte = _conversion("uint8")
    char = _conversion("int8")
    short = _conversion("int16")
    int = _conversion("int32")
    long = _conversion("int64")
    half = _conversion("float16")
    bfloat16 = _conversion("bfloat16")
    float = _conversion("float32")
    double = _conversion("float64")

    def cpu(self) -> Any:
        """In host memory."""
        return to(self, devices.CPU)

    def cuda(self, device: Any = None, non_blocking: Any = False) -> Any:
        """On a CUDA device: the current one, or the one given."""
        return to(self, "cuda" if device is None else device, non_blocking=non_blocking)

    def pin_memory(self, device: Any = None) -> Any:
        """In page-locked memory, from and to which copies with non_blocking=True do not wait."""
        if self.is_pinned():
            return self
        array = self._array  # type: ignore[attr-defined]
        if not isinstance(array, np.ndarray):
            raise RuntimeError(
                f"pin_memory: only CPU tensors can be pinned, got one on {array.device}"
            )
        from tritongrad.cuda.pinned import pin

        return wrap(pin(array))

    def is_pinned(self, device: Any = None) -> Any:
        """Whether the values lie in page-locked memory."""
        if "tritongrad.cuda.pinned" not in sys.modules:
            return False
        from tritongrad.cuda.pinned import pinned_owner

        return pinned_owner(self._array) is not None  # type: ignore[attr-defined]

    def type(self, dtype: Any = None) -> Any:
        """In another dtype; without one, the name of the type."""
        if dtype is None:
            array = self._array  # type: ignore[attr-defined]  (Tensor has it)
            where = "" if isinstance(array, np.ndarray) else f".{array.device.kind}"
            return f"tritongrad{where}.{TYPE_NAMES[array.dtype.name]}"
        return to(self, dtype=element_type(dtype) or dtype)
