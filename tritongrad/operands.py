"""Operands of elementwise operations: one dtype, one device, errors for what does not fit."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tritongrad.autograd.variable import Variable
from tritongrad.calling import device_mismatch
from tritongrad.dtype import (
    BOOL,
    BY_NUMPY,
    FLOAT32,
    FLOAT64,
    HALVES,
    WIDE_NUMBERS,
    common_dtype,
    get_default_dtype,
    is_float,
)
from tritongrad.op import Op

ndarray = np.ndarray
_numbers32: dict[float, np.ndarray] = {}
_numbers64: dict[float, np.ndarray] = {}


def zero_dim(number: float, dtype: np.dtype) -> Any:
    """A number as a 0-d array of a dtype, which ufuncs take in half the time of a number."""
    if not number and type(number) is float:
        return np.array(number, dtype)  # 0.0 and -0.0 are one key
    numbers = _numbers32 if dtype is FLOAT32 else _numbers64
    found = numbers.get(number)
    if found is None:
        if len(numbers) > 1000:
            numbers.clear()
        with np.errstate(over="ignore"):
            found = numbers[number] = np.array(float(number), dtype)
    return found


def prepare(operation: Op, operands: tuple) -> tuple[list, Callable]:
    """The operands as arrays and numbers of one dtype, and the kernel for their device."""
    if operation.check is None:
        quick = same_floats(operation.conditions, operands)
        if quick is not None:
            return quick, operation.cpu
    arrays = [_array_of(operation, i, x) for i, x in enumerate(operands)]
    kinds = {type(a) for a in arrays if hasattr(a, "dtype")}
    if len(kinds) > 1:
        arrays = [_as_number(a) for a in arrays]  # 0-d CPU tensors go anywhere, as numbers do
        kinds = {type(a) for a in arrays if hasattr(a, "dtype")}
    if len(kinds) != 1:
        if not kinds:
            raise TypeError(f"{operation.name}: at least one argument must be a Tensor")
        raise device_mismatch(operation.name, operands)
    masks = arrays[: operation.conditions]
    arrays = arrays[operation.conditions :]
    common = common_dtype(arrays)
    if operation.check is not None:
        operation.check(common, arrays)
    if operation.elementwise == "float" and not is_float(common):
        common = get_default_dtype().numpy
    on_cpu = kinds == {ndarray}
    exact_numbers = operation.elementwise == "bool" and not is_float(common)
    if not exact_numbers:
        _check_numbers(operation, arrays, common)
    wide = common in HALVES and operation.name in WIDE_NUMBERS and any(map(_is_number, arrays))
    if wide and on_cpu:
        arrays = [_cast(a, FLOAT32, True) if _is_number(a) else a for a in arrays]
    else:
        arrays = [_cast(a, common, on_cpu and not exact_numbers) for a in arrays]
    if masks:
        arrays = [_mask(operation, m) for m in masks] + _typed(arrays, common, masks[0])
    kernel = operation.cpu if on_cpu else operation.device
    if on_cpu and common in HALVES and (wide or not isinstance(kernel, np.ufunc)):
        kernel = functools.partial(_in_float32, kernel, common)
    elif on_cpu and operation.elementwise == "same" and not is_float(common):
        kernel = functools.partial(_kept, kernel, common)
    return arrays, kernel


def _typed(values: list, dtype: np.dtype, mask: Any) -> list:
    """Numbers alone beside a mask of a device: the first becomes an array, which has a dtype."""
    if type(mask) is ndarray or not all(map(_is_number, values)):
        return values
    from .cuda.inplace import full

    return [full((), _cast(values[0], dtype, True), mask.device), *values[1:]]


def same_floats(conditions: int, operands: tuple) -> list | None:
    """The arrays of operands that are all NumPy's, of one of the common dtypes, or numbers.

    None if they are anything else. So many of the first must be masks.
    """
    dtype = None
    arrays: list = []
    for x in operands:
        if type(x) is float or type(x) is int:
            arrays.append(x)
            continue
        a: Any = getattr(x, "_array", None)
        if type(a) is not ndarray:
            return None
        arrays.append(a)
        d = a.dtype
        if len(arrays) <= conditions:
            if d != BOOL:
                return None
        elif d is not dtype:
            if dtype is not None or not (d is FLOAT32 or d is FLOAT64):
                return None
            dtype = d
    if dtype is None:
        return None
    for i, a in enumerate(arrays):
        if type(a) is not ndarray:
            if i < conditions:
                return None
            arrays[i] = zero_dim(a, dtype)
    return arrays


def _array_of(operation: Op, position: int, x: Any) -> Any:
    if isinstance(x, Variable):
        return x._array
    kind = type(x).__name__
    if isinstance(x, np.ndarray):
        if x.dtype in BY_NUMPY:
            return x
        kind = f"an array of {x.dtype}"
    if isinstance(x, np.generic):  # before float: np.float64 is one, too
        x = x.item()
    if isinstance(x, (bool, int, float)):
        return x
    raise TypeError(
        f"{operation.name}: argument '{operation.parameters[position]}' must be a Tensor or a "
        f"number, got {kind}"
    )


def _is_number(a: Any) -> bool:
    return not hasattr(a, "dtype")


def _as_number(a: Any) -> Any:
    return a.item() if type(a) is ndarray and a.ndim == 0 else a


def _mask(operation: Op, mask: Any) -> Any:
    if not hasattr(mask, "dtype"):
        return bool(mask)
    if mask.dtype != BOOL:
        raise RuntimeError(
            f"{operation.name}: expected condition to be a bool tensor, got {mask.dtype}: "
            "compare it, as in `x != 0`"
        )
    return mask


def _check_numbers(operation: Op, operands: list, dtype: np.dtype) -> None:
    """Refuse a whole number that the integer dtype of the operation cannot hold: it would wrap."""
    if dtype.kind not in "iu":
        return
    limits = np.iinfo(dtype)
    for a in operands:
        if isinstance(a, int) and not limits.min <= a <= limits.max:
            raise OverflowError(
                f"{operation.name}: the number {a} is out of bounds for {dtype.name} "
                f"({limits.min} to {limits.max}): convert the tensor with .to() to a wider dtype"
            )


def _cast(a: Any, dtype: np.dtype, number_too: bool) -> Any:
    if a is None:
        return None
    if not hasattr(a, "dtype"):
        if not number_too:
            return a
        if isinstance(a, int) and is_float(dtype):
            a = float(a)  # OverflowError beyond 1.8e308, as in PyTorch
        with np.errstate(over="ignore"):  # 1e300 is infinite in narrower types, without a warning
            return np.array(a, dtype)
    return a if a.dtype == dtype else a.astype(dtype)


def _kept(kernel: Callable, dtype: np.dtype, *arrays: Any) -> Any:
    """Some ufuncs answer whole numbers in a floating type, bools in whole numbers."""
    out = kernel(*arrays)
    return out if out.dtype == dtype else out.astype(dtype)


def _in_float32(kernel: Callable, dtype: np.dtype, *arrays: Any) -> Any:
    """Half types are computed in float32 and rounded once."""
    wide = [a.astype(np.float32) if getattr(a, "dtype", None) == dtype else a for a in arrays]
    out = kernel(*wide)
    return out if out.dtype.kind == "b" else out.astype(dtype)


def broadcast_error(operation: Op, operands: Sequence) -> Exception | None:
    """The error for shapes that do not broadcast, or None if they do."""
    shapes = [tuple(x.shape) for x in operands if hasattr(x, "shape")]
    try:
        np.broadcast_shapes(*shapes)
    except ValueError:
        names = [
            f"{n} {tuple(x.shape)}"
            for n, x in zip(operation.parameters, operands, strict=True)
            if hasattr(x, "shape")
        ]
        return RuntimeError(
            f"{operation.name}: the shapes do not broadcast: {', '.join(names)}; aligned at the "
            "right, each pair of sizes must be equal or contain a 1"
        )
    return None
