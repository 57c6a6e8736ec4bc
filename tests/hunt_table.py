"""Tricky inputs and what must come of them, a row each: (name, what to do, what it gives).

`do` gets a function t that makes tensors on the device of the test: t(values, dtype). What it
gives is compared as text, so that nan equals nan and -0.0 differs from 0.0. An exception class, or
(class, words of its text), stands for a refusal.
"""

from __future__ import annotations

import math

import numpy as np

import tritongrad as tg

nan, inf = math.nan, math.inf
BF16 = tg.bfloat16.numpy
R = RuntimeError
TINY = 1e-40  # a denormal of float32


def slope(f, values, dtype=tg.float32):
    """The gradient of f(x).sum() by x, and of what f is given besides."""

    def do(t):
        x = t(values, dtype).requires_grad_()
        f(x).sum().backward()
        return x.grad

    return do


def slopes(f, *values):
    """The gradients of f(x, y, ...).sum() by each of them."""

    def do(t):
        xs = [t(v).requires_grad_() for v in values]
        f(*xs).sum().backward()
        return [x.grad.tolist() for x in xs]

    return do


def slope_where(f, values, g):
    """The gradient by x when the gradient g comes in."""

    def do(t):
        x = t(values).requires_grad_()
        f(x).backward(t(g))
        return x.grad

    return do


def typed(f):
    """The name of the dtype of what f gives, and its values."""
    return lambda t: [f(t).dtype.name, f(t).tolist()]


def second(f, values):
    """The gradient of the sum of squares of the gradient of f(x).sum()."""

    def do(t):
        x = t(values).requires_grad_()
        (g,) = tg.autograd.grad(f(x).sum(), x, create_graph=True)
        return tg.autograd.grad((g * g).sum(), x)[0]

    return do


BIG = 2**62
MOST = 1.7976931348623157e308  # of float64
CLAMP = [
    ("nan stays nan", lambda t: t([nan, 2.0]).clamp(0, 1), [nan, 1.0]),
    ("nan stays nan with one bound", lambda t: t([nan]).clamp(min=0), [nan]),
    ("nan stays nan above", lambda t: t([nan]).clamp(max=0), [nan]),
    ("a nan bound gives nan", lambda t: t([1.0, 2.0]).clamp(nan, 1), [nan, nan]),
    ("a nan upper bound gives nan", lambda t: t([1.0, 2.0]).clamp(0, nan), [nan, nan]),
    ("a nan in a bound's tensor", lambda t: t([1.0, 2.0]).clamp(t([nan, 0.0]), t([3.0, 1.0])),
     [nan, 1.0]),
    ("min above max gives max", lambda t: t([0.0, 2.0, 9.0]).clamp(5, 1), [1.0, 1.0, 1.0]),
    ("slope 1 at both bounds", slope(lambda x: x.clamp(-1, 1), [-1.0, 0.0, 1.0]), [1.0, 1.0, 1.0]),
    ("slope 1 where the bounds meet", slope(lambda x: x.clamp(1, 1), [1.0, 2.0]), [1.0, 0.0]),
    ("slope 1 at a lower bound", slope(lambda x: x.clamp(min=0), [0.0, -1.0]), [1.0, 0.0]),
    ("slope 1 at an upper bound", slope(lambda x: x.clamp(max=0), [0.0, 1.0]), [1.0, 0.0]),
    ("slope 0 at nan", slope(lambda x: x.clamp(0, 1), [nan, 0.5]), [0.0, 1.0]),
    ("slope 0 if min is above max", slope(lambda x: x.clamp(5, 1), [0.0, 3.0, 9.0]), [0.0] * 3),
    ("all to the upper tensor if min is above max",
     slopes(lambda x, lo, hi: x.clamp(lo, hi), [0.0, 3.0], [5.0, 5.0], [1.0, 1.0]),
     [[0.0, 0.0], [0.0, 0.0], [1.0, 1.0]]),
    ("an incoming nan outside is dropped",
     slope_where(lambda x: x.clamp(0, 1), [-1.0, 0.5], [nan, nan]), [0.0, nan]),
    ("an incoming inf outside is dropped",
     slope_where(lambda x: x.clamp(min=0), [-1.0, 0.5], [inf, inf]), [0.0, inf]),
    ("float bounds make integers float", typed(lambda t: t([0, 1, 3], tg.int64).clamp(0.5, 2.5)),
     ["float32", [0.5, 1.0, 2.5]]),
    ("integers beyond 2^53 are exact", lambda t: t([BIG + 1, 3], tg.int64).clamp(max=BIG),
     [BIG, 3]),
    ("integers beyond 2^53 are exact below", lambda t: t([BIG], tg.int64).clamp(min=BIG + 1),
     [BIG + 1]),
    ("a bound outside uint8 never wraps", lambda t: saturated(t, -1, None), [0, 5, 255]),
    ("an upper bound outside uint8 never wraps", lambda t: saturated(t, None, 300), [0, 5, 255]),
    ("min=300 of uint8 saturates", lambda t: saturated(t, 300, None), [255, 255, 255]),
    ("a denormal is kept", lambda t: (t([TINY]).clamp(0, 1) > 0), [True]),
]  # fmt: skip


