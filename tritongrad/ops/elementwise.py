"""Elementwise operations: arithmetic, powers, exponentials, comparisons, selection."""

from __future__ import annotations

import math

import numpy as np

from tritongrad.autograd.record import on_arrays
from tritongrad.elementwise import elementwise
from tritongrad.operands import zero_dim
from tritongrad.samples import Bools, Rand, binary, unary

from .refusals import MINUS, no_bool, no_negative_exponent

POSITIVE = unary(0.3, 3.0)


def _zeros(g):
    """A gradient of zero, whatever g is (0 * inf is not)."""
    return g.new_zeros(g.shape)


@elementwise(cpu=np.add, samples=binary())
def add(input, other):
    """Sum of every pair of elements; `alpha=` multiplies other."""


_as_it_is = on_arrays(lambda g: g, lambda g: g)
_negated = on_arrays(np.negative, lambda g: -g)
add.vjp(input=_as_it_is, other=_as_it_is)


@elementwise(
    cpu=np.subtract,
    samples=binary(),
    check=no_bool(f"sub: {MINUS}the `^` operator or `logical_xor()`"),
)
def sub(input, other):
    """Difference of every pair of elements; `alpha=` multiplies other."""


sub.vjp(input=_as_it_is, other=_negated)


@elementwise(cpu=np.multiply, samples=binary())
def mul(input, other):
    """Product of every pair of elements."""


mul.vjp(
    input=on_arrays(np.multiply, lambda g, other: g * other),
    other=on_arrays(np.multiply, lambda g, input: g * input),
)


@elementwise(cpu=np.true_divide, dtype="float", samples=binary(0.5, 2.0))
def div(input, other):
    """Quotient of every pair of elements; integers are divided as floating numbers."""


div.vjp(input=lambda g, other: g / other, other=lambda g, other, result: -g * (result / other))


@elementwise(
    samples=[*binary(0.3, 2.0, number=2), (Rand((3, 4)), 3), (2.0, Rand((3, 4)))],
    check=no_negative_exponent,
)
def pow(input, exponent):
    """input to the power of exponent; 0 ** 0 is 1 (C99's table of special values)."""


def _pow_input(g, input, exponent):
    if not hasattr(exponent, "shape"):
        if exponent == 2:
            return g * (input * 2)
        return g * (input.pow(exponent - 1) * exponent) if exponent != 0 else _zeros(g)
    slope = exponent * pow(input, exponent - 1)
    return where(exponent == 0, 0, g * slope)


def _of_square(g, input, exponent):
    if exponent != 2:
        raise NotImplementedError("_pow_input knows the others")
    return g * (input * zero_dim(2, g.dtype))


def _pow_exponent(g, input, exponent, result):
    logarithm = input.log() if hasattr(input, "shape") else math.log(input) if input else -math.inf
    slope = g * (result * logarithm)
    if not hasattr(input, "shape"):
        return where(exponent >= 0, 0, slope) if input == 0 else slope
    return where((input == 0).logical_and(exponent >= 0), 0, slope)


pow.vjp(input=on_arrays(_of_square, _pow_input), exponent=_pow_exponent)


@elementwise(cpu=np.negative, samples=unary(), check=no_bool(f"neg: {MINUS}`~` or `logical_not()`"))
def neg(input):
    """-x"""


neg.vjp(input=_negated)


@elementwise(cpu=np.exp, dtype="float", samples=unary())
def exp(input):
    """e ** x"""


exp.vjp(input=lambda g, result: g * result)


@elementwise(cpu=np.expm1, dtype="float", samples=unary())
def expm1(input):
    """e ** x - 1, exact for small x"""


expm1.vjp(input=lambda g, result: g * (result + 1))


@elementwise(cpu=np.log, dtype="float", samples=POSITIVE)
def log(input):
    """The natural logarithm."""


log.vjp(input=lambda g, input: g / input)


@elementwise(cpu=np.log1p, dtype="float", samples=unary(-0.5, 3.0))
def log1p(input):
    """log(1 + x), exact for small x"""


log1p.vjp(input=lambda g, input: g / (input + 1))


