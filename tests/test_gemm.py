"""Products shared among threads: the pieces, who computes them, and operands of any layout."""

from __future__ import annotations

import itertools
import time

import numpy as np
import pytest
from forks import holds_in_a_child

import tritongrad as tg
from tritongrad.cpu import gemm, large, linalg, team
from tritongrad.cpu.blas import blas
from tritongrad.cpu.fast import fast

needs_batches = pytest.mark.skipif(
    not blas.has_batches(np.dtype(np.float32)),
    reason="this NumPy has no OpenBLAS with gemm_batch: there are no two ways",
)
SHAPES = [
    (1, 64, 1000, 100),  # too narrow to cut: the parts of its sums are computed side by side
    (1, 1000, 64, 100),
    (1, 256, 784, 1024),
    (1, 500, 300, 260),
    (7, 130, 90, 110),
    (3, 150, 700, 200),
]


def operands(count, rows, inner, cols, dtype=np.float32):
    rng = np.random.default_rng(rows)
    a, b = rng.standard_normal((count, rows, inner)), rng.standard_normal((count, inner, cols))
    return (
        (a.astype(dtype), b.astype(dtype))
        if count > 1
        else (a[0].astype(dtype), b[0].astype(dtype))
    )


@pytest.fixture(autouse=True)
def without_the_extra(monkeypatch):
    """Products by the extra [fast] have tests of their own."""
    monkeypatch.setattr(fast, "off", True)


@pytest.mark.parametrize("threads", [1, 2, 3, 8])
@pytest.mark.parametrize("shape", SHAPES)
def test_pieces_cover_every_product_once_and_none_is_small(shape, threads):
    count, rows, inner, cols = shape
    parts = linalg.chains(rows, inner, cols, linalg.FLOAT32)
    planned = gemm.plan(*shape, parts, threads)
    assert planned is not None
    steps, sums = planned
    seen = np.zeros((count, rows, cols), int)
    ends = set()
    for piece in itertools.chain(*steps):
        m, i, j, left, right, first, last = piece
        assert (j - i) * (right - left) * (last - first) > gemm.DIRECT
        seen[0 if sums > 1 else m, i:j, left:right] += last - first
        ends.add((first, last))
    assert (seen == inner).all()
    assert len(ends) == parts
    assert parts == 1 or max(j - i for i, j in ends) <= linalg.PART


def test_no_piece_of_any_product_is_small():
    """A smaller one would go to other loops, at an address where older OpenBLAS crash."""
    rng = np.random.default_rng(0)
    for _ in range(3000):
        rows, inner, cols = (int(n) for n in 2 ** rng.uniform(2, 12, 3))
        parts, threads = int(rng.integers(1, 5)), int(rng.integers(1, 9))
        for step in (gemm.STEP, gemm.FINE):
            planned = gemm.plan(1, rows, inner, cols, parts, threads, step)
            for _, i, j, left, right, first, last in itertools.chain(*(planned or ((), 0))[0]):
                assert (j - i) * (right - left) * (last - first) > gemm.DIRECT
                assert (j - i == rows and right - left == cols) or max(j - i, right - left) >= 192
                assert i % step == left % step == 0


def test_small_products_are_left_to_one_thread():
    assert gemm.plan(1, 100, 100, 100, 1, 4) is None
    assert gemm.plan(20, 90, 100, 100, 1, 4) is None
    assert gemm.plan(1, 150, 140, 150, 2, 4) is not None
    assert gemm.plan(1, 120, 130, 120, 2, 4) is None


@needs_batches
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", SHAPES)
def test_the_team_and_blas_give_the_same_bits(shape, dtype, monkeypatch):
    a, b = operands(*shape, dtype)
    found = linalg.multiply(a, b)
    monkeypatch.setattr(blas, "threads", lambda: 1)
    assert linalg.multiply(a, b).tobytes() == found.tobytes()
    want = a.astype(np.float64) @ b.astype(np.float64)
    np.testing.assert_allclose(found, want, atol=1e-3 if dtype is np.float32 else 1e-10)


def test_without_gemm_batch_the_team_takes_large_products(monkeypatch):
    monkeypatch.setattr(blas, "batches", {})
    monkeypatch.setattr(blas, "threads", lambda: pytest.fail("nobody asks"))
    for shape in SHAPES:
        a, b = operands(*shape)
        np.testing.assert_allclose(linalg.multiply(a, b), a @ b, atol=1e-3)


LAYOUTS = {
    "transposed": lambda x: np.ascontiguousarray(x.T).T,
    "part of a wider one": lambda x: np.pad(x, ((3, 2), (1, 5)))[3:-2, 1:-5],
    "part of one transposed": lambda x: np.pad(x.T, ((3, 2), (1, 5)))[3:-2, 1:-5].T,
    "every other column": lambda x: np.repeat(x, 2, 1)[:, ::2],
    "backwards": lambda x: np.ascontiguousarray(x[::-1])[::-1],
    "one row again and again": lambda x: np.broadcast_to(x[:1], x.shape),
    "one column again and again": lambda x: np.broadcast_to(x[:, :1], x.shape),
}


@pytest.mark.parametrize("shape", [(64, 1000, 100), (600, 64, 300)])
@pytest.mark.parametrize("name", LAYOUTS)
def test_operands_of_any_layout(name, shape):
    a, b = operands(1, *shape)
    for left, right in [(LAYOUTS[name](a), b), (a, LAYOUTS[name](b))]:
        np.testing.assert_allclose(linalg.multiply(left, right), left @ right, atol=1e-3)


