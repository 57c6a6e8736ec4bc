"""Parameter: a tensor that a Module registers when it is assigned to one of its attributes."""

from __future__ import annotations

from typing import Any

from tritongrad.autograd.variable import LEAF, Variable, new, version_of
from tritongrad.tensor import Tensor


class Parameter(Tensor):
    """A leaf tensor that requires grad and that `Module.parameters()` finds.

    Shares the memory of `data`. Attributes may be set on it, as on any Python object.
    """

    def __new__(cls, data: Any = None, requires_grad: bool = True) -> Parameter:
        if data is None:
            from tritongrad.create import empty

            data = empty(0)
        if not isinstance(data, Variable):
            raise TypeError(f"Parameter: data must be a Tensor, got {type(data).__name__}")
        self = new(cls)
        self._array = data._array
        self._node = None
        self._version = version_of(data)
        if requires_grad:
            self.requires_grad_()
        return self

    def __init__(self, data: Any = None, requires_grad: bool = True) -> None:
        """All is done in `__new__`: tensors are built without `__init__`."""

    def __repr__(self, *, tensor_contents: str | None = None) -> str:
        return "Parameter containing:\n" + super().__repr__(tensor_contents=tensor_contents)

    def __deepcopy__(self, memo: dict) -> Parameter:
        if id(self) not in memo:
            copied = Parameter(Tensor.clone(self.detach()), self._node is LEAF)
            copied.__dict__.update(self.__dict__)
            memo[id(self)] = copied
        return memo[id(self)]

    def __reduce_ex__(self, protocol: Any) -> tuple:
        return _rebuild, (self.detach(), self.requires_grad, dict(self.__dict__))


def _rebuild(data: Tensor, requires_grad: bool, attributes: dict) -> Parameter:
    parameter = Parameter(data, requires_grad)
    parameter.__dict__.update(attributes)
    return parameter


class Buffer(Tensor):
    """A tensor that a Module registers as part of its state, without gradients."""

    persistent: bool

    def __new__(cls, data: Any, *, persistent: bool = True) -> Buffer:
        self = new(cls)
        self._array = data._array
        self._node = None
        self._version = version_of(data)
        self.persistent = persistent
        return self

    def __init__(self, data: Any, *, persistent: bool = True) -> None:
        """All is done in `__new__`: tensors are built without `__init__`."""

    def __deepcopy__(self, memo: dict) -> Buffer:
        if id(self) not in memo:
            memo[id(self)] = Buffer(Tensor.clone(self.detach()), persistent=self.persistent)
        return memo[id(self)]

    def __reduce_ex__(self, protocol: Any) -> tuple:
        return _rebuild_buffer, (self.detach(), self.persistent)


def _rebuild_buffer(data: Tensor, persistent: bool) -> Buffer:
    return Buffer(data, persistent=persistent)
