"""Arrays of ordinary and special numbers in any shape, dtype and memory layout."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np

import tritongrad as tg
from tritongrad.devices import as_device
from tritongrad.testing import LAYOUTS, arranged

FLOATS = ("float32", "float32", "float64", "float16", "bfloat16")
INTS = ("int64", "int32", "int16", "int8", "uint8")
SIZES = (0, 1, 1, 2, 3, 4, 5, 7, 8, 13, 16, 17, 31)


def random_shape(rng: np.random.Generator, most: int = 4) -> tuple:
    """Mostly few elements; sizes 0 and 1 often."""
    shape: list[int] = []
    for _ in range(int(rng.integers(most + 1))):
        shape.append(int(rng.choice(SIZES)))
        if np.prod(shape) > 1500:
            shape[-1] = 1
    return tuple(shape)


def specials(dtype: np.dtype) -> list:
    """Numbers at which formulas break."""
    info = ml_dtypes.finfo(dtype)
    small, tiny, most = (float(x) for x in (info.smallest_subnormal, info.tiny, info.max))
    return [
        *(np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1.5, 2.5, 2.0, 3.0, -2.0),
        *(small, -small, 3 * small, tiny, -tiny, most, -most, most / 2, 1 + float(info.eps)),
        *(1 - float(info.eps) / 2, 88.7, -87.4, -103.0, 20.0, -20.0, 1e-3, -1e-3, 1e4, 65504.0),
    ]


def random_floats(
    rng: np.random.Generator, shape: tuple, dtype: np.dtype, low: float, high: float
) -> np.ndarray:
    """Near 1, of every magnitude, or special; in [low, high] (nan always)."""
    kind = rng.integers(4)
    values = rng.uniform(-3, 3, shape)
    if kind == 1:
        values = np.ldexp(values, rng.integers(-40, 40, shape))
    if kind >= 2:
        chosen = rng.choice(specials(dtype), shape)
        values = np.where(rng.random(shape) < (0.3 if kind == 2 else 0.9), chosen, values)
    with np.errstate(all="ignore"):
        return np.asarray(np.clip(values, low, high)).astype(dtype)


def random_ints(rng: np.random.Generator, shape: tuple, dtype: np.dtype) -> np.ndarray:
    """Small ones and the ends of the range."""
    info = np.iinfo(dtype)
    values = rng.integers(max(info.min, -9), 10, shape)
    ends = rng.choice([info.min, info.max, info.min + 1, info.max - 1, 0, 1], shape)
    return np.where(rng.random(shape) < 0.3, ends, values).astype(dtype)


def random_layout(rng: np.random.Generator) -> str:
    return str(rng.choice(["contiguous", *LAYOUTS, "expanded"]))


def tensor_of(array: np.ndarray, layout: str, device: str) -> Any:
    """A tensor with these values; for "expanded", with those of its first slice."""
    from tritongrad.autograd.variable import wrap

    return wrap(arranged(array, layout, as_device(device)))


def host(t: Any) -> np.ndarray:
    """The values of a tensor, halves too, as a NumPy array."""
    return np.asarray(t.detach()._host())


def dtype_named(name: str) -> np.dtype:
    return getattr(tg, name).numpy
