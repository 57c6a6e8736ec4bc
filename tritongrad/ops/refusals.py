"""What elementwise operations refuse among whole numbers and bools."""

from __future__ import annotations

from typing import Any

import numpy as np

from tritongrad.dtype import BOOL, category, is_float

MINUS = "the `-` operator with bool tensors is not supported, use "


def no_bool(text: str) -> Any:
    def check(dtype: np.dtype, operands: list) -> None:
        if dtype == BOOL:
            raise RuntimeError(text)

    return check


def whole(name: str) -> Any:
    def check(dtype: np.dtype, operands: list) -> None:
        if is_float(dtype):
            raise RuntimeError(f"{name}: expects integer or bool tensors, got {dtype}")

    return check


def _seen(x: Any, test: Any) -> bool:
    """Whether test holds for a number, or for some element of an array that the host can see."""
    return bool(np.any(test(x))) if isinstance(x, (int, float, np.ndarray)) else False


def not_zero(dtype: np.dtype, operands: list) -> None:
    """Integer division by a zero that the host can see raises, as Python's does."""
    if category(dtype) < 2 and _seen(operands[1], lambda divisor: divisor == 0):
        raise ZeroDivisionError("integer division or remainder by zero: the divisor contains a 0")


def no_negative_exponent(dtype: np.dtype, operands: list) -> None:
    """A whole number to a negative power is none; a device's exponents are waited for."""
    exponent = operands[1]
    if category(dtype) > 1:
        return
    if isinstance(exponent, (int, float, np.ndarray)):
        _refuse_below_0(np.min(exponent, initial=0))
    elif exponent.size and exponent.dtype.kind == "i":
        from tritongrad.cuda.reduce import amin

        least = amin(exponent, None)
        exponent.device.verify(lambda: _refuse_below_0(least.numpy()))


def _refuse_below_0(least: Any) -> None:
    if least < 0:
        raise RuntimeError(
            "pow: Integers to negative integer powers are not allowed, and an exponent is "
            f"{int(least)}: make one of the operands floating"
        )
