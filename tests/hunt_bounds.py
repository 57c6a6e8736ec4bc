"""What each operation promises, written down before it is tried: its exact value and its error.

A bound is in ulps of the exact result (half a unit is correct rounding). Values of float32 and the
half types are compared with float64, values of float64 with long double where that is wider.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np

EXACT = 0.5  # IEEE 754 rounds it correctly, or nothing is rounded
ROUNDED_ONCE = 0.51  # half types: computed in float32 within some of its ulps, then rounded


class Promise(NamedTuple):
    """reference(*wide arrays), the bound in ulps for float32 and float64, and where it holds."""

    reference: Callable
    ulps: float
    low: float = -math.inf  # inputs outside are not drawn
    high: float = math.inf
    half: float = ROUNDED_ONCE


def by_element(f: Callable) -> Callable:
    return lambda x: np.vectorize(f, otypes=[np.float64])(x) if x.size else x


def sigmoid(x: Any) -> Any:
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1 / (1 + e), e / (1 + e))


def normal_cdf(x: Any) -> Any:
    return by_element(lambda v: math.erfc(-v / math.sqrt(2)) / 2)(x.astype(np.float64))


def softplus(x: Any) -> Any:
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def power(x: Any, y: Any) -> Any:
    """C's pow; the number 0.5 is a square root that takes -0 for 0."""
    return np.sqrt(x + 0.0) if np.ndim(y) == 0 and y == 0.5 else np.power(x, y)


# NumPy states 2.5 ulps for its float32 exp, 3.8 for log and 4 for its other vector functions; each
# further rounded step adds up to one.
UNARY = {
    "neg": Promise(np.negative, EXACT),
    "abs": Promise(np.abs, EXACT),
    "sign": Promise(np.sign, EXACT),
    "sqrt": Promise(np.sqrt, EXACT),
    "square": Promise(np.square, EXACT),
    "reciprocal": Promise(np.reciprocal, EXACT),
    "floor": Promise(np.floor, EXACT),
    "ceil": Promise(np.ceil, EXACT),
    "round": Promise(np.rint, EXACT),
    "trunc": Promise(np.trunc, EXACT),
    "relu": Promise(lambda x: np.maximum(x, 0), EXACT),
    "exp": Promise(np.exp, 3),
    "expm1": Promise(np.expm1, 4),
    "log": Promise(np.log, 4),
    "log1p": Promise(np.log1p, 4),
    "log2": Promise(np.log2, 4),
    "log10": Promise(np.log10, 4),
    "sin": Promise(np.sin, 4, -1e4, 1e4),
    "cos": Promise(np.cos, 4, -1e4, 1e4),
    "tanh": Promise(np.tanh, 4),
    "rsqrt": Promise(lambda x: 1 / np.sqrt(x), 2),
    "sigmoid": Promise(sigmoid, 5),
    "silu": Promise(lambda x: x * sigmoid(x), 6, -87),  # below, sigmoid is a denormal
    "softplus": Promise(softplus, 5),
}

BINARY = {
    "add": Promise(np.add, EXACT),
    "sub": Promise(np.subtract, EXACT),
    "mul": Promise(np.multiply, EXACT),
    "div": Promise(np.divide, EXACT),
    "maximum": Promise(np.maximum, EXACT),
    "minimum": Promise(np.minimum, EXACT),
    "fmod": Promise(np.fmod, EXACT),
    "atan2": Promise(np.arctan2, 4),
    "pow": Promise(power, 4),
    "eq": Promise(np.equal, 0),
    "ne": Promise(np.not_equal, 0),
    "lt": Promise(np.less, 0),
    "le": Promise(np.less_equal, 0),
    "gt": Promise(np.greater, 0),
    "ge": Promise(np.greater_equal, 0),
}

INTEGER = {  # exact, modulo the width
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "maximum": max,
    "minimum": min,
    "bitwise_and": lambda a, b: a & b,
    "bitwise_or": lambda a, b: a | b,
    "bitwise_xor": lambda a, b: a ^ b,
    "floor_divide": lambda a, b: a // b,
    "remainder": lambda a, b: a % b,
    "fmod": lambda a, b: abs(a) % abs(b) * (1 if a >= 0 else -1),
    "eq": lambda a, b: a == b,
    "lt": lambda a, b: a < b,
    "ge": lambda a, b: a >= b,
}


