"""Order: sorting, the largest k, and what depends on sorted values."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

import numpy as np

from tritongrad.autograd.variable import Variable, wrap
from tritongrad.devices import device_of_array, place
from tritongrad.op import op
from tritongrad.samples import Ints, Rand

from .dims import check_dim
from .index import gather
from .sizes import ints, shape_of

Tensor = Any
_Sorted = namedtuple("sort", "values indices")
_TopK = namedtuple("topk", "values indices")
_Histogram = namedtuple("histogram", "hist bin_edges")


@op(
    samples=[
        (Rand((3, 4)),),
        (Rand((3, 4)), 0, True),
        (Ints((2, 5)), -1, True),
        (Rand(()),),
        (Rand((0, 3)), 0),
    ]
)
def argsort(input: Tensor, dim=-1, descending=False, stable=False) -> Any:
    """The indices that sort input along dim; equals keep their order, nan is the largest."""
    n = len(shape_of("argsort", input))
    return input, check_dim("argsort", dim, n), bool(descending)


def sort(input, dim=-1, descending=False, stable=False):
    """(values, indices): input sorted along dim, and where each value was."""
    indices = argsort(input, dim, descending)
    return _Sorted(gather(input, dim, indices), indices)


def msort(input):
    """input sorted along dim 0."""
    return sort(input, 0).values


def topk(input, k, dim=-1, largest=True, sorted=True):
    """(values, indices) of the k largest, or smallest, along dim, in order."""
    shape = shape_of("topk", input)
    dim, k = check_dim("topk", dim, len(shape)), ints("topk", k, (), "k")[0]
    if not 0 <= k <= (shape[dim] if shape else 1):
        raise RuntimeError(
            f"topk: selected index k out of range: k = {k}, input {list(shape)}, dim {dim}"
        )
    indices = argsort(input, dim, largest)
    if shape:
        indices = indices.narrow(dim, 0, k).contiguous()
    return _TopK(gather(input, dim, indices), indices)


def _host(name: str, input: Any, argument: str = "input") -> np.ndarray:
    shape_of(name, input, argument)
    return input._host()


def _beside(input: Any, array: Any) -> Any:
    """A tensor of a NumPy array on the device of input."""
    return wrap(place(np.asarray(array), device_of_array(input._array)))


def unique(input, sorted=True, return_inverse=False, return_counts=False, dim=None):
    """The different values (or slices along dim) in ascending order; found on the host.

    With `return_inverse` also where each went, with `return_counts` how often each was there.
    """
    host = _host("unique", input)
    if dim is not None:
        dim = check_dim("unique", dim, host.ndim)
    values, inverse, counts = np.unique(host, False, True, True, dim)
    if dim is None:
        inverse = inverse.reshape(host.shape)
    parts = (values, inverse.astype(np.int64), counts.astype(np.int64))
    wanted = (True, return_inverse, return_counts)
    results = [_beside(input, p) for p, w in zip(parts, wanted, strict=True) if w]
    return tuple(results) if len(results) > 1 else results[0]


def searchsorted(sorted_sequence, input, out_int32=False, right=False, side=None):
    """Where each value would go into a sorted sequence: before equal values, or after (`right`)."""
    edges = _host("searchsorted", sorted_sequence, "sorted_sequence")
    is_number = isinstance(input, (int, float))
    values = np.asarray(input) if is_number else _host("searchsorted", input)
    if not edges.ndim:
        raise RuntimeError("searchsorted: boundaries tensor should have positive dimension, got 0")
    after = "right" if right or side == "right" else "left"
    if edges.ndim == 1:
        places = np.searchsorted(edges, values, after)
    else:
        if edges.shape[:-1] != values.shape[:-1]:
            raise RuntimeError(
                "searchsorted: boundaries tensor should be 1 dimension or the first N-1 dimensions "
                f"of both must match, got {list(edges.shape)} and {list(values.shape)}"
            )
        places = np.empty(values.shape, np.int64)
        for row in np.ndindex(edges.shape[:-1]):
            places[row] = np.searchsorted(edges[row], values[row], after)
    return _beside(sorted_sequence, np.asarray(places, np.int32 if out_int32 else np.int64))


def bucketize(input, boundaries, out_int32=False, right=False):
    """The bucket between sorted boundaries that each value falls into."""
    if len(shape_of("bucketize", boundaries, "boundaries")) != 1:
        raise RuntimeError(
            f"bucketize: boundaries tensor must be 1 dimension, got {list(boundaries.shape)}"
        )
    return searchsorted(boundaries, input, out_int32, right)


def bincount(input, weights=None, minlength=0):
    """How often each whole number occurs in a vector, or the sum of its weights."""
    host = _host("bincount", input)
    if host.ndim != 1 or host.dtype.kind not in "iu" or (host < 0).any():
        raise RuntimeError(
            "bincount only supports 1-d non-negative integral inputs, got "
            f"{input.dtype} of shape {list(host.shape)}"
        )
    if weights is None:
        return _beside(input, np.bincount(host, None, minlength).astype(np.int64))
    if shape_of("bincount", weights, "weights") != host.shape:
        raise RuntimeError(
            f"bincount: weights should be 1-d and have the same length as input ({host.size}), got "
            f"{list(weights.shape)}"
        )
    sums = np.bincount(host, _host("bincount", weights, "weights").astype(np.float64), minlength)
    single = weights._array.dtype == np.float32
    return _beside(input, sums.astype(np.float32) if single else sums)


def _floats(name: str, input: Any) -> np.ndarray:
    host = _host(name, input)
    if host.dtype.kind in "biu":
        raise RuntimeError(f"{name}: expected a floating tensor, got {input.dtype}")
    return host


def _counts(name: str, input: Any, bins: int, low: float, high: float, weight: Any = None) -> tuple:
    """Counts and edges of equal bins; without a range, the least that holds all values."""
    host = _floats(name, input)
    if not hasattr(bins, "__index__") or (bins := bins.__index__()) <= 0:
        raise RuntimeError(f"{name}: bins must be an int greater than 0, got {bins!r}")
    if low == high and host.size:
        low, high = float(host.min()), float(host.max())
    if low == high:
        low, high = low - 1, high + 1
    if not (np.isfinite(low) and np.isfinite(high) and low < high):
        raise RuntimeError(f"{name}: range of [{low}, {high}] is not finite and ascending")
    values = host.astype(np.float64).reshape(-1)
    weights = None if weight is None else _host(name, weight, "weight").reshape(-1)
    return np.histogram(values, bins, (low, high), weights=weights)


def histc(input, bins=100, min=0, max=0):
    """How many elements fall into each of `bins` equal bins between min and max."""
    counts, _ = _counts("histc", input, bins, min, max)
    return _beside(input, counts.astype(input._array.dtype))


def histogram(input, bins=100, *, range=None, weight=None, density=False):
    """(hist, bin_edges) of equal bins, or between the edges that a tensor gives."""
    low, high = range or (0, 0)
    if isinstance(bins, Variable):
        edges = _host("histogram", bins, "bins")
        weights = None if weight is None else _host("histogram", weight, "weight").reshape(-1)
        counts = np.histogram(_floats("histogram", input).reshape(-1), edges, weights=weights)[0]
    else:
        counts, edges = _counts("histogram", input, bins, low, high, weight)
    counts = counts.astype(np.float64)
    if density:
        counts = counts / counts.sum() / np.diff(edges)
    dtype = input._array.dtype
    return _Histogram(_beside(input, counts.astype(dtype)), _beside(input, edges.astype(dtype)))
