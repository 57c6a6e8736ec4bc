"""The usual calls go the quick ways: the general ones, which give the same, are not asked."""

from __future__ import annotations

import numpy as np
import pytest
from test_quick_devices import form, tensor  # noqa: F401  (form is a fixture)

import tritongrad as tg
from tritongrad.cpu import large
from tritongrad.op import REGISTRY
from tritongrad.testing import devices

LARGE = large.LARGE
NUMBERS = (2.0, 3)


def forbid(patch, *names):
    def refuse(*args, **kwargs):
        raise AssertionError(f"the general way: {names}")

    for name in names:
        patch.setattr(f"tritongrad.{name}", refuse)


def kinds(dtype, size=3):
    """A leaf, a tensor with a history, a view of one, and a constant."""
    x, y = (tg.full((size,), 0.5, dtype=dtype).requires_grad_() for _ in range(2))
    return x, y * 1.0, (y * 1.0)[:], tg.full((size,), 2.0, dtype=dtype)


@pytest.mark.parametrize("size", [3, LARGE - 1, LARGE])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_floats_of_one_type_are_not_prepared(monkeypatch, dtype, size):
    x, y = tg.ones(size, dtype=dtype), tg.ones(size, dtype=dtype)
    forbid(monkeypatch, "elementwise.run", "elementwise._elsewhere", "elementwise._bind")
    for result in (x + y, x - y, x * y, x / y, x + 2.0, x * 2, x.exp(), x.sin(), x.sqrt()):
        assert result.dtype is x.dtype and result.shape == (size,)
        pooled = hasattr(result._array.base, "pooled")
        assert pooled is (size * x.element_size() >= 1 << 16 and size >= LARGE)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_operands_that_fit_are_not_cast(monkeypatch, dtype):
    x, y = tg.full((3,), 0.5, dtype=dtype), tg.full((3,), 2.0, dtype=dtype)
    forbid(monkeypatch, "operands._array_of", "operands._cast", "operands.common_dtype")
    for call in (
        lambda: x.clamp(0.0, 1.0),
        lambda: x.clamp(y, 1),
        lambda: tg.where(x > y, x, y),
        lambda: tg.where(x > y, 1.0, y),
        lambda: tg.clamp(x, min=y),
        lambda: tg.add(x, y, alpha=2),
    ):
        assert call().dtype is x.dtype


USES = [
    lambda a, b: a + b,
    lambda a, b: a - b,
    lambda a, b: a * b,
    lambda a, b: b * a,
    lambda a, b: a * 2.0,
    lambda a, b: a * 3,
    lambda a, b: 1.0 - a,
    lambda a, b: a.exp(),
    lambda a, b: a.log(),
    lambda a, b: a.tanh(),
    lambda a, b: a.sqrt(),
    lambda a, b: a.sin(),
    lambda a, b: a.neg(),
]


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_recording_takes_a_plan_that_is_made_once(monkeypatch, dtype, use):
    pairs = [(a, b) for a in kinds(dtype) for b in kinds(dtype)]
    first = [use(a, b).grad_fn for a, b in pairs]
    forbid(monkeypatch, "autograd.quick.trace", "autograd.quick.save_all", "autograd.quick.Plan")
    for (a, b), before in zip(pairs, first, strict=True):
        after = use(a, b).grad_fn
        assert (after and after.plan) is (before and before.plan)
    with tg.no_grad():
        assert not any(use(a, b).requires_grad for a, b in pairs)


def test_an_update_of_a_parameter_is_not_prepared(monkeypatch):
    written = []
    real = large.store
    monkeypatch.setattr(large, "store", lambda *args: written.append(args) or real(*args))
    forbid(monkeypatch, "inplace.run_inplace")
    for dtype in ("float32", "float64"):
        for size in (3, LARGE - 1, LARGE):
            w = tg.ones(size, dtype=dtype).requires_grad_()
            g = tg.ones(size, dtype=dtype)
            with tg.no_grad():
                w.sub_(g * 0.5)
                w.mul_(0.5)
                w.add_(1)
                w.add_(w)
            g.add_(g)  # a constant: recording or not
            g.mul_(3)
            assert w[0].item() == 2.5 and g[-1].item() == 6.0
            assert len(written) == (6 if size >= LARGE else 0)
            with tg.no_grad():
                w.zero_()
            g.zero_()
            assert w[0].item() == g[-1].item() == 0.0
            written.clear()


def test_a_recorded_update_is_one_call_of_numpy(monkeypatch):
    written = []
    real = large.store
    monkeypatch.setattr(large, "store", lambda *args: written.append(args) or real(*args))
    forbid(monkeypatch, "inplace.prepare")
    for size in (3, LARGE - 1, LARGE):
        x = tg.ones(size, requires_grad=True)
        y = x * 1.0
        for other in (x, 2.0, 3):
            y.mul_(other)
        assert y[0].item() == 6.0 and len(written) == (3 if size >= LARGE else 0)
        written.clear()


def test_a_plan_of_a_device_takes_what_its_formula_needs(monkeypatch, form):  # noqa: F811
    x = tensor(form, 1.0, 2.0, leaf=True)
    clamp = REGISTRY["clamp_both"].entry
    plans = [clamp(x, 1.25, 1.5).grad_fn.plan, x.exp().grad_fn.plan, (x * 2.0).grad_fn.plan]
    forbid(monkeypatch, "autograd.quick.trace", "autograd.quick.save_all", "autograd.quick.Plan")
    forbid(monkeypatch, "elementwise._elsewhere")
    nodes = [clamp(x, 1.25, 1.5).grad_fn, x.exp().grad_fn, (x * 2.0).grad_fn]
    assert [n.plan for n in nodes] == plans
    assert [len(n.tensors) for n in nodes] == [3, 3, 0]
    assert [list(n.values) for n in nodes] == [[1.25, 1.5], [], [2.0]]
    assert nodes[0].tensors[0] is x._array and np.all(nodes[1].tensors[0].values > 2.0)


@pytest.mark.triton
def test_a_gradient_that_nobody_else_sees_is_kept_and_not_copied():
    where = []
    for place in devices():
        for size in (100, 100_000):
            x = tg.ones(size, device=place, requires_grad=True)
            x.register_hook(lambda g: where.append(g.data_ptr()))
            (x * 2.0).sum().backward()
            assert x.grad.data_ptr() == where.pop()


def test_elementwise_operations_are_neither_views_nor_lists():
    for op in REGISTRY.values():
        if op.elementwise is not None:
            assert not op.view and not op.variadic
