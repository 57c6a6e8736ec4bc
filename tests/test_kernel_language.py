"""What kernels of one's own use of Triton's language, on interpret: each against NumPy."""

from __future__ import annotations

import math
from collections import namedtuple

import numpy as np
import pytest

pytest.importorskip("triton", reason="the kernels are Triton's")
import triton
import triton.language as tl
from triton.language.extra import libdevice
from triton.tools.tensor_descriptor import TensorDescriptor

import tritongrad as tg
from tritongrad.cuda.interpreter_memory import OutOfBoundsError

pytestmark = pytest.mark.triton
Pair = namedtuple("Pair", "left right")


@triton.jit
def descriptor_product(a, b, out, M, N, K, ROWS: tl.constexpr, COLUMNS: tl.constexpr):
    left = tl.make_tensor_descriptor(a, [M, K], [K, 1], [ROWS, 16])
    right = tl.make_tensor_descriptor(b, [N, K], [K, 1], [COLUMNS, 16])
    result = tl.make_tensor_descriptor(out, [M, N], [N, 1], [ROWS, COLUMNS])
    row, column = tl.program_id(0) * ROWS, tl.program_id(1) * COLUMNS
    total = tl.zeros((ROWS, COLUMNS), tl.float32)
    for k in range(0, K, 16):
        total = tl.dot(left.load([row, k]), right.load([column, k]).T, total)
    result.store([row, column], total.to(tl.float16))


@triton.jit
def descriptor_adds(out, WIDTH: tl.constexpr):
    rows = tl.make_tensor_descriptor(out, [3, WIDTH], [WIDTH, 1], [2, WIDTH])
    rows.atomic_add([2 * tl.program_id(0), 0], tl.full((2, WIDTH), 3, tl.int32))
    rows.atomic_max([0, 0], tl.full((2, WIDTH), 5, tl.int32))


@triton.jit
def descriptor_too_tall(x, out, WIDTH: tl.constexpr):
    rows = tl.make_tensor_descriptor(x, [9, WIDTH], [WIDTH, 1], [4, WIDTH])
    tl.store(out + tl.arange(0, 4), tl.sum(rows.load([4, 0]), 1))


@triton.jit
def sums_of_all(tensors, pair, out, N: tl.constexpr):
    i = tl.arange(0, N)
    total = tl.zeros((N,), tl.float32)
    for k in tl.static_range(len(tensors)):  # type: ignore[misc]  (Triton 3.9 types it as never returning)
        total += tl.load(tensors[k] + i)
    tl.store(out + i, total * pair.left + pair.right)


@triton.jit
def bounded(x, out, n, N: tl.constexpr):
    i = tl.arange(0, N)
    tl.store(out + i, min(max(tl.load(x + i), 0.0), 1.0) + max(n, 3) + min(N, 2))


@triton.jit
def counted(at, out, N: tl.constexpr):
    i = tl.arange(0, N)
    tl.atomic_add(out + tl.load(at + i), 1.0, i != 0)


@triton.jit
def by_libdevice(x, out, N: tl.constexpr):
    i = tl.arange(0, N)
    v = tl.load(x + i)
    tl.store(out + i, libdevice.pow(libdevice.tanh(v), 2.0))
    tl.store(out + N + i, libdevice.round(libdevice.fma(v, 3.0, 1.0)))
    tl.store(out + 2 * N + i, tl.where(libdevice.isnan(v), 1.0, libdevice.erf(v)))


@triton.jit
def missing_of_libdevice(x):
    tl.store(x, libdevice.j0(tl.load(x)))


@triton.jit
def by_assembly(x, N: tl.constexpr):
    i = tl.arange(0, N)
    v = tl.inline_asm_elementwise(
        "add.f32 $0, $1, $1;", "=f,f", [tl.load(x + i)], tl.float32, is_pure=True, pack=1
    )
    tl.store(x + i, v)


@triton.jit
def never_given_back(lock, x):
    while tl.atomic_cas(lock, 0, 1) == 1:
        pass
    tl.store(x, tl.load(x) + 1)


@triton.jit
def sum_of_some(x, out, n, N: tl.constexpr, GIVEN: tl.constexpr):
    i = tl.arange(0, N)
    if GIVEN:
        tl.store(out, tl.sum(tl.load(x + i, i < n, 0)))
    else:
        tl.store(out, tl.sum(tl.load(x + i, i < n)))


@triton.jit
def masks_by_words(x, n, N: tl.constexpr):
    i = tl.arange(0, N)
    tl.store(x + i, 1.0, mask=(i < n) and (i > 0))


@triton.jit
def small_product(x, N: tl.constexpr):
    at = tl.arange(0, N)[:, None] * N + tl.arange(0, N)[None, :]
    tl.store(x + at, tl.dot(tl.load(x + at), tl.load(x + at)))


@triton.jit
def doubled_rows(x, out, ROWS: tl.constexpr):
    at = [tl.program_id(0) * ROWS, 0]
    out.store(at, 2 * x.load(at))


def on(array):
    return tg.tensor(array, device="interpret")


def test_descriptors_made_in_a_kernel_load_store_and_add():
    rng = np.random.default_rng(0)
    a, b = (rng.standard_normal((n, 40)).astype(np.float16) for n in (20, 24))
    out = tg.empty(20, 24, device="interpret", dtype=tg.float16)
    descriptor_product[(2, 2)](on(a), on(b), out, 20, 24, 40, ROWS=16, COLUMNS=16)
    want = a.astype(np.float64) @ b.astype(np.float64).T
    assert out.cpu().numpy() == pytest.approx(want, rel=2e-3, abs=1e-3)
    counts = tg.zeros(3, 8, device="interpret", dtype=tg.int32)
    descriptor_adds[(2,)](counts, WIDTH=8)
    assert counts[:, 0].tolist() == [5, 5, 3]


