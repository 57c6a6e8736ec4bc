"""The public doors of the graph: `backward`, `grad`, and what they check before they start."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from tritongrad.dtype import FLOAT32

from . import loop
from .modes import off, state
from .record import OpNode
from .variable import Variable, accumulate_lock, edge_of, registry, wrap


def check_grad(t: Any, value: Any) -> None:
    """Refuse a `grad` that is not a tensor like t."""
    if not isinstance(value, Variable):
        raise TypeError(f"assigned grad expected to be a Tensor or None but got {type(value)}")
    if value is t:
        raise RuntimeError("can't assign Variable as its own grad")
    for what, mine, its in (
        ("size", tuple(t.shape), tuple(value.shape)),
        ("type", t.dtype, value.dtype),
        ("device", t.device, value.device),
    ):
        if mine != its:
            raise RuntimeError(f"assigned grad has data of a different {what}: {its}, not {mine}")


def initial_gradient(t: Any, gradient: Any) -> Any:
    """The gradient to start from: the one given, or 1 for a tensor of one element."""
    if gradient is None:
        if t._array.size != 1:
            raise RuntimeError(
                "grad can be implicitly created only for scalar outputs, got shape "
                f"{list(t._array.shape)}: pass gradient=, or reduce it, as with sum()"
            )
        if type(t._array) is np.ndarray:
            return wrap(np.ones(t._array.shape, t._array.dtype))
        return t.new_ones(t.shape)
    if not isinstance(gradient, Variable):
        raise TypeError(
            f"backward: gradient must be a Tensor or None, got {type(gradient).__name__}"
        )
    if gradient._array.shape != t._array.shape:
        raise RuntimeError(
            f"Mismatch in shape: the gradient has shape {list(gradient._array.shape)} and the "
            f"output {list(t._array.shape)}"
        )
    return gradient if not off or state.recording else wrap(gradient._array)


def _edge(t: Any) -> Any:
    """Where backward from t starts."""
    edge = edge_of(t)
    if edge is None:
        raise RuntimeError(
            "element 0 of tensors does not require grad and does not have a grad_fn: set "
            "requires_grad=True on what it should be differentiated by, before computing it"
        )
    d = t._array.dtype
    if d is not FLOAT32 and d.kind in "biu":
        raise RuntimeError(f"backward: only floating tensors have gradients, got {t.dtype}")
    return edge


def backward_from(t: Any, gradient: Any, retain_graph: bool | None, create_graph: bool) -> None:
    """Accumulate the gradients of one tensor into the leaves: the usual case."""
    retain = create_graph if retain_graph is None else retain_graph
    node = t._node
    edge = node if type(node) is OpNode and t._array.dtype is FLOAT32 else _edge(t)
    loop.backward((edge,), [initial_gradient(t, gradient)], retain, create_graph)


def run_backward(
    tensors: Sequence,
    gradients: Sequence,
    retain_graph: bool | None,
    create_graph: bool,
    inputs: Any,
) -> None:
    """Accumulate the gradients of `tensors` into the leaves, or into `inputs` only."""
    retain = create_graph if retain_graph is None else retain_graph
    targets = None
    if inputs is not None:
        inputs = [inputs] if isinstance(inputs, Variable) else list(inputs)
        if not inputs:
            raise RuntimeError("'inputs' argument to backward() cannot be empty.")
        targets = [_target(t) for t in inputs]
    edges = [_edge(t) for t in tensors]
    starts = list(map(initial_gradient, tensors, gradients))
    found = loop.backward(edges, starts, retain, create_graph, targets)
    with accumulate_lock:
        for t, edge in zip(inputs or (), targets or (), strict=True):
            if not isinstance(edge, Variable) and id(edge) in found:
                t._grad = t.grad
                loop.accumulate_grad(t, found[id(edge)], create_graph)


def backward(
    tensors: Any,
    grad_tensors: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Any = None,
) -> None:
    """Add the gradients of several tensors at once to `grad` of the leaves they came from."""
    tensors = (tensors,) if isinstance(tensors, Variable) else tuple(tensors)
    run_backward(tensors, _sequence(grad_tensors, tensors), retain_graph, create_graph, inputs)


def grad(
    outputs: Any,
    inputs: Any,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    materialize_grads: bool = False,
) -> tuple:
    """The gradients of outputs with respect to inputs, without touching any `grad`.

    An input that the outputs do not depend on is an error, unless `allow_unused` (its gradient is
    None) or `materialize_grads` (it is zeros). `only_inputs` is left over from an older PyTorch.
    """
    if not only_inputs:
        warnings.warn("grad: only_inputs=False is ignored: use backward()", FutureWarning, 2)
    outputs = (outputs,) if isinstance(outputs, Variable) else tuple(outputs)
    inputs = (inputs,) if isinstance(inputs, Variable) else tuple(inputs)
    if materialize_grads and allow_unused is False:
        raise ValueError("grad: materialize_grads=True needs allow_unused to be True or None")
    targets = [_target(t) for t in inputs]
    retain = create_graph if retain_graph is None else retain_graph
    edges = [_edge(t) for t in outputs]
    starts = map(initial_gradient, outputs, _sequence(grad_outputs, outputs))
    found = loop.backward(edges, list(starts), retain, create_graph, targets, accumulate=False)
    results = []
    for t, edge in zip(inputs, targets, strict=True):
        g = found.get(id(edge))
        if g is None and materialize_grads:
            g = t.new_zeros(t.shape)
        if g is None and not allow_unused:
            raise RuntimeError(
                "One of the differentiated Tensors appears to not have been used in the graph "
                f"(shape {list(t.shape)}). Set allow_unused=True if this is the desired behavior."
            )
        results.append(g)
    return tuple(results)


def _target(t: Any) -> Any:
    edge = edge_of(t)
    if edge is None:
        raise RuntimeError(
            f"One of the differentiated Tensors (shape {list(t.shape)}) does not require grad: "
            "set requires_grad=True on it before using it"
        )
    return edge


def _sequence(gradients: Any, tensors: tuple) -> tuple:
    if gradients is None:
        return (None,) * len(tensors)
    gradients = (gradients,) if isinstance(gradients, registry.Tensor) else tuple(gradients)
    if len(gradients) != len(tensors):
        raise RuntimeError(
            f"got {len(tensors)} tensors and {len(gradients)} gradients: one is needed for each"
        )
    return gradients
