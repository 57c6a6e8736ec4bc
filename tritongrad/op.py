"""The declaration of an operation, the registry of all of them, and apply(): the whole dispatch."""

from __future__ import annotations

import functools
import importlib
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .autograd.modes import in_use, inferring, off, shared_quiet, state
from .autograd.record import (
    RESULT,
    Plan,
    argument_names,
    formula_names,
    trace,
    trace_outputs,
)
from .autograd.variable import INFERENCE, Variable, View, version_of, wrap
from .calling import blame, device_mismatch, not_a_tensor, out_of_memory, publish, with_aliases

ndarray = np.ndarray
REGISTRY: dict[str, Op] = {}


class Op:
    """One operation: its name, its kernels, a formula for each differentiable argument, samples.

    `formulas`        position of an argument -> formula(g, *what it names)
    `differentiable`  those positions, in order
    """

    check: Callable | None  # elementwise: refuses operands
    conditions: int  # elementwise: how many leading operands are masks

    def __init__(
        self,
        function: Callable,
        cpu: Callable | None,
        samples: Sequence,
        view: bool = False,
        variadic: bool = False,
        elementwise: str | None = None,
        group: str | None = None,
        device: Callable | None = None,
    ) -> None:
        self.name = function.__name__
        self.group = group or function.__module__.rpartition(".")[2]
        self.function = function
        self.parameters = argument_names(function)
        self.samples = samples
        self.view = view
        self.variadic = variadic  # the first argument is a list of tensors
        self.elementwise = elementwise  # None, or how its dtype follows: see ops of elementwise.py
        annotations = function.__annotations__
        self.required = tuple(
            i for i, p in enumerate(self.parameters) if annotations.get(p) == "Tensor"
        )
        self.formulas: dict[int, Callable] = {}
        self.differentiable: tuple[int, ...] = ()
        self.joint: Callable | None = None  # gives the gradients of all of those at once
        self.node_name = "".join(w.title() for w in self.name.split("_")) + "Backward0"
        self.quick: list[Plan | None] = [None] * 8  # plans of trace_one and trace_two
        self.entry: Any = None  # the function that was declared, whose form the samples have
        self._plans: dict[tuple, Plan] = {}
        self._cpu = cpu
        self._device = device
        if REGISTRY.setdefault(self.name, self) is not self:
            raise ValueError(f"op: {self.name} is declared twice")

    def vjp(self, joint: Callable | None = None, /, **formulas: Callable) -> None:
        """Add the formula of each argument: formula(g, *names of arguments or `result`).

        `joint` lists the gradients of all of them, and takes their place where several are wanted.
        """
        for formula in (*formulas.values(), *([joint] if joint else ())):
            for needed in formula_names(formula):
                self.resolve(needed)
        for name, formula in formulas.items():
            self.formulas[self.parameters.index(name)] = formula
        self.joint = joint
        self.differentiable = tuple(sorted(self.formulas))

    @functools.cached_property
    def signature(self) -> inspect.Signature:
        return inspect.signature(self.function)

    @functools.cached_property
    def saves_first(self) -> bool:
        """Whether a formula needs the value that the first argument had."""
        first = (0, "value")
        return any(
            first in [self.resolve(n) for n in formula_names(f)] for f in self.formulas.values()
        )

    def resolve(self, name: str) -> tuple[int, str]:
        """What a formula means by a name: (position, "value" or "shape")."""
        if name in self.parameters:  # some gradients have an argument called result
            return self.parameters.index(name), "value"
        if name == "result":
            return RESULT, "value"
        base = name.removesuffix("_shape")
        if base == name or base not in self.parameters:
            raise ValueError(f"{self.name}.vjp: no argument is called {name!r}")
        return self.parameters.index(base), "shape"

    def plan(self, wanted: tuple, args: tuple) -> Plan:
        """What to save of these arguments, some of which are wanted to have gradients."""
        key = (wanted, *map(type, args))
        found = self._plans.get(key)
        if found is None:
            is_tensor = tuple([isinstance(a, Variable) for a in args])
            found = self._plans[key] = Plan(self, wanted, is_tensor)
        return found

    @functools.cached_property
    def cpu(self) -> Callable:
        """The NumPy kernel: a function of arrays and parameters."""
        if self._cpu is not None:
            return self._cpu
        module = importlib.import_module(f".cpu.{self.group}", __package__)
        return getattr(module, self.name)

    @functools.cached_property
    def device(self) -> Callable:
        """The host side of the Triton kernel: the function of the same name in cuda/<group>.py."""
        if self._device is not None:
            return self._device
        module = importlib.import_module(f".cuda.{self.group}", __package__)
        if self.elementwise is not None:
            return functools.partial(module.elementwise, self.name)
        return getattr(module, self.name)

    def call(self, *args: Any) -> Any:
        """Run the operation on canonical arguments, recording it."""
        return apply(self, args)

    def view_node(self, parent: Any, args: tuple, t: Any) -> Any:
        """A new Node for a view t whose parent's history has moved."""
        return trace(self, (parent, *args), t._array, t)


