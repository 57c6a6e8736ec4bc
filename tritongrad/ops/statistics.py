"""Reductions in PyTorch's many call forms, made of the operations in reduce.py."""

from __future__ import annotations

from collections import namedtuple
from typing import Any, NamedTuple

import numpy as np

from tritongrad.autograd.variable import Variable
from tritongrad.front import front

from . import elementwise, reduce
from .dims import check_dim, tensor
from .elementwise import where

# What max(dim), min(dim), median(dim) return: the elements and where they were found.
PAIRS = {name: namedtuple(name, "values indices") for name in ("max", "min", "median")}


class MinMax(NamedTuple):
    """What aminmax returns."""

    min: Any
    max: Any


@front()
def max(input, dim=None, keepdim=False):
    """The largest of all; or along a dim, as (values, indices); or of each pair with a tensor.

    nan wins. Of all, ties share the gradient; along a dim it goes to the index that is returned.
    """
    return _extreme("max", reduce.amax, reduce.argmax, elementwise.maximum, input, dim, keepdim)


@front()
def min(input, dim=None, keepdim=False):
    """The smallest of all; or along a dim, as (values, indices); or of each pair with a tensor.

    nan wins. Of all, ties share the gradient; along a dim it goes to the index that is returned.
    """
    return _extreme("min", reduce.amin, reduce.argmin, elementwise.minimum, input, dim, keepdim)


def _extreme(name, whole, index, pair, input, dim, keepdim):
    if isinstance(dim, Variable):
        return pair(input, dim)
    if dim is None:
        if tensor(name, input).numel() == 0:
            raise RuntimeError(
                f"{name}: Expected reduction dim to be specified for input.numel() == 0 (shape "
                f"{list(input.shape)}). Specify the reduction dim with the 'dim' argument."
            )
        return whole(input)
    dim = check_dim(name, dim, tensor(name, input).ndim)
    return _picked(name, input, dim, index(input, dim, True), keepdim)


def _picked(name: str, input: Any, dim: int, indices: Any, keepdim: bool) -> Any:
    """The elements at indices (of size 1 along dim), with their gradient to where they are from."""
    values = input.gather(dim, indices)
    if not keepdim and input.ndim:
        values, indices = values.squeeze(dim), indices.squeeze(dim)
    return PAIRS[name](values, indices)


@front()
def aminmax(input, *, dim=None, keepdim=False):
    """(amin, amax) over one dim, or of all."""
    return MinMax(reduce.amin(input, dim, keepdim), reduce.amax(input, dim, keepdim))


def _around(dim, unbiased, correction):
    """dim and correction of the forms var(unbiased), var(dim, unbiased), var(dim, correction=)."""
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    if correction is not None and unbiased is not None:
        raise TypeError("var, std: pass unbiased or correction, not both")
    if unbiased is not None:
        correction = int(unbiased)
    return dim, 1 if correction is None else correction


@front(reduce.var)
def var(input, dim=None, unbiased=None, keepdim=False, *, correction=None):
    """Variance over dims (all if none are given), with n - correction (1) in the denominator."""
    return reduce.var(input, *_around(dim, unbiased, correction), keepdim)


@front(reduce.std)
def std(input, dim=None, unbiased=None, keepdim=False, *, correction=None):
    """Standard deviation over dims (all if none), with n - correction (1) in the denominator."""
    return reduce.std(input, *_around(dim, unbiased, correction), keepdim)


@front()
def var_mean(input, dim=None, unbiased=None, keepdim=False, *, correction=None):
    """(variance, mean) over dims."""
    dim, correction = _around(dim, unbiased, correction)
    return reduce.var(input, dim, correction, keepdim), reduce.mean(input, dim, keepdim)


@front()
def std_mean(input, dim=None, unbiased=None, keepdim=False, *, correction=None):
    """(standard deviation, mean) over dims."""
    dim, correction = _around(dim, unbiased, correction)
    return reduce.std(input, dim, correction, keepdim), reduce.mean(input, dim, keepdim)


