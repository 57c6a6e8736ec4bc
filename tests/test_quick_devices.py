"""The quick way of elementwise operations on a device, with plans that are NumPy's functions."""

from __future__ import annotations

import numpy as np
import pytest

import tritongrad as tg
from tritongrad.autograd.modes import off
from tritongrad.autograd.variable import INFERENCE, LEAF, version_of, wrap
from tritongrad.op import REGISTRY

FLOAT32 = np.dtype(np.float32)


class Form:
    """What operands of one device, shape and dtype have in common: plans by operation."""

    def __init__(self) -> None:
        self.same, self.number, self.mixed = {}, {}, {}


class Away:
    """An array of a device that has plans only."""

    shape, dtype, ndim, size = (2,), FLOAT32, 1, 2
    storage = None

    def __init__(self, values, form):
        self.values, self.form = np.asarray(values, np.float32), form


@pytest.fixture
def form():
    form = Form()
    for name, function in (("exp", np.exp), ("add", np.add), ("mul", np.multiply)):

        def plan(a, b=None, function=function):
            form.calls += 1
            values = (a.values,) if b is None else (a.values, getattr(b, "values", b))
            return Away(function(*values), form)

        form.same[REGISTRY[name]] = form.number[REGISTRY[name]] = plan
    form.number[REGISTRY["clamp_both"]] = lambda a, lo, hi: Away(np.clip(a.values, lo, hi), form)
    form.same[REGISTRY["tanh"]] = lambda a: None  # a plan that refuses
    form.calls = 0
    return form


def tensor(form, *values, leaf=False):
    t = wrap(Away(values, form), LEAF if leaf else None)
    if leaf:
        version_of(t)  # every leaf has one
    return t


def test_plans_are_used_and_their_results_are_plain_tensors(form):
    x, y = tensor(form, 1.0, 2.0), tensor(form, 3.0, 5.0)
    for result, want in ((x.exp(), np.exp([1.0, 2.0])), (x + y, [4, 7]), (x * 2.0, [2, 4])):
        assert type(result) is tg.Tensor and type(result._array) is Away
        np.testing.assert_allclose(result._array.values, want, 1e-6)
        assert result._node is None and getattr(result, "_version", None) is None
    assert form.calls == 3
    assert REGISTRY["clamp_both"].entry(x, 1.25, 1.5)._array.values.tolist() == [1.25, 1.5]


def test_results_by_plans_are_recorded(form):
    x, y = tensor(form, 1.0, 2.0, leaf=True), tensor(form, 3.0, 5.0)
    for result, name in ((x.exp(), "Exp"), (x + y, "Add"), (y * x, "Mul"), (x * 2.0, "Mul")):
        assert result.requires_grad and result._node.name() == f"{name}Backward0"
        assert result._node.edges == (x,)
    clamped = REGISTRY["clamp_both"].entry(x, 1.25, 1.5)
    assert clamped._node.name() == "ClampBothBackward0" and clamped._node.edges == (x,)
    off.append(0)  # a thread somewhere does not record
    try:
        for result in (x.exp(), x + y, y * x, REGISTRY["clamp_both"].entry(x, 1.25, 1.5)):
            assert result._node is not None and result._node.edges == (x,)
    finally:
        off.pop()
    with tg.no_grad():
        for result in (x.exp(), x + y, y * x, REGISTRY["clamp_both"].entry(x, 1.25, 1.5)):
            assert result._node is None and getattr(result, "_version", None) is None
    with tg.inference_mode():
        for result in (x.exp(), x + y, y * x, REGISTRY["clamp_both"].entry(x, 1.25, 1.5)):
            assert result._node is None
            assert result._version is INFERENCE


@pytest.mark.parametrize("call", [
    lambda x, away: x.tanh(),  # its plan refuses
    lambda x, away: x.sin(),  # there is none
    lambda x, away: x - x,
    lambda x, away: x - 1.0,
    lambda x, away: x + True,  # a bool is no number of a plan
    lambda x, away: x + away,
    lambda x, away: REGISTRY["clamp_both"].entry(x, 1.0, away),
    lambda x, away: REGISTRY["where"].entry(x, 1.0, 2.0),
])  # fmt: skip
def test_without_a_plan_the_general_way_is_asked(form, call, monkeypatch):
    asked = []
    monkeypatch.setattr("tritongrad.elementwise._elsewhere", lambda op, args: asked.append(op.name))
    call(tensor(form, 1.0, 2.0), tensor(Form(), 1.0, 2.0))
    assert len(asked) == 1 and form.calls == 0
