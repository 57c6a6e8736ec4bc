"""Functions of one's own in corners that no other test visits, and what gradcheck finds."""

from __future__ import annotations

import pytest
from own_functions import Cube, Square

import tritongrad as tg
from tritongrad.autograd import Function, gradcheck, gradgradcheck


def leaf(*values):
    return tg.tensor(list(values), dtype=tg.float64, requires_grad=True)


def test_a_nan_behind_an_input_without_gradient_is_found():
    class Scale(Function):
        @staticmethod
        def forward(ctx, factor, x):
            return factor * x

        @staticmethod
        def backward(ctx, g):
            return None, g * float("nan")

    with tg.autograd.detect_anomaly():
        y = Scale.apply(tg.ones(1, dtype=tg.float64), leaf(1.0))
        with pytest.raises(RuntimeError, match=r"ScaleBackward.*nan values in its 1th output"):
            y.backward()


class Off(Cube):
    """x ** 3 with a gradient that is wrong by a factor."""

    by = 1.0

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return 3.0 * g * x * x * Off.by


def test_gradcheck_finds_small_errors_and_lets_rounding_pass(monkeypatch):
    for x in (leaf(1.0, -2.0), leaf(1e-3)):
        monkeypatch.setattr(Off, "by", 1.0)
        assert gradcheck(Off.apply, x)
        assert gradgradcheck(lambda t: t * t * t, x)
    x = leaf(1.0, -2.0)
    for by in (1.002, 0.998):
        monkeypatch.setattr(Off, "by", by)
        assert not gradcheck(Off.apply, x, raise_exception=False)
        assert gradcheck(Off.apply, x, rtol=0.01)
    monkeypatch.setattr(Off, "by", 1.0005)  # within rtol
    assert gradcheck(Off.apply, x)
    with pytest.raises(RuntimeError, match="Jacobian mismatch"):
        gradcheck(Off.apply, x, rtol=0.0)
    monkeypatch.setattr(Off, "by", 1.5)  # of what is nearly 0: within atol
    assert gradcheck(Off.apply, leaf(1e-3)) and not gradcheck(
        Off.apply, leaf(1e-3), atol=1e-7, raise_exception=False
    )
    assert x.tolist() == [1.0, -2.0]  # as it was


def test_gradcheck_refuses_memory_that_two_elements_share():
    with pytest.raises(RuntimeError, match="The 1th input has a dimension with stride 0"):
        shared = tg.ones(1, dtype=tg.float64).expand(2).requires_grad_()
        gradcheck(lambda x, y: x * y, (leaf(1.0, 2.0), shared))
    one = tg.ones(1, dtype=tg.float64).expand(1, 1).requires_grad_()
    assert gradcheck(tg.exp, one)  # an expanded dim of one element is none


def test_what_a_function_returns_where_nothing_is_recorded():
    class Halved(Function):
        @staticmethod
        def forward(ctx, x, y):
            ctx.mark_dirty(x)
            return x.mul_(0.5), y, 3, y * 1.0

        @staticmethod
        def backward(ctx, *grads):
            return grads[0] * 0.5, grads[1] + grads[3]

    x, y = leaf(1.0) * 2.0, leaf(5.0)
    with tg.no_grad():
        first, second, number, made = Halved.apply(x, y)
    assert first is x and x.tolist() == [1.0] and x.requires_grad and number == 3
    assert second is not y and not second.requires_grad and y.requires_grad
    assert second.tolist() == made.tolist() == [5.0] and not made.requires_grad
    first, second, number, made = Halved.apply(x, y)
    assert first is x and second is not y and number == 3
    tg.autograd.backward([first, second, made], [tg.ones(1, dtype=tg.float64)] * 3)
    assert y.grad.tolist() == [2.0]


def test_gradients_of_a_function_for_inputs_that_need_none_are_dropped():
    class Scale(Function):
        @staticmethod
        def forward(ctx, factor, x, unused):
            ctx.save_for_backward(factor, x)
            return factor * x

        @staticmethod
        def backward(ctx, g):
            factor, x = ctx.saved_tensors
            return g * x, g * factor, None

    constant = tg.full((1,), 3.0, dtype=tg.float64)
    for factor, x in ((constant, leaf(2.0)), (leaf(2.0), constant)):
        unused = leaf(1.0, 1.0)
        Scale.apply(factor, x, unused).backward()
        got = [None if t.grad is None else t.grad.tolist() for t in (factor, x, unused)]
        assert got == ([None, [3.0], None] if x.requires_grad else [[3.0], None, None])


def test_gradgradcheck_passes_over_inputs_that_do_not_matter():
    assert gradgradcheck(lambda x, y: x * x * x, (leaf(1.0, 2.0), leaf(3.0)))


def test_a_saved_tensor_that_backward_writes_has_been_changed():
    class Careless(Square):
        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            with tg.no_grad():
                return x.mul_(2.0) * g

    x = leaf(3.0)
    y = x * 1.0
    z = Careless.apply(y)
    z.backward(retain_graph=True)
    assert x.grad.tolist() == [6.0] and y.tolist() == [6.0]
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        z.backward()
