"""A tensor cut into several views along a dim: one Node for all of them, one history."""

from __future__ import annotations

import functools
from collections.abc import Callable
from operator import index
from typing import Any

from tritongrad.autograd.modes import state
from tritongrad.autograd.variable import Variable, View, version_of
from tritongrad.cpu import view as kernels
from tritongrad.front import of_tensors
from tritongrad.op import apply, op
from tritongrad.samples import Rand

from .dims import check_dim
from .sizes import ints, shape_of
from .slices import narrow, select

MOST_PARTS = 1 << 16  # sections beyond the size of the dim: they hold nothing

Tensor = Any


def _views(one: Any) -> Callable:
    """Decorate an operation of several outputs: output i is the view one(input, dim, ...).

    That is how a write to it finds the way to the input, and a write to the input to it.
    """

    def decorate(entry: Callable) -> Callable:
        @functools.wraps(entry)
        def cut(*args: Any, **kwargs: Any) -> tuple:
            if "axis" in kwargs:
                kwargs["dim"] = kwargs.pop("axis")
            canonical = entry.op.function(*args, **kwargs)
            parts = apply(entry.op, canonical)
            if state.inference:
                return parts
            input, dim = canonical[0], canonical[-1]
            cell = version_of(input)
            start, operation = 0, one.op
            for part in parts:
                if operation is select.op:
                    where, length = (dim, start), 1
                else:
                    length = part._array.shape[dim]
                    where = (dim, start, length)
                view = View(input, operation, where, cell[1])
                view.node, part._node, part._version = part._node, view, cell
                start += length
            return parts

        cut.op.entry = cut  # type: ignore[attr-defined]  (wraps copied it)
        return cut

    return decorate


def _list(g: Any) -> list:
    """The gradients of all outputs: one output alone gives no list."""
    return [g] if isinstance(g, Variable) else g


@of_tensors
@_views(narrow)
@op(
    cpu=kernels.split,
    device=kernels.split,
    samples=[
        (Rand((5, 2)), 2),
        (Rand((2, 6)), (1, 3, 2), 1),
        (Rand((2, 4)), 4, -1),
        (Rand((0, 2)), (0,)),
    ],
)
def split(input: Tensor, split_size, dim=0):
    """Views of `split_size` slices each along dim (the last may be smaller), or of given sizes."""
    shape = shape_of("split", input)
    if not shape:
        raise RuntimeError("split expects at least a 1-dimensional tensor")
    dim = check_dim("split", dim, len(shape))
    n = shape[dim]
    if isinstance(split_size, (tuple, list)):
        sizes = ints("split", split_size, (), "split_size")
        if sum(sizes) != n or min(sizes, default=0) < 0:
            raise RuntimeError(
                f"split: split_with_sizes expects split_sizes to sum exactly to {n} (input "
                f"tensor's size at dimension {dim}), but got split_sizes={list(sizes)}"
            )
        return input, sizes, dim
    size = split_size.__index__()
    if size < 0 or (size == 0 and n):
        raise RuntimeError(
            f"split expects split_size be non-negative, but got split_size={size}"
            if size < 0
            else f"split: split_size can only be 0 if dimension size is 0, but got size {n}"
        )
    return input, tuple([min(size, n - i) for i in range(0, n, size)]) if n else (0,), dim


def _join(g, dim):
    from .shape import cat

    return cat(_list(g), dim)


split.vjp(input=lambda g, dim: _join(g, dim))


def split_with_sizes(input, split_sizes, dim=0):
    """Views of the given sizes along dim."""
    return split(input, tuple(split_sizes), dim)


