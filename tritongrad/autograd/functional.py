"""Whole derivatives of functions: vjp, jvp, jacobian, hessian, vhp, hvp."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .engine import grad
from .modes import enable_grad
from .variable import Variable


def vjp(
    func: Callable, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple:
    """(func(inputs), v times the Jacobian): v has the shape of the output; 1 for one element."""
    with enable_grad():
        args, outputs = _run("vjp", func, inputs)
        starts = _starts("vjp", outputs, v)
        grads = _grads("vjp", outputs, args, starts, create_graph, strict)
    return _as_returned(outputs, create_graph), _as_given(inputs, grads, create_graph)


def jvp(
    func: Callable, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple:
    """(func(inputs), the Jacobian times v): v has the shape of the inputs; 1 for one element.

    The vjp is linear in its v; its own vjp, taken at zero, is the Jacobian times v.
    """
    with enable_grad():
        args, outputs = _run("jvp", func, inputs)
        starts = _starts("jvp", args, v)
        dummies = [o.new_zeros(o.shape).requires_grad_() for o in outputs]
        grads = _grads("jvp", outputs, args, dummies, True, strict)
        products: Any = _grads("jvp", grads, dummies, starts, create_graph, False)
        products = _One(products) if isinstance(outputs, _One) else products
    return _as_returned(outputs, create_graph), _as_returned(products, create_graph)


def jacobian(func: Callable, inputs: Any, create_graph: bool = False, strict: bool = False) -> Any:
    """d output / d input, of shape (*output.shape, *input.shape).

    A tuple of inputs gives a tuple; a function with a tuple of outputs gives a tuple of those.
    """
    with enable_grad():
        args, outputs = _run("jacobian", func, inputs)
        found = [_rows(o, args, create_graph, strict) for o in outputs]
    blocks = tuple(_as_given(inputs, row, create_graph) for row in found)
    return blocks[0] if isinstance(outputs, _One) else blocks


def hessian(func: Callable, inputs: Any, create_graph: bool = False, strict: bool = False) -> Any:
    """The second derivatives of a function with one element: the Jacobian of its gradient."""
    several = not isinstance(inputs, Variable)

    def gradient(*args: Any) -> Any:
        output = func(*args)
        if not isinstance(output, Variable) or output._array.size != 1:
            raise RuntimeError(
                "hessian: the function must return a Tensor with a single element, got "
                + (
                    f"shape {list(output._array.shape)}"
                    if isinstance(output, Variable)
                    else type(output).__name__
                )
            )
        grads = _grads("hessian", [output.reshape(())], list(args), [None], True, strict)
        return tuple(grads) if several else grads[0]

    return jacobian(gradient, inputs, create_graph, strict)


def vhp(
    func: Callable, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple:
    """(func(inputs), v times the Hessian of a function with one element)"""
    with enable_grad():
        args, outputs = _run("vhp", func, inputs)
        starts = _starts("vhp", args, v)
        slopes = _grads("vhp", outputs, args, _starts("vhp", outputs, None), True, strict)
        products = _grads("vhp", slopes, args, starts, create_graph, False)
    return _as_returned(outputs, create_graph), _as_given(inputs, products, create_graph)


def hvp(
    func: Callable, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple:
    """(func(inputs), the Hessian times v): what vhp gives, since second derivatives commute."""
    return vhp(func, inputs, v, create_graph, strict)


def _run(name: str, func: Callable, inputs: Any) -> tuple[list, Any]:
    """Fresh leaves (or the inputs themselves, recorded) and what func makes of them."""
    given = (inputs,) if isinstance(inputs, Variable) else tuple(inputs)
    for i, t in enumerate(given):
        if not isinstance(t, Variable):
            raise TypeError(f"{name}: inputs must be Tensors, got {type(t).__name__} at {i}")
    args = [t.reshape(t.shape) if t.requires_grad else t.detach().requires_grad_() for t in given]
    outputs = func(*args)
    for o in outputs if isinstance(outputs, (tuple, list)) else (outputs,):
        if not isinstance(o, Variable):
            raise TypeError(f"{name}: the function must return Tensors, got {type(o).__name__}")
    return args, _One((outputs,)) if isinstance(outputs, Variable) else tuple(outputs)


class _One(list):
    """The output of a function that returned one tensor, not a tuple."""


def _starts(name: str, tensors: Any, v: Any) -> list:
    if v is None:
        if len(tensors) != 1 or tensors[0]._array.size != 1:
            raise RuntimeError(
                f"{name}: the vector v can only be None if there is one element, got shapes "
                f"{[list(t._array.shape) for t in tensors]}"
            )
        return [tensors[0].new_ones(tensors[0].shape)]
    starts = [v] if isinstance(v, Variable) else list(v)
    shapes = [list(t._array.shape) for t in tensors]
    if [list(s._array.shape) for s in starts] != shapes:
        raise RuntimeError(
            f"{name}: v has shapes {[list(s._array.shape) for s in starts]}, expected {shapes}"
        )
    return starts


def _grads(
    name: str, outputs: Any, args: list, starts: list, create_graph: bool, strict: bool
) -> list:
    """The gradients of outputs by args; zeros where there is no dependence, an error if strict."""
    pairs = [(o, s) for o, s in zip(outputs, starts, strict=True) if o.requires_grad]
    grads: tuple = (None,) * len(args)
    if pairs:
        recorded, chosen = zip(*pairs, strict=True)
        grads = grad(recorded, args, chosen, True, create_graph, allow_unused=True)
    if strict and any(g is None for g in grads):
        raise RuntimeError(f"{name}: an output does not depend on every input (strict=True)")
    return [t.new_zeros(t.shape) if g is None else g for t, g in zip(args, grads, strict=True)]


def _rows(output: Any, args: list, create_graph: bool, strict: bool) -> list:
    """For each argument the gradients of all elements of one output, stacked."""
    count = output._array.size
    rows = []
    for k in range(count):
        host = np.zeros(count, output._array.dtype)
        host[k] = 1
        start = output.new_tensor(host.reshape(output._array.shape))
        rows.append(_grads("jacobian", [output], args, [start], create_graph, strict))
    shape = tuple(output._array.shape)
    return [
        _stack([row[i] for row in rows], t).reshape(shape + tuple(t.shape))
        for i, t in enumerate(args)
    ]


def _stack(rows: list, like: Any) -> Any:
    """The rows under each other, recorded."""
    whole = like.new_zeros((len(rows), *like.shape))
    for k, row in enumerate(rows):
        whole[k] = row
    return whole


def _as_returned(tensors: Any, create_graph: bool) -> Any:
    """One tensor, or a tuple if there were several or the function returned a tuple."""
    kept = tuple(t if create_graph else t.detach() for t in tensors)
    return kept[0] if isinstance(tensors, _One) else kept


def _as_given(inputs: Any, tensors: list, create_graph: bool) -> Any:
    """One tensor for one input, a tuple for a tuple of inputs."""
    kept = tuple(t if create_graph else t.detach() for t in tensors)
    return kept[0] if isinstance(inputs, Variable) else kept


__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]
