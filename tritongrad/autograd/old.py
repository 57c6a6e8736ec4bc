"""Names of PyTorch before 0.4: a Variable is a Tensor."""

from __future__ import annotations

from typing import Any

from .variable import registry


class _Kind(type):
    """`Variable(t)` is a tensor of the same memory, and every tensor is a Variable."""

    def __call__(cls, data: Any, requires_grad: bool = False) -> Any:
        return data.detach().requires_grad_(requires_grad)

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, registry.Tensor)


class Variable(metaclass=_Kind):
    """For old programs: `Variable(t)` is `t` without its history."""
