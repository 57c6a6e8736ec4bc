"""Public functions in front of operations: several call forms, NumPy's names, a quick way in."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from .autograd.modes import shared_quiet, state
from .autograd.record import trace
from .autograd.variable import new, registry
from .calling import publish, with_aliases


def front(entry: Callable | None = None) -> Callable:
    """Declare the public function that leads to an operation, or to several of them.

    It understands NumPy's names of its arguments and `out=`, as operations do.
    """

    def declare(function: Callable) -> Callable:
        parameters = list(inspect.signature(function).parameters)
        names = frozenset(parameters)
        described: Any = SimpleNamespace(name=function.__name__, parameters=parameters)

        @functools.wraps(function)
        def public(*args: Any, **kwargs: Any) -> Any:
            if kwargs and not kwargs.keys() <= names:
                return with_aliases(public, described, args, kwargs)
            return function(*args, **kwargs)

        return public if entry is None else publish(public, entry.op)  # type: ignore[attr-defined]

    return declare


def quickly(kernel: Callable, *arrays: Any) -> Any:
    """kernel(*arrays) where NumPy does not warn, without apply()'s checks."""
    try:
        return shared_quiet(kernel, *arrays)
    except RuntimeError as error:  # another thread is in the shared context
        if "cannot enter context" not in str(error):
            raise
        return state.quiet(kernel, *arrays)


def recorded(operation: Any, args: tuple, array: Any, grad: bool) -> Any:
    """A Tensor around the result of a quick way, with its Node if `grad`."""
    t = new(registry.Tensor)
    t._array = array
    t._node = None
    if grad:
        t._node = trace(operation, args, array, t)
    return t
