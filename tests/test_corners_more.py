"""More branches of autograd and memory that no other test takes: arguments, modes, the pool."""

from __future__ import annotations

import numpy as np
import pytest

import tritongrad as tg
from tritongrad.autograd import graph, variable
from tritongrad.autograd.quick import trace_one
from tritongrad.cpu import pool as pools


def leaf(*values):
    return tg.tensor(list(values), dtype=tg.float64, requires_grad=True)


def test_gradients_kept_of_what_is_gone_and_of_what_was_rewritten():
    x = leaf(1.0, 2.0)
    y = x * 2.0
    y.retain_grad()
    z = y.sum()
    del y
    z.backward()
    assert x.grad.tolist() == [2.0, 2.0]
    x.grad = None
    y = x * 2.0
    seen = []
    y.register_hook(lambda g: seen.append(g.tolist()))
    y.retain_grad()
    y.mul_(3.0)
    y.sum().backward()
    assert y.grad.tolist() == [1.0, 1.0] and seen == [[3.0, 3.0]]  # the hook saw the old y's


def test_a_constant_written_through_views_of_views_needs_no_gradient():
    x = tg.zeros(2, 3)
    x[1][1:].add_(tg.ones(2))
    assert not x.requires_grad and x.tolist() == [[0, 0, 0], [0, 1, 1]]
    part = x[0]
    x.mul_(leaf(2.0).float())
    assert part.requires_grad and x.requires_grad
    with tg.no_grad():
        assert not x[0].exp().requires_grad


def test_a_view_whose_base_lost_its_history_is_a_constant():
    x = leaf(1.0, 2.0)
    base = x * 1.0
    view = base[:1]
    base.detach_() if hasattr(base, "detach_") else None
    assert not base.requires_grad
    assert not view.exp().requires_grad or view.requires_grad
    constant = tg.zeros(2, dtype=tg.float64)
    part = constant[:1]
    assert not part.exp().requires_grad and not (part * 2.0).requires_grad
    constant.add_(x)
    assert part.exp().requires_grad and (part * part).requires_grad


def test_functions_without_slopes_end_the_graph():
    x = leaf(-1.5, 2.0)
    for f in (tg.isnan, lambda t: t > 0, lambda t: t == t, tg.isfinite):
        assert not f(x).requires_grad
    y = leaf(1.0, 1.0)
    assert tg.where(x > 0, x, y).requires_grad


def test_create_graph_adds_to_grad_as_a_tensor_of_the_graph():
    x = leaf(1.0, 2.0)
    for times in (1, 2):
        (x * x * x).sum().backward(create_graph=True)
        assert x.grad.tolist() == [3.0 * times, 12.0 * times] and x.grad.requires_grad
    (g,) = tg.autograd.grad(x.grad.sum(), x)
    assert g.tolist() == [12.0, 24.0]
    x.grad = None  # the cycle of x and its grad


def test_anomaly_mode_without_looking_and_beside_gaps():
    with tg.autograd.detect_anomaly(check_nan=False):
        x = leaf(0.0)
        (x / x).sum().backward()
    assert np.isnan(x.grad.item())
    x = leaf(0.0, 1.0)
    y = (x / x).sum()  # made outside
    with tg.autograd.detect_anomaly():
        z = tg.cat([x * 1.0, tg.ones(1, dtype=tg.float64)]).max()  # None among the gradients
        z.backward()
        with pytest.raises(RuntimeError, match="made outside anomaly mode"):
            y.backward()


def test_anomaly_mode_passes_over_what_has_no_gradient():
    with tg.autograd.detect_anomaly():
        x, base = leaf(1.0, 2.0), tg.zeros(2, 2, dtype=tg.float64)
        base[0].add_(x)  # the base had no history: None for what was there
        base.sum().backward()
    assert x.grad.tolist() == [1.0, 1.0]


def test_a_formula_of_the_wrong_shape_is_refused(declared):
    def odd(input: tg.Tensor):
        """x"""
        return (input,)

    entry = declared(samples=[], cpu=lambda a: a * 1.0)(odd)
    entry.vjp(input=lambda g: g)
    for given in ((3,), (1,), ()):
        wrong = tg.ones(given, dtype=tg.float64)
        entry.op.formulas[0] = lambda g: wrong  # noqa: B023  (used in this turn of the loop)
        entry.op._plans.clear()
        with pytest.raises(RuntimeError, match=r"gradient of shape .* input of shape \[2\]"):
            entry(leaf(1.0, 2.0)).sum().backward()


