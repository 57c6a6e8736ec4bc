"""Powers, remainders and angles of a block, with C99's special values.

What float32 cannot do to a unit in the last place is done in float64, and float64 in pairs of
float64 numbers (high + low).
"""

import triton
import triton.language as tl

from .exponential import divide
from .special import floor

LN2_HIGH = tl.constexpr(6.93147180369123816490e-01)  # 33 bits: exact times a whole number
LN2_LOW = tl.constexpr(1.90821492927058770002e-10)
HALF_PI = tl.constexpr(1.57079632679489661923)
HALF_PI_LOW = tl.constexpr(6.12323399573676603587e-17)
SQRT_HALF_BITS = tl.constexpr(0x3FE6A09E667F3BCD)
ONE_BITS = tl.constexpr(0x3FF0000000000000)
MANTISSA = tl.constexpr(0x000FFFFFFFFFFFFF)


@triton.jit
def log_pair(x):
    """(high, low) of log(x) for positive x, to about 2 ** -65: the series of atanh"""
    denormal = x < 2.2250738585072014e-308
    bits = tl.where(denormal, x * 18014398509481984.0, x).to(tl.int64, bitcast=True)
    bits += ONE_BITS - SQRT_HALF_BITS
    k = ((bits >> 52) - tl.where(denormal, 1077, 1023)).to(tl.float64)
    f = ((bits & MANTISSA) + SQRT_HALF_BITS).to(tl.float64, bitcast=True) - 1.0
    d = 2.0 + f
    s = f / d
    s_low = (tl.fma(-s, d, f) - s * (f - (d - 2.0))) / d
    z = s * s
    z_low = tl.fma(s, s, -z) + 2.0 * s * s_low
    tail = z * (1 / 25.0) + (1 / 23.0)
    for n in tl.static_range(9):  # 1/21 .. 1/5; the term of 1/3 needs more than 53 bits
        tail = tail * z + 1.0 / (21 - 2 * n)
    tail = tail * z
    third = 0.33333333333333331483 + tail
    third_low = tail - (third - 0.33333333333333331483) + 1.8503717077085942e-17
    q = z * third
    q_low = tl.fma(z, third, -q) + z * third_low + z_low * third
    w = s * q
    w_low = tl.fma(s, q, -w) + s * q_low + s_low * q
    high = s + w
    low = w - (high - s) + (s_low + w_low)
    whole = k * LN2_HIGH
    total = whole + 2.0 * high
    rest = (whole - total) + 2.0 * high
    small = (2.0 * high - total) + whole
    error = tl.where(tl.abs(whole) >= tl.abs(2.0 * high), rest, small)
    error += 2.0 * low + k * LN2_LOW
    result = total + error
    return result, (total - result) + error


@triton.jit
def magnitude(x, y, EXACT: tl.constexpr):
    """x ** y for x >= 0 in float64; EXACT keeps the bits that float32 does not need"""
    if EXACT:
        high, low = log_pair(x)
        product = y * high
        rest = tl.fma(y, high, -product) + y * low
        power = tl.exp(product)
        close = (tl.abs(product) < 800.0) & (power < float("inf"))  # inf * rest would be nan
        exact = tl.where(close, power + power * rest, power)
        ordinary = (x > 0) & (x < float("inf")) & (tl.abs(y) < float("inf"))
        return tl.where(ordinary, exact, tl.exp(y * tl.log(x)))
    else:
        return tl.exp(y * tl.log(x))


@triton.jit
def float_pow(x, y, EXACT: tl.constexpr):
    """x ** y in float64 with C99's table of special values"""
    whole = tl.floor(y) == y
    odd = whole & (tl.floor(y * 0.5) != y * 0.5)
    a = tl.abs(x)
    m = magnitude(a, y, EXACT)
    m = tl.where((a == 1) & (y == y), 1.0, m)
    m = tl.where((x < 0) & (a < float("inf")) & (whole == 0), float("nan"), m)
    negative = x.to(tl.int64, bitcast=True) < 0
    m = tl.where(negative & odd, m * -1.0, m)
    return tl.where((y == 0) | (x == 1), 1.0, m)


@triton.jit
def int_pow(x, y):
    """x ** y for integers by repeated squaring, modulo the width; towards zero where y < 0"""
    # 1 / x to any power is 0, but for x = 1 and -1, whose powers repeat: y's last bit says which.
    result = tl.where((y < 0) & (x != 1) & (x + 1 != 0), 0, x * 0 + 1)
    left = tl.where(y < 0, y & 1, y)
    while tl.max(left) > 0:
        result = tl.where(left & 1 != 0, result * x, result)
        x = x * x
        left = left >> 1
    return result


@triton.jit
def pow(x, y):
    if x.dtype == tl.float64:
        return float_pow(x, y, True)
    elif x.dtype == tl.float32:
        return float_pow(x.to(tl.float64), y.to(tl.float64), False).to(tl.float32)
    else:
        return int_pow(x, y)


