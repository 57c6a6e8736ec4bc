"""Operations whose gradient the user writes: subclass Function, give it forward and backward."""

from __future__ import annotations

import functools
import inspect
import weakref
from collections.abc import Callable
from typing import Any

from .function_node import FunctionNode, Once, history, output
from .graph import Output, save, unpack
from .history import check_inplace, count_write, rebase
from .modes import no_grad, state
from .variable import Variable, edge_of, wrap

FREED = (
    "Trying to backward through the graph a second time (or directly access saved tensors after "
    "they have already been freed): {} freed them in the first backward. Pass retain_graph=True "
    "to the first backward if you need two."
)


class FunctionCtx:
    """What forward leaves for backward: saved tensors, and any attribute that the user sets.

    `needs_input_grad`  for each argument of forward, whether backward must return its gradient
    """

    def __init__(self, needs: tuple) -> None:
        self.needs_input_grad = needs
        self._to_save: tuple = ()
        self._saved: list | None = []
        self._constant: tuple = ()
        self._dirty: tuple = ()
        self._materialize = True
        self._node: Callable = _nothing  # a weak reference: nodes free their memory by counting

    def save_for_backward(self, *tensors: Any) -> None:
        """Keep inputs, outputs or other tensors; backward finds them in `saved_tensors`."""
        for i, t in enumerate(tensors):
            if t is not None and not isinstance(t, Variable):
                raise TypeError(
                    "save_for_backward can only save variables, but argument "
                    f"{i} is of type {type(t).__name__}: keep it as an attribute of ctx"
                )
        self._to_save = tensors

    @property
    def saved_tensors(self) -> tuple:
        """What save_for_backward was given, refused if it was changed in place since."""
        node = self._node()
        if node is None:
            return self._to_save
        if self._saved is None:
            raise RuntimeError(FREED.format(node.name()))
        return tuple(None if s is None else unpack(s[0], s[1](), node) for s in self._saved)

    def mark_non_differentiable(self, *outputs: Any) -> None:
        """These outputs have no gradient, although they are floating."""
        self._constant = tuple(id(t) for t in outputs)

    def mark_dirty(self, *inputs: Any) -> None:
        """These inputs were changed in place, and are returned."""
        self._dirty = inputs

    def set_materialize_grads(self, value: bool) -> None:
        """Whether backward gets zeros (the default) or None for outputs that nobody used."""
        self._materialize = value


def _nothing() -> None:
    return None