@elementwise(cpu=np.log2, dtype="float", samples=POSITIVE)
def log2(input):
    """The logarithm to base 2."""


log2.vjp(input=lambda g, input: g / (input * math.log(2)))


@elementwise(cpu=np.log10, dtype="float", samples=POSITIVE)
def log10(input):
    """The logarithm to base 10."""


log10.vjp(input=lambda g, input: g / (input * math.log(10)))


@elementwise(cpu=np.sqrt, dtype="float", samples=POSITIVE)
def sqrt(input):
    """The square root."""


sqrt.vjp(input=lambda g, result: g / (result * 2))


@elementwise(dtype="float", samples=POSITIVE)
def rsqrt(input):
    """1 / sqrt(x)"""


rsqrt.vjp(input=lambda g, result: g * (result * result * result * -0.5))


@elementwise(cpu=np.reciprocal, dtype="float", samples=POSITIVE)
def reciprocal(input):
    """1 / x"""


reciprocal.vjp(input=lambda g, result: -g * (result * result))


@elementwise(cpu=np.square, samples=unary())
def square(input):
    """x * x"""


square.vjp(input=lambda g, input: g * (input * 2))


@elementwise(cpu=np.absolute, samples=unary(away=(0,)))
def abs(input):
    """|x|; its gradient at 0 is 0, as sign(0) is"""


abs.vjp(input=lambda g, input: g * input.sign())


@elementwise(
    cpu=np.sign, samples=unary(away=(0,)), check=no_bool("sign: refuses bool: use .to(int64)")
)
def sign(input):
    """-1, 0 or 1"""


sign.vjp(input=lambda g: _zeros(g))


@elementwise(cpu=np.sin, dtype="float", samples=unary())
def sin(input):
    """The sine of radians."""


sin.vjp(input=lambda g, input: g * input.cos())


@elementwise(cpu=np.cos, dtype="float", samples=unary())
def cos(input):
    """The cosine of radians."""


cos.vjp(input=lambda g, input: -g * input.sin())


@elementwise(cpu=np.arctan2, dtype="float", samples=binary(0.3, 2.0))
def atan2(input, other):
    """The angle of the point (other, input)."""


atan2.vjp(
    input=lambda g, input, other: g * other / (input * input + other * other),
    other=lambda g, input, other: -g * input / (input * input + other * other),
)


@elementwise(cpu=np.maximum, samples=binary(away=(1.5,)))
def maximum(input, other):
    """The larger of every pair; nan wins; a tie shares the gradient."""


@elementwise(cpu=np.minimum, samples=binary(away=(1.5,)))
def minimum(input, other):
    """The smaller of every pair; nan wins; a tie shares the gradient."""


def _share(g, tie, lost):
    """g to the winner of a pair, half of it at a tie, nothing to the loser."""
    return where(lost, 0, where(tie, g * 0.5, g))


maximum.vjp(
    input=lambda g, input, other: _share(g, input == other, input < other),
    other=lambda g, input, other: _share(g, input == other, other < input),
)
minimum.vjp(
    input=lambda g, input, other: _share(g, input == other, input > other),
    other=lambda g, input, other: _share(g, input == other, other > input),
)


@elementwise(
    cpu=np.where,
    conditions=1,
    samples=[
        (Bools((3, 4)), Rand((3, 4)), Rand((4,))),
        (Bools((3, 1)), Rand((2, 1, 4)), 0.5),
        (Bools(()), Rand(()), Rand((0, 3))),
    ],
)
def where(condition, input, other):
    """input where condition holds, else other."""


where.vjp(
    input=lambda g, condition: where(condition, g, 0),
    other=lambda g, condition: where(condition, 0, g),
)


@elementwise(
    conditions=1,
    samples=[
        (Bools((3, 4)), Rand((3, 4)), 2.5),
        (Bools((3, 1)), Rand((2, 3, 4)), 0.5),
        (Bools((0, 3)), Rand((0, 3)), 2),
    ],
)
def masked_scale(mask, input, scale):
    """input * scale where mask holds, else 0."""


masked_scale.vjp(input=lambda g, mask, scale: masked_scale(mask, g, scale))
