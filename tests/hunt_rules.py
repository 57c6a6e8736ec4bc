"""More rows of tricky inputs: products, integers, numbers, writes in place, what is saved.

See hunt_table.py for what a row is.
"""

from __future__ import annotations

import math
import threading

import numpy as np
from hunt_table import TINY, slope, slope_where, slopes, typed

import tritongrad as tg

nan, inf = math.nan, math.inf
R, Z = RuntimeError, ZeroDivisionError
LEAST = -(2**63)

PRODUCTS = [
    ("mm of two dtypes", lambda t: t([[1.0]]).mm(t([[1.0]], tg.float64)), (R, "mm")),
    ("mm of an int and a float", lambda t: t([[1]], tg.int64).mm(t([[1.0]])), (R, "mm")),
    ("zero times nan in mm", lambda t: t([[0.0, 1.0]]).mm(t([[nan], [1.0]])), [[nan]]),
    ("zero times inf in mm", lambda t: t([[0.0, 1.0]]).mm(t([[inf], [1.0]])), [[nan]]),
    ("inf through mm", lambda t: t([[inf, 1.0]]).mm(t([[1.0], [1.0]])), [[inf]]),
    ("a denormal through mm", lambda t: (t([[TINY]]).mm(t([[1.0]])) > 0), [[True]]),
    ("a denormal times one", lambda t: (t([TINY]) * t([1.0]) > 0), [True]),
    ("a denormal by one", lambda t: (t([TINY]) / t([1.0]) > 0), [True]),
    ("a denormal from a division", lambda t: (t([1e-30]) / t([1e10]) > 0), [True]),
    ("a denormal is true", lambda t: bool(t([TINY])), True),
    ("a denormal sum", lambda t: (t([TINY, TINY]).sum() > t(TINY)), True),
    ("mm of an empty inner size", lambda t: t([[], []]).mm(tg.zeros(0, 2, device=t([]).device)),
     [[0.0, 0.0], [0.0, 0.0]]),
    ("integers in mm are exact", lambda t: t([[2**53 + 1]], tg.int64).mm(t([[1]], tg.int64)),
     [[2**53 + 1]]),
    ("int8 in mm wraps", lambda t: t([[100, 100]], tg.int8).mm(t([[1], [1]], tg.int8)), [[-56]]),
]  # fmt: skip

