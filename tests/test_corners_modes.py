"""What changes of the source showed untested: modes in backward, dirty marks, kinds of operands."""

from __future__ import annotations

import numpy as np
import pytest
from own_functions import Square

import tritongrad as tg


def leaf(*values):
    return tg.tensor(list(values), dtype=tg.float64, requires_grad=True)


def test_backward_records_only_for_create_graph_whatever_the_mode_outside():
    seen = []

    class Watched(Square):
        @staticmethod
        def backward(ctx, g):
            seen.append(tg.is_grad_enabled())
            return 2.0 * g * ctx.saved_tensors[0]

    for outside in (True, False):
        for create_graph in (True, False):
            x = leaf(1.0, 2.0)
            y = Watched.apply(x).sum()
            with tg.set_grad_enabled(outside):
                y.backward(create_graph=create_graph)
                assert tg.is_grad_enabled() is outside
            assert seen.pop() is create_graph
            assert x.grad.requires_grad is create_graph


def test_what_a_function_marks_dirty_is_no_longer_what_was_saved():
    class Double(tg.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            with tg.no_grad():
                x.mul_(2.0)
            ctx.mark_dirty(x)
            return x

        @staticmethod
        def backward(ctx, g):
            return 2.0 * g

    class Doubled(Double):
        @staticmethod
        def forward(ctx, x):
            x._array *= 2.0  # by other means than ours: the mark alone tells
            ctx.mark_dirty(x)
            return x

    for function in (Double, Doubled):
        x = leaf(1.0, 2.0)
        y = x * 1.0
        z = y.exp().sum() + (y * y).sum()
        function.apply(y)
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            z.backward()


def test_gradcheck_looks_at_floating_outputs_only():
    x = leaf(0.5, 1.5)
    assert tg.autograd.gradcheck(lambda t: (t * t, (t > 1.0).to(tg.int64), "text"), (x,))


def test_arrays_of_numpy_are_operands():
    x = leaf(1.0, 2.0)
    assert (x * np.array([3.0, 4.0])).tolist() == [3.0, 8.0]
    assert tg.add(x, np.array([3.0, 4.0])).tolist() == [4.0, 6.0]


def test_scalars_of_numpy_are_operands():
    x = leaf(1.0, 2.0)
    assert (x * np.float64(3.0)).tolist() == [3.0, 6.0]
    assert tg.add(x, np.float32(0.5)).tolist() == [1.5, 2.5]
    assert (x.float() * np.float32(2.0)).dtype == tg.float32


def test_a_switch_that_is_entered_later_switches_then():
    off = tg.set_grad_enabled(False)
    tg.set_grad_enabled(True)
    on = tg.set_grad_enabled(True)
    with off:
        assert not tg.is_grad_enabled() and not (leaf(1.0) * 2.0).requires_grad
        with on:
            assert tg.is_grad_enabled() and (leaf(1.0) * 2.0).requires_grad
    tg.set_grad_enabled(True)
