"""Random programs over tensors, and an interpreter of the same programs that has no autograd.

A program is a list of steps on numbered registers; a register is a tensor. `Library` runs it on
tritongrad. `Plain` runs it on complex arrays of NumPy, where views are NumPy's views and in-place
is NumPy's in-place. All that a program does is analytic, so the imaginary part of a run with
1e-30 i added to an element of a leaf, over 1e-30, is the derivative by it, without cancellation.
What detach or no_grad computes is replayed with the values of a run without that (`frozen`).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import tritongrad as tg

UNARY = {
    "neg": lambda m, x: -x,
    "tanh": lambda m, x: m.tanh(x),
    "exp": lambda m, x: m.exp(m.tanh(x)),
    "sin": lambda m, x: m.sin(x),
    "square": lambda m, x: x * x,
    "cube": lambda m, x: m.tanh(x) ** 3,
    "scale": lambda m, x: x * 0.5,
    "shift": lambda m, x: x + 0.25,
}
BINARY = {
    "add": lambda m, x, y: x + y,
    "sub": lambda m, x, y: x - y,
    "mul": lambda m, x, y: x * y,
    "divide": lambda m, x, y: x / (y * y + 1.0),
}
VIEWS = {
    "rows": lambda x: x[1:] if x.ndim and x.shape[0] > 1 else None,
    "first": lambda x: x[0, ...] if x.ndim else None,
    "steps": lambda x: x[::2] if x.ndim else None,
    "backwards": lambda x: x[::-1] if x.ndim else None,
    "last": lambda x: x[..., -1] if x.ndim else None,
    "column": lambda x: x[:, :1] if x.ndim > 1 else None,
    "turned": lambda x: x.T if x.ndim == 2 else None,
    "longer": lambda x: x[None],
}
REDUCTIONS = {
    "sum": lambda x: x.sum(),
    "sum0": lambda x: x.sum(0) if x.ndim else x.sum(),
    "mean": lambda x: x.mean(),
    "prod": lambda x: x.prod(),
}
WRITES = {
    "add_": lambda x, y: x.__iadd__(y),
    "sub_": lambda x, y: x.__isub__(y),
    "mul_": lambda x, y: x.__imul__(y),
}


class Mathematics:
    """np.tanh and the like, where tritongrad has functions of the same names."""

    tanh, exp, sin = np.tanh, np.exp, np.sin


class Plain:
    """The program on complex arrays. `frozen`: values of detached registers, in order."""

    def __init__(self, leaves: list[np.ndarray], frozen: list | None = None) -> None:
        self.registers: list[Any] = [np.array(x, np.complex128) for x in leaves]
        self.given = frozen
        self.frozen: list[np.ndarray] = []

    def freeze(self, value: Any) -> Any:
        """A value through which no gradient flows: that of the first run."""
        at = len(self.frozen)
        self.frozen.append(np.array(value))
        return self.frozen[-1].copy() if self.given is None else self.given[at].copy()

    def step(self, kind: str, name: str, *at: int) -> Any:
        r = [self.registers[i] for i in at]
        match kind:
            case "unary":
                found = UNARY[name](Mathematics, r[0])
            case "binary":
                found = BINARY[name](Mathematics, *r)
            case "view":
                found = VIEWS[name](r[0])
            case "reduce":
                found = REDUCTIONS[name](r[0])
            case "clone" | "hook" | "retain":
                found = r[0].copy()
            case "detach":
                found = self.freeze(r[0])
            case "no_grad":
                found = self.freeze(UNARY[name](Mathematics, r[0]))
            case "write":
                target = r[0]
                value = np.array(WRITES[name](target.copy(), r[1]))
                target[...] = value
                return None
            case "assign":
                r[0][...] = r[1].copy()
                return None
            case "clamp_":
                r[0][...] = np.tanh(r[0])
                return None
        self.registers.append(found if isinstance(found, np.ndarray) else np.array(found))
        return None


class Library:
    """The program on tritongrad; hooks count their calls."""

    def __init__(self, leaves: list[np.ndarray], device: str) -> None:
        self.leaves = [tg.tensor(x, device=device, requires_grad=True) for x in leaves]
        self.registers: list[Any] = list(self.leaves)
        self.hooks: list[tuple[Any, list]] = []
        self.retained: list[Any] = []

    def step(self, kind: str, name: str, *at: int) -> None:
        r = [self.registers[i] for i in at]
        match kind:
            case "unary":
                found = UNARY[name](tg, r[0])
            case "binary":
                found = BINARY[name](tg, *r)
            case "view":
                found = VIEWS[name](r[0])
            case "reduce":
                found = REDUCTIONS[name](r[0])
            case "clone":
                found = r[0].clone()
            case "hook":
                found = r[0].clone()
                self.hook(found)
            case "retain":
                found = r[0].clone()
                if found.requires_grad:
                    found.retain_grad()
                    self.retained.append(found)
            case "detach":
                found = r[0].detach().clone()
            case "no_grad":
                with tg.no_grad():
                    found = UNARY[name](tg, r[0]).clone()
            case "write":
                WRITES[name](r[0], r[1])
                return
            case "assign":
                r[0][...] = r[1]
                return
            case "clamp_":
                r[0].tanh_()
                return
        self.registers.append(found)

    def hook(self, t: Any) -> None:
        if t.requires_grad:
            calls: list = []
            t.register_hook(lambda g, calls=calls: calls.append(tuple(g.shape)))
            self.hooks.append((t, calls))


def broadcasts_to(a: tuple, b: tuple) -> bool:
    """Whether something of shape a can be written into shape b."""
    try:
        return np.broadcast_shapes(a, b) == b
    except ValueError:
        return False


def small(a: tuple, b: tuple) -> bool:
    """Whether two shapes broadcast to something of few elements."""
    try:
        return math.prod(np.broadcast_shapes(a, b)) < 64
    except ValueError:
        return False


KINDS = (
    "unary unary binary binary binary view view view reduce write write assign clamp_ clone hook "
    "detach no_grad retain"
).split()


def fitting(trial: Plain, leaves: int, kind: str, name: int, i: int, j: int) -> tuple | None:
    """The step that these numbers mean, or None if it does not fit the registers."""
    a, b = trial.registers[i], trial.registers[j]
    if kind in ("unary", "no_grad"):
        return kind, nth(UNARY, name), i
    if kind == "binary":
        return (kind, nth(BINARY, name), i, j) if small(a.shape, b.shape) else None
    if kind == "view":
        view = nth(VIEWS, name)
        found = VIEWS[view](a)
        return (kind, view, i) if found is not None and found.size and found.ndim < 4 else None
    if kind == "reduce":
        return kind, nth(REDUCTIONS, name), i
    if kind in ("write", "assign", "clamp_"):
        if any(np.may_share_memory(a, leaf) for leaf in trial.registers[:leaves]):
            return None  # a leaf must not be written
        if kind == "clamp_":
            return kind, "", i
        written = nth(WRITES, name) if kind == "write" else ""
        return (kind, written, i, j) if broadcasts_to(b.shape, a.shape) else None
    return kind, "", i


def nth(table: dict, n: int) -> str:
    return list(table)[n % len(table)]


def random_program(rng: np.random.Generator, leaves: list[np.ndarray], steps: int) -> list[tuple]:
    """Steps that fit; later registers are likelier to be used, so that programs are deep."""
    trial = Plain(leaves)
    program: list[tuple] = []
    while len(program) < steps:
        n = len(trial.registers)
        i, j = (max(int(x) for x in rng.integers(n, size=2)) for _ in range(2))
        kind = KINDS[int(rng.integers(len(KINDS)))]
        step = fitting(trial, len(leaves), kind, int(rng.integers(1000)), i, j)
        if step is not None:
            trial.step(*step)
            program.append(step)
    return program


def loss_of(m: Any, registers: list, weights: list[float]) -> Any:
    """A number that depends on the last registers."""
    total = None
    for w, r in zip(weights, registers[::-1], strict=False):
        part = m.tanh(r).sum() * w
        total = part if total is None else total + part
    return total


WEIGHTS = [1.0, -0.7, 0.4, 1.3]
STEP = 1e-30


def slopes_of(program: list[tuple], leaves: list[np.ndarray]) -> list[np.ndarray]:
    """The derivatives of the loss by every element of every leaf, from Plain."""
    first = Plain(leaves)
    for step in program:
        first.step(*step)
    found = []
    for k, leaf in enumerate(leaves):
        slopes = np.zeros(leaf.shape)
        for at in np.ndindex(leaf.shape):
            moved = [np.array(x, np.complex128) for x in leaves]
            moved[k][at] += STEP * 1j
            run = Plain(moved, first.frozen)
            for step in program:
                run.step(*step)
            slopes[at] = loss_of(Mathematics, run.registers, WEIGHTS).imag / STEP
        found.append(slopes)
    return found


def random_leaves(rng: np.random.Generator) -> list[np.ndarray]:
    """Two leaves whose shapes broadcast."""
    shapes = [[(2, 3), (3,)], [(3,), ()], [(2, 2), (2, 1)], [(1, 3), (2, 1)], [(4,), (4,)]]
    return [rng.uniform(-1, 1, s) for s in shapes[int(rng.integers(len(shapes)))]]
