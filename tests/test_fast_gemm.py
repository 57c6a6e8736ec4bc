"""Products and repeated rows by the extra [fast]: the same bits, and nobody else's threads wake."""

from __future__ import annotations

import numpy as np
import pytest
from test_fast import loaded, needs_numba, operands, without
from test_gemm import SHAPES, needs_batches
from test_gemm import operands as matrices
from test_threads import run

import tritongrad as tg
from tritongrad.cpu import fast_gemm, fast_repeat, gemm, linalg
from tritongrad.cpu.blas import blas
from tritongrad.cpu.fast import fast

assert loaded
pytestmark = [pytest.mark.fast, needs_numba, needs_batches]


@pytest.fixture
def by_helpers(loaded, monkeypatch):
    """Products must go to the helpers: nobody may ask OpenBLAS's threads."""
    linalg.multiply(*matrices(1, 200, 300, 260))  # compiled, and compared with what those make
    monkeypatch.setattr(gemm, "by_blas", lambda *_: pytest.fail("not by the helpers"))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", SHAPES)
def test_products_have_the_same_bits_with_and_without_the_extra(shape, dtype, loaded, monkeypatch):
    a, b = matrices(*shape, dtype)
    fast.off = True
    want = linalg.multiply(a, b).tobytes()
    fast.off = False
    for threads in (1, 2, 3, 8):
        tg.set_num_threads(threads)
        assert linalg.multiply(a, b).tobytes() == want
    if gemm.plan(*shape, linalg.chains(*shape[1:], a.dtype), 2) is None:
        return  # too small to share
    assert fast.addresses[fast_gemm.multiply, a.dtype], "the loop differs here"
    tg.set_num_threads(2)
    monkeypatch.setattr(gemm, "by_blas", lambda *_: pytest.fail("not by the helpers"))
    assert linalg.multiply(a, b).tobytes() == want


def test_operands_of_any_layout(by_helpers):
    a, b = matrices(1, 200, 300, 260)
    want = linalg.multiply(a, b)
    wide = np.zeros((400, 700), np.float32)
    wide[::2, 100:400] = a
    for left in (np.asfortranarray(a), wide[::2, 100:400], a[::-1][::-1]):
        for right in (np.asfortranarray(b), b):
            assert np.array_equal(linalg.multiply(left, right), want)


def test_threads_of_openblas_are_left_asleep(by_helpers, monkeypatch):
    monkeypatch.setattr(blas, "woken", 0.0)
    before = blas.threads()
    x = tg.randn(300, 300, requires_grad=True)
    (x @ x).sum().backward()
    assert not blas.awake() and blas.threads() == before


def test_several_threads_of_the_caller_get_what_one_gets(by_helpers):
    pairs = [matrices(1, 200 + 50 * k, 300, 260) for k in range(3)]
    want = [linalg.multiply(*pair).tobytes() for pair in pairs]

    def work(k):
        for _ in range(30):
            assert linalg.multiply(*pairs[k]).tobytes() == want[k]

    run(3, work)


def test_a_loop_that_differs_is_left_to_openblas(loaded, monkeypatch):
    monkeypatch.setattr(fast, "addresses", {})
    monkeypatch.setattr(gemm, "by_blas", lambda *_: None)  # what the loop is compared with
    assert fast_gemm._compared(np.dtype(np.float32)) == 0


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "work",
    [
        lambda x, y: x + y[3],
        lambda x, y: x * y[3],
        lambda x, y: x.clone().add_(y[3]),
        lambda x, y: x.reshape(-1, 27, 19) + tg.linspace(-1, 1, 19, dtype=x.dtype),
        lambda x, y: tg.nn.functional.linear(x[:100, :100], y[:513, :100], x[0]),
        lambda x, y: x.t() + y[0, :1],
        lambda x, y: y[3] + x,
        lambda x, y: x + y[:, :1],
        lambda x, y: (lambda z: z.add_(z[0]))(x.clone()),
    ],
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_rows_are_repeated_with_the_same_bits(work, dtype, loaded):
    x, y = operands(dtype)
    want = without(work, x, y)
    for threads in (1, 2, 3):
        tg.set_num_threads(threads)
        assert work(x, y).numpy().tobytes() == want


def test_loops_that_repeat_a_row_are_used_on_this_machine(loaded):
    for kernel in fast_repeat.LOOPS:
        for dtype in (np.float32, np.float64):
            a, row = np.ones((300, 200), dtype), np.ones(200, dtype)
            assert fast_repeat.run(kernel, (a, row), np.empty_like(a))
            assert not fast_repeat.run(kernel, (a, row[:1]), np.empty_like(a))
            assert not fast_repeat.run(kernel, (a, a[0]), a)
