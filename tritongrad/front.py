"""Public functions in front of operations: several call forms, NumPy's names, blame for errors."""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from .autograd.record import argument_names
from .calling import blame, publish, with_aliases


def front(entry: Callable | None = None) -> Callable[[Callable], Callable[..., Any]]:
    """Declare the public function that leads to an operation, or to several of them.

    It understands NumPy's names of its arguments and `out=`, as operations do.
    """

    def declare(function: Callable) -> Callable[..., Any]:
        parameters = argument_names(function)
        names = frozenset(parameters)
        described: Any = SimpleNamespace(name=function.__name__, parameters=parameters)

        @functools.wraps(function)
        def public(*args: Any, **kwargs: Any) -> Any:
            if kwargs and not kwargs.keys() <= names:
                return with_aliases(public, described, args, kwargs)
            try:
                return function(*args, **kwargs)
            except AttributeError as error:
                blame(error, function.__name__, parameters, args, kwargs)
                raise

        return public if entry is None else publish(public, entry.op)

    return declare


def of_tensors(function: Callable) -> Callable[..., Any]:
    """Declare a function made of others: a TypeError names the argument that is no tensor."""
    names = argument_names(function)

    @functools.wraps(function)
    def public(*args: Any, **kwargs: Any) -> Any:
        try:  # free of cost until something is raised
            return function(*args, **kwargs)
        except AttributeError as error:
            blame(error, function.__name__, names, args, kwargs)
            raise

    return public
