"""tritongrad.testing, as users have it: their own operations, comparisons, arguments."""

from __future__ import annotations

import numpy as np
import pytest

import tritongrad as tg
from tritongrad.op import REGISTRY, op
from tritongrad.samples import Bools, Ints, Rand
from tritongrad.testing import (
    LAYOUTS,
    CheckFailed,
    assert_close,
    check_operation,
    materialise,
)


@pytest.fixture
def declare():
    """Declare an operation for one test: x * e ** x, right but for what the test breaks."""
    before = set(REGISTRY)

    def make(kernel=lambda x: x * np.exp(x), formula=None):
        @op(cpu=kernel, samples=[(Rand((3, 4)),), (Rand(()),), (Rand((0, 2)),)])
        def own(input):
            """x e ** x"""
            return (input,)

        own.vjp(input=formula or (lambda g, input, result: g * (result + input.exp())))
        return own

    yield make
    for name in set(REGISTRY) - before:
        del REGISTRY[name]


def test_ones_own_operation_passes(declare):
    own = declare()
    check_operation(own)
    check_operation(own, (Rand((2, 5), 0.0, 1.0),), seed=3)
    check_operation("own")


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        ({"formula": lambda g, result: g * result}, "Jacobian mismatch"),
        ({"formula": lambda g, input, result: g * (result + input.exp()).detach()}, "mismatch"),
        ({"kernel": lambda x: x * np.exp(x) * (1 + 1e-4 * (x.dtype == np.float32))}, "value"),
        ({"kernel": lambda x: np.multiply(x, np.exp(x), out=x)}, "changed an input"),
        ({"kernel": lambda x: x * np.exp(x) + np.random.rand() * 1e-12}, "own"),
    ],
    ids=["gradient", "second-gradient", "rounding", "writes-input", "random"],
)
def test_ones_own_broken_operation_is_found(declare, broken, words):
    own = declare(**broken)
    with pytest.raises(CheckFailed, match=words):
        check_operation(own)


@pytest.mark.parametrize("layout", [*LAYOUTS, "expanded"])
def test_arguments_have_the_same_values_in_every_layout(layout, device):
    sample = (Rand((3, 4)), Ints((2, 3)), Bools((4,)), 2.5, [Rand((5,))], {"dim": 1, "x": Rand(())})
    (a, i, b, number, (inner,)), kwargs = materialise(sample, layout=layout, device=device)
    (c, *_), _ = materialise(sample)
    assert (a.shape, i.shape, b.shape, inner.shape, kwargs["x"].shape) == (
        (3, 4), (2, 3), (4,), (5,), (),
    )  # fmt: skip
    assert (a.dtype, i.dtype, b.dtype, number) == (tg.float32, tg.int64, tg.bool, 2.5)
    assert a.device.type == device
    assert a.is_contiguous() == (layout in ("contiguous", "offset"))
    if layout == "expanded":
        assert a.stride(0) == 0
    else:
        assert_close(a, c, check_device=False)


def test_arguments_keep_away_from_kinks_and_apart_from_each_other():
    (a, b), _ = materialise((Rand((50, 50), away=(0, 0.5)), Rand((20, 5), distinct=True)))
    values = a.numpy()
    assert np.abs(values).min() >= 0.0999
    assert np.abs(values - 0.5).min() >= 0.0999
    gaps = np.diff(np.sort(b.numpy().reshape(-1)))
    assert gaps.min() > 0.01


def test_arguments_of_whole_dtypes_and_seeds():
    (a,), _ = materialise((Rand((100,), 0.3, 3.0),), dtype="int8")
    assert set(a.tolist()) == {1, 2, 3}
    (u,), _ = materialise((Rand((100,)),), dtype="uint8")
    assert min(u.tolist()) == 0
    first, again, other = (materialise((Rand((4,)),), seed=s)[0][0].tolist() for s in (1, 1, 2))
    assert first == again != other


def test_close_values_pass_and_others_are_named():
    x = tg.tensor([1.0, 2.0, 3.0])
    assert_close(x, x + 1e-7)
    assert_close([x, 1.0], [x, 1.0])
    assert_close({"a": x}, {"a": x})
    assert_close(tg.tensor([float("nan")]), tg.tensor([float("nan")]), equal_nan=True)
    with pytest.raises(AssertionError, match=r"(?s)not close.*1 / 3 \(33.3%\).*1 at index \(1,\)"):
        assert_close(x, tg.tensor([1.0, 3.0, 3.0]))
    with pytest.raises(AssertionError, match=r"(?s)'shape'.*\[3\].*\[2\]"):
        assert_close(x, x[:2])
    with pytest.raises(AssertionError, match=r"'dtype'.*float32.*float64"):
        assert_close(x, x.to(tg.float64))
    with pytest.raises(AssertionError, match=r"item \[1\]"):
        assert_close([x, x], [x, x + 1])
    with pytest.raises(AssertionError):
        assert_close(tg.tensor([float("nan")]), tg.tensor([float("nan")]))
    with pytest.raises(AssertionError):
        assert_close(tg.tensor([float("inf")]), tg.tensor([1.0]))
    with pytest.raises(AssertionError, match="mine"):
        assert_close(1.0, 2.0, msg="mine")
    with pytest.raises(ValueError, match="rtol and atol"):
        assert_close(x, x, rtol=0.1)
