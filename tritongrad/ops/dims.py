"""What the operations say about dims: which ones are meant, and how to put reduced ones back."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tritongrad.autograd.variable import Variable
from tritongrad.dtype import INT64, as_dtype, is_float


def dims_of(name: str, input: Any, dim: Any) -> tuple:
    """The dims meant by `dim`: None and () are all of them. Sorted, not negative."""
    n = tensor(name, input).ndim
    if type(dim) is int and -n <= dim < n:
        return (dim % n,)
    if dim is None or (isinstance(dim, (tuple, list)) and not dim):
        return tuple(range(n))
    dims = [check_dim(name, d, n) for d in (dim if isinstance(dim, (tuple, list)) else (dim,))]
    if len(set(dims)) != len(dims):
        raise RuntimeError(f"{name}: dim {dim} appears multiple times in the list of dims")
    return tuple(sorted(d for d in dims if d < n))


def check_dim(name: str, dim: Any, n: int) -> int:
    """dim counted from the front; IndexError outside of [-n, n-1]."""
    if not hasattr(dim, "__index__") or isinstance(dim, bool):
        raise TypeError(f"{name}: argument 'dim' must be an int, got {type(dim).__name__}")
    dim = dim.__index__()
    reach = max(n, 1)
    if not -reach <= dim < reach:
        raise IndexError(
            f"{name}: Dimension out of range (expected to be in range of [{-reach}, {reach - 1}], "
            f"but got {dim})"
        )
    return dim % reach


def nonempty_dims(name: str, input: Any, dim: Any) -> tuple:
    """`dims_of`, where a dim of no elements has no result."""
    dims = dims_of(name, input, dim)
    empty = [d for d in dims if input._array.shape[d] == 0]
    if empty:
        of_all = dim is None or dim == () or name == "norm"
        error = RuntimeError if of_all and not name.startswith("arg") else IndexError  # PyTorch's
        raise error(
            f"{name}: expected reduction dim {empty[0]} to have non-zero size, got shape "
            f"{list(input.shape)}: there is no {name} of no elements"
        )
    return dims


def kept(t: Any, shape: tuple, dim: tuple, keepdim: bool) -> Any:
    """A reduced tensor with the reduced dims as size 1, so that it broadcasts to `shape`."""
    if keepdim or not dim or len(dim) == len(shape):
        return t
    return t.reshape([1 if d in dim else size for d, size in enumerate(shape)])


def spread(g: Any, shape: tuple, dim: tuple, keepdim: bool) -> Any:
    """The gradient of a sum, expanded over the dims that were reduced."""
    return kept(g, shape, dim, keepdim).expand(shape)


def count_of(shape: tuple, dim: tuple) -> int:
    """How many elements each result is made of."""
    return math.prod([shape[d] for d in dim])


def tensor(name: str, input: Any, argument: str = "input") -> Any:
    """input, which must be a Tensor."""
    if not isinstance(input, Variable):
        raise TypeError(
            f"{name}: argument '{argument}' must be a Tensor, got {type(input).__name__}"
        )
    return input


def floating(name: str, input: Any, argument: str = "input") -> Any:
    """input, which must be a Tensor of a floating type."""
    if not is_float(tensor(name, input, argument)._array.dtype):
        raise RuntimeError(
            f"{name}: argument '{argument}' must be floating, got {input.dtype}: convert it with "
            ".float()"
        )
    return input


def summed(name: str, input: Any, dtype: Any) -> tuple[Any, np.dtype]:
    """The input of a sum, and the dtype of the result: int64 for integers and bools."""
    source = tensor(name, input)._array.dtype
    if dtype is None:
        return input, source if is_float(source) else INT64
    target = as_dtype(dtype).numpy
    return input if is_float(target) else input.detach(), target
