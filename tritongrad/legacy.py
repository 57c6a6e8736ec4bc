"""PyTorch's old constructors: Tensor(2, 3), FloatTensor([1, 2]), LongTensor ..., by type."""

from __future__ import annotations

from typing import Any

import numpy as np

from tritongrad import create
from tritongrad.autograd.variable import Variable, new, version_of, wrap
from tritongrad.devices import as_device, place
from tritongrad.dtype import BY_NAME, BY_NUMPY, TENSOR_TYPES, dtype, get_default_dtype
from tritongrad.tensor import Tensor
from tritongrad.tensor_base import Size


def construct(kind: type, name: str, data: tuple, wanted: Any, where: Any) -> Any:
    """A tensor of arbitrary content from sizes, or one that holds what a list or an array holds."""
    element = get_default_dtype() if wanted is None else wanted
    sizes = not data or (isinstance(data[0], (int, Size)) and not isinstance(data[0], bool))
    if sizes:
        shape = data[0] if data and isinstance(data[0], Size) else data
        made = create.empty(*(shape or (0,)), dtype=element, device=where)
    elif len(data) != 1:
        raise TypeError(f"{name}: expected sizes as ints, or one list or array, got {data!r}")
    elif isinstance(data[0], Variable):
        made = _alias(name, data[0], data[0].dtype if wanted is None else wanted)
    elif isinstance(data[0], (bool, float)):
        raise TypeError(f"{name}: data must be a sequence (got {data[0]!r}): use tensor() for it")
    else:
        array = create.array_of(data[0], name, element).astype(element.numpy, copy=False)
        made = wrap(place(array, as_device(where)))
    if kind is Tensor:
        return made
    typed = new(kind)
    typed._array, typed._node, typed._version = made._array, None, version_of(made)
    return typed


def _alias(name: str, t: Any, element: dtype) -> Any:
    """The same memory; these constructors convert nothing."""
    if t.dtype is not element:
        raise TypeError(
            f"{name}: expected elements of {element}, got {t.dtype}: use .to({element})"
        )
    made = wrap(t._array)
    made._version = version_of(t)
    return made


class TensorType(type):
    """The type of FloatTensor and its like: they construct, and answer isinstance by dtype."""

    dtype: dtype

    def __call__(cls, *data: Any, device: Any = None) -> Any:
        return construct(Tensor, cls.__name__, data, cls.dtype, device)

    def __instancecheck__(cls, instance: Any) -> bool:
        return (
            isinstance(instance, Variable)
            and type(instance._array) is np.ndarray
            and BY_NUMPY[instance._array.dtype] is cls.dtype
        )

    def __repr__(cls) -> str:
        return f"<class 'tritongrad.{cls.__name__}'>"


def _type(name: str) -> Any:
    doc = f"CPU tensors of {TENSOR_TYPES[name]}: `{name}([1, 2])`, `{name}(2, 3)`."
    contents = {"dtype": BY_NAME[TENSOR_TYPES[name]], "__doc__": doc, "__module__": "tritongrad"}
    return TensorType(name, (), contents)


FloatTensor = _type("FloatTensor")
DoubleTensor = _type("DoubleTensor")
HalfTensor = _type("HalfTensor")
BFloat16Tensor = _type("BFloat16Tensor")
LongTensor = _type("LongTensor")
IntTensor = _type("IntTensor")
ShortTensor = _type("ShortTensor")
CharTensor = _type("CharTensor")
ByteTensor = _type("ByteTensor")
BoolTensor = _type("BoolTensor")
