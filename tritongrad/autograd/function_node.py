"""What stands in the graph for a Function: its Node, its checks, the views that it returned."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from typing import Any

from .graph import Node, Output
from .variable import INFERENCE, Variable, View, edge_of, version_of, view_of, wrap


class FunctionNode(Node):
    """A Node whose formula is the backward of a Function.

    `outputs`  for each value that forward returned: (shape, dtype), or None if it is no tensor
    `only`     the number of the one differentiable output, or None if there are several
    `inputs`   the position of the argument that each edge stands for
    """

    __slots__ = ("ctx", "function", "inputs", "only", "outputs")

    def name(self) -> str:
        return f"{self.function.__name__}Backward"

    def __getattr__(self, name: str) -> Any:
        if name in FunctionNode.__slots__ or name == "trace":
            raise AttributeError(name)
        return getattr(self.ctx, name)  # grad_fn shows what forward left, as PyTorch's does

    def vjp(self, g: Any, create_graph: bool) -> Sequence:
        slots = g if self.only is None else {self.only: g}
        if not self.ctx._materialize:
            grads = [slots.get(i) for i in range(len(self.outputs))]
        else:
            some = next(iter(slots.values()))
            grads = [
                slots[i] if i in slots else o and some.new_zeros(o[0], dtype=o[1])
                for i, o in enumerate(self.outputs)
            ]
        result = self.function.backward(self.ctx, *grads)
        return self._by_edge(result if isinstance(result, tuple) else (result,))

    def _by_edge(self, result: tuple) -> list:
        """What backward returned, checked, for each edge."""
        name = self.name()
        count = len(self.ctx.needs_input_grad)
        if len(result) < count or any(g is not None for g in result[count:]):
            raise RuntimeError(
                f"function {name} returned an incorrect number of gradients "
                f"(expected {count}, one for each argument of forward, got {len(result)})"
            )
        for i, g in enumerate(result[:count]):
            if g is None:
                continue
            if not isinstance(g, Variable):
                raise RuntimeError(
                    f"function {name}: expected Variable or None (got {type(g).__name__}) "
                    f"as gradient {i}"
                )
            if i not in self.inputs:
                raise RuntimeError(
                    f"function {name} returned a gradient different than None at position {i + 1}, "
                    "but the corresponding forward input was not a Variable"
                )
        grads = [result[i] for i in self.inputs]
        for i, (g, edge) in enumerate(zip(grads, self.edges, strict=True)):
            if g is not None and edge is not None:
                _check_gradient(name, i, g, edge)
        return grads

    def release(self) -> None:
        if self.ctx._saved:
            self.ctx._saved = None


def _check_gradient(name: str, index: int, g: Any, edge: Any) -> None:
    """Refuse a gradient whose shape was not broadcast from that of the input."""
    array = edge._array if isinstance(edge, Variable) else edge
    shape, got = array.shape, g._array.shape
    extra = len(got) - len(shape)
    if extra < 0 or any(a not in (b, 1) for a, b in zip(shape, got[extra:], strict=True)):
        raise RuntimeError(
            f"Function {name} returned an invalid gradient at index {index} - got {list(got)} "
            f"but expected shape compatible with {list(shape)}"
        )
    if isinstance(edge, Variable) and type(edge._array) is not type(g._array):
        raise RuntimeError(
            f"Function {name} returned an invalid gradient at index {index} - expected device "
            f"{edge.device} but got {g.device}"
        )


class Guard:
    """Stands for the base of a view that a Function returned: its history must not be moved."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    @property
    def _node(self) -> Any:
        raise RuntimeError(
            f"Output of {self.name} is a view and it or its base is being modified inplace. This "
            "view was created inside a custom Function (or because an input was returned as-is): "
            "a write would override its backward. clone() the output of the custom Function."
        )


def history(t: Variable, place: tuple, node: FunctionNode) -> Callable:
    """How the edge of a saved tensor is found: weakly if it is output i, which holds the Node."""
    i, edge = place
    if edge is None:
        before = edge_of(t)
        return lambda: before
    made, array = weakref.ref(edge), t._array
    if edge is node:
        return made
    parent = weakref.ref(node)
    return lambda: made() or Output(parent(), i, array)  # type: ignore[arg-type]  (it is alive)


def output(t: Variable, edge: Any, args: tuple, name: str) -> Any:
    """What forward returned, as a tensor that comes from the Function and from nothing else."""
    root: Any = t
    while not isinstance(root, Guard) and (view := view_of(root)) is not None:
        root = view.parent
    if not isinstance(root, Guard) and root._node is None and not any(root is a for a in args):
        t._node = edge  # made in forward, as what it is a view of
        return t
    out = wrap(t._array, edge)  # an input, a view of one, or a tensor from elsewhere
    if getattr(t, "_version", None) is INFERENCE:
        out._version = INFERENCE
        return out
    cell = out._version = version_of(t)
    out._node = View(Guard(name), None, (), cell[1])
    out._node.node = edge
    return out


class Once(Node):
    """The end of the road: stands behind gradients that cannot be differentiated again."""

    __slots__ = ()

    def vjp(self, g: Any, create_graph: bool) -> Sequence:
        raise RuntimeError(
            "trying to differentiate twice a function that was marked with @once_differentiable"
        )
