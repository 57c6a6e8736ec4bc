"""Optimizers: groups, states, errors, and the same step on every device."""

from __future__ import annotations

import copy
import inspect
import pickle

import numpy as np
import pytest

import tritongrad as tg
from tritongrad import optim
from tritongrad.cpu.team import get_num_threads, set_num_threads
from tritongrad.optim import host
from tritongrad.optim.elementwise import Elementwise

RULES = [
    ("SGD", {"momentum": 0.9, "nesterov": True}),
    ("SGD", {"weight_decay": 0.1}),
    ("Adam", {"amsgrad": True}),
    ("AdamW", {}),
    ("AdamW", {"capturable": True}),
    ("RMSprop", {"centered": True, "momentum": 0.5}),
    ("Adagrad", {}),
    ("Adadelta", {}),
]


def parameters(device="cpu", dtype=tg.float32):
    tg.manual_seed(0)
    made = [tg.randn(3, 4), tg.randn(5)]
    return [p.to(device=device, dtype=dtype).requires_grad_() for p in made]


def step(optimizer, params):
    optimizer.zero_grad()
    sum((p * p * (p + 1)).sum() for p in params).backward()
    optimizer.step()


def values(params):
    return np.concatenate([p.detach().cpu().double().numpy().ravel() for p in params])


@pytest.mark.parametrize("dtype", [tg.float32, tg.float64, tg.float16])
@pytest.mark.parametrize(("name", "settings"), RULES)
def test_a_step_is_the_same_on_every_device(name, settings, dtype, accelerator):
    ends = []
    for device in ("cpu", accelerator):
        params = parameters(device, dtype)
        groups = [{"params": params[:1]}, {"params": params[1:], "lr": 0.01}]
        optimizer = getattr(optim, name)(groups, lr=0.1, **settings)
        for _ in range(3):
            step(optimizer, params)
        ends.append(values(params))
    # A state of float16 that is off by one unit moves a step, of about 1, by 1e-3 of itself.
    rtol, atol = {2: (4e-3, 3e-3), 4: (1e-5, 0), 8: (1e-12, 0)}[dtype.itemsize]
    np.testing.assert_allclose(ends[1], ends[0], rtol=rtol, atol=atol)


@pytest.mark.parametrize(("name", "settings"), RULES)
def test_a_loaded_state_goes_on_as_the_saved_one(name, settings, device):
    params = parameters(device)
    optimizer = getattr(optim, name)(params, lr=0.1, **settings)
    step(optimizer, params)
    saved = copy.deepcopy(optimizer.state_dict())
    twins = [p.detach().clone().requires_grad_() for p in params]
    other = getattr(optim, name)(twins, lr=0.5)
    other.load_state_dict(saved)
    assert repr(other) == repr(optimizer)
    for _ in range(2):
        step(optimizer, params)
        step(other, twins)
    assert (values(params) == values(twins)).all()


def trained(name, settings, make):
    """What a few steps make of parameters; one of them now and then has no gradient."""
    tg.manual_seed(0)
    params = make()
    optimizer = getattr(optim, name)(params, lr=0.1, **settings)
    for k in range(4):
        step(optimizer, params)
        if k % 2:
            params[-1].grad = None
            optimizer.step()
    return values([*params, *(t for p in params for t in list(optimizer.state[p].values())[1:])])


@pytest.mark.parametrize(("name", "settings"), RULES)
def test_blocks_and_threads_change_no_bit(name, settings, monkeypatch):
    def run():
        return trained(name, settings, lambda: [tg.randn(1000).requires_grad_()])

    whole, threads = run(), get_num_threads()
    monkeypatch.setattr(host, "SMALL", 50)
    monkeypatch.setattr(host, "BLOCK", 64)
    monkeypatch.setattr(host, "SPLIT", 100)
    set_num_threads(2)
    try:
        assert (run() == whole).all()
    finally:
        set_num_threads(threads)


def of_many_kinds():
    shapes = [(3, 4), (5,), (), (0,), (2, 3, 4), (17,), (1, 9)]
    made = [tg.randn(shape, dtype=d) for d in (tg.float32, tg.float64) for shape in shapes]
    made += [tg.randn(4, 3).t(), tg.randn(6).half(), tg.randn(2, 6).half(), tg.randn(5).bfloat16()]
    return [p.requires_grad_() for p in made]


