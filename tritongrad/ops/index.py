"""Picking and placing elements by index: gather, scatter, select, x[index]."""

from __future__ import annotations

from typing import Any

from tritongrad.autograd.variable import Variable
from tritongrad.op import op
from tritongrad.samples import Bools, Ints, Rand

from .dims import check_dim
from .sizes import shape_of
from .subscript import ALL, checked_picks, parse, viewed
from .values import number_of, scalar_value, storable
from .view import broadcast_tensors
from .winners import of_last_scattered, of_last_writes, padded

Tensor = Any
PLACES = [
    (Rand((3, 4)), 1, Ints((3, 2), 0, 4)),
    (Rand((3, 4)), 0, Ints((2, 3), 0, 3)),
    (Rand((2, 3, 4)), -2, Ints((2, 5, 4), 0, 3)),
    (Rand((5,)), 0, Ints((0,), 0, 5)),
]


def _index(name: str, index: Any, argument: str = "index") -> tuple:
    """The shape of an index, which must be a tensor of ints."""
    shape = shape_of(name, index, argument)
    if index._array.dtype.kind not in "iu":
        raise RuntimeError(
            f"{name}(): Expected dtype int32/int64 for {argument}, got {index.dtype}: use .long()"
        )
    return shape


def _along(name: str, shape: tuple, dim: Any, index: Any, src: Any = None) -> int:
    """The dim, after a check that index has input's rank and reaches no further in other dims."""
    dim = check_dim(name, dim, len(shape))
    sizes = _index(name, index)
    if len(sizes) != len(shape) and (len(shape) or len(sizes) > 1):
        raise RuntimeError(
            f"{name}: Index tensor must have the same number of dimensions as input tensor: index "
            f"{list(sizes)}, input {list(shape)}"
        )
    if any(n > m for d, (n, m) in enumerate(zip(sizes, shape, strict=False)) if d != dim):
        raise RuntimeError(
            f"{name}: Size does not match: expected index {list(sizes)} to be no larger than self "
            f"{list(shape)} apart from dimension {dim}"
        )
    if isinstance(src, Variable) and src._array.ndim:
        given = src._array.shape
        if len(given) != len(sizes) or any(n > m for n, m in zip(sizes, given, strict=True)):
            raise RuntimeError(
                f"{name}: expected index {list(sizes)} to be no larger than src {list(given)}"
            )
    return dim


@op(samples=PLACES)
def gather(input: Tensor, dim, index: Tensor, sparse_grad=False):
    """result[i][j][k] = input[i][index[i][j][k]][k] for dim = 1, and so on"""
    return input, _along("gather", shape_of("gather", input), dim, index), index


gather.vjp(
    input=lambda g, input_shape, dim, index: g.new_zeros(input_shape).scatter_add_(dim, index, g)
)


def take_along_dim(input, indices, dim=None):
    """gather, where input and indices broadcast apart from dim; without dim, both are flattened."""
    shape, wanted = shape_of("take_along_dim", input), _index("take_along_dim", indices, "indices")
    if dim is None:
        return gather(input.reshape(-1), 0, indices.reshape(-1))
    if len(shape) != len(wanted):
        raise RuntimeError(
            "take_along_dim: input and indices should have the same number of dimensions, but got "
            f"{len(shape)} and {len(wanted)}"
        )
    d = check_dim("take_along_dim", dim, len(shape))
    input, indices = (
        broadcast_tensors(t, t.new_zeros((*o[:d], n, *o[d + 1 :])))[0]
        for t, o, n in ((input, wanted, shape[d]), (indices, shape, wanted[d]))
    )
    return gather(input, d, indices)


@op(
    samples=[(*s[:2], Ints(s[2].shape, 0, 1), Rand(s[2].shape)) for s in PLACES[3:]]
    + [
        (Rand((3, 4)), 0, Ints((1, 3), 0, 3), Rand((2, 4))),
        (Rand((3, 4)), 1, Ints((3, 1), 0, 4), 2.5),
    ]
)
def scatter(input: Tensor, dim, index: Tensor, src=None, value=None):
    """A copy of input with result[i][index[i][j]] = src[i][j] for dim = 1; the last write stays."""
    src = value if src is None else src
    dim = _along("scatter", shape_of("scatter", input), dim, index, src)
    if not isinstance(src, Variable):
        return input, dim, index, number_of("scatter", src, input._array.dtype)
    if src._array.dtype != input._array.dtype:
        raise RuntimeError(
            f"scatter(): Expected self.dtype to be equal to src.dtype, got {input.dtype} and "
            f"{src.dtype}: use .to(dtype)"
        )
    return input, dim, index, src


