"""The declaration of an elementwise operation: dtype by promotion, shape by broadcasting."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .autograd.modes import inferring, off, quiet, shared_quiet, state
from .autograd.quick import trace_one, trace_two
from .autograd.variable import INFERENCE, Variable, new, registry
from .calling import ALIASES, into, out_of_memory, publish
from .cpu.large import LARGE, fits
from .cpu.large import elementwise as large_map
from .dtype import FLOAT32, FLOAT64
from .op import Op, finish
from .operands import broadcast_error, prepare, zero_dim

ndarray = np.ndarray
NUMBERS = frozenset((float, int))  # a bool is none


def elementwise(
    *,
    samples: Sequence,
    cpu: Callable | None = None,
    dtype: str = "same",
    check: Callable | None = None,
    conditions: int = 0,
) -> Callable[..., Any]:
    """Declare an elementwise operation: the decorated function is its signature and docstring.

    `cpu`    a ufunc, or a function of arrays that have one dtype and broadcast; without it, the
             function of the same name in cpu/elementwise.py
    `dtype`  of the result: "same" as the operands promote to, "float" (integers become the
             default floating type), or "bool"
    `conditions`  how many leading operands are bool masks, which no dtype is derived from
    `check`  check(dtype, operands) raises for what the operation refuses among ints and bools
    The Triton side is the scalar function of the same name in kernels/elementwise.py.
    """

    def declare(function: Callable) -> Callable[..., Any]:
        operation = Op(function, cpu, samples, elementwise=dtype, group="elementwise")
        operation.check = check
        operation.conditions = conditions
        count = len(operation.parameters)
        entry = {1: _unary, 2: _binary, 3: _ternary}.get(count, _any)(operation)
        if count < 4:
            _call_like(entry, function)
        if count == 2:
            publish(functools.wraps(function)(entry.operator), operation)
        return publish(functools.wraps(function)(entry), operation)

    return declare


def _call_like(entry: Any, function: Any) -> None:
    """Give an entry the argument names and defaults of the declared function.

    `**kwargs` would cost each call a dict, and `functools.wraps` changes only what is shown.
    """
    code = entry.__code__
    names = function.__code__.co_varnames[: function.__code__.co_argcount]
    entry.__code__ = code.replace(co_varnames=names + code.co_varnames[len(names) :])
    entry.__defaults__ = function.__defaults__


def _unary(operation: Op) -> Callable:
    kernel: Any = None

    def entry(input: Any, *, out: Any = None) -> Any:
        nonlocal kernel
        if out is not None or not isinstance(input, Variable):
            return _bind(operation, (input,), {"out": out})
        a = input._array
        if type(a) is not ndarray or not (a.dtype is FLOAT32 or a.dtype is FLOAT64):
            return _unary_elsewhere(operation, input, a)
        if kernel is None:
            kernel = operation.cpu
        try:
            result = shared_quiet(kernel, a) if a.size < LARGE else quiet(large_map, kernel, a)
        except (RuntimeError, TypeError, MemoryError):  # a busy context, or a float that may not be
            return run(operation, (input,))
        if type(result) is not ndarray:
            result = np.asarray(result)
        t = new(registry.Tensor)
        t._array = result
        t._node = None
        if not off or state.recording:
            if input._node is not None:
                t._node = trace_one(operation, input, result, t)
        elif state.inference:
            t._version = INFERENCE
        return t

    return entry


def _binary(operation: Op) -> Callable:
    operator = _operator(operation)

    def entry(input: Any, other: Any, *, out: Any = None, alpha: Any = None) -> Any:
        if out is None and alpha is None:
            return operator(input, other)
        return _bind(operation, (input, other), {"out": out, "alpha": alpha})

    entry.operator = operator
    return entry


def _operator(operation: Op) -> Callable:
    """What `x + y` calls: no argument has a name, for which Python would look each time."""
    kernel: Any = None
    Tensor: Any = None

    def operator(input: Any, other: Any) -> Any:
        nonlocal kernel, Tensor
        try:  # the quick way: two float32 (or float64) arrays of NumPy, or one and a number
            a = input._array
            d = a.dtype
            is_tensor = type(other) is Tensor or type(other) not in NUMBERS
            if type(a) is not ndarray or not (d is FLOAT32 or d is FLOAT64):
                return _binary_elsewhere(operation, input, other, a, is_tensor)
            b = other._array if is_tensor else zero_dim(other, d)
            if type(b) is not ndarray or b.dtype is not d:
                return run(operation, (input, other))
        except AttributeError:  # one is no tensor
            return _elsewhere(operation, (input, other))
        if kernel is None:
            kernel, Tensor = operation.cpu, registry.Tensor
        try:
            if a.size < LARGE:
                result = shared_quiet(kernel, a, b)
            else:
                result = quiet(large_map, kernel, a, b)
        except (RuntimeError, TypeError, ValueError, MemoryError):  # run() says what is wrong
            return run(operation, (input, other))
        if type(result) is not ndarray:
            result = np.asarray(result)
        t = new(Tensor)
        t._array = result
        t._node = None
        needs = input._node is not None or (is_tensor and other._node is not None)
        if needs and (not off or state.recording):
            t._node = trace_two(operation, input, other, is_tensor, result, t)
        elif inferring and state.inference and not state.recording:
            t._version = INFERENCE
        return t

    return operator


def _ternary(operation: Op) -> Callable:
    def entry(input: Any, other: Any, third: Any, *, out: Any = None) -> Any:
        args = (input, other, third)
        if out is not None:
            return _bind(operation, args, {"out": out})
        a = getattr(input, "_array", None)
        if type(a) is ndarray:
            return run(operation, args)
        # The quick way: the array of a device and two numbers, as of clamp.
        plan = None if a is None else a.form.number.get(operation)
        if plan is None or type(other) not in NUMBERS or type(third) not in NUMBERS:
            return _elsewhere(operation, args)
        result = plan(a, other, third)
        if result is None:
            return _elsewhere(operation, args)
        return _recorded(operation, input, result, args)

    return entry


def _any(operation: Op) -> Callable:
    count = len(operation.parameters)

    def entry(*args: Any, **named: Any) -> Any:
        if named or len(args) != count:
            return _bind(operation, args, named)
        return _elsewhere(operation, args)

    return entry


# On a device: by a plan if there is one for the forms of the operands (see cuda/quick.py).


def _unary_elsewhere(operation: Op, input: Any, a: Any) -> Any:
    """The operation on an array that NumPy's quick way is not for."""
    if type(a) is ndarray:
        return run(operation, (input,))
    plan = a.form.same.get(operation)
    result = None if plan is None else plan(a)
    if result is None:
        return _elsewhere(operation, (input,))
    return _recorded(operation, input, result)


