"""How public functions are called: NumPy's names of arguments, `out=`, and errors for bad ones."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from tritongrad.autograd.modes import state
from tritongrad.autograd.variable import Variable, edge_of

ALIASES = {"axis": "dim", "keepdims": "keepdim", "x1": "input", "x2": "other", "x": "input"}
ALIASES["tensor"] = "input"


def publish(entry: Callable, operation: Any) -> Callable:
    """Give a public function its operation and `vjp`."""
    if operation.entry is None:  # others may lead to it too: a front's other call forms
        operation.entry = entry
    entry.op = operation
    entry.vjp = operation.vjp
    return entry


def with_aliases(entry: Callable, operation: Any, args: tuple, kwargs: dict) -> Any:
    """NumPy's names of arguments (axis, keepdims ...), and `out=`."""
    out = kwargs.pop("out", None)
    named = {}
    for name, value in kwargs.items():
        if name not in operation.parameters:
            name = ALIASES.get(name, name)
        named[name] = value
    if not named.keys() <= set(operation.parameters):
        odd = next(n for n in kwargs if ALIASES.get(n, n) not in operation.parameters)
        raise TypeError(
            f"{operation.name}() got an unexpected keyword argument {odd!r}; "
            f"it takes {', '.join(operation.parameters)}"
        )
    result = entry(*args, **named)
    return result if out is None else into(out, result, operation.name)


def into(out: Any, result: Any, name: str) -> Any:
    """Store a result, or each of several, where the caller said by `out=`."""
    if not isinstance(result, tuple):
        check_out(out, result, name)
        return out.copy_(result)
    if not isinstance(out, (tuple, list)) or len(out) != len(result):
        raise TypeError(f"{name}: out= must be a tuple of {len(result)} Tensors")
    for target, part in zip(out, result, strict=True):
        check_out(target, part, name)
    stored = [t.copy_(part) for t, part in zip(out, result, strict=True)]
    return type(result)(*stored) if hasattr(result, "_fields") else tuple(stored)


def check_out(out: Any, result: Any, name: str) -> None:
    if not isinstance(out, Variable):
        raise TypeError(f"{name}: out= must be a Tensor, got {type(out).__name__}")
    if out._array.shape != result._array.shape:
        raise RuntimeError(
            f"{name}: out= has shape {list(out._array.shape)}, "
            f"the result {list(result._array.shape)}"
        )
    if state.grad and (edge_of(result) is not None or edge_of(out) is not None):
        raise RuntimeError(
            f"{name}: functions with out=... arguments don't support automatic differentiation, "
            "but one of the arguments requires grad: use the result, or no_grad()"
        )


def not_a_tensor(operation: Any, position: int, got: Any) -> TypeError:
    """The error for an argument that must be a tensor."""
    return TypeError(
        f"{operation.name}: argument '{operation.parameters[position]}' must be a Tensor, "
        f"got {type(got).__name__}"
    )


def blame(
    error: AttributeError, name: str, names: Sequence[str], args: Sequence, kwargs: dict
) -> None:
    """Raise a TypeError if the attribute was missed in an argument, or in one of a list of them.

    What a Tensor lacks is a fault of the function, not of the call.
    """
    last = len(names) - 1
    given = [(names[min(i, last)], a) for i, a in enumerate(args)] if names else []
    for argument, value in (*given, *kwargs.items()):
        for got in (value, *value) if isinstance(value, (list, tuple)) else (value,):
            if got is error.obj and not isinstance(got, Variable):
                wanted = "an int" if error.name == "__index__" else "a Tensor"
                within = "" if got is value else f" (in a {type(value).__name__})"
                raise TypeError(
                    f"{name}: argument '{argument}' must be {wanted}, "
                    f"got {type(got).__name__}{within}"
                ) from None
    if isinstance(error.obj, (bool, int, float, str, list, tuple)):  # what arguments have become
        for argument, value in given:
            if not isinstance(value, Variable):
                got = type(value).__name__
                raise TypeError(f"{name}: argument '{argument}' must be a Tensor, got {got}")


def out_of_memory(name: str, error: MemoryError) -> MemoryError:
    """NumPy's error for an array without room, with the operation and the bytes named."""
    shape, dtype = getattr(error, "shape", None), getattr(error, "dtype", None)
    if shape is None or dtype is None:
        return MemoryError(
            f"{name}: out of memory on the CPU: {str(error) or 'nothing more is known'}"
        )
    nbytes = math.prod(shape) * dtype.itemsize
    return MemoryError(
        f"{name}: no memory for {nbytes} bytes ({nbytes / 2**30:.2f} GiB) on the CPU: free some "
        "tensors, or work on smaller parts"
    )


def device_mismatch(name: str, args: Sequence) -> RuntimeError:
    """The error for arguments on different devices."""
    devices = sorted({str(a.device) for a in args if isinstance(a, Variable)})
    return RuntimeError(
        f"{name}: expected all tensors to be on the same device, but found at least two, "
        f"{' and '.join(devices)}: move one with .to(device)"
    )
