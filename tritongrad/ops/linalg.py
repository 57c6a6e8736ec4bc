"""Products of matrices and vectors."""

from __future__ import annotations

from typing import Any

import numpy as np

from tritongrad.autograd.modes import inferring, off, quiet, shared_quiet, state
from tritongrad.autograd.quick import trace_two
from tritongrad.autograd.record import on_arrays
from tritongrad.autograd.variable import INFERENCE, Variable, new, registry, wrap
from tritongrad.calling import into, publish
from tritongrad.cpu.linalg import multiply
from tritongrad.dtype import BOOL, BY_NUMPY, FLOAT32
from tritongrad.front import front
from tritongrad.op import op
from tritongrad.precision import Setting
from tritongrad.samples import Rand

from .dims import tensor

Tensor = Any
ndarray = np.ndarray
SMALL = 128  # numbers in a matrix, below which a product has no long chain and few results

MATRICES = [
    (Rand((3, 4)), Rand((4, 2))),
    (Rand((1, 5)), Rand((5, 1))),
    (Rand((0, 4)), Rand((4, 2))),
    (Rand((3, 0)), Rand((0, 2))),
]
BATCHES = [
    (Rand((2, 3, 4)), Rand((2, 4, 5))),
    (Rand((1, 3, 1)), Rand((1, 1, 2))),
    (Rand((0, 3, 4)), Rand((0, 4, 2))),
]
BROADCAST = [
    *MATRICES[:1],
    *BATCHES[:1],
    (Rand((2, 1, 3, 4)), Rand((5, 4, 2))),
    (Rand((2, 3, 4)), Rand((4, 2))),
    (Rand((3, 4)), Rand((2, 4, 2))),
]
LAYERS = [
    (Rand((3, 4)), Rand((2, 4)), None),
    (Rand((2, 3, 4)), Rand((5, 4)), Rand((5,))),
    (Rand((0, 4)), Rand((2, 4)), Rand((2,))),
    (Rand((3, 0)), Rand((2, 0)), Rand((2,))),
]


def check_product(name: str, input: Any, other: Any, ndim: int, second: str = "mat2") -> None:
    """TypeError or RuntimeError unless the two are tensors of ndim dims that can be multiplied."""
    for argument, t in (("input", input), (second, other)):
        if not isinstance(t, Variable):
            raise TypeError(
                f"{name}: argument '{argument}' must be a Tensor, got {type(t).__name__}"
            )
    a, b = input._array, other._array
    both = f"(input {a.shape}, {second} {b.shape})"
    if not (a.ndim and b.ndim):
        raise RuntimeError(f"{name}: both must be 1-d at least, got {both}; use * for numbers")
    if ndim and (a.ndim != ndim or b.ndim != ndim):
        what = {1: "vectors (1-d)", 2: "matrices (2-d)", 3: "batches of matrices (3-d)"}[ndim]
        way = "; use matmul to broadcast" if ndim > 1 else ""
        raise RuntimeError(f"{name}: both must be {what}, got {both}{way}")
    inner = b.shape[-2] if b.ndim > 1 else b.shape[0]
    if a.shape[-1] != inner:
        raise RuntimeError(
            f"{name}: shapes cannot be multiplied: inner sizes {a.shape[-1]} and {inner} differ "
            f"{both}"
        )
    _check_dtypes(name, a, b, both)


def _check_dtypes(name: str, a: Any, b: Any, both: str) -> None:
    """RuntimeError unless two arrays have one dtype, which is no bool."""
    if a.dtype != b.dtype or a.dtype == BOOL:
        raise RuntimeError(
            f"{name}: expected both to have the same dtype, not bool, but got "
            f"{BY_NUMPY[a.dtype]} and {BY_NUMPY[b.dtype]} {both}: convert one with .to(dtype)"
        )


@op(samples=MATRICES)
def mm(input: Tensor, mat2: Tensor):
    """Matrix product of two 2-d tensors."""
    check_product("mm", input, mat2, 2)
    return input, mat2, Setting.precision


def _by_transpose(g, mat2):
    """g mat2.T"""
    if state.recording:
        return mm(g, mat2.t())
    return _product(g._array, mat2._array.T)


def _transpose_by(g, input):
    """input.T g"""
    if state.recording:
        return mm(input.t(), g)
    return _product(input._array.T, g._array)


def _product(a, b):
    """The product of two matrices that are known to fit, unrecorded."""
    if type(a) is not ndarray:
        return wrap(quiet(_mm.op.device, a, b, Setting.precision))
    return wrap(quiet(multiply, a, b) if a.dtype is FLOAT32 else quiet(_mm.op.cpu, a, b))


def _multiply(a, b):
    """multiply(), which sends small arrays to BLAS as they are."""
    return a.dot(b) if a.size < SMALL > b.size else multiply(a, b)


mm.vjp(
    input=on_arrays(lambda g, mat2: _multiply(g, mat2.T), _by_transpose),
    mat2=on_arrays(lambda g, input: _multiply(input.T, g), _transpose_by),
)
_mm = mm


def _planned(a: Any, b: Any) -> Any:
    """The product by the plan for two arrays of a GPU, None if there is none."""
    form, other = getattr(a, "form", None), getattr(b, "form", None)
    plan = None if form is None else form.mixed.get((Setting.precision, other))
    return None if plan is None else plan(a, b)


