"""Declaring operations, choosing kernels, in-place forms: what the generated tests do not say."""

from __future__ import annotations

import importlib.util
import inspect

import numpy as np
import pytest

import tritongrad as tg
from tritongrad import calling, inplace
from tritongrad.autograd.record import RESULT
from tritongrad.op import REGISTRY

needs_triton = pytest.mark.skipif(importlib.util.find_spec("triton") is None, reason="no Triton")
elsewhere = [needs_triton, pytest.mark.triton]


def twice(input: tg.Tensor, times: int = 2):
    """times * input"""
    return input, times


def test_a_declaration_is_read_from_the_signature(declared):
    entry = declared(samples=[1], cpu=lambda a, n: a * n)(twice)
    made = entry.op
    assert REGISTRY["twice"] is made and made.entry is entry and made.function is twice
    assert (made.name, made.group, made.node_name) == ("twice", "test_op", "TwiceBackward0")
    assert (made.parameters, made.required) == (["input", "times"], (0,)) or made.required == ()
    assert (made.samples, made.view, made.variadic, made.elementwise) == ([1], False, False, None)
    assert made.formulas == {} and made.differentiable == () and not made.saves_first
    assert entry(tg.ones(2)).tolist() == [2.0, 2.0]
    assert entry(tg.ones(2), times=3).tolist() == [3.0, 3.0]
    assert entry(tg.ones(2), out=tg.zeros(2)).tolist() == [2.0, 2.0]
    assert made.call(tg.ones(2), 5).tolist() == [5.0, 5.0]
    assert not entry(tg.ones(2, requires_grad=True)).requires_grad
    with pytest.raises(ValueError, match="op: twice is declared twice"):
        declared(samples=[], cpu=abs)(twice)
    with pytest.raises(TypeError, match=r"twice.*'more'.*input, times"):
        entry(tg.ones(2), more=1)


def test_a_formula_names_arguments_shapes_or_the_result(declared):
    def scaled(input, factor, other_shape):
        """factor * input"""
        return input, factor, other_shape

    entry = declared(samples=[], cpu=lambda a, f, s: a * f)(scaled)
    made = entry.op
    assert made.resolve("input") == (0, "value") and made.resolve("factor") == (1, "value")
    assert made.resolve("result") == (RESULT, "value") and RESULT == -1
    assert made.resolve("input_shape") == (0, "shape")
    assert made.resolve("other_shape") == (2, "value")  # an argument of this name comes first
    for wrong in ("inputs", "result_shape", "other", "shape", "inputs_shape"):
        with pytest.raises(ValueError, match=rf"scaled.vjp: no argument is called '{wrong}'"):
            made.resolve(wrong)
    with pytest.raises(ValueError, match=r"scaled.vjp: no argument is called 'size'"):
        entry.vjp(input=lambda g, size: g)
    with pytest.raises(ValueError, match="'size' is not in list"):
        entry.vjp(size=lambda g: g)
    entry.vjp(input=lambda g, factor: g * factor)
    assert made.differentiable == (0,) and not made.saves_first
    x = tg.ones(2, requires_grad=True)
    y = entry(x, 3.0, ())
    assert y.grad_fn.name() == "ScaledBackward0" and y.grad_fn.op is made
    y.sum().backward()
    assert x.grad.tolist() == [3.0, 3.0]
    assert REGISTRY["exp"].saves_first is False and REGISTRY["sin"].saves_first is True
    assert REGISTRY["mul"].saves_first is True and REGISTRY["add"].saves_first is False


def test_a_joint_formula_serves_where_several_gradients_are_wanted(declared):
    def summed3(input, other, third):
        """input + 2 other + 3 third"""
        return input, other, third

    def one(g):
        raise AssertionError("an only gradient comes from its own formula")

    entry = declared(samples=[], cpu=lambda a, b, c: a + 2 * b + 3 * c)(summed3)
    entry.vjp(lambda g: [g, g * 2.0, g * 3.0], input=one, other=lambda g: g * 20.0, third=one)
    for needed, factors in ((0b111, (1, 2, 3)), (0b101, (1, 3)), (0b110, (2, 3)), (0b010, (20,))):
        a = [tg.ones(2, requires_grad=bool(needed >> i & 1)) for i in range(3)]
        entry(*a).sum().backward()
        assert [t.grad.tolist() for t in a if t.requires_grad] == [[f, f] for f in factors]


def test_only_tensors_that_need_gradients_have_edges():
    a, b = tg.ones(2, requires_grad=True), tg.full((2,), 3.0)
    for x, y, edges in ((a, b, [a]), (b, a, [a]), (a, a, [a, a])):
        for z in (x * y, tg.where(tg.tensor([True, False]), x, y), tg.maximum(x, y)):
            assert [e for e in z.grad_fn.edges if e is not None] == edges
    assert (b * b).grad_fn is None and (b * 2.0).grad_fn is None
    (g,) = tg.autograd.grad((a * 2.0 + b * a).sum(), a)
    assert g.tolist() == [5.0, 5.0]


