"""Arithmetic made of other operations: rounded quotients, weighted products, steps between two."""

from __future__ import annotations

import math
from typing import Any

from tritongrad.dtype import finfo
from tritongrad.front import front

from . import compare, elementwise
from .dims import tensor
from .einsum import tensordot
from .elementwise import where


@front(elementwise.div)
def div(input, other, *, rounding_mode=None):
    """Quotient of every pair of elements; `rounding_mode` "floor" or "trunc" makes it whole."""
    if rounding_mode is None:
        return elementwise.div(input, other)
    if rounding_mode == "floor":
        return compare.floor_divide(input, other)
    if rounding_mode != "trunc":
        raise RuntimeError(
            f"div: rounding_mode must be None, 'trunc' or 'floor', got {rounding_mode!r}"
        )
    rest = compare.fmod(input, other)
    if rest.is_floating_point():
        return compare.trunc(elementwise.div(input, other))
    return compare.floor_divide(input - rest, other)  # nothing is left: exact


@front(compare.round)
def round(input, *, decimals=0):
    """The nearest whole number, the even one of two; `decimals`: to so many places."""
    if not decimals:
        return compare.round(input)
    scale = 10.0 ** abs(decimals)
    if decimals > 0:
        return compare.round(input * scale) / scale
    return compare.round(input / scale) * scale


@front()
def addcmul(input, tensor1, tensor2, *, value=1):
    """input + value * tensor1 * tensor2"""
    return tensor("addcmul", input) + scaled(tensor1, value) * tensor2


@front()
def addcdiv(input, tensor1, tensor2, *, value=1):
    """input + value * tensor1 / tensor2"""
    return tensor("addcdiv", input) + scaled(tensor1, value) / tensor2


def scaled(part: Any, value: Any) -> Any:
    """value * part, where 1 costs nothing"""
    return part if type(value) is int and value == 1 else part * value


@front()
def lerp(input, end, weight):
    """input + weight * (end - input); counted from the end where that is nearer."""
    way = end - tensor("lerp", input)
    nearer = weight < 0.5
    if isinstance(nearer, bool):
        return input + way * weight if nearer else end - way * (1 - weight)
    return where(nearer, input + way * weight, end - way * (1 - weight))


@front()
def nan_to_num(input, nan=0.0, posinf=None, neginf=None):
    """nan and the infinities replaced by numbers: if none are given, by 0 and the largest."""
    if not tensor("nan_to_num", input).is_floating_point():
        return input.clone()
    limits = finfo(input.dtype)
    high = limits.max if posinf is None else posinf
    low = limits.min if neginf is None else neginf
    finite = where(input == math.inf, high, where(input == -math.inf, low, input))
    return where(input.isnan(), nan, finite)


@front()
def inner(input, other):
    """Sums of products over the last dims of both; the product where one has no dims."""
    if not tensor("inner", input).ndim or not tensor("inner", other, "other").ndim:
        return input * other
    return tensordot(input, other, ([-1], [-1]))