@front(reduce.norm)
def norm(input, p="fro", dim=None, keepdim=False, dtype=None):
    """(sum |x| ** p) ** (1 / p) over dims (all if none are given); p = "fro" is 2."""
    if p == "fro" or p is None:
        p = 2.0
    if isinstance(p, str):
        raise RuntimeError(f"norm: p must be a number or 'fro', got {p!r}")
    return reduce.norm(input if dtype is None else input.to(dtype), p, dim, keepdim)


@front()
def nansum(input, dim=None, keepdim=False, dtype=None):
    """Sum over dims of what is not nan."""
    if tensor("nansum", input).is_floating_point():
        input = where(input.isnan(), 0, input)
    return reduce.sum(input, dim, keepdim, dtype)


@front()
def nanmean(input, dim=None, keepdim=False):
    """Mean over dims of what is not nan."""
    there = input.isnan().logical_not()
    return nansum(input, dim, keepdim) / reduce.sum(there, dim, keepdim)


@front()
def count_nonzero(input, dim=None):
    """How many elements over dims are not 0."""
    return reduce.sum(tensor("count_nonzero", input) != 0, dim)


@front()
def median(input, dim=None, keepdim=False):
    """The middle element in order, the lower of two; along a dim as (values, indices); nan wins."""
    tensor("median", input)
    if dim is None:
        if input.numel() == 0 and input.is_floating_point():
            return input.new_full((), np.nan)
        return median(input.reshape(-1), 0).values
    dim = check_dim("median", dim, input.ndim)
    if not input.ndim:
        return PAIRS["median"](input.clone(), input.argmax())
    order = input.detach().argsort(dim)
    n = input.shape[dim]
    if n == 0:
        raise IndexError(f"median: expected dim {dim} of {list(input.shape)} to have non-zero size")
    middle = order.narrow(dim, (n - 1) // 2, 1)
    if input.is_floating_point():
        nans = input.detach().isnan()
        middle = where(reduce.any(nans, dim, True), reduce.argmax(nans.long(), dim, True), middle)
    return _picked("median", input, dim, middle, keepdim)


@front()
def quantile(input, q, dim=None, keepdim=False, *, interpolation="linear"):
    """The values below which the parts q of the elements lie; between two of them, interpolated."""
    if not hasattr(q, "_array"):
        if not isinstance(q, (int, float, list, tuple)):
            raise TypeError(f"quantile: q must be a number or a Tensor, got {type(q).__name__}")
        q = input.new_tensor(np.asarray(q, np.float64))
    if q.ndim > 1:
        raise RuntimeError(f"quantile: q must be a scalar or 1D tensor, got {list(q.shape)}")
    flat = input.reshape(-1) if dim is None else input
    axis = 0 if dim is None else check_dim("quantile", dim, input.ndim)
    if not bool((q >= 0).logical_and(q <= 1).all()):
        raise RuntimeError(f"quantile: q must lie in [0, 1], got {q.tolist()}")
    ordered = flat.moveaxis(axis, -1).sort(-1)[0]
    nans = reduce.any(ordered.isnan(), -1, True)
    at = q.reshape(-1) * (ordered.shape[-1] - 1)
    low, high = at.floor().long(), at.ceil().long()
    weight = {
        "linear": at - at.floor(),
        "lower": at * 0,
        "higher": at * 0 + 1,
        "midpoint": at * 0 + 0.5,
        "nearest": (at.round() != at.floor()).to(at.dtype),
    }[interpolation]
    below = ordered.index_select(-1, low)
    found = below + (ordered.index_select(-1, high) - below) * weight
    found = where(nans, np.nan, found).moveaxis(-1, 0)
    if keepdim:
        ones = [-1] + [1] * input.ndim
        found = found.reshape(ones) if dim is None else found.unsqueeze(1 + axis)
    return found if q.ndim else found.squeeze(0)


@front()
def vector_norm(x, ord=2, dim=None, keepdim=False, *, dtype=None):
    """(sum |x| ** ord) ** (1 / ord) over dims."""
    return norm(x, ord, dim, keepdim, dtype)
