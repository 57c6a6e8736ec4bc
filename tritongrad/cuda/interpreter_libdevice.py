"""libdevice's functions for the interpreter, by NumPy's and Python's own.

They are computed in float64 and rounded, so that they are at least as near as the GPU's.
"""

import math

import numpy as np
import triton.language as tl
from triton.runtime.interpreter import TensorHandle

from .interpreter_numbers import fma

MODULES = ("triton.language.extra.libdevice", "triton.language.extra.cuda.libdevice")


def away(x):
    """Rounded to the nearest, halves away from zero."""
    return np.copysign(np.floor(np.abs(x) + 0.5), x)


def each(function):
    return np.vectorize(function, otypes=[np.float64])


def gamma(x):
    try:
        return math.gamma(x)
    except (OverflowError, ValueError):
        return math.inf if x >= 0 else math.nan


def log_gamma(x):
    try:
        return math.lgamma(x)
    except (OverflowError, ValueError):
        return math.inf


SAME = "exp exp2 expm1 log log1p log2 log10 sin cos tan sinh cosh tanh sqrt cbrt floor ceil trunc"
RENAMED = {
    "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan, "asinh": np.arcsinh,
    "acosh": np.arccosh, "atanh": np.arctanh, "atan2": np.arctan2, "pow": np.power,
    "fmod": np.fmod, "hypot": np.hypot, "copysign": np.copysign, "rint": np.rint,
    "nearbyint": np.rint, "fmin": np.fmin, "fmax": np.fmax, "fabs": np.abs, "abs": np.abs,
}  # fmt: skip
FUNCTIONS = {
    **{name: getattr(np, name) for name in SAME.split()},
    **RENAMED,
    "erf": each(math.erf),
    "erfc": each(math.erfc),
    "exp10": lambda x: 10.0**x,
    "fdim": lambda x, y: np.where(x > y, x - y, np.where(np.isnan(x + y), np.nan, 0.0)),
    "lgamma": each(log_gamma),
    "normcdf": each(lambda x: math.erfc(-x / math.sqrt(2)) / 2),
    "rcbrt": lambda x: 1 / np.cbrt(x),
    "remainder": each(lambda x, y: math.remainder(x, y) if math.isfinite(x) and y else math.nan),
    "round": away,
    "rsqrt": lambda x: 1 / np.sqrt(x),
    "saturatef": lambda x: np.clip(np.nan_to_num(x, nan=0.0), 0.0, 1.0),
    "tgamma": each(gamma),
}
# Approximations on the GPU; here they are right.
FAST = "exp exp10 log log2 log10 sin cos tan pow"
FUNCTIONS |= {f"fast_{name}f": FUNCTIONS[name] for name in FAST.split()}
FUNCTIONS["fast_dividef"] = np.divide
# Rounded once in their own type, to nearest.
ROUNDED = {
    "add_rn": np.add, "sub_rn": np.subtract, "mul_rn": np.multiply, "div_rn": np.divide,
    "sqrt_rn": np.sqrt, "rcp_rn": np.reciprocal, "fma": fma, "fma_rn": fma,
    "nextafter": np.nextafter,
}  # fmt: skip
TESTS = {
    "isnan": np.isnan, "isinf": np.isinf, "isfinited": np.isfinite, "finitef": np.isfinite,
    "signbit": np.signbit,
}  # fmt: skip


def function(name, semantic):
    """The interpreted form of a function of libdevice."""

    def call(*args, **_):
        if name not in FUNCTIONS | ROUNDED | TESTS:
            raise NotImplementedError(
                f"libdevice.{name} runs on GPUs only; on interpret there are "
                f"{', '.join(sorted(FUNCTIONS | ROUNDED | TESTS))}"
            )
        values = alike([semantic.to_tensor(arg) for arg in args], semantic)
        kind = values[0].dtype
        if kind not in (tl.float32, tl.float64):
            raise ValueError(f"libdevice.{name}: expected fp32 or fp64, got {kind}; cast first")
        data = [value.handle.data for value in values]
        if name in TESTS:
            return result(TESTS[name](*data), tl.int1, values[0], semantic)
        if name in ROUNDED:
            return result(ROUNDED[name](*data), kind, values[0], semantic)
        wide = FUNCTIONS[name](*(d.astype(np.float64) for d in data))
        return result(wide.astype(data[0].dtype), kind, values[0], semantic)

    return call


def alike(values, semantic):
    """Operands of one type and shape."""
    for _ in range(2):  # the second round gives the first what later ones have
        for i in range(1, len(values)):
            values[0], values[i] = semantic.binary_op_type_checking_impl(values[0], values[i])
    return values


def result(data, kind, like, semantic):
    shape = like.type.with_element_ty(kind) if like.type.is_block() else kind
    return semantic.tensor(TensorHandle(data, kind), shape)
