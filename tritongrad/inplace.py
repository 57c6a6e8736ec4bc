"""In-place operations: the checks, the write, the version, the history of shared memory."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from .autograd.history import check_inplace, count_write, rebase
from .autograd.modes import quiet, state
from .autograd.record import RESULT, trace
from .autograd.variable import INFERENCE, Variable, edge_of, version_of, wrap
from .calling import device_mismatch
from .cpu import large
from .dtype import BOOL, BY_NUMPY, FLOAT32, FLOAT64, can_cast
from .inplace_quick import for_floats, quick_writer, quick_zero, store_scaled
from .op import Op
from .operands import broadcast_error, prepare, zero_dim

ndarray = np.ndarray


def inplace(entry: Callable, write: Callable | None = None) -> Callable:
    """The in-place form of an operation: the result replaces the values of its first argument.

    Refuses, before anything is changed: a leaf that requires grad, an expanded target, a result of
    another shape, a dtype that cannot be stored.
    `write(array, *args)` stores the result directly; without it, it is computed and copied.
    """
    operation: Op = entry.op
    name = operation.name + "_"
    quick = quick_zero if write is store_zero else quick_writer(operation)

    def method(input: Any, *args: Any, **kwargs: Any) -> Any:
        if not kwargs and quick is not None and quick(input, args):
            return input
        if not isinstance(input, Variable):
            raise TypeError(
                f"{name}: argument 'input' must be a Tensor, got {type(input).__name__}"
            )
        if operation.elementwise is None:
            return run_inplace(operation, name, operation.function(input, *args, **kwargs), write)
        if kwargs or len(args) + 1 != len(operation.parameters):
            alpha = kwargs.pop("alpha", 1) if operation.name in ("add", "sub") else 1
            bound = operation.signature.bind(input, *args, **kwargs)
            bound.apply_defaults()
            args = tuple(bound.arguments.values())[1:]
            if type(alpha) is not int or alpha != 1:
                if store_scaled(operation, name, input, args[0], alpha):
                    return input
                args = (args[0] * alpha,)
        return run_inplace(operation, name, (input, *args), write)

    method.__name__ = name
    method.__doc__ = f"In-place form of `{operation.name}`: the result replaces input's values."
    method.__wrapped__ = operation.function
    method.op = operation
    return method


def run_inplace(operation: Op, name: str, args: tuple, write: Callable | None = None) -> Any:
    """Compute an operation on canonical arguments and store the result in the first."""
    target = args[0]
    recording = state.grad
    check_target(target, name, recording)
    if operation.elementwise is not None:
        store = _elementwise_store(operation, name, args)
    else:
        store = _general_store(operation, name, args, write)
    node = _trace_before(operation, args) if recording else None
    quiet(store)
    count_write(target, name)
    if node is not None:
        if RESULT in node.plan.tensors:
            node.resave(target)
        rebase(target, node)
    return target


def _trace_before(operation: Op, args: tuple) -> Any:
    """The Node, made before the write so that it keeps old values and old versions."""
    target = args[0]
    if not any(isinstance(a, Variable) and edge_of(a) is not None for a in args):
        return None
    old = target
    if operation.saves_first:
        old = wrap(target._array.copy(), edge_of(target))
    return trace(operation, (old, *args[1:]), target._array, target)


def check_target(target: Variable, name: str, recording: bool) -> None:
    """Refuse targets that must not or cannot be written."""
    if recording:
        check_inplace(target, name)
    array = target._array
    if overlaps_itself(array):
        raise RuntimeError(
            f"{name}: unsupported operation: more than one element of the written-to tensor (shape "
            f"{list(array.shape)}) refers to a single memory location, as after expand(): clone() "
            "it before the operation"
        )
    if type(array) is ndarray and not array.flags.writeable:
        raise RuntimeError(
            f"{name}: the tensor shares the memory of a read-only NumPy array: clone() it first"
        )
    if getattr(target, "_version", None) is INFERENCE and not state.inference:
        version_of(target)


def overlaps_itself(array: Any) -> bool:
    """Whether two indices of the array can mean one address (an expanded dim does that)."""
    if type(array) is ndarray and array.flags.forc:
        return False
    reach = 0
    for stride, size in sorted(zip(map(abs, array.strides), array.shape, strict=True)):
        if size > 1:
            if stride <= reach:
                return True
            reach += stride * (size - 1)
    return False


def check_fits(operation: Op, name: str, target: Any, shape: tuple, dtype: np.dtype) -> None:
    """Refuse a result that has another shape than the target, or a dtype it cannot hold."""
    if shape != target.shape:
        raise RuntimeError(
            f"{name}: output with shape {list(target.shape)} doesn't match the broadcast shape "
            f"{list(shape)}: use {operation.name}() or expand the target first"
        )
    if not can_cast(dtype, target.dtype):
        raise RuntimeError(
            f"{name}: result type {BY_NUMPY[dtype].name} can't be cast to the desired output type "
            f"{BY_NUMPY[target.dtype].name}: use {operation.name}() or .to({BY_NUMPY[dtype]!r})"
        )


def _elementwise_store(operation: Op, name: str, args: tuple) -> Callable:
    target = args[0]._array
    # The quick way of `w.sub_(lr * w.grad)`: two arrays of one dtype and shape.
    if len(args) == 2 and type(target) is ndarray and operation.elementwise != "bool":
        d = target.dtype
        b = getattr(args[1], "_array", None)
        if (d is FLOAT32 or d is FLOAT64) and (
            (type(b) is ndarray and b.dtype is d and b.shape == target.shape)
            or (b is None and type(args[1]) in (int, float))
        ):
            kernel = for_floats(operation)
            if isinstance(kernel, np.ufunc):
                other = zero_dim(args[1], d) if b is None else b
                if target.size >= large.LARGE:
                    return functools.partial(large.store, kernel, target, other)
                return functools.partial(kernel, target, other, out=target)
    arrays, kernel = prepare(operation, args)
    shapes = [a.shape for a in arrays if hasattr(a, "shape")]
    try:
        shape = np.broadcast_shapes(*shapes)
    except ValueError:
        raise broadcast_error(operation, args) from None  # type: ignore[misc]
    dtype = BOOL if operation.elementwise == "bool" else arrays[0].dtype
    check_fits(operation, name, target, shape, dtype)
    if isinstance(kernel, np.ufunc) and dtype == target.dtype:
        return functools.partial(kernel, *arrays, out=target)
    if type(target) is not ndarray and dtype == target.dtype and _apart(target, arrays):
        return functools.partial(kernel, *arrays, out=target)
    return lambda: assign(target, kernel(*arrays))


def _apart(target: Any, arrays: list) -> bool:
    """Whether each device operand is the target itself, or lies in other memory."""
    return all(
        a is target or not hasattr(a, "storage") or a.storage is not target.storage for a in arrays
    )


def _general_store(operation: Op, name: str, args: tuple, write: Callable | None) -> Callable:
    target = args[0]._array
    arrays = [a._array if isinstance(a, Variable) else a for a in args]
    kinds = {type(a) for a, x in zip(arrays, args, strict=True) if isinstance(x, Variable)}
    if len(kinds) > 1 and operation.name != "copy":
        raise device_mismatch(operation.name, args)
    if write is not None:
        return functools.partial(write, *arrays)
    kernel = operation.cpu if type(target) is ndarray else operation.device
    result = quiet(kernel, *arrays)
    check_fits(operation, name, target, result.shape, result.dtype)
    return functools.partial(assign, target, result)


def assign(target: Any, source: Any) -> None:
    """target[...] = source, broadcasting and casting, on one device."""
    store_copy(target, source, None, False)


def store_fill(target: Any, value: Any) -> None:
    """target[...] = value, a number or a 0-d array."""
    if type(target) is ndarray:
        target.fill(value)
    elif hasattr(value, "dtype"):
        assign(target, value.broadcast_to(target.shape))
    else:
        from .cuda.inplace import fill

        fill(target, value)


def store_zero(target: Any) -> None:
    """target[...] = 0"""
    store_fill(target, 0)


def store_copy(target: Any, source: Any, device: Any, non_blocking: bool) -> None:
    """target[...] = source, which may lie on another device."""
    if type(target) is not ndarray:
        from .cuda.transfer import store

        store(target, source, non_blocking)
    elif isinstance(source, (ndarray, np.generic)):
        np.copyto(target, source, casting="unsafe")
    else:
        from .cuda.transfer import receive

        receive(target, source, non_blocking)
