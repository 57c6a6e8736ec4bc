"""The graph: Nodes that know how to pass gradients on, and the one loop that does it."""

from __future__ import annotations

import itertools
import os
import weakref
from collections.abc import Callable, Sequence
from typing import Any

from .variable import Variable, version_of, wrap

sequence = itertools.count(1)


anomaly: list = []  # not empty in anomaly mode: [whether gradients are searched for nan]


def here() -> list[str]:
    """The lines of the caller's program that are running, without those of the library."""
    import traceback  # needed in anomaly mode only

    return [
        line
        for line in traceback.format_stack()
        if f"tritongrad{os.sep}" not in line.partition(", line")[0]
    ]


class Node:
    """One recorded operation. It holds edges to what made its inputs, never its own output.

    `edges`  one for each input: a Node, a leaf tensor, or None where no gradient is needed
    `shape`, `dtype`  of the output, so of the gradient that comes in
    `trace`  where it was made, in anomaly mode
    """

    __slots__ = ("__weakref__", "dtype", "edges", "hooks", "seq", "shape", "trace")

    def __init__(self, edges: tuple, array: Any) -> None:
        self.edges = edges
        self.seq = next(sequence)
        self.hooks: Any = None
        self.shape = array.shape
        self.dtype = array.dtype
        if anomaly:
            self.trace = here()

    def name(self) -> str:
        """PyTorch's name of it, such as MulBackward0."""
        return type(self).__name__

    def vjp(self, g: Any, create_graph: bool) -> Sequence:
        """The gradient for each edge, given that of the output."""
        raise NotImplementedError

    def release(self) -> None:
        """Forget the saved values: backward has used them."""

    @property
    def next_functions(self) -> tuple:
        """((Node or AccumulateGrad or None, output number), ...) as PyTorch shows them."""
        return tuple(
            (AccumulateGrad(e) if isinstance(e, Variable) else getattr(e, "node", e), 0)
            if not isinstance(e, Output)
            else (e.parent, e.index)
            for e in self.edges
        )

    def register_hook(self, hook: Callable) -> RemovableHandle:
        """Call hook(g) on the gradient of the output before it is used; it may return another."""
        if self.hooks is None:
            self.hooks = {}
        return RemovableHandle(self.hooks, hook)

    def __repr__(self) -> str:
        return f"<{self.name()}>"


class AccumulateGrad:
    """The end of an edge at a leaf: shown by `next_functions`, never part of the graph."""

    def __init__(self, variable: Variable) -> None:
        self.variable = variable
        self.next_functions = ()

    def name(self) -> str:
        return "AccumulateGrad"

    def __repr__(self) -> str:
        return "<AccumulateGrad>"


class Output(Node):
    """One output of a Node that has several; it hands its gradient to its place there."""

    __slots__ = ("index", "parent")

    def __init__(self, parent: Node, index: int, array: Any) -> None:
        super().__init__((parent,), array)
        self.parent = parent
        self.index = index

    def name(self) -> str:
        return self.parent.name()

    @property
    def next_functions(self) -> tuple:
        return self.parent.next_functions


class Alias(Node):
    """The identity: gives a saved array the history that it had when it was saved."""

    __slots__ = ()

    def vjp(self, g: Any, create_graph: bool) -> Sequence:
        return (g,)


class RemovableHandle:
    """Takes a hook out again by `remove()`, or at the end of a `with` block."""

    _ids = itertools.count()

    def __init__(self, hooks: dict, hook: Callable) -> None:
        self.hooks = hooks
        self.id = next(RemovableHandle._ids)
        hooks[self.id] = hook

    def remove(self) -> None:
        self.hooks.pop(self.id, None)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *exc: object) -> None:
        self.remove()


class KeepGrad:
    """The hook of `retain_grad`: keeps the gradient in a tensor that may be gone by then."""

    __slots__ = ("tensor",)

    def __init__(self, t: Variable) -> None:
        self.tensor = weakref.ref(t)

    def __call__(self, g: Any) -> None:
        t = self.tensor()
        if t is not None:
            t._grad = g


def save(t: Variable) -> tuple:
    """What a Node keeps of a tensor: the array, its version cell, and the version now."""
    cell = version_of(t)
    return t._array, cell, cell[0]


def changed_error(array: Any, cell: list, count: int, node: Node) -> RuntimeError:
    """The error for a saved value that was changed in place before it was used."""
    return RuntimeError(
        "one of the variables needed for gradient computation has been modified by an inplace "
        f"operation: a {array.dtype} tensor of shape {list(array.shape)}, saved by "
        f"{node.name()}, is at version {cell[0]}; expected version {count} instead. It was last "
        f"changed by {cell[2] or 'a write'}: use the out-of-place form of that operation, or "
        "clone() the tensor first."
    )


def unpack(saved: Sequence, edge: Any, node: Node) -> Any:
    """The tensor that was saved, with the history that it had; refused if it was changed since."""
    array, cell, count = saved
    if cell[0] != count:
        raise changed_error(array, cell, count, node)
    if isinstance(edge, Variable):
        if edge._array is array:
            return edge
        edge = Alias((edge,), array)
    t = wrap(array, edge)
    t._version = cell
    return t
