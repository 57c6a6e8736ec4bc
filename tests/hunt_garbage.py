"""Garbage: every public function and method, with arguments that nobody should give it."""

from __future__ import annotations

import inspect
import math
import random
from typing import Any

import numpy as np

import tritongrad as tg
import tritongrad.nn.functional as F

# Sizes from 2 ** 50 can nowhere be allocated; what could be, slowly, is not asked for.
NUMBERS = [0, 1, 2, 3, -1, -2, 5, 2**50, -(2**63), 2**63, 2**70, True, False]
FLOATS = [0.0, -0.0, 0.5, 1.5, -2.5, 1e300, 1e-300, math.nan, math.inf, -math.inf]
THINGS = [None, "x", "", "mean", "cpu", "interpret", "float32", b"x", {}, {"a": 1}, set(), ..., 1j]
THINGS += [object(), int, np.float32, np.float64(1.5), np.int8(3), np.zeros(3), np.array("x")]
THINGS += [[], [1, 2], (0,), (0, 0), (1, 0), [[1.0], [2.0, 3.0]], [None], ["a"], (-1, 2), [0.5]]
THINGS += [(2**50, 2**50), (3, -1), range(3), slice(None), slice(0, None, -1), (slice(1), None)]
DTYPES = [tg.float32, tg.float64, tg.float16, tg.bfloat16, tg.int64, tg.uint8, tg.bool]
SHAPES = [(), (1,), (3,), (0,), (2, 3), (3, 2), (2, 0), (3, 3), (2, 3, 4), (1, 3), (1, 1, 3, 3)]
KEYWORDS = ["dim", "keepdim", "dtype", "out", "other", "min", "max", "alpha", "device", "generator"]
KEYWORDS += ["size", "requires_grad", "input", "nonsense", "index", "value", "correction", "p"]

# What changes the session, reads or writes files, draws pictures, or waits.
LEFT_OUT = {
    *"set_default_device set_default_dtype set_num_threads set_printoptions set_rng_state".split(),
    *"set_float32_matmul_precision set_grad_enabled manual_seed seed draw plot save load".split(),
    *"Tensor Generator Size dtype device finfo iinfo OutOfMemoryError".split(),
    *"no_grad enable_grad inference_mode".split(),
    *"tensor_split hsplit vsplit dsplit".split(),  # as many tensors as asked for, 2 ** 50 too
}
# MemoryError: NumPy's, for an array that no machine has room for; it says how large it would be.
ALLOWED = (
    *(RuntimeError, TypeError, ValueError, IndexError, OverflowError, MemoryError),
    *(ZeroDivisionError, NotImplementedError),
)


def functions() -> list[tuple[str, Any]]:
    """(name, function) of the library and of nn.functional."""
    found = []
    for space, prefix in ((tg, ""), (F, "F.")):
        for name in sorted(vars(space)):
            f = getattr(space, name)
            public = not name.startswith("_") and name not in LEFT_OUT
            if public and callable(f) and not inspect.isclass(f):
                found.append((prefix + name, f))
    return found


def methods() -> list[str]:
    """Methods of tensors, operators too."""
    found = []
    for name in sorted(dir(tg.Tensor)):
        operator = name.startswith("__") and name in OPERATORS
        public = not name.startswith("_") and name not in LEFT_OUT
        if (operator or public) and callable(getattr(tg.Tensor, name, None)):
            found.append(name)
    return found


OPERATORS = {
    *"__add__ __radd__ __sub__ __rsub__ __mul__ __truediv__ __rtruediv__ __pow__ __rpow__".split(),
    *"__floordiv__ __mod__ __matmul__ __neg__ __invert__ __and__ __or__ __xor__ __eq__".split(),
    *"__lt__ __getitem__ __setitem__ __iadd__ __imul__ __isub__ __len__ __bool__ __int__".split(),
    *"__float__ __contains__ __iter__ __index__ __ipow__ __itruediv__".split(),
}


def tensor(rng: random.Random, device: str) -> Any:
    """A tensor of some dtype and shape: perhaps a leaf, an expanded one, a view, elsewhere."""
    shape, dtype = rng.choice(SHAPES), rng.choice(DTYPES)
    values = np.random.default_rng(rng.randrange(100)).integers(0, 4, shape)
    t = tg.tensor(values, dtype=dtype, device="cpu" if rng.random() < 0.05 else device)
    match rng.randrange(8):
        case 0 if dtype.is_floating_point:
            t.requires_grad_()
        case 1 if dtype.is_floating_point:
            t = t.requires_grad_() * 1
        case 2:
            t = t.expand(2, *shape)
        case 3 if t.ndim > 1:
            t = t.transpose(0, 1)
        case 4 if t.ndim:
            t = t[1:]
    return t


def thing(rng: random.Random, device: str) -> Any:
    """An argument."""
    kind = rng.random()
    if kind < 0.4:
        return tensor(rng, device)
    if kind < 0.65:
        return rng.choice(NUMBERS)
    if kind < 0.75:
        return rng.choice(FLOATS)
    if kind < 0.8:
        return [tensor(rng, device) for _ in range(rng.randrange(3))]
    return rng.choice(DTYPES) if kind < 0.83 else rng.choice(THINGS)


def arguments(rng: random.Random, device: str) -> tuple[list, dict]:
    args = [thing(rng, device) for _ in range(rng.choice([0, 1, 1, 1, 2, 2, 3]))]
    kwargs = {}
    if rng.random() < 0.25:
        kwargs[rng.choice(KEYWORDS)] = thing(rng, device)
    return args, kwargs


def tensors_in(values: Any) -> list:
    """The tensors among arguments, in lists too."""
    found = []
    for v in values:
        if isinstance(v, tg.Tensor):
            found.append(v)
        elif isinstance(v, list):
            found += tensors_in(v)
    return found


def state_of(t: Any) -> tuple:
    """All that a failed call must leave alone."""
    return (
        np.ascontiguousarray(t.detach()._host()).tobytes(),
        tuple(t.shape),
        t._version_count,
        t.requires_grad,
    )


def described(value: Any) -> str:
    if isinstance(value, tg.Tensor):
        flags = "!" * value.requires_grad
        return f"{value.dtype.name}{list(value.shape)}{flags}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(described, value)) + "]"
    return repr(value)[:60]
