"""What `x[index]` means: a view by ints and slices, then elements picked by arrays and masks."""

from __future__ import annotations

from typing import Any

import numpy as np

from tritongrad.autograd.modes import state
from tritongrad.autograd.variable import Variable, edge_of

from .slices import select, slices

ALL = slice(None)
PLAIN = frozenset((int, slice))
PARTS = frozenset((int, type(None)))  # of a plain slice
KINDS = (
    "only integers, slices (`:`), ellipsis (`...`), None and long or bool tensors are valid indices"
)


def viewed(input: Any, key: tuple) -> Any:
    """input[key] for a parsed key, as a view; input itself if the key takes everything."""
    return input if all(k is ... or k == ALL for k in key) else slices.op.call(input, key)


def parse(name: str, input: Any, index: Any) -> tuple[tuple, tuple | None]:
    """The two steps of an index: the key of a view, and what is picked from that view.

    The second is None, or for each dim of the view (the last ones may be missing) a full slice or
    an array of ints; the arrays broadcast. Their dims come where the arrays stand, or in front if
    there are slices between them. A mask stands for the positions where it is True.
    """
    shape = input._array.shape
    items = [_item(name, i) for i in (index if isinstance(index, tuple) else (index,))]
    used = sum(_consumed(item) for item in items)
    if used > len(shape):
        raise IndexError(
            f"{name}: too many indices for tensor of dimension {len(shape)} (shape {list(shape)}): "
            f"got {used}"
        )
    if sum(item is Ellipsis for item in items) > 1:
        raise IndexError(f"{name}: an index can only have a single ellipsis ('...')")
    at = next((i for i, item in enumerate(items) if item is Ellipsis), len(items))
    items[at : at + 1] = [ALL] * (len(shape) - used)
    key: list[Any] = []
    picks: list[Any] = []
    dim = 0
    for item in items:
        if type(item) is int:
            if not -shape[dim] <= item < shape[dim]:
                raise out_of_bounds(name, item, dim, shape[dim])
            key.append(item)
        elif item is None or isinstance(item, slice):
            key.append(item)
            picks.append(ALL)
        else:
            arrays = _positions(name, item, shape, dim)
            key += [ALL if item.ndim else None] * len(arrays)
            picks += arrays
        dim += _consumed(item)
    while picks and isinstance(picks[-1], slice):
        picks.pop()
    return (*key, ...), tuple(picks) or None


def out_of_bounds(name: str, index: int, dim: int, size: int) -> IndexError:
    return IndexError(
        f"{name}: index {index} is out of bounds for dimension {dim} with size {size}"
    )


def _item(name: str, item: Any) -> Any:
    """One part of an index as an int, a slice of ints, None, an Ellipsis or an array."""
    if item is None or item is Ellipsis or type(item) is int:
        return item
    if isinstance(item, slice):
        return slice(
            *[i if i is None else i.__index__() for i in (item.start, item.stop, item.step)]
        )
    if isinstance(item, Variable):
        array = item._array
    elif isinstance(item, (bool, np.bool_, np.ndarray)):
        array = np.asarray(item)
    elif isinstance(item, (list, tuple, range)):
        array = np.asarray(_values(item), dtype=None if len(item) else np.int64)
    elif hasattr(item, "__index__"):
        return item.__index__()
    else:
        raise IndexError(f"{name}: {KINDS} (got {type(item).__name__})")
    if array.dtype.kind not in "biu" or array.dtype == np.uint8:
        raise IndexError(
            f"{name}: tensors used as indices must be long, int or bool tensors, got {array.dtype}"
        )
    if array.dtype.kind in "iu" and array.ndim == 0:
        return int(array) if isinstance(array, np.ndarray) else int(array.numpy())
    return array


def _values(item: Any) -> Any:
    """Nested lists with every tensor in them as Python values."""
    if isinstance(item, Variable):
        return item.tolist()
    return [_values(i) for i in item] if isinstance(item, (list, tuple, range)) else item


def _consumed(item: Any) -> int:
    """How many dims of the tensor an item stands for."""
    if item is None or item is Ellipsis:
        return 0
    if isinstance(item, (int, slice)) or item.dtype.kind != "b":
        return 1
    return item.ndim


def _positions(name: str, array: Any, shape: tuple, dim: int) -> list:
    """The int arrays that an array stands for: itself, or the positions of a mask."""
    if array.dtype.kind != "b":
        return [array]
    mask = array if isinstance(array, np.ndarray) else array.numpy()
    if not mask.ndim:
        return [np.zeros(int(mask), np.int64)]
    if mask.shape != shape[dim : dim + mask.ndim]:
        raise IndexError(
            f"{name}: The shape of the mask {list(mask.shape)} at index {dim} does not match the "
            f"shape of the indexed tensor {list(shape)} at index {dim}"
        )
    return list(np.nonzero(mask))


def checked_picks(name: str, input: Any, picks: tuple, *recorded: Any) -> tuple:
    """Picks that lie on the right device; copied if gradients will need them as they are now."""
    kind = type(input._array)
    for p in picks:
        if not isinstance(p, (slice, np.ndarray, kind)):
            raise RuntimeError(
                f"{name}: indices should be either on cpu or on the same device as the indexed "
                f"tensor ({input.device})"
            )
    if state.grad and any(isinstance(t, Variable) and edge_of(t) is not None for t in recorded):
        return tuple([p if isinstance(p, slice) else p.copy() for p in picks])
    return picks


def subscript(input, index):
    """input[index]: a view for ints, slices, None, Ellipsis; a copy for arrays, lists, masks."""
    kind = type(index)
    if kind is int and input._array.shape:
        return select(input, 0, index)
    if kind is slice and input._array.shape and _plain(index):
        return slices.op.call(input, (index, ...))
    if kind is tuple and PLAIN.issuperset(map(type, index)) and all(map(_plain, index)):
        try:
            return slices.op.call(input, (*index, ...))
        except IndexError:
            parse("getitem", input, index)  # it says what is wrong
            raise
    from .index import getitem

    array = getattr(index, "_array", None)
    if input._array.shape and type(array) is type(input._array) and _picks_rows(array):
        if not state.grad or input._node is None:
            return getitem.op.call(input, (array,))
        return getitem.op.call(input, checked_picks("getitem", input, (array,), input))
    key, picks = parse("getitem", input, index)
    if picks is None:
        return slices.op.call(input, key)
    view = viewed(input, key)
    return getitem.op.call(view, checked_picks("getitem", view, picks, view))


def _plain(item: Any) -> bool:
    """Whether an item is an int, or a slice that holds ints and None only."""
    return type(item) is int or PARTS.issuperset(map(type, (item.start, item.stop, item.step)))


def _picks_rows(array: Any) -> bool:
    """Whether an index needs no parsing: signed ints, not 0-d."""
    return array.dtype.kind == "i" and len(array.shape) > 0
