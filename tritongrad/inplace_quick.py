"""The quick way of in-place updates: `w.sub_(lr * w.grad)`, `grad.add_(g)`, `grad.zero_()`."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from .autograd.modes import quiet, state
from .autograd.variable import INFERENCE, Variable
from .cpu import large
from .dtype import FLOAT32, FLOAT64, INT64
from .op import Op
from .operands import zero_dim

ndarray = np.ndarray
EXACT = frozenset((np.add, np.subtract, np.multiply))  # of integers, modulo 2**64: counters


def quick_writer(operation: Op) -> Callable | None:
    """writer(input, args): write and say so, or leave it: an update of a parameter.

    That is a whole array, changed by a number or one like it, not recorded.
    """
    if operation.elementwise != "same" or len(operation.parameters) != 2:
        return None
    kernel: Any = None
    name = operation.name + "_"

    def writer(input: Any, args: tuple) -> bool:
        nonlocal kernel
        target = getattr(input, "_array", None)
        if type(target) is not ndarray:
            return target is not None and _on_device(operation, name, input, args)
        if target.dtype is INT64 and operation.cpu not in EXACT:
            return False
        b = _plain_operand(input, args)
        if b is None:
            return False
        if kernel is None:
            kernel = for_floats(operation)
        if not isinstance(kernel, np.ufunc):
            return False
        if target.size >= large.LARGE:
            quiet(large.store, kernel, target, b)
        else:
            quiet(functools.partial(kernel, out=target), target, b)
        written(input, name)
        return True

    return writer


def written(input: Any, name: str) -> None:
    """Count a write, if anybody has asked for the tensor's version."""
    cell = getattr(input, "_version", None)
    if cell is not None:
        cell[0] += 1
        cell[2] = name


def for_floats(operation: Op) -> Callable:
    """The NumPy kernel of an operation, refused if it is not for floating types."""
    if operation.check is not None:
        operation.check(FLOAT32, (0.0, 1.0))
    return operation.cpu


def _plain_operand(input: Any, args: tuple) -> np.ndarray | None:
    """The array of the one operand of a plain update of `input`; None if it is no such thing."""
    target = input._array
    if len(args) != 1 or not isinstance(input, Variable):
        return None
    other: Any = args[0]
    d = target.dtype
    is_tensor = type(other) not in (float, int)
    if d is FLOAT32 or d is FLOAT64:
        b = getattr(other, "_array", None) if is_tensor else zero_dim(other, d)
    elif d is INT64 and type(other) is int and abs(other) < 1 << 62:
        b = np.array(other)
    else:
        return None
    if type(b) is not ndarray or b.dtype is not d or (is_tensor and b.shape != target.shape):
        return None
    traced = input._node is not None or getattr(other, "_node", None) is not None
    flags = target.flags
    if (traced and state.grad) or not (flags.c_contiguous and flags.writeable):
        return None
    return None if getattr(input, "_version", None) is INFERENCE else b


def _on_device(operation: Op, name: str, input: Any, args: tuple) -> bool:
    """The same on a GPU, by a plan for such operands if there is one."""
    if len(args) != 1 or not isinstance(input, Variable):
        return False
    other: Any = args[0]
    target = input._array
    kind = type(other)
    if kind is not float and kind is not int:
        node = getattr(other, "_node", None)
        other = getattr(other, "_array", None)
        if type(other) is not type(target) or (node is not None and state.grad):
            return False
        apart = other is target or other.storage is not target.storage
        table = target.form.same if apart and other.form is target.form else None
    else:
        table = target.form.number
    if table is None or (input._node is not None and state.grad):
        return False
    if getattr(input, "_version", None) is INFERENCE:
        return False
    plan = table.get(name)
    if plan is None:
        from .cuda.quick import learn_store

        learn_store(operation, name, target, other)
        return False
    if plan(target, other) is None:
        return False
    written(input, name)
    return True


def store_scaled(operation: Op, name: str, input: Any, other: Any, alpha: Any) -> bool:
    """`w.sub_(g, alpha=lr)` on a device in one pass, where two would round alike; or leave it."""
    target: Any = input._array
    array: Any = getattr(other, "_array", None)
    d = target.dtype
    if type(target) is ndarray or type(array) is not type(target) or type(alpha) is not float:
        return False
    if d not in (FLOAT32, FLOAT64) or array.dtype != d or array.shape != target.shape:
        return False
    traced = input._node is not None or other._node is not None
    if (traced and state.grad) or not target.contiguous:
        return False
    if getattr(input, "_version", None) is INFERENCE:
        return False
    from .cuda.inplace import scaled

    quiet(scaled, f"{operation.name}_scaled", target, array, alpha)
    written(input, name)
    return True


def quick_zero(input: Any, args: tuple) -> bool:
    """The same for zero_()."""
    target = getattr(input, "_array", None)
    if target is None or args or (input._node is not None and state.grad):
        return False
    if getattr(input, "_version", None) is INFERENCE:
        return False
    if type(target) is ndarray:
        flags = target.flags
        if not (flags.c_contiguous and flags.writeable):
            return False
        target.fill(0)
    else:
        plan = target.form.number.get("zero_")
        if plan is None:
            from .cuda.quick import learn_store

            learn_store(None, "zero_", target, 0.0)
            return False
        if plan(target, 0.0) is None:
            return False
    written(input, "zero_")
    return True
