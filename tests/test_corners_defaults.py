"""What is done unless asked otherwise, and limits one step beyond what other tests try."""

from __future__ import annotations

import pytest

import tritongrad as tg
from tritongrad.autograd import Function, gradcheck, gradgradcheck
from tritongrad.autograd.functional import hessian, jacobian, jvp, vjp


def leaf(*values):
    return tg.tensor(list(values), dtype=tg.float64, requires_grad=True)


@pytest.mark.parametrize("derivative", [vjp, jvp, jacobian, hessian])
def test_inputs_that_do_not_matter_have_derivatives_of_zero_unless_strict(derivative):
    inputs = leaf(1.0, 2.0), leaf(3.0)
    v = {"v": inputs} if derivative is jvp else {}
    got = derivative(lambda x, y: (x * x).sum(), inputs, **v)
    if derivative is vjp:
        assert got[1][1].tolist() == [0.0]
    elif derivative is jacobian:
        assert got[1].tolist() == [0.0]
    elif derivative is hessian:
        assert got[1][1].tolist() == [[0.0]] and got[0][0].tolist() == [[2.0, 0.0], [0.0, 2.0]]
    else:
        assert got[1].item() == 10.0
    with pytest.raises(RuntimeError, match="does not depend on every input"):
        derivative(lambda x, y: (x * x).sum(), inputs, strict=True, **v)


def test_inference_mode_switched_off_makes_ordinary_tensors():
    with tg.inference_mode():
        with tg.inference_mode(False):
            assert tg.is_grad_enabled() and not tg.is_inference_mode_enabled()
            x = leaf(3.0)
            y = x * x
        assert tg.is_inference_mode_enabled() and not tg.is_grad_enabled()
    (y * y).backward()
    assert x.grad.tolist() == [108.0]


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int8"])
def test_a_part_of_a_tensor_of_bytes_is_written_in_place(dtype):
    x = tg.zeros(2, 3, dtype=dtype)
    x[:, :2].fill_(1)
    x[:, ::2].logical_not_()
    assert x.int().tolist() == [[0, 1, 1]] * 2
    with pytest.raises(RuntimeError, match="more than one element"):
        x[:, :1].expand(2, 3).fill_(1)


def test_a_nan_behind_an_input_without_gradient_is_found():
    class Scale(Function):
        @staticmethod
        def forward(ctx, factor, x):
            return factor * x

        @staticmethod
        def backward(ctx, g):
            return None, g * float("nan")

    with tg.autograd.detect_anomaly():
        y = Scale.apply(tg.ones(1, dtype=tg.float64), leaf(1.0))
        with pytest.raises(RuntimeError, match=r"ScaleBackward.*nan values in its 1th output"):
            y.backward()


class Off(Function):
    """x ** 3 with a gradient that is wrong by a factor."""

    by = 1.0

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x * x

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return 3.0 * g * x * x * Off.by


def test_gradcheck_finds_small_errors_and_lets_rounding_pass(monkeypatch):
    for x in (leaf(1.0, -2.0), leaf(1e-3)):
        monkeypatch.setattr(Off, "by", 1.0)
        assert gradcheck(Off.apply, x)
        assert gradgradcheck(lambda t: t * t * t, x)
    x = leaf(1.0, -2.0)
    for by in (1.002, 0.998):
        monkeypatch.setattr(Off, "by", by)
        assert not gradcheck(Off.apply, x, raise_exception=False)
        assert gradcheck(Off.apply, x, rtol=0.01)
    monkeypatch.setattr(Off, "by", 1.0005)  # within rtol
    assert gradcheck(Off.apply, x)
    with pytest.raises(RuntimeError, match="Jacobian mismatch"):
        gradcheck(Off.apply, x, rtol=0.0)
    monkeypatch.setattr(Off, "by", 1.5)  # of what is nearly 0: within atol
    assert gradcheck(Off.apply, leaf(1e-3)) and not gradcheck(
        Off.apply, leaf(1e-3), atol=1e-7, raise_exception=False
    )
    assert x.tolist() == [1.0, -2.0]  # as it was


def test_gradcheck_refuses_memory_that_two_elements_share():
    with pytest.raises(RuntimeError, match="The 1th input has a dimension with stride 0"):
        shared = tg.ones(1, dtype=tg.float64).expand(2).requires_grad_()
        gradcheck(lambda x, y: x * y, (leaf(1.0, 2.0), shared))
    one = tg.ones(1, dtype=tg.float64).expand(1, 1).requires_grad_()
    assert gradcheck(tg.exp, one)  # an expanded dim of one element is none


def test_what_a_function_returns_where_nothing_is_recorded():
    class Halved(Function):
        @staticmethod
        def forward(ctx, x, y):
            ctx.mark_dirty(x)
            return x.mul_(0.5), y, 3, y * 1.0

        @staticmethod
        def backward(ctx, *grads):
            return grads[0] * 0.5, grads[1] + grads[3]

    x, y = leaf(1.0) * 2.0, leaf(5.0)
    with tg.no_grad():
        first, second, number, made = Halved.apply(x, y)
    assert first is x and x.tolist() == [1.0] and x.requires_grad and number == 3
    assert second is not y and not second.requires_grad and y.requires_grad
    assert second.tolist() == made.tolist() == [5.0] and not made.requires_grad
    first, second, number, made = Halved.apply(x, y)
    assert first is x and second is not y and number == 3
    tg.autograd.backward([first, second, made], [tg.ones(1, dtype=tg.float64)] * 3)
    assert y.grad.tolist() == [2.0]


