"""Kernels on many shapes, watched: nothing out of bounds, unwritten or raced for is touched."""

from __future__ import annotations

import zlib

import numpy as np
import pytest
from hunt_size import size

pytest.importorskip("triton", reason="the interpreter comes with Triton")
from cases import OPERATIONS, RANDOM, is_a_gradient
from hunt_sources import REFUSED, SOURCES, drawn
from kernel_list import kernels
from shape_cases import CASES
from shape_draws import Draw
from tricheck import watching

import tritongrad as tg
from tritongrad.checks import CheckFailed, check_same, outputs_of
from tritongrad.testing import materialise

pytestmark = pytest.mark.triton
SHAPES = size(200, 500)  # of each kernel, at least: sets of shapes and strides of its arrays
ELSEWHERE = {"view", "as_strided"}


def shapes_of(watch):
    """Notes, for each kernel, the shapes and strides of the arrays that it was launched on."""
    device = tg.tensor(0.0, device="interpret")._array.device
    seen: dict[str, set] = {}
    watched = device.launch

    def launch(kernel, grid, args, options, constexprs):
        shapes = tuple((a.shape, a.strides) for a in args if hasattr(a, "strides"))
        seen.setdefault(kernel.__name__, set()).add(shapes)
        watched(kernel, grid, args, options, constexprs)

    device.launch = launch  # `watching` takes its own away at the end, and so this
    return seen


@pytest.mark.parametrize("name", CASES)
def test_a_kernel_on_sizes_about_the_edges_of_its_tiles(name):
    draw, led_to = CASES[name]
    with np.errstate(all="ignore"), watching() as watch:
        seen, runs = shapes_of(watch), 0
        while any(len(seen.get(k, ())) < SHAPES for k in led_to):
            runs += 1
            counts = {k: len(seen.get(k, ())) for k in led_to}
            assert runs < 8 * SHAPES, f"{name} leads to too few shapes: {counts}"
            d = Draw(runs, zlib.crc32(name.encode()))
            with d.tiles():
                results = draw(d)
            assert not watch.found, f"{name}, run {runs}: {watch.found[:3]}"
            for number, x in enumerate(results):
                left = watch.unwritten(x)
                assert not left, f"{name}, run {runs}: {left} bytes of result {number} {x.shape}"
            del results


def test_every_kernel_is_led_to():
    names = {k.partition(".")[2] for k in kernels()}
    led_to = [k for _, some in CASES.values() for k in some]
    assert sorted(led_to) == sorted(names), "each once: add a draw for a new kernel"


def test_the_count_of_unwritten_bytes():
    with watching() as watch:
        device = tg.tensor(0.0, device="interpret")._array.device
        x = tg.empty(4, 6, device="interpret")
        assert watch.unwritten(x._array) == 4 * 6 * 4
        tg.empty(0, device="interpret")
        x[:, ::2] = 1.0
        assert watch.unwritten(x._array) == watch.unwritten(x[:, 1::2]._array) == 4 * 3 * 4
        assert watch.unwritten(x[1:, ::2]._array) == 0
        assert device.allocated


@pytest.mark.parametrize("part", range(4))
def test_operations_on_drawn_sizes(part):
    """Forward and backward through the host functions with the tiles that they choose."""
    with np.errstate(all="ignore"), watching() as watch:
        for number, name in enumerate([*SOURCES][part::4]):
            for run in range(size(2, 40)):
                note = SOURCES[name](np.random.default_rng([number, run, 93]))
                assert not watch.found, f"run {run}: {name} {note}: {watch.found[:3]}"


@pytest.mark.parametrize("part", range(4))
def test_results_on_these_sizes_are_those_of_the_cpu(part):
    compared = 0
    for seed in range(part, size(800, 8_000), 4):
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
    assert compared > size(100, 1_000)
