"""What the graph knows of a tensor: its array, the Node that made it, its version and its base."""

from __future__ import annotations

import threading
from typing import Any


class _Leaf:
    """Stands in `_node` of a leaf that requires grad: gradients flow to the tensor itself."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "LEAF"


LEAF: Any = _Leaf()


class InferenceVersion:
    """Stands in `_version` of a tensor made in inference mode: any use in a graph is refused."""

    __slots__ = ()


INFERENCE: Any = InferenceVersion()


class Variable:
    """The part of a tensor that autograd works on.

    `_array`    np.ndarray or DeviceArray; its type is the device
    `_node`     None: needs no gradient; LEAF: gradients end here; else the Node that made it
    `_view`     None, or a View: of which tensor, by which operation
    `_version`  unset until asked for, then [count of in-place changes, count of those that were
                recorded, name of the last]; one list for all views of a storage
    `_grad`     unset until the first gradient
    `_hooks`    unset until the first hook of a leaf (a Node holds those of other tensors)
    """

    __slots__ = ("__weakref__", "_array", "_grad", "_hooks", "_node", "_version", "_view")

    _array: Any
    _node: Any
    _view: Any
    _version: Any
    _grad: Any
    _hooks: Any


class View:
    """How a view came from its parent, so that a write to one moves the history of the other."""

    __slots__ = ("args", "op", "parent", "seen")

    def __init__(self, parent: Any, op: Any, args: tuple, seen: int) -> None:
        self.parent = parent
        self.op = op
        self.args = args
        self.seen = seen  # the count of recorded changes for which the view's Node holds


class _Registry:
    """Holds class Tensor, which is written in terms of the operations and so comes after them."""

    Tensor: Any = Variable


registry = _Registry()
new = object.__new__
accumulate_lock = threading.Lock()


def wrap(array: Any, node: Any = None) -> Any:
    """A Tensor around an array."""
    t = new(registry.Tensor)
    t._array = array
    t._node = node
    t._view = None
    return t


def version_of(t: Variable) -> list:
    """The version cell of a tensor: made on first use, shared by all that share its memory."""
    try:
        cell = t._version
    except AttributeError:
        cell = t._version = [0, 0, ""]
        return cell
    if cell is INFERENCE:
        raise RuntimeError(
            "Inference tensors cannot be saved for backward, viewed or changed in a graph: "
            "clone() it outside inference_mode to get a normal tensor"
        )
    return cell


def edge_of(t: Variable) -> Any:
    """Where the gradient of t flows: its Node, t itself if it is a leaf, None if it needs none."""
    if t._view is not None:
        refresh(t)
    node = t._node
    return t if node is LEAF else node


def refresh(t: Variable) -> None:
    """Give a view a new Node if the history of what it looks at has moved since it was made."""
    view = t._view
    cell = t._version
    if cell is INFERENCE or view.seen == cell[1]:
        return
    view.seen = cell[1]
    parent = view.parent
    edge = edge_of(parent)
    t._node = None if edge is None else view.op.view_node(parent, view.args, t)
