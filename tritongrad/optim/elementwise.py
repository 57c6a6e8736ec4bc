"""Optimizers whose rule looks at one element at a time, with a few numbers of state beside it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from tritongrad.autograd.history import count_write
from tritongrad.autograd.modes import enable_grad, no_grad, quiet
from tritongrad.autograd.variable import wrap
from tritongrad.optim.host import on_cpu
from tritongrad.optim.optimizer import Optimizer


class Row(NamedTuple):
    """A parameter, its gradient, its states (None: not used) and which step this is, from 1.

    `step` is a tensor, not yet counted up, where the optimizer is `capturable`. `made` is what the
    step adds to the state once it is done: memory that runs out before leaves the state as it was.
    """

    param: Any
    grad: Any
    states: list
    step: Any
    made: dict[str, Any]

    def arrays(self) -> list:
        """The arrays of the parameter, the gradient and the states."""
        states = [None if t is None else t._array for t in self.states]
        return [self.param._array, self.grad._array, *states]


class Elementwise(Optimizer):
    """`states` names the arrays that a parameter needs, `rule` is the step for one array.

    A rule is written in operators, which NumPy's arrays and tensors share, and writes in place.
    """

    def states(self, group: dict[str, Any]) -> tuple:
        """The names of a parameter's states, each of its shape; None: one that is not used now."""
        raise NotImplementedError

    def rule(self, group: dict[str, Any], step: Any, w: Any, g: Any, *states: Any) -> None:
        """Change w, and the states, by the gradient g."""
        raise NotImplementedError

    def initial(self, name: str, p: Any, group: dict[str, Any]) -> Any:
        """A state before the first step."""
        return p.detach().new_full(tuple(p.shape), 0)

    def fused(self, group: dict[str, Any], rows: list[Row]) -> list | None:
        """What steps all rows by kernels, to be called when all memory is there; None: no kernel"""
        return None

    @no_grad()
    def step(self, closure: Callable | None = None) -> Any:
        """Change the parameters once; a closure computes the loss anew, which is returned."""
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        ready: list[Callable] = []  # what changes a device's memory, and takes none
        hosts, done = [], []
        counters = Counters(ready)
        for group in self.param_groups:
            names = self.states(group)
            rows = [
                self._row(p, g, group, names, counters)
                for p in group["params"]
                if (g := p.grad) is not None
            ]
            devices = [row for row in rows if type(row.param._array) is not np.ndarray]
            hosts.append((group, rows))
            if devices:
                launches = self.fused(group, devices)
                ready += self._by_copies(group, devices) if launches is None else launches
            done += rows
        left = counters.left_out(self)
        for group, rows in hosts:
            quiet(on_cpu, self.rule, group, rows)
        for start in ready:
            start()
        for p, made in [*left, *((row.param, row.made) for row in done)]:
            self.state[p].update(made)
        name = type(self).__name__
        for row in done:
            count_write(row.param, name)
        return loss

    def _by_copies(self, group: dict[str, Any], rows: list[Row]) -> list[Callable]:
        """The rule on copies; what writes them into place."""
        ready: list[Callable] = []
        for row in rows:
            old = (wrap(row.param._array), *row.states)
            w, *states = new = [None if t is None else t.clone() for t in old]
            step = row.step if isinstance(row.step, int) else row.step + 1
            self.rule(group, step, w, row.grad, *states)
            pairs = zip(old, new, strict=True)
            ready += [functools.partial(t.copy_, made) for t, made in pairs if t is not None]
        return ready

    def _row(self, p: Any, g: Any, group: dict[str, Any], names: tuple, counters: Counters) -> Row:
        state = self.state[p]
        step = state.get("step", 1 if state else 0)
        if type(p._array) is not np.ndarray and group.get("capturable"):
            step = counters.counted(p, step)
        else:
            step = int(step) + 1
        made: dict[str, Any] = {"step": step}
        states = []
        for name in names:
            t = None if name is None else state.get(name)
            if t is None and name is not None:
                t = made[name] = self.initial(name, p, group)
            states.append(t)
        return Row(p, wrap(g._array), states, step, made)


class Counters:
    """Steps as tensors on a device, which a captured graph counts at each replay.

    Parameters that are at the same step share one tensor: it is counted once.
    """

    def __init__(self, ready: list[Callable]) -> None:
        self.ready = ready
        self.new: dict[tuple, Any] = {}
        self.known: dict[int, Any] = {}  # those that are to be counted, by id

    def counted(self, p: Any, step: Any) -> Any:
        """The tensor that counts p's steps, of which there have been `step`."""
        if isinstance(step, int):
            key = p.device, step
            if key not in self.new:
                self.new[key] = p.detach().new_full((1,), step, dtype="int64")
            step = self.new[key]
        if id(step) not in self.known:
            self.known[id(step)] = step
            self.ready.append(functools.partial(step.add_, 1))
        return step

    def left_out(self, optimizer: Optimizer) -> list[tuple[Any, dict]]:
        """Counters of their own for parameters without a gradient that shared one of these."""
        if not self.known:
            return []
        params = [p for group in optimizer.param_groups for p in group["params"] if p.grad is None]
        steps = [(p, optimizer.state.get(p, {}).get("step")) for p in params]
        return [(p, {"step": s.clone()}) for p, s in steps if id(s) in self.known]


def by_kind(kind: Callable, rows: list[Row]) -> list[list[Row]]:
    """Rows that can share a launch: those of which kind(row) is the same."""
    found: dict[Any, list[Row]] = {}
    for row in rows:
        found.setdefault(kind(row), []).append(row)
    return list(found.values())


def contiguous(rows: list[Row]) -> bool:
    """Whether the kernels over many arrays can write all parameters and states."""
    return all(t is None or t._array.contiguous for row in rows for t in (row.param, *row.states))


def maximum(a: Any, b: Any) -> Any:
    """The larger of two arrays or tensors, element by element; nan where one is nan."""
    return np.maximum(a, b) if isinstance(a, np.ndarray) else a.maximum(b)


def signed(group: dict[str, Any], w: Any, g: Any) -> Any:
    """The gradient to descend: that of -loss if `maximize`, with the weight decay's added."""
    if group["maximize"]:
        g = -g
    return g + w * group["weight_decay"] if group["weight_decay"] else g


def check(owner: str, differentiable: bool = False, **settings: Any) -> None:
    """Refuse settings that are negative, and what is not supported."""
    if differentiable:
        raise ValueError(
            f"{owner}: differentiable=True is not supported: write the update in tensor operations"
        )
    for name, value in settings.items():
        if not value >= 0.0:  # nan too
            raise ValueError(f"Invalid {name} value: {value}")


def check_betas(betas: tuple) -> None:
    """Refuse betas of Adam outside of [0, 1)."""
    for i, beta in enumerate(betas):
        if not 0.0 <= beta < 1.0:
            raise ValueError(f"Invalid beta parameter at index {i}: {beta}")
