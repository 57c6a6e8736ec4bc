"""Products of matrices and vectors."""

from __future__ import annotations

from typing import Any

from ..op import op
from ..samples import Rand

Tensor = Any


def _check_2d(name: str, **tensors: Any) -> None:
    for argument, t in tensors.items():
        if t.ndim != 2:
            raise RuntimeError(
                f"{name}: argument '{argument}' must be a matrix (2-d), got shape {list(t.shape)}"
            )


def _check_inner(name: str, input: Any, other: Any) -> None:
    if input.shape[-1] != other.shape[-2]:
        raise RuntimeError(
            f"{name}: mat1 and mat2 shapes cannot be multiplied: inner sizes {input.shape[-1]} and "
            f"{other.shape[-2]} differ (input {tuple(input.shape)}, other {tuple(other.shape)})"
        )
    if input.dtype is not other.dtype:
        raise RuntimeError(
            f"{name}: expected both to have the same dtype, but got {input.dtype} and "
            f"{other.dtype}: convert one with .to(dtype)"
        )


@op(
    samples=[
        (Rand((3, 4)), Rand((4, 2))),
        (Rand((1, 5)), Rand((5, 1))),
        (Rand((0, 4)), Rand((4, 2))),
        (Rand((3, 0)), Rand((0, 2))),
    ]
)
def mm(input: Tensor, mat2: Tensor):
    """Matrix product of two 2-d tensors."""
    if hasattr(input, "shape") and hasattr(mat2, "shape"):
        _check_2d("mm", input=input, mat2=mat2)
        _check_inner("mm", input, mat2)
    return input, mat2


mm.vjp(input=lambda g, mat2: g.mm(mat2.t()), mat2=lambda g, input: input.t().mm(g))
