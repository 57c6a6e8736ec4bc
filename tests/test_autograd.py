"""Backward, grad, leaves and their gradients: what samples of single operations cannot say."""

from __future__ import annotations

import numpy as np
import pytest

import tritongrad as tg


def leaf(*values, dtype=None, device="cpu"):
    return tg.tensor(list(values), dtype=dtype, device=device, requires_grad=True)


def test_backward_fills_grad_of_every_leaf(device):
    x, y = leaf(1.0, 2.0, device=device), leaf(3.0, 4.0, device=device)
    (x * y).sum().backward()
    assert x.grad.tolist() == [3.0, 4.0]
    assert y.grad.tolist() == [1.0, 2.0]


def test_a_tensor_used_twice_gets_the_sum_of_its_gradients(device):
    x = leaf(1.0, 2.0, device=device)
    (x * x + x).sum().backward()
    assert x.grad.tolist() == [3.0, 5.0]


def test_the_grad_of_a_sum_can_be_written(device):
    x = leaf(1.0, 2.0, device=device)
    for _ in range(2):
        x.sum().backward()
    x.grad[0] = 5.0
    assert x.grad.mul_(2.0).tolist() == [10.0, 4.0]


def test_second_backward_adds_to_grad_in_place():
    x = leaf(1.0, 2.0)
    (x * 2.0).sum().backward()
    first = x.grad
    (x * 3.0).sum().backward()
    assert x.grad is first
    assert first.tolist() == [5.0, 5.0]


def test_grads_of_leaves_never_share_memory_with_each_other_or_the_callers_gradient():
    x, y = leaf(1.0, 2.0), leaf(3.0, 4.0)
    gradient = tg.ones(2)
    (x + y).backward(gradient)
    x.grad.mul_(10.0)
    assert y.grad.tolist() == [1.0, 1.0]
    assert gradient.tolist() == [1.0, 1.0]


def test_gradient_given_for_a_leaf_itself_is_copied():
    x = leaf(1.0, 2.0)
    gradient = tg.ones(2)
    x.backward(gradient)
    x.grad.mul_(3.0)
    assert gradient.tolist() == [1.0, 1.0]


def test_gradient_of_a_broadcast_operand_has_its_shape(device):
    x = tg.ones((3, 1), device=device, requires_grad=True)
    y = tg.ones((4,), device=device, requires_grad=True)
    (x * y).sum().backward()
    assert x.grad.shape == (3, 1)
    assert x.grad.tolist() == [[4.0]] * 3
    assert y.grad.tolist() == [3.0] * 4


def test_gradient_of_an_expanded_tensor_is_summed_back(device):
    x = tg.ones((1, 3), device=device, requires_grad=True)
    x.expand(5, 3).sum().backward()
    assert x.grad.tolist() == [[5.0] * 3]


@pytest.mark.parametrize("shape", [(0,), (0, 3), (2, 0)])
def test_gradient_of_an_empty_tensor_is_empty(shape, device):
    x = tg.zeros(shape, device=device, requires_grad=True)
    (x * 2.0).sum().backward()
    assert x.grad.shape == shape


def test_gradient_has_the_dtype_of_its_leaf():
    x = leaf(1.0, dtype=tg.float16)
    y = leaf(2.0, dtype=tg.float64)
    (x.to(tg.float64) * y).sum().backward()
    assert x.grad.dtype is tg.float16
    assert y.grad.dtype is tg.float64


def test_backward_a_second_time_is_an_error_that_names_retain_graph():
    y = leaf(1.0, 2.0).exp().sum()
    y.backward()
    with pytest.raises(RuntimeError, match=r"backward through the graph a second.*retain_graph"):
        y.backward()


def test_backward_twice_with_retain_graph_adds_twice():
    x = leaf(1.0, 2.0)
    y = (x * x).sum()
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.tolist() == [4.0, 8.0]


