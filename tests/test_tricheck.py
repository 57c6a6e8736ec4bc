"""Every kernel against NumPy, watched for wild accesses, unwritten memory and races of programs."""

from __future__ import annotations

import mmap

import numpy as np
import pytest

pytest.importorskip("triton", reason="the interpreter comes with Triton")
import triton
import triton.language as tl
from kernel_cases import CASES, FUNCTIONS, OPERATIONS, up
from kernel_cases_nn import CASES as NN_CASES
from tricheck import watching

from tritongrad.cuda import elementwise as maps
from tritongrad.cuda import interpreter
from tritongrad.cuda.array import InterpretArray, empty
from tritongrad.cuda.interpreter_memory import OutOfBoundsError
from tritongrad.cuda.launch import launch
from tritongrad.cuda.seam import device_of

pytestmark = pytest.mark.triton


@pytest.mark.parametrize("case", [*CASES, *NN_CASES], ids=lambda case: case.name)
def test_agrees_with_numpy_and_touches_only_what_it_may(case):
    with np.errstate(all="ignore"), watching() as watch:
        for got, want, rtol in case.run():
            got = got.numpy()
            want = np.asarray(want)
            assert got.shape == want.shape
            if got.dtype.kind in "biu":
                assert np.array_equal(got, want.astype(got.dtype))
                continue
            error = np.abs(got.astype(np.float64) - want.astype(np.float64))
            limit = rtol * np.maximum(np.abs(want.astype(np.float64)), 1)
            rounding = want.astype(got.dtype).astype(np.float64) - want.astype(np.float64)
            assert (error <= np.maximum(limit, np.abs(rounding))).all(), np.nanmax(error - limit)
    assert not watch.found, watch.found[:3]


def test_every_scalar_function_has_a_case():
    assert OPERATIONS >= FUNCTIONS


# The watcher itself: kernels with a fault each.


@triton.jit
def copy_without_mask(out, x, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(out + i, tl.load(x + i), i < n)


@triton.jit
def shift_in_place(out, x, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(x + i + 1, tl.load(x + i, i < n), i + 1 < n)


@triton.jit
def all_into_one_cell(out, x, n, BLOCK: tl.constexpr):
    tl.store(out, tl.program_id(0).to(tl.float32))


@triton.jit
def add_to_itself(out, x, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(out + i, tl.load(out + i, i < n) + tl.load(x + i, i < n), i < n)


@triton.jit
def count(out, x, n, BLOCK: tl.constexpr):
    tl.atomic_add(out, 1.0)


FAULTS = [
    (shift_in_place, "RACE"),
    (all_into_one_cell, "RACE"),
    (add_to_itself, "UNINITIALISED"),
    (count, "UNINITIALISED"),
]


@pytest.mark.parametrize(("kernel", "fault"), FAULTS, ids=lambda p: getattr(p, "__name__", p))
def test_the_watcher_finds_a_planted_fault(kernel, fault):
    with watching() as watch:
        x = up(np.ones(100, np.float32))
        launch(kernel, (4,), empty((100,), np.dtype(np.float32), x.device), x, 100, BLOCK=32)
    assert fault in {kind for kind, *_ in watch.found}
    assert {name for _, name, *_ in watch.found} == {kernel.__name__}


def test_an_access_out_of_bounds_names_kernel_argument_offset_program_and_lanes():
    x = up(np.ones(100, np.float32))
    with pytest.raises(OutOfBoundsError) as caught:
        launch(copy_without_mask, (4,), up(np.ones(100, np.float32)), x, 100, BLOCK=32)
    for fact in ("copy_without_mask", "load", "'x'", "offset 100", "(3, 0, 0)", "28 of 32 lanes"):
        assert fact in str(caught.value)


def test_offsets_beyond_2_to_the_31_stay_exact(monkeypatch):
    """Only the last program runs, over memory of which the system backs only what is touched."""
    n = 2**31 + 1000
    device = device_of("interpret")
    pages = [mmap.mmap(-1, n) for _ in range(2)]
    views = [np.frombuffer(p, np.int8) for p in pages]
    views[0][-1000:] = 5
    arrays = []
    for page, v in zip(pages, views, strict=True):
        ptr = v.__array_interface__["data"][0]
        storage = device.foreign(ptr, n, page)
        arrays.append(InterpretArray(storage, ptr, (n,), (1,), np.dtype(np.int8), n))
    monkeypatch.setattr(interpreter, "programs_of", lambda grid: [(grid[0] - 1, 0, 0)])
    maps.elementwise("neg", arrays[0], out=arrays[1])
    assert (views[1][-800:] == -5).all() and views[1][0] == 0
    reversed_view = arrays[0][::-1]
    maps.elementwise("neg", reversed_view, out=arrays[1])
    assert views[1][-1] == 0