def saturated(t, low, high):
    """A clamp of uint8 by bounds that it cannot hold: saturated, or refused."""
    x = t([0, 5, 255], tg.uint8)
    try:
        return x.clamp(low, high)
    except (RuntimeError, OverflowError):
        return np.clip([0, 5, 255], low, high).clip(0, 255)


POW = [
    ("1 ** nan", lambda t: t([1.0]) ** t([nan]), [1.0]),
    ("nan ** 0", lambda t: t([nan]) ** t([0.0]), [1.0]),
    ("nan ** the number 0", lambda t: t([nan, inf]) ** 0, [1.0, 1.0]),
    ("(-1) ** inf", lambda t: t([-1.0, -1.0]) ** t([inf, -inf]), [1.0, 1.0]),
    ("zeros to an odd power", lambda t: t([-0.0, 0.0]) ** t([3.0, 3.0]), [-0.0, 0.0]),
    ("zeros to a negative odd power", lambda t: t([-0.0, 0.0]) ** t([-3.0, -3.0]), [-inf, inf]),
    ("zeros to a negative even power", lambda t: t([-0.0, 0.0]) ** t([-2.0, -2.0]), [inf, inf]),
    ("infinities to an odd power", lambda t: t([-inf, -inf]) ** t([3.0, -3.0]), [-inf, -0.0]),
    ("infinities to an even power", lambda t: t([-inf, -inf]) ** t([2.0, -2.0]), [inf, 0.0]),
    ("below one to infinity", lambda t: t([0.5, 2.0, -0.5]) ** t([inf, inf, inf]), [0.0, inf, 0.0]),
    ("below one to -infinity", lambda t: t([0.5, 2.0]) ** t([-inf, -inf]), [inf, 0.0]),
    ("infinity to powers", lambda t: t([inf, inf]) ** t([0.5, -0.5]), [inf, 0.0]),
    ("negative to a fraction", lambda t: t([-2.0]) ** t([0.5]), [nan]),
    ("negative to whole powers", lambda t: t([-2.0, -2.0]) ** t([3.0, 4.0]), [-8.0, 16.0]),
    ("a number to a tensor", lambda t: 2 ** t([3.0, -1.0]), [8.0, 0.5]),
    ("a negative number to a tensor", lambda t: (-2) ** t([3.0, 0.5]), [-8.0, nan]),
    ("a denormal's square root", lambda t: (t([TINY]) ** 0.5 > 0), [True]),
    ("a denormal to a tensor", lambda t: (t([TINY]) ** t([1.0]) > 0), [True]),
    ("a float64 denormal to -1", lambda t: t([1.5e-323], tg.float64) ** t([-1.0], tg.float64),
     [inf]),
    ("expm1 of a large float64", lambda t: tg.expm1(t([706.0], tg.float64)) < inf, [True]),
    ("fmod of the largest float64", lambda t: t([-MOST], tg.float64).fmod(t([88.7], tg.float64)),
     [math.fmod(-MOST, 88.7)]),
    ("an int to a negative number", lambda t: t([2], tg.int64) ** -1, (R, "negative")),
    ("an int to a negative tensor",
     lambda t: t([2, 1, -1], tg.int64) ** t([2, -1, -3], tg.int64), (R, "negative", "-3")),
    ("an int to a negative 0-d tensor", lambda t: t([2], tg.int64) ** t(-1, tg.int64),
     (R, "negative", "-1")),
    ("an int8 to a negative int64 tensor", lambda t: t([1], tg.int8) ** t([-1], tg.int64),
     (R, "negative", "-1")),
    ("a bool to a negative int tensor", lambda t: t([True], tg.bool) ** t([-1], tg.int64),
     (R, "negative", "-1")),
    ("a number to a negative int tensor", lambda t: 2 ** t([-1], tg.int64), (R, "negative", "-1")),
    ("an int to no exponents", lambda t: t([], tg.int64) ** t([], tg.int64), []),
    ("an int to unsigned exponents", lambda t: t([3], tg.uint8) ** t([255], tg.uint8), [171]),
    ("an int to a negative float", lambda t: t([2], tg.int64) ** t([-1.0]), [0.5]),
    ("a float to a negative int tensor", lambda t: t([2.0]) ** t([-1], tg.int64), [0.5]),
    ("ints are exact", lambda t: t([3], tg.int64) ** 39, [3**39]),
    ("slope of x ** 0 at 0", slope(lambda x: x**0, [0.0, 2.0]), [0.0, 0.0]),
    ("slope of x ** y at 0 by x", slopes(lambda x, y: x**y, [0.0, 0.0], [0.0, 2.0])
     , [[0.0, 0.0], [0.0, 0.0]]),
    ("slope of 0 ** y by y", slope(lambda y: 0.0**y, [2.0, 0.0, 0.5]), [0.0, 0.0, 0.0]),
    ("slope of 0 ** y by negative y", slopes(lambda x, y: x**y, [0.0], [-2.0]), [[-inf], [-inf]]),
    ("slope of a negative base", slope(lambda x: x**3, [-2.0]), [12.0]),
    ("slope of x ** 2 at 0", slope(lambda x: x**2, [0.0]), [0.0]),
]  # fmt: skip