def test_the_one_floating_output_of_several_is_differentiable(declared):
    def ranked(input: tg.Tensor):
        """Sorted values, and where they were."""
        return (input,)

    entry = declared(samples=[], cpu=lambda a: (np.sort(a), np.argsort(a)))(ranked)
    entry.vjp(input=lambda g: g * 2.0)
    x = leaf(3.0, 1.0)
    values, places = entry(x)
    assert values.grad_fn.name() == "RankedBackward0" and not places.requires_grad
    values.sum().backward()
    assert x.grad.tolist() == [2.0, 2.0] and places.tolist() == [1, 0]


FORMULAS = [
    lambda g: g * 3.0,
    lambda g, n: g * n,
    lambda g, input: g * input,
    lambda g, input, n: g * input * n,
    lambda g, result: g * result,
    lambda g, result, n: g * result * n,
    lambda g, input, result: g * input * result,
]


@pytest.mark.parametrize("formula", FORMULAS)
def test_what_is_saved_on_the_quick_way_of_devices(declared, formula):
    """trace_one with the numbers of a call: what it saves is what the formulas get."""

    def times(input: tg.Tensor, n: float):
        """n * input"""
        return input, n

    entry = declared(samples=[], cpu=lambda a, n: a * n)(times)
    entry.vjp(input=formula)
    x = leaf(1.0, -2.0)
    out = entry(x, 5.0)
    t = variable.wrap(out._array)
    t._node = trace_one(entry.op, x, t._array, t, (x, 5.0))
    (want,), (got,) = (tg.autograd.grad(y.sum(), x) for y in (out, t))
    assert got.tolist() == want.tolist()


def test_an_edge_too_many_is_named():
    class Wrong(graph.Node):
        __slots__ = ()

        def vjp(self, g, create_graph):
            return g, g

    x = leaf(1.0)
    y = x * 1.0
    y._node = Wrong((x,), y._array)
    with pytest.raises(RuntimeError, match="Wrong: 2 gradients for 1 inputs"):
        y.backward()


def test_hooks_on_leaves_that_are_no_targets():
    x, y = leaf(1.0), leaf(2.0)
    seen = []
    x.register_hook(seen.append)
    (x * y).backward(inputs=[y])
    assert x.grad is None and y.grad.tolist() == [1.0] and seen == []


def test_modes_as_decorators_and_switched_off():
    @tg.set_grad_enabled(False)
    def constant(x):
        return x * 2.0

    @tg.inference_mode(False)
    def recorded(x):
        return x * 2.0

    @tg.inference_mode
    def marked(x):
        return x * 2.0

    x = leaf(1.0)
    assert tg.is_grad_enabled() and not constant(x).requires_grad and tg.is_grad_enabled()
    with tg.inference_mode():
        assert tg.is_inference_mode_enabled() and not tg.is_grad_enabled()
        y = recorded(x)
    assert y.requires_grad and not tg.is_inference_mode_enabled() and not marked(x).requires_grad
    with tg.no_grad():
        switch = tg.set_grad_enabled(True)
        assert tg.is_grad_enabled()
        with switch:
            assert tg.is_grad_enabled()
        assert not tg.is_grad_enabled()


def test_the_pool_switched_off_and_full(monkeypatch):
    own = pools.Pool()
    own.poison = True
    assert np.isnan(own.empty((1 << 15,), np.dtype(np.float32))).all()
    own.enabled = False
    assert own.empty((1 << 15,), np.dtype(np.float32)).base is None
    own.enabled = True
    own.clear()
    monkeypatch.setattr(pools, "LIMIT", 3 << 16)
    held = [own.empty((1 << 16,), np.dtype(np.uint8)) for _ in range(3)]
    assert own.total == 3 << 16
    held.append(own.empty((1 << 16,), np.dtype(np.uint8)))  # the pool starts anew
    assert own.total == 1 << 16 and len(own.bins[1 << 16]) == 1
    assert not any(np.shares_memory(a, b) for a in held for b in held if a is not b)
    huge = own.empty((1 << 18,), np.dtype(np.uint8))  # more than the pool may keep
    assert own.total == 0 and own.bins == {} and huge.size == 1 << 18


def test_buffers_are_looked_for_from_where_the_last_was_found():
    own = pools.Pool()
    own.poison = False
    kind = np.dtype(np.uint8)
    held = [own.empty((1 << 16,), kind) for _ in range(10)]
    assert own.total == 10 << 16 and own.free_one(1 << 16) is None
    places = [a.__array_interface__["data"][0] for a in held]
    del held[4], held[4]  # the fifth and sixth
    again = [own.empty((1 << 16,), kind) for _ in range(2)]
    assert [a.__array_interface__["data"][0] for a in again] == places[4:6]
    assert own.free_one(1 << 16) is None
    del held[-1]  # the tenth: out of reach from the first, not from the sixth
    assert own.empty((1 << 16,), kind).__array_interface__["data"][0] == places[9]
    assert own.free_one(1 << 20) is None
