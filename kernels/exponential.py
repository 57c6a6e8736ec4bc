"""Exponentials and logarithms of a block: float32 by polynomials, float64 by Triton's functions.

tl.exp and tl.log of float32 are approximations that lose denormals and, far from 1, dozens of
units in the last place. These polynomials use IEEE + - * / only: within 2 ulp, and the same bits
on every device.
"""

import triton
import triton.language as tl

LOG2E = tl.constexpr(1.4426950408889634)
LN2_HIGH = tl.constexpr(0.693359375)  # few bits: its products with whole numbers are exact
LN2_LOW = tl.constexpr(-2.12194440e-4)
ROUNDING = tl.constexpr(12582912.0)  # 1.5 * 2 ** 23: what is added to it loses its fraction
SQRT_HALF_BITS = tl.constexpr(0x3F3504F3)
ONE_BITS = tl.constexpr(0x3F800000)


@triton.jit
def power_of_2(k):
    """2 ** k as float32, for integers k from -126 to 127"""
    return ((k + 127) << 23).to(tl.float32, bitcast=True)


@triton.jit
def expm1_near_0(r):
    """exp(r) - 1 for |r| <= log(2) / 2, by Cephes' polynomial"""
    p = 1.9875691500e-4 * r + 1.3981999507e-3
    p = p * r + 8.3334519073e-3
    p = p * r + 4.1665795894e-2
    p = p * r + 1.6666665459e-1
    p = p * r + 5.0000001201e-1
    return p * (r * r) + r


@triton.jit
def split_exponent(x):
    """(k, r) with x = k log(2) + r and |r| <= log(2) / 2"""
    k = (x * LOG2E + ROUNDING) - ROUNDING  # to the nearest whole number
    return k, (x - k * LN2_HIGH) - k * LN2_LOW


@triton.jit
def exp(x):
    if x.dtype == tl.float64:
        return tl.exp(x)
    else:
        ALL: tl.constexpr = tl.PropagateNan.ALL
        inside = tl.minimum(tl.maximum(x, -105.0, propagate_nan=ALL), 89.5, propagate_nan=ALL)
        k, r = split_exponent(inside)
        return exp_of_parts(k, r)


@triton.jit
def exp_of_parts(k, r):
    """2 ** k exp(r) for |r| <= log(2) / 2"""
    k = k.to(tl.int32)
    half = k >> 1  # in two steps, so that denormal results are rounded once
    return (1.0 + expm1_near_0(r)) * power_of_2(half) * power_of_2(k - half)


@triton.jit
def expm1(x):
    if x.dtype == tl.float64:
        u = tl.exp(x)
        near = tl.where(u == 1, x, (u - 1) * (x / tl.log(u)))  # Kahan: the errors of u cancel
        far = tl.where(u - 1 == -1, -1.0, tl.where(u == float("inf"), u, near))
        return tl.where(x == x, far, x)
    else:
        ALL: tl.constexpr = tl.PropagateNan.ALL
        inside = tl.minimum(tl.maximum(x, -25.0, propagate_nan=ALL), 89.5, propagate_nan=ALL)
        k, r = split_exponent(inside)
        small = expm1_near_0(r)
        half = power_of_2(k.to(tl.int32) - 1)  # half of 2 ** k, which may overflow
        far = 2.0 * (half * small + (half - 0.5))
        far = tl.where(x > 89.0, float("inf"), far)  # there, inf times a negative small
        return tl.where(x == 0, x, tl.where(k == 0, small, far))


@triton.jit
def log(x):
    if x.dtype == tl.float64:
        return tl.log(x)
    else:
        denormal = tl.abs(x) < 1.1754943508222875e-38
        bits = tl.where(denormal, x * 33554432.0, x).to(tl.int32, bitcast=True)
        bits += ONE_BITS - SQRT_HALF_BITS
        k = (bits >> 23) - tl.where(denormal, 152, 127)
        mantissa = (bits & 0x007FFFFF) + SQRT_HALF_BITS
        result = log_of_parts(mantissa.to(tl.float32, bitcast=True) - 1.0, k.to(tl.float32))
        result = tl.where(x < float("inf"), result, x)
        return tl.where(x > 0, result, tl.where(x == 0, -float("inf"), float("nan")))


@triton.jit
def log_of_parts(f, k):
    """log(1 + f) + k log(2) for 1 + f from sqrt(1/2) to sqrt(2), by fdlibm's polynomial"""
    s = tl.div_rn(f, 2.0 + f)
    z = s * s
    w = z * z
    r = z * (0.66666662693 + w * 0.28498786688) + w * (0.40000972152 + w * 0.24279078841)
    half_square = 0.5 * f * f
    return s * (half_square + r) + k * 9.0580006145e-06 - half_square + f + k * 6.9313812256e-01


@triton.jit
def log1p(x):
    u = x + 1.0
    lost = x - (u - 1.0)  # what rounding 1 + x dropped, exactly
    whole = log(u)
    result = tl.where((x == float("inf")) | (x == -1), whole, whole + divide(lost, u))
    return tl.where(x == 0, x, result)


@triton.jit
def log2(x):
    return tl.log2(x.to(tl.float64)).to(x.dtype)


@triton.jit
def log10(x):
    return (tl.log(x.to(tl.float64)) * 0.43429448190325182765).to(x.dtype)


@triton.jit
def divide(x, y):
    """x / y correctly rounded; Triton's own / of float32 is 2 ulp off"""
    if x.dtype == tl.float64:
        return x / y
    else:
        return tl.div_rn(x, y)


@triton.jit
def sigmoid(x):
    """1 / (1 + exp(-x)), from the side on which exp cannot overflow"""
    e = exp(-tl.abs(x))
    return divide(tl.where(x >= 0, 1.0, e).to(x.dtype), 1.0 + e)


@triton.jit
def tanh(x):
    t = expm1(2 * tl.minimum(tl.abs(x), 22.0, propagate_nan=tl.PropagateNan.ALL))
    result = divide(t, t + 2.0)
    return tl.where(x < 0, -result, tl.where(x == 0, x, result))


@triton.jit
def softplus(x):
    """log(1 + exp(x))"""
    return tl.maximum(x, 0.0, propagate_nan=tl.PropagateNan.ALL) + log1p(exp(-tl.abs(x)))


@triton.jit
def log_sigmoid(x):
    return tl.minimum(x, 0.0, propagate_nan=tl.PropagateNan.ALL) - log1p(exp(-tl.abs(x)))


@triton.jit
def silu(x):
    return x * sigmoid(x)


@triton.jit
def elu(x, alpha):
    below = expm1(tl.minimum(x, 0.0, propagate_nan=tl.PropagateNan.ALL)) * alpha
    return tl.where(x > 0, x, below)