def rounded_product(x, n):
    """The product of n bfloat16 copies of x, rounded to bfloat16 once."""
    exact = float(np.asarray(x).astype(BF16)) ** n
    return float(np.asarray(exact).astype(BF16))


REDUCE = [
    ("slope of prod with one zero", slope(lambda x: x.prod(), [2.0, 0.0, 4.0]), [0.0, 8.0, 0.0]),
    ("slope of prod with two zeros", slope(lambda x: x.prod(), [0.0, 0.0, 4.0]), [0.0] * 3),
    ("slope of prod along a dim", slope(lambda x: x.prod(1), [[2.0, 0.0], [3.0, 4.0]]),
     [[0.0, 2.0], [4.0, 3.0]]),
    ("second slope of prod with a zero", second(lambda x: x.prod(), [2.0, 0.0, 3.0]),
     [36.0, 0.0, 24.0]),
    ("max shares its slope among ties", slope(lambda x: x.max(), [3.0, 1.0, 3.0]), [0.5, 0.0, 0.5]),
    ("amax shares too", slope(lambda x: x.amax(0), [3.0, 1.0, 3.0, 3.0][:3]), [0.5, 0.0, 0.5]),
    ("max along a dim goes to its index", slope(lambda x: x.max(0)[0], [3.0, 1.0, 3.0]),
     [1.0, 0.0, 0.0]),
    ("min along a dim goes to its index", slope(lambda x: x.min(0)[0], [3.0, 1.0, 1.0]),
     [0.0, 1.0, 0.0]),
    ("maximum halves ties", slopes(tg.maximum, [1.0, 2.0], [1.0, 1.0]), [[0.5, 1.0], [0.5, 0.0]]),
    ("minimum halves ties", slopes(tg.minimum, [1.0, 2.0], [1.0, 1.0]), [[0.5, 0.0], [0.5, 1.0]]),
    ("max with nan", lambda t: t([1.0, nan, inf]).max(), nan),
    ("min with nan", lambda t: t([1.0, nan, -inf]).min(), nan),
    ("argmax is the first nan", lambda t: t([1.0, nan, inf, nan]).argmax(), 1),
    ("argmin is the first nan", lambda t: t([1.0, nan, -inf, nan]).argmin(), 1),
    ("max along a dim with nan",
     lambda t: [x.tolist() for x in t([[1.0, nan], [2.0, 1.0]]).max(1)], [[nan, 2.0], [1, 0]]),
    ("argmax takes the first of equals", lambda t: t([1.0, 3.0, 3.0]).argmax(), 1),
    ("maximum with nan", lambda t: tg.maximum(t([nan, 1.0]), t([1.0, nan])), [nan, nan]),
    ("sum of uint8 is int64", typed(lambda t: t([200, 200], tg.uint8).sum()), ["int64", 400]),
    ("sum of bools is int64", typed(lambda t: t([True, True], tg.bool).sum()), ["int64", 2]),
    ("sum of int32 is int64", typed(lambda t: t([2**31 - 1] * 2, tg.int32).sum()),
     ["int64", 2**32 - 2]),
    ("sum over dim=() is over all", lambda t: t([[1.0, 2.0]]).sum(dim=()), 3.0),
    ("mean of ints", lambda t: t([1, 2], tg.int64).mean(), (R, "mean")),
    ("mean of 70,000 float16 ones", lambda t: t([1.0] * 70_000, tg.float16).mean(), 1.0),
    ("prod of bfloat16 rounds once", lambda t: t([1.1] * 30, tg.bfloat16).prod(),
     rounded_product(1.1, 30)),
    ("empty sum, prod, all, any",
     lambda t: [f(t([])).item() for f in (tg.sum, tg.prod, tg.all, tg.any)],
     [0.0, 1.0, True, False]),
    ("many rows of nothing",
     lambda t: [set(f(t([[0.0] * 700])[:0], 0).tolist()) for f in (tg.sum, tg.prod, tg.logsumexp)],
     [{0.0}, {1.0}, {-inf}]),
    ("sum over three dims of nothing",
     lambda t: tg.zeros(2, 0, 0, 0, device=t([]).device).sum((1, 2, 3)), [0.0, 0.0]),
    ("mean of nothing", lambda t: t([]).mean(), nan),
    ("logsumexp of -inf", lambda t: t([-inf, -inf]).logsumexp(0), -inf),
    ("prod over two dims", lambda t: t([[1.0, 2.0], [3.0, 4.0]]).prod(dim=(0, 1)), 24.0),
]  # fmt: skip