def of_one_memory():
    whole, row = tg.randn(12), tg.randn(5, requires_grad=True)
    return [t.requires_grad_() for t in (whole[2:9], whole[:4], row, whole.detach(), whole[::3])]


@pytest.mark.parametrize("make", [of_many_kinds, of_one_memory])
@pytest.mark.parametrize(("name", "settings"), RULES)
def test_small_parameters_step_together_as_alone(name, settings, make, monkeypatch):
    together = trained(name, settings, make)
    monkeypatch.setattr(host, "JOINED", 10)  # a few pieces
    np.testing.assert_array_equal(trained(name, settings, make), together)
    monkeypatch.setattr(host, "SMALL", -1)  # one by one
    np.testing.assert_array_equal(trained(name, settings, make), together)


def test_a_parameter_in_another_order_of_memory_is_stepped():
    tall = tg.ones(4, 3).t().requires_grad_()
    optimizer = optim.Adam([tall], lr=0.5)
    tall.sum().backward()
    optimizer.step()
    assert tall.detach().numpy() == pytest.approx(np.full((3, 4), 0.5))


def test_a_step_is_an_in_place_change_that_backward_notices():
    w = tg.ones(2, requires_grad=True)
    loss = (w * w).sum()
    loss.backward(retain_graph=True)
    optim.SGD([w], lr=0.1).step()
    with pytest.raises(RuntimeError, match=r"modified by an inplace operation|in-place"):
        loss.backward()


def test_a_closure_computes_with_gradients_and_its_loss_comes_back():
    w = tg.ones(2, requires_grad=True)
    optimizer = optim.SGD([w], lr=0.1)

    def closure():
        optimizer.zero_grad()
        loss = (w * w).sum()
        loss.backward()
        return loss

    assert optimizer.step(closure).item() == 2
    assert w.tolist() == pytest.approx([0.8, 0.8])


def test_a_parameter_without_gradient_stays_and_has_no_state():
    w, unused = tg.ones(2, requires_grad=True), tg.ones(2, requires_grad=True)
    optimizer = optim.Adam([w, unused])
    w.sum().backward()
    optimizer.step()
    assert unused.tolist() == [1, 1] and list(optimizer.state_dict()["state"]) == [0]


def test_zero_grad_forgets_or_fills():
    w = tg.ones(2, requires_grad=True)
    optimizer = optim.SGD([w])
    w.sum().backward()
    optimizer.zero_grad(set_to_none=False)
    assert w.grad.tolist() == [0, 0]
    optimizer.zero_grad()
    assert w.grad is None


def test_a_rule_of_our_own_is_a_few_lines():
    class Sign(Elementwise):
        def __init__(self, params, lr=0.1):
            super().__init__(params, {"lr": lr})

        def states(self, group):
            return ()

        def rule(self, group, step, w, g):
            w -= g / abs(g) * group["lr"]

    w = tg.tensor([1.0, -1.0], requires_grad=True)
    (w * w).sum().backward()
    Sign([w]).step()
    assert w.tolist() == pytest.approx([0.9, -0.9])


def test_optimizers_can_be_asked_for_their_arguments():
    assert "fused" in inspect.signature(optim.AdamW).parameters
    assert issubclass(optim.AdamW, optim.Optimizer)
    with pytest.raises(NotImplementedError):
        optim.Optimizer([tg.ones(1)], {}).step()


def test_an_optimizer_can_be_pickled():
    w = tg.ones(2, requires_grad=True)
    optimizer = optim.Adam([w], lr=0.5)
    w.sum().backward()
    optimizer.step()
    again = pickle.loads(pickle.dumps(optimizer))
    assert repr(again) == repr(optimizer)
    (p,) = again.param_groups[0]["params"]
    assert again.state[p]["exp_avg"].tolist() == optimizer.state[w]["exp_avg"].tolist()


