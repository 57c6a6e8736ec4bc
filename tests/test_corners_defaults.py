"""What is done unless asked otherwise, and limits one step beyond what other tests try."""

from __future__ import annotations

import pytest

import tritongrad as tg
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


NAMES = {"short": "int16", "float": "float32", "double": "float64", "half": "float16"}
NAMES |= {"long": "int64", "int": "int32", "bool": "bool", "bool_": "bool"}


@pytest.mark.parametrize("name", NAMES)
def test_the_other_names_of_types(name):
    x = tg.zeros(1, dtype=name)
    assert x.dtype.name == NAMES[name] and getattr(tg, name.rstrip("_")) is x.dtype