@pytest.mark.parametrize("mode", ["no_grad", "inference_mode"])
def test_results_under_a_mode_are_not_recorded(mode):
    x = tg.rand(4, 4, requires_grad=True)
    with getattr(tg, mode)():
        results = [
            x * 2.0,
            x * x,
            x.exp(),
            x.sum(),
            x.T,
            x[0],
            tg.where(x > 0, x, 0.0),
            x.max(0)[0],
        ]
        results += [2.0 * x, x.clamp(0.0, 1.0), x.topk(2)[0] if hasattr(x, "topk") else x.sort()[0]]
        results += [tg.cat([x, x]), x.to(tg.float64) + 1]
    for r in results:
        assert not r.requires_grad and r.grad_fn is None
        if mode == "inference_mode":
            with pytest.raises(RuntimeError, match=r"Inference tensors.*clone"):
                (x[0, 0] * r).sum().backward() if r.ndim else (x * r)
        else:
            (x[0, 0] * r).sum().backward()


def test_what_is_not_a_tensor_is_named():
    x = tg.ones(3)
    cases = [
        (lambda: tg.sum(3.0), "sum", "float"),
        (lambda: tg.mm(x.reshape(1, 3), [1.0]), "mm", "list"),
        (lambda: tg.cat([x, None]), "cat", "NoneType"),
        (lambda: tg.exp("x"), "exp", "str"),
        (lambda: tg.add(x, object()), "add", "object"),
        (lambda: tg.where(x > 0, x, "y"), "where", "str"),
        (lambda: tg.transpose([[1.0]], 0, 1), "transpose", "list"),
    ]
    for call, name, kind in cases:
        with pytest.raises(TypeError) as caught:
            call()
        assert name in str(caught.value) and kind in str(caught.value), caught.value
    with pytest.raises(TypeError, match="add: at least one argument must be a Tensor"):
        tg.add(1, 2)
    with pytest.raises(TypeError, match=r"mul\(\) takes no alpha; add\(\) and sub\(\) do"):
        tg.mul(x, x, alpha=2)
    for call in (lambda: tg.mul(x), lambda: tg.mul(x, x, x), lambda: tg.mul(x, x, y=1)):
        with pytest.raises(TypeError, match="mul"):
            call()


def test_alpha_and_names_of_arguments():
    x, y = tg.tensor([1.0, 2.0]), tg.tensor([10.0, 20.0])
    assert tg.add(x, y, alpha=2).tolist() == [21.0, 42.0]
    assert tg.sub(x, y, alpha=0.5).tolist() == [-4.0, -8.0]
    assert tg.add(x, y, alpha=1).tolist() == [11.0, 22.0]
    assert tg.sub(x, other=y).tolist() == [-9.0, -18.0]
    assert tg.sub(input=x, other=y).tolist() == [-9.0, -18.0]
    out = tg.zeros(2)
    assert tg.sub(x, y, out=out) is out and out.tolist() == [-9.0, -18.0]
    assert x.clone().add_(y, alpha=3).tolist() == [31.0, 62.0]
    assert x.clone().sub_(other=y).tolist() == [-9.0, -18.0]
    assert x.clone().add_(y, alpha=1).tolist() == [11.0, 22.0]
    assert x.clone().clamp_(min=1.5).tolist() == [1.5, 2.0]
    assert tg.sum(tg.ones(2, 3), axis=1, keepdims=True).tolist() == [[3.0], [3.0]]
    with pytest.raises(TypeError, match="alpha"):
        x.clone().mul_(y, alpha=3)
    assert inspect.signature(tg.Tensor.mul_).parameters.keys() == {"input", "other"}
    assert tg.Tensor.mul_.__name__ == "mul_" and tg.Tensor.mul_.op is REGISTRY["mul"]
    assert "In-place form of `mul`" in str(tg.Tensor.mul_.__doc__)
    with pytest.raises(TypeError, match="mul_: argument 'input' must be a Tensor, got float"):
        tg.Tensor.mul_(3.0, 2.0)


def test_views_of_overlapping_memory_are_found():
    f = inplace.overlaps_itself
    x = np.zeros((4, 6), np.float32)
    for free in (x, x.T, x[::2, ::3], x[::-1], x[:, :0], x[2:3].T, x[1, 1], x[:, 2:4]):
        assert not f(free), free.strides
    windows = np.lib.stride_tricks.as_strided
    for shape, strides in (((3,), (0,)), ((3, 4), (4, 4)), ((3, 2), (4, 4)), ((2, 2), (8, 4))):
        overlapping = strides != (8, 4)
        assert f(windows(x, shape, strides)) == overlapping
    assert not f(windows(x, (1, 3), (0, 4))) and not f(windows(x, (3, 1), (4, 0)))
    assert f(windows(x, (2, 3), (8, 4))) and not f(windows(x, (2, 3), (12, 4)))