def op(
    *,
    samples: Sequence,
    cpu: Callable | None = None,
    device: Callable | None = None,
    view: bool = False,
    variadic: bool = False,
) -> Callable[..., Any]:
    """Declare an operation. The decorated function puts arguments into canonical order and form.

    `cpu` is the NumPy kernel; without it, the function of the same name in cpu/<group>.py.
    `device` is the host side elsewhere; without it, the function of that name in cuda/<group>.py.
    `view`: the result shares the memory of the first argument; `cpu` serves every device.
    `variadic`: the first argument is a list of tensors.
    Arguments annotated `Tensor` must be tensors.
    """

    def declare(function: Callable) -> Callable[..., Any]:
        operation = Op(function, cpu, samples, view, variadic, device=device)
        names = frozenset(operation.parameters)

        @functools.wraps(function)
        def entry(*args: Any, **kwargs: Any) -> Any:
            if kwargs and not kwargs.keys() <= names:
                return with_aliases(entry, operation, args, kwargs)
            try:
                return apply(operation, function(*args, **kwargs))
            except AttributeError as error:
                blame(error, operation.name, operation.parameters, args, kwargs)
                raise

        return publish(entry, operation)

    return declare


def apply(operation: Op, args: tuple) -> Any:
    """Run an operation on canonical arguments: choose the kernel by device, run it, record it."""
    if operation.view:
        return apply_view(operation, args)
    arrays: list = []
    kind = None
    for a in args:
        array = getattr(a, "_array", None)
        if array is None:
            arrays.append(a)
            continue
        arrays.append(array)
        if kind is None:
            kind = type(array)
        elif type(array) is not kind:
            raise device_mismatch(operation.name, args)
    if operation.variadic:
        arrays[0], kind = _list_of_arrays(operation, args)
    for i in operation.required:
        if arrays[i] is args[i]:
            raise not_a_tensor(operation, i, args[i])
    kernel = operation.cpu if kind is ndarray or kind is None else operation.device
    try:
        out = shared_quiet(kernel, *arrays)
    except RuntimeError as error:
        if not in_use(error):
            raise
        out = state.quiet(kernel, *arrays)
    except MemoryError as error:
        raise out_of_memory(operation.name, error) from None
    if type(out) is tuple or type(out) is list:
        return _several(operation, args, out)
    return finish(operation, args, out)


def apply_view(operation: Op, args: tuple) -> Any:
    """Run an operation whose result shares the memory, the version and the history of its input."""
    input = args[0]
    array = getattr(input, "_array", None)
    if array is None:
        raise not_a_tensor(operation, 0, input)
    out = operation.cpu(array, *args[1:])  # the same arithmetic of shapes on every device
    result = wrap(out)
    if inferring and state.inference:
        result._version = INFERENCE
        return result
    result._version = cell = version_of(input)
    result._node = view = View(input, operation, args[1:], cell[1])
    recording = not off or state.recording
    if input._node is not None and recording and operation.differentiable:
        view.node = trace(operation, args, out, result)
    return result


def finish(operation: Op, args: tuple, out: Any) -> Any:
    """Make a tensor of what a kernel returned, and record the operation."""
    if type(out) is not ndarray and isinstance(out, np.generic):
        out = np.asarray(out)
    result = wrap(out)
    if not off or state.recording:
        if operation.differentiable:
            result._node = trace(operation, args, out, result)
    elif state.inference:
        result._version = INFERENCE
    return result


def _several(operation: Op, args: tuple, out: Sequence) -> tuple:
    """Make tensors of the outputs of a kernel that has several, and record the operation."""
    results = tuple([wrap(np.asarray(a) if isinstance(a, np.generic) else a) for a in out])
    if state.grad:
        if operation.differentiable:
            trace_outputs(operation, args, results)
    elif state.inference:
        _mark_inference(results)
    return results


def _mark_inference(results: Sequence) -> None:
    for t in results:
        t._version = INFERENCE


def _list_of_arrays(operation: Op, args: tuple) -> tuple[list, type | None]:
    """The arrays of a list of tensors, which must all be on one device."""
    tensors = args[0]
    for t in tensors:
        if not isinstance(t, Variable):
            raise TypeError(
                f"{operation.name}: argument '{operation.parameters[0]}' must be a list of "
                f"Tensors, got {type(t).__name__} in it"
            )
    arrays = [t._array for t in tensors]
    kinds = {type(a) for a in arrays}
    if len(kinds) > 1:
        raise device_mismatch(operation.name, tuple(tensors))
    return arrays, kinds.pop() if kinds else None