@triton.jit
def two_to(k):
    """2 ** k in float64 for k from -1022 to 1023"""
    return ((k + 1023) << 52).to(tl.float64, bitcast=True)


@triton.jit
def exponent_of(x):
    """floor(log2(x)) for positive finite x"""
    denormal = x < 2.2250738585072014e-308
    bits = tl.where(denormal, x * 18014398509481984.0, x).to(tl.int64, bitcast=True)
    return (bits >> 52) - tl.where(denormal, 1077, 1023)


@triton.jit
def fmod(x, y):
    """The exact remainder of truncated division; integers too"""
    if x.dtype.is_floating():
        a = tl.abs(x.to(tl.float64))
        b = tl.abs(y.to(tl.float64))
        defined = (a < float("inf")) & (b > 0) & (b == b)
        r = tl.where(defined & (b < float("inf")), a, 0.0)
        d = tl.where(defined & (b < float("inf")), b, 1.0)
        while tl.max((r >= d).to(tl.int32)) > 0:
            shift = tl.maximum(exponent_of(r) - exponent_of(d) - 50, 0)  # quotient below 2 ** 52
            third = shift // 3
            scaled = d * two_to(third) * two_to(third) * two_to(shift - 2 * third)
            q = tl.floor(r / scaled)
            rest = tl.fma(-q, scaled, r)
            rest = tl.where(rest < 0, rest + scaled, rest)  # the quotient was rounded up
            r = tl.where(r >= d, rest, r)
        r = tl.where(defined & (b == float("inf")), a, r)
        r = tl.where(defined, r, float("nan")).to(x.dtype)
        return tl.where(is_negative(x), r * -1.0, r)
    else:
        return x % y


@triton.jit
def is_negative(x):
    """The sign bit, of -0 too"""
    if x.dtype == tl.float64:
        return x.to(tl.int64, bitcast=True) < 0
    else:
        return x.to(tl.int32, bitcast=True) < 0


@triton.jit
def remainder(x, y):
    """x - y floor(x / y): its sign is the divisor's"""
    m = fmod(x, y)
    apart = (m != 0) & ((m < 0) != (y < 0))
    if x.dtype.is_floating():
        zero = tl.abs(m)
        zero = tl.where(is_negative(y), zero * -1.0, zero)
        return tl.where(m == 0, zero, tl.where(apart, m + y, m))
    else:
        return tl.where(apart, m + y, m)


@triton.jit
def floor_divide(x, y):
    """floor(x / y), exactly"""
    if x.dtype.is_floating():
        m = fmod(x, y)
        q = divide(x - m, y)
        q = tl.where((m != 0) & ((m < 0) != (y < 0)), q - 1.0, q)
        down = floor(q)
        down = tl.where(q - down > 0.5, down + 1.0, down)
        quotient = divide(x, y)
        down = tl.where(q == 0, quotient * 0.0, down)
        return tl.where(y == 0, quotient, down)
    else:
        q = x // y
        return tl.where((x - q * y != 0) & ((x < 0) != (y < 0)), q - 1, q)


@triton.jit
def atan_of_ratio(t):
    """The arctangent of t from 0 to 1, in float64, by fdlibm's polynomial"""
    folded = t > 0.41421356237309503
    u = tl.where(folded, (t - 1.0) / (t + 1.0), t)
    z = u * u
    w = z * z
    odd = w * (-3.65315727442169155270e-02)
    odd = w * (-5.83357013379057348645e-02 + odd)
    odd = w * (-7.69187620504482999495e-02 + odd)
    odd = w * (-1.11111104054623557880e-01 + odd)
    odd = w * (-1.99999999998764832476e-01 + odd)
    even = 4.97687799461593236017e-02 + w * 1.62858201153657823623e-02
    even = 6.66107313738753120669e-02 + w * even
    even = 9.09088713343650656196e-02 + w * even
    even = 1.42857142725034663711e-01 + w * even
    even = z * (3.33333333333329318027e-01 + w * even)
    near = u - u * (odd + even)
    far = 0.5 * HALF_PI - ((u * (odd + even) - 0.5 * HALF_PI_LOW) - u)
    return tl.where(folded, far, near)


@triton.jit
def atan2(x, other):
    """The angle of the point (other, x)"""
    up = x.to(tl.float64)
    right = other.to(tl.float64)
    a, b = tl.abs(up), tl.abs(right)
    big = tl.maximum(a, b, propagate_nan=tl.PropagateNan.ALL)
    small = tl.minimum(a, b, propagate_nan=tl.PropagateNan.ALL)
    ratio = tl.where(a == b, tl.where(a == 0, 0.0, 1.0), small / big)
    angle = atan_of_ratio(ratio)
    angle = tl.where(a > b, HALF_PI - (angle - HALF_PI_LOW), angle)
    angle = tl.where(is_negative(right), 2 * HALF_PI - (angle - 2 * HALF_PI_LOW), angle)
    angle = tl.where((a == a) & (b == b), angle, float("nan"))
    return tl.where(is_negative(up), angle * -1.0, angle).to(x.dtype)
