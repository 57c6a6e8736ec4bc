"""Functions of one's own that several tests differentiate, or give a gradient that is wrong."""

from __future__ import annotations

from tritongrad.autograd import Function


def make(forward, backward=None, name="Foo"):
    """A Function of these"""
    methods = {"forward": staticmethod(forward)}
    if backward is not None:
        methods["backward"] = staticmethod(backward)
    return type(name, (Function,), methods)


class Square(Function):
    """x ** 2; what derives from it says what its gradient is."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x


class Cube(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x * x

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * 3.0 * x * x
