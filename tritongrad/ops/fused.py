"""Kernels that operations share: one that was run before, and those of cuda/nn.py."""

from __future__ import annotations

import importlib
from typing import Any


def on_device(name: str, *order: int, pick: int | None = None) -> Any:
    """A function of cuda/nn.py, found when it is first needed.

    `order`: which of the operation's arguments it takes, if not all; `pick`: the output to take.
    """

    def run(*args: Any) -> Any:
        chosen = [args[i] for i in order] if order else args
        found = getattr(importlib.import_module("tritongrad.cuda.nn"), name)(*chosen)
        return found if pick is None else found[pick]

    return run


def given(*args: Any) -> Any:
    """The kernel of an operation whose result was computed with what its gradient needs."""
    return args[-1]
