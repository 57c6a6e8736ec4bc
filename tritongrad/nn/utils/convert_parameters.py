"""Parameters as one vector, and back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tritongrad.ops.shape import cat


def parameters_to_vector(parameters: Iterable) -> Any:
    """All parameters, flat, one after the other."""
    return cat([p.reshape(-1) for p in parameters])


def vector_to_parameters(vec: Any, parameters: Iterable) -> None:
    """Set the parameters to the parts of a vector."""
    at = 0
    for p in parameters:
        n = p.numel()
        p.data = vec[at : at + n].reshape(tuple(p.shape)).detach()
        at += n