scatter.vjp(
    input=lambda g, dim, index: g.scatter(dim, index, 0),
    src=lambda g, dim, index, src_shape: padded(of_last_scattered(g, dim, index), src_shape),
)


@op(
    samples=[(*s, Rand(s[2].shape)) for s in PLACES]
    + [(Rand((3, 4)), 0, Ints((1, 3), 0, 3), Rand((2, 4)))]
)
def scatter_add(input: Tensor, dim, index: Tensor, src: Tensor):
    """A copy of input with src[i][j] added to result[i][index[i][j]] for dim = 1."""
    shape_of("scatter_add", src, "src")
    dim = _along("scatter_add", shape_of("scatter_add", input), dim, index, src)
    if src._array.dtype != input._array.dtype:
        raise RuntimeError(
            f"scatter_add(): Expected self.dtype to be equal to src.dtype, got {input.dtype} and "
            f"{src.dtype}: use .to(dtype)"
        )
    return input, dim, index, src


scatter_add.vjp(
    input=lambda g: g,
    src=lambda g, dim, index, src_shape: padded(g.gather(dim, index), src_shape),
)


def _vector(name: str, input: Any, dim: Any, index: Any) -> int:
    """The dim, after a check that the index is a vector."""
    if len(_index(name, index)) > 1:
        raise IndexError(
            f"{name}(): Index is supposed to be a vector, got shape {list(index._array.shape)}"
        )
    return check_dim(name, dim, len(shape_of(name, input)))


@op(
    samples=[
        (Rand((3, 4)), 0, Ints((5,), 0, 3)),
        (Rand((2, 3, 4)), -1, Ints((2,), 0, 4)),
        (Rand((3, 4)), 1, Ints((0,), 0, 4)),
    ]
)
def index_select(input: Tensor, dim, index: Tensor):
    """The slices of input along dim that a vector of indices names."""
    dim = _vector("index_select", input, dim, index)
    return input, dim, index if index._array.ndim else index.reshape(1)


index_select.vjp(
    input=lambda g, input_shape, dim, index: g.new_zeros(input_shape).index_add_(dim, index, g)
)


@op(
    samples=[
        (Rand((3, 4)), 0, Ints((5,), 0, 3), Rand((5, 4))),
        (Rand((2, 3, 4)), -1, Ints((2,), 0, 4), Rand((2, 3, 2))),
        (Rand((3, 4)), 1, Ints((0,), 0, 4), Rand((3, 0))),
    ]
)
def index_add(input: Tensor, dim, index: Tensor, source: Tensor, alpha=1):
    """A copy of input with the slices of source along dim added to those that index names."""
    dim = _vector("index_add", input, dim, index)
    shape, given = list(input._array.shape), list(shape_of("index_add", source, "source"))
    index = index if index._array.ndim else index.reshape(1)
    if shape:
        shape[dim] = index._array.shape[0]
    if shape != given and (shape or given not in ([], [1])):
        raise RuntimeError(
            f"index_add: source has shape {given}, expected {shape}: input "
            f"{list(input._array.shape)} with {index._array.shape[0]} indices along dim {dim}"
        )
    if source._array.dtype != input._array.dtype:
        raise RuntimeError(
            f"index_add(): self ({input.dtype}) and source ({source.dtype}) must have the same "
            "scalar type: use .to(dtype)"
        )
    return input, dim, index, source if alpha == 1 else source * alpha


index_add.vjp(input=lambda g: g, source=lambda g, dim, index: g.index_select(dim, index))


def index_copy(input, dim, index, source):
    """A copy of input with the slices of source along dim in the places that index names."""
    return index_put(input, *copied("index_copy", input, dim, index, source))


def index_fill(input, dim, index, value):
    """A copy of input with one value in the slices along dim that index names."""
    return index_put(input, *slices_filled("index_fill", input, dim, index, value))


