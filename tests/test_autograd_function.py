"""Custom autograd.Function: contexts, outputs, what backward may return, views, twice."""

from __future__ import annotations

import gc
import weakref

import pytest
from own_functions import Cube, make

import tritongrad as tg
from tritongrad.autograd import Function, gradcheck, gradgradcheck
from tritongrad.autograd.function import once_differentiable


def leaf(*values, dtype=None):
    return tg.tensor(list(values), dtype=dtype, requires_grad=True)


class Exp(Function):
    @staticmethod
    def forward(x):
        return x.exp()

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(output)

    @staticmethod
    def backward(ctx, g):
        (result,) = ctx.saved_tensors
        return g * result


@pytest.mark.parametrize("function", [Cube, Exp])
def test_gradients_and_gradients_of_gradients(function):
    x = leaf(0.5, -1.5, 2.0, dtype=tg.float64)
    assert gradcheck(function.apply, x)
    assert gradgradcheck(function.apply, x)


def test_runs_on_every_device(device):
    x = tg.tensor([1.0, 2.0], device=device, requires_grad=True)
    Cube.apply(x).sum().backward()
    assert x.grad.tolist() == [3.0, 12.0]


def test_forward_is_not_recorded_and_the_node_has_its_name():
    states = []

    def forward(ctx, x):
        states.append(tg.is_grad_enabled())
        return x * 2.0

    y = make(forward, lambda ctx, g: g * 2.0, "Twice").apply(leaf(1.0))
    assert states == [False]
    assert y.grad_fn.name() == "TwiceBackward"
    assert y.requires_grad


def test_nothing_is_recorded_under_no_grad_or_without_need():
    with tg.no_grad():
        assert not Cube.apply(leaf(1.0)).requires_grad
    assert not Cube.apply(tg.ones(1)).requires_grad


def test_needs_input_grad_and_arguments_that_are_no_tensors():
    seen = []

    def forward(ctx, x, y, scale, name=None):
        ctx.scale = scale
        ctx.shape = x.shape
        return x * y * scale

    def backward(ctx, g):
        seen.append((ctx.needs_input_grad, ctx.scale, ctx.shape))
        return g * ctx.scale, None, None, None

    x, y = leaf(1.0), tg.ones(1)
    make(forward, backward).apply(x, y, 3.0, name="n").sum().backward()
    assert seen == [((True, False, False, False), 3.0, (1,))]
    assert x.grad.tolist() == [3.0]


def test_several_outputs_get_zeros_for_those_not_used():
    seen = []

    def backward(ctx, g, h):
        seen.append((g.tolist(), h.tolist()))
        return g * 2.0 + h * 3.0

    double, triple = make(lambda ctx, x: (x * 2.0, x * 3.0), backward).apply(x := leaf(1.0, 2.0))
    triple.sum().backward(retain_graph=True)
    assert seen == [([0.0, 0.0], [1.0, 1.0])]
    (double.sum() + triple.sum()).backward()
    assert x.grad.tolist() == [8.0, 8.0]


def test_without_materialised_grads_they_are_none():
    def forward(ctx, x):
        ctx.set_materialize_grads(False)
        return x * 2.0, x * 3.0

    def backward(ctx, g, h):
        assert g is None
        return h * 3.0

    _, triple = make(forward, backward).apply(x := leaf(1.0))
    triple.sum().backward()
    assert x.grad.tolist() == [3.0]


def test_non_differentiable_and_integer_outputs_need_no_gradient():
    def forward(ctx, x):
        constant = x * 2.0
        ctx.mark_non_differentiable(constant)
        return constant, x * 3.0, x.to(tg.int64), "text"

    constant, y, whole, text = make(forward, lambda ctx, a, g, b, c: g * 3.0).apply(x := leaf(1.0))
    assert not constant.requires_grad
    assert not whole.requires_grad
    assert text == "text"
    y.sum().backward()
    assert x.grad.tolist() == [3.0]


def test_a_tuple_of_one_stays_a_tuple():
    (y,) = make(lambda ctx, x: (x * 2.0,), lambda ctx, g: g * 2.0).apply(x := leaf(1.0))
    y.sum().backward()
    assert x.grad.tolist() == [2.0]


