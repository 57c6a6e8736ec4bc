"""How a profile comes to see every call: public functions change places with watched ones."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from types import FunctionType
from typing import Any

from .autograd import loop
from .autograd.graph import Output
from .autograd.variable import registry
from .op import apply
from .profiler_record import NODE, SCOPE, active, room_of, size_of, tensors

# Modules whose public functions are operations, beside what is declared as one.
HOMES = tuple(
    f"tritongrad.{m}" for m in "ops. create random inplace writes tensor_writes nn.".split()
)
SYNCHRONISING = frozenset("item tolist numpy".split())  # on a GPU they wait for its work
PROTOCOL = frozenset("__getitem__ __setitem__".split())
SHOWN = {"subscript": "getitem"}
NO_OPERATIONS = frozenset(
    "manual_seed seed initial_seed get_rng_state set_rng_state storage_offset".split()
)


class Hooks:
    """What was put in place of what; while no profile runs, nothing is in place of anything."""

    def __init__(self) -> None:
        self._watched: dict[int, tuple[Any, Any]] = {}  # id of a function -> itself, its stand-in
        self._others: list[tuple[Any, str, Any]] = []  # owner, name, what was there

    def set(self) -> None:
        """Watch the operations, the nodes of backward, and steps of optimizers."""
        for function in operations():
            self._watched[id(function)] = (function, watched(function))
        self._watched[id(apply)] = (apply, watched_apply)
        for owner in owners():
            swap(owner, self._watched)
        self._put(loop, "backward", in_scope(loop.backward, lambda *_: "backward"))
        self._put(loop.Pass, "visit", visit(loop.Pass.visit))
        for kind in optimizers():
            if "step" in vars(kind):
                self._put(kind, "step", step(vars(kind)["step"]))

    def _put(self, owner: Any, name: str, function: Callable) -> None:
        self._others.append((owner, name, getattr(owner, name)))
        setattr(owner, name, function)

    def take_back(self) -> None:
        """Put everything back, also where a module that was imported meanwhile took a copy."""
        back = {id(stand_in): (stand_in, plain) for plain, stand_in in self._watched.values()}
        for owner in owners():
            swap(owner, back)
        for owner, name, function in reversed(self._others):
            setattr(owner, name, function)
        self._watched, self._others = {}, []


def owners() -> list:
    """Every place that holds functions: our modules, and the classes that Tensor is made of."""
    names = [n for n in sys.modules if n.startswith("tritongrad") and n != __name__]
    ours = [m for m in map(sys.modules.get, names) if m is not None]
    classes = [c for c in registry.Tensor.__mro__ if c.__module__.startswith("tritongrad")]
    return [*ours, *classes]


def swap(owner: Any, exchange: dict[int, tuple[Any, Any]]) -> None:
    """Exchange the functions that an owner holds."""
    for name, value in list(vars(owner).items()):
        found = exchange.get(id(value))
        if found is not None:
            setattr(owner, name, found[1])


def operations() -> list:
    """The functions that a user would call operations."""
    places = [*registry.Tensor.__mro__]
    modules = ("tritongrad", "tritongrad.nn.functional")
    places += [sys.modules[m] for m in modules if m in sys.modules]
    found = {}
    for place in places:
        for name, value in vars(place).items():
            if type(value) is FunctionType and is_operation(name, value):
                found[id(value)] = value
    return list(found.values())


def is_operation(name: str, function: Any) -> bool:
    """Whether a function computes with tensors: declared as one, or leading to those that are."""
    if hasattr(function, "op") or name in PROTOCOL or name in SYNCHRONISING:
        return True
    if name in NO_OPERATIONS or name.startswith("_"):
        return False
    return function.__module__.startswith(HOMES)


def watched(function: Any) -> Callable:
    """A stand-in for an operation: it tells the running profile, if one is running."""
    op = getattr(function, "op", None)
    name = str(function.__name__)
    name = SHOWN.get(name, name)

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if not active:
            return function(*args, **kwargs)
        return active[0].run(function, name, op, args, kwargs)

    return call


def watched_apply(operation: Any, args: tuple) -> Any:
    """A stand-in for `op.apply`, which formulas also come to without a public function."""
    if not active:
        return apply(operation, args)
    return active[0].run(apply, operation.name, operation, (operation, args), {})


def in_scope(function: Callable, name_of: Callable, bytes_of: Callable | None = None) -> Callable:
    """A function whose calls are ranges in the profile."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if not active:
            return function(*args, **kwargs)
        recorder = active[0]
        event = recorder.open(name_of(*args), SCOPE)
        try:
            return function(*args, **kwargs)
        finally:
            if bytes_of is not None:
                event.bytes = bytes_of(*args)
            recorder.close(event)

    return call


def visit(plain: Callable) -> Callable:
    """`Pass.visit`, telling the profile which Node of the graph it is at."""

    @functools.wraps(plain)
    def call(self: Any, node: Any, g: Any, heap: list) -> Any:
        if not active or type(node) is Output:
            return plain(self, node, g, heap)
        recorder = active[0]
        saved = getattr(node, "tensors", None) or ()
        read = sum(map(room_of, saved[::3]))  # array, version cell, version; and the next
        read += sum(map(size_of, tensors(g.values() if isinstance(g, dict) else (g,))))
        event = recorder.open(node.name(), NODE)
        try:
            edges, grads = plain(self, node, g, heap)
            op = getattr(node, "op", None)
            if not event.inside and op is not None and not op.view:  # else those inside count
                made = [t for t in tensors(grads or ()) if t is not g]
                event.bytes = read + sum(map(size_of, made)) if made else 0
            return edges, grads
        finally:
            recorder.close(event)

    return call


def optimizers() -> list:
    """Every class of optimizers there is, if the program uses any."""
    if "tritongrad.optim" not in sys.modules:
        return []
    from .optim import Optimizer

    found = [Optimizer]
    for kind in found:  # it grows as we go
        found += [k for k in kind.__subclasses__() if k not in found]
    return found


def step(plain: Callable) -> Callable:
    """An optimizer's step as a range of the profile."""
    return in_scope(
        plain, lambda self, *_: f"{type(self).__name__}.step", lambda self, *_: moved(self)
    )


def moved(optimizer: Any) -> int:
    """Bytes that a step reads and writes: parameters and state both ways, gradients once."""
    total = 0
    for group in optimizer.param_groups:
        for p in group["params"]:
            if p.grad is not None:
                state = optimizer.state.get(p, {})
                total += size_of(p.grad) + 2 * size_of(p)
                total += 2 * sum(map(size_of, tensors(state.values())))
    return total
