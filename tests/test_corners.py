"""Branches of autograd, dispatch and memory that no other test takes: each is right as well."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

import tritongrad as tg
from tritongrad import op as op_module
from tritongrad.autograd import Function, gradcheck, graph, variable
from tritongrad.autograd.functional import jacobian, vjp
from tritongrad.op import REGISTRY

needs_triton = pytest.mark.skipif(importlib.util.find_spec("triton") is None, reason="no Triton")


def leaf(*values):
    return tg.tensor(list(values), dtype=tg.float64, requires_grad=True)


def test_names_and_ends_of_edges_are_shown():
    x = leaf(1.0, 2.0)
    y = (x * 2.0).sum()
    assert repr(variable.LEAF) == "LEAF" and repr(y.grad_fn) == "<SumBackward1>"
    (product, number), (end, _) = y.grad_fn.next_functions[0], (None, 0)
    assert (product.name(), number) == ("MulBackward0", 0)
    end, number = product.next_functions[0]
    assert number == 0
    assert end.name() == "AccumulateGrad" and repr(end) == "<AccumulateGrad>"
    assert end.variable is x and end.next_functions == ()
    node = graph.Node((), x._array)
    assert node.name() == "Node" and node.release() is None
    with pytest.raises(NotImplementedError):
        node.vjp(x, False)


def test_an_operation_of_several_floating_outputs(declared):
    def both(input: tg.Tensor):
        """2 x and x**2"""
        return (input,)

    entry = declared(samples=[], cpu=lambda a: (a * 2.0, a * a, np.float64(3.0)))(both)
    entry.vjp(input=lambda g, input: 2.0 * g[0] + 2.0 * input * g[1])
    x = leaf(1.0, 3.0)
    a, b, c = entry(x)
    assert a.grad_fn.name() == b.grad_fn.name() == c.grad_fn.name() == "BothBackward0"
    assert a.grad_fn.next_functions[0][0].variable is x
    assert (a + b).sum().grad_fn.next_functions[0][0].next_functions[1] == (b.grad_fn.parent, 1)
    (a + b).sum().backward(retain_graph=True)
    assert x.grad.tolist() == [4.0, 8.0]
    (g,) = tg.autograd.grad(b.sum(), x, retain_graph=True)  # zeros where none came
    assert g.tolist() == [2.0, 6.0]
    (g,) = tg.autograd.grad(a.sum(), x, create_graph=True)
    assert g.tolist() == [2.0, 2.0]
    a, b, c = entry(x.detach())
    assert not a.requires_grad and c.item() == 3.0
    with tg.inference_mode():
        made = entry(x)
    for t in made:
        with pytest.raises(RuntimeError, match="Inference tensors"):
            t * x[0] * t


def test_an_operation_of_several_whole_outputs_records_nothing(declared):
    def places(input: tg.Tensor):
        """Where it is positive, and where it is not."""
        return (input,)

    entry = declared(samples=[], cpu=lambda a: [a > 0, a <= 0])(places)
    entry.vjp(input=lambda g: g)
    a, b = entry(leaf(1.0, -1.0))
    assert a.tolist() == [True, False] and not a.requires_grad and not b.requires_grad


def test_a_busy_shared_context_is_replaced_by_the_threads_own(declared):
    def inner(input: tg.Tensor):
        """log(0 x), computed by an operation inside an operation"""
        return (input,)

    def kernel(a):
        return (tg.from_numpy(a) * 0.0).sum(0, keepdim=True).log().numpy()

    entry = declared(samples=[], cpu=kernel)(inner)
    with np.errstate(all="raise"):
        assert entry(tg.ones(2)).tolist() == [-np.inf]

    def failing(input: tg.Tensor):
        """Fails."""
        return (input,)

    calls = []

    def fails(a):
        calls.append(a)
        raise RuntimeError("of its own")

    with pytest.raises(RuntimeError, match="of its own"):
        declared(samples=[], cpu=fails)(failing)(tg.ones(2))
    assert len(calls) == 1  # not tried again


def test_views_and_lists_of_what_are_no_tensors_are_refused():
    with pytest.raises(TypeError, match="list of Tensors, got float in it"):
        REGISTRY["cat"].call([tg.ones(2), 3.0], 0)
    with pytest.raises(TypeError, match=r"permute: argument 'input' must be a Tensor, got list"):
        op_module.apply_view(REGISTRY["permute"], ([[1.0]], (0, 1)))
    with pytest.raises(TypeError, match=r"mm.*must be a Tensor, got list"):
        REGISTRY["mm"].call([[1.0]], tg.ones(1, 1), "highest")


def test_results_that_are_saved_and_written_in_place():
    x = leaf(0.5, 1.0)
    y = x * 1.0
    y.exp_()
    y.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), np.exp([0.5, 1.0]), rtol=1e-15)
    y = x * 1.0
    y.exp_()
    (y * 2.0).sum().backward()  # saves nothing of y
    y = x * 1.0
    z = y.exp_() * y
    with pytest.raises(RuntimeError, match="modified by an inplace"):
        y.mul_(2.0)
        z.sum().backward()


def test_integers_as_the_end_of_a_graph():
    x = leaf(1.0)
    x.data = tg.ones(1, dtype=tg.int64)
    with pytest.raises(RuntimeError, match=r"only floating tensors have gradients.*int64"):
        x.backward()


def test_arguments_of_grad():
    x, y = leaf(1.0), leaf(2.0)
    with pytest.raises(ValueError, match="materialize_grads=True needs allow_unused"):
        tg.autograd.grad(x * 1.0, [x, y], materialize_grads=True, allow_unused=False)
    with pytest.raises(RuntimeError, match="got 1 tensors and 2 gradients"):
        tg.autograd.grad(x * 1.0, x, [x, x])
    got = tg.autograd.grad(x * 3.0, [x, y], materialize_grads=True)
    assert [g.tolist() for g in got] == [[3.0], [0.0]]


def test_what_only_functions_of_ones_own_do():
    class Flags(Function):
        @staticmethod
        def forward(ctx, x, flag):
            ctx.save_for_backward(x)
            assert ctx.saved_tensors[0] is x  # before there is a Node
            ctx.flag = flag
            if flag == "whole":
                return x.detach() > 0
            ctx.mark_dirty(x)
            return x.mul_(2.0)

        @staticmethod
        def backward(ctx, g):
            return g * 2.0, None

    x = leaf(1.0, 2.0)
    assert Flags.apply(x * 1.0, "whole").tolist() == [True, True]  # nothing to differentiate
    t = tg.ones(2)
    assert Flags.apply(t, "float") is t and t._version_count >= 1
    y = Flags.apply(x * 1.0, "float")
    assert y.grad_fn.flag == "float"
    assert not hasattr(graph.Node.__new__(type(y.grad_fn)), "ctx")
    with pytest.raises(AttributeError):
        y.grad_fn.nothing_of_this_name  # noqa: B018
    with tg.inference_mode():
        kept = tg.ones(2, dtype=tg.float64)

    class Same(Function):
        @staticmethod
        def forward(ctx, x, other):
            return other

        @staticmethod
        def backward(ctx, g):
            return g, None

    out = Same.apply(x, kept)
    assert out.requires_grad and out.grad_fn.name() == "SameBackward"
    with pytest.raises(RuntimeError, match="Inference tensors"):
        out.mul_(2.0)


@pytest.mark.triton
@needs_triton
def test_a_function_whose_gradient_is_on_another_device():
    class Away(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2.0

        @staticmethod
        def backward(ctx, g):
            return tg.ones(2, device="interpret")

    with pytest.raises(RuntimeError, match="expected device cpu but got interpret"):
        Away.apply(tg.ones(2, requires_grad=True)).sum().backward()
    x = tg.ones(2, dtype=tg.float64, device="interpret", requires_grad=True)
    assert gradcheck(lambda x: x * x, x)


def test_inputs_of_derivatives_are_tensors_and_may_be_independent():
    with pytest.raises(TypeError, match="vjp: inputs must be Tensors, got int at 1"):
        vjp(lambda x, n: x * n, (tg.ones(2), 3), tg.ones(2))
    y = tg.ones(2)
    assert jacobian(lambda x: y, tg.ones(2)).tolist() == [[0.0, 0.0]] * 2
    x = leaf(1.0, 2.0)
    given = tg.ones(2, dtype=tg.float64, requires_grad=True)
    assert tg.autograd.gradgradcheck(lambda x: x * x * x, x, given)


def test_second_derivatives_of_what_is_on_a_path_of_its_own():
    """A leaf whose array was exchanged after it was saved has the history it had."""
    x = leaf(1.0, 2.0)
    y = (x * x).sum()
    x.data = tg.tensor([5.0, 6.0], dtype=tg.float64)
    (g,) = tg.autograd.grad(y, x, create_graph=True)
    assert g.tolist() == [2.0, 4.0]
    (h,) = tg.autograd.grad(g.sum(), x)
    assert h.tolist() == [2.0, 2.0]
