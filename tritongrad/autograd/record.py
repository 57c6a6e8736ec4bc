"""Recording: which values an operation's formulas need, and the Node that keeps them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tritongrad.dtype import FLOAT32, FLOAT64

from .graph import Node, Output, changed_error, save, unpack
from .modes import inferring, shared_quiet
from .variable import Variable, edge_of, new, registry

ndarray = np.ndarray
FEW = 1 << 14  # elements from which kernels have threads and memory to think of
STARS = inspect.CO_VARARGS | inspect.CO_VARKEYWORDS  # the flags of a function with *args, **kwargs
RESULT = -1  # the position that stands for the operation's own result
NUMBER = ((1, "value"),)  # the second argument, where it is no tensor
# (tensors, values) -> what _quick_node has a short way for
PATTERNS = {((), ()): 0, ((0,), ()): 1, ((1,), ()): 2, ((0, 1), ()): 3, ((RESULT,), ()): 7}
PATTERNS |= {
    ((), ((0, "shape"),)): 9,
    ((), NUMBER): 5,
    ((0,), NUMBER): 6,
    ((0,), (*NUMBER, (2, "value"))): 8,
}


class Plan:
    """What to save and which formulas to call, for one choice of inputs that need gradients.

    `wanted`     positions of the arguments that get a gradient, in order: one edge each
    `tensors`    positions of the tensors to save; RESULT for the result
    `values`     positions and kinds of other arguments to save: (position, "value" or "shape")
    `formulas`   one for each edge: (formula, index into tensors + values or None, all indices or
                 None), so that the commonest formulas, of at most one value, are called directly
    `pattern`    a number for the commonest choices of what to save, else 4
    `picked`     which gradients are wanted of those that a joint formula lists, None without one
    `kernels`    the same as `formulas` for arrays (see on_arrays), None if that cannot be
    """

    __slots__ = ("formulas", "kernels", "op", "pattern", "picked", "tensors", "values", "wanted")

    def __init__(self, op: Any, wanted: tuple, is_tensor: tuple) -> None:
        self.op = op
        joint = op.joint if len(wanted) > 1 else None
        self.picked = [op.differentiable.index(p) for p in wanted] if joint else None
        names: list[tuple[int, str]] = []
        calls = []
        for formula in [joint] if joint else [op.formulas[position] for position in wanted]:
            calls.append((formula, [op.resolve(n) for n in formula_names(formula)]))
            names += [n for n in calls[-1][1] if n not in names]
        tensors = [n for n in names if n[1] == "value" and (n[0] == RESULT or is_tensor[n[0]])]
        values = [n for n in names if n not in tensors]
        tensors.sort()
        order, self.wanted = tensors + values, wanted
        self.tensors = tuple(n[0] for n in tensors)
        self.values = tuple(values)
        self.pattern = PATTERNS.get((self.tensors, self.values), 4)
        self.formulas = []
        for formula, used in calls:
            indices = tuple(order.index(n) for n in used)
            first = indices[0] if len(indices) == 1 else None
            self.formulas.append((formula, first, indices if len(indices) > 1 else None))
        self.kernels = kernels_of(calls, tensors, values)


def kernels_of(calls: list, tensors: list, values: list) -> list | None:
    """For each formula its kernel, and where in OpNode.tensors the one is that it names, or None.

    None where there is a formula without a kernel, or one that does not name all of `values`.
    """
    found = []
    for formula, used in calls:
        kernel = getattr(formula, "on_arrays", None)
        named = [n for n in used if n in tensors]
        if kernel is None or len(named) > 1 or used != named + values:
            return None
        found.append((kernel, 3 * tensors.index(named[0]) if named else None))
    return found


def on_arrays(kernel: Callable, formula: Callable) -> Callable:
    """A formula, and what it comes to for arrays of NumPy, all float32 or all float64 and small.

    In a backward that is not recorded the kernel takes its place: kernel(g, *what it names),
    which are one tensor at most and, after it, all other values that are saved.
    """
    formula.on_arrays = kernel
    return formula


def argument_names(function: Callable) -> list[str]:
    """The names of a function's arguments; there are hundreds of functions to ask at import."""
    code = getattr(function, "__code__", None)
    if code is None or code.co_flags & STARS:
        return list(inspect.signature(function).parameters)
    return list(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount])


def formula_names(formula: Callable) -> list[str]:
    """The names of what a formula needs beside g."""
    return argument_names(formula)[1:]


