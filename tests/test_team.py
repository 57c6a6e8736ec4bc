"""The team of threads: off for small work, of the size asked for, after a fork, and equal bits."""

from __future__ import annotations

import os
import threading

import numpy as np
import pytest
from forks import holds_in_a_child

import tritongrad as tg
from tritongrad.cpu import large, losses, nn, norm, rows, team, totals
from tritongrad.cpu.blas import blas
from tritongrad.cpu.fast import fast
from tritongrad.cpu.pool import pool

F = tg.nn.functional
pytestmark = pytest.mark.fast  # its helpers and these threads share results


@pytest.fixture
def count():
    """set_num_threads, undone afterwards."""
    before = tg.get_num_threads()
    yield tg.set_num_threads
    tg.set_num_threads(before)


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape, np.float32)


WORK = {
    "add": lambda x: x + 1.5,
    "exp": lambda x: x.exp(),
    "pow 3": lambda x: x.pow(3),
    "gelu": lambda x: F.gelu(x),
    "sum": lambda x: x.sum(),
    "sum dim 0": lambda x: x.sum(0),
    "sum dim 1": lambda x: x.sum(1),
    "mean of a transpose": lambda x: x.t().mean(1),
    "softmax": lambda x: x.softmax(1),
    "softmax dim 0": lambda x: x.softmax(0),
    "log_softmax": lambda x: x.log_softmax(1),
    "layer_norm": lambda x: F.layer_norm(x, x.shape[1:]),
    "layer_norm with weights": lambda x: F.layer_norm(
        x, x.shape[1:], *[tg.linspace(k, 2, x.shape[1]).requires_grad_() for k in (0, 1)]
    ),
    "cross_entropy": lambda x: F.cross_entropy(x, tg.arange(x.shape[0]) % x.shape[1]),
    "in place": lambda x: x.clone().sub_(x * 1e-3),
}
SHAPES = {"tall": (20_011, 33), "wide": (35, 30_001), "square": (1023, 1025)}


def bytes_of(name, array):
    """The bits of the result and of the gradient."""
    x = tg.from_numpy(array).requires_grad_()
    result = WORK[name](x)
    result.backward(tg.ones_like(result) * 0.3)
    return result.detach().numpy().tobytes(), x.grad.numpy().tobytes()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", WORK)
def test_bits_do_not_depend_on_the_number_of_threads(name, shape, count):
    array = normal(*SHAPES[shape]) * 3
    assert array.size > large.SPLIT, "smaller work is not shared"
    found = set()
    for n in (1, 2, 3, 5):
        count(n)
        found.add(bytes_of(name, array))
    assert len(found) == 1


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_bounds_choose_between_zeros_and_keep_nan_as_numpy_does_with_arrays(dtype, count):
    kinds = np.array([0.0, -0.0, np.nan, -np.nan, 1, -1, np.inf, -np.inf], dtype)
    for n in (large.LARGE + 5, large.SPLIT + 1, 2 * large.SPLIT + 12_345):
        a = np.random.default_rng(n).choice(kinds, n)
        x = tg.from_numpy(a)
        for number in (0.0, -0.0, 1.0):
            count(2 + (number == 1.0))
            full, bound = np.full_like(a, number), tg.tensor(number, dtype=x.dtype)
            for found, want in (
                (x.clamp(min=number), np.maximum(a, full)),
                (x.clamp(max=number), np.minimum(a, full)),
                (bound.maximum(x), np.maximum(full, a)),
                (F.relu(x), np.maximum(a, np.zeros_like(a))),
            ):
                assert found.numpy().tobytes() == want.tobytes()


@pytest.fixture
def runs(monkeypatch):
    """The number of parts of every piece of work that the team got."""
    seen = []
    run = team.Team.run

    def counted(self, work, parts, light=False):
        seen.append(len(parts))
        run(self, work, parts, light)

    monkeypatch.setattr(team.Team, "run", counted)
    monkeypatch.setattr(blas, "woken", 0.0)  # its threads would be left alone
    monkeypatch.setattr(fast, "off", True)  # its loops have helpers of their own
    return seen


