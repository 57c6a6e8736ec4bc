"""Reductions: sums, means, products, extremes, truths, variances and norms over any dims."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tritongrad.autograd.modes import inferring, off, shared_quiet, state
from tritongrad.autograd.quick import trace_one
from tritongrad.autograd.record import on_arrays
from tritongrad.autograd.variable import INFERENCE, Variable, new, registry, wrap
from tritongrad.calling import publish
from tritongrad.dtype import FLOAT32, as_dtype, is_float
from tritongrad.op import op
from tritongrad.samples import Bools, Ints, Rand

from .dims import check_dim as check_dim
from .dims import count_of, dims_of, floating, kept, nonempty_dims, spread, summed, tensor
from .elementwise import where
from .shares import prod_input, share_ties

Tensor = Any

SHAPES = [((3, 4),), ((3, 4), 1), ((2, 3, 4), (0, 2), True), ((2, 3, 4), -2), ((),), ((1, 5), 0)]
OVER: list[tuple] = [(Rand(shape), *rest) for shape, *rest in SHAPES] + [(Rand((0, 3)), 1)]
SUMS = [*OVER, (Rand((0, 3)),), (Rand((3, 0)), -1, True), (Ints((3, 4)), 0)]
APART = [(Rand(shape, distinct=True), *rest) for shape, *rest in SHAPES] + [(Rand((0, 3)), 1)]
INDEXED = [
    (Rand((3, 4), distinct=True),),
    (Rand((2, 3, 4), distinct=True), -2, True),
    (Rand(()), 0),
    (Rand((0, 3)), 1),
]
TRUTHS = [(Bools((3, 4)),), (Bools((2, 3, 4)), (0, 2), True), (Ints((3, 4)), -1), (Rand((0, 3)), 0)]
AROUND = [
    (Rand((3, 4)), (0, 1), 1, False),
    (Rand((3, 4)), -1, 0, True),
    (Rand((2, 3, 4)), (0, 2), 1, False),
    (Rand((0, 3)), 1, 1, False),
]


@op(samples=[*SUMS, (Rand((3, 4)), 1, False, as_dtype("float64"))])
def sum(input: Tensor, dim=None, keepdim=False, dtype=None):
    """Sum over dims (all if none are given); integers and bools are summed as int64."""
    input, dtype = summed("sum", input, dtype)
    return input, dims_of("sum", input, dim), keepdim, dtype


sum.vjp(input=lambda g, input_shape, dim, keepdim: spread(g, input_shape, dim, keepdim))
_sum = sum


def _all_of(x):
    """The sum of everything, from the kernels of sum."""
    kernel = _sum.op.cpu if type(x) is np.ndarray else _sum.op.device
    return kernel(x, tuple(range(len(x.shape))), False, x.dtype)


@op(samples=[(Rand((3, 4)),), (Rand(()),), (Rand((0, 3)),)], cpu=_all_of, device=_all_of)
def sum_of_all(input: Tensor):
    """Sum of all elements of a floating tensor: what sum() without dims is."""
    return (floating("sum", input),)


def _everywhere(g, input_shape):
    """The one gradient at every element."""
    a = g._array
    if state.recording:
        return g.expand(input_shape)
    if type(a) is ndarray:
        return wrap(_spread(a, input_shape))
    return wrap(a.broadcast_to(input_shape))


def _spread(a, shape):
    """A view, or if that are few elements an array of its own, which a leaf can keep as it is."""
    if math.prod(shape) > FEW:
        return ndarray(shape, a.dtype, a, 0, (0,) * len(shape))
    spread = empty(shape, a.dtype)
    spread.fill(a)
    return spread


sum_of_all.vjp(input=on_arrays(_spread, _everywhere))
of_all: Any = sum_of_all.op
sum_of_all.op.node_name, _sum.op.node_name = "SumBackward0", "SumBackward1"
ndarray, array, empty = np.ndarray, np.array, np.empty
FEW = 1 << 13  # elements: BLAS adds them in one thread, in float64
ONES = np.ones(FEW)


class _Ones(dict):
    """By their number, so many ones."""

    def __missing__(self, n: int) -> np.ndarray:
        self[n] = ONES[:n]
        return self[n]


ones = _Ones()
BELOW = 3e38  # no float32 near its rounding to infinity, which would be a warning


def sum(input, dim=None, keepdim=False, dtype=None, *, axis=None, keepdims=None, out=None):
    """Sum over dims (all if none are given); integers and bools are summed as int64."""
    if dim is None and dtype is None and not keepdim and axis is keepdims is out is None:
        try:
            a: Any = input._array
        except AttributeError:
            return _sum(input)  # it says what is wrong
        if type(a) is ndarray and a.dtype is FLOAT32 and a.size <= FEW:
            try:
                found = float(shared_quiet(a.ravel().dot, ones[a.size]))
            except RuntimeError:  # another thread is in the shared context
                found = float(state.quiet(a.ravel().dot, ones[a.size]))
            if not -BELOW < found < BELOW:
                return _sum(input)
            total = array(found, FLOAT32)
            t = new(registry.Tensor)
            t._array = total
            t._node = None
            if input._node is not None and (not off or state.recording):
                t._node = trace_one(of_all, input, total, t)
            elif inferring and state.inference and not state.recording:
                t._version = INFERENCE
            return t
        if type(a) is not ndarray and isinstance(input, Variable) and is_float(a.dtype):
            return sum_of_all(input)
    if axis is None and keepdims is None and out is None:
        return _sum(input, dim, keepdim, dtype)
    dim = dim if axis is None else axis
    keepdim = keepdim if keepdims is None else keepdims
    return _sum(input, dim, keepdim, dtype, **({} if out is None else {"out": out}))


publish(sum, _sum.op)


@op(samples=[*OVER, (Rand((3, 4)), 1, False, as_dtype("float64"))])
def mean(input: Tensor, dim=None, keepdim=False, dtype=None):
    """Mean over dims (all if none are given); integers must be converted first."""
    target = tensor("mean", input)._array.dtype if dtype is None else as_dtype(dtype).numpy
    if not is_float(target):
        raise RuntimeError(
            "mean: could not infer output dtype. Input dtype must be either a floating point or "
            f"complex dtype. Got {input.dtype}: convert it with .float(), or pass a floating dtype="
        )
    return input, dims_of("mean", input, dim), keepdim, target


def _mean_input(g, input_shape, dim, keepdim):
    return spread(g / max(count_of(input_shape, dim), 1), input_shape, dim, keepdim)


mean.vjp(input=_mean_input)


@op(samples=SUMS)
def prod(input: Tensor, dim=None, keepdim=False, dtype=None):
    """Product over dims (all if none are given); integers and bools are multiplied as int64."""
    input, dtype = summed("prod", input, dtype)
    return input, dims_of("prod", input, dim), keepdim, dtype


prod.vjp(input=prod_input)


@op(samples=APART)
def amax(input: Tensor, dim=(), keepdim=False):
    """Largest element over dims (all if none are given); nan wins; ties share the gradient."""
    return input, nonempty_dims("amax", input, dim), keepdim


@op(samples=APART)
def amin(input: Tensor, dim=(), keepdim=False):
    """Smallest element over dims (all if none are given); nan wins; ties share the gradient."""
    return input, nonempty_dims("amin", input, dim), keepdim


amax.vjp(input=share_ties)
amin.vjp(input=share_ties)


def _index_args(name: str, input: Any, dim: Any, keepdim: bool) -> tuple:
    tensor(name, input)
    if dim is not None:
        dim = check_dim(name, dim, input.ndim)
    nonempty_dims(name, input, dim)
    return input, dim, keepdim


@op(samples=INDEXED)
def argmax(input: Tensor, dim=None, keepdim=False):
    """Index of the first largest element along dim (of all in order if None); nan wins."""
    return _index_args("argmax", input, dim, keepdim)


@op(samples=INDEXED)
def argmin(input: Tensor, dim=None, keepdim=False):
    """Index of the first smallest element along dim (of all in order if None); nan wins."""
    return _index_args("argmin", input, dim, keepdim)


@op(samples=TRUTHS)
def any(input: Tensor, dim=None, keepdim=False):
    """Whether some element over dims is true (not 0)."""
    return input, dims_of("any", input, dim), keepdim


@op(samples=TRUTHS)
def all(input: Tensor, dim=None, keepdim=False):
    """Whether every element over dims is true (not 0)."""
    return input, dims_of("all", input, dim), keepdim


@op(samples=AROUND)
def var(input: Tensor, dim, correction, keepdim):
    """Mean squared distance from the mean over dims; `correction` is taken off the count."""
    return floating("var", input), dims_of("var", input, dim), correction, keepdim


def _var_input(g, input, dim, correction, keepdim):
    shape = tuple(input.shape)
    left = max(count_of(shape, dim) - correction, 0)
    scale = 2 / left if left else math.nan
    return kept(g, shape, dim, keepdim) * ((input - mean(input, dim, True)) * scale)


var.vjp(input=_var_input)


@op(samples=AROUND)
def std(input: Tensor, dim, correction, keepdim):
    """The square root of the variance over dims; its gradient is 0 where it is 0."""
    return floating("std", input), dims_of("std", input, dim), correction, keepdim


def _std_input(g, input, result, dim, correction, keepdim):
    half = _quotient(g, result) * 0.5
    return _var_input(half, input, dim, correction, keepdim)


std.vjp(input=_std_input)


def _quotient(g, result):
    """g / result, 0 where result is 0, and so are its own gradients there."""
    flat = result == 0
    return where(flat, 0, g / where(flat, 1, result))


NORMS = [(Rand((3, 4)), p, (0, 1), False) for p in (2.0, 1.0, 3.0, math.inf, 0.0)]


@op(samples=[*NORMS, (Rand((2, 3, 4)), 2.0, 1, True), (Rand((0, 3)), 2.0, 0, False)])
def norm(input: Tensor, p, dim, keepdim):
    """(sum |x| ** p) ** (1 / p) over dims; the largest or smallest |x| for p = inf or -inf."""
    pick = nonempty_dims if math.isinf(p) else dims_of
    return floating("norm", input), float(p), pick("norm", input, dim), keepdim


def _norm_input(g, input, result, p, dim, keepdim):
    shape = tuple(input.shape)
    r = kept(result, shape, dim, keepdim)
    g = kept(g, shape, dim, keepdim)
    if p == 0:
        return input.new_zeros(shape)
    if p == 1:
        return g * input.sign()
    if math.isinf(p):
        return share_ties(g, input.abs(), r, dim, True) * input.sign()
    if p == 2:
        return input * _quotient(g, r)
    flat = input == 0
    size = where(flat, 1, input.abs())
    slope = where(flat, 0, input.sign() * size.pow(p - 1))
    return slope * _quotient(g, where(r == 0, 0, r.pow(p - 1)))


norm.vjp(input=_norm_input)


@op(samples=[*(s for s in OVER if len(s) > 1), (Rand(()), 0)])
def logsumexp(input: Tensor, dim, keepdim=False):
    """log(sum(exp(x))) over dims, without overflow."""
    return floating("logsumexp", input), dims_of("logsumexp", input, dim), keepdim


def _logsumexp_input(g, input, result, dim, keepdim):
    r = kept(result, tuple(input.shape), dim, keepdim)
    finite = where(r == -math.inf, 0, r)
    return kept(g, tuple(input.shape), dim, keepdim) * (input - finite).exp()


logsumexp.vjp(input=_logsumexp_input)