def test_create_graph_gives_gradients_of_gradients(device):
    x = leaf(2.0, 3.0, device=device)
    (g,) = tg.autograd.grad((x * x * x).sum(), x, create_graph=True)
    (gg,) = tg.autograd.grad(g.sum(), x, create_graph=True)
    (ggg,) = tg.autograd.grad(gg.sum(), x)
    assert g.tolist() == [12.0, 27.0]
    assert gg.tolist() == [12.0, 18.0]
    assert ggg.tolist() == [6.0, 6.0]


def test_backward_with_create_graph_leaves_a_grad_with_history():
    x = leaf(2.0)
    (x * x).sum().backward(create_graph=True)
    assert x.grad.requires_grad
    first = x.grad
    x.grad = None
    first.sum().backward()
    assert x.grad.tolist() == [2.0]


def test_gradient_argument_weighs_the_outputs():
    x = leaf(1.0, 2.0, 3.0)
    (x * x).backward(tg.tensor([1.0, 0.0, 2.0]))
    assert x.grad.tolist() == [2.0, 0.0, 12.0]


def test_inputs_restricts_accumulation():
    x, y = leaf(1.0), leaf(2.0)
    (x * y).sum().backward(inputs=[x])
    assert x.grad.tolist() == [2.0]
    assert y.grad is None


def test_inputs_may_be_a_tensor_in_the_middle():
    x = leaf(1.0, 2.0)
    middle = x * 3.0
    (middle * middle).sum().backward(inputs=[middle])
    assert middle.grad.tolist() == [6.0, 12.0]
    assert x.grad is None


def test_grad_touches_no_grad_attribute():
    x, y = leaf(1.0), leaf(2.0)
    got = tg.autograd.grad((x * y).sum(), [x, y])
    assert [g.tolist() for g in got] == [[2.0], [1.0]]
    assert x.grad is None
    assert y.grad is None


def test_grad_of_an_unused_input_is_an_error_none_or_zeros():
    x, y = leaf(1.0), leaf(2.0, 3.0)
    with pytest.raises(RuntimeError, match="allow_unused=True"):
        tg.autograd.grad((x * 2.0).sum(), [x, y])
    _, missing = tg.autograd.grad((x * 2.0).sum(), [x, y], allow_unused=True)
    assert missing is None
    _, zeros = tg.autograd.grad((x * 2.0).sum(), [x, y], materialize_grads=True)
    assert zeros.tolist() == [0.0, 0.0]


def test_grad_runs_only_what_leads_to_the_inputs():
    x, y = leaf(1.0), leaf(2.0)
    calls = []
    other = y * 2.0
    other.register_hook(lambda g: calls.append(g))
    tg.autograd.grad((x * 3.0 + other).sum(), x)
    assert not calls


def test_several_roots_at_once():
    x = leaf(1.0, 2.0)
    tg.autograd.backward([x.sum(), (x * x).sum()])
    assert x.grad.tolist() == [3.0, 5.0]


def test_leaves_are_what_pytorch_calls_leaves():
    x = leaf(1.0)
    y = x * 2.0
    constant = tg.ones(1)
    assert (x.is_leaf, y.is_leaf, constant.is_leaf, (constant * 2).is_leaf) == (
        True, False, True, True,
    )  # fmt: skip
    assert x.grad_fn is None
    assert y.grad_fn.name() == "MulBackward0"
    assert y.requires_grad
    assert not constant.requires_grad


def test_integers_cannot_require_grad():
    with pytest.raises(RuntimeError, match="floating point"):
        tg.tensor([1, 2], requires_grad=True)
    with pytest.raises(RuntimeError, match="floating point"):
        tg.tensor([1, 2]).requires_grad_()


def test_requires_grad_of_a_tensor_in_the_middle_cannot_be_switched_off():
    y = leaf(1.0) * 2.0
    with pytest.raises(RuntimeError, match="leaf"):
        y.requires_grad_(False)


