"""Parts of a tensor as views: slices, single indices, diagonals."""

from __future__ import annotations

from typing import Any

from tritongrad.cpu import view as kernels
from tritongrad.op import op
from tritongrad.samples import Rand

from .dims import check_dim
from .sizes import shape_of

Tensor = Any
CUBE = Rand((2, 3, 4))
ALL = slice(None)


@op(
    cpu=kernels.slices,
    view=True,
    samples=[
        (CUBE, (0, ...)),
        (CUBE, (ALL, slice(2, None, -2), None, 1)),
        (Rand((5,)), (slice(1, 4, 2), ...)),
        (Rand((0, 3)), (ALL, slice(1, 3))),
    ],
)
def slices(input: Tensor, key):
    """input[key] for a tuple of ints, slices, None and an Ellipsis, without a copy."""
    shape_of("slices", input)
    return input, key


slices.vjp(input=lambda g, input_shape, key: embed.op.call(g, input_shape, key))


@op(samples=[(Rand((3,)), (4, 3), (1, ...)), (Rand((2, 2)), (5, 2), (slice(4, 0, -2), ...), 1.5)])
def embed(input: Tensor, shape, key, value=0):
    """A tensor of `shape` full of one value, with input at [key]: the transpose of `slices`."""
    return input, tuple(shape), key, value


embed.vjp(input=lambda g, key: slices.op.call(g, key))


@op(
    cpu=kernels.narrow,
    view=True,
    samples=[(CUBE, 1, 1, 2), (CUBE, -1, 0, 4), (Rand((3,)), 0, 3, 0), (Rand((0, 3)), 1, 1, 1)],
)
def narrow(input: Tensor, dim, start, length):
    """`length` slices along dim, from `start` on."""
    shape = shape_of("narrow", input)
    if not shape:
        raise RuntimeError("narrow() cannot be applied to a 0-dim tensor.")
    dim = check_dim("narrow", dim, len(shape))
    n, start, length = shape[dim], int(start), int(length)
    if not -n <= start <= n:
        raise IndexError(
            f"narrow: start out of range (expected to be in range of [{-n}, {n}], but got {start})"
        )
    start = start + n if start < 0 else start
    if length < 0 or start + length > n:
        raise RuntimeError(
            f"narrow: start ({start}) + length ({length}) exceeds dimension size ({n}) of dim {dim}"
        )
    return input, dim, start, length


narrow.vjp(
    input=lambda g, input_shape, dim, start, length: embed.op.call(
        g, input_shape, (ALL,) * dim + (slice(start, start + length),)
    )
)


@op(
    cpu=kernels.select,
    view=True,
    samples=[(CUBE, 1, 2), (CUBE, -1, -1), (Rand((3,)), 0, 0), (Rand((0, 3)), 1, 1)],
)
def select(input: Tensor, dim, index):
    """The slice at one index along dim, without that dim."""
    shape = shape_of("select", input)
    if not shape:
        raise IndexError("select() cannot be applied to a 0-dim tensor.")
    dim = check_dim("select", dim, len(shape))
    at = index.__index__()
    if not -shape[dim] <= at < shape[dim]:
        raise IndexError(
            f"index {at} is out of bounds for dimension {dim} with size {shape[dim]} (select of a "
            f"tensor of shape {list(shape)})"
        )
    return input, dim, at % shape[dim]


select.vjp(
    input=lambda g, input_shape, dim, index: embed.op.call(
        g, input_shape, (*(ALL,) * dim, index, ...)
    )
)


@op(
    cpu=kernels.diagonal,
    view=True,
    samples=[
        (Rand((3, 4)),),
        (Rand((3, 4)), 1),
        (CUBE, -1, 2, 0),
        (Rand((3, 3)), 5),
        (Rand((0, 3)),),
    ],
)
def diagonal(input: Tensor, offset=0, dim1=0, dim2=1) -> Any:
    """The diagonal of each matrix in dims dim1 and dim2, as a last dim; offset > 0 is above."""
    n = len(shape_of("diagonal", input))
    first, second = check_dim("diagonal", dim1, n), check_dim("diagonal", dim2, n)
    if first == second:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    return input, int(offset), first, second


def _on_diagonal(g, shape, offset, dim1, dim2):
    """Zeros of a shape with g on a diagonal."""
    zeros = g.new_zeros(shape)
    diagonal(zeros, offset, dim1, dim2).copy_(g)
    return zeros


diagonal.vjp(
    input=lambda g, input_shape, offset, dim1, dim2: _on_diagonal(
        g, input_shape, offset, dim1, dim2
    )
)


def diag_embed(input, offset=0, dim1=-2, dim2=-1):
    """Matrices of zeros with the last dim of input on a diagonal."""
    shape = list(shape_of("diag_embed", input))
    n = len(shape) + 1
    first, second = check_dim("diag_embed", dim1, n), check_dim("diag_embed", dim2, n)
    if first == second:
        raise RuntimeError(f"diag_embed: diagonal dimensions cannot be identical {dim1}, {dim2}")
    size = shape.pop() + abs(offset)
    for d in sorted((first, second)):
        shape.insert(d, size)
    return _on_diagonal(input, tuple(shape), offset, first, second)


def diag(input, diagonal=0):
    """The matrix that has a vector on a diagonal; of a matrix, a copy of that diagonal."""
    shape = shape_of("diag", input)
    if len(shape) not in (1, 2):
        raise RuntimeError(f"diag(): Supports 1D or 2D tensors. Got {len(shape)}D ({list(shape)})")
    if len(shape) == 1:
        return diag_embed(input, diagonal)
    return input.diagonal(diagonal).clone()
