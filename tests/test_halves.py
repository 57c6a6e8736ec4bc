"""All 65,536 inputs of float16 and of bfloat16 through every operation on one tensor."""

from __future__ import annotations

import math

import numpy as np
import pytest
from cases import OPERATIONS
from hunt_bounds import EXACT, UNARY, by_element, normal_cdf, sigmoid, softplus, ulp_of, wrong

import tritongrad as tg

HALVES = ("float16", "bfloat16")
ULPS = 1.0  # of the half type
PARTNERS = (0.0, -0.0, 1.0, -1.5, 3.0, 0.1, 1e-4, 257.0, math.inf, math.nan)


def on_floats(f):
    """A function of Python's math, element by element, nan where it is not defined."""

    def guarded(x):
        try:
            return f(x)
        except (ValueError, OverflowError):
            return math.nan

    return by_element(guarded)


MORE = {  # what has no promise in hunt_bounds
    "log_sigmoid": lambda x: -softplus(-x),
    "erf": on_floats(math.erf),
    "gelu": lambda x: np.where(np.isinf(x) & (x < 0), np.nan, x * normal_cdf(x)),
    "exp2": np.exp2,
    "tan": np.tan,
    "asin": np.arcsin,
    "acos": np.arccos,
    "atan": np.arctan,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "asinh": np.arcsinh,
    "acosh": np.arccosh,
    "atanh": np.arctanh,
    "erfc": on_floats(math.erfc),
    "frac": lambda x: x - np.trunc(x),
}
# Below 0 the float32 term 1 + erf is rounded where it is 0 but for a few of its bits.
ABSOLUTE = {"gelu": 2.0**-24}
REFERENCES = {name: promise.reference for name, promise in UNARY.items()} | MORE
COMPARED = {"isnan", "isinf", "isfinite", "logical_not"}  # exact by their tests of values
NAMES = sorted(
    op.name
    for op in OPERATIONS
    if op.elementwise is not None
    and len(op.parameters) == 1
    and op.name not in COMPARED
    and op.name != "bitwise_not"
)


def every_number(dtype):
    return np.arange(65_536, dtype=np.uint16).view(getattr(tg, dtype).numpy)


def on(array, device):
    return tg.tensor(array.copy(), device=device)


def host(t):
    return np.asarray(t._host())


def function(name):
    from tritongrad.op import REGISTRY

    return REGISTRY[name].entry


def reference_of(name):
    """What the operation should be in float64; without an entry, what it is in float64."""
    if name == "gelu_tanh":
        return gelu_tanh
    return REFERENCES.get(name) or (lambda wide: host(function(name)(on(wide, "cpu"))))


@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize("name", NAMES)
def test_every_half_number(name, dtype, device):
    x = every_number(dtype)
    reference = reference_of(name)
    with np.errstate(all="ignore"):
        wide = x.astype(np.float64)
        want = np.asarray(reference(wide), np.float64)
        got = host(function(name)(on(x, device)))
        exact = name in UNARY and UNARY[name].ulps == EXACT
        allowed = (EXACT if exact else ULPS) * ulp_of(want, x.dtype)
        if name in ABSOLUTE:
            allowed += ABSOLUTE[name] * np.abs(wide)
        bad = wrong(got, want, allowed)
        if exact:
            bad |= got != want.astype(x.dtype)
            bad &= ~np.isnan(want)
    at = np.nonzero(bad)[0]
    rows = [(x[i], got[i], want[i]) for i in at[:8]]
    assert not at.size, f"{at.size} of {name}: (input, got, exactly) {rows}"


def gelu_tanh(x):
    return x * sigmoid(math.sqrt(8 / math.pi) * (x + 0.044715 * x**3))


@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize("name", ["add", "sub", "mul", "div", "maximum", "minimum", "clamp"])
def test_every_half_number_with_a_partner_is_exact(name, dtype, device):
    x = every_number(dtype)
    partners = np.array(PARTNERS).astype(x.dtype)[:, None]
    t, u = on(x, device), on(partners, device)
    ufunc = {"add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide,
             "maximum": np.maximum, "minimum": np.minimum}  # fmt: skip
    with np.errstate(all="ignore"):
        wide, other = x.astype(np.float64), partners.astype(np.float64)
        if name == "clamp":
            got, want = t.clamp(-u.abs(), u), np.minimum(np.maximum(wide, -np.abs(other)), other)
        else:
            got, want = getattr(tg, name)(t, u), ufunc[name](wide, other)
        got, want = host(got), want.astype(x.dtype)
        same = (got == want) | (got != got) & (want != want)
    assert same.all()


@pytest.mark.parametrize("dtype", HALVES)
def test_every_half_number_survives_the_way_through_other_types(dtype, device):
    x = every_number(dtype)
    t = on(x, device)
    for wide in (tg.float32, tg.float64):
        back = host(t.to(wide).to(getattr(tg, dtype)))
        with np.errstate(all="ignore"):
            assert ((back == x) | (x != x) & (back != back)).all()