def test_detach_shares_memory_and_has_no_history():
    x = leaf(1.0, 2.0)
    d = (x * 1.0).detach()
    assert not d.requires_grad
    assert np.shares_memory(x.detach().numpy(), x.detach().numpy())
    (x * d).sum().backward()
    assert x.grad.tolist() == [1.0, 2.0]


def test_next_functions_lead_to_the_leaf():
    x = leaf(1.0)
    node = (x * 2.0).exp().grad_fn
    assert node.name() == "ExpBackward0"
    ((before, _),) = node.next_functions
    assert before.name() == "MulBackward0"
    ((end, _),) = before.next_functions
    assert end.variable is x


def test_what_needs_no_gradient_is_not_saved():
    x, constant = tg.ones(3, requires_grad=True), tg.ones(3)
    product = x * 1.0
    y = product * constant  # d/dproduct needs `constant` only
    with tg.no_grad():
        product.zero_()
    y.sum().backward()
    assert x.grad.tolist() == [1.0] * 3


@pytest.mark.parametrize("operation", ["add", "sub"])
def test_sums_save_nothing(operation):
    a, b = leaf(1.0) * 1.0, leaf(2.0) * 1.0
    y = getattr(a, operation)(b).sum()
    with tg.no_grad():
        a.zero_()
        b.zero_()
    y.backward()


def test_a_failed_operation_changes_nothing():
    x = leaf(1.0, 2.0)
    y = x * 2.0
    with pytest.raises(RuntimeError):
        y.sub_(tg.ones(3))
    with pytest.raises(RuntimeError):
        x.add_(1.0)
    assert x.tolist() == [1.0, 2.0]
    y.sum().backward()
    assert x.grad.tolist() == [2.0, 2.0]


def test_prod_with_zeros_has_exact_first_and_second_gradients():
    for values, first in (((2.0, 0.0, 4.0), [0, 8, 0]), ((0.0, 0.0, 4.0), [0, 0, 0])):
        x = leaf(*values, dtype=tg.float64)
        (g,) = tg.autograd.grad(x.prod(), x, create_graph=True)
        assert g.tolist() == first
        tg.autograd.gradgradcheck(tg.prod, x)


@pytest.mark.parametrize(
    ("reduce", "expected"),
    [
        (lambda x: x.max(), [0.5, 0.5, 0.0]),
        (lambda x: x.amax(0), [0.5, 0.5, 0.0]),
        (lambda x: x.max(0).values, [1.0, 0.0, 0.0]),
        (lambda x: tg.maximum(x, tg.full((3,), 3.0)), [0.5, 0.5, 0.0]),
    ],
    ids=["max", "amax", "max-dim", "maximum"],
)
def test_ties(reduce, expected, device):
    x = leaf(3.0, 3.0, 1.0)
    reduce(x).sum().backward()
    assert x.grad.tolist() == expected


def test_clamp_gradient_is_one_at_the_bounds_and_selected_not_multiplied(device):
    x = leaf(-1.0, 0.0, 0.5, 1.0, 2.0, device=device)
    nan = float("nan")
    weights = tg.tensor([nan, 1.0, 1.0, 1.0, nan], device=device)
    x.clamp(0.0, 1.0).backward(weights)
    assert x.grad.tolist() == [0.0, 1.0, 1.0, 1.0, 0.0]


def test_pow_gradients_at_zero():
    x = leaf(0.0, 2.0)
    (x**0).sum().backward()
    assert x.grad.tolist() == [0.0, 0.0]
    y = leaf(0.0, 1.0, 2.0)
    tg.pow(0.0, y).sum().backward()
    assert y.grad.tolist() == [0.0, 0.0, 0.0]
    base = leaf(0.0)
    exponent = leaf(2.0)
    tg.pow(base, exponent).sum().backward()
    assert (base.grad.tolist(), exponent.grad.tolist()) == ([0.0], [0.0])
