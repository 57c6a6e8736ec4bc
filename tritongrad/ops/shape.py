"""Shapes put together: tensors joined, repeated, turned round, padded."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from tritongrad.autograd.variable import Variable, wrap
from tritongrad.devices import device_of_array, place
from tritongrad.dtype import promote
from tritongrad.op import op
from tritongrad.samples import Rand

from .copy import clone
from .dims import check_dim
from .sizes import checked_dims, ints, shape_of
from .slices import embed, narrow, slices
from .values import number_of
from .view import atleast_1d, atleast_2d, broadcast_tensors, expand, reshape, view

Tensor = Any
ALL = slice(None)


@op(
    cpu=np.concatenate,
    variadic=True,
    samples=[
        ([Rand((2, 3)), Rand((1, 3))],),
        ([Rand((2, 3)), Rand((2, 1)), Rand((2, 0))], -1),
        ([Rand((4,))],),
    ],
)
def cat(tensors, dim=0):
    """Tensors joined along a dim; their other sizes must agree."""
    tensors = _tensors("cat", tensors)
    full = [t for t in tensors if t._array.shape != (0,)] or tensors[:1]  # as PyTorch does
    first = full[0]._array.shape
    dim = check_dim("cat", dim, len(first))
    if not first:
        raise RuntimeError("cat: zero-dimensional tensor (at position 0) cannot be concatenated")
    for i, t in enumerate(tensors):
        shape = t._array.shape
        if shape == (0,):
            continue
        if len(shape) != len(first):
            raise RuntimeError(
                f"cat: Tensors must have same number of dimensions: got {len(first)} and "
                f"{len(shape)} (shapes {list(first)} and {list(shape)}, tensor number {i})"
            )
        for d, (want, have) in enumerate(zip(first, shape, strict=True)):
            if d != dim and have != want:
                raise RuntimeError(
                    f"cat: Sizes of tensors must match except in dimension {dim}. Expected size "
                    f"{want} but got size {have} for tensor number {i} in the list (shapes "
                    f"{list(first)} and {list(shape)})"
                )
    return _one_dtype(full, tensors), dim


cat.vjp(tensors=lambda g, tensors_shape, dim: g.split([s[dim] for s in tensors_shape], dim))
concat = concatenate = cat


def _one_dtype(tensors: list, decide: list | None = None) -> list:
    """The tensors in the dtype that all of them (or of those that decide) promote to."""
    dtypes = {t._array.dtype for t in decide or tensors}
    common = functools.reduce(promote, dtypes)
    return tensors if len(dtypes) == 1 else [t.to(common) for t in tensors]


def _tensors(name: str, tensors: Any) -> list:
    if isinstance(tensors, Variable):
        raise TypeError(
            f"{name}: argument 'tensors' must be a list or tuple of Tensors, got a Tensor"
        )
    tensors = list(tensors)
    if not tensors:
        error = ValueError if name == "cat" else RuntimeError  # PyTorch's
        raise error(f"{name}: expected a non-empty list of Tensors")
    for i, t in enumerate(tensors):
        shape_of(name, t, f"tensors[{i}]")
    return tensors


def _device_stack(arrays, dim):
    from tritongrad.cuda.shape import cat as joined

    return joined([a[(*(ALL,) * dim, None)] for a in arrays], dim)


@op(
    cpu=np.stack,
    device=_device_stack,
    variadic=True,
    samples=[
        ([Rand((2, 3)), Rand((2, 3))], 1),
        ([Rand(()), Rand(())],),
        ([Rand((0, 2))], -1),
    ],
)
def stack(tensors, dim=0):
    """Tensors of one shape joined along a new dim."""
    tensors = _tensors("stack", tensors)
    first = tensors[0]._array.shape
    dim = check_dim("stack", dim, len(first) + 1)
    for i, t in enumerate(tensors):
        if t._array.shape != first:
            raise RuntimeError(
                f"stack expects each tensor to be equal size, but got {list(first)} at entry 0 and "
                f"{list(t._array.shape)} at entry {i}"
            )
    return _one_dtype(tensors), dim


stack.vjp(tensors=lambda g, dim: g.unbind(dim))


def hstack(tensors):
    """Tensors joined side by side: along dim 1, vectors along dim 0."""
    tensors = [atleast_1d(t) for t in _tensors("hstack", tensors)]
    return cat(tensors, 0 if tensors[0].ndim == 1 else 1)


def vstack(tensors):
    """Tensors joined one below the other: along dim 0, vectors as rows."""
    return cat([atleast_2d(t) for t in _tensors("vstack", tensors)], 0)


def column_stack(tensors):
    """Vectors as the columns of a matrix; matrices side by side."""
    columns = [atleast_1d(t) for t in _tensors("column_stack", tensors)]
    return hstack([t.unsqueeze(1) if t.ndim == 1 else t for t in columns])


def repeat(input, repeats, *more):
    """The whole tensor repeated along each dim: sizes multiplied; new dims come in front."""
    shape = shape_of("repeat", input)
    times = ints("repeat", repeats, more, "repeats")
    if len(times) < len(shape):
        raise RuntimeError(
            "repeat: Number of dimensions of repeat dims can not be smaller than number of "
            f"dimensions of tensor: repeats {list(times)}, input {list(shape)}"
        )
    if min(times, default=0) < 0:
        raise RuntimeError(f"repeat: repeats must not be negative, got {list(times)}")
    shape = (1,) * (len(times) - len(shape)) + shape
    apart = [n for size in shape for n in (1, size)]
    wide = [n for pair in zip(times, shape, strict=True) for n in pair]
    result = reshape(
        expand(reshape(input, apart), wide), [t * n for t, n in zip(times, shape, strict=True)]
    )
    return clone(result) if all(t == 1 for t in times) else result


def tile(input, dims, *more):
    """`repeat`, where missing dims count as 1."""
    times = ints("tile", dims, more, "dims")
    return repeat(input, (1,) * (len(shape_of("tile", input)) - len(times)) + times)


def repeat_interleave(input, repeats, dim=None, output_size=None):
    """Each slice along dim repeated in place: `repeats` times, or as its entry there says."""
    shape_of("repeat_interleave", input)
    if dim is None:
        input, dim = reshape(input, (-1,)), 0
    shape = input._array.shape
    dim = check_dim("repeat_interleave", dim, len(shape))
    if isinstance(repeats, Variable) and repeats._array.size == 1:
        repeats = repeats.item()
    if not isinstance(repeats, (Variable, tuple, list)):
        if repeats < 0:
            raise RuntimeError(f"repeat_interleave: repeats must not be negative, got {repeats}")
        wide = expand(input.unsqueeze(dim + 1), (*shape[: dim + 1], repeats, *shape[dim + 1 :]))
        return reshape(wide, (*shape[:dim], shape[dim] * repeats, *shape[dim + 1 :]))
    times = repeats._host() if isinstance(repeats, Variable) else np.asarray(repeats)
    if times.shape != (shape[dim],):
        raise RuntimeError(
            "repeat_interleave: repeats must have the same size as input along dim, but got "
            f"repeats.size(0) = {times.size} and input.size({dim}) = {shape[dim]}"
        )
    if (times < 0).any():
        raise RuntimeError(f"repeat_interleave: repeats must not be negative, got {times.min()}")
    index = np.repeat(np.arange(shape[dim]), times)
    return input.index_select(dim, wrap(place(index, device_of_array(input._array))))


def flip(input, dims, *more) -> Any:
    """A copy with the order along some dims reversed."""
    n = len(shape_of("flip", input))
    dims = checked_dims("flip", ints("flip", dims, more, "dims"), n)
    key = tuple([slice(None, None, -1) if d in dims else ALL for d in range(n)])
    return clone(slices.op.call(input, (*key, ...)))


def fliplr(input):
    """Columns in reverse order."""
    return flip(input, 1)


def flipud(input):
    """Rows in reverse order."""
    return flip(input, 0)


def meshgrid(*tensors, indexing="ij"):
    """The coordinates of all points of a grid, from those along each of its dims, as views."""
    tensors = tensors[0] if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)) else tensors
    if indexing not in ("ij", "xy"):
        raise RuntimeError(f"meshgrid: indexing must be 'ij' or 'xy', got {indexing!r}")
    n = len(tensors)
    places = list(range(n))
    if indexing == "xy" and n > 1:
        places[:2] = 1, 0
    rows = [
        reshape(t, [-1 if d == place else 1 for d in range(n)])
        for t, place in zip(tensors, places, strict=True)
    ]
    return broadcast_tensors(*rows)


def roll(input, shifts, dims=None):
    """Elements moved along dims by so many places; what falls off the end comes in in front."""
    shape = shape_of("roll", input)
    shifts = ints("roll", shifts, (), "shifts")
    if dims is None:
        if len(shifts) != 1:
            raise RuntimeError(f"roll: shifts {list(shifts)} and no dims: give one dim for each")
        return view(roll(reshape(input, (-1,)), shifts, (0,)), shape)
    dims = ints("roll", dims, (), "dims")
    if len(dims) != len(shifts) or not dims:
        raise RuntimeError(
            f"roll: shifts and dimensions must align. shifts: {len(shifts)}, dims: {len(dims)}"
        )
    result = input
    for shift, d in zip(shifts, dims, strict=True):
        dim = check_dim("roll", d, len(shape))
        n = shape[dim]
        first = shift % n if n else 0
        if first:
            result = cat(
                [narrow(result, dim, n - first, first), narrow(result, dim, 0, n - first)], dim
            )
    return clone(result) if result is input else result


def rot90(input, k=1, dims=(0, 1)):
    """Turned by k times 90 degrees in the plane of two dims, from the first towards the second."""
    shape = shape_of("rot90", input)
    if len(shape) < 2:
        raise RuntimeError(f"rot90: expected total dims >= 2, but got {list(shape)}")
    first, second = checked_dims("rot90", ints("rot90", dims, ()), len(shape))
    match k % 4:
        case 1:
            return flip(input, second).transpose(first, second)
        case 2:
            return flip(input, (first, second))
        case 3:
            return flip(input, first).transpose(first, second)
    return clone(input)


def pad(input, pad, mode="constant", value=None):
    """`value` (0) added around: `pad` holds (before, after) of the last dim first, then backwards.

    Negative counts cut off.
    """
    shape = shape_of("pad", input)
    counts = ints("pad", pad, (), "pad")
    if mode != "constant":
        raise NotImplementedError(f"pad: mode {mode!r} is not one of: constant")
    if len(counts) % 2:
        raise RuntimeError(f"pad: Padding length must be divisible by 2, got {len(counts)}")
    if len(counts) > 2 * len(shape):
        raise RuntimeError(
            f"pad: Padding length should be less than or equal to two times the input dimension "
            f"but got padding length {len(counts)} and input of dimension {len(shape)}"
        )
    sizes, key, result = list(shape), [ALL] * len(shape), input
    for i in range(0, len(counts), 2):
        d, before, after = len(shape) - 1 - i // 2, counts[i], counts[i + 1]
        cut, rest = max(-before, 0), shape[d] + min(before, 0) + min(after, 0)
        sizes[d] = shape[d] + before + after
        if sizes[d] < 0 or rest < 0:
            raise RuntimeError(
                f"pad: the input size {shape[d]}, plus negative padding {before} and {after}, "
                f"resulted in a negative output size (dim {d})"
            )
        if rest != shape[d]:
            result = narrow(result, d, cut, rest)
        key[d] = slice(max(before, 0), max(before, 0) + rest)
    return embed(result, sizes, (*key, ...), number_of("pad", value or 0, input._array.dtype))
