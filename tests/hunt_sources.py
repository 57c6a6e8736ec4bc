"""Operations on drawn sizes, forward and backward: what they lead kernels to."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from cases import OPERATIONS, is_a_gradient
from hunt_kernels import resized

import tritongrad as tg
from tritongrad.checks import outputs_of
from tritongrad.testing import materialise

F = tg.nn.functional
REFUSED = (RuntimeError, ValueError, IndexError, TypeError, ZeroDivisionError)
LAYOUTS = ["contiguous", "contiguous", "transposed", "stepped", "offset"]
HERE: dict[str, Any] = {"device": "interpret"}


def run_case(op: Any, sample: tuple, seed: int, layout: str, needs: bool) -> bool:
    """An operation, forward and backward, on a drawn sample; False if it is refused there too."""
    arguments = materialise(
        sample, seed=seed, device="interpret", layout=layout, requires_grad=needs
    )
    try:
        outputs = outputs_of(op, arguments)
        for t in outputs:
            if t.requires_grad:
                t.sum().backward()
                break
    except REFUSED as error:  # sizes that do not fit each other
        if "OutOfBounds" in type(error).__name__:
            raise
        return False
    return True


def drawn(op: Any, rng: np.random.Generator) -> tuple:
    """A sample of an operation with sizes of its own, and a layout."""
    sample = op.samples[int(rng.integers(len(op.samples)))]
    made = resized(rng, sample)
    if op.name in ("matmul", "bmm"):  # a program for each of a batch takes a while
        while math.prod(made[0].shape[:-2]) * math.prod(made[1].shape[:-2]) > 40:
            made = resized(rng, sample)
    return made, str(rng.choice(LAYOUTS))


def of_operation(op: Any) -> Callable:
    def run(rng: np.random.Generator) -> str:
        sample, layout = drawn(op, rng)
        needs, seed = bool(rng.random() < 0.7), int(rng.integers(1 << 30))
        run_case(op, sample, seed, layout, needs)
        return f"{sample} {layout}"

    return run


SOURCES: dict[str, Callable] = {
    op.name: of_operation(op) for op in OPERATIONS if op.samples and not is_a_gradient(op)
}
