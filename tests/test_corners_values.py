"""Numbers at limits, types that are kept, gradients that are nobody else's: what changes show."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

import tritongrad as tg
from tritongrad.autograd import Function
from tritongrad.autograd.function import once_differentiable
from tritongrad.autograd.functional import hessian, jacobian
from tritongrad.autograd.quick import trace_one
from tritongrad.autograd.variable import wrap
from tritongrad.op import REGISTRY, op


def leaf(*values):
    return tg.tensor(list(values), dtype=tg.float64, requires_grad=True)


def test_zeros_keep_their_signs_and_numbers_are_forgotten():
    from tritongrad import operands

    x = tg.tensor([1.0, -1.0])
    for dtype in (tg.float32, tg.float64):
        y = x.to(dtype)
        assert np.signbit((y * 0.0).numpy()).tolist() == [False, True]
        assert np.signbit((y * -0.0).numpy()).tolist() == [True, False]
        for n in range(1500):
            assert (y + (n + 0.25))[0].item() == n + 1.25
    assert len(operands._numbers32) <= 1001 and len(operands._numbers64) <= 1001
    assert len(operands._numbers32) > 400  # and not each time


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "int32", "int64"])
def test_numbers_that_do_not_fit_are_named_with_the_limits(dtype):
    x, limits = tg.ones(2, dtype=dtype), tg.iinfo(dtype)
    for n in (limits.max + 1, limits.min - 1):
        for call in (lambda n=n: x + n, lambda n=n: n - x, lambda n=n: tg.where(x > 0, x, n)):
            with pytest.raises(OverflowError, match=rf"{n} is out of bounds for {dtype} \("):
                call()
        assert (x < n).tolist() == [n > 0] * 2 and (x != n).all()
    assert (x * 0 + limits.max).tolist() == [limits.max] * 2


def test_whole_numbers_and_bools_keep_their_type():
    for dtype in ("bool", "int8", "int64"):
        x = tg.ones(3, dtype=dtype)
        for call in (
            tg.square,
            tg.abs,
            lambda t: t * t,
            lambda t: tg.maximum(t, t),
            lambda t: t**t,
        ):
            try:
                assert call(x).dtype is x.dtype
            except RuntimeError as error:
                assert dtype == "bool", error


def test_a_kept_gradient_of_a_view_that_is_written():
    x = leaf(1.0, 2.0)
    y = x * 1.0
    part = y[:1]
    part.retain_grad()
    part.mul_(3.0)
    (y * tg.tensor([5.0, 7.0], dtype=tg.float64)).sum().backward()
    assert part.grad.tolist() == [5.0] and x.grad.tolist() == [15.0, 7.0]


@pytest.mark.parametrize("place", ["cpu", pytest.param("interpret", marks=pytest.mark.triton)])
def test_a_grad_shares_memory_with_nobody(place):
    if place == "interpret" and importlib.util.find_spec("triton") is None:
        pytest.skip("Triton is not installed")
    given = tg.ones(2, 3, device=place)
    for seen in (given, given[:], given.detach(), given.T.T, given.reshape(3, 2).reshape(2, 3)):
        x = tg.zeros(2, 3, device=place, requires_grad=True)
        (x + 0.0).backward(seen)
        x.grad.zero_()
        assert given.tolist() == [[1.0] * 3] * 2
        z, y = tg.zeros(2, 3, device=place, requires_grad=True), x * 1.0
        (y + z).backward(seen)
        x.grad.add_(1.0)
        z.grad.mul_(9.0)
        assert z.grad.tolist() == [[9.0] * 3] * 2 and given.tolist() == [[1.0] * 3] * 2
    for given in (tg.ones(2, 3, device=place), tg.ones(2, 3, device=place, requires_grad=True)):
        x, y, z = (tg.ones(2, 3, device=place, requires_grad=True) for _ in range(3))
        ((x + y) * z + (x + y)).backward(given, create_graph=True)
        for t in (x, y):
            assert t.grad.requires_grad and t.grad.tolist() == [[2.0] * 3] * 2
        (x + 0.0).backward(given, create_graph=True)
        (w := z.detach().requires_grad_()).add(0.0).backward(given, create_graph=True)
        assert w.grad.requires_grad is given.requires_grad
        with tg.no_grad():
            for t in (x, w):
                t.grad.zero_()
        assert given.tolist() == [[1.0] * 3] * 2 and y.grad.tolist() == [[2.0] * 3] * 2
        for t in (x, y, w):
            t.grad = None  # the cycle of a leaf and its grad
    kept = []
    x = tg.zeros(2, 3, device=place, requires_grad=True)
    y = x * 1.0
    y.register_hook(kept.append)
    x.register_hook(kept.append)
    y.sum().backward()
    x.grad.zero_()
    assert all(g.tolist() == [[1.0] * 3] * 2 for g in kept)


def test_functions_that_write_are_counted_where_they_are_recorded():
    class Double(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.mark_dirty(x)
            return x.mul_(2.0)

        @staticmethod
        def backward(ctx, g):
            return g * 2.0

    y = leaf(1.0) * 1.0
    before = y._version_count
    Double.apply(y)
    assert y._version_count > before


def test_anomaly_mode_looks_for_nan_unless_told_not_to():
    x = leaf(0.0)
    with tg.autograd.set_detect_anomaly(True):
        y = (x / x).sum()
        with pytest.raises(RuntimeError, match=r"DivBackward0.*nan") as caught:
            y.backward()
    assert "y = (x / x).sum()" in str(caught.value)  # the line of the program
    assert not tg.autograd.is_anomaly_enabled()


def test_derivatives_are_constants_unless_asked_otherwise():
    f, x = lambda x: (x * x * x).sum(), leaf(1.0, 2.0)
    for make in (tg.autograd.functional.vjp, tg.autograd.functional.jvp):
        first = make(f, x, tg.ones(2, dtype=tg.float64) if make.__name__[0] == "j" else None)
        assert not any(t.requires_grad for t in first)
    for make in (jacobian, hessian):
        assert not make(f, x).requires_grad and make(f, x, create_graph=True).requires_grad


def test_calls_of_operations_with_more_or_fewer_arguments():
    x = tg.ones(2)
    for args in ((x,), (x, 0.0, 1.0, 2.0), ()):
        with pytest.raises(TypeError, match=r"clamp_both\(\)"):
            REGISTRY["clamp_both"].entry(*args)
    with pytest.raises(RuntimeError, match=r"add: out= has shape \[3\], the result \[2\]"):
        tg.add(x, x, out=tg.zeros(3))
    for out in (3, np.zeros(2)):
        with pytest.raises(TypeError, match=r"add: out= must be a Tensor, got"):
            tg.add(x, x, out=out)
    with pytest.raises(TypeError, match=r"clamp_both\(\)"):
        REGISTRY["clamp_both"].entry(x, 0.0, 1.0, odd=3)


def test_names_of_arguments_as_numpy_has_them():
    def rolled(input: tg.Tensor, dim: int):
        """x rolled by one along a dim"""
        return input, dim

    before = dict(REGISTRY)
    try:
        entry = op(samples=[], cpu=lambda a, dim: np.roll(a, 1, dim))(rolled)
        for given in ({"x": tg.arange(3), "axis": 0}, {"input": tg.arange(3), "axis": 0}):
            assert entry(**given).tolist() == [2, 0, 1]
        with pytest.raises(TypeError, match=r"rolled\(\).*'y'; it takes input, dim"):
            entry(y=tg.arange(3), axis=0)
    finally:
        REGISTRY.clear()
        REGISTRY.update(before)
    g, x = tg.ones(3), tg.tensor([0.0, 1.0, 2.0])
    backward = REGISTRY["clamp_backward"].entry
    grad, input, low, high = REGISTRY["clamp_backward"].parameters
    want = backward(g, x, 0.5, 1.5).tolist()
    assert want == [0.0, 1.0, 0.0]
    assert backward(**{grad: g, "x": x, low: 0.5, high: 1.5}).tolist() == want
    assert backward(g, **{input: x, low: 0.5, high: 1.5}).tolist() == want


def test_a_thread_that_does_not_record_leaves_the_others_alone(no_grad_elsewhere):
    x = leaf(1.0, 2.0)
    results = [x.exp(), x + x, x * 2.0, x.clamp(0.0, 1.5), tg.where(x > 1, x, 0.0), x.sum()]
    results += [x.reshape(1, 2) @ x.reshape(2, 1), x[0], x.cumsum(0), tg.cat([x, x])]
    assert all(r.requires_grad and r.grad_fn is not None for r in results)


def test_backward_once_of_one_or_of_several_inputs():
    def made(count):
        class Sum(Function):
            @staticmethod
            def forward(ctx, *xs):
                return sum(xs[1:], xs[0] * 1.0)

            @staticmethod
            @once_differentiable
            def backward(ctx, g):
                return g * 2.0 if count == 1 else tuple(g * (i + 2.0) for i in range(count))

        return Sum

    for count in (1, 2):
        xs = [leaf(1.0) for _ in range(count)]
        grads = tg.autograd.grad(made(count).apply(*xs).sum(), xs, create_graph=True)
        assert [g.item() for g in grads] == [2.0, 3.0][:count]
        with pytest.raises(RuntimeError, match="once_differentiable"):
            tg.autograd.grad(grads[0].sum(), xs[0])
        made(count).apply(*xs).sum().backward()
        assert not any(x.grad.requires_grad for x in xs)


def test_gradients_of_functions_may_be_broadcast_from_one():
    class Odd(Function):
        shape: tuple = ()

        @staticmethod
        def forward(ctx, x):
            return x * 1.0

        @staticmethod
        def backward(ctx, g):
            return tg.ones(Odd.shape, dtype=tg.float64)

    x = tg.ones(2, 1, dtype=tg.float64, requires_grad=True)
    for Odd.shape in ((2, 1), (2, 3), (4, 2, 1)):
        x.grad = None
        Odd.apply(x).sum().backward()
        assert x.grad.shape == (2, 1)
    for Odd.shape in ((1, 1), (3, 1), (2,), (4, 3, 1), ()):
        with pytest.raises(RuntimeError, match="invalid gradient at index 0"):
            Odd.apply(x).sum().backward()


def test_where_takes_masks_beside_every_mixture_of_operands():
    mask = tg.tensor([True, False, True])
    for x, y in ((tg.arange(3), 7), (tg.arange(3.0), 7), (tg.arange(3), tg.full((3,), 7.0)),
                 (tg.arange(3).half(), 7.0), (tg.arange(3.0), tg.full((1,), 7.0))):  # fmt: skip
        assert tg.where(mask, x, y).tolist() == [0, 7, 2]
        assert tg.where(~mask, x, y).tolist() == [7, 1, 7]
        assert tg.where(mask.reshape(3, 1), x, y)[1].tolist() == [7, 7, 7]
    with pytest.raises(RuntimeError, match="expected condition to be a bool tensor, got int64"):
        tg.where(tg.arange(3), 1.0, tg.ones(3))


def test_memory_that_the_host_has_not_got_is_named_by_the_operation():
    x = tg.ones(1).expand(1 << 45)
    for call, name in ((lambda: x.clone(), "clone"), (lambda: tg.cat([x, x]), "cat")):
        with pytest.raises(MemoryError, match=rf"{name}: no memory for \d+ bytes"):
            call()


def test_two_numbers_and_the_input_are_saved_on_the_quick_way_of_devices():
    def between(input: tg.Tensor, low: float, high: float):
        """low * high * input**2 / 2"""
        return input, low, high

    before = dict(REGISTRY)
    try:
        entry = op(samples=[], cpu=lambda a, low, high: a * a * low * high / 2)(between)
        entry.vjp(input=lambda g, input, low, high: g * input * low * high)
        x = leaf(1.0, -2.0)
        out = entry(x, 3.0, 5.0)
        t = wrap(out._array)
        t._node = trace_one(entry.op, x, t._array, t, (x, 3.0, 5.0))
        for y in (out, t):
            assert tg.autograd.grad(y.sum(), x)[0].tolist() == [15.0, -30.0]
    finally:
        REGISTRY.clear()
        REGISTRY.update(before)


@pytest.mark.triton
def test_backward_begins_with_one_on_any_device():
    pytest.importorskip("triton")
    x = tg.tensor([1.0, 2.0], requires_grad=True, device="interpret")
    (x * x).sum().backward()
    assert x.grad.cpu().tolist() == [2.0, 4.0]