def _recorded(operation: Op, input: Any, result: Any, args: tuple = ()) -> Any:
    """The tensor of what an operation on one tensor of a device made, and on numbers after it."""
    t = new(registry.Tensor)
    t._array = result
    t._node = None
    if not off or state.recording:
        if input._node is not None:
            t._node = trace_one(operation, input, result, t, args)
    elif state.inference:
        t._version = INFERENCE
    return t


def _binary_elsewhere(operation: Op, input: Any, other: Any, a: Any, is_tensor: bool) -> Any:
    """The operation on an array that NumPy's quick way is not for, and an array or a number."""
    if type(a) is ndarray:
        return run(operation, (input, other))
    if is_tensor:
        b = other._array
        form = a.form
        same = b.form is form
        plan = form.same.get(operation) if same else form.mixed.get((operation, b.form))
    else:
        b = other
        plan = a.form.number.get(operation)
    result = None if plan is None else plan(a, b)
    if result is None:
        return _elsewhere(operation, (input, other))
    t = new(registry.Tensor)
    t._array = result
    t._node = None
    if not off or state.recording:
        if input._node is not None or (is_tensor and other._node is not None):
            t._node = trace_two(operation, input, other, is_tensor, result, t)
    elif state.inference:
        t._version = INFERENCE
    return t


def _elsewhere(operation: Op, operands: tuple) -> Any:
    """The operation by a plan, or the general way, which may make a plan for the next time."""
    for x in operands:
        array = getattr(x, "_array", None)
        if array is not None:
            if type(array) is ndarray:
                break
            from .cuda.quick import learn, planned

            result = planned(operation, operands)
            if result is not None:
                return finish(operation, operands, result)
            t = run(operation, operands)
            learn(operation, operands)
            return t
    return run(operation, operands)


def _bind(operation: Op, args: tuple, named: dict) -> Any:
    """Put keyword arguments in their places, add defaults, obey out= and alpha=."""
    out = named.pop("out", None)
    alpha = named.pop("alpha", None)
    if alpha is not None and operation.name not in ("add", "sub"):
        raise TypeError(f"{operation.name}() takes no alpha; add() and sub() do")
    named = {n if n in operation.parameters else ALIASES.get(n, n): v for n, v in named.items()}
    signature = operation.signature
    try:
        bound = signature.bind(*args, **named)
    except TypeError as error:
        raise TypeError(f"{operation.name}(): {error}; it takes {signature}") from None
    bound.apply_defaults()
    operands = tuple(bound.arguments.values())
    if alpha is not None and not (type(alpha) is int and alpha == 1):
        operands = (operands[0], operands[1] * alpha)
    result = run(operation, operands)
    return result if out is None else into(out, result, operation.name)


def run(operation: Op, operands: tuple) -> Any:
    """The general way: any device, any mixture of dtypes, numbers and absent bounds."""
    arrays, kernel = prepare(operation, operands)
    if fits(arrays):
        arrays, kernel = [kernel, *arrays], large_map
    try:
        out = quiet(kernel, *arrays)
    except ValueError:
        error = broadcast_error(operation, operands)
        if error is None:
            raise
        raise error from None
    except MemoryError as error:
        raise out_of_memory(operation.name, error) from None
    return finish(operation, operands, out)
