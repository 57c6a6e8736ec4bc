"""Runs of every kernel through its host function, each with what NumPy says: values or None.

A case gets `up`, which puts an array on the interpret device, and yields (got, want, rtol). What
it launches is compiled ahead of time by test_aot.py and watched by test_tricheck.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np

from tritongrad.cuda import elementwise as maps
from tritongrad.cuda import inplace, reduce, scan
from tritongrad.cuda.array import from_numpy
from tritongrad.cuda.seam import device_of
from tritongrad.kernels import elementwise as functions

BF16 = np.dtype(ml_dtypes.bfloat16)
FLOATS = [np.dtype(d) for d in (np.float32, np.float64, np.float16)] + [BF16]
WHOLE = [np.dtype(d) for d in (np.int64, np.int32, np.int8, np.uint8)]
BOOL = np.dtype(bool)
RTOL = {np.dtype(np.float32): 4e-7, np.dtype(np.float64): 2e-15, np.dtype(np.float16): 1e-3}
RTOL[BF16] = 8e-3
EDGES = (0, 1, 1023, 1024, 1025, 1031)  # a tile's edges and a prime
SHAPES = [(5, 7), (1, 1), (3, 1025), (1031, 3), (2, 3, 5, 4), (4097,)]

Result = tuple[Any, Any, float]


class Case(NamedTuple):
    name: str
    run: Callable[[], Iterator[Result]]


def up(array: Any) -> Any:
    return from_numpy(np.asarray(array), device_of("interpret"))


def draw(shape: Any, dtype: np.dtype, seed: int = 0, low: float = -3, high: float = 3) -> Any:
    """Numbers of a dtype; whole ones for integers."""
    random = np.random.default_rng(seed)
    if dtype == BOOL:
        return random.random(shape) < 0.5
    if dtype.kind in "iu":
        return random.integers(max(low, 0) if dtype.kind == "u" else low, high + 1, shape).astype(
            dtype
        )
    return np.asarray(random.uniform(low, high, shape)).astype(dtype)


def wide(a: np.ndarray) -> np.ndarray:
    return a if a.dtype.kind in "biu" else a.astype(np.float64)


erf = np.vectorize(math.erf, otypes=[np.float64])


def normal_cdf(x: np.ndarray) -> np.ndarray:
    return 0.5 * (1 + erf(x / math.sqrt(2)))


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


# The operations: name -> (the same on NumPy in float64, dtypes, range of the operands).
UNARY: dict[str, tuple[Callable, list, tuple]] = {
    **{n: (getattr(np, n), FLOATS, (-3, 3)) for n in "exp expm1 tanh sin cos".split()},
    **{n: (getattr(np, n), FLOATS, (0.1, 9)) for n in "log log1p log2 log10 sqrt".split()},
    **{n: (getattr(np, n), FLOATS, (-3, 3)) for n in "floor ceil trunc".split()},
    **{n: (getattr(np, n), [*FLOATS, np.dtype(int)], (-3, 3)) for n in "sign abs square".split()},
    **{n: (getattr(np, n), FLOATS, (-3, 3)) for n in "isnan isinf isfinite".split()},
    "round": (np.rint, FLOATS, (-3, 3)),
    "neg": (np.negative, [*FLOATS, np.dtype(int)], (-3, 3)),
    "positive": (np.positive, FLOATS, (-3, 3)),
    "cube": (lambda x: x**3, FLOATS, (-3, 3)),
    "fourth": (lambda x: x**4, FLOATS, (-3, 3)),
    "sqrt_without_minus_0": (np.sqrt, FLOATS, (0, 3)),
    "reciprocal": (np.reciprocal, FLOATS, (0.1, 3)),
    "rsqrt": (lambda x: 1 / np.sqrt(x), FLOATS, (0.1, 3)),
    "sigmoid": (sigmoid, FLOATS, (-9, 9)),
    "log_sigmoid": (lambda x: -np.logaddexp(0, -x), FLOATS, (-9, 9)),
    "softplus": (lambda x: np.logaddexp(0, x), FLOATS, (-9, 9)),
    "silu": (lambda x: x * sigmoid(x), FLOATS, (-9, 9)),
    "relu": (lambda x: np.maximum(x, 0), [*FLOATS, np.dtype(int)], (-3, 3)),
    "erf": (erf, FLOATS, (-4, 4)),
    "gelu": (lambda x: x * normal_cdf(x), FLOATS, (-1, 4)),
    "gelu_tanh": (
        lambda x: 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),
        FLOATS,
        (-1, 4),
    ),
    "logical_not": (np.logical_not, [*FLOATS, BOOL], (-1, 1)),
    "bitwise_not": (np.bitwise_not, [*WHOLE, BOOL], (-9, 9)),
}
BINARY: dict[str, tuple[Callable, list, tuple]] = {
    **{
        n: (getattr(np, f), [*FLOATS, *WHOLE], (-9, 9))
        for n, f in {"add": "add", "sub": "subtract", "mul": "multiply"}.items()
    },
    "div": (np.divide, FLOATS, (0.5, 9)),
    "pow": (np.power, [*FLOATS, np.dtype(int)], (0, 3)),
    "atan2": (np.arctan2, FLOATS, (-3, 3)),
    "maximum": (np.maximum, [*FLOATS, *WHOLE], (-9, 9)),
    "minimum": (np.minimum, [*FLOATS, *WHOLE], (-9, 9)),
    "clamp_min": (np.maximum, FLOATS, (-9, 9)),
    "clamp_max": (np.minimum, FLOATS, (-9, 9)),
    **{
        n: (getattr(np, f), [*FLOATS, *WHOLE, BOOL], (-2, 2))
        for n, f in {
            "eq": "equal",
            "ne": "not_equal",
            "lt": "less",
            "le": "less_equal",
            "gt": "greater",
            "ge": "greater_equal",
        }.items()
    },
    **{n: (getattr(np, n), [FLOATS[0], BOOL], (-1, 1)) for n in "logical_and logical_or".split()},
    "logical_xor": (np.logical_xor, [FLOATS[0], BOOL], (-1, 1)),
    **{n: (getattr(np, n), [*WHOLE, BOOL], (-9, 9)) for n in "bitwise_and bitwise_or".split()},
    "bitwise_xor": (np.bitwise_xor, [*WHOLE, BOOL], (-9, 9)),
    **{
        f"bitwise_{way}_shift": (getattr(np, f"{way}_shift"), WHOLE, (0, 40))
        for way in ("left", "right")
    },
    "elu": (lambda x, a: np.where(x > 0, x, a * np.expm1(x)), FLOATS, (-3, 3)),
    "leaky_relu": (lambda x, a: np.where(x > 0, x, a * x), FLOATS, (-3, 3)),
    "relu_backward": (lambda g, r: np.where(r > 0, g, 0), FLOATS, (-3, 3)),
    "tanh_backward": (lambda g, r: g * (1 - r * r), FLOATS, (-0.5, 0.5)),
    "sigmoid_backward": (lambda g, r: g * (r * (1 - r)), FLOATS, (0.1, 0.5)),
    "gelu_backward": (
        lambda g, x: g * (normal_cdf(x) + x * np.exp(-x * x / 2) / math.sqrt(2 * math.pi)),
        FLOATS,
        (0, 3),
    ),
}
DIVISIONS = {"floor_divide": np.floor_divide, "remainder": np.remainder, "fmod": np.fmod}
TERNARY: dict[str, Callable] = {
    "where": lambda c, x, y: np.where(c != 0, x, y),
    "masked_scale": lambda m, x, s: np.where(m != 0, x * s, 0),
    "clamp_both": lambda x, lo, hi: np.minimum(np.maximum(x, lo), hi),
    "clamp_backward": lambda g, x, lo, hi: np.where((x >= lo) & (x <= hi), g, 0),
    "clamp_min_backward": lambda g, x, lo: np.where(x >= lo, g, 0),
    "clamp_max_backward": lambda g, x, hi: np.where(x <= hi, g, 0),
    "add_scaled": lambda x, y, a: x + y * a,
    "sub_scaled": lambda x, y, a: x - y * a,
}
COUNTS = {"clamp_backward": 4}


def map_of(
    name: str, numpy: Callable, dtype: np.dtype, span: tuple, count: int
) -> Iterator[Result]:
    """An operation on arrays of one dtype."""
    operands = [draw(272, dtype, seed, *span) for seed in range(count)]
    got = maps.elementwise(name, *map(up, operands))
    same = name in DIVISIONS and dtype in (np.float32, np.float64)
    want = numpy(*(operands if same else map(wide, operands)))
    # Below 1 an absolute error counts: functions with a root there lose relative accuracy.
    yield got, want, 3 * RTOL.get(dtype, 0)


def maps_of_sizes() -> Iterator[Result]:
    """Every tile edge, and numbers in place of arrays."""
    for n in EDGES:
        x, y = draw(n, FLOATS[0]), draw(n, FLOATS[0], 1)
        yield maps.elementwise("add", up(x), up(y)), x + y, 0
        yield maps.elementwise("mul", up(x), 0.5), x * np.float32(0.5), 0
        yield maps.elementwise("sub", 2, up(x)), 2 - x, 0
    x = np.arange(6.0)
    yield maps.elementwise("add", up(x), 0.1), x + 0.1, 0
    big = np.array([2**62 + 1, -5])
    yield maps.elementwise("minimum", up(big), 2**62), np.minimum(big, 2**62), 0
    small = np.arange(-3, 3, dtype=np.int8)
    yield maps.elementwise("lt", up(small), 2**40), np.ones(6, bool), 0
    for exponent in (2, 3, 4, 0.5, -1, 1, 0, 2.5):
        x = draw(9, FLOATS[1], 0, 0.5, 2)
        yield maps.elementwise("pow", up(x), exponent), x**exponent, 4e-16
    filled = up(np.zeros((3, 4), np.float16).T)
    yield inplace.fill(filled, 0.1), np.full((4, 3), np.float16(0.1)), 0


def maps_of_layouts() -> Iterator[Result]:
    """Broadcast, transposed, stepped, reversed operands; up to six dimensions."""
    a, b = draw((33, 40), FLOATS[0]), draw((40, 33), FLOATS[0], 1)
    yield maps.elementwise("add", up(a), up(b).T), a + b.T, 0
    yield maps.elementwise("add", up(a), up(b[:, 0])), a + b[:, 0], 0
    yield maps.elementwise("add", up(a), up(b[:33, :1])), a + b[:33, :1], 0
    yield maps.elementwise("mul", up(a)[::-2, 1::3], up(np.float32(2))), a[::-2, 1::3] * 2, 0
    c = draw((2, 3, 2, 3, 2, 2), FLOATS[0])
    d = c.transpose(5, 3, 1, 0, 2, 4)
    view = up(c).transpose((5, 3, 1, 0, 2, 4))
    yield maps.elementwise("add", view, up(np.ascontiguousarray(d))), d + d, 0
    e = draw((3, 1, 4, 1), FLOATS[0])
    f = draw((2, 1, 5), FLOATS[0])
    yield maps.elementwise("sub", up(e), up(f)), e - f, 0
    x = up(a)
    yield inplace.scaled("sub_scaled", x[1:], x[:-1], 0.5), a[1:] - a[:-1] * np.float32(0.5), 0


def reductions(dtype: np.dtype) -> Iterator[Result]:
    """Every reduction, over rows, columns, some dims and all."""
    for shape in SHAPES:
        x = draw(shape, dtype, 0, -2, 2)
        w, n = wide(x), len(shape)
        for dim in {(n - 1,), (0,), tuple(range(0, n, 2)), tuple(range(n))}:
            rtol = RTOL.get(dtype, 0)
            scale = float(np.abs(w).sum(dim).max()) if x.size else 1.0
            yield reduce.sum(up(x), dim, True), w.sum(dim, keepdims=True), rtol * max(scale, 1)
            yield reduce.amax(up(x), dim), w.max(dim), 0
            yield reduce.any(up(x), dim), w.any(dim), 0
            if dtype.kind in "biu":
                continue
            yield reduce.mean(up(x), dim), w.mean(dim), 2 * rtol
            yield reduce.std(up(x), dim, 0), w.std(dim), 4 * rtol
            yield reduce.logsumexp(up(x), dim), np.log(np.exp(w).sum(dim)), 8 * rtol
            yield reduce.norm(up(x), 2, dim), np.sqrt((w * w).sum(dim)), 4 * rtol


def more_reductions() -> Iterator[Result]:
    """What differs from a sum in one function only, and the indices."""
    x = draw((9, 1030), FLOATS[0], 0, 0.99, 1.01)
    yield reduce.prod(up(x), (1,)), wide(x).prod(1), 2e-5
    yield reduce.amin(up(x), (0,)), x.min(0), 0
    yield reduce.all(up(x > 0.995), (1,)), (x > 0.995).all(1), 0
    yield reduce.var(up(x), (1,), 1), wide(x).var(1, ddof=1), 1e-6
    for p in (0, 1, 3, math.inf, -math.inf):
        yield reduce.norm(up(x), p, (1,)), np.linalg.norm(wide(x), p, 1), 2e-6
    for dtype in (*FLOATS, *WHOLE[:1]):
        y = draw((7, 4100), dtype)
        y = np.where(draw((7, 4100), BOOL), y, y[:, :1])
        for dim in (0, 1, None):
            yield reduce.argmax(up(y), dim), np.argmax(wide(y), dim), 0
            yield reduce.argmin(up(y), dim), np.argmin(wide(y), dim), 0


def scans(dtype: np.dtype) -> Iterator[Result]:
    for shape in ((3, 5), (2, 4100), (1031, 3), (2, 300, 4)):
        x = draw(shape, dtype, 0, 0, 2)
        for dim in range(len(shape)):
            want = np.cumsum(wide(x), dim)
            yield scan.cumsum(up(x), dim), want, 4 * RTOL.get(dtype, 0) * float(np.max(want))
        y = draw(shape, dtype, 0, 0.9, 1.1) if dtype.kind == "f" else x
        yield scan.cumprod(up(y), 1), np.cumprod(wide(y), 1), 40 * RTOL.get(dtype, 0)


def every_case() -> Iterator[Case]:
    for name, (numpy, dtypes, span) in UNARY.items():
        for d in dtypes:
            yield Case(f"{name}-{d}", partial(map_of, name, numpy, d, span, 1))
    for name, (numpy, dtypes, span) in BINARY.items():
        for d in dtypes:
            yield Case(f"{name}-{d}", partial(map_of, name, numpy, d, span, 2))
    for name, numpy in DIVISIONS.items():
        for d in (*FLOATS[:2], *WHOLE):
            yield Case(f"{name}-{d}", partial(map_of, name, numpy, d, (1, 50), 2))
    for name, numpy in TERNARY.items():
        for d in FLOATS:
            run = partial(map_of, name, numpy, d, (-3, 3), COUNTS.get(name, 3))
            yield Case(f"{name}-{d}", run)
    yield Case("map-sizes", maps_of_sizes)
    yield Case("map-layouts", maps_of_layouts)
    for d in (*FLOATS, WHOLE[0], WHOLE[2], BOOL):
        yield Case(f"reduce-{d}", partial(reductions, d))
    yield Case("reduce-more", more_reductions)
    for d in (*FLOATS, WHOLE[0]):
        yield Case(f"scan-{d}", partial(scans, d))


CASES = list(every_case())
OPERATIONS = {*UNARY, *BINARY, *DIVISIONS, *TERNARY}
FUNCTIONS = {n for n, f in vars(functions).items() if hasattr(f, "fn") and n != "divide"}
