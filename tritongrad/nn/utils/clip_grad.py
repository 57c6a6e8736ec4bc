"""Gradients clipped: by their norm, or each by itself."""

from __future__ import annotations

import math
from typing import Any

from tritongrad.autograd.modes import no_grad
from tritongrad.autograd.variable import Variable
from tritongrad.create import tensor
from tritongrad.ops.shape import stack
from tritongrad.ops.statistics import norm


def _grads(parameters: Any) -> list:
    found = [parameters] if isinstance(parameters, Variable) else list(parameters)
    return [p.grad for p in found if p.grad is not None]


@no_grad()
def get_total_norm(
    tensors: Any, norm_type: float = 2.0, error_if_nonfinite: bool = False, foreach: Any = None
) -> Any:
    """The norm of all tensors as if they were one vector, where the first of them is."""
    tensors = [tensors] if isinstance(tensors, Variable) else list(tensors)
    if not tensors:
        return tensor(0.0)
    where = tensors[0].device
    norms = [norm(t.detach(), float(norm_type)).to(where) for t in tensors]
    total = norms[0] if len(norms) == 1 else norm(stack(norms), float(norm_type))
    if error_if_nonfinite and not math.isfinite(float(total)):
        raise RuntimeError(
            f"The total norm of order {norm_type} for gradients from `parameters` is non-finite, "
            "so it cannot be clipped: set error_if_nonfinite=False to scale by it anyway"
        )
    return total


@no_grad()
def clip_grad_norm_(
    parameters: Any, max_norm: float, norm_type: float = 2.0, error_if_nonfinite: bool = False,
    foreach: Any = None,
) -> Any:  # fmt: skip
    """Scale gradients so that their norm, taken over all of them, is at most max_norm.

    Returns the norm before. Nothing waits for a GPU.
    """
    grads = _grads(parameters)
    total = get_total_norm(grads, norm_type, error_if_nonfinite)
    factor = (float(max_norm) / (total + 1e-6)).clamp(max=1.0)
    for grad in grads:
        grad.detach().mul_(factor.to(device=grad.device, dtype=grad.dtype))
    return total


@no_grad()
def clip_grad_value_(parameters: Any, clip_value: float, foreach: Any = None) -> None:
    """Bound every element of the gradients by clip_value on both sides."""
    for grad in _grads(parameters):
        grad.detach().clamp_(-float(clip_value), float(clip_value))
