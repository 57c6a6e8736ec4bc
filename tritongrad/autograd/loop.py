"""Backward: the one loop that passes gradients from Node to Node, and into the leaves."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from sys import getrefcount
from typing import Any

import numpy as np

from tritongrad.autograd.graph import Node, Output, anomaly
from tritongrad.autograd.modes import state, switch
from tritongrad.autograd.record import OpNode
from tritongrad.autograd.variable import Variable, accumulate_lock, wrap


def backward(
    edges: Sequence,
    grads: Sequence,
    retain_graph: bool,
    create_graph: bool,
    targets: Sequence | None = None,
    accumulate: bool = True,
) -> dict:
    """Pass gradients, one for each of the edges, to the leaves.

    Nodes leave a heap by the order in which they were made, latest first: every consumer of an
    output comes before its maker, so each Node runs once, with its whole gradient.
    With `targets` (edges) only what leads to them runs; their gradients are returned, and unless
    `accumulate` leaves keep their `grad`.
    """
    alone = targets is None and not create_graph and len(edges) == 1
    if alone and to_leaves(edges[0], grads[0], retain_graph):
        return {}
    other_way = state.recording is not create_graph
    if other_way:
        switch(create_graph)
    try:
        wanted = None if targets is None else {id(t) for t in targets}
        needed = None if wanted is None else _leading_to(wanted, edges)
        run = Pass(retain_graph, create_graph, wanted, needed)
        run.nodes(edges, grads)
        del grads  # else the gradients would look shared to is_unshared
        run.leaves_last(accumulate)
        return run.found
    finally:
        if other_way:
            switch(not create_graph)


def to_leaves(node: Any, g: Any, retain_graph: bool) -> bool:
    """Backward through one plain Node to its one or two leaves: a Pass without what it may need.

    Its formulas have kernels for arrays, which nobody records. False, and nothing is done, if that
    is not so.
    """
    if type(node) is not OpNode or node.hooks or anomaly or Pass.visit is not _visit:
        return False
    edges, kernels = node.edges, node.plan.kernels
    if kernels is None or len(edges) > 2 or (len(edges) == 2 and edges[0] is edges[1]):
        return False
    for leaf in edges:
        if not isinstance(leaf, Variable) or leaf._hooks:
            return False
        if leaf._grad is not None and leaf._grad._node is not None:
            return False
    grads = node.of_arrays((g if g._array.dtype is node.dtype else fit(g, node))._array, kernels)
    if grads is None:
        return False
    if not retain_graph and (node.tensors or node.values):
        node.tensors = node.values = None
    for i, leaf in enumerate(edges):
        array, like = grads[i]._array, leaf._array
        if array.shape != like.shape or array.dtype is not like.dtype:
            grads[i] = fit(grads[i], like)
    array = None  # else a gradient would look shared to is_unshared
    accumulate_lock.acquire()  # `with` would take twice the time
    try:
        for leaf in reversed(edges):
            g = grads.pop()
            accumulate_grad(leaf, g, False)
    finally:
        accumulate_lock.release()
    return True


class Pass:
    """One run of backward: what is on its way, and what was asked for.

    `pending`  Node -> the sum of the gradients that have come in so far
    `leaves`   leaf tensor -> the same
    `wanted`   ids of the edges whose gradients go to `found`; `needed`: of those that lead there
    """

    def __init__(
        self, retain_graph: bool, create_graph: bool, wanted: set | None, needed: set | None
    ) -> None:
        self.retain_graph = retain_graph
        self.create_graph = create_graph
        self.wanted = wanted
        self.needed = needed
        self.pending: dict[Node, Any] = {}
        self.leaves: dict[Variable, Any] = {}
        self.found: dict[int, Any] = {}

    def nodes(self, edges: Sequence, grads: Any) -> None:
        """The loop: hand gradients on along edges, take the latest Node, ask it for the next."""
        pending, leaves, needed = self.pending, self.leaves, self.needed
        plain = self.wanted is None and not self.retain_graph and not anomaly
        plain = plain and Pass.visit is _visit  # else a profile is being taken
        heap: list[tuple[int, Any]] = []
        while True:
            for i, edge in enumerate(edges):
                g = grads[i]
                if edge is None or g is None or (needed is not None and id(edge) not in needed):
                    continue
                is_leaf = isinstance(edge, Variable)
                like = edge._array if is_leaf else edge
                array = g._array
                if array.shape != like.shape or array.dtype is not like.dtype:
                    g = fit(g, like)
                waiting = leaves if is_leaf else pending
                if edge in waiting:
                    waiting[edge] = waiting[edge] + g
                    continue
                waiting[edge] = g
                if not is_leaf:
                    heapq.heappush(heap, (-edge.seq, edge))
            g = grads = array = None  # else a gradient would look shared to is_unshared
            if not heap:
                break
            node = heapq.heappop(heap)[1]
            if plain and type(node) is OpNode and not node.hooks:  # what visit() does with it
                edges = node.edges
                grads = node.vjp(pending.pop(node), self.create_graph)
                if node.tensors or node.values:
                    node.tensors = node.values = None
            else:
                edges, grads = self.visit(node, pending.pop(node), heap)

    def visit(self, node: Any, g: Any, heap: list) -> tuple[Sequence, Any]:
        """Run the hooks and the formulas of a Node: its edges, and a gradient for each."""
        if node.hooks:
            g = _run_hooks(node.hooks, g, node.name())
        if self.wanted is not None and id(node) in self.wanted:
            self.found[id(node)] = g
        if type(node) is Output:
            _hand_over(node, g, self.pending, heap)
            return (), None
        edges = node.edges
        needed = self.needed
        if needed is not None and not any(id(e) in needed for e in edges):
            return (), None
        grads = node.vjp(g, self.create_graph)
        if anomaly:
            _check_anomaly(node, grads)
        if not self.retain_graph:
            node.release()
        if len(grads) != len(edges):
            raise RuntimeError(f"{node.name()}: {len(grads)} gradients for {len(edges)} inputs")
        return edges, grads

    def leaves_last(self, accumulate: bool) -> None:
        """Hooks of leaves see the whole gradient, once; then it is added to `grad`."""
        leaves = self.leaves
        for leaf in leaves:
            if leaf._hooks:
                leaves[leaf] = _run_hooks(leaf._hooks, leaves[leaf], "AccumulateGrad")
        if self.wanted is not None:  # only leaves that are wanted came here
            self.found |= {id(leaf): g for leaf, g in leaves.items()}
        if accumulate:
            with accumulate_lock:
                while leaves:
                    leaf, g = leaves.popitem()
                    accumulate_grad(leaf, g, self.create_graph)


_visit = Pass.visit


def _hand_over(output: Output, g: Any, pending: dict, heap: list) -> None:
    """Put the gradient of one of several outputs in its place with their common Node."""
    parent = output.parent
    slots = pending.get(parent)
    if slots is None:
        slots = pending[parent] = {}
        heapq.heappush(heap, (-parent.seq, parent))
    slots[output.index] = g


def fit(g: Any, like: Any) -> Any:
    """Undo broadcasting and casting: g with the shape and dtype of `like`, an array or a Node."""
    array = g._array
    if array.shape != like.shape:
        g = sum_to_shape(g, like.shape)
    if array.dtype != like.dtype:
        g = g.to(like.dtype)
    return g


def sum_to_shape(g: Any, shape: tuple) -> Any:
    """The sum of g over the dims along which `shape` was broadcast to g's shape."""
    extra = g.ndim - len(shape)
    dims = [d for d in range(g.ndim) if d < extra or (shape[d - extra] == 1 and g.shape[d] != 1)]
    total = g.sum(dims, keepdim=True) if dims else g
    if total.shape[max(extra, 0) :] != shape:
        raise RuntimeError(
            f"backward: a formula gave a gradient of shape {list(g.shape)} for an input of shape "
            f"{list(shape)}: its shape must be that of the input, or one that broadcasting made"
        )
    return total.reshape(shape) if extra else total


