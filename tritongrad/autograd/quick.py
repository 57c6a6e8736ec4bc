"""Recording on the quick way: operations on one or two tensors, with as few steps as may be."""

from __future__ import annotations

from typing import Any

from tritongrad.autograd.graph import anomaly, here, sequence
from tritongrad.autograd.record import OpNode, Plan, save_all, trace
from tritongrad.autograd.variable import LEAF, Variable, View, refreshed


def trace_one(op: Any, t: Variable, array: Any, result: Any, args: tuple = ()) -> Any:
    """`trace` for the quick way: an operation on one tensor, or on `args`: it and numbers."""
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
        plan = op.quick[0] = Plan(op, (0,), (True, False, False, False))
    node = OpNode()
    node.plan = plan
    node.edges = (edge,)
    node.seq = next(sequence)
    node.shape = array.shape
    node.dtype = array.dtype
    node.hooks = None
    node.values = node.tensors = ()
    if plan.pattern == 9:
        node.values = (t._array.shape,)
    elif plan.pattern:
        if not args:
            _save(node, plan.pattern, t, t, result)
        elif plan.pattern == 8:
            _save(node, 1, t, t, result)
            node.values = args[1:]
        else:
            save_all(node, (*args, result))
    if anomaly:
        node.trace = here()
    return node


def trace_two(op: Any, a: Variable, b: Any, is_tensor: bool, array: Any, result: Any) -> Any:
    """`trace` for the quick way: an operation on a tensor and a tensor or number."""
    edge = a._node
    if edge is LEAF:
        edge = a
    elif type(edge) is View:
        edge = refreshed(a, edge)
    other = b._node if is_tensor else None
    if other is LEAF:
        other = b
    elif type(other) is View:
        other = refreshed(b, other)
    if other is None:
        if edge is None:
            return None
        key, edges = 5 if is_tensor else 1, (edge,)
    elif edge is None:
        key, edges = 6, (other,)
    else:
        key, edges = 7, (edge, other)
    plan = op.quick[key] or _plan(op, key, is_tensor)
    if plan is None:
        return trace(op, (a, b), array, result)
    node = OpNode()
    node.plan = plan
    node.edges = edges
    node.seq = next(sequence)
    node.shape, node.dtype = array.shape, array.dtype
    node.hooks = None
    node.values = node.tensors = ()
    if plan.pattern == 3 and edge is a and other is b:  # two leaves: without another call
        node.tensors = (a._array, a._version, a._version[0], b._array, b._version, b._version[0])
    elif plan.pattern == 6 and edge is a:  # a leaf and a number
        node.values = (b,)
        node.tensors = (a._array, a._version, a._version[0])
    elif plan.pattern:
        _save(node, plan.pattern, a, b, result)
    if anomaly:
        node.trace = here()
    return node


def _plan(op: Any, key: int, is_tensor: bool) -> Plan | None:
    """The plan for a choice of inputs that need gradients, None if not all have a formula."""
    wanted = tuple(i for i in (0, 1) if key >> i & 1)
    if not set(wanted) <= set(op.differentiable):
        return None
    op.quick[key] = Plan(op, wanted, (True, is_tensor))
    return op.quick[key]


def _save(node: Any, pattern: int, a: Any, b: Any, result: Any) -> None:
    """Save what the plan's pattern says (see Plan)."""
    try:
        if pattern == 3:
            cell = a._version if a._node is LEAF else cell_of(a)
            other = b._version if b._node is LEAF else cell_of(b)
            node.tensors = (a._array, cell, cell[0], b._array, other, other[0])
        elif pattern == 1 or pattern == 6:
            cell = a._version if a._node is LEAF else cell_of(a)
            node.tensors = (a._array, cell, cell[0])
            if pattern == 6:
                node.values = (b,)
        elif pattern == 2:
            cell = b._version if b._node is LEAF else cell_of(b)
            node.tensors = (b._array, cell, cell[0])
        elif pattern == 5:
            node.values = (b,)
        elif pattern == 7:
            cell = result._version = [0, 0, ""]  # it is new: nobody can have asked for one
            node.tensors = (result._array, cell, 0)
        else:
            save_all(node, (a, b, result))
    except TypeError:  # one was made in inference mode: refused, and named
        save_all(node, (a, b, result))


def cell_of(t: Any) -> Any:
    """The version cell of a tensor, made on first use."""
    cell = getattr(t, "_version", None)
    if cell is None:
        cell = t._version = [0, 0, ""]
    return cell
