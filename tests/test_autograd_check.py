"""gradcheck finds wrong gradients and says where; detect_anomaly; whole derivatives."""

from __future__ import annotations

import pytest
from own_functions import Square

import tritongrad as tg
from tritongrad.autograd import Function, GradcheckError, functional, gradcheck, gradgradcheck


def leaf(*values, dtype=tg.float64):
    return tg.tensor(list(values), dtype=dtype, requires_grad=True)


class WrongAtOne(Function):
    """x -> 2 x, with the gradient of element 1 wrong."""

    @staticmethod
    def forward(ctx, x):
        return x * 2.0

    @staticmethod
    def backward(ctx, g):
        return g * tg.tensor([2.0, 5.0, 2.0], dtype=tg.float64)


def test_a_wrong_gradient_is_named_by_output_input_index_and_both_values():
    def function(y, x):
        return y * 1.0, WrongAtOne.apply(x)

    with pytest.raises(GradcheckError) as caught:
        gradcheck(function, (leaf(7.0), leaf(1.0, 2.0, 3.0)))
    text = str(caught.value)
    for words in ("output 1", "input 1", "index (1,)", "is 5 analytically", "2 numerically"):
        assert words in text
    assert not gradcheck(WrongAtOne.apply, leaf(1.0, 2.0, 3.0), raise_exception=False)


def test_tolerances_decide():
    assert gradcheck(WrongAtOne.apply, leaf(1.0, 2.0, 3.0), atol=3.1)


def test_a_wrong_second_gradient_is_found():
    class Lost(Square):
        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return g * 2.0 * x.detach()  # the first gradient is right, its history is lost

    assert gradcheck(Lost.apply, leaf(1.0, 2.0))
    with pytest.raises(GradcheckError):
        gradgradcheck(Lost.apply, leaf(1.0, 2.0))


def test_inputs_are_as_they_were():
    x = leaf(1.0, 2.0)
    version = x._version_count
    gradcheck(tg.exp, x)
    assert x.tolist() == [1.0, 2.0]
    assert x._version_count == version
    assert x.grad is None


def test_closures_and_outputs_without_gradient_are_checked_too():
    x = leaf(1.0, 2.0)
    assert gradcheck(lambda x: (x * 2.0, x.detach() * 0.0), x)
    with pytest.raises(GradcheckError):
        gradcheck(lambda x: x.detach() * 2.0, x)


