"""Elementwise NumPy kernels that are not one ufunc. Half types arrive as float32."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .large import BOOL, WHOLE, WIDE, by_rows, row_of
from .pool import empty

Array = np.ndarray
FEW = 512  # elements that cost less than a call of NumPy


def number(x: object) -> float | None:
    """The value of a Python number or a 0-d array of it, None for other arrays."""
    if isinstance(x, np.ndarray):
        return x.item() if x.ndim == 0 else None
    return x  # type: ignore[return-value]


def into(step: int) -> Callable:
    """Mark a kernel that takes `out`, as ufuncs do, and how many elements it is given at a time."""

    def mark(kernel: Callable) -> Callable:
        kernel.into = step
        return kernel

    return mark


@into(WHOLE)
def pow(input: Array, exponent: Array | float, out: Array | None = None) -> Array:
    """input ** exponent; small whole ones are products: np.power is slow for negative bases."""
    e = number(exponent)
    if e is None or not isinstance(input, np.ndarray) or input.dtype.kind != "f":
        return np.power(input, exponent, out=out)
    if e == 2:
        return np.multiply(input, input, out=out)
    if e in (3, 4):
        return product(input, e, out)
    if e == 0.5:
        return np.sqrt(input + input.dtype.type(0), out=out)  # -0 + 0 = 0: pow has no -0 here
    if e == 1:
        return np.positive(input, out=out)
    if e == -1:
        return np.reciprocal(input, out=out)
    return np.power(input, input.dtype.type(e), out=out)


def product(input: Array, e: float, out: Array | None) -> Array:
    """input * input * input, or the square of a square; in blocks, which stay in L2."""
    if out is None:
        square = np.multiply(input, input)
        return np.multiply(square, input if e == 3 else square)
    for start in range(0, input.shape[0], WIDE):
        block, into = input[start : start + WIDE], out[start : start + WIDE]
        np.multiply(block, block, out=into)
        np.multiply(into, block if e == 3 else into, out=into)
    return out


def select(mask: Array, values: Array, out: Array | None = None) -> Array:
    """values where mask holds, else 0: a third of np.where's time, by the bits of the floats."""
    if out is None and values.size < FEW and mask.shape == values.shape:
        result = np.zeros(values.shape, values.dtype)
        np.copyto(result, values, where=mask)
        return result
    bits = np.int32 if values.dtype == np.float32 else np.int64
    if values.dtype.kind != "f" or values.itemsize < 4 or not mask.shape == values.shape != ():
        chosen = np.where(mask, values, values.dtype.type(0))
        return chosen if out is None else np.positive(chosen, out=out)
    if out is None:
        result = mask.astype(bits)
    else:
        result = out.view(bits)
        np.copyto(result, mask.view(np.int8))  # as 0 and 1, which is quicker than as bools
    if bits is np.int32:
        np.multiply(result, values.view(bits), out=result)
    else:  # processors have no product of wide integers
        np.negative(result, out=result)
        np.bitwise_and(result, values.view(bits), out=result)
    return result.view(values.dtype)


@into(WIDE)
def masked_scale(mask: Array, input: Array, scale: Array, out: Array | None = None) -> Array:
    """The bits of input * scale, times those of the mask: nothing to guess for the processor."""
    if out is None:
        out = empty(np.broadcast(mask, input, scale).shape, input.dtype)
    np.multiply(input, scale, out=out)
    bits = out.view(f"i{out.itemsize}")
    np.multiply(bits, mask, out=bits)
    return out


def holds(compare: np.ufunc, a: Array, b: Array) -> Array:
    """compare(a, b), into used memory where both are of one shape or b is a number."""
    if a.size < FEW or (b.ndim and b.shape != a.shape):
        return compare(a, b)
    return compare(a, b, out=empty(a.shape, BOOL))


def rsqrt(input: Array) -> Array:
    return np.reciprocal(np.sqrt(input))


def sigmoid(input: Array) -> Array:
    """1 / (1 + exp(-x)), from the side on which exp cannot overflow."""
    e = np.exp(-np.abs(input))
    return np.where(input >= 0, input.dtype.type(1), e) / (input.dtype.type(1) + e)


def log_sigmoid(input: Array) -> Array:
    return np.minimum(input, 0) - np.log1p(np.exp(-np.abs(input)))


@functools.cache
def _zero(dtype: np.dtype) -> Array:
    return np.zeros((), dtype)


@into(WHOLE)
def relu(input: Array, out: Array | None = None) -> Array:
    zero = _zero(input.dtype)
    if out is None or input.ndim != 1:
        return np.maximum(input, zero, out=out)
    by_rows(np.maximum, input, row_of(zero.tobytes(), input.dtype), out)
    return out


@into(WHOLE)
def relu_backward(grad: Array, result: Array, out: Array | None = None) -> Array:
    return select(holds(np.greater, result, _zero(result.dtype)), grad, out)


