"""Products made of others: with vectors, with something added."""

from __future__ import annotations

from typing import Any

import numpy as np

from tritongrad.front import front

from .dims import tensor
from .linalg import bmm, check_product, mm


@front()
def mv(input, vec):
    """Product of a matrix and a vector."""
    if tensor("mv", input).ndim != 2 or tensor("mv", vec, "vec").ndim != 1:
        raise RuntimeError(
            f"mv: expected a matrix and a vector, got input {tuple(input.shape)} and vec "
            f"{tuple(vec.shape)}"
        )
    check_product("mv", input, vec, 0, "vec")
    return mm(input, vec.unsqueeze(1)).squeeze(1)


@front()
def outer(input, vec2):
    """The matrix of the products of every pair of elements of two vectors."""
    if tensor("outer", input).ndim != 1 or tensor("outer", vec2, "vec2").ndim != 1:
        raise RuntimeError(
            f"outer: both must be vectors, got {tuple(input.shape)} and {tuple(vec2.shape)}"
        )
    return input.unsqueeze(1) * vec2


@front()
def trace(input):
    """Sum of the diagonal of a matrix."""
    if tensor("trace", input).ndim != 2:
        raise RuntimeError(f"trace: expected a matrix (2-d), got shape {tuple(input.shape)}")
    return input.diagonal().sum()


@front()
def addmm(input, mat1, mat2, *, beta=1, alpha=1):
    """beta * input + alpha * mat1 @ mat2; where beta is 0, nan in input does not count."""
    return _added("addmm", input, mm(mat1, mat2), beta, alpha)


@front()
def addmv(input, mat, vec, *, beta=1, alpha=1):
    """beta * input + alpha * mat @ vec"""
    return _added("addmv", input, mv(mat, vec), beta, alpha)


@front()
def baddbmm(input, batch1, batch2, *, beta=1, alpha=1):
    """beta * input + alpha * batch1 @ batch2"""
    return _added("baddbmm", input, bmm(batch1, batch2), beta, alpha)


@front()
def addbmm(input, batch1, batch2, *, beta=1, alpha=1):
    """beta * input + alpha * the sum of batch1 @ batch2 over the batch"""
    return _added("addbmm", input, bmm(batch1, batch2).sum(0), beta, alpha)


def _added(name: str, input: Any, product: Any, beta: float, alpha: float) -> Any:
    shape = tuple(product.shape)
    if tensor(name, input).dtype is not product.dtype:
        raise RuntimeError(
            f"{name}: input is {input.dtype} and the matrices are {product.dtype}: convert one "
            "with .to(dtype)"
        )
    if np.broadcast_shapes(*_padded(name, tuple(input.shape), shape)) != shape:
        raise RuntimeError(f"{name}: input {tuple(input.shape)} does not expand to {shape}")
    product = product if alpha == 1 else product * alpha
    if beta == 0:
        return product
    return product + (input if beta == 1 else input * beta)


def _padded(name: str, shape: tuple, target: tuple) -> tuple[tuple, tuple]:
    """The two shapes, if they broadcast."""
    try:
        np.broadcast_shapes(shape, target)
    except ValueError:
        raise RuntimeError(f"{name}: input {shape} does not expand to {target}") from None
    return shape, target
