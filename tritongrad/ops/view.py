"""Views: other shapes and strides over the memory of a tensor, with one history."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tritongrad.autograd.variable import INFERENCE, version_of, view_of, wrap
from tritongrad.cpu import view as kernels
from tritongrad.front import of_tensors
from tritongrad.op import op
from tritongrad.samples import Rand

from .dims import check_dim
from .sizes import checked_dims, expanded, inferred, ints, shape_of

Tensor = Any
CUBE = Rand((2, 3, 4))


def detach(input):
    """The same memory without history; in-place changes of one are seen by the other."""
    shape_of("detach", input)
    t = wrap(input._array)
    t._version = (
        version_of(input) if getattr(input, "_version", None) is not INFERENCE else INFERENCE
    )
    return t


@of_tensors
def detach_(input):
    """Cut a tensor off from its history, in place."""
    if view_of(input) is not None:
        raise RuntimeError("detach_: can't detach views in-place: use detach() instead")
    input._node = None
    return input


def _viewable(array: Any, shape: tuple) -> bool:
    """Whether the strides of an array allow it to be seen in another shape without a copy."""
    if type(array) is not np.ndarray:
        if array.contiguous:
            return True
        from tritongrad.cuda.views import reshaped_strides

        return reshaped_strides(array, shape) is not None
    if array.flags.c_contiguous:
        return True
    try:
        array.reshape(shape, copy=False)
    except ValueError:
        return False
    return True


@op(
    cpu=lambda x, size: x.reshape(size),
    view=True,
    samples=[
        (Rand((3, 4)), (3, 2, 2)),
        (Rand((3, 4)), (2, 6)),
        (CUBE, -1),
        (CUBE, 3, -1, 2),
        (Rand(()), 1, 1),
        (Rand((0, 3)), 3, 0),
    ],
)
def view(input: Tensor, size, *more):
    """The elements in C order in another shape, without a copy; one size may be -1."""
    shape = shape_of("view", input)
    size = inferred("view", ints("view", size, more), input._array.size)
    if not _viewable(input._array, size):
        raise RuntimeError(
            "view: view size is not compatible with input tensor's size and stride (at least one "
            "dimension spans across two contiguous subspaces). Use .reshape(...) instead. "
            f"(input {list(shape)} with strides {list(input.stride())}, size {list(size)})"
        )
    return input, size


view.vjp(input=lambda g, input_shape: g.reshape(input_shape))


def reshape(input, shape, *more):
    """The elements in C order in another shape: a view if the strides allow it, else a copy."""
    shape_of("reshape", input)
    size = inferred("reshape", ints("reshape", shape, more, "shape"), input._array.size)
    if not _viewable(input._array, size):
        input = input.clone()
    return view.op.call(input, size)


def view_as(input, other):
    """input.view(other.shape)"""
    return view(input, shape_of("view_as", other, "other"))


def reshape_as(input, other):
    """input.reshape(other.shape)"""
    return reshape(input, shape_of("reshape_as", other, "other"))


def flatten(input, start_dim=0, end_dim=-1):
    """The dims from start_dim to end_dim as one, in C order; a view where possible."""
    shape = shape_of("flatten", input)
    first = check_dim("flatten", start_dim, len(shape))
    last = check_dim("flatten", end_dim, len(shape))
    if first > last:
        raise RuntimeError(f"flatten: start_dim {start_dim} cannot come after end_dim {end_dim}")
    if first == last and shape:
        return input
    return reshape(input, (*shape[:first], math.prod(shape[first : last + 1]), *shape[last + 1 :]))


def ravel(input):
    """All elements in one dim, in C order."""
    return reshape(input, (-1,))


def unflatten(input, dim, sizes):
    """One dim as several of the given sizes, one of which may be -1."""
    shape = shape_of("unflatten", input)
    dim = check_dim("unflatten", dim, len(shape))
    sizes = ints("unflatten", sizes, (), "sizes")
    known = math.prod(n for n in sizes if n != -1)
    if sizes.count(-1) > 1 or (
        known != shape[dim] and (-1 not in sizes or shape[dim] % max(known, 1))
    ):
        raise RuntimeError(
            f"unflatten: Provided sizes {list(sizes)} don't multiply up to the size of dim {dim} "
            f"({shape[dim]}) in the input tensor"
        )
    return view(input, (*shape[:dim], *inferred("unflatten", sizes, shape[dim]), *shape[dim + 1 :]))


@op(
    cpu=kernels.squeeze,
    view=True,
    samples=[
        (Rand((2, 1, 3, 1)),),
        (Rand((2, 1, 3, 1)), 1),
        (Rand((2, 1)), 0),
        (Rand((1, 0, 1)), (0, -1)),
    ],
)
def squeeze(input: Tensor, dim=None):
    """Without the dims of size 1: all of them, or those given."""
    shape = shape_of("squeeze", input)
    n = len(shape)
    if dim is None:
        dims: Any = range(n)
    else:
        dims = checked_dims("squeeze", ints("squeeze", dim, (), "dim"), n)
    return input, tuple([d for d in dims if d < n and shape[d] == 1])


squeeze.vjp(input=lambda g, input_shape: g.reshape(input_shape))


@op(
    cpu=kernels.unsqueeze,
    view=True,
    samples=[(Rand((3, 4)), 1), (Rand((3, 4)), -1), (Rand(()), 0), (Rand((0, 2)), 0)],
)
def unsqueeze(input: Tensor, dim):
    """A new dim of size 1 before `dim`."""
    return input, check_dim("unsqueeze", dim, len(shape_of("unsqueeze", input)) + 1)


unsqueeze.vjp(input=lambda g, dim: g.squeeze(dim))


@op(
    cpu=kernels.transpose,
    view=True,
    samples=[(CUBE, 0, 2), (CUBE, -1, -2), (Rand(()), 0, 0), (Rand((0, 3)), 0, 1)],
)
def transpose(input: Tensor, dim0, dim1):
    """Two dims exchanged."""
    n = len(shape_of("transpose", input))
    return input, check_dim("transpose", dim0, n), check_dim("transpose", dim1, n)


transpose.vjp(input=lambda g, dim0, dim1: g.transpose(dim0, dim1))


@op(cpu=lambda x: x.T, view=True, samples=[(Rand((3, 4)),), (Rand((3,)),), (Rand(()),)])
def t(input: Tensor):
    """The transpose of a matrix; 0-d and 1-d tensors are returned as they are."""
    shape = shape_of("t", input)
    if len(shape) > 2:
        raise RuntimeError(
            f"t() expects a tensor with <= 2 dimensions, but self is {len(shape)}D (shape "
            f"{list(shape)}): use transpose(dim0, dim1)"
        )
    return (input,)


t.vjp(input=lambda g: g.t())


@op(
    cpu=kernels.permute,
    view=True,
    samples=[(CUBE, 2, 0, 1), (CUBE, (-1, 1, 0)), (Rand(()), ()), (Rand((0, 2)), (1, 0))],
)
def permute(input: Tensor, dims, *more):
    """The dims in another order."""
    shape = shape_of("permute", input)
    dims = ints("permute", dims, more, "dims")
    if len(dims) != len(shape):
        raise RuntimeError(
            "permute: number of dimensions in the tensor input does not match the length of the "
            f"desired ordering of dimensions: input {list(shape)}, dims {list(dims)}"
        )
    dims = tuple([check_dim("permute", d, len(shape)) for d in dims])
    if len(set(dims)) != len(dims):
        raise RuntimeError(f"permute(): duplicate dims are not allowed, got {list(dims)}")
    return input, dims


permute.vjp(input=lambda g, dims: g.permute(tuple(np.argsort(dims).tolist())))


def movedim(input, source, destination):
    """Dims moved to other places, the rest in their order."""
    n = len(shape_of("movedim", input))
    sources, destinations = ints("movedim", source, ()), ints("movedim", destination, ())
    if len(sources) != len(destinations):
        raise RuntimeError(
            f"movedim: Invalid source or destination dims: source ({list(sources)} dims) should "
            f"contain the same number of dims as destination ({list(destinations)} dims)"
        )
    sources = checked_dims("movedim", sources, n)
    moved = dict(zip(checked_dims("movedim", destinations, n), sources, strict=True))
    rest = iter([d for d in range(n) if d not in sources])
    return permute(input, [moved[d] if d in moved else next(rest) for d in range(n)])


@op(
    cpu=kernels.expand,
    view=True,
    samples=[
        (Rand((3, 1)), 3, 4),
        (Rand((3, 1)), (2, -1, 4)),
        (Rand(()), 2, 3),
        (Rand((1, 0)), 4, 0),
        (Rand((3,)), 0, 3),
    ],
)
def expand(input: Tensor, size, *more):
    """Dims of size 1 repeated, and new ones in front, without a copy; -1 keeps a size."""
    return input, expanded("expand", shape_of("expand", input), ints("expand", size, more))


expand.vjp(input=lambda g: g)


def expand_as(input, other):
    """input.expand(other.shape)"""
    return expand(input, shape_of("expand_as", other, "other"))


def broadcast_to(input, size):
    """input.expand(size)"""
    return expand(input, size)


def broadcast_tensors(*tensors):
    """Every tensor expanded to the shape that all of them broadcast to."""
    shapes = [shape_of("broadcast_tensors", t, "tensors") for t in tensors]
    try:
        shape = np.broadcast_shapes(*shapes)
    except ValueError:
        raise RuntimeError(f"broadcast_tensors: the shapes {shapes} do not broadcast") from None
    return tuple([expand(t, shape) for t in tensors])


@of_tensors
def atleast_1d(input):
    """A 0-d tensor as one of 1 dim; others as they are."""
    return reshape(input, (1,)) if input.ndim == 0 else input


@of_tensors
def atleast_2d(input):
    """Tensors of fewer dims as rows."""
    return atleast_1d(input).unsqueeze(0) if input.ndim < 2 else input
