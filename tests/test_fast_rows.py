"""The extra [fast]: its sums and layer normalisation have NumPy's bits, whoever shares them."""

from __future__ import annotations

import numpy as np
import pytest
from test_fast import loaded, needs_numba, without  # noqa: F401  (loaded is a fixture)

import tritongrad as tg
from tritongrad.cpu import fast as extra
from tritongrad.cpu import fast_norm, fast_rows, norm, totals

pytestmark = [pytest.mark.fast, needs_numba, pytest.mark.filterwarnings("ignore::RuntimeWarning")]
KINDS = [np.dtype(t) for t in ("float32", "float64")]

# Shapes and what is summed of them: pieces and groups that are whole or not, pairs and none.
SUMS = {
    "all": ((521, 513), None),
    "all, an even number in pairs": ((1 << 20,), None),
    "all, an odd number in pairs": ((3 * 65_537,), None),
    "all, several spans of pairs and some": ((3, 200_001), None),
    "rows": ((521, 513), 1),
    "rows of several pieces in pairs": ((5, 70_001), 1),
    "short rows": ((40_000, 5), 1),
    "columns": ((521, 513), 0),
    "columns in pairs": ((1025, 2049), 0),
    "two columns": ((100_000, 2), 0),
    "a lone column": ((100_000, 1), 0),
    "columns of several matrices": ((7, 130, 401), 1),
    "all but the middle": ((60, 70, 80), (0, 2)),
    "rows of no length but one": ((1, 200_000), 0),
}


def numbers(shape, dtype, kinds=()):
    """Numbers of many sizes, so that another order of additions shows; and of these kinds."""
    random = np.random.default_rng(0)
    x = (random.standard_normal(shape) * 10.0 ** random.integers(-4, 5, shape)).astype(dtype)
    for value in kinds:
        x.reshape(-1)[random.integers(0, x.size, 3)] = value
    return tg.from_numpy(x)


def total(x, dim):
    return x.sum() if dim is None else x.sum(dim)


@pytest.mark.parametrize("dtype", KINDS, ids=str)
@pytest.mark.parametrize("name", SUMS)
def test_sums_have_the_same_bits_with_and_without_the_extra(name, dtype, loaded):  # noqa: F811
    shape, dim = SUMS[name]
    x = numbers(shape, dtype)
    want = without(total, x, dim)
    for threads in (1, 2, 3):
        tg.set_num_threads(threads)
        assert total(x, dim).numpy().tobytes() == want


@pytest.mark.parametrize("dim", [None, 0, 1])
@pytest.mark.parametrize("kinds", [[np.inf], [np.inf, -np.inf], [np.nan], [3e38, 2e38, 3e38]])
def test_sums_that_are_not_finite_or_whose_pairs_are_not(kinds, dim, loaded):  # noqa: F811
    x = numbers((1024, 1025), KINDS[0], kinds)
    want = np.frombuffer(without(total, x, dim), np.float32)
    assert np.array_equal(total(x, dim).numpy().reshape(-1), want, equal_nan=True)


@pytest.mark.parametrize("dim", [None, 0, 1])
def test_zeros_keep_their_sign_or_lose_it_alike(dim, loaded):  # noqa: F811
    x = tg.full((512, 600), -0.0)
    assert total(x, dim).numpy().tobytes() == without(total, x, dim)


def test_other_layouts_have_the_same_bits(loaded):  # noqa: F811
    x = numbers((700, 1001), KINDS[0])
    odd = np.frombuffer(b"." + x.numpy().tobytes(), np.uint8)[1:].view(np.float32)
    for y in (x.t().contiguous().t(), tg.from_numpy(odd.reshape(x.shape))):
        for dim in (None, 0, 1):
            assert total(y, dim).numpy().tobytes() == without(total, x, dim)


