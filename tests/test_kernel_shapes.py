"""Kernels on many shapes, watched: nothing out of bounds, unwritten or raced for is touched."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hunt_size import size

pytest.importorskip("triton", reason="the interpreter comes with Triton")
from cases import OPERATIONS, RANDOM, is_a_gradient
from hunt_sources import REFUSED, SOURCES, drawn
from tricheck import watching

import tritongrad as tg
from tritongrad.checks import CheckFailed, check_same, outputs_of
from tritongrad.testing import materialise

pytestmark = pytest.mark.triton
SHAPES = size(6, 200)  # of each kernel, at least: more of those that much is made of
KERNELS = 40  # of 44: which are met depends on what is drawn
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


class Hunt:
    """Runs of sources, and which kernels each has led to on shapes that were new to them."""

    def __init__(self, watch):
        self.watch, self.seen, self.leads, self.runs = watch, shapes_of(watch), {}, 0

    def run(self, name):
        self.runs += 1
        before = {k: len(shapes) for k, shapes in self.seen.items()}
        note = SOURCES[name](np.random.default_rng([self.runs, 93]))
        assert not self.watch.found, f"run {self.runs}: {name} {note}: {self.watch.found[:3]}"
        for kernel, shapes in self.seen.items():
            if len(shapes) > before.get(kernel, 0):
                self.leads.setdefault(kernel, []).append(name)

    def fewest(self, tries):
        """The kernel to try next: of few shapes, unless that has been tried in vain."""
        return min(self.seen, key=lambda k: (len(self.seen[k]) + tries[k] / 20, k))


def test_kernels_on_sizes_about_the_edges_of_their_tiles():
    with np.errstate(all="ignore"), watching() as watch:
        hunt = Hunt(watch)
        for name in [*SOURCES, *[n for n in SOURCES if "(drawn)" in n] * 7]:
            hunt.run(name)
        tries = Counter()
        while any(len(shapes) < SHAPES for shapes in hunt.seen.values()):
            kernel = hunt.fewest(tries)
            tries[kernel] += 1
            assert tries[kernel] < 20 * SHAPES, f"{kernel}: {len(hunt.seen[kernel])} shapes"
            names = hunt.leads[kernel]
            hunt.run(names[tries[kernel] % len(names)])
    counts = {k: len(s) for k, s in hunt.seen.items()}
    print(f"{len(counts)} kernels, {sum(counts.values())} shapes, fewest {min(counts.values())}")
    assert len(counts) >= KERNELS, sorted(counts)


@pytest.mark.parametrize("part", range(4))
def test_results_on_these_sizes_are_those_of_the_cpu(part):
    compared = 0
    for seed in range(part, size(160, 8_000), 4):
        rng = np.random.default_rng([10**6 + seed, 91])
        op = OPERATIONS[seed % len(OPERATIONS)]
        sample, layout = drawn(op, rng)
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