ONE = {"params": [tg.ones(1, requires_grad=True)]}
ERRORS = [
    (lambda: optim.SGD([]), ValueError, "empty parameter list"),
    (lambda: optim.SGD(tg.ones(2)), TypeError, "iterable of Tensors or dicts"),
    (lambda: optim.SGD([1.0]), TypeError, "can only optimize Tensors"),
    (lambda: optim.SGD([{"params": {tg.ones(1)}}]), TypeError, "ordered collections"),
    (lambda: optim.SGD([ONE, dict(ONE)]), ValueError, "more than one parameter group"),
    (lambda: optim.SGD([ONE["params"][0] * 2]), ValueError, "non-leaf"),
    (lambda: optim.SGD([ONE], lr=-1), ValueError, "Invalid learning_rate value: -1"),
    (lambda: optim.SGD([ONE], nesterov=True), ValueError, "Nesterov momentum requires"),
    (lambda: optim.Adam([ONE], betas=(1.0, 0.9)), ValueError, "beta parameter at index 0"),
    (lambda: optim.Adam([ONE], differentiable=True), ValueError, "not supported"),
    (lambda: optim.lr_scheduler.StepLR(ONE, 1), TypeError, "is not an Optimizer"),
    (
        lambda: optim.lr_scheduler.OneCycleLR(optim.Adagrad([ONE]), 0.1, 10),
        ValueError,
        "must support momentum",
    ),
    (
        lambda: optim.SGD([ONE]).load_state_dict({"state": {}, "param_groups": []}),
        ValueError,
        "0 parameter groups",
    ),
]


@pytest.mark.parametrize(("call", "error", "text"), ERRORS)
def test_errors_say_what_is_wrong(call, error, text):
    with pytest.raises(error, match=text):
        call()


def test_a_schedule_goes_on_from_its_state():
    plans = optim.lr_scheduler
    made = [
        lambda o: plans.StepLR(o, 3),
        lambda o: plans.OneCycleLR(o, 0.1, 20),
        lambda o: plans.LambdaLR(o, lambda epoch: 1 / (1 + epoch)),
        lambda o: plans.SequentialLR(o, [plans.ConstantLR(o), plans.ExponentialLR(o, 0.5)], [3]),
    ]
    for make in made:
        first, second = (optim.SGD([tg.ones(1)], lr=1.0, momentum=0.9) for _ in range(2))
        plan, again = make(first), make(second)
        for _ in range(5):
            plan.step()
        second.load_state_dict(first.state_dict())
        again.load_state_dict(plan.state_dict())
        for _ in range(5):
            plan.step()
            again.step()
            assert again.get_last_lr() == plan.get_last_lr()


@pytest.mark.parametrize("capturable", [False, True])
def test_a_parameter_without_gradient_keeps_its_count_of_steps(capturable, device):
    a, b = (tg.ones(2, device=device, requires_grad=True) for _ in range(2))
    optimizer = optim.Adam([{"params": [a]}, {"params": [b], "lr": 0.1}], capturable=capturable)
    for has_gradient in (True, False, False, True):
        a.grad, b.grad = tg.ones_like(a), tg.ones_like(b) if has_gradient else None
        optimizer.step()
    assert [int(optimizer.state[p]["step"]) for p in (a, b)] == [4, 2]
    alone = tg.ones(2, device=device, requires_grad=True)
    optimizer = optim.Adam([alone], lr=0.1)
    for _ in range(2):
        alone.grad = tg.ones_like(alone)
        optimizer.step()
    np.testing.assert_allclose(b.detach().cpu().numpy(), alone.detach().cpu().numpy(), 1e-6)


def test_gradients_that_are_not_contiguous_live_until_the_step(device):
    """Their copies are known to a table of addresses only, while other groups are prepared."""
    params = [tg.ones(3, 4, device=device, requires_grad=True) for _ in range(4)]
    steps = tg.arange(12, dtype=tg.float32, device=device).reshape(4, 3).t()
    for i, p in enumerate(params):
        p.grad = steps * 1.0 if i % 2 else (steps.t() * 1.0).t()
    optim.SGD([{"params": params[:2]}, {"params": params[2:]}], lr=0.1).step()
    for p in params:
        want = 1 - np.float32(0.1) * steps.cpu().numpy()
        np.testing.assert_allclose(p.detach().cpu().numpy(), want, 1e-6, 1e-6)