@pytest.mark.parametrize("name", WORK)
def test_small_work_is_not_shared(name, runs, count):
    count(4)
    bytes_of(name, normal(250, 1000))
    assert runs == [] or max(runs) == 1


@pytest.mark.parametrize("name", [n for n in WORK if n != "mean of a transpose"])
def test_large_work_is_shared_by_as_many_as_were_asked_for(name, runs, count):
    array = normal(2048, 1024)
    for n in (1, 2, 3):
        count(n)
        runs.clear()
        bytes_of(name, array)
        assert max(runs) >= n and (n > 1 or max(runs) == 1)
        assert sum(t.name == "tritongrad" for t in threading.enumerate()) >= n - 1


def test_several_threads_of_the_caller_get_what_one_gets(count):
    count(3)
    arrays = [normal(700, 1000, seed=k) for k in range(4)]
    names = ["exp", "softmax", "sum dim 0", "layer_norm"]
    want = [bytes_of(n, a) for n, a in zip(names, arrays, strict=True)]
    wrong = []

    def work(k):
        for _ in range(6):
            if bytes_of(names[k], arrays[k]) != want[k]:
                wrong.append(names[k])

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert wrong == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_child_reduces_with_a_team_of_its_own(count):
    count(3)
    array = normal(700, 1000)
    names = ["sum", "sum dim 0", "softmax", "layer_norm", "cross_entropy"]
    want = [bytes_of(n, array) for n in names]  # the parent's team has run

    def same() -> bool:
        return [bytes_of(n, array) for n in names] == want and tg.get_num_threads() == 3

    assert holds_in_a_child(same, 30)


def test_what_another_thread_exports_keeps_its_values():
    """DLPack, views and buffers of pooled results, made and held in threads, while others churn."""
    wrong, held = [], []
    start = threading.Barrier(4)

    def work(k):
        start.wait()
        for i in range(40):
            value = float(100 * k + i)
            t = tg.full((300, 400), value) + 0.0
            kinds = (np.from_dlpack(t), memoryview(t.numpy()[::2]), t[5:].t(), t.softmax(1))
            held.append((value, kinds[i % 3]))
            del t, kinds
            if len(held) > 60:
                check(*held.pop(0))

    def check(value, kept):
        array = kept.numpy() if isinstance(kept, tg.Tensor) else np.asarray(kept)
        if not (array == value).all():
            wrong.append(value)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for value, kept in held:
        check(value, kept)
    assert wrong == []


def test_kernels_with_blocks_of_their_own_leave_none_behind():
    """What they borrow from the pool is free again, and no result shares memory with it."""
    x = normal(600, 1000)
    results = [
        nn.softmax(x, 1),
        nn.log_softmax(x, 1),
        norm.layer_norm_forward(x, None, None, 1, 1e-5)[0],
        losses.cross_entropy_forward(x, np.zeros(600, np.int64), None, -100, 0.0)[0],
        totals.total(x, (0,)),
        totals.total(x, (1,)),
    ]
    before = [r.copy() for r in results]
    kept = [pool.empty((n,), np.dtype(np.float32)) for n in (600_000, 1 << 17, 1 << 18) * 12]
    for array in kept:
        array.fill(-1)
    for now, then in zip(results, before, strict=True):
        assert np.array_equal(now, then)


def test_rows_longer_than_a_block_and_rows_of_nothing():
    for shape in ((2, rows.BLOCK + 7), (3, 2 * rows.CHUNK), (0, 5), (4, 1)):
        x = normal(*shape)
        wide = x.astype(np.float64)
        powers = np.exp(wide - wide.max(1, keepdims=True, initial=-np.inf))
        want = powers / powers.sum(1, keepdims=True)
        np.testing.assert_allclose(nn.softmax(x, 1), want, rtol=3e-6, atol=1e-12)
        np.testing.assert_allclose(totals.total(x, (1,)), wide.sum(1), rtol=1e-5, atol=1e-3)
    assert nn.softmax(normal(4, 0), 1).shape == (4, 0)
