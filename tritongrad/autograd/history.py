"""In-place changes: what they may not touch, the version they move, the history they rewrite."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tritongrad.autograd.graph import KeepGrad, Node
from tritongrad.autograd.variable import INFERENCE, LEAF, Variable, edge_of, version_of, view_of


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
    while (view := view_of(root)) is not None:
        root = view.parent
    if root._node is LEAF:
        what = "a leaf Variable" if root is t else "a view of a leaf Variable"
        raise RuntimeError(
            f"{name}: {what} that requires grad is being used in an in-place operation "
            f"(shape {list(t._array.shape)}). Do it under no_grad() if it is an update of the "
            "parameter, or use the out-of-place form."
        )


def count_write(t: Variable, name: str) -> None:
    """Note an in-place change: what was saved of this memory before can no longer be used."""
    if getattr(t, "_version", None) is INFERENCE:
        return  # nobody can have saved it
    cell = version_of(t)
    cell[0] += 1
    cell[2] = name


def rebase(t: Variable, node: Any) -> None:
    """t was changed in place and comes from `node` now; so does what its base shares with it."""
    chain = []
    child = t
    while (view := view_of(child)) is not None:
        chain.append((view, edge_of(view.parent)))
        child = view.parent
    cell = version_of(t)
    cell[1] += 1
    child = t
    for view, old_edge in chain:
        carry_kept(view.node, node)
        view.node = node
        view.seen = cell[1]
        child = view.parent
        node = CopySlices((old_edge, node), view, child._array)
    carry_kept(child._node, node)
    child._node = node


def carry_kept(old: Any, node: Any) -> None:
    """A tensor that keeps its gradient keeps that of what it is now."""
    if not isinstance(old, Node) or not old.hooks:
        return
    for key, hook in list(old.hooks.items()):
        if type(hook) is KeepGrad:
            del old.hooks[key]
            node.register_hook(hook)
