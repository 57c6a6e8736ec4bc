"""Comparisons of whole tensors, and questions about them."""

from __future__ import annotations

from typing import Any

import numpy as np

from .autograd.variable import Variable
from .dtype import as_dtype, dtype, promote
from .front import of_tensors
from .tensor import Tensor


def is_tensor(obj: Any) -> bool:
    """Whether obj is a Tensor."""
    return isinstance(obj, Tensor)


@of_tensors
def is_floating_point(input: Tensor) -> bool:
    """Whether the dtype of input is a floating one."""
    return input.is_floating_point()


@of_tensors
def numel(input: Tensor) -> int:
    """The number of elements."""
    return input.numel()


def result_type(tensor1: Any, tensor2: Any) -> dtype:
    """The dtype of an arithmetic operation on two tensors or numbers."""
    from .dtype import BY_NUMPY, common_dtype

    pair = [t._array if isinstance(t, Variable) else t for t in (tensor1, tensor2)]
    return BY_NUMPY[common_dtype(pair)]


def promote_types(type1: dtype, type2: dtype) -> dtype:
    """The smallest dtype that takes the values of both."""
    return as_dtype(promote(as_dtype(type1).numpy, as_dtype(type2).numpy))


def equal(input: Tensor, other: Tensor) -> bool:
    """Whether two tensors have the same shape and elements (nan equals nothing)."""
    _same_device("equal", input, other)
    return tuple(input.shape) == tuple(other.shape) and bool(input.eq(other).all())


def isclose(
    input: Tensor, other: Tensor, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False
) -> Tensor:
    """Where |input - other| <= atol + rtol |other|; infinities are close to themselves."""
    _same_device("isclose", input, other)
    if input.dtype is not other.dtype:
        raise RuntimeError(
            f"isclose: {input.dtype} and {other.dtype} are different dtypes: convert one with .to()"
        )
    if rtol < 0 or atol < 0:
        raise RuntimeError(f"isclose: rtol and atol must not be negative, got {rtol} and {atol}")
    input, other = input.detach(), other.detach()
    close = input.eq(other)
    if input.is_floating_point():
        near = (input - other).abs() <= atol + (rtol * other).abs()
        close = close | (near & input.isfinite() & other.isfinite())
        if equal_nan:
            close = close | (input.isnan() & other.isnan())
    elif input.dtype.numpy.kind != "b":
        close = close | ((input - other).abs() <= atol + (rtol * other).abs())
    return close


def allclose(
    input: Tensor, other: Tensor, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False
) -> bool:
    """Whether all elements are close, as `isclose` has it."""
    return bool(isclose(input, other, rtol, atol, equal_nan).all())


def _same_device(name: str, input: Any, other: Any) -> None:
    for argument, t in (("input", input), ("other", other)):
        if not isinstance(t, Tensor):
            raise TypeError(
                f"{name}: argument '{argument}' must be a Tensor, got {type(t).__name__}"
            )
    if input.device != other.device:
        raise RuntimeError(
            f"{name}: input is on {input.device} and other on {other.device}: move one with .to()"
        )


def broadcast_shapes(*shapes: Any) -> tuple:
    """The shape that tensors of these shapes broadcast to."""
    from .tensor_base import Size

    try:
        return Size(np.broadcast_shapes(*shapes))
    except ValueError:
        raise RuntimeError(f"broadcast_shapes: the shapes do not broadcast: {shapes}") from None
