"""tl.constexpr in the interpreter: operators with a tensor are the tensor's."""

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


for operator in OPERATORS:
    for kind in (f"__{operator}__", f"__r{operator}__"):
        if kind in vars(tl.constexpr):
            setattr(Constant, kind, leaving_tensors(kind))
Constant.__hash__ = tl.constexpr.__hash__