def chunk(input, chunks, dim=0):
    """At most `chunks` views of equal size along dim; the last may be smaller."""
    shape = shape_of("chunk", input)
    if not shape:
        raise RuntimeError("chunk expects at least a 1-dimensional tensor")
    (chunks,) = ints("chunk", chunks, (), "chunks")
    if chunks <= 0:
        raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    n = shape[check_dim("chunk", dim, len(shape))]
    if not n:
        return split(input, (0,) * _some("chunk", chunks, 0), dim)
    return split(input, -(-n // chunks), dim)


def _some(name: str, count: int, n: int) -> int:
    """A number of parts of a dim of n, if it is one that can be made."""
    if count > max(n, MOST_PARTS):
        raise RuntimeError(
            f"{name}: {count} sections of a dim of {n} are more than the {MOST_PARTS} "
            "tensors that it makes at most: nearly all of them would be empty"
        )
    return count


def tensor_split(input, indices_or_sections: Any, dim=0):
    """As many views as asked for, sizes differing by at most 1, or cut before the given indices."""
    shape = shape_of("tensor_split", input)
    if not shape:
        raise RuntimeError("tensor_split expected at least a 1-dimensional tensor, got 0 dims")
    n = shape[check_dim("tensor_split", dim, len(shape))]
    if isinstance(indices_or_sections, Variable) and indices_or_sections._array.ndim:
        indices_or_sections = indices_or_sections.tolist()
    if not isinstance(indices_or_sections, (tuple, list)):
        sections: Any = indices_or_sections
        count = index(sections)
        if count <= 0:
            raise RuntimeError(
                f"tensor_split: number of sections must be larger than 0, got {count}"
            )
        _some("tensor_split", count, n)
        return split(input, tuple([n // count + (i < n % count) for i in range(count)]), dim)
    cuts = ints("tensor_split", tuple(indices_or_sections), (), "indices_or_sections")
    ends = [*_ends(cuts, n), n]
    parts, start = [], 0
    for end in ends:
        parts.append(
            narrow(input, dim, start if end > start else min(start, n), max(end - start, 0))
        )
        start = end
    return tuple(parts)


def _ends(indices: Any, n: int) -> list:
    """Indices as ends of slices: counted from the front, within 0 .. n."""
    return [slice(0, i).indices(n)[1] for i in indices]


def hsplit(input, indices_or_sections):
    """tensor_split along dim 1 (dim 0 of a vector); a number of sections must divide the size."""
    dim = 1 if len(shape_of("hsplit", input)) > 1 else 0
    return tensor_split(input, _dividing("hsplit", input, indices_or_sections, dim, 1), dim)


def vsplit(input, indices_or_sections):
    """tensor_split along dim 0; a number of sections must divide the size."""
    return tensor_split(input, _dividing("vsplit", input, indices_or_sections, 0, 2), 0)


def _dividing(name: str, input: Any, sections: Any, dim: int, least: int) -> Any:
    """The sections, after a check of what `tensor_split` would let pass."""
    shape = shape_of(name, input)
    if len(shape) < least:
        raise RuntimeError(
            f"{name} requires a tensor with at least {least} dims, got {list(shape)}"
        )
    if hasattr(sections, "__index__") and shape[dim] % sections.__index__():
        raise RuntimeError(
            f"{name} attempted to split along dimension {dim}, but the size of the dimension "
            f"{shape[dim]} is not divisible by the split_size {sections}!"
        )
    return sections


@_views(select)
@op(
    cpu=kernels.unbind,
    device=kernels.unbind,
    samples=[(Rand((3, 2)),), (Rand((2, 3, 4)), 1), (Rand((1, 2)), -2), (Rand((3,)),)],
)
def unbind(input: Tensor, dim=0):
    """The slices along dim, without it, as a tuple of views."""
    shape = shape_of("unbind", input)
    dim = check_dim("unbind", dim, len(shape))
    if not shape:
        raise IndexError("unbind: Dimension specified as 0 but tensor has no dimensions")
    return input, dim


def _stack(g, dim):
    from .shape import stack

    return stack(_list(g), dim)


unbind.vjp(input=lambda g, dim: _stack(g, dim))
