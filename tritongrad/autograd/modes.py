"""Whether operations are recorded: `no_grad`, `enable_grad`, `inference_mode`, by thread."""

from __future__ import annotations

import contextvars
import functools
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

# An item for each thread that is not recording, or in inference mode: while empty, none need ask.
off: list = []
inferring: list = []


class _State(threading.local):
    """What differs from thread to thread.

    `grad`: operations are recorded. `inference`: results can never be recorded.
    `quiet`: see below, the one of this thread.
    """

    def __init__(self) -> None:
        self.recording = True
        self._inference = False
        self.quiet = _quiet_context().run

    @property
    def grad(self) -> bool:
        return self.recording

    @grad.setter
    def grad(self, wanted: bool) -> None:
        if wanted != self.recording:
            switch(wanted)

    @property
    def inference(self) -> bool:
        return self._inference

    @inference.setter
    def inference(self, wanted: bool) -> None:
        if wanted != self._inference:
            self._inference = wanted
            (inferring.append if wanted else inferring.pop)(0)


def switch(wanted: bool) -> None:
    """Record from now on, or no longer, in this thread, where it is the other way round."""
    state.recording = wanted
    if wanted:
        off.pop()
    else:
        off.append(0)


def _quiet_context() -> contextvars.Context:
    context = contextvars.Context()
    context.run(np.seterr, all="ignore")
    return context


state = _State()
shared_quiet = _quiet_context().run


def in_use(error: RuntimeError) -> bool:
    """Whether an error says that another thread is in the shared context."""
    return "cannot enter context" in str(error)


def quiet(function: Callable, *args: Any) -> Any:
    """function(*args) where NumPy does not warn of inf and nan, which are results here.

    It runs in a context of its own, which costs a tenth of `np.errstate` and leaves the caller's
    settings alone. Two threads cannot be in one context: the second takes that of its thread.
    """
    try:
        return shared_quiet(function, *args)
    except RuntimeError as error:
        if not in_use(error):
            raise
    return state.quiet(function, *args)


class _Mode:
    """A switch that works as a context (`with no_grad():`) and as a decorator (`@no_grad()`)."""

    _before: list[tuple[bool, bool]]

    if TYPE_CHECKING:  # each has its own

        def __enter__(self) -> None: ...

    def __new__(cls, function: Callable | None = None) -> Any:
        self = super().__new__(cls)
        self._before = []
        return self if function is None else self(function)  # `@no_grad` without parentheses

    def __exit__(self, *exc: object) -> None:
        state.grad, state.inference = self._before.pop()

    def __call__(self, function: Callable) -> Callable:
        make = self._again

        @functools.wraps(function)
        def inside(*args: Any, **kwargs: Any) -> Any:
            with make():
                return function(*args, **kwargs)

        return inside

    def _again(self) -> _Mode:
        """A fresh switch of the same kind: a decorated function may call itself."""
        return type(self)()


class no_grad(_Mode):
    """Operations inside are not recorded; results do not require grad."""

    def __enter__(self) -> None:
        recording = state.recording
        self._before.append((recording, state.inference))
        if recording:
            state.grad = False


class enable_grad(_Mode):
    """Operations inside are recorded, also within `no_grad`."""

    def __enter__(self) -> None:
        self._before.append((state.grad, state.inference))
        state.grad, state.inference = True, False


class set_grad_enabled(_Mode):
    """Switch recording on or off: at once when called, and as a context until its end."""

    def __new__(cls, mode: bool) -> Any:
        return object.__new__(cls)

    def __init__(self, mode: bool) -> None:
        self._before = [(state.grad, state.inference)]
        self._mode = bool(mode)
        state.grad = self._mode

    def __enter__(self) -> None:
        state.grad = self._mode

    def __call__(self, function: Callable) -> Callable:
        state.grad, state.inference = self._before.pop()  # a decorator changes nothing by itself
        return super().__call__(function)

    def _again(self) -> set_grad_enabled:
        return set_grad_enabled(self._mode)


class inference_mode(_Mode):
    """Like `no_grad`, and the results can never take part in recording."""

    _mode: bool

    def __new__(cls, mode: bool | Callable = True) -> Any:
        self = object.__new__(cls)
        self._before = []
        self._mode = callable(mode) or bool(mode)
        return self(mode) if callable(mode) else self

    def __enter__(self) -> None:
        self._before.append((state.grad, state.inference))
        if self._mode:
            state.grad, state.inference = False, True
        else:
            state.grad, state.inference = True, False

    def _again(self) -> inference_mode:
        return inference_mode(self._mode)


def is_grad_enabled() -> bool:
    """Whether operations of this thread are recorded now."""
    return state.grad


def is_inference_mode_enabled() -> bool:
    """Whether this thread is inside `inference_mode`."""
    return state.inference
