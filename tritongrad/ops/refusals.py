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


def integers(name: str) -> Any:
    def check(dtype: np.dtype, operands: list) -> None:
        if category(dtype) != 1:
            raise RuntimeError(f"{name}: expects integer tensors, got {dtype}")

    return check


def not_zero(dtype: np.dtype, operands: list) -> None:
    """Integer division by zero raises, as Python's does; a device's divisors are waited for."""
    divisor = operands[1]
    if category(dtype) > 1:
        return
    if isinstance(divisor, (int, float, np.ndarray)):
        _refuse_zero(np.any(divisor == 0))
    elif divisor.size:
        from tritongrad.cuda.reduce import all

        sound = all(divisor)
        divisor.device.verify(lambda: _refuse_zero(not sound.numpy()))


def _refuse_zero(found: Any) -> None:
    if found:
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
