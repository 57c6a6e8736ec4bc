"""What samples of reductions cannot say: accuracy, ties, nan, empties, dtypes, order."""

from __future__ import annotations

import math

import numpy as np
import pytest

import tritongrad as tg

U = 2.0**-24


def error_of_sum(x: np.ndarray, dim: int | None = None) -> float:
    """The largest |error| / sum|x| of a float32 sum."""
    got = tg.from_numpy(x).sum() if dim is None else tg.from_numpy(x).sum(dim)
    exact = np.sum(x, axis=dim, dtype=np.longdouble)
    size = np.sum(np.abs(x), axis=dim, dtype=np.longdouble)
    return float(np.max(np.abs(got.numpy() - exact) / size))


def values(kind: str, n: int) -> np.ndarray:
    random = np.random.default_rng(n)
    made = {
        "tenths": lambda: np.full(n, 0.1),
        "uniform": lambda: random.random(n),
        "lognormal": lambda: random.lognormal(0, 3, n),
        "normal": lambda: random.normal(size=n),
        "large and small": lambda: np.where(np.arange(n) % 2, 1e-8, 1.0),
    }[kind]()
    return made.astype(np.float32)


@pytest.mark.parametrize("n", [7, 63, 64, 511, 513, 1000, 65535, 65537, 1_000_003])
@pytest.mark.parametrize("kind", ["tenths", "uniform", "lognormal", "normal", "large and small"])
def test_float32_sums_are_within_2u_in_every_layout(kind, n):
    x = values(kind, n)
    twice = np.repeat(x, 2)[::2]
    assert error_of_sum(x) <= 2 * U
    assert error_of_sum(twice) <= 2 * U
    assert error_of_sum(x[None], 1) <= 2 * U
    assert error_of_sum(x[:, None], 0) <= 2 * U
    assert error_of_sum(np.stack([x, x[::-1]], 1), 0) <= 2 * U


def test_sum_of_an_expanded_tensor_is_within_2u():
    x = tg.tensor([[0.1, 0.7, 1.1]]).expand(100_000, 3)
    exact = np.float64(1e5) * x[0].numpy().astype(np.float64)
    assert np.all(np.abs(x.sum(0).numpy() - exact) <= 2 * U * exact)
    assert abs(x.sum().item() - exact.sum()) <= 2 * U * exact.sum()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n", [5, 70, 600, 20_000])
def test_a_row_has_the_same_bits_whatever_the_number_of_other_rows(n, dtype):
    x = tg.tensor(np.random.default_rng(n).lognormal(0, 3, (n, 6)), dtype=dtype)
    rows = x.t().contiguous()
    for count in (1, 2, 5):
        assert x[:, :count].sum(0).tolist() == x.sum(0)[:count].tolist()
        assert rows[:count].sum(1).tolist() == rows.sum(1)[:count].tolist()
        one = x.reshape(n, 6, 1)[:, :count]
        assert one.sum(0)[:, 0].tolist() == x.sum(0)[:count].tolist()


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_types_are_accumulated_in_float32(dtype):
    assert tg.ones(70_000, dtype=dtype).mean().item() == 1.0
    x = tg.full((30,), 1.1, dtype=dtype)
    exact = np.float64(x[0].item()) ** 30
    assert x.prod().item() == tg.tensor(exact, dtype=dtype).item()
    assert tg.full((3,), 300.0, dtype=dtype).norm().item() == pytest.approx(519.6, rel=4e-3)
    assert tg.full((1000,), 0.1, dtype=dtype).sum().dtype is getattr(tg, dtype)


def test_integers_and_bools_are_summed_as_int64():
    for dtype in ("bool", "uint8", "int8", "int32"):
        x = tg.ones(300, dtype=dtype)
        assert (x.sum().item(), x.sum().dtype) == (300, tg.int64)
        assert x.prod().dtype is x.cumsum(0).dtype is tg.int64
    assert tg.ones(3, dtype="int32").sum(dtype=tg.float32).dtype is tg.float32
    assert tg.ones(3, dtype="bool").any().dtype is tg.bool


def test_mean_of_integers_is_refused():
    with pytest.raises(RuntimeError, match=r"mean: .*int64.*float"):
        tg.arange(3).mean()
    assert tg.arange(3).mean(dtype=tg.float32).item() == 1.0


@pytest.mark.parametrize("name", ["max", "min", "amax", "amin", "argmax", "argmin"])
def test_nan_wins(name):
    x = tg.tensor([[1.0, math.nan, 3.0, math.nan], [1.0, 2.0, 3.0, 4.0]])
    found = getattr(x, name)(1)
    if name.startswith("arg"):
        assert found.tolist() == [1, 3 if name == "argmax" else 0]
    else:
        first = found[0] if isinstance(found, tuple) else found
        assert math.isnan(first[0].item()) and not math.isnan(first[1].item())
    if name in ("max", "min"):
        assert found.indices[0].item() == 1
        assert math.isnan(getattr(x, name)().item())


def gradient(function, x) -> list:
    x = tg.tensor(x, requires_grad=True)
    function(x).backward()
    return x.grad.tolist()


def test_ties_share_the_gradient_of_the_largest_of_all():
    x = [1.0, 3.0, 3.0, 0.0]
    assert gradient(lambda t: t.max(), x) == [0, 0.5, 0.5, 0]
    assert gradient(lambda t: t.amax(0), x) == [0, 0.5, 0.5, 0]
    assert gradient(lambda t: t.min(), [1.0, 1.0, 2.0]) == [0.5, 0.5, 0]