def accumulate_grad(leaf: Any, g: Any, create_graph: bool) -> None:
    """leaf.grad += g, under accumulate_lock. A grad is never memory that anyone else sees."""
    old = leaf._grad
    if old is None:
        keep = is_unshared(g)
        leaf._grad = g if keep else g.clone() if create_graph else wrap(g._array.copy())
    elif create_graph:
        leaf._grad = old + g
    else:
        old.add_(g)


def is_unshared(g: Any) -> bool:
    """Whether nobody but the running backward sees g or its memory (a view's memory is shared)."""
    # References to g: leaves_last, accumulate_grad, here, getrefcount; to the array: g, here,
    # getrefcount; to a device array's storage: the array, here, getrefcount.
    array = g._array
    if getrefcount(g) > 4 or getrefcount(array) > 3:
        return False
    if type(array) is np.ndarray:
        return array.base is None or is_sole_user(array)
    owner = array.storage
    return getrefcount(owner) <= 3 and 0 not in array.strides  # an expanded one cannot be written


def is_sole_user(array: np.ndarray) -> bool:
    """Whether the memory of a NumPy array is a buffer that it alone has from a pool."""
    base = array.base
    # References to a pooled buffer: its pool, the array, this variable, getrefcount.
    return hasattr(base, "pooled") and getrefcount(base) <= 4


def _run_hooks(hooks: dict, g: Any, name: str) -> Any:
    for hook in list(hooks.values()):
        got = hook(g)
        if got is None:
            continue
        if not isinstance(got, Variable):
            raise TypeError(f"a hook of {name} must return a Tensor or None, got {type(got)}")
        if got._array.shape != g._array.shape:
            raise RuntimeError(
                f"a hook of {name} changed the size of the gradient from "
                f"{list(g._array.shape)} to {list(got._array.shape)}"
            )
        g = got
    return g


def _leading_to(targets: set[int], roots: Sequence) -> set[int]:
    """The ids of the edges from which some target can be reached (targets among them)."""
    reaches: dict[int, bool] = {}
    stack = [(edge, False) for edge in roots]
    while stack:
        edge, done = stack.pop()
        if edge is None or (id(edge) in reaches and not done):
            continue
        below = edge.edges if isinstance(edge, Node) else ()
        if not done:
            reaches[id(edge)] = id(edge) in targets
            stack.append((edge, True))
            stack.extend((e, False) for e in below)
        elif any(e is not None and reaches[id(e)] for e in below):
            reaches[id(edge)] = True
    return {key for key, does in reaches.items() if does}


def _check_anomaly(node: Node, grads: Sequence) -> None:
    if not anomaly[0]:
        return
    for i, g in enumerate(grads):
        if g is None or g._array.dtype.kind in "biu":
            continue
        array = g._array if isinstance(g._array, np.ndarray) else g._array.numpy()
        if np.isnan(array).any():
            lines = "".join(getattr(node, "trace", ["(made outside anomaly mode)\n"]))
            raise RuntimeError(
                f"Function '{node.name()}' returned nan values in its {i}th output. "
                f"Traceback of the forward call that caused it:\n{lines}"
            )
