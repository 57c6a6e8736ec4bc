"""Forms: what arrays share that lie alike, and the plans of operations for such arrays."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from tritongrad.cuda.views import Shape, layout

if TYPE_CHECKING:
    from tritongrad.cuda.array import DeviceArray
    from tritongrad.cuda.seam import Device

MOST = 4096  # forms kept; a program of ever new shapes begins again when there are more


class Form:
    """Device, shape, strides, dtype and alignment of arrays, with plans: see quick.py

    `same`    operation -> plan for operands that are all of this form
    `number`  operation -> plan for one operand of this form and numbers after it
    `mixed`   (operation, forms of the other operands; None for a number) -> plan
    """

    __slots__ = (
        "__weakref__", "device", "dtype", "mixed", "nbytes", "number", "same", "shape", "size",
        "strides",
    )  # fmt: skip

    def __init__(self, device: Device | None, shape: Shape, strides: Shape, dtype: np.dtype):
        self.device = device
        self.shape = shape
        self.strides = strides
        self.dtype = dtype
        _, self.size, self.nbytes = layout(shape, dtype.itemsize)
        self.same: dict[Any, Callable | None] = {}
        self.number: dict[Any, Callable | None] = {}
        self.mixed: dict[tuple, Callable | None] = {}
        _every.add(self)


_every: weakref.WeakSet[Form] = weakref.WeakSet()  # arrays may outlive what _forms remembers

# Stands for the form of an array that nobody has asked for. It never gets a plan.
UNKNOWN = Form(None, (), (), np.dtype(bool))

_forms: dict[tuple, Form] = {}
_fresh: dict[tuple, Form] = {}  # the same ones, of C-ordered arrays, by what empty() knows


def forget() -> None:
    """Drop every plan: what they were made from has changed."""
    for form in list(_every):
        for table in (form.same, form.number, form.mixed):
            table.clear()
    _fresh.clear()
    _forms.clear()


def form_of(array: DeviceArray) -> Form:
    """The form of an array, which remembers it."""
    if array.form is UNKNOWN:
        shape, strides = array.shape, array.strides
        array.form = _form(array.storage.device, shape, strides, array.dtype, array.ptr & 15)
    return array.form


def fresh_form(device: Device, shape: Shape, dtype: np.dtype) -> Form:
    """The form of a C-ordered array in memory of its own."""
    found = _fresh.get((device, shape, dtype))
    if found is None:
        strides, shape = layout(shape, dtype.itemsize)[0], tuple(shape)
        found = _fresh[device, shape, dtype] = _form(device, shape, strides, dtype, 0)
    return found


def _form(device: Device, shape: Shape, strides: Shape, dtype: np.dtype, offset: int) -> Form:
    key = (device, shape, strides, dtype, offset)
    found = _forms.get(key)
    if found is None:
        if len(_forms) >= MOST:
            forget()
        found = _forms[key] = Form(device, shape, strides, dtype)
    return found
