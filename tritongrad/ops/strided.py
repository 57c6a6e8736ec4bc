"""Views by strides: windows that overlap, and any other way to look at a tensor's memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tritongrad.autograd.variable import wrap
from tritongrad.cpu import view as kernels
from tritongrad.devices import device_of_array, place
from tritongrad.dtype import BOOL, BY_NUMPY, as_dtype
from tritongrad.op import op
from tritongrad.samples import Rand

from .dims import check_dim
from .sizes import ints, shape_of
from .view import detach

Tensor = Any


@op(
    cpu=kernels.unfold,
    view=True,
    samples=[
        (Rand((7,)), 0, 3, 2),
        (Rand((2, 3, 4)), 1, 2, 1),
        (Rand(()), 0, 1, 1),
        (Rand((2, 4)), -1, 4, 1),
    ],
)
def unfold(input: Tensor, dimension, size, step):
    """All windows of `size` along a dim, `step` apart, with their elements in a new last dim."""
    shape = shape_of("unfold", input)
    dim = check_dim("unfold", dimension, len(shape))
    reach = shape[dim] if shape else 1
    if not 0 <= size <= reach:
        raise RuntimeError(
            f"unfold: maximum size for tensor at dimension {dim} is {reach} but size is {size}"
        )
    if step <= 0:
        raise RuntimeError(f"unfold: step must be > 0, got {step}")
    return input, dim, int(size), int(step)


unfold.vjp(
    input=lambda g, input_shape, dimension, size, step: _back(
        g, input_shape, lambda x: kernels.unfold(x, dimension, size, step)
    )
)


def _back(g: Any, shape: tuple, view: Callable) -> Any:
    """The sum of g's elements at those places of an input that a view took them from."""
    places = np.arange(np.prod(shape, dtype=np.int64)).reshape(shape)
    index = np.ascontiguousarray(view(places)).reshape(-1)
    index = wrap(place(index, device_of_array(g._array)))
    zeros = g.new_zeros((places.size,))
    return zeros.index_add(0, index, g.reshape(-1)).reshape(shape)


def reread(input, dtype):
    """The same memory, its bytes read as another dtype; what results has no history."""
    shape, d = shape_of("view", input), as_dtype(dtype).numpy
    array = input._array
    if d == array.dtype:
        return input.view(shape)
    if d == BOOL:
        raise RuntimeError("view: a byte that is neither 0 nor 1 is no bool: use .bool()")
    old, new = array.dtype.itemsize, d.itemsize
    refusal = None
    if old != new and (not shape or (array.size and array.strides[-1] != old)):
        refusal = "there must be a last dim with stride 1"
    elif any(n % new for n in (old * (1, *shape)[-1], *array.strides[:-1], input.data_ptr())):
        refusal = f"the last dim, the strides and the offset must be multiples of {new} bytes"
    if refusal and old != new:
        raise RuntimeError(
            f"view: to read {input.dtype} as {BY_NUMPY[d]}, {refusal}; got shape {list(shape)} "
            f"and strides {list(input.stride())}"
        )
    result = detach(input)
    result._array = array.view(d)
    return result


def storage_offset(input):
    """Elements between the start of the memory that a tensor lies in and its first element."""
    return kernels.storage(input._array)[1]


@op(
    cpu=kernels.as_strided,
    view=True,
    samples=[
        (Rand((3, 4)), (), ()),
        (Rand((3, 4)), (2, 2), (4, 1), 5),
        (Rand((6,)), (4, 3), (1, 1)),
    ],
)
def as_strided(input: Tensor, size, stride, storage_offset=None, layout=None):
    """The view of a tensor's memory with the given sizes and strides, in elements.

    `layout` is for the graph alone: strides and offset of the input, filled in here.
    """
    shape_of("as_strided", input)
    array = input._array
    size, stride = ints("as_strided", size, ()), ints("as_strided", stride, (), "stride")
    start, capacity = kernels.storage(array)[1:]
    offset = start if storage_offset is None else int(storage_offset)
    if len(size) != len(stride):
        raise RuntimeError(
            f"as_strided: mismatch in length of strides and shape: {list(stride)} and {list(size)}"
        )
    if min((*size, *stride, offset), default=0) < 0:
        raise RuntimeError("as_strided: sizes, strides and the offset must not be negative")
    last = offset + sum((n - 1) * s for n, s in zip(size, stride, strict=True))
    if 0 not in size and last >= capacity:
        raise RuntimeError(
            f"as_strided: sizes {list(size)}, strides {list(stride)}, storage offset {offset} "
            f"require {last + 1} elements, out of bounds for storage of {capacity}"
        )
    return input, size, stride, offset, (input.stride(), start)


def _strided_back(g, shape, size, stride, offset, layout):
    """The gradient of as_strided: of what input sees of the memory, where the view looked."""
    seen, looked = _places(shape, *layout), _places(size, stride, offset)
    low = min(seen.min(initial=offset), looked.min(initial=offset))
    high = max(seen.max(initial=offset), looked.max(initial=offset))
    where = device_of_array(g._array)
    seen, looked = (wrap(place((p - low).reshape(-1), where)) for p in (seen, looked))
    memory = g.new_zeros((int(high - low) + 1,)).index_add(0, looked, g.reshape(-1))
    return memory.index_select(0, seen).reshape(shape)


def _places(shape: tuple, strides: tuple, start: int) -> np.ndarray:
    """Where each element of a view lies in memory."""
    places = np.full(shape, start, np.int64)
    for d, (n, step) in enumerate(zip(shape, strides, strict=True)):
        places += (np.arange(n) * step).reshape(-1, *(1,) * (len(shape) - d - 1))
    return places


as_strided.vjp(
    input=lambda g, input_shape, size, stride, storage_offset, layout: _strided_back(
        g, input_shape, size, stride, storage_offset, layout
    )
)
