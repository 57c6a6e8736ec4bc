"""Testing operations, yours too: samples, assert_close, gradcheck, check_operation."""

from __future__ import annotations

import functools
import importlib.util
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .autograd.gradcheck import GradcheckError, gradcheck, gradgradcheck
from .autograd.variable import Variable, wrap
from .checks import CheckFailed, check_operation
from .devices import as_device, place
from .dtype import BY_NUMPY, as_dtype
from .samples import Bools, Ints, Rand

LAYOUTS = ("contiguous", "transposed", "stepped", "reversed", "offset")
TOLERANCES = {  # dtype -> (rtol, atol), PyTorch's
    "float16": (1e-3, 1e-5),
    "bfloat16": (1.6e-2, 1e-5),
    "float32": (1.3e-6, 1e-5),
    "float64": (1e-7, 1e-7),
}


@functools.cache
def devices() -> tuple[str, ...]:
    """The devices that can run here: cpu; interpret where Triton is installed; cuda with a GPU."""
    from . import cuda

    found = ["cpu"]
    if importlib.util.find_spec("triton") is not None:
        found.append("interpret")
    if cuda.is_available():
        found.append("cuda")
    return tuple(found)


def materialise(
    sample: tuple,
    *,
    seed: int = 0,
    dtype: Any = None,
    device: Any = "cpu",
    layout: str = "contiguous",
    requires_grad: bool = False,
    int_dtype: Any = None,
) -> tuple[list, dict]:
    """The (args, kwargs) that a sample describes: the same values for any dtype, device, layout.

    `dtype` is that of the `Rand`, float32 if absent; `int_dtype` that of the `Ints`, int64.
    `layout` is one of LAYOUTS, or "expanded": the first dim of more than one is a broadcast view.
    """
    random = np.random.default_rng([seed, 2026])
    given = dict(
        random=random,
        dtype=as_dtype(dtype or "float32"),
        int_dtype=as_dtype(int_dtype or "int64"),
        device=as_device(device),
        layout=layout,
        requires_grad=requires_grad,
    )
    *args, kwargs = sample if sample and isinstance(sample[-1], dict) else (*sample, {})
    return [_argument(a, **given) for a in args], {
        k: _argument(v, **given) for k, v in kwargs.items()
    }


def _argument(description: Any, **given: Any) -> Any:
    """A tensor from its description; anything else as it stands."""
    random = given["random"]
    match description:
        case list() | tuple():
            return type(description)([_argument(d, **given) for d in description])
        case Rand():
            values, dtype = _floats(description, random), given["dtype"]
            if not dtype.is_floating_point:
                values = _whole(description, values, dtype)
        case Ints(shape, low, high):
            values, dtype = random.integers(low, high, shape), given["int_dtype"]
        case Bools(shape):
            values, dtype = random.random(shape) < 0.5, as_dtype(bool)
        case _:
            return description
    array = arranged(np.asarray(values).astype(dtype.numpy), given["layout"], given["device"])
    t = wrap(array)
    return t.requires_grad_() if given["requires_grad"] and dtype.is_floating_point else t


def _floats(r: Rand, random: np.random.Generator) -> np.ndarray:
    values = random.uniform(r.low, r.high, r.shape)
    if r.distinct:
        n = max(values.size, 1)
        steps = random.permutation(n)[: values.size].reshape(r.shape)
        values = r.low + (r.high - r.low) * (steps + 0.5) / n
    for point in r.away:
        near = values - point
        pushed = point + np.copysign(0.1 + np.abs(near), near)
        values = np.where(np.abs(near) < 0.1, pushed, values)
    return values


def _whole(r: Rand, values: np.ndarray, dtype: Any) -> np.ndarray:
    """Whole numbers in the range of a Rand, for integer dtypes."""
    low = math.ceil(r.low) if dtype.is_signed else max(0, math.ceil(r.low))
    high = max(low, math.floor(r.high))
    share = (values - r.low) / ((r.high - r.low) or 1)
    return np.clip(np.floor(low + share * (high - low + 1)), low, high)


def arranged(values: np.ndarray, layout: str, device: Any) -> Any:
    """An array on a device that holds these values in a memory layout."""
    if layout == "contiguous" or values.ndim == 0:
        return place(np.ascontiguousarray(values).reshape(values.shape), device)
    if layout == "transposed" and values.ndim > 1:
        return place(np.ascontiguousarray(values.T), device).T
    if layout in ("stepped", "transposed"):
        wide = np.full((*values.shape[:-1], 2 * values.shape[-1]), 7, values.dtype)
        wide[..., ::2] = values
        return place(wide, device)[..., ::2]
    if layout == "reversed":
        return place(np.ascontiguousarray(values[..., ::-1]), device)[..., ::-1]
    if layout == "offset":
        tall = np.concatenate([np.full_like(values[:1], 7), values]) if len(values) else values
        return place(np.ascontiguousarray(tall), device)[1 if len(values) else 0 :]
    if layout == "expanded":
        dim = next((d for d, n in enumerate(values.shape) if n > 1), None)
        if dim is None:
            return place(np.ascontiguousarray(values), device)
        first = place(np.ascontiguousarray(values.take([0], dim)), device)
        if isinstance(first, np.ndarray):
            return np.broadcast_to(first, values.shape)
        return first.broadcast_to(values.shape)
    raise ValueError(f"layout: {layout!r} is not one of {', '.join(LAYOUTS)}, expanded")


