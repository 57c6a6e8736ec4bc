"""Ranges with names in NVIDIA's tools (Nsight Systems), through the package nvtx."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from typing import Any

NO_NVTX = "cuda.nvtx: ranges go through the package nvtx, which is not installed: pip install nvtx"


@functools.cache
def _domain() -> Any:
    try:
        return importlib.import_module("nvtx").get_domain("tritongrad")
    except ImportError as error:
        raise RuntimeError(NO_NVTX) from error


@functools.lru_cache(4096)
def _attributes(message: str) -> Any:
    return _domain().get_event_attributes(message=message)


def check() -> None:
    """Raise a RuntimeError that says what to install where ranges cannot be shown."""
    _domain()


def range_push(msg: str) -> None:
    """Begin a range inside those of this thread that are open."""
    _domain().push_range(_attributes(msg))


def range_pop() -> None:
    """End the range of this thread that began last."""
    _domain().pop_range()


def mark(msg: str) -> None:
    """A point in time with a name."""
    check()
    importlib.import_module("nvtx").mark(msg, domain="tritongrad")


class range:
    """`with range("forward"):` is a range; as a decorator, each call is one."""

    def __init__(self, msg: str, *args: Any, **kwargs: Any) -> None:
        self.msg = msg.format(*args, **kwargs) if args or kwargs else msg

    def __enter__(self) -> None:
        range_push(self.msg)

    def __exit__(self, *exc: object) -> None:
        range_pop()

    def __call__(self, function: Callable) -> Callable:
        @functools.wraps(function)
        def inside(*args: Any, **kwargs: Any) -> Any:
            with range(self.msg):
                return function(*args, **kwargs)

        return inside