def test_a_row_has_the_same_bits_beside_others(loaded):  # noqa: F811
    x = numbers((300, 1000), KINDS[0])
    alone = [x[k : k + 1].contiguous().sum(1).item() for k in (0, 150, 299)]
    assert x.sum(1)[[0, 150, 299]].tolist() == alone


NORMS = [(521, 513), (37, 1500), (3000, 33), (16, 5000), (5, 7, 1024), (300, 300)]


def layer_norm(x, g, affine):
    """The result and all gradients, in one tensor."""
    leaves = [x.clone().requires_grad_(), *[t.clone().requires_grad_() for t in affine]]
    y = tg.nn.functional.layer_norm(leaves[0], x.shape[-1:], *leaves[1:])
    found = [y, *tg.autograd.grad(y, leaves, g)]
    return tg.cat([t.detach().reshape(-1) for t in found])


@pytest.mark.parametrize("dtype", KINDS, ids=str)
@pytest.mark.parametrize("weights", [0, 1, 2])
@pytest.mark.parametrize("shape", NORMS)
def test_layer_norm_has_the_same_bits_with_and_without_the_extra(
    shape,
    weights,
    dtype,
    loaded,  # noqa: F811
    monkeypatch,
):
    monkeypatch.setattr(extra, "LEAST", 1)
    x, g = numbers(shape, dtype), numbers(shape[::-1], dtype).reshape(shape)
    x[0], x[1] = 3, x[1] + 1e6
    affine = [numbers(shape[-1:], dtype), numbers(shape[-1:], dtype) - 1][:weights]
    want = without(layer_norm, x, g, affine)
    for threads in (1, 2, 3):
        tg.set_num_threads(threads)
        assert layer_norm(x, g, affine).numpy().tobytes() == want


def test_rows_whose_squares_overflow_are_numpys(loaded):  # noqa: F811
    x, g = numbers((200, 500), KINDS[0]), numbers((200, 500), KINDS[0])
    x[3], x[7, 5], x[9, 1], x[11] = x[3] * 1e30, np.inf, np.nan, 3e38
    affine = [tg.ones(500), tg.zeros(500)]
    want = np.frombuffer(without(layer_norm, x, g, affine), np.float32)
    assert np.array_equal(layer_norm(x, g, affine).numpy(), want, equal_nan=True)


@pytest.mark.parametrize("name", ["forward", "gradients"])
def test_a_norm_that_differs_is_left_to_numpy(name, loaded, monkeypatch):  # noqa: F811
    monkeypatch.setattr(loaded, "addresses", {})
    numpys = getattr(norm, name)

    def other(*given):
        numpys(*given)
        out = given[-1][0] if name == "forward" else given[-2]
        out *= 1 + 2.0**-20

    monkeypatch.setattr(norm, name, other)
    assert fast_norm.address(name, KINDS[0]) == 0


def test_without_openblas_norms_are_numpys(loaded, monkeypatch):  # noqa: F811
    monkeypatch.setattr(loaded, "addresses", {})
    monkeypatch.setattr(fast_norm, "_blas", lambda dtype: (0, 0))
    assert fast_norm.address("forward", KINDS[0]) == 0


@pytest.mark.parametrize("of", [fast_rows, fast_norm])
def test_every_loop_is_used_on_this_machine(of, loaded):  # noqa: F811
    """None was found to differ from NumPy, in either dtype"""
    for name, dtype in ((n, d) for n in of.LOOPS for d in KINDS):
        assert of.address(name, dtype), (name, dtype)


def test_a_loop_that_differs_is_left_to_numpy(loaded, monkeypatch):  # noqa: F811
    monkeypatch.setattr(loaded, "addresses", {})
    numpys = totals.row_parts

    def other(parts, x, half):
        numpys(parts, x, half)
        parts += parts * 2.0**-50

    monkeypatch.setattr(totals, "row_parts", other)
    assert fast_rows.address("rows", KINDS[0]) == 0
    assert fast_rows.address("columns", KINDS[0]) != 0