def assert_close(
    actual: Any,
    expected: Any,
    *,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = False,
    check_device: bool = True,
    check_dtype: bool = True,
    check_stride: bool = False,
    msg: str | None = None,
) -> None:
    """Raise AssertionError unless shape, dtype, device and (within rtol and atol) values agree.

    Takes tensors, NumPy arrays, numbers, and sequences or mappings of them. The tolerances follow
    the dtype; integers and bools must be equal.
    """
    rest = dict(
        rtol=rtol,
        atol=atol,
        equal_nan=equal_nan,
        check_device=check_device,
        check_dtype=check_dtype,
        check_stride=check_stride,
    )
    if (rtol is None) != (atol is None):
        raise ValueError("assert_close: rtol and atol must both be given, or neither")
    try:
        _assert_close(actual, expected, "", rest)
    except AssertionError as error:
        raise AssertionError(msg or str(error)) from None


def _assert_close(actual: Any, expected: Any, where: str, rest: dict) -> None:
    if isinstance(expected, Mapping):
        if not isinstance(actual, Mapping) or actual.keys() != expected.keys():
            raise AssertionError(f"The keys of the mappings do not match{where}")
        for key in expected:
            _assert_close(actual[key], expected[key], f"{where}[{key!r}]", rest)
    elif isinstance(expected, Sequence):
        if not isinstance(actual, Sequence) or len(actual) != len(expected):
            raise AssertionError(
                f"The length of the sequences do not match{where}: {len(actual)} != {len(expected)}"
            )
        for i, (a, e) in enumerate(zip(actual, expected, strict=True)):
            _assert_close(a, e, f"{where}[{i}]", rest)
    elif expected is None or actual is None:
        if actual is not expected:
            raise AssertionError(f"None mismatch{where}: {actual!r} is not {expected!r}")
    else:
        _tensors_close(actual, expected, where, **rest)


def _tensors_close(
    actual: Any,
    expected: Any,
    where: str,
    rtol: float | None,
    atol: float | None,
    equal_nan: bool,
    check_device: bool,
    check_dtype: bool,
    check_stride: bool,
) -> None:
    what = f"\n\nThe failure occurred for item {where}" if where else ""
    a, e = _as_tensor(actual), _as_tensor(expected)
    numbers = not (isinstance(actual, Variable) or isinstance(expected, Variable))
    attributes = ["shape"] + ["device"] * check_device + ["dtype"] * (check_dtype and not numbers)
    for name in attributes:
        if getattr(a, name) != getattr(e, name):
            raise AssertionError(
                f"The values for attribute '{name}' do not match: {getattr(a, name)} != "
                f"{getattr(e, name)}.{what}"
            )
    if check_stride and a.stride() != e.stride():
        raise AssertionError(f"The values for attribute 'stride()' do not match.{what}")
    pairs = [TOLERANCES.get(t.dtype.name, (0.0, 0.0)) for t in (a, e)]
    r, t = (max(p) for p in zip(*pairs, strict=True))
    if rtol is not None and atol is not None:
        r, t = rtol, atol
    message = mismatch(a._host(), e._host(), r, t, equal_nan)
    if message:
        raise AssertionError(f"Tensor-likes are not close!\n\n{message}{what}")


def _as_tensor(value: Any) -> Any:
    if isinstance(value, Variable):
        return value
    array = np.asarray(value)
    return wrap(array if array.dtype in BY_NUMPY else array.astype(np.float64))


def mismatch(a: np.ndarray, e: np.ndarray, rtol: float, atol: float, equal_nan: bool) -> str:
    """What differs between two arrays of one shape beyond atol + rtol * |e|; "" if nothing."""
    exact = a.dtype.kind in "biu" and e.dtype.kind in "biu"
    if exact and rtol == atol == 0:
        wrong = a != e
        difference = np.abs(a.astype(np.float64) - e.astype(np.float64))
    else:
        a, e = a.astype(np.float64), e.astype(np.float64)
        with np.errstate(all="ignore"):
            difference = np.abs(a - e)
            wrong = ~((difference <= atol + rtol * np.abs(e)) & np.isfinite(e) | (a == e))
        if equal_nan:
            wrong &= ~(np.isnan(a) & np.isnan(e))
    if not wrong.any():
        return ""
    with np.errstate(all="ignore"):
        relative = difference / np.abs(e.astype(np.float64))
    lines = [f"Mismatched elements: {wrong.sum()} / {wrong.size} ({wrong.mean():.1%})"]
    for name, values, allowed in (
        ("absolute", difference, atol),
        ("relative", relative, rtol),
    ):
        candidates = np.where(wrong, np.nan_to_num(values, nan=np.inf), -1)
        worst = np.unravel_index(int(candidates.argmax()), wrong.shape)
        index = tuple(int(i) for i in worst)
        lines.append(
            f"Greatest {name} difference: {values[worst]:.6g} at index {index} (up to {allowed:g} "
            f"allowed): got {a[worst]}, expected {e[worst]}"
        )
    return "\n".join(lines)


__all__ = [
    "LAYOUTS",
    "CheckFailed",
    "GradcheckError",
    "assert_close",
    "check_operation",
    "devices",
    "gradcheck",
    "gradgradcheck",
    "materialise",
]
