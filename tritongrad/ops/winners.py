"""Gradients of what is written by index: of entries for one place only the last one stayed."""

from __future__ import annotations

from typing import Any

import numpy as np

from tritongrad.autograd.variable import wrap
from tritongrad.devices import device_of_array, place

from .slices import embed


def _order(like: Any, shape: tuple) -> Any:
    """0, 1, 2 ... in a shape, on the device of `like`."""
    numbers = np.arange(int(np.prod(shape))).reshape(shape)
    return wrap(place(numbers, device_of_array(like._array)))


def of_last_writes(g: Any, indices: tuple) -> Any:
    """g[indices], zero where a later entry of the indices names the same place.

    Each place keeps the number of the write that came last; those that find another number lost.
    """
    at = [d for d, i in enumerate(indices) if not isinstance(i, slice)]
    arrays = tuple([indices[d] for d in at])
    got = g._pick(indices)
    shape = np.broadcast_shapes(*[a.shape for a in arrays])
    if np.prod(shape) <= 1:
        return got
    order = _order(g, shape)
    places = g.new_zeros([g._array.shape[d] for d in at], dtype="int64")._put(arrays, order)
    lost = places._pick(arrays) != order
    first = at[0] if at == list(range(at[0], at[0] + len(at))) else 0
    tail = got.ndim - first - len(shape)
    return got.masked_fill(lost.reshape(*shape, *(1,) * tail), 0)


def of_last_scattered(g: Any, dim: int, index: Any) -> Any:
    """g.gather(dim, index), zero where a later entry of index names the same place."""
    order = _order(g, index._array.shape)
    places = g.new_zeros(g._array.shape, dtype="int64").scatter_(dim, index, order)
    return g.gather(dim, index).masked_fill(places.gather(dim, index) != order, 0)


def padded(got: Any, shape: tuple) -> Any:
    """The gradient of what was scattered: zeros for the part of it that index did not reach."""
    if len(shape) == 0 or got._array.shape == shape:
        return got
    return embed(got, shape, (*[slice(n) for n in got._array.shape], ...))
