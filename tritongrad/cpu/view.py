"""Views of arrays, in terms of what NumPy arrays and device arrays share: serves every device."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided as numpy_as_strided


def restrided(x: Any, shape: tuple, strides: tuple) -> Any:
    """The view that begins where x does; strides in bytes."""
    if type(x) is np.ndarray:
        if x.flags.c_contiguous and x.dtype.kind != "V" and x.size:
            return np.ndarray(shape, x.dtype, x, 0, strides)  # a tenth of as_strided's price
        return numpy_as_strided(x, shape, strides, writeable=x.flags.writeable)
    return x.as_strided(shape, strides)


def transpose(x: Any, dim0: int, dim1: int) -> Any:
    axes = list(range(x.ndim))
    if axes:
        axes[dim0], axes[dim1] = dim1, dim0
    return x.transpose(axes)


def permute(x: Any, dims: tuple) -> Any:
    return x.transpose(dims)


def squeeze(x: Any, dim: tuple) -> Any:
    return x.squeeze(dim) if dim else x[...]


def unsqueeze(x: Any, dim: int) -> Any:
    return x[(slice(None),) * dim + (None,)]


def expand(x: Any, size: tuple) -> Any:
    if size == x.shape:
        return x[...]
    if type(x) is not np.ndarray:
        return x.broadcast_to(size)
    new = len(size) - x.ndim
    strides = [
        s if n == want else 0 for n, want, s in zip(x.shape, size[new:], x.strides, strict=True)
    ]
    return restrided(x, size, (0,) * new + tuple(strides))


def slices(x: Any, key: tuple) -> Any:
    return x[key]


def select(x: Any, dim: int, index: int) -> Any:
    return x[(slice(None),) * dim + (index, ...)]


def narrow(x: Any, dim: int, start: int, length: int) -> Any:
    return x[(slice(None),) * dim + (slice(start, start + length),)]


def split(x: Any, sizes: tuple, dim: int) -> tuple:
    before, start, parts = (slice(None),) * dim, 0, []
    for size in sizes:
        parts.append(x[(*before, slice(start, start + size))])
        start += size
    return tuple(parts)


def unbind(x: Any, dim: int) -> tuple:
    before = (slice(None),) * dim
    return tuple([x[(*before, i, ...)] for i in range(x.shape[dim])])


def diagonal(x: Any, offset: int, dim1: int, dim2: int) -> Any:
    first, second = max(-offset, 0), max(offset, 0)
    n = max(min(x.shape[dim1] - first, x.shape[dim2] - second), 0)
    key = [slice(None)] * x.ndim
    key[dim1], key[dim2] = slice(min(first, x.shape[dim1]), None), slice(second, None)
    x = x[tuple(key)]
    kept = [d for d in range(x.ndim) if d not in (dim1, dim2)]
    strides = [x.strides[d] for d in kept] + [x.strides[dim1] + x.strides[dim2]]
    return restrided(x, (*[x.shape[d] for d in kept], n), tuple(strides))


def unfold(x: Any, dim: int, size: int, step: int) -> Any:
    if not x.shape:
        return x[None][:size]
    shape, strides = list(x.shape), list(x.strides)
    shape[dim] = (shape[dim] - size) // step + 1
    strides[dim] *= step
    return restrided(x, (*shape, size), (*strides, x.strides[dim]))


def storage(x: Any) -> tuple[Any, int, int]:
    """What owns the memory of x, x's offset in it and its size, in elements."""
    if type(x) is not np.ndarray:
        return x.storage, x.offset // x.itemsize, x.storage.nbytes // x.itemsize
    owner = x
    while isinstance(owner.base, np.ndarray) and owner.base.dtype == x.dtype:
        owner = owner.base
    return owner, (_address(x) - _address(owner)) // x.itemsize, owner.size


def _address(x: np.ndarray) -> int:
    return x.__array_interface__["data"][0]


def as_strided(x: Any, size: tuple, stride: tuple, offset: int, layout: tuple) -> Any:
    """`offset` and `stride` are meant for an input whose strides and offset `layout` gives."""
    strides, start = layout
    if tuple(s // x.itemsize for s in x.strides) != strides:
        raise RuntimeError(
            "as_strided: cannot pass a gradient through an in-place change of an as_strided view "
            "of a tensor that is not contiguous: clone() the view before changing it"
        )
    steps = tuple(s * x.itemsize for s in stride)
    skip = (offset - start) * x.itemsize
    if type(x) is not np.ndarray:
        return x.as_strided(size, steps, skip)
    place = _Place(x, size, steps, _address(x) + skip)
    return np.asarray(place).view(x.dtype)


class _Place:
    """Memory at an address inside of what x belongs to, for NumPy to look at."""

    def __init__(self, x: np.ndarray, shape: tuple, strides: tuple, address: int) -> None:
        self.owner = x
        self.__array_interface__ = {
            "shape": shape,
            "strides": strides,
            "data": (address, not x.flags.writeable),
            "typestr": f"|V{x.itemsize}",
            "version": 3,
        }
