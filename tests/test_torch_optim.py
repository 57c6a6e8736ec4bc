"""Optimizers and schedules beside PyTorch's, where it is installed: the same trajectories."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

import tritongrad as tg

torch = pytest.importorskip("torch")

OPTIMIZERS = [
    ("SGD", {"lr": 0.01}),
    ("SGD", {"lr": 0.01, "momentum": 0.9, "dampening": 0.1, "weight_decay": 0.01}),
    ("SGD", {"lr": 0.01, "momentum": 0.9, "nesterov": True}),
    ("SGD", {"lr": 1e-3, "maximize": True}),
    ("Adam", {}),
    ("Adam", {"lr": 0.05, "amsgrad": True, "weight_decay": 0.1}),
    ("AdamW", {"lr": 0.05, "amsgrad": True}),
    ("AdamW", {"lr": 1e-3, "maximize": True}),
    ("RMSprop", {}),
    ("RMSprop", {"centered": True, "momentum": 0.9, "weight_decay": 0.1}),
    ("Adagrad", {"lr": 0.1, "lr_decay": 0.01, "initial_accumulator_value": 0.1}),
    ("Adadelta", {"lr": 1.0}),
    ("Adadelta", {"weight_decay": 0.1, "maximize": True}),
]
SCHEDULES = [
    ("StepLR", {"step_size": 7, "gamma": 0.5}),
    ("MultiStepLR", {"milestones": [3, 9, 9, 40]}),
    ("ExponentialLR", {"gamma": 0.95}),
    ("CosineAnnealingLR", {"T_max": 13, "eta_min": 0.001}),
    ("OneCycleLR", {"max_lr": 0.1, "total_steps": 110}),
    (
        "OneCycleLR",
        {
            "max_lr": 0.1,
            "epochs": 11,
            "steps_per_epoch": 10,
            "three_phase": True,
            "anneal_strategy": "linear",
        },
    ),
    ("LambdaLR", {"lr_lambda": lambda epoch: 0.9**epoch}),
    ("LinearLR", {}),
    ("ConstantLR", {}),
    ("ReduceLROnPlateau", {"patience": 2, "factor": 0.5, "cooldown": 1}),
]


def train(library, make, schedule=None, dtype="float64", steps=100):
    """(parameters after each step, rate of each step, optimizer)"""
    rng = np.random.default_rng(0)
    params, aims = [], []
    for shape in ((3, 4), (5,), ()):
        start = rng.standard_normal(shape).astype(dtype)
        params.append(library.tensor(start).requires_grad_())
        aims.append(library.tensor(rng.standard_normal(shape).astype(dtype)))
    optimizer = make(library, params)
    plan = schedule(library, optimizer) if schedule else None
    passed, rates = [], []
    for step in range(steps):
        optimizer.zero_grad()
        loss = sum(
            ((p - aim) ** 2 * (1 + 0.3 * p.tanh())).sum() + p.sum() * float(np.sin(step))
            for p, aim in zip(params, aims, strict=True)
        )
        loss.backward()
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if plan is not None:
            plan.step(*[loss.item()] * ("Plateau" in type(plan).__name__))
        passed.append(np.concatenate([p.detach().numpy().ravel() for p in params]))
    return np.array(passed), np.array(rates), optimizer


@pytest.mark.parametrize(("name", "settings"), OPTIMIZERS)
def test_a_trajectory_of_100_steps_is_pytorch_s(name, settings):
    def make(library, params):
        return getattr(library.optim, name)(params, **settings)

    ours, _, optimizer = train(tg, make)
    theirs, _, other = train(torch, make)
    np.testing.assert_allclose(ours, theirs, rtol=1e-6)
    assert repr(optimizer) == repr(other)
    single, _, _ = train(tg, make, dtype="float32")
    scale = np.abs(theirs).max()
    np.testing.assert_allclose(single, train(torch, make, dtype="float32")[0], atol=1e-6 * scale)


@pytest.mark.parametrize("name", sorted({name for name, _ in OPTIMIZERS}))
def test_an_optimizer_has_pytorch_s_arguments(name):
    ours = inspect.signature(getattr(tg.optim, name)).parameters
    theirs = inspect.signature(getattr(torch.optim, name)).parameters
    assert [(p.name, p.kind, p.default) for p in ours.values()] == [
        (p.name, p.kind, p.default) for p in theirs.values()
    ]


@pytest.mark.parametrize("optimizer", ["SGD", "Adam"])
@pytest.mark.parametrize(("name", "settings"), SCHEDULES)
def test_a_schedule_is_pytorch_s(name, settings, optimizer):
    own = {"lr": 0.01, **({"momentum": 0.9} if optimizer == "SGD" else {})}

    def make(library, params):
        return getattr(library.optim, optimizer)(params, **own)

    def schedule(library, made):
        return getattr(library.optim.lr_scheduler, name)(made, **settings)

    ours, rates, _ = train(tg, make, schedule)
    theirs, others, _ = train(torch, make, schedule)
    np.testing.assert_allclose(rates, others, rtol=1e-12)
    np.testing.assert_allclose(ours, theirs, rtol=1e-6)


def test_schedules_in_sequence_are_pytorch_s():
    def schedule(library, made):
        plans = library.optim.lr_scheduler
        parts = [plans.LinearLR(made), plans.CosineAnnealingLR(made, 20)]
        return plans.SequentialLR(made, parts, [5])

    def make(library, params):
        return library.optim.SGD(params, lr=0.01)

    ours = train(tg, make, schedule, steps=40)[1]
    np.testing.assert_allclose(ours, train(torch, make, schedule, steps=40)[1], rtol=1e-12)


@pytest.mark.parametrize("name", ["SGD", "Adam", "RMSprop", "Adadelta"])
def test_pytorch_s_state_goes_on_here(name):
    settings = {"lr": 0.05, **({"momentum": 0.9} if name == "SGD" else {})}

    def make(library, params):
        return getattr(library.optim, name)(params, **settings)

    _, _, other = train(torch, make, steps=5)
    saved = other.state_dict()
    saved["state"] = {
        number: {
            key: tg.tensor(value.numpy()) if isinstance(value, torch.Tensor) else value
            for key, value in state.items()
        }
        for number, state in saved["state"].items()
    }
    params = [
        tg.tensor(p.detach().numpy()).requires_grad_() for p in other.param_groups[0]["params"]
    ]
    ours = make(tg, params)
    ours.load_state_dict(saved)
    for p, q in zip(params, other.param_groups[0]["params"], strict=True):
        p.grad, q.grad = tg.ones_like(p), torch.ones_like(q)
    ours.step()
    other.step()
    for p, q in zip(params, other.param_groups[0]["params"], strict=True):
        np.testing.assert_allclose(p.detach().numpy(), q.detach().numpy(), rtol=1e-12)
