"""A user's launch: the tensors among its arguments, and its run where they lie on interpret."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from triton.backends.nvidia.compiler import CUDAOptions
from triton.tools.tensor_descriptor import TensorDescriptor

from tritongrad.cuda.array import DeviceArray, InterpretArray

OPTIONS = set(CUDAOptions.__dataclass_fields__)  # what a launch may say besides arguments


def held(value: Any) -> Any:
    """The array that a tensor holds or a descriptor describes; any other value as it is."""
    value = value.base if isinstance(value, TensorDescriptor) else value
    return getattr(value, "_array", value)


def array_of(value: Any) -> Any:
    """The device array that a value holds or is; else None."""
    array = held(value)
    return array if isinstance(array, DeviceArray) else None


def flat(values: Iterable) -> Iterator:
    """The values, those in tuples and lists one by one."""
    for value in values:
        if isinstance(value, (tuple, list)):
            yield from flat(value)
        else:
            yield value


def array_or_tensor(value: Any) -> bool:
    """Whether a value is a tensor or an array, wherever it lies."""
    return isinstance(held(value), (np.ndarray, DeviceArray))


def rebuilt(old: tuple, items: Iterable) -> tuple:
    """A tuple of the old one's kind, which may have names, with other items."""
    return type(old)(*items) if hasattr(old, "_fields") else tuple(items)


def for_interpret(kernel: Any, args: tuple, kwargs: dict) -> bool:
    """Whether a launch is for the interpret device; one with arrays of the CPU is refused."""
    kinds = {type(held(value)) for value in flat((*args, *kwargs.values()))}
    if InterpretArray not in kinds and np.ndarray in kinds:
        name = getattr(kernel, "base_fn", kernel).__name__
        raise RuntimeError(
            f"{name}: a tensor argument is on the CPU; move it with .to('cuda') or .to('interpret')"
        )
    return InterpretArray in kinds


def interpret(kernel: Any, args: tuple, grid: Any, kwargs: dict) -> None:
    """Bind the arguments as Triton does and run the kernel in our interpreter."""
    from tritongrad.cuda.interpreter import run

    given = dict(zip(kernel.arg_names, args, strict=False)) | kwargs
    unknown = sorted(given.keys() - set(kernel.arg_names) - OPTIONS)
    if unknown or len(args) > len(kernel.arg_names):
        raise TypeError(
            f"{kernel.__name__} takes {', '.join(kernel.arg_names)}; got {len(args)} arguments by "
            f"position and {unknown or 'nothing else'} by name"
        )
    _check_options(kernel, given)
    bound, values, constexprs = {}, [], {}
    for param in kernel.params:
        if param.name not in given and not param.has_default:
            raise TypeError(f"{kernel.__name__}: argument {param.name!r} is missing")
        value = bound[param.name] = given.get(param.name, param.default)
        if param.is_constexpr and array_or_tensor(value):
            raise TypeError(
                f"{kernel.__name__}: argument {param.name!r} is a constexpr, which a tensor cannot "
                "be: give its .item(), or take the annotation tl.constexpr away"
            )
        if param.is_constexpr or value is None:
            constexprs[param.name] = value
        else:
            values.append(_interpretable(kernel, param.name, value))
    tensors = dict(_tensors(bound.items()))
    _warn_of_strides(kernel, tensors, bound.values())
    grid = grid(bound) if callable(grid) else grid
    written = run(kernel, _checked_grid(kernel, grid), tuple(values), constexprs)
    for name in written:
        note_write(tensors[name], kernel.__name__)


def _tensors(values: Iterable) -> Iterator:
    """(name, tensor) of the arguments that are tensors, those in tuples too."""
    for name, value in values:
        if isinstance(value, tuple):
            yield from _tensors((f"{name}[{i}]", item) for i, item in enumerate(value))
        elif array_of(value) is not None:
            yield name, value


def _warn_of_strides(kernel: Any, tensors: dict, values: Iterable) -> None:
    """A kernel that is not told the strides of a tensor most likely takes it for contiguous."""
    numbers = {value for value in flat(values) if isinstance(value, int) and value != 1}
    for name, value in tensors.items():
        if isinstance(value, TensorDescriptor):
            continue  # it knows its strides
        array: Any = array_of(value)
        strides = tuple(s // array.itemsize for s in array.strides)
        used = {s for s, n in zip(strides, array.shape, strict=True) if n > 1}
        if not array.contiguous and not used & numbers:
            warnings.warn(
                f"{kernel.__name__}: argument {name!r} is not contiguous (its strides are "
                f"{strides}), and no other argument is one of them: pass .contiguous(), or them",
                stacklevel=5,
            )


def note_write(tensor: Any, kernel: str) -> None:
    """Let a backward that has saved the tensor know that it was changed, and by whom."""
    tensor = tensor.base if isinstance(tensor, TensorDescriptor) else tensor
    cell = getattr(tensor, "_version", None)
    if isinstance(cell, list):  # else nobody has saved it, or it is of inference mode
        cell[0] += 1
        cell[2] = f"the kernel {kernel}"


def _check_options(kernel: Any, given: dict) -> None:
    """Refuse what no GPU would take, though the interpreter has no use for it."""
    warps = given.get("num_warps", 4)
    if "num_warps" not in kernel.arg_names and (
        not isinstance(warps, int) or warps <= 0 or warps & (warps - 1)
    ):
        raise ValueError(f"{kernel.__name__}: num_warps must be a power of two, got {warps!r}")


def _checked_grid(kernel: Any, grid: Any) -> tuple:
    if not isinstance(grid, (tuple, list)) or not all(hasattr(n, "__index__") for n in grid):
        raise TypeError(
            f"{kernel.__name__}: the grid must be a tuple of ints, as in kernel[(4,)](...), got "
            f"{grid!r}"
        )
    if not 1 <= len(grid) <= 3 or min(grid) < 0:
        raise ValueError(
            f"{kernel.__name__}: the grid must have 1 to 3 sizes, none of them negative, got {grid}"
        )
    return tuple(grid)


def _interpretable(kernel: Any, name: str, value: Any) -> Any:
    if isinstance(value, tuple):
        items = (_interpretable(kernel, f"{name}[{i}]", item) for i, item in enumerate(value))
        return rebuilt(value, items)
    array = held(value)
    elsewhere = isinstance(array, (np.ndarray, DeviceArray)) or hasattr(array, "data_ptr")
    if elsewhere and not isinstance(array, InterpretArray):
        raise RuntimeError(
            f"{kernel.__name__}: argument {name!r} is not on the interpret device as the others "
            "are; move it with .to('interpret')"
        )
    if isinstance(value, np.float64):
        return float(value)  # Triton takes it for the float that it is
    if isinstance(value, (list, dict, str, np.generic)):
        raise TypeError(
            f"{kernel.__name__}: argument {name!r} must be a tensor, a number of Python's or a "
            f"constexpr, got {value!r:.40}"
        )
    return value if isinstance(value, TensorDescriptor) else array