class OpNode(Node):
    """A Node of a declared operation: runs its formulas on what they asked to have saved.

    `tensors`  array, version cell and version of each tensor saved, one after the other
    `values`   the other arguments saved
    """

    __slots__ = ("plan", "tensors", "values")

    tensors: Any
    values: Any

    __init__: Any = object.__init__  # the hot path fills the slots itself

    @property
    def op(self) -> Any:
        return self.plan.op

    def name(self) -> str:
        return self.plan.op.node_name

    def vjp(self, g: Any, create_graph: bool) -> list:
        plan = self.plan
        if plan.kernels is not None and not create_graph:
            found = self.of_arrays(g._array, plan.kernels)
            if found is not None:
                return found
        values = self.saved(create_graph)
        grads: list = []
        for formula, first, used in plan.formulas:
            if first is not None:
                grads.append(formula(g, values[first]))
            elif used is None:
                grads.append(formula(g))
            else:
                grads.append(formula(g, *[values[i] for i in used]))
        if plan.picked is not None:
            return [grads[0][i] for i in plan.picked]
        return list(grads[0]) if plan.op.variadic else grads

    def of_arrays(self, g: Any, kernels: list) -> list | None:
        """The gradients by NumPy alone; None if that is not all there is to it."""
        parts, d = self.tensors, g.dtype
        if type(g) is not ndarray or g.size >= FEW or parts is None or inferring:
            return None
        if not (d is FLOAT32 or d is FLOAT64):
            return None
        grads: list = []
        try:
            for kernel, at in kernels:
                if at is None:
                    array = shared_quiet(kernel, g, *self.values)
                else:
                    saved = parts[at]
                    if parts[at + 1][0] != parts[at + 2] or saved.dtype is not d:
                        return None
                    if self.values:
                        array = shared_quiet(kernel, g, saved, *self.values)
                    else:
                        array = shared_quiet(kernel, g, saved)
                t = new(registry.Tensor)
                t._array = array if type(array) is ndarray else np.asarray(array)
                t._node = None
                grads.append(t)
        except (RuntimeError, MemoryError):  # another thread is in the shared context, or no room
            return None
        return grads

    def saved(self, create_graph: bool) -> list:
        """The tensors and values that were saved, refused if they were changed since."""
        parts = self.tensors
        if parts is None:
            raise RuntimeError(
                f"Trying to backward through the graph a second time: what {self.name()} saved was "
                "freed by the first. Pass retain_graph=True to the first backward if you need two."
            )
        values: list = []
        if create_graph:
            each, plan = iter(parts), self.plan
            for position, *triple in zip(plan.tensors, each, each, each, strict=True):
                values.append(unpack(triple, self._history(position, plan.wanted), self))
        elif parts:
            for i in range(0, len(parts), 3):
                if parts[i + 1][0] != parts[i + 2]:
                    raise changed_error(parts[i], parts[i + 1], parts[i + 2], self)
                t = new(registry.Tensor)
                t._array = parts[i]
                t._node = None
                values.append(t)
        if self.values:
            values += self.values
        return values

    def _history(self, position: int, wanted: tuple) -> Any:
        if position == RESULT:
            return self
        return self.edges[wanted.index(position)] if position in wanted else None

    def resave(self, result: Any) -> None:
        """Save the result again, after an in-place operation has moved its version."""
        at = 3 * self.plan.tensors.index(RESULT)
        self.tensors = (*self.tensors[:at], *save(result), *self.tensors[at + 3 :])

    def release(self) -> None:
        if self.tensors or self.values:
            self.tensors = self.values = None


class SeveralOutputs(OpNode):
    """An OpNode whose operation has several floating outputs: their shapes and dtypes."""

    __slots__ = ("outputs",)

    outputs: list[tuple]

    def vjp(self, g: Any, create_graph: bool) -> list:
        return super().vjp(self._all_outputs(g), create_graph)

    def _all_outputs(self, slots: dict) -> list:
        """The gradient of every output, zeros where none came."""
        some = next(iter(slots.values()))
        return [
            slots[i] if i in slots else some.new_zeros(shape, dtype=dtype)
            for i, (shape, dtype) in enumerate(self.outputs)
        ]


def save_all(node: OpNode, args: tuple) -> None:
    """Save what a Node's plan says, of all arguments and, last, the result."""
    plan = node.plan
    tensors: list = []
    for position in plan.tensors:
        tensors += save(args[position])
    node.tensors = tensors
    node.values = [args[p] if kind == "value" else shapes_of(args[p]) for p, kind in plan.values]


def trace(op: Any, args: tuple, array: Any, result: Any = None, kind: type = OpNode) -> Any:
    """The Node of an operation on args that made `array`, or None if no input needs a gradient.

    `result` is the tensor that holds the array, needed if a formula names the result.
    """
    if op.variadic:
        edges = [edge_of(t) for t in args[0]]
        if not any(e is not None for e in edges):
            return None
        wanted = (0,)
    else:
        edges, wanted = [], ()
        for position in op.differentiable:
            t = args[position]
            edge = getattr(t, "_node", None)  # a number has none
            if edge is not None and type(edge) is not OpNode:
                edge = edge_of(t)
            if edge is not None:
                wanted += (position,)
                edges.append(edge)
        if not edges:
            return None
    node = kind()
    Node.__init__(node, tuple(edges), array)
    node.plan = op.plan(wanted, args)
    save_all(node, (*args, result))
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
