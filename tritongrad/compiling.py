"""`compile`, which programs call before they train: there is no compiler of Python here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def compile(
    model: Callable | None = None, *, fullgraph: bool = False, dynamic: bool | None = None,
    backend: Any = "inductor", mode: str | None = None, options: dict | None = None,
    disable: bool = False,
) -> Any:  # fmt: skip
    """The model or function as it is: it gives what it gave. A decorator without one.

    `tritongrad.cuda.graphed` captures a whole step; kernels are compiled when first used.
    """
    if model is None:
        return compile
    if not callable(model):
        raise TypeError(f"compile: expected a module or a function, got {type(model).__name__}")
    return model
