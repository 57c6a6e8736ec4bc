"""The operations and samples that the generated tests run over, with names that can be read."""

from __future__ import annotations

from typing import Any

import pytest

import tritongrad.nn  # noqa: F401  (declares the operations, those of layers too)
from tritongrad.op import REGISTRY, Op
from tritongrad.samples import Bools, Ints, Rand

RANDOM = {name for name, op in REGISTRY.items() if op.group == "random"}
OPERATIONS = [op for name, op in sorted(REGISTRY.items()) if name not in RANDOM]


# What they give depends on the strides of the input, or they refuse some.
OF_MEMORY = {"view", "as_strided"}


def is_a_gradient(op: Op) -> bool:
    """Half of another operation: it is only ever given floating tensors."""
    return op.name.endswith("_backward") or op.name.startswith("cross_entropy_")


def name_of(part: Any) -> str:
    """A sample, or a part of one, in few characters: 3x4, int3x4, [2x3,2x3], dim=1."""
    match part:
        case Rand(shape):
            return "x".join(map(str, shape)) or "0d"
        case Ints(shape):
            return "int" + ("x".join(map(str, shape)) or "0d")
        case Bools(shape):
            return "bool" + ("x".join(map(str, shape)) or "0d")
        case dict():
            return ",".join(f"{k}={name_of(v)}" for k, v in part.items())
        case list():
            return "[" + ",".join(map(name_of, part)) + "]"
        case _:
            return str(part).replace(" ", "")


def case(op: Op, sample: tuple) -> Any:
    return pytest.param(op, sample, id=f"{op.name}-" + "-".join(map(name_of, sample)))


EVERY = [case(op, s) for op in OPERATIONS for s in op.samples]
FIRST = [case(op, op.samples[0]) for op in OPERATIONS if op.samples]
DIFFERENTIABLE = [case(op, s) for op in OPERATIONS if op.formulas for s in op.samples]
