"""Element types: PyTorch's names over NumPy's dtypes, and PyTorch's promotion rules."""

from __future__ import annotations

from functools import cache

import ml_dtypes
import numpy as np


class dtype:
    """An element type, such as `tritongrad.float32`.

    `numpy` is the NumPy dtype behind it. Compared by identity: there is one object for each type.
    """

    __slots__ = ("is_floating_point", "itemsize", "name", "numpy")
    is_complex = False

    def __init__(self, name: str, numpy: np.dtype) -> None:
        self.name = name
        self.numpy = numpy
        self.itemsize = numpy.itemsize
        self.is_floating_point = name.startswith(("float", "bfloat"))

    @property
    def is_signed(self) -> bool:
        return self.name not in ("uint8", "bool")

    def __repr__(self) -> str:
        return f"tritongrad.{self.name}"

    def __reduce__(self) -> tuple:
        return as_dtype, (self.name,)


_NAMES = [
    "bool",
    "uint8",
    "int8",
    "int16",
    "int32",
    "int64",
    "float16",
    "bfloat16",
    "float32",
    "float64",
]
BY_NAME = {
    name: dtype(name, np.dtype(ml_dtypes.bfloat16 if name == "bfloat16" else name))
    for name in _NAMES
}
BY_NUMPY = {d.numpy: d for d in BY_NAME.values()}

bool_, uint8, int8, int16, int32, int64, float16, bfloat16, float32, float64 = BY_NAME.values()
BOOL, INT64, FLOAT32, FLOAT64 = bool_.numpy, int64.numpy, float32.numpy, float64.numpy
FLOAT16, BFLOAT16 = float16.numpy, bfloat16.numpy
HALVES = (FLOAT16, BFLOAT16)
# Beside half types these take a Python number in float32, as PyTorch's do; others round it first.
WIDE_NUMBERS = frozenset("mul div floor_divide leaky_relu elu masked_scale".split())

_ALIASES = {"float": float32, "double": float64, "half": float16, "long": int64, "int": int32}
_PYTHON = {bool: bool_, int: int64, float: float64}

# PyTorch's older names of types: constructors, and arguments of `Tensor.type`.
TENSOR_TYPES = {
    "FloatTensor": "float32",
    "DoubleTensor": "float64",
    "HalfTensor": "float16",
    "BFloat16Tensor": "bfloat16",
    "LongTensor": "int64",
    "IntTensor": "int32",
    "ShortTensor": "int16",
    "CharTensor": "int8",
    "ByteTensor": "uint8",
    "BoolTensor": "bool",
}

_default = float32


def set_default_dtype(d: dtype) -> None:
    """Set the floating type that Python floats and `randn`, `zeros` ... take when none is given."""
    global _default
    if not (isinstance(d, dtype) and d.is_floating_point):
        raise TypeError(f"set_default_dtype: only floating types can be the default, got {d!r}")
    _default = d


def get_default_dtype() -> dtype:
    """The floating type that is taken when none is given: float32 unless it was set."""
    return _default


def as_dtype(d: object) -> dtype:
    """The dtype meant by a dtype, its name, a Python type or a NumPy dtype."""
    if type(d) is dtype:
        return d
    if isinstance(d, str):
        found = BY_NAME.get(d) or _ALIASES.get(d)
        if found is not None:
            return found
    elif isinstance(d, type) and d in _PYTHON:
        return _PYTHON[d]
    try:
        return BY_NUMPY[np.dtype(d)]  # type: ignore[call-overload]  (anything may be asked for)
    except (KeyError, TypeError, ValueError):
        raise TypeError(f"dtype: {d!r} is not one of {', '.join(_NAMES)}") from None


def element_type(kind: object) -> dtype | None:
    """The dtype of a tensor type such as FloatTensor, or of its name; None for anything else."""
    if isinstance(kind, str):
        return BY_NAME.get(TENSOR_TYPES.get(kind.rpartition(".")[2], ""))
    found = getattr(kind, "dtype", None) if isinstance(kind, type) else None
    return found if type(found) is dtype else None


def category(d: np.dtype) -> int:
    """0 for bool, 1 for integers, 2 for floating types: numbers promote across these only."""
    kind = d.kind
    return 0 if kind == "b" else 1 if kind in "iu" else 2


def is_float(d: np.dtype) -> bool:
    return category(d) == 2


@cache
def promote(a: np.dtype, b: np.dtype) -> np.dtype:
    """The type of `a (op) b` for two tensors of equal rank, by PyTorch's table."""
    if a == b:
        return a
    if category(a) != category(b):
        return max(a, b, key=category)
    if {a, b} == set(HALVES):
        return FLOAT32
    if BFLOAT16 in (a, b):
        return b if a == BFLOAT16 else a
    return np.promote_types(a, b)


def number_dtype(number: float) -> np.dtype:
    """The type that a Python number has on its own."""
    if isinstance(number, (bool, np.bool_)):
        return BOOL
    return INT64 if isinstance(number, (int, np.integer)) else _default.numpy


def common_dtype(operands: tuple | list) -> np.dtype:
    """The type of an elementwise result: tensors decide, then 0-d tensors, then Python numbers.

    A later group counts only if its category (bool < integer < float) is higher.
    https://docs.pytorch.org/docs/stable/tensor_attributes.html#type-promotion-doc
    """
    groups: list[np.dtype | None] = [None, None, None]
    for x in operands:
        if x is None:
            continue
        shape = getattr(x, "shape", None)
        rank = 2 if shape is None else 0 if len(shape) else 1
        d = x.dtype if shape is not None else number_dtype(x)
        groups[rank] = d if groups[rank] is None else promote(groups[rank], d)
    found: np.dtype | None = None
    for d in groups:
        if d is not None and (found is None or category(d) > category(found)):
            found = d
    assert found is not None, "common_dtype needs at least one operand"
    return found


def can_cast(source: np.dtype, target: np.dtype) -> bool:
    """Whether a result of one type may be stored into a tensor of another in place."""
    return category(source) <= category(target)


class finfo:
    """Limits of a floating type: bits, eps, max, min, tiny, smallest_normal, resolution."""

    max: float
    min: float
    eps: float

    def __init__(self, d: dtype | None = None) -> None:
        info = ml_dtypes.finfo(as_dtype(d or _default).numpy)
        self.bits = info.bits
        for name in ("eps", "max", "min", "tiny", "smallest_normal", "resolution"):
            setattr(self, name, float(getattr(info, name)))
        self.dtype = as_dtype(d or _default).name


class iinfo:
    """Limits of an integer type: bits, max, min."""

    def __init__(self, d: dtype) -> None:
        info = np.iinfo(as_dtype(d).numpy)
        self.bits, self.max, self.min = info.bits, info.max, info.min
        self.dtype = as_dtype(d).name
