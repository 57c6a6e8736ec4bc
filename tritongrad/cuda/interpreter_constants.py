"""What the compiler knows, in the interpreter: constexprs, static loops, static assertions."""

import operator

import triton.language as tl

OPERATORS = (
    *("add", "sub", "mul", "truediv", "floordiv", "mod", "pow"),
    *("and", "or", "xor", "lshift", "rshift", "lt", "le", "gt", "ge", "eq", "ne"),
)


class Constant(tl.constexpr):
    """A constexpr that does not wrap the tensor that comes of it and a tensor

    The compiler sees to that itself; in Python the left operand is asked first.
    """


def leaving_tensors(name):
    stock = getattr(tl.constexpr, name)

    def method(self, other):
        if isinstance(other, tl.tensor):
            return NotImplemented
        result = stock(self, other)
        return Constant(result.value) if isinstance(result, tl.constexpr) else result

    return method


for name in OPERATORS:
    for kind in (f"__{name}__", f"__r{name}__"):
        if kind in vars(tl.constexpr):
            setattr(Constant, kind, leaving_tensors(kind))
Constant.__hash__ = tl.constexpr.__hash__


def unrolled(start, end=None, step=1, **_):
    """tl.static_range(): the loop variable is a plain int."""
    start, end = (0, start) if end is None else (start, end)
    return range(*map(operator.index, (start, end, step)))


def static_assert(condition, message="", **_):
    if not condition:
        raise AssertionError(str(message))
