"""One scalar function for each elementwise operation, and the kernels that map them over arrays.

A function receives blocks of one type: float32 for half types, float64, int32 or int64; bools
come as int32, except for the bitwise functions.
"""

import triton
import triton.language as tl

from . import exponential, powers, special

exp, expm1, log, log1p = exponential.exp, exponential.expm1, exponential.log, exponential.log1p
log2, log10, divide = exponential.log2, exponential.log10, exponential.divide
sigmoid, tanh, softplus = exponential.sigmoid, exponential.tanh, exponential.softplus
log_sigmoid, silu, elu = exponential.log_sigmoid, exponential.silu, exponential.elu
pow, fmod, remainder = powers.pow, powers.fmod, powers.remainder
floor_divide, atan2 = powers.floor_divide, powers.atan2
erf, gelu, gelu_backward = special.erf, special.gelu, special.gelu_backward
gelu_tanh, sin, cos = special.gelu_tanh, special.sin, special.cos
sqrt, rsqrt, round = special.sqrt, special.rsqrt, special.round
floor, ceil, trunc = special.floor, special.ceil, special.trunc
ALL = tl.constexpr(tl.PropagateNan.ALL)


@triton.jit
def positive(x):
    return x


@triton.jit
def add(x, y):
    return x + y


@triton.jit
def sub(x, y):
    return x - y


@triton.jit
def mul(x, y):
    return x * y


@triton.jit
def div(x, y):
    return divide(x, y)


@triton.jit
def add_scaled(x, y, alpha):
    return x + y * alpha


@triton.jit
def sub_scaled(x, y, alpha):
    return x - y * alpha


@triton.jit
def neg(x):
    return x * -1


@triton.jit
def square(x):
    return x * x


@triton.jit
def cube(x):
    return x * x * x


@triton.jit
def fourth(x):
    return (x * x) * (x * x)


@triton.jit
def sqrt_without_minus_0(x):
    return sqrt(x + 0)


@triton.jit
def reciprocal(x):
    return divide(tl.full(x.shape, 1, x.dtype), x)


@triton.jit
def abs(x):
    return tl.abs(x)


@triton.jit
def sign(x):
    """-1, 0 or 1; nan stays nan"""
    return tl.where(x > 0, 1, tl.where(x < 0, -1, x + 0))


@triton.jit
def maximum(x, y):
    return tl.maximum(x, y, propagate_nan=ALL)


@triton.jit
def minimum(x, y):
    return tl.minimum(x, y, propagate_nan=ALL)


@triton.jit
def relu(x):
    return tl.maximum(x, 0, propagate_nan=ALL)


@triton.jit
def leaky_relu(x, negative_slope):
    return tl.where(x > 0, x, x * negative_slope)


clamp_min, clamp_max = maximum, minimum


@triton.jit
def clamp_both(x, min, max):
    return minimum(maximum(x, min), max)


@triton.jit
def where(condition, x, y):
    return tl.where(condition != 0, x, y)


@triton.jit
def masked_scale(mask, x, scale):
    return tl.where(mask != 0, x * scale, 0)


@triton.jit
def eq(x, y):
    return x == y


@triton.jit
def ne(x, y):
    return x != y


@triton.jit
def lt(x, y):
    return x < y


@triton.jit
def le(x, y):
    return x <= y


@triton.jit
def gt(x, y):
    return x > y


@triton.jit
def ge(x, y):
    return x >= y


@triton.jit
def logical_and(x, y):
    return (x != 0) & (y != 0)


@triton.jit
def logical_or(x, y):
    return (x != 0) | (y != 0)


@triton.jit
def logical_xor(x, y):
    return (x != 0) ^ (y != 0)


@triton.jit
def logical_not(x):
    return x == 0


@triton.jit
def bitwise_and(x, y):
    return x & y


@triton.jit
def bitwise_or(x, y):
    return x | y


@triton.jit
def bitwise_xor(x, y):
    return x ^ y


@triton.jit
def bitwise_not(x):
    return ~x


@triton.jit
def bitwise_left_shift(x, y):
    """0 where no bit is left: a count beyond the width, or below 0, has no meaning in hardware"""
    inside = (y >= 0) & (y < x.dtype.primitive_bitwidth)
    return tl.where(inside, x << tl.where(inside, y, 0), 0)


@triton.jit
def bitwise_right_shift(x, y):
    inside = (y >= 0) & (y < x.dtype.primitive_bitwidth)
    return x >> tl.where(inside, y, x.dtype.primitive_bitwidth - 1)


@triton.jit
def isnan(x):
    return x != x


@triton.jit
def isinf(x):
    return tl.abs(x) == float("inf")


@triton.jit
def isfinite(x):
    return tl.abs(x) < float("inf")


@triton.jit
def relu_backward(grad, result):
    return tl.where(result > 0, grad, 0)


@triton.jit
def tanh_backward(grad, result):
    return grad * (1 - result * result)


@triton.jit
def sigmoid_backward(grad, result):
    return grad * (result * (1 - result))


@triton.jit
def clamp_backward(grad, x, min, max):
    """grad where min <= x <= max, else 0: selected, so that a nan outside is dropped"""
    return tl.where((x >= min) & (x <= max), grad, 0)


@triton.jit
def clamp_min_backward(grad, x, min):
    return tl.where(x >= min, grad, 0)


@triton.jit
def clamp_max_backward(grad, x, max):
    return tl.where(x <= max, grad, 0)
