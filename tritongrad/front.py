"""Public functions in front of operations: several call forms, NumPy's names."""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from .autograd.record import argument_names
from .calling import publish, with_aliases


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
            return function(*args, **kwargs)

        return public if entry is None else publish(public, entry.op)  # type: ignore[attr-defined]

    return declare
