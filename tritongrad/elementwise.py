"""The declaration of an elementwise operation: dtype by promotion, shape by broadcasting."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .autograd.modes import state
from .autograd.record import trace
from .autograd.variable import Variable, new, registry
from .dtype import BOOL, FLOAT32, FLOAT64, HALVES, common_dtype, get_default_dtype, is_float
from .op import ALIASES, Op, device_mismatch, finish, into, publish

ndarray = np.ndarray
NUMBERS = (bool, int, float, np.generic)
MISSING: Any = object()


def elementwise(
    *,
    samples: Sequence,
    cpu: Callable | None = None,
    dtype: str = "same",
    check: Callable | None = None,
    conditions: int = 0,
) -> Callable:
    """Declare an elementwise operation: the decorated function is its signature and docstring.

    `cpu`    a ufunc, or a function of arrays that have one dtype and broadcast; without it, the
             function of the same name in cpu/elementwise.py
    `dtype`  of the result: "same" as the operands promote to, "float" (integers become the
             default floating type), or "bool"
    `conditions`  how many leading operands are bool masks, which no dtype is derived from
    `check`  check(dtype, operands) raises for what the operation refuses among ints and bools
    The Triton side is the scalar function of the same name in kernels/elementwise.py.
    """

    def declare(function: Callable) -> Callable:
        operation = Op(function, cpu, samples, elementwise=dtype, group="elementwise")
        operation.check = check
        operation.conditions = conditions
        count = len(operation.parameters)
        make = {1: _unary, 2: _binary}.get(count, _any)
        return publish(functools.wraps(function)(make(operation)), operation)

    return declare


def _unary(operation: Op) -> Callable:
    kernel: Any = None

    def entry(input: Any, **named: Any) -> Any:
        nonlocal kernel
        if named or not isinstance(input, Variable):
            return _bind(operation, (input,), named)
        a = input._array
        if type(a) is not ndarray or not (a.dtype is FLOAT32 or a.dtype is FLOAT64):
            return run(operation, (input,))
        if kernel is None:
            kernel = operation.cpu
        out = state.quiet(kernel, a)
        if type(out) is not ndarray:
            out = np.asarray(out)
        t = new(registry.Tensor)
        t._array = out
        t._view = t._node = None
        if (input._node is not None or input._view is not None) and state.grad:
            t._node = trace(operation, (input,), out, t)
        return t

    return entry


def _binary(operation: Op) -> Callable:
    kernel: Any = None

    def entry(input: Any, other: Any = MISSING, **named: Any) -> Any:
        nonlocal kernel
        if named:
            args = (input,) if other is MISSING else (input, other)
            return _bind(operation, args, named)
        # The quick way: two float32 (or two float64) arrays of NumPy, or one and a number.
        a = getattr(input, "_array", None)
        if type(a) is not ndarray:
            return run(operation, (input, other))
        d = a.dtype
        if not (d is FLOAT32 or d is FLOAT64):
            return run(operation, (input, other))
        b = getattr(other, "_array", None)
        if b is None:
            if type(other) is not float and type(other) is not int:
                return run(operation, (input, other))
            b = other
            grad = input._node is not None or input._view is not None
        elif type(b) is ndarray and b.dtype is d:
            grad = (
                input._node is not None
                or other._node is not None
                or input._view is not None
                or other._view is not None
            )
        else:
            return run(operation, (input, other))
        if kernel is None:
            kernel = operation.cpu
        try:
            out = state.quiet(kernel, a, b)
        except ValueError:
            raise broadcast_error(operation, (input, other)) from None
        if type(out) is not ndarray:
            out = np.asarray(out)
        t = new(registry.Tensor)
        t._array = out
        t._view = t._node = None
        if grad and state.grad:
            t._node = trace(operation, (input, other), out, t)
        return t

    return entry


def _any(operation: Op) -> Callable:
    def entry(*args: Any, **named: Any) -> Any:
        return _bind(operation, args, named)

    return entry


def _bind(operation: Op, args: tuple, named: dict) -> Any:
    """Put keyword arguments in their places, add defaults, obey out= and alpha=."""
    out = named.pop("out", None)
    alpha = named.pop("alpha", 1) if operation.name in ("add", "sub") else 1
    named = {n if n in operation.parameters else ALIASES.get(n, n): v for n, v in named.items()}
    signature = inspect.signature(operation.function)
    try:
        bound = signature.bind(*args, **named)
    except TypeError as error:
        raise TypeError(f"{operation.name}(): {error}; it takes {signature}") from None
    bound.apply_defaults()
    operands = tuple(bound.arguments.values())
    if type(alpha) is not int or alpha != 1:
        operands = (operands[0], operands[1] * alpha)
    result = run(operation, operands)
    return result if out is None else into(out, result, operation.name)


def run(operation: Op, operands: tuple) -> Any:
    """The general way: any device, any mixture of dtypes, numbers and absent bounds."""
    if MISSING in operands:
        raise TypeError(f"{operation.name}: missing argument '{operation.parameters[1]}'")
    arrays, kernel = prepare(operation, operands)
    try:
        out = state.quiet(kernel, *arrays)
    except ValueError:
        error = broadcast_error(operation, operands)
        if error is None:
            raise
        raise error from None
    return finish(operation, operands, out)


def prepare(operation: Op, operands: tuple) -> tuple[list, Callable]:
    """The operands as arrays and numbers of one dtype, and the kernel for their device."""
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
    arrays = [_cast(a, common, on_cpu and not exact_numbers) for a in arrays]
    if masks:
        arrays = [_mask(operation, m) for m in masks] + arrays
    kernel = operation.cpu if on_cpu else operation.device
    if on_cpu and common in HALVES and not isinstance(kernel, np.ufunc):
        kernel = functools.partial(_in_float32, kernel, common)
    return arrays, kernel


def _array_of(operation: Op, position: int, x: Any) -> Any:
    if isinstance(x, Variable):
        return x._array
    if x is None or isinstance(x, (bool, int, float)):
        return x
    if isinstance(x, np.generic):
        return x.item()
    if isinstance(x, np.ndarray):
        return x
    raise TypeError(
        f"{operation.name}: argument '{operation.parameters[position]}' must be a Tensor or a "
        f"number, got {type(x).__name__}"
    )


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


def _cast(a: Any, dtype: np.dtype, number_too: bool) -> Any:
    if a is None:
        return None
    if not hasattr(a, "dtype"):
        if not number_too:
            return a
        if isinstance(a, int) and is_float(dtype):
            a = float(a)  # OverflowError beyond 1.8e308, as in PyTorch
        return np.array(a, dtype)
    return a if a.dtype == dtype else a.astype(dtype)


def _in_float32(kernel: Callable, dtype: np.dtype, *arrays: Any) -> Any:
    """Half types are computed in float32 and rounded once."""
    out = kernel(*[a if a is None else a.astype(np.float32) for a in arrays])
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