INTEGERS = [
    ("// 0", lambda t: t([1], tg.int64) // 0, Z),
    ("% 0", lambda t: t([1], tg.int64) % 0, Z),
    ("fmod by 0", lambda t: t([1], tg.int64).fmod(0), Z),
    ("float // 0", lambda t: t([1.0, -1.0, 0.0]) // 0, [inf, -inf, nan]),
    ("float % 0", lambda t: t([1.0]) % 0, [nan]),
    ("the least int // -1", lambda t: t([LEAST], tg.int64) // -1, [LEAST]),
    ("the least int % -1", lambda t: t([LEAST], tg.int64) % -1, [0]),
    ("the least int32 // -1", lambda t: t([-(2**31)], tg.int32) // -1, [-(2**31)]),
    ("abs of the least int", lambda t: t([LEAST], tg.int64).abs(), [LEAST]),
    ("floor division rounds down", lambda t: t([-7, 7], tg.int64) // 2, [-4, 3]),
    ("remainder has the divisor's sign", lambda t: t([-7, 7], tg.int64) % -3, [-1, -2]),
    ("fmod has the dividend's sign", lambda t: t([-7, 7], tg.int64).fmod(3), [-1, 1]),
    ("float remainder", lambda t: t([-7.0, 7.0]) % 3, [2.0, 1.0]),
    ("true division of ints", typed(lambda t: t([1], tg.int64) / 2), ["float32", [0.5]]),
    ("int64 + 2**70", lambda t: t([1], tg.int64) + 2**70, OverflowError),
    ("uint8 + 300", lambda t: t([1], tg.uint8) + 300, OverflowError),
    ("int8 + 200", lambda t: t([1], tg.int8) + 200, OverflowError),
    ("bool + bool", typed(lambda t: t([True, True], tg.bool) + t([True, False], tg.bool)),
     ["bool", [True, True]]),
    ("bool - bool", lambda t: t([True], tg.bool) - t([True], tg.bool), (R, "^")),
    ("minus bool", lambda t: -t([True], tg.bool), (R, "logical_not")),
    ("a 0-d tensor does not widen", typed(lambda t: t([1.0]) + t(1.0, tg.float64)),
     ["float32", [2.0]]),
    ("a 0-d float makes ints float", typed(lambda t: t([1], tg.int64) + t(0.5, tg.float64)),
     ["float64", [1.5]]),
    ("a number keeps the width", typed(lambda t: t([1.0], tg.float16) + 1e-3),
     ["float16", [1.0009765625]]),
    ("uint8 - 1 wraps within the dtype", lambda t: t([0], tg.uint8) - t([1], tg.uint8), [255]),
    ("a float tensor + 2**70", lambda t: t([0.0]) + 2**70, [2.0**70]),
    ("compare with a number out of range", lambda t: t([1], tg.uint8) < 300, [True]),
    ("compare with a negative number", lambda t: t([1], tg.uint8) > -1, [True]),
    ("equal integers beyond 2^53", lambda t: t([2**53 + 1], tg.int64) == 2**53, [False]),
]  # fmt: skip


def after(t, values, dtype, write):
    """What is left of a tensor and its version after a write that must be refused."""
    x = t(values, dtype)
    version = x._version_count
    try:
        write(x)
    except R as error:
        assert x._version_count == version, "a refused write was counted"
        words = str(error)
        return ["refused", x.tolist(), "_" in words]
    return ["let through", x.tolist()]


def refused(values, dtype, write):
    name = dtype.name
    return (lambda t: after(t, values, dtype, lambda x: write(x, t))), [
        "refused", values if name != "bool" else [bool(v) for v in values], True,
    ]  # fmt: skip


def changed(values, write):
    """A tensor after a write in place."""

    def do(t):
        x = t(values)
        write(x)
        return x

    return do


def places(like, index):
    """An index on the device of a tensor."""
    return tg.tensor(index, device=like.device)


def generator_after(t):
    """Whether the generator is as it was after a draw that was refused."""
    before = tg.get_rng_state().tolist()
    try:
        tg.randperm(t(2.5))
    except TypeError:
        return tg.get_rng_state().tolist() == before
    return False


def row(name, pair):
    return (name, *pair)


WRITES = [
    row("sub_ of a wider one", refused([1.0], tg.float32, lambda x, t: x.sub_(t([1.0, 2.0])))),
    row("an int minus 0.5", refused([1], tg.int64, lambda x, t: x.sub_(0.5))),
    row("an int divided", refused([4], tg.int64, lambda x, t: x.div_(2))),
    row("a bool plus 1", refused([True], tg.bool, lambda x, t: x.add_(1))),
    ("an int to a negative power in place",
     lambda t: after(t, [2], tg.int64, lambda x: x.pow_(t([-1], tg.int64)))[:2], ["refused", [2]]),
    row("an int plus floats", refused([1], tg.int64, lambda x, t: x.add_(t([0.5])))),
    row("an expanded target", refused([1.0], tg.float32, lambda x, t: x.expand(3).add_(1))),
    ("int8 plus an int64 wraps", lambda t: t([127], tg.int8).add_(t([1], tg.int64)), [-128]),
    ("shifted onto itself", changed([1.0, 2.0, 4.0], lambda x: x[1:].sub_(x[:-1])),
     [1.0, 1.0, 2.0]),
    ("shifted the other way", changed([1.0, 2.0, 4.0], lambda x: x[:-1].sub_(x[1:])),
     [-1.0, -2.0, 4.0]),
    ("minus its transpose", changed([[1.0, 2.0], [3.0, 4.0]], lambda x: x.sub_(x.t())),
     [[0.0, -1.0], [1.0, 0.0]]),
    ("minus its first", changed([1.0, 2.0], lambda x: x.sub_(x[0])), [0.0, 1.0]),
    ("minus its last, a 0-d view", changed([1.0, 2.0], lambda x: x.sub_(x[1])), [-1.0, 0.0]),
    ("minus its first row", changed([[1.0, 2.0], [3.0, 4.0]], lambda x: x.sub_(x[0])),
     [[0.0, 0.0], [2.0, 2.0]]),
    ("minus itself", changed([1.0, 2.0], lambda x: x.sub_(x)), [0.0, 0.0]),
    ("times itself", changed([3.0], lambda x: x.mul_(x)), [9.0]),
    ("interleaved", changed([1.0, 2.0, 3.0, 4.0], lambda x: x[::2].mul_(x[1::2])),
     [2.0, 2.0, 12.0, 4.0]),
    ("assigned from its reverse", changed([1.0, 2.0, 3.0], lambda x: x.copy_(x.flip(0))),
     [3.0, 2.0, 1.0]),
    ("x[1:] = x[:-1]", changed([1.0, 2.0, 3.0], lambda x: x.__setitem__(slice(1, 3), x[:-1])),
     [1.0, 1.0, 2.0]),
    ("clamp_ between its own parts",
     changed([5.0, 0.0, 1.0], lambda x: x.clamp_(x[1], x[2])), [1.0, 0.0, 1.0]),
    ("index_fill_ along the last dim",
     changed([[0.0, 0.0], [0.0, 0.0]], lambda x: x.index_fill_(-1, places(x, [0]), 5.0)),
     [[5.0, 0.0], [5.0, 0.0]]),
    ("index_copy_ along the last dim",
     changed([[0.0, 0.0], [0.0, 0.0]],
             lambda x: x.index_copy_(-1, places(x, [1]), x[:, :1] + 2.0)),
     [[0.0, 2.0], [0.0, 2.0]]),
    ("index_fill_ out of range", lambda t: t([[0.0]]).index_fill_(2, places(t([]), [0]), 5.0),
     (IndexError, "index_fill_")),
    ("where of the number True in a half type",
     lambda t: tg.where(True, t([1.5], tg.bfloat16), t([2.0], tg.bfloat16)), [1.5]),
    ("randint out of its dtype", lambda t: tg.randint(0, 300, (5,), dtype=tg.uint8),
     (R, "299")),
    ("randint below its dtype", lambda t: tg.randint(-5, 5, (3,), dtype=tg.uint8), (R, "-5")),
    ("randperm out of its dtype", lambda t: tg.randperm(300, dtype=tg.uint8), (R, "299")),
    ("randperm of a float tensor", generator_after, True),
    ("nan is written", changed([1.0], lambda x: x.fill_(nan)), [nan]),
]  # fmt: skip


def freed(f):
    """Whether y.zero_() before backward is let through: y was not saved."""

    def do(t):
        x = t([2.0, 3.0]).requires_grad_()
        y = x * 1.0
        z = f(y, t([5.0, 7.0]))
        y.zero_()
        z.sum().backward()
        return x.grad

    return do


def constant_freed(t):
    x, c = t([2.0]).requires_grad_(), t([5.0])
    z = x * c
    x.detach().zero_()  # x itself is not needed: c wants no gradient
    z.sum().backward()
    return x.grad


def twice(f):
    def do(t):
        x = t([1.0]).requires_grad_()
        y = f(x).sum()
        y.backward()
        y.backward()
        return x.grad

    return do


def hooked(t):
    seen = []
    x = t([1.0]).requires_grad_()
    x.register_hook(lambda g: seen.append(g.tolist()))
    (x * 2 + x * 3).sum().backward()
    return seen


def in_new_thread(t):
    seen = []
    with tg.no_grad():
        thread = threading.Thread(target=lambda: seen.append(tg.is_grad_enabled()))
        thread.start()
        thread.join()
        seen.append(tg.is_grad_enabled())
    return seen


def after_exception(t):
    try:
        with tg.no_grad():
            raise KeyError
    except KeyError:
        return tg.is_grad_enabled()


@tg.no_grad()
def named_function():
    return tg.is_grad_enabled()


MORE = [
    ("an addition saves nothing", freed(lambda y, c: y + c), [1.0, 1.0]),
    ("times a constant saves only it", freed(lambda y, c: y * c), [5.0, 7.0]),
    ("times a number saves nothing", freed(lambda y, c: y * 3), [3.0, 3.0]),
    ("a sum saves nothing", freed(lambda y, c: y.sum()), [1.0, 1.0]),
    ("a mean saves nothing", freed(lambda y, c: y.mean()), [0.5, 0.5]),
    ("exp saves its result, not its input", freed(lambda y, c: y.exp() * 0), [0.0, 0.0]),
    ("mm with a constant saves only it", freed(lambda y, c: y.reshape(1, 2).mm(c.reshape(2, 1))),
     [5.0, 7.0]),
    ("a square saves its input", freed(lambda y, c: y * y), (R, "modified by an inplace")),
    ("a constant's partner is not saved", constant_freed, [5.0]),
    ("backward twice where nothing was saved", twice(lambda x: x + 1), ([2.0], R)),
    ("backward twice where something was", twice(lambda x: x.exp()), (R, "retain_graph")),
    ("a hook on a leaf sees the total once", hooked, [[5.0]]),
    ("no_grad is of its thread", in_new_thread, [True, False]),
    ("no_grad ends with an exception", after_exception, True),
    ("no_grad as a decorator keeps the name",
     lambda t: [named_function.__name__, named_function()], ["named_function", False]),
    ("slope of relu at 0", slope(lambda x: x.relu(), [-1.0, 0.0, 1.0]), [0.0, 0.0, 1.0]),
    ("slope of abs at 0", slope(lambda x: x.abs(), [0.0, -2.0]), [0.0, -1.0]),
    ("slope of sqrt at 0", slope(lambda x: x.sqrt(), [0.0, 4.0]), [inf, 0.25]),
    ("slope of where drops an incoming nan",
     slope_where(lambda x: tg.where(x > 0, x, 0), [1.0, -1.0], [1.0, nan]), [1.0, 0.0]),
    ("a division's slopes", slopes(lambda x, y: x / y, [6.0], [2.0]), [[0.5], [-1.5]]),
    ("a reversed view", lambda t: t([1.0, 2.0, 3.0])[::-1], [3.0, 2.0, 1.0]),
    ("an array with a negative stride",
     lambda t: tg.tensor(np.array([1.0, 2.0], np.float32)[::-1], device=t([]).device), [2.0, 1.0]),
    ("a tensor below, a number above", lambda t: t([1.0, 5.0]).clamp(t([2.0, 2.0]), 3),
     [2.0, 3.0]),
]  # fmt: skip
