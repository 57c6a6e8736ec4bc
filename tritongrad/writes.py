"""In-place forms that write only a part of the tensor, or values as they are: fill, x[i] = v ..."""

from __future__ import annotations

from typing import Any

import numpy as np

from .autograd.variable import Variable, wrap
from .devices import device_of_array, place
from .dtype import BY_NUMPY
from .inplace import assign, inplace, run_inplace, store_copy, store_fill, store_zero
from .ops import copy, index, masks
from .ops.index import copied, slices_filled
from .ops.sizes import shape_of
from .ops.subscript import checked_picks, parse, viewed
from .ops.values import number_of, without_history

ndarray = np.ndarray
NUMBERS = (bool, int, float, np.generic)


def _masked_fill(x: Any, mask: Any, value: Any) -> None:
    shape = np.broadcast_shapes(x.shape, mask.shape)
    if shape != x.shape:
        raise RuntimeError(
            f"masked_fill_: output with shape {list(x.shape)} doesn't match the broadcast shape "
            f"{list(shape)} with the mask: use masked_fill()"
        )
    if type(x) is ndarray:
        np.copyto(x, np.asarray(value, x.dtype), where=mask)
    else:
        assign(x, masks.masked_fill.op.device(x, mask, value))


def _put(x: Any, at: tuple, value: Any, accumulate: bool) -> None:
    if type(x) is ndarray:
        from .cpu.index import put

        put(x, at, value, accumulate)
    elif accumulate:
        assign(x, index.index_put.op.device(x, at, value, True))
    else:
        from .cuda.index import setitem

        setitem(x, at, value)


def _scatter(x: Any, dim: int, at: Any, src: Any) -> None:
    if type(x) is ndarray:
        from .cpu.index import scatter_into

        scatter_into(x, dim, at, src)
    else:
        assign(x, index.scatter.op.device(x, dim, at, src))


def _scatter_add(x: Any, dim: int, at: Any, src: Any) -> None:
    if type(x) is ndarray:
        from .cpu.index import scatter_into

        scatter_into(x, dim, at, src, True)
    else:
        assign(x, index.scatter_add.op.device(x, dim, at, src))


def _index_add(x: Any, dim: int, at: Any, source: Any) -> None:
    if type(x) is ndarray:
        from .cpu.index import index_add_into

        index_add_into(x, dim, at, source)
    else:
        assign(x, index.index_add.op.device(x, dim, at, source))


fill_ = inplace(copy.fill, store_fill)
zero_ = inplace(copy.zero, store_zero)
copy_from = inplace(copy.copy, store_copy)
masked_fill_ = inplace(masks.masked_fill, _masked_fill)
index_put_ = inplace(index.index_put, _put)
scatter_ = inplace(index.scatter, _scatter)
scatter_add_ = inplace(index.scatter_add, _scatter_add)
index_add_ = inplace(index.index_add, _index_add)
tril_ = inplace(masks.tril)
triu_ = inplace(masks.triu)


def copy_(self, source, non_blocking=False):
    """Overwrite with the values of source: broadcast, cast, moved; its gradient flows to source.

    non_blocking: go on before they have arrived, if one of the two lies in page-locked memory.
    """
    if isinstance(source, NUMBERS):
        return fill_(self, source)
    return copy_from(self, source, non_blocking=non_blocking)


def fill_diagonal_(self, fill_value, wrap=False):
    """Write one value where all indices are equal; `wrap`: again and again down a tall matrix."""
    sizes = shape_of("fill_diagonal_", self)
    if len(sizes) < 2:
        raise RuntimeError("fill_diagonal_: dimensions must be larger than 1")
    if len(sizes) > 2 and len(set(sizes)) > 1:
        raise RuntimeError("fill_diagonal_: all dimensions of input must be of equal length")
    parts = self.split(sizes[1] + 1) if wrap and len(sizes) == 2 else [self]
    for part in parts:
        while part.ndim > 1:
            part = part.diagonal(dim1=-2, dim2=-1)
        fill_(part, fill_value)
    return self


def index_fill_(self, dim, index, value):
    """Write one value in the slices along dim that index names."""
    return index_put_(self, *slices_filled("index_fill_", self, dim, index, value))


def index_copy_(self, dim, index, source):
    """Write the slices of source along dim in the places that index names."""
    return index_put_(self, *copied("index_copy_", self, dim, index, source))


def pick(self, at):
    """self[at] for an index that is parsed already."""
    return index.getitem.op.call(self, at)


def put(self, at, value, accumulate=False):
    """index_put_ for an index that is parsed already."""
    return run_inplace(index.index_put.op, "index_put_", (self, at, value, accumulate), _put)


def setitem(self, at, value):
    """self[at] = value, with the history of both."""
    if isinstance(at, Variable) and at._array.dtype.kind == "b" and _fills(self, at, value):
        mask = at.reshape(at._array.shape + (1,) * (self._array.ndim - at._array.ndim))
        args = masks.masked_fill.op.function(self, mask, value)
        run_inplace(masks.masked_fill.op, "setitem", args, _masked_fill)
        return
    key, picks = parse("setitem", self, at)
    view = viewed(self, key)
    if picks is None and isinstance(value, NUMBERS):
        args = copy.fill.op.function(view, value)
        run_inplace(copy.fill.op, "setitem", args, store_fill)
        return
    value = _value(view, value)
    if picks is None:
        shape = value._array.shape
        extra = len(shape) - view._array.ndim
        if extra > 0 and shape[:extra] == (1,) * extra:
            value = value.reshape(shape[extra:])
        args = copy.copy.op.function(view, value)
        run_inplace(copy.copy.op, "setitem", args, store_copy)
        return
    if value._array.dtype != view._array.dtype or type(value._array) is not type(view._array):
        value = value.to(view.device, view._array.dtype)
    picks = checked_picks("setitem", view, picks, view, value)
    value = without_history(value, view._array.dtype)
    run_inplace(index.index_put.op, "setitem", (view, picks, value, False), _put)


def _fills(self: Any, mask: Any, value: Any) -> bool:
    """Whether a mask of the leading dims is to be filled with one value."""
    shape = mask._array.shape
    one = isinstance(value, NUMBERS) or (isinstance(value, Variable) and not value._array.ndim)
    return one and bool(shape) and shape == self._array.shape[: len(shape)]


def _value(like: Any, value: Any) -> Any:
    """What is assigned, as a tensor: tensors as they are, all else in the dtype of `like`."""
    if isinstance(value, Variable):
        return value
    dtype = like._array.dtype
    if isinstance(value, NUMBERS):
        value = number_of("setitem", value, dtype)
    array = np.asarray(value)
    if array.dtype not in BY_NUMPY:
        raise TypeError(
            f"setitem: can't assign {type(value).__name__} {value!r:.40}: give a number, a Tensor, "
            "an array or a list of numbers"
        )
    return wrap(place(array.astype(dtype), device_of_array(like._array)))