def test_the_largest_along_a_dim_gives_its_gradient_to_the_index_it_returns():
    assert gradient(lambda t: t.max(0).values, [1.0, 3.0, 3.0]) == [0, 1, 0]
    assert gradient(lambda t: t.min(0)[0], [2.0, 1.0, 1.0]) == [0, 1, 0]


def test_max_of_two_tensors_is_maximum():
    assert tg.tensor([1.0, 4.0]).max(tg.tensor([2.0, 3.0])).tolist() == [2.0, 4.0]


@pytest.mark.parametrize(
    ("x", "expected"),
    [([0.0, 2.0, 4.0], [8.0, 0.0, 0.0]), ([0.0, 0.0, 4.0], [0.0] * 3), ([3.0], [1.0])],
)
def test_gradient_of_a_product_with_zeros(x, expected):
    assert gradient(lambda t: t.prod(), x) == expected
    assert gradient(lambda t: t.cumprod(0)[-1], x) == expected


def test_second_gradient_of_a_product_with_zeros():
    x = tg.tensor([0.0, 2.0, 4.0], requires_grad=True)
    (g,) = tg.autograd.grad(x.prod(), x, create_graph=True)
    (h,) = tg.autograd.grad(g.sum(), x)
    assert h.tolist() == [6.0, 4.0, 2.0]


@pytest.mark.parametrize("name", ["max", "min"])
def test_the_largest_of_nothing_is_refused(name):
    with pytest.raises(RuntimeError, match=name):
        getattr(tg.zeros(0, 3), name)()
    with pytest.raises(IndexError, match="non-zero size"):
        getattr(tg.zeros(0, 3), name)(0)
    assert getattr(tg.zeros(0, 3), name)(1).values.shape == (0,)


def test_reductions_of_nothing_are_the_neutral_elements():
    x = tg.zeros(0, 3)
    assert (x.sum().item(), x.prod().item()) == (0, 1)
    assert (x.any().item(), x.all().item()) == (False, True)
    assert x.sum(0).tolist() == [0, 0, 0] and x.sum(1).shape == (0,)
    assert math.isnan(x.mean().item()) and x.logsumexp(0).tolist() == [-math.inf] * 3


def test_variance_of_one_element_is_nan_and_its_gradient_is_defined_for_equal_ones():
    assert math.isnan(tg.ones(1).var().item()) and tg.ones(1).var(correction=0).item() == 0
    assert gradient(lambda t: t.std(), [2.0, 2.0]) == [0, 0]
    assert gradient(lambda t: t.norm(), [0.0, 0.0]) == [0, 0]


def test_variance_far_from_zero_does_not_cancel():
    x = tg.tensor([1e6 + 1, 1e6 + 2, 1e6 + 3])
    assert x.var().item() == 1.0


def test_forms_of_var():
    x = tg.tensor([[1.0, 2.0, 4.0]])
    expected = [np.var([1, 2, 4])]
    for got in (x.var(1, unbiased=False), x.var(1, correction=0), x.var(axis=1, unbiased=False)):
        assert got.tolist() == pytest.approx(expected)
    assert x.var(False).item() == pytest.approx(expected[0])
    variance, mean = tg.var_mean(x, 1, keepdim=True)
    assert variance.shape == mean.shape == (1, 1)


@pytest.mark.parametrize("p", [0, 1, 2, 3, 0.5, math.inf, -math.inf, "fro"])
def test_norms(p):
    x = np.random.default_rng(0).normal(size=(3, 4))
    order = 2 if p == "fro" else p
    expected = [np.linalg.norm(row, order) for row in x]
    assert tg.from_numpy(x).norm(p, 1).tolist() == pytest.approx(expected)


def test_logsumexp_neither_overflows_nor_makes_nan_of_minus_infinity():
    assert tg.tensor([1000.0, 1000.0]).logsumexp(0).item() == pytest.approx(1000.6931)
    x = tg.full((2,), -math.inf, requires_grad=True)
    x.logsumexp(0).backward()
    assert x.grad.tolist() == [0, 0]


@pytest.mark.parametrize(
    ("dim", "error"), [(2, IndexError), (-3, IndexError), ((0, 0), RuntimeError), (1.5, TypeError)]
)
def test_bad_dims_are_refused_by_name(dim, error):
    with pytest.raises(error, match="sum"):
        tg.zeros(2, 3).sum(dim)


def test_median_and_quantile():
    x = tg.tensor([[3.0, 1.0, 2.0, 4.0], [1.0, math.nan, 0.0, 2.0]])
    assert x[0].median().item() == 2.0
    found = x.median(1)
    assert found.indices.tolist() == [2, 1] and math.isnan(found.values[1].item())
    assert x[0].quantile(0.5).item() == 2.5
    assert tg.quantile(x[0], tg.tensor([0.0, 1.0])).tolist() == [1.0, 4.0]


@pytest.mark.parametrize("dim", [0, 1, (0, 1)])
def test_sums_of_no_elements_are_zeros(dim, device):
    for shape in ((127, 0), (0, 127)):
        x = tg.rand(*shape, device=device)
        np.testing.assert_array_equal(x.sum(dim).cpu().numpy(), np.zeros(shape).sum(dim))
