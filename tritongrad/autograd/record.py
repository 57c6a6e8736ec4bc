"""Recording: which values an operation's formulas need, and the Node that keeps them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from .graph import Node, Output, anomaly, changed_error, here, save, sequence, unpack
from .variable import (
    LEAF,
    Variable,
    View,
    edge_of,
    new,
    refreshed,
    registry,
)

RESULT = -1  # the position that stands for the operation's own result
NUMBER = ((1, "value"),)  # the second argument, where it is no tensor
# (tensors, values) -> what _quick_node has a short way for
PATTERNS = {((), ()): 0, ((0,), ()): 1, ((1,), ()): 2, ((0, 1), ()): 3, ((RESULT,), ()): 7}
PATTERNS |= {((), NUMBER): 5, ((0,), NUMBER): 6}


class Plan:
    """What to save and which formulas to call, for one choice of inputs that need gradients.

    `wanted`     positions of the arguments that get a gradient, in order: one edge each
    `tensors`    positions of the tensors to save; RESULT for the result
    `values`     positions and kinds of other arguments to save: (position, "value" or "shape")
    `formulas`   one for each edge: (formula, index into tensors + values or None, all indices or
                 None), so that the commonest formulas, of at most one value, are called directly
    `pattern`    a number for the commonest choices of what to save, else 4
    """

    __slots__ = ("formulas", "op", "pattern", "tensors", "values", "wanted")

    def __init__(self, op: Any, wanted: tuple, is_tensor: tuple) -> None:
        self.op = op
        names: list[tuple[int, str]] = []
        calls = []
        for formula in [op.formulas[position] for position in wanted]:
            calls.append((formula, [op.resolve(n) for n in formula_names(formula)]))
            names += [n for n in calls[-1][1] if n not in names]
        tensors = [n for n in names if n[1] == "value" and (n[0] == RESULT or is_tensor[n[0]])]
        values = [n for n in names if n not in tensors]
        tensors.sort(key=lambda n: (n[0] == RESULT, n))
        order, self.wanted = tensors + values, wanted
        self.tensors = tuple(n[0] for n in tensors)
        self.values = tuple(values)
        self.pattern = PATTERNS.get((self.tensors, self.values), 4)
        self.formulas = []
        for formula, used in calls:
            indices = tuple(order.index(n) for n in used)
            first = indices[0] if len(indices) == 1 else None
            self.formulas.append((formula, first, indices if len(indices) > 1 else None))


def formula_names(formula: Callable) -> list[str]:
    """The names of what a formula needs beside g."""
    return list(inspect.signature(formula).parameters)[1:]


class OpNode(Node):
    """A Node of a declared operation: runs its formulas on what they asked to have saved."""

    __slots__ = ("plan", "tensors", "values")

    outputs = None  # SeveralOutputs has them

    __init__ = object.__init__  # the hot path fills the slots itself

    @property
    def op(self) -> Any:
        return self.plan.op

    def name(self) -> str:
        return self.plan.op.node_name

    def vjp(self, g: Any, create_graph: bool) -> Sequence:
        if self.tensors is None:
            raise RuntimeError(
                f"Trying to backward through the graph a second time: what {self.name()} saved was "
                "freed by the first. Pass retain_graph=True to the first backward if you need two."
            )
        plan = self.plan
        values: list = []
        if create_graph:
            for position, saved in zip(plan.tensors, self.tensors, strict=True):
                values.append(unpack(saved, self._history(position, plan.wanted), self))
        else:
            for array, cell, count in self.tensors:
                if cell[0] != count:
                    raise changed_error(array, cell, count, self)
                t = new(registry.Tensor)
                t._array = array
                t._node = None
                values.append(t)
        if self.values:
            values += self.values
        if self.outputs is not None:
            g = self._all_outputs(g)
        grads: list = []
        for formula, first, used in plan.formulas:
            if used is None:
                grads.append(formula(g) if first is None else formula(g, values[first]))
            else:
                grads.append(formula(g, *[values[i] for i in used]))
        return grads[0] if plan.op.variadic else grads

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
            [
                save(result) if p == RESULT else s
                for p, s in zip(positions, self.tensors, strict=True)
            ]
        )

    def release(self) -> None:
        if self.tensors or self.values:
            self.tensors = self.values = None


class SeveralOutputs(OpNode):
    """An OpNode whose operation has several floating outputs: their shapes and dtypes."""

    __slots__ = ("outputs",)


def trace_one(op: Any, t: Variable, array: Any, result: Any) -> Any:
    """`trace` for the quick way: an operation on one tensor."""
    edge = t._node
    if edge is LEAF:
        edge = t
    elif type(edge) is View:
        edge = refreshed(t, edge)
        if edge is None:
            return None
    plan = op.quick[0]
    if plan is None:
        if not op.differentiable:
            return None
        plan = op.quick[0] = Plan(op, (0,), (True,))
    return _quick_node(plan, (edge,), t, t, array, result)


def trace_two(op: Any, a: Variable, b: Any, is_tensor: bool, array: Any, result: Any) -> Any:
    """`trace` for the quick way: an operation on a tensor and a tensor or number."""
    edge = a._node
    if edge is LEAF:
        edge = a
    elif type(edge) is View:
        edge = refreshed(a, edge)
    other = b._node if is_tensor else None
    if other is not None:
        if other is LEAF:
            other = b
        elif type(other) is View:
            other = refreshed(b, other)
    if edge is None:
        if other is None:
            return None
        key, edges = 6, (other,)
    elif other is None:
        key, edges = 5 if is_tensor else 1, (edge,)
    else:
        key, edges = 7, (edge, other)
    plan = op.quick[key]
    if plan is None:
        plan = _quick_plan(op, key, is_tensor)
        if plan is None:
            return trace(op, (a, b), array, result)
    return _quick_node(plan, edges, a, b, array, result)


def _quick_plan(op: Any, key: int, is_tensor: bool) -> Plan | None:
    """The plan for a choice of inputs that need gradients, None if not all have a formula."""
    wanted = tuple(i for i in (0, 1) if key >> i & 1)
    if not set(wanted) <= set(op.differentiable):
        return None
    op.quick[key] = Plan(op, wanted, (True, is_tensor))
    return op.quick[key]


def _quick_node(plan: Plan, edges: tuple, a: Any, b: Any, array: Any, result: Any) -> OpNode:
    """An OpNode without the calls that building one takes elsewhere: this is the hot path."""
    node = OpNode()
    node.plan = plan
    node.edges = edges
    node.seq = next(sequence)
    node.hooks = None
    node.shape = array.shape
    node.dtype = array.dtype
    pattern = plan.pattern
    node.values = node.tensors = ()
    if pattern:
        try:
            if pattern == 3:
                cell, other = a._version, b._version
                node.tensors = ((a._array, cell, cell[0]), (b._array, other, other[0]))
            elif pattern < 3:
                t = a if pattern == 1 else b
                cell = t._version
                node.tensors = ((t._array, cell, cell[0]),)
            elif pattern == 7:
                cell = result._version = [0, 0, ""]  # it is new: nobody can have asked for one
                node.tensors = ((array, cell, 0),)
            elif pattern == 5:
                node.values = (b,)
            elif pattern == 6:
                cell = a._version
                node.tensors = ((a._array, cell, cell[0]),)
                node.values = (b,)
            else:
                _save_all(node, (a, b, result))
        except (AttributeError, TypeError):  # no version yet, or made in inference mode
            _save_all(node, (a, b, result))
    if anomaly:
        node.trace = here()
    return node


def _save_all(node: OpNode, args: tuple) -> None:
    plan = node.plan
    node.tensors = tuple([save(args[p]) for p in plan.tensors])
    node.values = [args[p] if kind == "value" else shapes_of(args[p]) for p, kind in plan.values]


def trace(op: Any, args: tuple, array: Any, result: Any = None, kind: type = OpNode) -> Any:
    """The Node of an operation on args that made `array`, or None if no input needs a gradient.

    `result` is the tensor that holds the array, needed if a formula names the result.
    """
    if op.variadic:
        edges = tuple(edge_of(t) for t in args[0])
        if not any(e is not None for e in edges):
            return None
        return _node(kind, op.plan((0,), (False,) * len(args)), edges, args, array, result)
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
    return _node(kind, op.plan(tuple(wanted), is_tensor), tuple(edges), args, array, result)


def _node(kind: type, plan: Plan, edges: tuple, args: tuple, array: Any, result: Any) -> OpNode:
    node = kind()
    Node.__init__(node, edges, array)
    node.plan = plan
    _save_all(node, (*args, result))
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
    kind = OpNode if len(floats) == 1 else SeveralOutputs
    node = trace(op, args, floats[0]._array, floats[0], kind)
    if node is None:
        return
    if len(floats) == 1:
        floats[0]._node = node
        return
    node.outputs = [(t._array.shape, t._array.dtype) for t in floats]
    for i, t in enumerate(floats):
        t._node = Output(node, i, t._array)
