"""Gradients of reductions to which elements contribute together: products, equal extremes."""

from __future__ import annotations

from typing import Any

from . import shape as shapes
from .dims import count_of, kept
from .elementwise import where


def products_of_others(x: Any) -> Any:
    """For each element of the last dim the product of all others: no quotient, so zeros are right.

    Up a tree of pairs, then down: the others of an element are its pair's others times its partner.
    """
    n = x.shape[-1]
    if n <= 1:
        return x.new_ones(x.shape)
    half = n // 2
    left, right, odd = x[..., :half], x[..., half : 2 * half], x[..., 2 * half :]
    above = products_of_others(shapes.cat([left * right, odd], -1) if n % 2 else left * right)
    pair = above[..., :half]
    return shapes.cat([pair * right, pair * left, above[..., half:]], -1)


def prod_input(g, input, dim, keepdim):
    """g times the product of the other elements that were multiplied."""
    shape = tuple(input.shape)
    if not input.numel():
        return input.new_zeros(shape)
    wide = input if input.element_size() > 2 else input.float()
    order = [d for d in range(len(shape)) if d not in dim] + list(dim)
    moved = wide.permute(order)
    rows = moved.reshape([-1, count_of(shape, dim)])
    others = products_of_others(rows).reshape(moved.shape)
    return kept(g, shape, dim, keepdim) * others.permute(
        [order.index(d) for d in range(len(shape))]
    )


def share_ties(g, input, result, dim, keepdim):
    """g in equal parts to the elements that equal the result; nan equals nan here."""
    shape = tuple(input.shape)
    tie = (input == kept(result, shape, dim, keepdim)).logical_or(input.isnan())
    return where(tie, kept(g, shape, dim, keepdim) / tie.sum(dim, True), 0)
