"""What authors of kernels are told on the interpret device: asserts, races, arguments."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("triton", reason="the kernels are Triton's")
import triton
import triton.language as tl

import tritongrad as tg
from tritongrad.cuda.interpreter_races import RaceError

pytestmark = pytest.mark.triton


@triton.jit
def scale(out, x, n, factor, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(out + i, factor * tl.load(x + i, i < n), i < n)


@triton.jit
def below(out, x, most, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    v = tl.load(x + i)
    tl.device_assert(v < most, "too large", mask=i < 4)
    tl.store(out + i, v)


@triton.jit
def last_wins(out, x, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(out, tl.sum(tl.load(x + i)))


@triton.jit
def all_count(out, x, LOOK: tl.constexpr, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    total = tl.sum(tl.load(x + i))
    if LOOK:
        total += 0 * tl.load(out)
    tl.atomic_add(out, total)


@triton.jit
def one_to_the_left(x, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(x + i, tl.load(x + i + 1, i + 1 < n, 0.0), i < n)


def tensors():
    return tg.zeros(8, device="interpret"), tg.arange(8.0, device="interpret")


def test_a_device_assert_is_heard():
    out, x = tensors()
    below[(1,)](out, x, 4, BLOCK=8)
    assert out.tolist() == x.tolist()
    with pytest.raises(AssertionError, match="too large"):
        below[(1,)](out, x, 3, BLOCK=8)


def test_races_are_errors_where_they_are_looked_for(monkeypatch):
    out, x = tensors()
    last_wins[(2,)](out, x, BLOCK=4)
    monkeypatch.setenv("TRITONGRAD_RACES", "1")
    with pytest.raises(
        RaceError, match=r"offset 0 from argument 'out': program \(0, 0, 0\) writes"
    ):
        last_wins[(2,)](out, x, BLOCK=4)
    with pytest.raises(
        RaceError, match=r"offset 4 from argument 'x': .* what .* \(0, 0, 0\) reads"
    ):
        one_to_the_left[(2,)](x, 8, BLOCK=4)
    with pytest.raises(RaceError, match=r"changes atomically what program .* reads"):
        all_count[(2,)](out, x, LOOK=True, BLOCK=4)
    with pytest.raises(RaceError, match=r"\(3 elements in all\)"):
        one_to_the_left[(4,)](x, 4, BLOCK=1)


def test_programs_that_keep_apart_do_not_race(monkeypatch):
    monkeypatch.setenv("TRITONGRAD_RACES", "1")
    out, x = tensors()
    scale[(2,)](out, x, 8, 2.0, BLOCK=4)
    scale[(2,)](x, x, 8, 2.0, BLOCK=4)
    assert out.tolist() == x.tolist() == [2.0 * n for n in range(8)]
    last_wins[(1,)](out, x, BLOCK=4)
    count = tg.zeros(1, device="interpret")
    all_count[(2,)](count, x, LOOK=False, BLOCK=4)
    assert count.item() == 56 and (x @ x).item() == 560 and x.softmax(0).sum().item() == 1


def test_arguments_that_no_gpu_would_take_are_refused():
    out, x = tensors()
    with pytest.raises(TypeError, match="'BLOCK' is a constexpr, which a tensor cannot be"):
        scale[(2,)](out, x, 8, 2.5, BLOCK=tg.tensor(8))
    for warps in (3, 0, "4", 2.0):
        with pytest.raises(ValueError, match="num_warps must be a power of two"):
            scale[(2,)](out, x, 8, 2.5, BLOCK=8, num_warps=warps)


def test_a_dtype_stands_for_a_tensor_where_a_kernel_is_compiled():
    made = scale.warmup(tg.float32, tg.float16, 8, 2.5, BLOCK=8, grid=(2,), enable_fp_fusion=False)
    assert ".visible .entry scale" in made.asm["ptx"] and "cvt.f32.f16" in made.asm["ptx"]


@triton.jit
def add_under_a_lock(lock, total, x, TAKE: tl.constexpr, GIVE: tl.constexpr, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    mine = tl.load(x + tl.program_id(0) * BLOCK + i)
    if TAKE:
        while tl.atomic_cas(lock, 0, 1) == 1:
            pass
    tl.store(total + i, tl.load(total + i) + mine)
    if GIVE == "atomically":
        tl.debug_barrier()
        tl.atomic_xchg(lock, 0)
    elif GIVE == "relaxed":
        tl.atomic_xchg(lock, 0, sem="relaxed")
    else:
        tl.store(lock, 0)


@triton.jit
def last_one_sums(parts, count, out, x, ASK: tl.constexpr, N: tl.constexpr, BLOCK: tl.constexpr):
    me = tl.program_id(0)
    tl.store(parts + me, tl.sum(tl.load(x + me * BLOCK + tl.arange(0, BLOCK))))
    if ASK:
        if tl.atomic_add(count, 1) == N - 1:
            tl.store(out, tl.sum(tl.load(parts + tl.arange(0, N))))
    elif me == N - 1:
        tl.store(out, tl.sum(tl.load(parts + tl.arange(0, N))))


def test_a_lock_made_of_atomics_keeps_programs_apart(monkeypatch):
    monkeypatch.setenv("TRITONGRAD_RACES", "1")
    x = tg.arange(12.0, device="interpret")
    for take, give, fine in (
        (True, "atomically", True),
        (False, "atomically", False),
        (True, "relaxed", False),
        (True, "by a store", False),
    ):
        lock, total = tg.zeros(1, device="interpret", dtype=tg.int32), tg.zeros_like(x[:4])
        if fine:
            add_under_a_lock[(3,)](lock, total, x, take, give, BLOCK=4)
            assert total.tolist() == [12, 15, 18, 21]
        else:
            with pytest.raises(RaceError, match="add_under_a_lock: programs of grid"):
                add_under_a_lock[(3,)](lock, total, x, take, give, BLOCK=4)


def test_the_last_of_all_programs_may_read_what_the_others_wrote(monkeypatch):
    monkeypatch.setenv("TRITONGRAD_RACES", "1")
    x = tg.arange(16.0, device="interpret")
    parts, out = tg.zeros(4, device="interpret"), tg.zeros(1, device="interpret")
    count = tg.zeros(1, device="interpret", dtype=tg.int32)
    last_one_sums[(4,)](parts, count, out, x, ASK=True, N=4, BLOCK=4)
    assert parts.sum().item() == 120 and count.item() == 4
    with pytest.raises(RaceError, match=r"offset 0 from argument 'parts'.*\(3 elements in all\)"):
        last_one_sums[(4,)](parts, count, out, x, ASK=False, N=4, BLOCK=4)


def test_numbers_of_numpy_are_taken_where_triton_takes_them():
    out, x = tensors()
    scale[(1,)](out, x, 8, np.float64(0.1), BLOCK=8)
    assert out.tolist() == (x * np.float32(0.1).item()).tolist()  # a float32, as on a GPU
    for n in (np.int64(8), np.float32(8)):
        with pytest.raises(TypeError, match="'n' must be a tensor, a number of Python's"):
            scale[(1,)](out, x, n, 2.5, BLOCK=8)


@pytest.mark.skipif(tg.cuda.is_available(), reason="there is a GPU to time on")
def test_timing_without_a_gpu_says_what_there_is_instead():
    out, x = tensors()
    with pytest.raises(RuntimeError, match=r"timed on a GPU only \(.*arch=90"):
        triton.testing.do_bench(lambda: scale[(1,)](out, x, 8, 2.5, BLOCK=8))
    driver = triton.runtime.driver.active
    assert driver.get_active_torch_device() == x.device
    with pytest.raises(RuntimeError, match="timed on a GPU only"):
        driver.get_benchmarker()


def test_a_view_whose_strides_the_kernel_is_not_told_is_warned_of():
    out, x = tensors()
    with pytest.warns(
        UserWarning, match=r"'x' is not contiguous \(its strides are \(1, 4\)\)"
    ) as w:
        scale[(1,)](out, x.reshape(2, 4).t(), 8, 2.0, BLOCK=8)
    assert w[0].filename == __file__
    gradient = tg.ones(1, device="interpret").expand(8)  # what backward of sum() hands on
    with pytest.warns(UserWarning, match=r"strides are \(0,\)"), pytest.raises(IndexError):
        scale[(1,)](out, gradient, 8, 2.0, BLOCK=8)
    scale[(1,)](out, x.reshape(2, 4).t(), 4, 2.0, BLOCK=4)  # 4 is one of them
    scale[(1,)](out, x[3:], 5, 2.0, BLOCK=8)


def test_a_kernel_that_writes_what_backward_needs_is_found_out():
    x = tg.arange(8.0, device="interpret").requires_grad_()
    y = x * 2
    loss = (y * y).sum()
    scale[(1,)](tg.empty_like(y), y.detach(), 8, 2.0, BLOCK=8)  # only reads it
    loss.backward(retain_graph=True)
    scale[(1,)](y.detach(), y.detach(), 8, 2.0, BLOCK=8)
    with pytest.raises(RuntimeError, match=r"saved by MulBackward.* changed by the kernel scale"):
        loss.backward()
