"""Recording: which values an operation's formulas need, the Node that keeps them, in-place history."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from .graph import Node, Output, save, unpack
from .variable import LEAF, Variable, edge_of, version_of, wrap

RESULT = -1  # the position that stands for the operation's own result


class Plan:
    """What to save and which formulas to call, for one choice of inputs that need gradients.

    `wanted`     positions of the arguments that get a gradient, in order: one edge each
    `tensors`    positions of the tensors to save; RESULT for the result
    `values`     positions and kinds of other arguments to save: (position, "value" or "shape")
    `formulas`   one for each edge: (formula, indices into tensors + values)
    """

    __slots__ = ("formulas", "tensors", "values", "wanted")

    def __init__(self, op: Any, wanted: tuple, is_tensor: tuple) -> None:
        names: list[tuple[int, str]] = []
        calls = []
        for position in wanted:
            formula = op.formulas[position]
            calls.append((formula, [op.resolve(n) for n in formula_names(formula)]))
            names += [n for n in calls[-1][1] if n not in names]
        tensors = [n for n in names if n[1] == "value" and (n[0] == RESULT or is_tensor[n[0]])]
        values = [n for n in names if n not in tensors]
        order = tensors + values
        self.wanted = wanted
        self.tensors = tuple(n[0] for n in tensors)
        self.values = tuple(values)
        self.formulas = tuple((f, tuple(order.index(n) for n in used)) for f, used in calls)


def formula_names(formula: Callable) -> list[str]:
    """The names of what a formula needs beside g."""
    return list(inspect.signature(formula).parameters)[1:]


class OpNode(Node):
    """A Node of a declared operation: runs its formulas on what they asked to have saved."""

    __slots__ = ("op", "outputs", "plan", "tensors", "values")

    def __init__(self, op: Any, plan: Plan, edges: tuple, array: Any) -> None:
        super().__init__(edges, array)
        self.op = op
        self.plan = plan
        self.outputs: Any = None

    def name(self) -> str:
        return self.op.node_name

    def vjp(self, g: Any, create_graph: bool) -> Sequence:
        if self.tensors is None:
            raise RuntimeError(
                f"Trying to backward through the graph a second time: what {self.name()} saved was "
                "freed by the first. Pass retain_graph=True to the first backward if you need two."
            )
        wanted = self.plan.wanted
        values = []
        for position, saved in zip(self.plan.tensors, self.tensors, strict=True):
            edge = None
            if create_graph:
                edge = self._history(position, wanted)
            values.append(unpack(saved, edge, create_graph, self))
        values += self.values
        if self.outputs is not None:
            g = self._all_outputs(g)
        grads = [f(g, *[values[i] for i in used]) for f, used in self.plan.formulas]
        return grads[0] if self.op.variadic else grads

    def _history(self, position: int, wanted: tuple) -> Any:
        if position == RESULT:
            return self
        return self.edges[wanted.index(position)] if position in wanted else None

    def _all_outputs(self, slots: dict) -> list:
        """The gradient of every output, zeros where none came."""
        some = next(iter(slots.values()))
        return [
            slots[i] if i in slots else some.new_zeros(shape, dtype=dtype)
            for i, (shape, dtype) in enumerate(self.outputs)
        ]

    def resave(self, result: Any) -> None:
        """Save the result again, after an in-place operation has moved its version."""
        positions = self.plan.tensors
        self.tensors = tuple(
            [save(result) if p == RESULT else s for p, s in zip(positions, self.tensors, strict=True)]
        )

    def release(self) -> None:
        if self.tensors or self.values:
            self.tensors = self.values = None


def trace(op: Any, args: tuple, array: Any, result: Any = None) -> Any:
    """The Node of an operation on args that made `array`, or None if no input needs a gradient.

    `result` is the tensor that holds the array, needed if a formula names the result.
    """
    if op.variadic:
        edges = tuple(edge_of(t) for t in args[0])
        if not any(e is not None for e in edges):
            return None
        return _node(op, op.plan((0,), (False,) * len(args)), edges, args, array, result)
    wanted = []
    edges = []
    for position in op.differentiable:
        t = args[position]
        if isinstance(t, Variable):
            edge = edge_of(t)
            if edge is not None:
                wanted.append(position)
                edges.append(edge)
    if not wanted:
        return None
    is_tensor = tuple([isinstance(a, Variable) for a in args])
    return _node(op, op.plan(tuple(wanted), is_tensor), tuple(edges), args, array, result)


def _node(op: Any, plan: Plan, edges: tuple, args: tuple, array: Any, result: Any) -> OpNode:
    node = OpNode(op, plan, edges, array)
    if plan.tensors:
        node.tensors = tuple([save(result if p == RESULT else args[p]) for p in plan.tensors])
    else:
        node.tensors = ()
    node.values = [
        args[p] if kind == "value" else shapes_of(args[p]) for p, kind in plan.values
    ]
    return node


def shapes_of(argument: Any) -> Any:
    """The shape of a tensor, or the shapes of a list of them."""
    if isinstance(argument, (list, tuple)):
        return [t._array.shape for t in argument]
    return argument._array.shape if isinstance(argument, Variable) else ()


def trace_outputs(op: Any, args: tuple, results: Sequence) -> None:
    """Record an operation of several outputs: the floating ones get gradients."""
    floats = [t for t in results if t._array.dtype.kind not in "biu"]
    if not floats:
        return
    node = trace(op, args, floats[0]._array, floats[0])
    if node is None:
        return
    if len(floats) == 1:
        floats[0]._node = node
        return
    node.outputs = [(t._array.shape, t._array.dtype) for t in floats]
    for i, t in enumerate(floats):
        t._node = Output(node, i, t._array)


class CopySlices(Node):
    """A tensor after a write through a view of it: the view's part comes from the write."""

    __slots__ = ("view",)

    def __init__(self, edges: tuple, view: Any, array: Any) -> None:
        super().__init__(edges, array)
        self.view = (view.op, view.args)

    def vjp(self, g: Any, create_graph: bool) -> Sequence:
        op, args = self.view
        part = op.call(g, *args).clone()
        if self.edges[0] is None:
            return None, part
        rest = g.clone()
        op.call(rest, *args).zero_()
        return rest, part


def check_inplace(t: Variable, name: str) -> None:
    """Refuse a recorded in-place change of a leaf that requires grad, or of a view of one."""
    root = t
    while root._view is not None:
        root = root._view.parent
    if root._node is LEAF:
        what = "a leaf Variable" if root is t else "a view of a leaf Variable"
        raise RuntimeError(
            f"{name}: {what} that requires grad is being used in an in-place operation "
            f"(shape {list(t._array.shape)}). Do it under no_grad() if it is an update of the "
            "parameter, or use the out-of-place form."
        )


def count_write(t: Variable, name: str) -> list:
    """Note an in-place change: what was saved of this memory before can no longer be used."""
    cell = version_of(t)
    cell[0] += 1
    cell[2] = name
    return cell


def rebase(t: Variable, node: Any) -> None:
    """t was changed in place and comes from `node` now; so does the part of its base that it sees."""
    chain = []
    child = t
    while child._view is not None:
        chain.append((child, edge_of(child._view.parent)))
        child = child._view.parent
    cell = version_of(t)
    cell[1] += 1
    t._node = node
    for child, old_edge in chain:
        view = child._view
        view.seen = cell[1]
        if node is not None or old_edge is not None:
            node = CopySlices((old_edge, node), view, view.parent._array)
        view.parent._node = node


__all__ = ["LEAF", "check_inplace", "count_write", "rebase", "trace", "trace_outputs", "wrap"]
