"""class Tensor: PyTorch's names bound to operations."""

from __future__ import annotations

from .autograd.variable import registry
from .inplace import inplace
from .ops import activation, compare, elementwise, linalg, reduce, shape
from .tensor_base import TensorBase


class Tensor(TensorBase):
    """A multi-dimensional array that records what is done with it."""

    __slots__ = ()

    add = __add__ = __radd__ = elementwise.add
    sub = __sub__ = elementwise.sub
    mul = __mul__ = __rmul__ = elementwise.mul
    div = __truediv__ = elementwise.div
    pow = __pow__ = elementwise.pow
    neg = __neg__ = elementwise.neg
    exp = elementwise.exp
    log = elementwise.log
    clamp = activation.clamp
    mm = linalg.mm
    sum = reduce.sum
    t = shape.t
    reshape = shape.reshape
    clone = shape.clone
    sub_ = __isub__ = inplace(elementwise.sub)
    __eq__ = eq = compare.eq
    __hash__ = TensorBase.__hash__


registry.Tensor = Tensor