def test_infinities_and_nans_of_the_memory_used_again_do_not_matter(monkeypatch):
    made = []

    def full_of_nan(shape, dtype):
        made.append(shape)
        return np.full(shape, np.nan, dtype)

    for module in (gemm, linalg):
        monkeypatch.setattr(module, "empty", full_of_nan)
    for shape in SHAPES:
        assert np.isfinite(linalg.multiply(*operands(*shape))).all()
    assert made


def test_threads_multiply_at_the_same_time():
    from test_threads import run

    cases = [operands(*shape) for shape in SHAPES]
    want = [linalg.multiply(*case).tobytes() for case in cases]
    found = {}

    def work(k):
        found[k] = [linalg.multiply(*case).tobytes() for case in cases * 5]

    run(4, work)
    assert all(found[k] == want * 5 for k in range(4))


def test_a_child_of_fork_multiplies_too():
    a, b = operands(*SHAPES[1])
    want = linalg.multiply(a, b).tobytes()
    assert holds_in_a_child(lambda: linalg.multiply(a, b).tobytes() == want, 20)


def test_a_product_of_a_matrix_and_its_own_transpose():
    x = tg.randn(700, 300, generator=tg.Generator().manual_seed(0))
    np.testing.assert_allclose((x @ x.t()).numpy(), x.numpy() @ x.numpy().T, atol=1e-3)


@needs_batches
def test_blas_has_its_threads_look_for_work_only_where_the_team_is_not_used(monkeypatch):
    seen = []
    by_blas, alone = gemm.by_blas, gemm.alone

    def seen_alone(function, *args):
        seen.append("team" if function is gemm.by_team else "alone")
        return alone(function, *args)

    monkeypatch.setattr(blas, "threads", lambda: 2)
    monkeypatch.setattr(gemm, "by_blas", lambda *args: seen.append("blas") or by_blas(*args))
    monkeypatch.setattr(gemm, "alone", seen_alone)
    for shape, expected in [(SHAPES[0], "alone"), (SHAPES[2], "team")]:
        a, b = operands(*shape)
        monkeypatch.setattr(team.Team, "used", time.monotonic())
        found = linalg.multiply(a, b).tobytes()
        assert seen[0] == expected
        seen.clear()
        monkeypatch.setattr(team.Team, "used", 0.0)
        assert linalg.multiply(a, b).tobytes() == found
        assert seen == ["blas"], "products by the team do not count"
        seen.clear()


def test_kernels_that_move_memory_do_without_the_team_while_threads_of_blas_are_awake(monkeypatch):
    runs = []
    run = team.Team.run
    monkeypatch.setattr(team.Team, "run", lambda *args, **kw: runs.append(kw) or run(*args, **kw))
    monkeypatch.setattr(team.Team, "used", 0.0)
    monkeypatch.setattr(fast, "off", True)
    before = tg.get_num_threads()
    x = tg.ones(1 << 20)
    try:
        tg.set_num_threads(2)
        monkeypatch.setattr(blas, "woken", time.monotonic() + 60)
        x.add(x)
        x.add_(x)
        assert not runs
        x.exp()
        assert len(runs) == 1 and team.Team.used > 0, "heavy work takes the cores"
        monkeypatch.setattr(blas, "woken", 0.0)
        monkeypatch.setattr(team.Team, "used", 0.0)
        x.add(x)
        assert len(runs) == 2 and not team.Team.used
    finally:
        tg.set_num_threads(before)


@needs_batches
@pytest.mark.parametrize("kernel", [np.add, np.subtract])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_threads_of_blas_that_are_awake_add_in_place_with_the_bits_of_numpy(
    dtype, kernel, monkeypatch
):
    rng = np.random.default_rng(3)
    kinds = [0.0, -0.0, 1.0, np.inf, -np.inf, np.nan, np.finfo(dtype).smallest_subnormal]
    kinds = np.array([*kinds, np.finfo(dtype).max, -np.finfo(dtype).tiny], dtype)
    a = np.concatenate([np.tile(kinds, 9), rng.standard_normal(large.AXPY)]).astype(dtype)
    b = np.concatenate([np.repeat(kinds, 9), rng.standard_normal(large.AXPY)]).astype(dtype)
    calls = []
    real = blas.axpys[np.dtype(dtype)]
    monkeypatch.setitem(blas.axpys, np.dtype(dtype), lambda *args: calls.append(real(*args)))
    monkeypatch.setattr(blas, "woken", time.monotonic() + 60)
    with np.errstate(all="ignore"):
        want = kernel(a, b)
        large.store(kernel, a, b)
    want[np.isnan(want)] = a[np.isnan(a)] = 0
    assert calls
    assert a.tobytes() == want.tobytes()


@needs_batches
def test_only_whole_floats_apart_from_the_target_are_added_by_blas(monkeypatch):
    monkeypatch.setattr(blas, "woken", time.monotonic() + 60)
    n = large.AXPY
    monkeypatch.setattr(blas, "axpys", {np.dtype(np.float32): pytest.fail})
    counts = np.arange(n)
    large.store(np.add, counts, counts.copy())
    assert (counts == 2 * np.arange(n)).all()
    x = np.arange(2 * n, dtype=np.float32)
    for target, other in [(x[:n], x[:n]), (x[:n], x[1 : n + 1]), (x[:n], x[::2]), (x[:n], x[:1])]:
        want = target + other
        large.store(np.add, target, other)
        assert (target == want).all()
    large.store(np.add, x, np.array(1, np.float32))
    large.store(np.multiply, x[:n], x[n:])
