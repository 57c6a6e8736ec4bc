"""Long float32 sums: 2u whatever the data, sums of pairs that overflow, and equal bits."""

from __future__ import annotations

import numpy as np
import pytest

import tritongrad as tg
from tritongrad.cpu import reduce

U = 2.0**-24
SHAPES = [(5, 1030), (6, 5000), (3, 40_000), (700, 2050)]


def few_large(shape):
    """Small numbers, and in every row and column one that is most of the sum."""
    rng = np.random.default_rng(1)
    x = rng.random(shape) * 2.0**-12
    rows, columns = np.arange(shape[0]), np.arange(shape[1])
    x[rows, rng.integers(shape[1], size=shape[0])] = 1 + rng.random(shape[0])
    x[rng.integers(shape[0], size=shape[1]), columns] = 1 + rng.random(shape[1])
    return x.astype(np.float32)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dim", [0, 1])
def test_a_few_numbers_that_are_most_of_a_sum(shape, dim):
    x = few_large(shape[::-1] if dim == 0 else shape)
    exact = x.astype(np.float64).sum(dim)
    assert (np.abs(tg.from_numpy(x).sum(dim).numpy() - exact) <= 2 * U * exact).all()


@pytest.mark.parametrize("shape", SHAPES)
def test_pairs_that_overflow_do_not_hide_a_finite_sum(shape):
    x = np.ones(shape, np.float32)
    half = shape[1] // 2 // 256 * 256
    x[:, :half], x[:, half : 2 * half] = 3e38, -3e38
    columns = np.ascontiguousarray(x.T)
    for found in (tg.from_numpy(x).sum(1).numpy(), tg.from_numpy(columns).sum(0).numpy()):
        assert (np.abs(found) <= 2 * U * 3e38 * 2 * half).all()


@pytest.mark.parametrize("period", [1, 3, 5, 12, 32, 64])
def test_numbers_that_repeat(period):
    """Errors of equal parts are equal, and do not cancel"""
    rng = np.random.default_rng(period)
    for n in (2_000, 17_000, 250_001, 951_341):
        numbers = rng.lognormal(0, 2, period).astype(np.float32)
        x = np.resize(numbers, n)
        rows = x[: n // 8 * 8].reshape(8, -1)
        t = tg.from_numpy
        for found, of in (
            (t(x).sum()[None], x[None]),
            (t(rows).sum(1), rows),
            (t(np.ascontiguousarray(rows.T)).sum(0), rows),
        ):
            exact = of.astype(np.longdouble).sum(1)
            assert (np.abs(found.numpy() - exact) <= 2 * U * exact).all()


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("dim", [0, 1])
def test_inf_and_nan_reach_their_own_sums_only(value, dim):
    x = np.ones((2048, 2048), np.float32)
    x[7, 9] = value
    found = tg.from_numpy(x).sum(dim).numpy()
    at = 9 if dim == 0 else 7
    assert np.array_equal(found[at], np.float32(value), equal_nan=True)
    assert (np.delete(found, at) == 2048).all()


@pytest.mark.parametrize("n", [1030, 5000, 40_000])
def test_the_bits_of_a_row_are_its_own_in_every_layout(n):
    x = np.random.default_rng(n).lognormal(0, 2, (64, n)).astype(np.float32)
    want = tg.from_numpy(x).sum(1).tolist()
    rows = max(2**21 // n, 64) // 64 + 1
    assert tg.from_numpy(np.tile(x, (rows, 1))).sum(1)[:64].tolist() == want, "by several threads"
    assert tg.from_numpy(x[3:4]).sum(1).tolist() == want[3:4]
    assert tg.from_numpy(np.repeat(x, 2, 1)[:, ::2]).sum(1).tolist() == want
    assert tg.from_numpy(np.ascontiguousarray(x.T)).t().sum(1).tolist() == want


@pytest.mark.parametrize("n", [1030, 5000])
def test_the_bits_of_a_column_are_its_own(n):
    x = np.random.default_rng(n).lognormal(0, 2, (n, 2100)).astype(np.float32)
    want = tg.from_numpy(x).sum(0).tolist()
    for columns in (1, 2, 64):
        few = np.ascontiguousarray(x[:, :columns])
        assert tg.from_numpy(few).sum(0).tolist() == want[:columns]
    both = np.stack([x, x])
    assert tg.from_numpy(both).sum(1).tolist() == [want, want]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(300, 1000), (2100, 1024), (70, 20_000)])
def test_variance_and_extremes_of_many_rows_are_those_of_each(shape, dtype):
    x = tg.tensor(np.random.default_rng(0).normal(100, 3, shape), dtype=dtype)
    assert x.size(0) * x.size(1) >= reduce.BLOCK, "fewer go another way"
    x[5, 17] = float("nan")
    for name in ("var", "std", "amax", "amin"):
        whole = getattr(x, name)(1)
        kept = getattr(x, name)(1, keepdim=True)
        assert kept.shape == (shape[0], 1)
        for i in (0, 5, shape[0] - 1):
            one = getattr(x[i : i + 1], name)(1)
            assert one.numpy().tobytes() == whole[i : i + 1].numpy().tobytes()
            assert one.numpy().tobytes() == kept[i].numpy().tobytes()