def test_nondeterministic_backward_is_reported():
    calls = []

    class Drift(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2.0

        @staticmethod
        def backward(ctx, g):
            calls.append(1)
            return g * (2.0 + len(calls) * 1e-9)

    with pytest.raises(GradcheckError, match="not reentrant"):
        gradcheck(Drift.apply, leaf(1.0))
    assert gradcheck(Drift.apply, leaf(1.0), nondet_tol=1e-6)

    class Over(Square):
        @staticmethod
        def backward(ctx, g):
            return g * Drift.apply(ctx.saved_tensors[0])

    assert gradcheck(Over.apply, leaf(1.0))
    with pytest.raises(GradcheckError, match="not reentrant"):
        gradgradcheck(Over.apply, leaf(1.0))
    assert gradgradcheck(Over.apply, leaf(1.0), nondet_tol=1e-6)


def test_gradcheck_needs_an_input_that_requires_grad_and_has_its_own_memory():
    with pytest.raises(ValueError, match="requires_grad=True"):
        gradcheck(tg.exp, tg.ones(2, dtype=tg.float64))
    with pytest.raises(RuntimeError, match=r"0th input.*stride 0.*contiguous"):
        gradcheck(tg.exp, tg.ones(1, dtype=tg.float64).expand(3).requires_grad_())


def test_gradcheck_runs_on_every_device(device):
    x = tg.tensor([0.5, 1.5], dtype=tg.float64, device=device, requires_grad=True)
    assert gradcheck(lambda x: (x * x).exp(), x)


def test_anomaly_detection_names_the_line_of_the_forward_call():
    x = leaf(0.0)
    with tg.autograd.detect_anomaly():
        y = x.sqrt() * 0.0  # the line that the error must show
        with pytest.raises(RuntimeError) as caught:
            y.sum().backward()
    text = str(caught.value)
    assert "SqrtBackward0" in text
    assert "nan" in text
    assert "y = x.sqrt() * 0.0" in text
    assert "test_autograd_check.py" in text


def test_anomaly_detection_ends_and_can_be_switched():
    assert not tg.autograd.is_anomaly_enabled()
    with pytest.raises(KeyError), tg.autograd.detect_anomaly():
        raise KeyError
    assert not tg.autograd.is_anomaly_enabled()
    with tg.autograd.set_detect_anomaly(True):
        assert tg.autograd.is_anomaly_enabled()
        with tg.autograd.set_detect_anomaly(False):
            (leaf(0.0).sqrt() * 0.0).sum().backward()
    tg.autograd.set_detect_anomaly(True)
    tg.autograd.set_detect_anomaly(False)
    assert not tg.autograd.is_anomaly_enabled()


def test_a_nan_of_a_custom_function_is_named():
    class Bad(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2.0

        @staticmethod
        def backward(ctx, g):
            return g * float("nan")

    with tg.autograd.detect_anomaly(), pytest.raises(RuntimeError, match="BadBackward"):
        Bad.apply(leaf(1.0)).sum().backward()


def test_vjp_and_jvp():
    x, v = tg.tensor([1.0, 2.0]), tg.tensor([3.0, 5.0])
    value, product = functional.vjp(lambda x: x * x * x, x, v)
    assert value.tolist() == [1.0, 8.0]
    assert product.tolist() == [9.0, 60.0]
    value, product = functional.jvp(lambda x: x * x * x, x, v)
    assert product.tolist() == [9.0, 60.0]
    _, (dx, dy) = functional.vjp(lambda x, y: (x * y).sum(), (x, v))
    assert (dx.tolist(), dy.tolist()) == ([3.0, 5.0], [1.0, 2.0])


def test_jacobian_has_the_shapes_of_output_and_input():
    a = tg.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    x = tg.tensor([[1.0], [2.0]])
    j = functional.jacobian(lambda x: a.mm(x), x)
    assert j.shape == (3, 1, 2, 1)
    assert j.reshape(3, 2).tolist() == a.tolist()
    by_x, by_y = functional.jacobian(lambda x, y: x * y, (x, x))
    assert by_x.reshape(2, 2).tolist() == [[1.0, 0.0], [0.0, 2.0]]
    assert by_y.shape == (2, 1, 2, 1)


def test_hessian_of_a_cubic_and_its_history():
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    h = functional.hessian(lambda x: (x * x * x).sum(), x, create_graph=True)
    assert h.tolist() == [[6.0, 0.0], [0.0, 12.0]]
    h.sum().backward()
    assert x.grad.tolist() == [6.0, 6.0]


def test_derivatives_refuse_what_they_cannot_take():
    x = tg.ones(2)
    with pytest.raises(RuntimeError, match=r"hessian.*single element.*\[2\]"):
        functional.hessian(lambda x: x * x, x)
    with pytest.raises(RuntimeError, match="vjp: the vector v"):
        functional.vjp(lambda x: x * x, x)
    with pytest.raises(RuntimeError, match=r"vjp: v has shapes \[\[3\]\], expected \[\[2\]\]"):
        functional.vjp(lambda x: x * x, x, tg.ones(3))
    with pytest.raises(TypeError, match="jacobian"):
        functional.jacobian(lambda x: 3.0, x)
    with pytest.raises(RuntimeError, match="strict"):
        functional.jacobian(lambda x, y: x * 2.0, (x, x), strict=True)


def test_the_hessian_times_a_vector():
    def function(x, y):
        return (x.exp() * y).sum() + x[0] * x[1] ** 2

    x, y = tg.tensor([0.5, -1.0], dtype=tg.float64), tg.tensor([2.0, 3.0], dtype=tg.float64)
    v = (tg.tensor([1.0, 2.0], dtype=tg.float64), tg.tensor([-1.0, 0.5], dtype=tg.float64))
    blocks = functional.hessian(function, (x, y))
    want = [sum((row @ part for row, part in zip(rows, v, strict=True)), 0 * x) for rows in blocks]
    for product in (functional.hvp, functional.vhp):
        value, got = product(function, (x, y), v)
        assert value.item() == function(x, y).item()
        for a, b in zip(got, want, strict=True):
            tg.testing.assert_close(a, b)
    slope = functional.vhp(lambda t: (3 * t).sum(), x, v[0])[1]
    assert slope.tolist() == [0.0, 0.0]
    with pytest.raises(RuntimeError, match="vhp"):
        functional.vhp(lambda t: t, x, v[0])
