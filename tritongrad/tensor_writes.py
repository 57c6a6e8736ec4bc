"""Methods of Tensor that write: the in-place forms, and assignment to parts."""

from __future__ import annotations

from typing import Any

from . import writes
from .inplace import inplace
from .ops import (
    activation,
    compare,
    elementwise,
    mixed,
)
from .tensor_base import TensorBase


class WriteMethods(TensorBase):
    """In-place forms of operations. They end in an underscore, as in PyTorch."""

    __slots__ = ()

    # in place

    add_ = __iadd__ = inplace(elementwise.add)
    sub_ = __isub__ = inplace(elementwise.sub)
    mul_ = __imul__ = inplace(elementwise.mul)
    div_ = __itruediv__ = inplace(elementwise.div)
    pow_ = __ipow__ = inplace(elementwise.pow)
    floor_divide_ = __ifloordiv__ = inplace(compare.floor_divide)
    remainder_ = __imod__ = inplace(compare.remainder)
    neg_ = inplace(elementwise.neg)
    abs_ = inplace(elementwise.abs)
    exp_ = inplace(elementwise.exp)
    log_ = inplace(elementwise.log)
    sqrt_ = inplace(elementwise.sqrt)
    rsqrt_ = inplace(elementwise.rsqrt)
    reciprocal_ = inplace(elementwise.reciprocal)
    square_ = inplace(elementwise.square)
    sin_ = inplace(elementwise.sin)
    cos_ = inplace(elementwise.cos)
    tanh_ = inplace(activation.tanh)
    sigmoid_ = inplace(activation.sigmoid)
    relu_ = inplace(activation.relu)
    floor_ = inplace(compare.floor)
    ceil_ = inplace(compare.ceil)
    round_ = inplace(compare.round)
    trunc_ = inplace(compare.trunc)
    clamp_min_ = inplace(activation.clamp_min)
    clamp_max_ = inplace(activation.clamp_max)
    _clamp_both_ = inplace(activation.clamp_both)
    logical_not_ = inplace(compare.logical_not)
    bitwise_and_ = __iand__ = inplace(compare.bitwise_and)
    bitwise_or_ = __ior__ = inplace(compare.bitwise_or)
    bitwise_xor_ = __ixor__ = inplace(compare.bitwise_xor)
    bitwise_left_shift_ = __ilshift__ = inplace(compare.bitwise_left_shift)
    bitwise_right_shift_ = __irshift__ = inplace(compare.bitwise_right_shift)

    def clamp_(self, min: Any = None, max: Any = None) -> Any:
        """In-place form of `clamp`."""
        form, bounds = activation.clamp_form(min, max)
        names = {"clamp_min": WriteMethods.clamp_min_, "clamp_max": WriteMethods.clamp_max_}
        return names.get(form.op.name, WriteMethods._clamp_both_)(self, *bounds)

    clip_ = clamp_

    def addcmul_(self, tensor1: Any, tensor2: Any, *, value: Any = 1) -> Any:
        """In-place form of `addcmul`."""
        return WriteMethods.add_(self, mixed.scaled(tensor1, value) * tensor2)

    def addcdiv_(self, tensor1: Any, tensor2: Any, *, value: Any = 1) -> Any:
        """In-place form of `addcdiv`."""
        return WriteMethods.add_(self, mixed.scaled(tensor1, value) / tensor2)

    def lerp_(self, end: Any, weight: Any) -> Any:
        """In-place form of `lerp`."""
        return writes.copy_(self, mixed.lerp(self, end, weight))

    # parts, memory

    fill_ = writes.fill_
    fill_diagonal_ = writes.fill_diagonal_
    zero_ = writes.zero_
    copy_ = writes.copy_
    __setitem__ = writes.setitem
    scatter_ = writes.scatter_
    scatter_add_ = writes.scatter_add_
    index_add_ = writes.index_add_
    index_copy_ = writes.index_copy_
    index_fill_ = writes.index_fill_
    index_put_ = writes.index_put_
    masked_fill_ = writes.masked_fill_
    tril_ = writes.tril_
    triu_ = writes.triu_
    _pick = writes.pick
    _put = writes.put
