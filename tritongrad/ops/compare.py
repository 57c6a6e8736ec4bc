"""Elementwise operations with whole or bool results: comparisons, logic, bits, rounding."""

from __future__ import annotations

import numpy as np

from tritongrad.elementwise import elementwise
from tritongrad.samples import Bools, Ints, Rand, binary, unary

from .elementwise import _zeros
from .refusals import integers, not_zero, whole

PAIRS = [*binary(), (Ints((3, 4)), Ints((4,))), (Ints((3, 4)), 1)]
TRUTHS = [(Bools((3, 4)), Bools((4,))), (Ints((3, 4)), Bools(())), (Rand((0, 2)), Rand((2,)))]
WHOLE = [(Ints((3, 4), 0, 9), Ints((4,), 1, 9)), (Bools((3,)), Bools((3,))), (Ints((2, 3)), 1)]
ROUNDED = unary(away=(-2, -1.5, -1, -0.5, 0, 0.5, 1, 1.5, 2))
SHIFTED = [(Ints((3, 4), -9, 9), Ints((4,), 0, 9)), (Ints((3, 4), -9, 9), 2), (Ints((0, 2)), 1)]
DIVISORS = [
    (Ints((3, 4), -9, 9), Ints((4,), 1, 9)),
    (Rand((3, 4), 0.1, 0.9), Rand((4,), 1.1, 1.4)),
    (Rand((3, 4), 0.1, 0.9), 1.3),
]


@elementwise(cpu=np.equal, dtype="bool", samples=PAIRS)
def eq(input, other):
    """input == other"""


@elementwise(cpu=np.not_equal, dtype="bool", samples=PAIRS)
def ne(input, other):
    """input != other"""


@elementwise(cpu=np.less, dtype="bool", samples=PAIRS)
def lt(input, other):
    """input < other"""


@elementwise(cpu=np.less_equal, dtype="bool", samples=PAIRS)
def le(input, other):
    """input <= other"""


@elementwise(cpu=np.greater, dtype="bool", samples=PAIRS)
def gt(input, other):
    """input > other"""


@elementwise(cpu=np.greater_equal, dtype="bool", samples=PAIRS)
def ge(input, other):
    """input >= other"""


@elementwise(cpu=np.logical_and, dtype="bool", samples=TRUTHS)
def logical_and(input, other):
    """Whether both are true (not 0)."""


@elementwise(cpu=np.logical_or, dtype="bool", samples=TRUTHS)
def logical_or(input, other):
    """Whether one is true (not 0)."""


@elementwise(cpu=np.logical_xor, dtype="bool", samples=TRUTHS)
def logical_xor(input, other):
    """Whether exactly one is true (not 0)."""


@elementwise(cpu=np.logical_not, dtype="bool", samples=[(Bools((3, 4)),), (Ints((2, 3)),)])
def logical_not(input):
    """Whether it is false (0)."""


@elementwise(cpu=np.isnan, dtype="bool", samples=unary())
def isnan(input):
    """Whether it is not a number."""


@elementwise(cpu=np.isinf, dtype="bool", samples=unary())
def isinf(input):
    """Whether it is infinite."""


@elementwise(cpu=np.isfinite, dtype="bool", samples=unary())
def isfinite(input):
    """Whether it is neither infinite nor nan."""


@elementwise(cpu=np.bitwise_and, samples=WHOLE, check=whole("bitwise_and"))
def bitwise_and(input, other):
    """input & other"""


@elementwise(cpu=np.bitwise_or, samples=WHOLE, check=whole("bitwise_or"))
def bitwise_or(input, other):
    """input | other"""


@elementwise(cpu=np.bitwise_xor, samples=WHOLE, check=whole("bitwise_xor"))
def bitwise_xor(input, other):
    """input ^ other"""


@elementwise(cpu=np.invert, samples=[(Bools((3, 4)),), (Ints((2, 3)),)], check=whole("bitwise_not"))
def bitwise_not(input):
    """~input"""


@elementwise(cpu=np.left_shift, samples=SHIFTED, check=integers("bitwise_left_shift"))
def bitwise_left_shift(input, other):
    """input << other"""


@elementwise(cpu=np.right_shift, samples=SHIFTED, check=integers("bitwise_right_shift"))
def bitwise_right_shift(input, other):
    """input >> other, which keeps the sign"""


@elementwise(cpu=np.floor, samples=ROUNDED)
def floor(input):
    """The largest whole number that is not larger."""


@elementwise(cpu=np.ceil, samples=ROUNDED)
def ceil(input):
    """The smallest whole number that is not smaller."""


@elementwise(cpu=np.rint, samples=ROUNDED)
def round(input):
    """The nearest whole number; halves go to the even one."""


@elementwise(cpu=np.trunc, samples=ROUNDED)
def trunc(input):
    """The whole part."""


for _step in (floor, ceil, round, trunc):
    _step.vjp(input=lambda g: _zeros(g))


@elementwise(cpu=np.floor_divide, samples=DIVISORS, check=not_zero)
def floor_divide(input, other):
    """The quotient, rounded down."""


floor_divide.vjp(input=lambda g: _zeros(g), other=lambda g: _zeros(g))


@elementwise(cpu=np.remainder, samples=DIVISORS, check=not_zero)
def remainder(input, other):
    """What is left of input after division by other, with the sign of other (Python's %)."""


remainder.vjp(input=lambda g: g, other=lambda g, input, other: -g * floor_divide(input, other))


@elementwise(cpu=np.fmod, samples=DIVISORS, check=not_zero)
def fmod(input, other):
    """What is left of input after division by other, with the sign of input (C's fmod)."""


fmod.vjp(input=lambda g: g, other=lambda g, input, other: -g * trunc(input / other))
