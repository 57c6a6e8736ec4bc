"""no_grad, enable_grad, set_grad_enabled, inference_mode; hooks and retain_grad."""

from __future__ import annotations

import pytest

import tritongrad as tg


def leaf(*values):
    return tg.tensor(list(values), requires_grad=True)


def test_no_grad_records_nothing_and_ends():
    x = leaf(1.0)
    with tg.no_grad():
        assert not tg.is_grad_enabled()
        assert not (x * 2.0).requires_grad
    assert tg.is_grad_enabled()
    assert (x * 2.0).requires_grad


def test_modes_nest():
    with tg.no_grad():
        with tg.enable_grad():
            assert tg.is_grad_enabled()
            with tg.no_grad():
                assert not tg.is_grad_enabled()
            assert tg.is_grad_enabled()
        assert not tg.is_grad_enabled()


@pytest.mark.parametrize(
    "mode", [tg.no_grad, tg.inference_mode, lambda: tg.set_grad_enabled(False)]
)
def test_an_exception_ends_a_mode(mode):
    with pytest.raises(KeyError), mode():
        raise KeyError
    assert tg.is_grad_enabled()
    assert not tg.is_inference_mode_enabled()


@pytest.mark.parametrize("decorate", [tg.no_grad, tg.no_grad(), tg.inference_mode()])
def test_decorators_keep_the_name_and_may_call_themselves(decorate):
    @decorate
    def countdown(n):
        """Down to zero."""
        assert not tg.is_grad_enabled()
        return n if n == 0 else countdown(n - 1)

    assert countdown(3) == 0
    assert (countdown.__name__, countdown.__doc__) == ("countdown", "Down to zero.")
    assert tg.is_grad_enabled()


def test_set_grad_enabled_works_at_once_and_as_context():
    tg.set_grad_enabled(False)
    try:
        assert not tg.is_grad_enabled()
    finally:
        tg.set_grad_enabled(True)
    with tg.set_grad_enabled(False):
        assert not tg.is_grad_enabled()
    assert tg.is_grad_enabled()


def test_a_tensor_of_inference_mode_cannot_enter_a_graph():
    x = leaf(1.0)
    with tg.inference_mode():
        assert tg.is_inference_mode_enabled()
        c = x * 2.0
    assert not c.requires_grad
    with pytest.raises(RuntimeError, match=r"(?i)inference tensor.*clone\(\)"):
        x * c
    (x * c.clone()).sum().backward()
    assert x.grad.tolist() == [2.0]


def test_a_write_outside_inference_mode_to_one_of_its_tensors_is_refused():
    with tg.inference_mode():
        c = tg.ones(2)
        c.mul_(2.0)
    with pytest.raises(RuntimeError, match=r"(?i)inference tensor"):
        c.mul_(2.0)


def test_a_hook_on_a_leaf_runs_once_with_the_total():
    x = leaf(1.0, 2.0)
    seen = []
    x.register_hook(lambda g: seen.append(g.tolist()))
    (x * 2.0 + x * 3.0 + x.exp() * 0.0).sum().backward()
    assert seen == [[5.0, 5.0]]


def test_a_hook_may_replace_the_gradient_and_hooks_run_in_order():
    x = leaf(1.0)
    y = x * 2.0
    y.register_hook(lambda g: g * 10.0)
    y.register_hook(lambda g: g + 1.0)
    y.sum().backward()
    assert x.grad.tolist() == [22.0]


def test_a_removed_hook_does_not_run():
    x = leaf(1.0)
    handle = x.register_hook(lambda g: g * 100.0)
    handle.remove()
    handle.remove()
    with x.register_hook(lambda g: g * 100.0):
        pass
    (x * 2.0).sum().backward()
    assert x.grad.tolist() == [2.0]


def test_a_hook_that_changes_the_size_is_an_error_with_both_sizes():
    x = leaf(1.0, 2.0)
    x.register_hook(lambda g: tg.ones(3))
    with pytest.raises(RuntimeError, match=r"(?s)\[2\].*\[3\]"):
        (x * 2.0).sum().backward()


def test_a_hook_must_return_a_tensor_or_none():
    x = leaf(1.0)
    x.register_hook(lambda g: 3.0)
    with pytest.raises(TypeError, match="hook"):
        (x * 2.0).sum().backward()


def test_hooks_need_a_gradient():
    with pytest.raises(RuntimeError, match=r"requires? grad"):
        tg.ones(2).register_hook(lambda g: g)
    with pytest.raises(RuntimeError, match="retain_grad"):
        tg.ones(2).retain_grad()


def test_retain_grad_keeps_the_gradient_of_a_tensor_in_the_middle():
    x = leaf(1.0, 2.0)
    y = x * 3.0
    y.retain_grad()
    assert y.retains_grad
    (y * y).sum().backward()
    assert y.grad.tolist() == [6.0, 12.0]
    x.retain_grad()
    assert x.grad.tolist() == [18.0, 36.0]


def test_retain_grad_after_a_write_in_place_keeps_the_gradient_of_what_it_is_now():
    x = leaf(1.0, 2.0)
    y = x * 3.0
    y.retain_grad()
    y.mul_(2.0)
    (y * 5.0).sum().backward()
    assert y.grad.tolist() == [5.0, 5.0]


def test_a_hook_on_a_node_sees_the_gradient_of_its_output():
    x = leaf(1.0)
    y = x * 2.0
    seen = []
    y.grad_fn.register_hook(lambda g: seen.append(g.tolist()))
    (y * 3.0).sum().backward()
    assert seen == [[3.0]]


def test_grad_can_be_assigned_if_it_fits():
    x = leaf(1.0, 2.0)
    x.grad = tg.ones(2)
    x.grad = None
    for wrong, words in (
        (tg.ones(3), r"size.*\[?\(?3"),
        (tg.ones(2, dtype=tg.float64), "type.*float64"),
        (x, "own grad"),
    ):
        with pytest.raises(RuntimeError, match=words):
            x.grad = wrong
    with pytest.raises(TypeError, match="Tensor or None"):
        x.grad = 3.0


def test_grad_takes_arguments_in_the_places_that_they_have_in_pytorch():
    x = tg.tensor([2.0], requires_grad=True)
    unused = tg.ones(1, requires_grad=True)
    g = tg.autograd.grad(x**2, (x, unused), tg.ones(1), True, True, True, True)
    assert g[0].tolist() == [4.0] and g[1] is None
    with pytest.warns(FutureWarning, match="only_inputs=False is ignored"):
        (g,) = tg.autograd.grad(x**2, x, only_inputs=False)
    assert g.tolist() == [4.0] and x.grad is None


def test_a_variable_of_old_programs_is_a_tensor_without_history():
    x = leaf(1.0)
    v = tg.autograd.Variable(x * 2, requires_grad=True)
    assert isinstance(v, tg.autograd.Variable) and isinstance(v, tg.Tensor)
    assert v.is_leaf and v.requires_grad and not tg.autograd.Variable(x).requires_grad
    assert not isinstance(1.0, tg.autograd.Variable)