def test_a_refused_write_changes_nothing_and_counts_nothing():
    x = tg.arange(6.0).reshape(2, 3)
    for call in (
        lambda: x.add_(tg.ones(4)),
        lambda: x.add_(tg.ones(2, 2, 3)),
        lambda: x.mul_("2"),
        lambda: x.copy_(tg.ones(7)),
        lambda: x[:, :1].expand(2, 3).zero_(),
    ):
        with pytest.raises((RuntimeError, TypeError)):
            call()
        assert x.tolist() == [[0, 1, 2], [3, 4, 5]] and x._version_count == 0
    assert x.add_(tg.ones(3)) is x and x._version_count == 1
    x.mul_(2.0)
    with tg.no_grad():
        x[0].zero_()
    assert x._version_count == 3 and x.tolist() == [[0, 0, 0], [8, 10, 12]]


def test_operands_that_overlap_the_target_are_read_before_it_is_written():
    x = tg.arange(5.0)
    x[1:].add_(x[:-1])
    assert x.tolist() == [0, 1, 3, 5, 7]
    y = tg.arange(4.0).reshape(2, 2)
    y.sub_(y.T)
    assert y.tolist() == [[0, -1], [1, 0]]
    z = tg.arange(3.0)
    z.mul_(z[0:1] + 2.0).add_(z[2])
    assert z.tolist() == [4, 6, 8]


def test_devices_are_asked_for_by_name_in_the_error():
    class Other:
        device = "moon:0"

    a = tg.ones(2)
    error = calling.device_mismatch("add", (a, 3, None))
    assert "add: expected all tensors to be on the same device" in str(error)
    assert "cpu" in str(error) and ".to(device)" in str(error)


@pytest.mark.triton
@needs_triton
def test_each_kind_of_operation_finds_its_kernel_on_another_device():
    x = tg.arange(6.0, device="interpret").reshape(2, 3).requires_grad_()
    results = [x * 2.0, x.sum(1), x.T, x[:, 1], tg.cat([x, x]), x.max(1)[0], x.softmax(1)]
    host = x.detach().cpu()
    wants = [host * 2, host.sum(1), host.T, host[:, 1], tg.cat([host, host]), host.max(1)[0]]
    for got, want in zip(results, [*wants, host.softmax(1)], strict=True):
        np.testing.assert_allclose(got.detach().cpu().numpy(), want.numpy(), 1e-6)
        assert got.requires_grad and got.device.type == "interpret"
    y = x.detach().clone()
    y.mul_(2.0).add_(y).copy_(y[0])
    assert y.cpu().tolist() == [[0, 4, 8], [0, 4, 8]]
    y[1:].sub_(y[:1])
    assert y.cpu().tolist() == [[0, 4, 8], [0, 0, 0]]
    y.copy_(host)  # from the CPU
    assert host.clone().copy_(y).tolist() == host.tolist() == y.cpu().tolist()
    y.fill_(tg.tensor(3.0, device="interpret"))
    assert y.zero_().cpu().tolist() == [[0, 0, 0]] * 2
    assert (y + tg.tensor(2.0)).cpu().tolist() == [[2, 2, 2]] * 2  # a 0-d CPU tensor is a number
    for call in (
        lambda: x + host,
        lambda: y.add_(host),
        lambda: tg.where(host > 0, x, x),
        lambda: tg.mm(x, host.T),
        lambda: tg.cat([host, y]),
        lambda: y.masked_fill_(host > 0, 1.0),
        lambda: host.clone().scatter_(1, y.long(), 1.0),
    ):
        with pytest.raises(RuntimeError, match=r"same device.*cpu.*interpret.*\.to\(device\)"):
            call()


def test_a_busy_context_of_numpy_is_no_error():
    """A kernel that runs an operation itself, and one that warns."""
    from tritongrad.autograd.modes import quiet, shared_quiet

    x = tg.tensor([0.0, -1.0, 1e38])
    for call in (lambda: x.log(), lambda: x * x, lambda: x.sum(), lambda: x.log_softmax(0)):
        with np.errstate(all="raise"):
            want = call().tolist()
            assert repr(shared_quiet(call).tolist()) == repr(want)
            assert repr(quiet(call).tolist()) == repr(want)
    with pytest.raises(RuntimeError, match="mine"):
        quiet(failing)


def failing():
    raise RuntimeError("mine")