def mm(input, mat2, *, out=None):
    """Matrix product of two 2-d tensors."""
    if out is not None:
        return _mm(input, mat2, out=out)
    try:  # the quick way: two float32 matrices on the CPU, or a plan of a GPU
        a: Any = input._array
        b: Any = mat2._array
    except AttributeError:  # one is no tensor
        return _mm(input, mat2)
    found = None
    if type(a) is not ndarray or type(b) is not ndarray:
        found = _planned(a, b)
    elif a.dtype is b.dtype is FLOAT32 and a.ndim == 2 == b.ndim:
        if a.size < SMALL > b.size:
            try:
                found = shared_quiet(a.dot, b)
            except (RuntimeError, ValueError):  # a busy context, or they do not fit
                return _mm(input, mat2)
        elif a.shape[1] == b.shape[0]:
            found = quiet(multiply, a, b)
    if found is None:
        return _mm(input, mat2)
    t = new(registry.Tensor)
    t._array = found
    t._node = None
    if (input._node is not None or mat2._node is not None) and (not off or state.recording):
        t._node = trace_two(_mm.op, input, mat2, True, found, t)
    elif inferring and state.inference and not state.recording:
        t._version = INFERENCE
    return t


publish(mm, _mm.op)


@op(samples=BATCHES)
def bmm(input: Tensor, mat2: Tensor):
    """Matrix products of the pairs of two batches (b, n, k) and (b, k, m)."""
    check_product("bmm", input, mat2, 3)
    if input._array.shape[0] != mat2._array.shape[0]:
        raise RuntimeError(
            f"bmm: batch sizes {input._array.shape[0]} and {mat2._array.shape[0]} differ (input "
            f"{input._array.shape}, mat2 {mat2._array.shape}); use matmul to broadcast"
        )
    return input, mat2, Setting.precision


bmm.vjp(
    input=lambda g, mat2: bmm(g, mat2.transpose(1, 2)),
    mat2=lambda g, input: bmm(input.transpose(1, 2), g),
)


@op(samples=BROADCAST)
def matmul(input: Tensor, other: Tensor):
    """Products of the matrices in the last two dims, broadcast over the others."""
    check_product("matmul", input, other, 0, "other")
    try:
        np.broadcast_shapes(input._array.shape[:-2], other._array.shape[:-2])
    except ValueError:
        raise RuntimeError(
            "matmul: the batch dims do not broadcast: "
            f"input {input._array.shape}, other {other._array.shape}"
        ) from None
    return input, other, Setting.precision


def _matmul_other(g, input, other_shape):
    """One long product instead of a batch of them to be summed, where there is one matrix."""
    if len(other_shape) > 2 or input.ndim == 2:
        return matmul(input.transpose(-2, -1), g)
    return mm(input.reshape(-1, other_shape[0]).t(), g.reshape(-1, other_shape[1]))


matmul.vjp(input=lambda g, other: matmul(g, other.transpose(-2, -1)), other=_matmul_other)
_matmul = matmul


def matmul(input, other, *, out=None):
    """The product of vectors, matrices or batches of them: batch dims are broadcast.

    A vector is a row on the left and a column on the right; that dim is not in the result.
    """
    a: Any = getattr(input, "_array", None)
    b: Any = getattr(other, "_array", None)
    plain = a is not None is not b and a.ndim == 2 == b.ndim and a.shape[1] == b.shape[0]
    product = mm if plain and a.dtype is b.dtype else _any_matmul
    found = product(input, other)
    return found if out is None else into(out, found, "matmul")


publish(matmul, _matmul.op)


def _any_matmul(input: Any, other: Any) -> Any:
    check_product("matmul", input, other, 0, "other")
    a, b = input.ndim, other.ndim
    if a == b == 2:
        return mm(input, other)
    if a == b == 1:
        return dot(input, other)
    if b == 1:
        return matmul(input, other.unsqueeze(1)).squeeze(-1)
    if a == 1:
        return matmul(input.unsqueeze(0), other).squeeze(-2)
    return _matmul(input, other)


@front()
def dot(input, other):
    """Sum of the products of two vectors."""
    check_product("dot", input, other, 1, "other")
    return mm(input.unsqueeze(0), other.unsqueeze(1)).reshape(())


@op(samples=LAYERS)
def linear(input: Tensor, weight: Tensor, bias=None):
    """input @ weight.T + bias, along the last dim of input; weight is (outputs, inputs)."""
    a, b = input._array, weight._array
    both = f"(input {a.shape}, weight {b.shape})"
    if not a.ndim or not b.ndim or a.shape[-1] != b.shape[-1]:
        raise RuntimeError(
            f"linear: shapes cannot be multiplied: the last sizes of input and weight differ {both}"
        )
    _check_dtypes("linear", a, b, both)
    if bias is not None:
        _check_dtypes("linear", a, bias._array, f"(input and bias {bias._array.shape})")
        if bias._array.shape != b.shape[:-1]:
            raise RuntimeError(
                f"linear: bias {bias._array.shape} must have an element for each output {both}"
            )
    return input, weight, bias, Setting.precision


def _of_weight(g, input):
    """g.T input, over all rows of both: laid out as the weight is."""
    if g.ndim > 2:
        g, input = g.reshape(-1, g.shape[-1]), input.reshape(-1, input.shape[-1])
    return _transpose_by(input, g)


linear.vjp(
    input=lambda g, weight: matmul(g, weight),
    weight=_of_weight,
    bias=lambda g: g.sum(tuple(range(g.ndim - 1))),
)
_linear = linear


@front(linear)
def linear(input, weight, bias=None):
    """input @ weight.T + bias, along the last dim of input; weight is (outputs, inputs)."""
    if tensor("linear", input).ndim < 2 or tensor("linear", weight, "weight").ndim != 2:
        product = matmul(input, weight.t())
    elif bias is None or bias.shape == weight.shape[:1]:
        return _linear(input, weight, bias)
    else:  # one that is broadcast
        product = _linear(input, weight)
    return product if bias is None else product + bias