CHANGES = {"zero": (), "fill": (3.0,), "add": (1.0,), "pow": (2.0,), "exp": (), "clamp": (0,)}


@pytest.mark.parametrize("name", CHANGES)
def test_the_error_for_a_changed_tensor_names_the_change(name):
    for recorded in (True, False):
        x = leaf(1.0, 2.0)
        y = x * 1.0
        z = (y * y).sum()
        with tg.set_grad_enabled(recorded):
            getattr(y, f"{name}_")(*CHANGES[name])
        with pytest.raises(RuntimeError, match=rf"version 1; expected .* 0 .*by {name}\w*_:"):
            z.backward()


def test_outputs_that_do_not_matter_have_derivatives_of_zero():
    x, other = leaf(1.0, 2.0), leaf(4.0)
    values, products = jvp(lambda x: (x * x, other * 2.0), x, tg.ones(2, dtype=tg.float64))
    assert [v.tolist() for v in values] == [[1.0, 4.0], [8.0]]
    assert [p.tolist() for p in products] == [[2.0, 4.0], [0.0]]


USES = {
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b,
    "pow": lambda a, b: a**b,
    "square": lambda a, b: a * a,
    "first": lambda a, b: a * b.detach(),
    "second": lambda a, b: a.detach() * b,
    "number": lambda a, b: a**2.5,
    "exp": lambda a, b: a.exp(),
    "log": lambda a, b: a.log(),
    "clamp": lambda a, b: a.clamp(0.5, 5.0),
    "where": lambda a, b: tg.where(a > b, a, b * b),
    "maximum": lambda a, b: a.maximum(b),
}


@pytest.mark.parametrize("name", USES)
def test_what_was_written_before_it_was_used_can_be_used(name):
    """The count of writes that a Node saves is that of its time, recorded ones or not."""
    for recorded in (False, True):
        x, y = leaf(2.0, 3.0), leaf(3.0, 2.0)
        a, b = x * 1.0, y * 1.0
        for t, times in ((a, 1), (b, 2), (x, 3), (y, 4)):
            for _ in range(times):
                with tg.set_grad_enabled(recorded and not t.is_leaf):
                    t.mul_(1.0)
        for first, second in ((a, b), (x, y), (a, y), (x, b)):
            total = USES[name](first, second).sum()
            total.backward(retain_graph=True)
            (g,) = tg.autograd.grad(total, second if name == "second" else first, create_graph=True)
            assert g.shape == (2,)
            with tg.no_grad():
                first.mul_(1.0)
                second.mul_(1.0)
        assert x.grad is not None or name == "second"


def test_a_view_that_was_written_keeps_the_node_that_it_got():
    x = leaf(1.0, 2.0)
    y = x * 1.0
    part = y[:1]
    part.mul_(3.0)
    assert part.grad_fn.name() == "MulBackward0"  # what it is now
    assert part.grad_fn is part.grad_fn and y.grad_fn is y.grad_fn
    part.retain_grad()
    seen = []
    part.register_hook(seen.append)
    (part * 5.0).sum().backward()
    assert part.grad.tolist() == [5.0] and seen[0].tolist() == [5.0]
    assert x.grad.tolist() == [15.0, 0.0]


def test_gradients_of_a_function_for_inputs_that_need_none_are_dropped():
    class Scale(Function):
        @staticmethod
        def forward(ctx, factor, x, unused):
            ctx.save_for_backward(factor, x)
            return factor * x

        @staticmethod
        def backward(ctx, g):
            factor, x = ctx.saved_tensors
            return g * x, g * factor, None

    constant = tg.full((1,), 3.0, dtype=tg.float64)
    for factor, x in ((constant, leaf(2.0)), (leaf(2.0), constant)):
        unused = leaf(1.0, 1.0)
        Scale.apply(factor, x, unused).backward()
        got = [None if t.grad is None else t.grad.tolist() for t in (factor, x, unused)]
        assert got == ([None, [3.0], None] if x.requires_grad else [[3.0], None, None])


@pytest.mark.parametrize("text, told", [("no room", "no room"), ("", "nothing more is known")])
def test_a_kernel_without_memory_is_named_whatever_its_error_says(declared, text, told):
    def huge(input: tg.Tensor):
        """What no machine can hold."""
        return (input,)

    def fails(a):
        raise MemoryError(text)

    with pytest.raises(MemoryError, match=f"^huge: out of memory on the CPU: {told}$"):
        declared(samples=[], cpu=fails)(huge)(tg.ones(2))


@pytest.mark.parametrize("how", ["hooks", "inputs", "anomaly", "grad"])
def test_what_was_saved_is_freed_by_the_first_backward_whatever_its_way(how):
    def backward(t, x):
        if how == "grad":
            tg.autograd.grad(t, x)
        elif how == "anomaly":
            with tg.autograd.detect_anomaly():
                t.backward()
        else:
            t.backward(inputs=[x] if how == "inputs" else None)

    x = leaf(3.0)
    square, moved = x * x, x + 1.0
    if how == "hooks":
        square.register_hook(lambda g: g)
        moved.register_hook(lambda g: g)
    for _ in range(2):
        backward(moved, x)  # it saved nothing
    backward(square, x)
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        backward(square, x)