def test_descriptors_made_on_the_host_are_arguments():
    x = tg.randn(5, 8, device="interpret")
    y, out = x * 2, tg.empty_like(x)
    rows = TensorDescriptor.from_tensor
    doubled_rows[(3,)](rows(y, [2, 8]), rows(out, [2, 8]), ROWS=2)
    assert out.tolist() == (2 * y).tolist()
    wrong = TensorDescriptor(out, [7, 8], [8, 1], [2, 8])
    with pytest.raises(OutOfBoundsError, match=r"store out of bounds .* argument 'out'"):
        doubled_rows[(4,)](TensorDescriptor.from_tensor(y, [2, 8]), wrong, ROWS=2)
    with pytest.raises(RuntimeError, match="doubled_rows: argument 'out' is not on the interpret"):
        doubled_rows[(3,)](rows(y, [2, 8]), rows(tg.zeros(8, 8), [2, 8]), ROWS=2)


def test_a_descriptor_that_is_larger_than_its_tensor_is_out_of_bounds():
    x, other = tg.zeros(6, 8, device="interpret"), tg.zeros(4, device="interpret")
    with pytest.raises(OutOfBoundsError, match=r"offset 48 from argument 'x' .* elements 0 to 47"):
        descriptor_too_tall[(1,)](x, other, WIDTH=8)


def test_a_tuple_of_tensors_is_an_argument():
    x, y, out = (tg.full((4,), v, device="interpret") for v in (1.0, 2.0, 0.0))
    sums_of_all[(1,)]((x, y, x), Pair(2, 0.5), out, N=4)
    assert out.tolist() == [8.5] * 4
    with pytest.raises(RuntimeError, match=r"'tensors\[1\]' is not on the interpret device"):
        sums_of_all[(1,)]((x, y.cpu()), Pair(2, 0.5), out, N=4)


def test_min_and_max_are_those_of_the_language():
    x = on(np.array([-1, 0.5, 2, np.nan], np.float32))
    out = tg.empty_like(x)
    bounded[(1,)](x, out, 2, N=4)
    assert out.tolist() == [5, 5.5, 6, 5]  # nan is dropped, as tl.maximum does


@pytest.mark.parametrize("dtype", [tg.float16, tg.bfloat16, tg.float32, tg.float64])
def test_atomic_adds_of_every_float(dtype):
    at = on(np.array([0, 2, 2, 2, 1, 0, 2, 2], np.int32))
    out = tg.full((3,), 0.5, device="interpret", dtype=dtype)
    counted[(2,)](at, out, N=8)
    assert out.tolist() == [2.5, 2.5, 10.5]


def test_functions_of_libdevice():
    x = np.array([-1.5, 0.25, 2.5, np.nan], np.float32)
    out = tg.empty(3, 4, device="interpret")
    by_libdevice[(1,)](on(x), out, N=4)
    found = out.cpu().numpy()
    assert found[0] == pytest.approx(np.tanh(x) ** 2, rel=1e-6, nan_ok=True)
    assert found[1, :3].tolist() == [-4, 2, 9]
    assert found[2] == pytest.approx([*map(math.erf, x[:3]), 1], rel=1e-6)
    with pytest.raises(NotImplementedError, match=r"libdevice.j0 runs on GPUs only; .* tanh"):
        missing_of_libdevice[(1,)](out)
    with pytest.raises(ValueError, match="expected fp32 or fp64, got fp16; cast first"):
        by_libdevice[(1,)](out.half(), out, N=4)


def test_inline_assembly_says_where_it_runs():
    with pytest.raises(NotImplementedError, match="runs on GPUs only: let a constexpr argument"):
        by_assembly[(1,)](tg.zeros(4, device="interpret"), N=4)


def test_a_lock_that_is_kept_is_an_error_not_a_hang():
    lock = tg.zeros(1, device="interpret", dtype=tg.int32)
    with pytest.raises(RuntimeError, match=r"never_given_back: program \(1, 0, 0\) .* in vain"):
        never_given_back[(2,)](lock, tg.zeros(1, device="interpret"))


def test_lanes_that_a_load_leaves_out_hold_garbage_where_that_is_asked(monkeypatch):
    for x, want in ((tg.ones(8, device="interpret"), 5), (on(np.ones(8, np.int32)), 5)):
        out = tg.zeros(1, device="interpret", dtype=x.dtype)
        monkeypatch.setenv("TRITONGRAD_POISON", "0")
        sum_of_some[(1,)](x, out, 5, N=8, GIVEN=False)
        assert out.item() == want  # here as on most GPUs; nobody promises it
        monkeypatch.setenv("TRITONGRAD_POISON", "1")
        sum_of_some[(1,)](x, out, 5, N=8, GIVEN=False)
        assert out.item() != want
        sum_of_some[(1,)](x, out, 5, N=8, GIVEN=True)
        assert out.item() == want


def test_what_the_compiler_refuses_is_refused_here():
    x = tg.zeros(8, 8, device="interpret")
    with pytest.raises(ValueError, match=r"join masks by & | and ~, choose by tl.where"):
        masks_by_words[(1,)](x, 4, N=8)
    with pytest.raises(AssertionError, match=r"K >= (16|8)"):
        small_product[(1,)](tg.zeros(4, 4, device="interpret"), N=4)