def copied(name, input, dim, index, source):
    """(places, values) of index_copy."""
    dim = _vector(name, input, dim, index)
    (count,) = shape_of(name, source, "source")[dim : dim + 1] or (1,)
    if count != (n := index._array.size):
        raise IndexError(f"{name}(): Number of indices ({n}) must be source.size(dim) ({count})")
    return (*(ALL,) * dim, index), source


def slices_filled(name, input, dim, index, value):
    """(places, value) of index_fill."""
    return (*(ALL,) * _vector(name, input, dim, index), index), scalar_value(name, input, value)


@op(
    samples=[
        (Rand((4, 3)), Ints((5,), -4, 4)),
        (Rand((4, 3)), (Ints((2, 1), 0, 4), Ints((3,), 0, 3))),
        (Rand((2, 4, 3)), (0, ALL, Ints((2,), 0, 3))),
        (Rand((2, 4, 3)), (Ints((2,), 0, 2), ALL, Ints((2,), 0, 3))),
        (Rand((3, 4)), Bools((3, 4))),
        (Rand((0, 3)), (ALL, Ints((2,), 0, 3))),
    ]
)
def getitem(input: Tensor, index):
    """A copy of input[index]."""
    shape_of("getitem", input)
    key, picks = parse("getitem", input, index)
    view = viewed(input, key)
    return view, checked_picks("getitem", view, picks or (), view)


getitem.vjp(
    input=lambda g, input_shape, index: g.new_zeros(input_shape)._put(index, g, accumulate=True)
)


@op(
    samples=[
        (Rand((4, 3)), Ints((1,), 0, 4), Rand((3,))),
        (Rand((4, 3)), Ints((5,), -4, 4), Rand((5, 3)), True),
        (Rand((4, 3)), (Ints((2, 1), 0, 4), Ints((3,), 0, 3)), Rand((2, 3)), True),
        (Rand((3, 4)), Bools((3, 4)), Rand(())),
        (Rand((2, 4, 3)), (Ints((2,), 0, 2), ALL, Ints((2,), 0, 3)), Rand((2, 4)), True),
    ]
)
def index_put(input: Tensor, indices, values, accumulate=False):
    """A copy of input with values written, or added, at input[indices]; the last write stays."""
    shape_of("index_put", input)
    key, picks = parse("index_put", input, indices)
    if any(not (k is ... or k == ALL) for k in key):
        raise IndexError("index_put: indices must be tensors or full slices: index a view instead")
    values = storable("index_put", values, input._array.dtype)
    if isinstance(values, Variable) and values._array.dtype != input._array.dtype:
        raise RuntimeError(
            "Index put requires the source and destination dtypes match, got "
            f"{input.dtype} for the destination and {values.dtype} for the source."
        )
    return input, checked_picks("index_put", input, picks or (), input, values), values, accumulate


index_put.vjp(
    input=lambda g, indices, accumulate: (
        g if accumulate else index_put.op.call(g, indices, 0, False)
    ),
    values=lambda g, indices, accumulate: (
        g._pick(indices) if accumulate else of_last_writes(g, indices)
    ),
)


@op(
    samples=[
        (Rand((4, 3)), Ints((2, 5), 0, 4)),
        (Rand((4, 2)), Ints((), 0, 4)),
        (Rand((3, 2)), Ints((0,))),
    ]
)
def embedding(weight: Tensor, index: Tensor):
    """Rows of a matrix at an index of any shape."""
    if len(shape_of("embedding", weight, "weight")) != 2:
        raise RuntimeError(f"embedding: 'weight' must be 2-D, got {list(weight._array.shape)}")
    _index("embedding", index)
    return weight, index


embedding.vjp(weight=lambda g, index, weight_shape: embedding_backward(g, index, weight_shape[0]))


@op(samples=[(Rand((2, 5, 3)), Ints((2, 5), 0, 4), 4)])
def embedding_backward(grad: Tensor, index: Tensor, rows):
    """The gradient of embedding's weight: rows of grad, summed where they have one index."""
    return grad, index, rows


embedding_backward.vjp(grad=lambda g, index: embedding(g, index))
