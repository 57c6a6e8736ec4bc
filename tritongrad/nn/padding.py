"""Padding as modules: zeros, a constant, reflections, repeated edges, the other end."""

from __future__ import annotations

from typing import Any

from tritongrad.nn import functional as F
from tritongrad.nn.module import Module


class Pad(Module):
    """Base: `padding` is one count for all sides, or (left, right, top, bottom) and so on."""

    mode, dims = "constant", 2
    value: Any = None

    def __init__(self, padding: Any) -> None:
        super().__init__()
        sides = 2 * self.dims
        self.padding = (padding,) * sides if isinstance(padding, int) else tuple(padding)

    def forward(self, input: Any) -> Any:
        return F.pad(input, self.padding, self.mode, self.value)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class ConstantPad2d(Pad):
    """A value around images."""

    def __init__(self, padding: Any, value: float) -> None:
        super().__init__(padding)
        self.value = value

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class ConstantPad1d(ConstantPad2d):
    """A value before and after sequences."""

    dims = 1


class ConstantPad3d(ConstantPad2d):
    """A value around volumes."""

    dims = 3


class ZeroPad2d(Pad):
    """Zeros around images."""


class ZeroPad1d(Pad):
    """Zeros before and after sequences."""

    dims = 1


class ZeroPad3d(Pad):
    """Zeros around volumes."""

    dims = 3


class ReflectionPad2d(Pad):
    """Images reflected at their edges, which are not repeated."""

    mode = "reflect"


class ReflectionPad1d(ReflectionPad2d):
    """Sequences reflected at their ends."""

    dims = 1


class ReplicationPad2d(Pad):
    """The edges of images repeated."""

    mode = "replicate"


class ReplicationPad1d(ReplicationPad2d):
    """The ends of sequences repeated."""

    dims = 1


class CircularPad2d(Pad):
    """Images that go on at their other end."""

    mode = "circular"


class CircularPad1d(CircularPad2d):
    """Sequences that go on at their other end."""

    dims = 1