class Function:
    """A differentiable operation with a gradient of one's own.

    Subclasses have two static methods: `forward(ctx, *args)` and `backward(ctx, *grads)`, which
    returns a gradient (or None) for each argument of forward. With a static method
    `setup_context(ctx, inputs, output)` forward takes no ctx. It is called by `apply`.
    """

    def __call__(self, *args: Any) -> Any:
        raise RuntimeError(
            f"{type(self).__name__}: a custom autograd.Function has static methods and is not "
            f"made an object of: call {type(self).__name__}.apply(...)"
        )

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """The value: a Tensor, or a tuple of them."""
        raise NotImplementedError(
            "You must implement the forward function for custom autograd.Function."
        )

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple, output: Any) -> None:
        """Save what backward needs, where forward takes no ctx."""

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        """The gradient of each argument of forward, given those of its outputs."""
        raise NotImplementedError(
            "You must implement either the backward or vjp method for your custom "
            "autograd.Function to use it with backward mode AD."
        )

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Run forward, unrecorded, and record the whole as one operation."""
        separate = cls.setup_context is not Function.setup_context
        if kwargs:
            args = _positional(cls.forward, args if separate else (None, *args), kwargs)
            args = args if separate else args[1:]
        edges = tuple([edge_of(a) if isinstance(a, Variable) else None for a in args])
        ctx = FunctionCtx(tuple([e is not None for e in edges]))
        with no_grad():
            value = cls.forward(*args) if separate else cls.forward(ctx, *args)
            if separate:
                cls.setup_context(ctx, args, value)
        outputs = value if isinstance(value, tuple) else (value,)
        for t in ctx._dirty:
            if not any(t is o for o in outputs):
                raise RuntimeError(
                    f"{cls.__name__}: Some elements marked as dirty during the forward method were "
                    "not returned as output. The inputs that are modified inplace must all be "
                    "outputs of the Function."
                )
        recorded = state.grad and any(ctx.needs_input_grad)
        results = _record(cls, ctx, args, edges, outputs) if recorded else _plain(cls, ctx, outputs)
        return results if isinstance(value, tuple) else results[0]


def _positional(function: Callable, args: tuple, kwargs: dict) -> tuple:
    bound = inspect.signature(function).bind(*args, **kwargs)
    bound.apply_defaults()
    return bound.args


def _record(cls: type, ctx: FunctionCtx, args: tuple, edges: tuple, outputs: tuple) -> tuple:
    """Give the outputs a FunctionNode, and save what forward asked for."""
    floating = [i for i, t in enumerate(outputs) if _is_differentiable(t, ctx)]
    if not floating:
        return _plain(cls, ctx, outputs)
    for t in ctx._dirty:
        check_inplace(t, cls.__name__)
    inputs = tuple([i for i, a in enumerate(args) if isinstance(a, Variable)])
    node = FunctionNode(tuple([edges[i] for i in inputs]), outputs[floating[0]]._array)
    node.ctx, node.function, node.inputs = ctx, cls, inputs
    node.outputs = [
        (t._array.shape, t._array.dtype) if isinstance(t, Variable) else None for t in outputs
    ]
    node.only = floating[0] if len(floating) == 1 else None
    dirty = {id(t) for t in ctx._dirty}
    results = list(outputs)
    places: dict[int, tuple] = {}  # id of a tensor that forward made -> its number, its edge
    for i, t in enumerate(outputs):
        if not isinstance(t, Variable):
            continue
        edge: Any = node if i in floating else None
        if edge is not None and node.only is None:
            edge = Output(node, i, t._array)
        if id(t) in dirty:
            count_write(t, cls.__name__)
            rebase(t, edge)
        else:
            results[i] = output(t, edge, args, cls.__name__)
        if id(t) in dirty or not any(t is a for a in args):
            places[id(t)] = (i, edge)
    ctx._saved = [
        t if t is None else (save(t), history(t, places.get(id(t), (None, None)), node))
        for t in ctx._to_save
    ]
    ctx._to_save = ()
    ctx._node = weakref.ref(node)
    return tuple(results)


def _is_differentiable(t: Any, ctx: FunctionCtx) -> bool:
    return (
        isinstance(t, Variable) and t._array.dtype.kind not in "biu" and id(t) not in ctx._constant
    )


def _plain(cls: type, ctx: FunctionCtx, outputs: tuple) -> tuple:
    """The outputs where nothing is recorded; an input that comes back as it was is a new tensor."""
    for t in ctx._dirty:
        count_write(t, cls.__name__)
    return tuple(
        output(t, None, (), cls.__name__)
        if isinstance(t, Variable) and t._node is not None and not any(t is d for d in ctx._dirty)
        else t
        for t in outputs
    )


def once_differentiable(backward: Callable) -> Callable:
    """Decorate a backward that is not written in differentiable operations."""

    @functools.wraps(backward)
    def wrapper(ctx: Any, *grads: Any) -> Any:
        with no_grad():
            result = backward(ctx, *grads)
        node = ctx._node()
        if not state.grad or node is None:
            return result
        edges = (*node.edges, *[edge_of(g) for g in grads if g is not None])
        marked = [
            wrap(g._array, Once(edges, g._array)) if isinstance(g, Variable) else g
            for g in (result if isinstance(result, tuple) else (result,))
        ]
        return tuple(marked) if isinstance(result, tuple) else marked[0]

    return wrapper


__all__ = ["Function", "FunctionCtx", "once_differentiable"]
