"""Kernels on many shapes, watched: nothing out of bounds, unwritten or raced for is touched."""

from __future__ import annotations

import numpy as np
import pytest
from hunt_size import LONG, size

pytest.importorskip("triton", reason="the interpreter comes with Triton")
from cases import OPERATIONS, RANDOM, is_a_gradient
from hunt_kernels import EDGES, resized
from tricheck import watching

import tritongrad as tg
from tritongrad.checks import CheckFailed, check_same, outputs_of
from tritongrad.testing import materialise

pytestmark = pytest.mark.triton
REFUSED = (RuntimeError, ValueError, IndexError, TypeError, ZeroDivisionError)
SHAPES = 200  # of each kernel, in the long form
ELSEWHERE = {"view", "as_strided"}


def shapes_of(watch):
    """Notes, for each kernel, the shapes of the arrays that it was launched on."""
    device = tg.tensor(0.0, device="interpret")._array.device
    seen: dict[str, set] = {}
    watched = device.launch

    def launch(kernel, grid, args, options, constexprs):
        shapes = tuple((a.shape, a.strides) for a in args if hasattr(a, "strides"))
        where = kernel.fn.__module__.rpartition(".")[2]
        seen.setdefault(f"{where}.{kernel.__name__}", set()).add((shapes, tuple(grid)))
        watched(kernel, grid, args, options, constexprs)

    device.launch = launch  # `watching` takes its own away at the end, and so this
    return seen


def run_case(op, sample, seed, layout, needs):
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


def drawn(seed):
    """An operation and a sample with sizes of its own."""
    rng = np.random.default_rng([seed, 91])
    op = OPERATIONS[seed % len(OPERATIONS)]
    sample = op.samples[int(rng.integers(len(op.samples)))]
    layout = str(rng.choice(["contiguous", "contiguous", "transposed", "stepped", "offset"]))
    return op, resized(rng, sample), layout, bool(rng.random() < 0.5)


def steps(rng):
    """One step of an optimizer on parameters of drawn sizes, some of them shared launches."""
    kinds = [tg.optim.SGD, tg.optim.Adam, tg.optim.AdamW]
    params = [
        tg.ones(int(rng.choice(EDGES)), device="interpret", requires_grad=True)
        for _ in range(int(rng.integers(1, 4)))
    ]
    for p in params:
        p.grad = tg.ones_like(p)
    momentum = {"momentum": 0.9} if rng.random() < 0.5 else {}
    kind = kinds[int(rng.integers(3))]
    optimizer = kind(params, lr=0.1, **(momentum if kind is tg.optim.SGD else {}))
    optimizer.step()
    optimizer.step()


def draws(rng):
    """Random numbers of a drawn shape."""
    n = int(rng.choice(EDGES))
    shape = [(n,), (n, 2), (3, n)][int(rng.integers(3))]
    kind = dict(device="interpret")
    name = ["rand", "randn", "randint", "randperm", "normal_", "dropout"][int(rng.integers(6))]
    if name == "randint":
        tg.randint(0, 9, shape, **kind)
    elif name == "randperm":
        tg.randperm(n, **kind)
    elif name == "normal_":
        tg.empty(shape, **kind).normal_().uniform_()
        tg.bernoulli(tg.full(shape, 0.3, **kind))
    elif name == "dropout":
        tg.nn.functional.dropout(tg.ones(shape, **kind), 0.3)
    else:
        getattr(tg, name)(shape, **kind)


def test_kernels_on_sizes_about_the_edges_of_their_tiles():
    with np.errstate(all="ignore"), watching() as watch:
        seen = shapes_of(watch)
        for seed in range(size(120, 60_000)):
            if seed > 3_000 and all(len(shapes) >= SHAPES for shapes in seen.values()):
                break
            rng = np.random.default_rng([seed, 92])
            what = seed % 20
            if what in (0, 1):
                (steps if what else draws)(rng)
                note = "steps" if what else "draws"
            else:
                op, sample, layout, needs = drawn(seed)
                note = f"{op.name}{sample} {layout}"
                if not is_a_gradient(op):  # those run in backward, on sizes that fit
                    run_case(op, sample, seed, layout, needs)
            assert not watch.found, f"seed {seed}: {note}: {watch.found[:3]}"
            watch.found.clear()
    counts = {k: len(s) for k, s in seen.items()}
    print(f"{len(counts)} kernels, {sum(counts.values())} shapes, fewest {min(counts.values())}")
    if LONG:
        assert not {k: n for k, n in counts.items() if n < SHAPES}
    assert len(counts) >= 20


@pytest.mark.parametrize("part", range(4))
def test_results_on_these_sizes_are_those_of_the_cpu(part):
    compared = 0
    for seed in range(part, size(160, 8_000), 4):
        op, sample, layout, _ = drawn(10**6 + seed)
        if op.name in ELSEWHERE or op.name in RANDOM or is_a_gradient(op) or "_forward" in op.name:
            continue  # halves of other operations are only ever given sizes that fit
        arguments = materialise(sample, seed=seed, device="interpret", layout=layout)
        with np.errstate(all="ignore"):
            try:
                outputs = outputs_of(op, arguments)
            except REFUSED as error:
                assert "OutOfBounds" not in type(error).__name__, (op.name, sample)
                continue
            try:
                check_same(op, arguments, outputs, exact=False)
            except CheckFailed as error:
                raise AssertionError(f"seed {seed}: {op.name}{sample} {layout}: {error}") from error
        compared += 1
    assert compared > size(20, 1_000)
