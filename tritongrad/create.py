"""Making tensors: from Python values and NumPy arrays, filled, counted, and like another."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .autograd.modes import quiet, state
from .autograd.variable import INFERENCE, Variable, wrap
from .calling import out_of_memory
from .cpu.spacing import spaced
from .devices import as_device, device, device_of_array, move, place, seam
from .dtype import as_dtype, get_default_dtype
from .front import of_tensors
from .ops.values import number_of
from .python_values import array_of, checked, converted
from .tensor import Tensor


def finish(array: Any, requires_grad: bool, pin_memory: bool = False) -> Tensor:
    """A new leaf around an array, or around its copy in page-locked memory."""
    t = wrap(array)
    if pin_memory:
        t = t.pin_memory()
    if state.inference:
        t._version = INFERENCE
    return t.requires_grad_() if requires_grad else t


def size_of(name: str, size: Sequence, named: Any = None) -> tuple:
    """A shape from `(2, 3)` or `((2, 3),)`: sizes one by one or together, or `size=(2, 3)`."""
    if named is not None:
        if size:
            raise TypeError(f"{name}: sizes are given twice: {list(size)} and size={named}")
        size = (named,)
    if len(size) == 1 and isinstance(size[0], (tuple, list)):
        size = size[0]
    try:
        shape = tuple([s.__index__() for s in size])
    except AttributeError:
        odd = next(s for s in size if not hasattr(s, "__index__"))
        raise TypeError(f"{name}: sizes must be ints, got {type(odd).__name__}") from None
    if any(s < 0 for s in shape):
        raise RuntimeError(f"{name}: sizes must not be negative, got {list(shape)}")
    return shape


def filled(shape: tuple, value: Any, dtype: np.dtype, where: device) -> Any:
    """An array of one value on any device."""
    if where.type == "cpu":
        zero = type(value) is int and not value  # -0.0 is none
        return np.zeros(shape, dtype) if zero else np.full(shape, value, dtype)
    from .cuda.inplace import full

    return full(shape, np.full((), value, dtype), seam(where))


def number(name: str, value: Any, dtype: np.dtype) -> Any:
    """What `fill_value` means, as a number that the dtype holds."""
    if isinstance(value, (Variable, np.generic)):
        value = value.item()
    if not isinstance(value, (bool, int, float)):
        raise TypeError(f"{name}: argument 'fill_value' must be a number, got {value!r:.40}")
    return number_of(name, value, dtype)


def like(array: Any, value: Any) -> Tensor:
    """A tensor of one value in the shape and dtype of an array, on its device."""
    if type(array) is np.ndarray:
        return finish(np.full(array.shape, value, array.dtype), False)
    from .cuda.inplace import full

    return finish(full(array.shape, np.array(value, array.dtype), array.device), False)


def _filled(
    name: str, shape: tuple, value: Any, dtype: Any, where: Any, grad: bool, pin: bool
) -> Tensor:
    d = as_dtype(dtype) if dtype is not None else get_default_dtype()
    try:
        return finish(filled(shape, value, d.numpy, as_device(where)), grad, pin)
    except MemoryError as error:
        raise out_of_memory(name, error) from None


# from values


def tensor(
    data: Any,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """A new tensor with a copy of data: a number, nested lists of them, an array or a tensor.

    Floats become the default dtype and ints int64, unless `dtype` says otherwise; NumPy arrays
    keep their dtype. With `pin_memory` a CPU tensor lies in page-locked memory, from which copies
    to a GPU need not wait. Raises ValueError for ragged lists.
    """
    array = array_of(data, "tensor", dtype)
    if dtype is not None:
        array = converted(array, as_dtype(dtype).numpy, "tensor", data)
    elif array is data or isinstance(data, Variable) or array.base is not None:
        array = array.copy()
    if isinstance(data, Variable) and device is None:
        return finish(move(array, data.device), requires_grad, pin_memory)
    return finish(move(array, as_device(device)), requires_grad, pin_memory)


def as_tensor(data: Any, dtype: Any = None, device: Any = None) -> Tensor:
    """data as a tensor: the tensor itself, or the same memory as a NumPy array, where possible."""
    if isinstance(data, Tensor):
        return data if dtype is None and device is None else data.to(device=device, dtype=dtype)
    array = array_of(data, "as_tensor", dtype)
    if dtype is not None and array.dtype != (d := as_dtype(dtype).numpy):
        array = converted(array, d, "as_tensor", data)
    return finish(move(array, as_device(device)), False)


def from_numpy(ndarray: np.ndarray) -> Tensor:
    """A CPU tensor that shares the memory of a NumPy array, strides included."""
    if not isinstance(ndarray, np.ndarray):
        raise TypeError(f"from_numpy: expected np.ndarray (got {type(ndarray).__name__})")
    return finish(checked(ndarray, "from_numpy").view(np.ndarray), False)


# filled


def zeros(*sizes, size=None, dtype=None, device=None, requires_grad=False, pin_memory=False):
    """A tensor of zeros."""
    return _filled(
        "zeros", size_of("zeros", sizes, size), 0, dtype, device, requires_grad, pin_memory
    )


def ones(*sizes, size=None, dtype=None, device=None, requires_grad=False, pin_memory=False):
    """A tensor of ones."""
    return _filled(
        "ones", size_of("ones", sizes, size), 1, dtype, device, requires_grad, pin_memory
    )


def full(size, fill_value, *, dtype=None, device=None, requires_grad=False, pin_memory=False):
    """A tensor of one value; the dtype follows the value if none is given."""
    if isinstance(fill_value, (Variable, np.generic)):
        fill_value = fill_value.item()
    if dtype is None:
        dtype = type(fill_value) if isinstance(fill_value, (bool, int)) else get_default_dtype()
    fill_value = number("full", fill_value, as_dtype(dtype).numpy)
    return _filled(
        "full", size_of("full", (size,)), fill_value, dtype, device, requires_grad, pin_memory
    )


def empty(*sizes, size=None, dtype=None, device=None, requires_grad=False, pin_memory=False):
    """A tensor of arbitrary content."""
    shape = size_of("empty", sizes, size)
    d = (as_dtype(dtype) if dtype is not None else get_default_dtype()).numpy
    where = as_device(device)
    if where.type == "cpu" and pin_memory:
        from .cuda.pinned import pinned_empty

        return finish(pinned_empty(shape, d), requires_grad)
    if where.type == "cpu":
        try:
            return finish(np.empty(shape, d), requires_grad)
        except MemoryError as error:
            raise out_of_memory("empty", error) from None
    from .cuda.array import empty as device_empty

    return finish(device_empty(shape, d, seam(where)), requires_grad, pin_memory)


def _like(input: Any, value: Any, dtype: Any, where: Any, grad: bool, pin: bool) -> Tensor:
    if not isinstance(input, Variable):
        raise TypeError(f"argument 'input' must be a Tensor, got {type(input).__name__}")
    array = input._array
    d = as_dtype(dtype).numpy if dtype is not None else array.dtype
    on = device_of_array(array) if where is None else as_device(where)
    return finish(filled(array.shape, value, d, on), grad, pin)


def zeros_like(
    input, *, dtype=None, device=None, requires_grad=False, pin_memory=False, memory_format=None
):
    """Zeros in the shape, dtype and device of input."""
    return _like(input, 0, dtype, device, requires_grad, pin_memory)


def ones_like(
    input, *, dtype=None, device=None, requires_grad=False, pin_memory=False, memory_format=None
):
    """Ones in the shape, dtype and device of input."""
    return _like(input, 1, dtype, device, requires_grad, pin_memory)


def full_like(
    input,
    fill_value,
    *,
    dtype=None,
    device=None,
    requires_grad=False,
    pin_memory=False,
    memory_format=None,
):
    """One value in the shape, dtype and device of input."""
    if isinstance(input, Variable):
        d = input._array.dtype if dtype is None else as_dtype(dtype).numpy
        fill_value = number("full_like", fill_value, d)
    return _like(input, fill_value, dtype, device, requires_grad, pin_memory)


@of_tensors
def empty_like(
    input, *, dtype=None, device=None, requires_grad=False, pin_memory=False, memory_format=None
):
    """Arbitrary content in the shape, dtype and device of input."""
    d = dtype if dtype is not None else input.dtype
    on = device if device is not None else input.device
    return empty(
        input.shape, dtype=d, device=on, requires_grad=requires_grad, pin_memory=pin_memory
    )


# counted


def arange(
    start=None, end=None, step=1, *, dtype=None, device=None, requires_grad=False, pin_memory=False
):
    """Values from start (0 if there is only one argument) up to, not including, end."""
    if end is None:
        start, end = None, start
    if end is None:
        raise TypeError("arange: missing argument 'end'")
    start = 0 if start is None else start
    start, end, step = (x.item() if isinstance(x, Variable) else x for x in (start, end, step))
    if not (math.isfinite(start) and math.isfinite(end) and math.isfinite(step)):
        raise RuntimeError(f"arange: unsupported range: {start} to {end} by {step}")
    if step == 0:
        raise RuntimeError("arange: step must be nonzero")
    if (end - start) * step < 0:
        raise RuntimeError(
            f"arange: upper bound and lower bound inconsistent with step sign: {start} to {end} "
            f"by {step}"
        )
    if dtype is None:
        dtype = (
            get_default_dtype() if any(isinstance(x, float) for x in (start, end, step)) else int
        )
    d = as_dtype(dtype).numpy
    if isinstance(start, float) or isinstance(end, float) or isinstance(step, float):
        values = start + np.arange(math.ceil((end - start) / step), dtype=np.float64) * step
    else:
        values = np.arange(start, end, step, dtype=np.int64)
    return finish(place(values.astype(d), as_device(device)), requires_grad, pin_memory)


def linspace(start, end, steps, *, dtype=None, device=None, requires_grad=False, pin_memory=False):
    """`steps` values from start to end, both included, at equal distances."""
    if steps < 0:
        raise RuntimeError(f"linspace: number of steps must be non-negative, got {steps}")
    start, end = (x.item() if isinstance(x, Variable) else x for x in (start, end))
    d = as_dtype(dtype) if dtype is not None else get_default_dtype()
    values = quiet(spaced, start, end, steps, d.numpy)
    return finish(place(values, as_device(device)), requires_grad, pin_memory)


def logspace(
    start, end, steps, base=10.0, *, dtype=None, device=None, requires_grad=False, pin_memory=False
):
    """base to the powers linspace(start, end, steps)."""
    d = as_dtype(dtype) if dtype is not None else get_default_dtype()
    with np.errstate(all="ignore"):
        values = np.logspace(float(start), float(end), steps, base=float(base)).astype(d.numpy)
    return finish(place(values, as_device(device)), requires_grad, pin_memory)


def eye(n, m=None, *, dtype=None, device=None, requires_grad=False, pin_memory=False):
    """The n x m matrix (n x n if m is absent) with ones on its diagonal."""
    shape = size_of("eye", (n, n if m is None else m))
    d = as_dtype(dtype) if dtype is not None else get_default_dtype()
    return finish(
        place(np.eye(*shape, dtype=d.numpy), as_device(device)), requires_grad, pin_memory
    )
