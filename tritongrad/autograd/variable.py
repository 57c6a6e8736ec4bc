"""What the graph knows of a tensor: its array, the Node that made it, its version and its base."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any


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
    `_node`     None: needs no gradient; LEAF: gradients end here; the Node that made it; or, for
                a view, the View that says of which tensor it is one, and by which operation
    `_version`  unset until asked for, then [count of in-place changes, count of those that were
                recorded, name of the last]; one list for all views of a storage
    `_grad`     the gradient or None; unset until the first one, but for leaves
    `_hooks`    the hooks of a leaf or None; else unset (a Node holds those of other tensors)
    """

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...

    __slots__ = ("__weakref__", "_array", "_grad", "_hooks", "_node", "_version")

    _array: Any
    _node: Any
    _version: Any
    _grad: Any
    _hooks: Any


class View:
    """How a view came from its parent, so that a write to one moves the history of the other.

    `node` is what the tensor's `_node` would be, valid for the count `seen` of recorded changes.
    """

    __slots__ = ("args", "node", "op", "parent", "seen")

    def __init__(self, parent: Any, op: Any, args: tuple, seen: int) -> None:
        self.parent = parent
        self.op = op
        self.args = args
        self.seen = seen
        self.node: Any = None


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
    return t


def version_of(t: Variable) -> list:
    """The version cell of a tensor: made on first use, shared by all that share its memory."""
    cell = getattr(t, "_version", None)  # an exception would cost ten times as much
    if cell is None:
        cell = t._version = [0, 0, ""]
        return cell
    if cell is INFERENCE:
        raise RuntimeError(
            "Inference tensors cannot be saved for backward, viewed or changed in a graph: "
            "clone() it outside inference_mode to get a normal tensor"
        )
    return cell


def make_leaf(t: Variable) -> None:
    """Let gradients end at t: what backward asks of a leaf is there from now on."""
    version_of(t)
    t._node = LEAF
    t._hooks = getattr(t, "_hooks", None)
    t._grad = getattr(t, "_grad", None)


def edge_of(t: Variable) -> Any:
    """Where the gradient of t flows: its Node, t itself if it is a leaf, None if it needs none."""
    node = t._node
    if node is None:
        return None
    if node is LEAF:
        return t
    return refreshed(t, node) if type(node) is View else node


def view_of(t: Variable) -> View | None:
    """How t came from its parent, None if it is no view."""
    node = t._node
    return node if type(node) is View else None


def refreshed(t: Variable, view: View) -> Any:
    """The Node of a view: a new one if the history of what it looks at has moved since."""
    cell = t._version
    if cell is not INFERENCE and view.seen != cell[1]:
        view.seen = cell[1]
        parent = view.parent
        needs = edge_of(parent) is not None
        view.node = view.op.view_node(parent, view.args, t) if needs else None
    return view.node
