"""Independent definitions of the operations: Python's math, element by element, or plain NumPy.

One is welcome, not owed: without it, values are still compared between dtypes and devices, and
gradients with differences.
"""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np
from reference_arrays import ARRAYS

from tritongrad.autograd.variable import Variable


def _sign(x: float) -> float:
    return (x > 0) - (x < 0)


def _sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def _phi(x: float) -> float:
    return 0.5 * math.erfc(-x / math.sqrt(2))


def _gelu_slope(x: float) -> float:
    return _phi(x) + x * math.exp(-x * x / 2) / math.sqrt(2 * math.pi)


def _gelu_tanh(x: float) -> float:
    return 0.5 * x * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


SCALAR = {  # what one element of the result is, from Python numbers
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "div": operator.truediv,
    "pow": operator.pow,
    "neg": operator.neg,
    "exp": math.exp,
    "exp2": lambda x: 2.0**x,
    "expm1": math.expm1,
    "log": math.log,
    "log1p": math.log1p,
    "log2": math.log2,
    "log10": math.log10,
    "sqrt": math.sqrt,
    "rsqrt": lambda x: 1 / math.sqrt(x),
    "reciprocal": lambda x: 1 / x,
    "square": lambda x: x * x,
    "abs": abs,
    "sign": _sign,
    "sin": math.sin,
    "cos": math.cos,
    "tan": math.tan,
    "asin": math.asin,
    "acos": math.acos,
    "atan": math.atan,
    "sinh": math.sinh,
    "cosh": math.cosh,
    "asinh": math.asinh,
    "acosh": math.acosh,
    "atanh": math.atanh,
    "atan2": math.atan2,
    "maximum": max,
    "minimum": min,
    "where": lambda c, a, b: a if c else b,
    "masked_scale": lambda m, a, b: a * b if m else 0.0,
    "eq": operator.eq,
    "ne": operator.ne,
    "lt": operator.lt,
    "le": operator.le,
    "gt": operator.gt,
    "ge": operator.ge,
    "logical_and": lambda a, b: bool(a) and bool(b),
    "logical_or": lambda a, b: bool(a) or bool(b),
    "logical_xor": lambda a, b: bool(a) != bool(b),
    "logical_not": operator.not_,
    "isnan": math.isnan,
    "isinf": math.isinf,
    "isfinite": math.isfinite,
    "bitwise_and": operator.and_,
    "bitwise_or": operator.or_,
    "bitwise_xor": operator.xor,
    "bitwise_left_shift": operator.lshift,
    "bitwise_right_shift": operator.rshift,
    "bitwise_not": lambda x: not x if isinstance(x, bool) else ~x,
    "floor": math.floor,
    "ceil": math.ceil,
    "round": round,
    "trunc": math.trunc,
    "frac": lambda x: x - math.trunc(x),
    "floor_divide": operator.floordiv,
    "remainder": operator.mod,
    "fmod": math.fmod,
    "clamp_both": lambda x, lo, hi: min(max(x, lo), hi),
    "clamp_min": max,
    "clamp_max": min,
    "clamp_backward": lambda g, x, lo, hi: g if lo <= x <= hi else 0.0,
    "clamp_min_backward": lambda g, x, lo: g if x >= lo else 0.0,
    "clamp_max_backward": lambda g, x, hi: g if x <= hi else 0.0,
    "relu": lambda x: x if x > 0 else 0.0,
    "relu_backward": lambda g, r: g if r > 0 else 0.0,
    "tanh": math.tanh,
    "tanh_backward": lambda g, r: g * (1 - r * r),
    "sigmoid": _sigmoid,
    "sigmoid_backward": lambda g, r: g * r * (1 - r),
    "log_sigmoid": lambda x: -math.log1p(math.exp(-x)),
    "softplus": lambda x: math.log1p(math.exp(x)),
    "silu": lambda x: x * _sigmoid(x),
    "erf": math.erf,
    "erfc": math.erfc,
    "gelu": lambda x: x * _phi(x),
    "gelu_backward": lambda g, x: g * _gelu_slope(x),
    "gelu_tanh": _gelu_tanh,
    "leaky_relu": lambda x, slope: x if x > 0 else slope * x,
    "elu": lambda x, alpha: x if x > 0 else alpha * math.expm1(x),
}


REFERENCES = SCALAR | ARRAYS
# Fused gradients and layers: the differences of test_generated_gradients say what they must be, and
# the tests of nn compare layers with their compositions.


def expected_value(op: Any, arguments: tuple[list, dict]) -> Any:
    """What the definition says, as NumPy arrays."""
    args, kwargs = _arrays(arguments[0]), _arrays(arguments[1])
    if op.name in SCALAR:
        missing = op.parameters[len(args) :]
        args += [kwargs[name] for name in missing if name in kwargs]
        result = np.vectorize(SCALAR[op.name], otypes=[object])(*args)
        shape = np.broadcast_shapes(*[np.shape(a) for a in args])
        whole = np.asarray(result).reshape(shape)
        return [whole.astype(np.float64) if whole.size else np.zeros(shape)]
    result = ARRAYS[op.name](*args, **kwargs)
    return list(result) if isinstance(result, (tuple, list)) else [np.asarray(result)]


def _arrays(arguments: Any) -> Any:
    if isinstance(arguments, Variable):
        return arguments._array
    if isinstance(arguments, dict):
        return {k: _arrays(v) for k, v in arguments.items()}
    if isinstance(arguments, (list, tuple)):
        return type(arguments)([_arrays(a) for a in arguments])
    return arguments