def tanh_backward(grad: Array, result: Array) -> Array:
    return grad * (1 - result * result)


def sigmoid_backward(grad: Array, result: Array) -> Array:
    return grad * (result * (1 - result))


def softplus(input: Array) -> Array:
    """log(1 + exp(x))"""
    return np.logaddexp(input, input.dtype.type(0))


def silu(input: Array) -> Array:
    return input * sigmoid(input)


_STEP = 8  # erf is expanded around the nearest eighth


def erf(input: Array) -> Array:
    """The error function by its Taylor series around the nearest eighth.

    erf(c + h) = erf(c) + 2/sqrt(pi) exp(-c^2) sum_n (-1)^n H_n(c) h^(n+1) / (n+1)!
    (DLMF 7.10.1). |h| <= 1/16, so 8 terms are below 1e-12, 13 below 1e-17.
    """
    x = np.clip(np.asarray(input, np.float64), -6.5, 6.5)
    nearest = np.rint(np.where(np.isnan(x), 0, x) * _STEP)
    c = nearest / _STEP
    h = x - c
    before, hermite = np.zeros_like(x), np.ones_like(x)
    power = h.copy()
    total = h.copy()
    for n in range(8 if input.dtype != np.float64 else 13):
        before, hermite = hermite, 2 * c * hermite - 2 * n * before
        power = power * -h / (n + 2)
        total += hermite * power
    table = np.array([math.erf(i / _STEP) for i in range(-53, 54)])
    result = table[nearest.astype(np.int64) + 53] + 2 / math.sqrt(math.pi) * np.exp(-c * c) * total
    return result.astype(input.dtype)


_NODES = np.array([math.erfc(i / 32) for i in range(32 * 28)])


def normal_cdf(input: Array) -> Array:
    """Phi in float64, right to its last digits also where it is small.

    Phi(-x) = erfc(t) / 2 with t = x / sqrt(2), by erf's series around the nearest 1/32. Its
    terms are below (2 c h)^n / n! with h <= 1/64: the 8th is below 4e-9 for c < 10.5, beyond which
    float32 has no such number; the 19th is below 5e-19 for c < 27.5.
    """
    x = np.asarray(input, np.float64)
    t = np.fmin(np.abs(x) * math.sqrt(0.5), 27.5)
    nearest = np.rint(t * 32)
    c = nearest / 32
    h = t - c
    before, hermite = np.zeros_like(h), np.ones_like(h)
    power, total = h.copy(), h.copy()
    for n in range(8 if input.dtype != np.float64 else 19):
        before, hermite = hermite, 2 * c * hermite - 2 * n * before
        power *= -h / (n + 2)
        total += hermite * power
    tail = _NODES[nearest.astype(np.int64)] * 0.5 - np.exp(-c * c) * total / math.sqrt(math.pi)
    tail = np.where(np.isnan(x), x, tail)
    return np.where(x < 0, tail, 1 - tail)


def gelu(input: Array) -> Array:
    """x * Phi(x), with the normal distribution function"""
    return (input * normal_cdf(input)).astype(input.dtype)


def gelu_backward(grad: Array, input: Array) -> Array:
    """grad * (Phi(x) + x phi(x))"""
    x = np.asarray(input, np.float64)
    density = np.exp(x * x * -0.5) * (1 / math.sqrt(2 * math.pi))
    return (grad * (normal_cdf(input) + x * density)).astype(grad.dtype)


def gelu_tanh(input: Array) -> Array:
    """Gelu with tanh in place of the normal distribution function (Hendrycks, Gimpel 2016)."""
    twice = math.sqrt(8 / math.pi) * (input + 0.044715 * input * input * input)
    return input * sigmoid(twice)  # (1 + tanh(y)) / 2 without its cancellation below 0


def clamp_both(input: Array, min: Array, max: Array) -> Array:
    """min(max(input, min), max); nan in any of the three gives nan"""
    return np.minimum(np.maximum(input, min), max)


def clamp_backward(grad: Array, input: Array, min: Array, max: Array) -> Array:
    """grad where min <= input <= max, else 0: selected, so a nan of grad outside is dropped"""
    return select((input >= min) & (input <= max), grad)


@into(WHOLE)
def clamp_min_backward(grad: Array, input: Array, min: Array, out: Any = None) -> Array:
    return select(holds(np.greater_equal, input, min), grad, out)


@into(WHOLE)
def clamp_max_backward(grad: Array, input: Array, max: Array, out: Any = None) -> Array:
    return select(holds(np.less_equal, input, max), grad, out)


def floor_divide(input: Array, other: Array) -> Array:
    return np.floor_divide(input, other)


def leaky_relu(input: Array, negative_slope: Array) -> Array:
    return np.where(input > 0, input, input * negative_slope)


def elu(input: Array, alpha: Array) -> Array:
    return np.where(input > 0, input, np.expm1(np.minimum(input, 0)) * alpha)
