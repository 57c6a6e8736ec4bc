"""Recurrent layers whose steps are one operation: values, gradients and gradients of those."""

from __future__ import annotations

import numpy as np
import pytest

import tritongrad as tg
from tritongrad.nn import recurrent

MODES = {"LSTM": 4, "GRU": 3, "RNN_TANH": 1, "RNN_RELU": 1}


def arguments(mode, dtype="float64", bias=True):
    """(given, weight, bias, state) for 3 steps, 2 sequences and 3 hidden numbers."""
    rng = np.random.default_rng(0)
    rows = 3 * MODES[mode]
    shapes = [(3, 2, rows), (rows, 3), *([(rows,)] * bias), *([(2, 3)] * (1 + (mode == "LSTM")))]
    made = [tg.tensor(rng.normal(size=s).astype(dtype)).requires_grad_() for s in shapes]
    return made[0], made[1], made[2] if bias else None, tuple(made[2 + bias :])


def outputs(function, mode, given, weight, bias, state):
    h, last = function(mode, given, weight, bias, state)
    return h, *last[1:]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("bias", [True, False])
def test_gradients_and_their_gradients_agree_with_differences(mode, bias):
    given, weight, b, state = arguments(mode, bias=bias)
    leaves = [t for t in (given, weight, b, *state) if t is not None]

    def function(given, weight, *rest):
        b, state = (rest[0], rest[1:]) if bias else (None, rest)
        return outputs(recurrent.all_steps, mode, given, weight, b, state)

    assert tg.autograd.gradcheck(function, leaves)
    assert tg.autograd.gradgradcheck(function, leaves)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_all_steps_at_once_are_the_steps_one_by_one(mode, dtype):
    rtol = 1e-5 if dtype == "float32" else 2e-2
    results = []
    for function in (recurrent.all_steps, recurrent.one_by_one):
        given, weight, bias, state = arguments(mode, dtype)
        found = outputs(function, mode, given, weight, bias, state)
        sum(t.square().sum() for t in found).backward()
        grads = [t.grad for t in (given, weight, bias, *state)]
        assert all(t.dtype is given.dtype for t in (*found, *grads))
        results.append([t.detach().numpy().astype(float) for t in (*found, *grads)])
    for one, other in zip(*results, strict=True):
        np.testing.assert_allclose(one, other, rtol=rtol, atol=rtol * np.abs(other).max())


def test_what_is_done_to_a_result_in_place_leaves_the_gradient_right():
    grads = []
    for changed in (False, True):
        tg.manual_seed(0)
        net = tg.nn.LSTM(3, 4)
        y, (_, c) = net(tg.ones(5, 2, 3))
        if changed:
            y.detach().zero_()
            c.detach().zero_()
        y.sum().backward()
        grads.append([p.grad.numpy() for p in net.parameters()])
    for one, other in zip(*grads, strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_last_cell_alone_has_a_gradient_and_a_second_backward_is_refused():
    net = tg.nn.LSTM(3, 4)
    cell = net(tg.ones(5, 2, 3))[1][1].sum()
    cell.backward()
    assert all(p.grad.abs().sum() > 0 for p in net.parameters())
    with pytest.raises(RuntimeError, match="second time"):
        cell.backward()