def test_mark_dirty_moves_the_history_of_the_input():
    def forward(ctx, x):
        x.mul_(2.0)
        ctx.mark_dirty(x)
        return x

    double = make(forward, lambda ctx, g: g * 2.0)
    x = leaf(1.0)
    middle = x * 3.0
    assert double.apply(middle) is middle
    middle.sum().backward()
    assert x.grad.tolist() == [6.0]
    with pytest.raises(RuntimeError, match="leaf Variable that requires grad"):
        double.apply(leaf(1.0))


def test_a_dirty_input_must_be_returned():
    def forward(ctx, x):
        ctx.mark_dirty(x)
        return x * 2.0

    with pytest.raises(RuntimeError, match="Foo: Some elements marked as dirty"):
        make(forward, lambda ctx, g: g).apply(leaf(1.0) * 1.0)


def test_an_input_returned_as_it_is_goes_through_backward():
    reverse = make(lambda ctx, x: x, lambda ctx, g: -g, "Reverse")
    y = reverse.apply(x := leaf(1.0, 2.0))
    assert y is not x
    (y * 3.0).sum().backward()
    assert x.grad.tolist() == [-3.0, -3.0]


@pytest.mark.parametrize("forward", [lambda ctx, x: x, lambda ctx, x: x.reshape(2, 1)])
def test_writing_to_a_view_that_a_function_returned_is_refused(forward):
    y = make(forward, lambda ctx, g: -g.reshape(2)).apply(leaf(1.0, 2.0) * 1.0)
    with pytest.raises(RuntimeError, match=r"Foo is a view.*modified inplace.*clone\(\)"):
        y.mul_(2.0)
    assert y.reshape(2).tolist() == [1.0, 2.0]


def test_a_new_tensor_viewed_in_forward_can_be_written():
    y = make(lambda ctx, x: (x * 2.0).reshape(2, 1), lambda ctx, g: g.reshape(2) * 2.0).apply(
        x := leaf(1.0, 2.0)
    )
    y.mul_(5.0)
    y.sum().backward()
    assert x.grad.tolist() == [10.0, 10.0]


def test_once_differentiable_says_so_the_second_time():
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @once_differentiable
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        assert not tg.is_grad_enabled()
        return g * 2.0 * x

    square = make(forward, backward)
    x = leaf(3.0)
    square.apply(x).sum().backward()
    assert x.grad.tolist() == [6.0]
    (g,) = tg.autograd.grad(square.apply(x).sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        tg.autograd.grad(g.sum(), x)


def test_a_saved_output_makes_no_cycle():
    gc.collect()
    gc.disable()
    try:
        x = leaf(1.0)
        y = Exp.apply(x)
        node = weakref.ref(y.grad_fn)
        del y
        assert node() is None
    finally:
        gc.enable()


def test_a_saved_output_whose_tensor_is_gone_still_has_its_history():
    def forward(ctx, x):
        y = x * x
        ctx.save_for_backward(x, y)
        return y, y * 1.0

    def backward(ctx, g, h):
        x, y = ctx.saved_tensors
        return (g + h * y) * 2.0 * x

    x = leaf(2.0, dtype=tg.float64)
    both = make(forward, backward).apply(x)
    other = both[1]
    del both
    (g,) = tg.autograd.grad(other.sum(), x, create_graph=True)
    (gg,) = tg.autograd.grad(g.sum(), x)
    # g = x^2 * 2x = 2x^3; its derivative through backward's own formulas: 2x * dy + 2y
    assert g.tolist() == [16.0]
    assert gg.tolist() == [2 * 4.0 + 2 * 2.0 * 1.0 * 2.0 * 2.0]


def test_functions_inside_functions():
    outer = make(
        lambda ctx, x: Cube.apply(x) if not ctx.save_for_backward(x) else None,
        lambda ctx, g: g * 3.0 * ctx.saved_tensors[0] * ctx.saved_tensors[0],
    )
    x = leaf(2.0, dtype=tg.float64)
    assert gradcheck(outer.apply, x)
    assert gradgradcheck(outer.apply, x)


def test_backward_may_differentiate_again_as_checkpointing_does():
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return (x * x).exp()

    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        with tg.enable_grad():
            again = x.detach().requires_grad_()
            (gx,) = tg.autograd.grad((again * again).exp(), again, g)
        return gx

    x = leaf(0.5, dtype=tg.float64)
    assert gradcheck(make(forward, backward).apply, x)
