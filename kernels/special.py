"""Roots, rounding, sines and the error function of a block, with gelu on top of it."""

import triton
import triton.language as tl

from .exponential import LN2_HIGH, LN2_LOW, LOG2E, ROUNDING, divide, exp, exp_of_parts, sigmoid


@triton.jit
def sqrt(x):
    """Correctly rounded"""
    if x.dtype == tl.float64:
        return tl.sqrt(x)
    else:
        return tl.sqrt_rn(x)


@triton.jit
def rsqrt(x):
    root = sqrt(x)
    return divide(tl.full(x.shape, 1, x.dtype), root)


@triton.jit
def towards_0(x):
    """x without its fraction, for |x| below 2 ** 23"""
    return x.to(tl.int32).to(tl.float32)


@triton.jit
def floor(x):
    """The largest integer that is not above x; Triton's own takes float32 denormals for 0"""
    if x.dtype == tl.float32:
        t = towards_0(x)
        near = tl.where(t == x, x, tl.where(t > x, t - 1, t))
        return tl.where(tl.abs(x) < 8388608.0, near, x)
    elif x.dtype == tl.float64:
        return tl.floor(x)
    else:
        return x


@triton.jit
def ceil(x):
    """The smallest integer that is not below x"""
    if x.dtype == tl.float32:
        t = towards_0(x)
        near = tl.where(t == x, x, tl.where(t < x, t + 1, t))
        near = tl.where(near == 0, x * 0, near)  # keeps the sign of zero
        return tl.where(tl.abs(x) < 8388608.0, near, x)
    elif x.dtype == tl.float64:
        return tl.ceil(x)
    else:
        return x


@triton.jit
def trunc(x):
    return tl.where(x < 0, ceil(x), floor(x))


@triton.jit
def round(x):
    """To the nearest integer, ties to even: what adding and subtracting 2 ** (digits) does"""
    if x.dtype.is_floating():
        LARGE: tl.constexpr = 4503599627370496.0 if x.dtype == tl.float64 else 8388608.0
        up = (x + LARGE) - LARGE
        down = (x - LARGE) + LARGE
        near = tl.where(x < 0, down, up)
        near = tl.where(near == 0, x * 0, near)  # keeps the sign of zero
        return tl.where(tl.abs(x) < LARGE, near, x)
    else:
        return x


@triton.jit
def sin(x):
    return tl.sin(x.to(tl.float64)).to(x.dtype)


@triton.jit
def cos(x):
    return tl.cos(x.to(tl.float64)).to(x.dtype)


@triton.jit
def erf(x):
    """The error function; in float32 by N. Juffa's two polynomials, below 2 ulp"""
    if x.dtype == tl.float64:
        return tl.erf(x)
    else:
        t = tl.abs(x)
        far = tl.minimum(t, 4.0, propagate_nan=tl.PropagateNan.ALL)
        s = far * far
        r = (-1.72853470e-5 * far + 3.83197126e-4) * s
        r = r + (-3.88396438e-3 * far + 2.42546219e-2)
        r = r * far - 1.06777877e-1
        r = r * far - 6.34846687e-1
        r = r * far - 1.28717512e-1
        r = 1.0 - exp(r * far - far)
        return tl.where(t > 0.927734375, tl.where(x < 0, -r, r), erf_near_0(x))


@triton.jit
def erf_near_0(x):
    """erf for |x| up to 0.93"""
    s = x * x
    p = -5.96761703e-4 * s + 4.99119423e-3
    p = p * s - 2.67681349e-2
    p = p * s + 1.12819925e-1
    p = p * s - 3.76125336e-1
    return (p * s + 1.28379166e-1) * x + x


@triton.jit
def normal_cdf(x):
    """Phi(x), also where it is small in float32: there (1 + erf) / 2 would have no digit left"""
    if x.dtype == tl.float64:
        return (1 + erf(x * 0.7071067811865476)) * 0.5
    else:
        ALL: tl.constexpr = tl.PropagateNan.ALL
        t = tl.abs(x)
        far = tl.minimum(tl.maximum(t, 1.0, propagate_nan=ALL), 15.0, propagate_nan=ALL)
        tail = normal_tail(far)
        near = (1 + erf_near_0(x * 0.7071067811865476)) * 0.5
        return tl.where(t > 1, tl.where(x < 0, tail, 1 - tail), near)


@triton.jit
def normal_tail(x):
    """Phi(-x) for 1 <= x <= 15: Chebyshev's fit of log(erfc(z) exp(z^2) / t), t = 2 / (2 + z),
    within 1.2e-7 of erfc (Press et al., Numerical Recipes). x^2 is split: exp magnifies its error
    """
    t = divide(tl.zeros_like(x) + 1.0, 1.0 + 0.3535533905932738 * x)
    p = 0.17087277 * t - 0.82215223
    p = p * t + 1.48851587
    p = p * t - 1.13520398
    p = p * t + 0.27886807
    p = p * t - 0.18628806
    p = p * t + 0.09678418
    p = p * t + 0.37409196
    p = (p * t + 1.00002368) * t - 1.26551223
    near = ((x * 16 + ROUNDING) - ROUNDING) * 0.0625  # its square is exact
    high, low = -0.5 * near * near, p - 0.5 * (x - near) * (x + near)
    k = ((high + low) * LOG2E + ROUNDING) - ROUNDING
    r = (high - k * LN2_HIGH) + (low - k * LN2_LOW)  # the first difference is exact
    return 0.5 * t * exp_of_parts(k, r)


@triton.jit
def gelu(x):
    """x Phi(x), with the normal distribution function"""
    return x * normal_cdf(x)


@triton.jit
def gelu_backward(grad, x):
    """grad (Phi(x) + x phi(x))"""
    return grad * (normal_cdf(x) + x * exp(x * x * -0.5) * 0.3989422804014327)


@triton.jit
def gelu_tanh(x):
    """Gelu with tanh in place of the normal distribution function"""
    # x (1 + tanh(y)) / 2 without the cancellation below 0
    return x * sigmoid(1.5957691216057308 * (x + 0.044715 * x * x * x))