def unit(dtype: np.dtype) -> float:
    """u, half the distance of the numbers from 1 to 2."""
    return float(ml_dtypes.finfo(dtype).eps) / 2


def sum_bound(x: Any, dtype: np.dtype, axis: Any) -> Any:
    """2u sum|x|, u that of the accumulator: float32 for the half types, then one rounding."""
    u = unit(np.dtype(np.float32)) if dtype.itemsize < 4 else unit(dtype)
    # float64 has no wider accumulator: its own tree or pairwise sum, log2(n) roundings
    depth = 2 if dtype.itemsize < 8 else 2 + math.log2(max(x.size, 1))
    return depth * u * np.abs(x).sum(axis)


REDUCTIONS = {  # reference, absolute error besides one rounding of the result
    "sum": (lambda x, axis: x.sum(axis), sum_bound),
    "mean": (
        lambda x, axis: x.sum(axis) / np.asarray(count(x, axis), x.dtype),
        lambda x, d, axis: 2 * sum_bound(x, d, axis) / max(count(x, axis), 1),
    ),
    "amax": (lambda x, axis: x.max(axis), lambda x, d, axis: 0),
    "amin": (lambda x, axis: x.min(axis), lambda x, d, axis: 0),
    "prod": (
        lambda x, axis: x.prod(axis),
        lambda x, d, axis: product_bound(x, d, axis),
    ),
    "logsumexp": (
        lambda x, axis: logsumexp(x, axis),
        lambda x, d, axis: 8 * u32(d) * (1 + np.abs(x).max(axis) + math.log(count(x, axis))),
    ),
}


def u32(dtype: np.dtype) -> float:
    return unit(np.dtype(np.float32)) if dtype.itemsize < 4 else unit(dtype)


def product_bound(x: Any, dtype: np.dtype, axis: Any) -> Any:
    """u for each factor; nothing is promised once a partial product has left the normal range."""
    info = ml_dtypes.finfo(dtype if dtype.itemsize > 2 else np.float32)
    partial = np.abs(np.cumprod(x, axis))
    lost = (partial < float(info.tiny)) & (partial > 0) | (partial > float(info.max))
    return np.where(lost.any(axis), np.inf, count(x, axis) * u32(dtype) * np.abs(x.prod(axis)))


def count(x: Any, axis: Any) -> int:
    return x.size if axis is None else x.shape[axis]


def logsumexp(x: Any, axis: Any) -> Any:
    most = x.max(axis, keepdims=True)
    shift = np.where(np.isfinite(most), most, 0)
    found = np.log(np.exp(x - shift).sum(axis, keepdims=True)) + shift
    return found.reshape(()) if axis is None else found.squeeze(axis)


def ulp_of(exact: Any, dtype: np.dtype) -> Any:
    """The distance of neighbours of a dtype where exact lies, down to the smallest denormal."""
    info = ml_dtypes.finfo(dtype)
    finite = np.where(np.isfinite(exact), np.abs(exact), 1.0).astype(np.longdouble)
    _, exponent = np.frexp(finite)
    smallest = float(info.smallest_subnormal)
    return np.maximum(np.ldexp(float(info.eps), exponent - 1), smallest)


def wrong(got: Any, exact: Any, allowed: Any) -> Any:
    """Where got (of any float dtype) is further than `allowed` from exact (wide)."""
    dtype = got.dtype
    most = float(ml_dtypes.finfo(dtype).max)
    with np.errstate(all="ignore"):
        rounded = exact.astype(dtype)
        wide = got.astype(exact.dtype)
        near = (np.abs(wide - exact) <= allowed) & np.isfinite(wide) & np.isfinite(exact)
        # an infinity stands for what lies beyond the largest number, within the error
        beyond = np.isinf(wide) & (np.sign(wide) * exact >= most - allowed)
        near |= np.isinf(allowed)
        same = (got == rounded) | (np.isnan(wide) & np.isnan(exact))
    return ~(same | near | beyond)
