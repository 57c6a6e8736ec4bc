"""One operation on leaves goes a short way back, by NumPy's calls: it is the long way's answer."""

from __future__ import annotations

import numpy as np
import pytest
from test_threads import run

import tritongrad as tg
from tritongrad.autograd import loop, modes
from tritongrad.autograd.record import OpNode
from tritongrad.autograd.variable import INFERENCE

ODD = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1e30, 1e-40, -3.0]
CASES = {
    "add": lambda x, y: x + y,
    "add itself": lambda x, y: x + x,
    "add a number": lambda x, y: x + 3.0,
    "sub": lambda x, y: x - y,
    "neg": lambda x, y: -x,
    "pow 2": lambda x, y: x.pow(2),
    "pow 3": lambda x, y: x**3.0,
    "2 to the power": lambda x, y: 2.0**x,
    "mul": lambda x, y: x * y,
    "mul itself": lambda x, y: x * x,
    "mul a number": lambda x, y: x * 3.0,
    "clamp from below": lambda x, y: x.clamp(min=0),
    "clamp from above": lambda x, y: x.clamp(max=-0.0),
    "clamp by a tensor": lambda x, y: x.clamp(min=y.detach()),
    "clamp both by tensors": lambda x, y: x.clamp(min=y),
    "sum": lambda x, y: x.sum(),
    "mm": lambda x, y: x.mm(y),
    "broadcast": lambda x, y: x * y[0],
    "cat": lambda x, y: tg.cat([x, y]),
    "exp": lambda x, y: x.exp(),
}
SIZES = {"small": 8, "over a kernel's few": 40, "with threads": 130}


def leaves(n, dtype):
    rng = np.random.default_rng(3)
    both = rng.standard_normal((2, n, n))
    both[:, 0, :8], both[:, :8, 1] = ODD, ODD
    made = [tg.tensor(a.astype(np.float32), dtype=dtype) for a in both]
    return [t.requires_grad_() for t in made]


def backward_of(work, n, dtype, times=1):
    x, y = leaves(n, dtype)
    result = work(x, y)
    g = leaves(n, dtype)[1].detach().flip(0)
    g = g if result.ndim else g[3, 4]
    g = g if result.shape == g.shape else tg.cat([g, g])
    for i in range(times):
        result.backward(g, retain_graph=i < times - 1)
    return [None if t.grad is None else t.grad.numpy() for t in (x, y)]


def bits(arrays):
    return [None if a is None else (a.shape, a.strides, a.dtype, a.tobytes()) for a in arrays]


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16"])
@pytest.mark.parametrize("n", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize("name", CASES)
def test_the_short_way_has_the_bits_of_the_long_one(name, n, dtype, times, monkeypatch):
    short = backward_of(CASES[name], n, dtype, times)
    monkeypatch.setattr(loop, "to_leaves", lambda *_: False)
    assert bits(backward_of(CASES[name], n, dtype, times)) == bits(short)
    monkeypatch.setattr(OpNode, "of_arrays", lambda *_: None)
    assert bits(backward_of(CASES[name], n, dtype, times)) == bits(short)


@pytest.mark.parametrize("name", CASES)
def test_of_a_gradient_nothing_is_shared(name):
    x, y = leaves(8, "float32")
    result = CASES[name](x, y)
    g = tg.ones_like(result)
    result.backward(g)
    grads = [t.grad for t in (x, y) if t.grad is not None]
    for t in grads:
        assert t is not g
        t.add_(1)
    assert g.tolist() == tg.ones_like(result).tolist()
    assert len({t.data_ptr() for t in grads}) == len(grads)


def test_what_a_hook_keeps_is_not_the_grad():
    x, y = leaves(8, "float32")
    kept = []
    x.register_hook(kept.append)
    (x * y).backward(tg.ones(8, 8))
    x.grad.zero_()
    assert kept[0].abs().nansum() > 0 and x.grad is not kept[0]


@pytest.mark.parametrize("late", [False, True])
def test_hooks_are_called_once_with_the_whole(late):
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    seen = []
    if not late:
        x.register_hook(seen.append)
    result = x * x
    result.grad_fn.register_hook(lambda g: g * 10)
    if late:
        x.register_hook(seen.append)
    result.backward(tg.ones(2))
    assert [g.tolist() for g in seen] == [[20.0, 40.0]] and x.grad.tolist() == [20.0, 40.0]


def test_a_gradient_of_another_dtype_is_cast():
    for dtype in (tg.float64, tg.float16):
        x = tg.tensor([1.0, 2.0], requires_grad=True)
        (x * 3.0).backward(tg.ones(2, dtype=dtype))
        assert x.grad.dtype == tg.float32 and x.grad.tolist() == [3.0, 3.0]
    x, y = tg.ones(2, requires_grad=True), tg.ones(2, dtype=tg.float64, requires_grad=True)
    (x * y).backward(tg.ones(2, dtype=tg.float64))
    assert x.grad.dtype == tg.float32 and y.grad.dtype == tg.float64


def test_what_was_freed_or_changed_is_refused():
    x, y = leaves(8, "float32")
    for work in (CASES["mul"], CASES["mm"], CASES["sum"], CASES["clamp from below"]):
        result = work(x, y)
        result.backward(tg.ones_like(result))
        with pytest.raises(RuntimeError, match="a second time"):
            result.backward(tg.ones_like(result))
    result = x * y
    with tg.no_grad():
        y.add_(1)
    with pytest.raises(RuntimeError, match=r"version 0.*changed by add_|last changed by add_"):
        result.backward(tg.ones(8, 8))
    result = x + y
    for _ in range(2):  # nothing was saved
        result.backward(tg.ones(8, 8))


def test_a_refused_backward_changes_no_grad():
    x, y = tg.ones(2, requires_grad=True), tg.ones(2, requires_grad=True)
    result = x * y
    with tg.no_grad():
        x.add_(1)
    with pytest.raises(RuntimeError, match="inplace"):
        result.backward(tg.ones(2))
    assert x.grad is None and y.grad is None and tg.is_grad_enabled()


def test_gradients_of_gradients():
    x, y = tg.tensor([2.0], requires_grad=True), tg.tensor([5.0], requires_grad=True)
    (x * x * y).backward(create_graph=True)
    assert x.grad.requires_grad
    assert tg.autograd.grad(x.grad, (x, y))[0].tolist() == [10.0]
    x.grad = y.grad = None
    (x * y).backward(tg.ones(1), create_graph=True)
    assert x.grad.tolist() == [5.0] and x.grad.requires_grad


def test_a_grad_that_has_a_history_is_added_to_as_before():
    x, y = tg.tensor([2.0], requires_grad=True), tg.tensor([5.0], requires_grad=True)
    (x * y).backward(tg.ones(1), create_graph=True)
    (x * y).backward(tg.ones(1))
    assert x.grad.tolist() == [10.0] and y.grad.tolist() == [4.0]


def test_a_formula_that_has_no_gradient_leaves_the_grad_alone(declared):
    @declared(samples=[], cpu=lambda a, b: a + b)
    def half_of_it(input, other):
        return input, other

    half_of_it.vjp(input=lambda g: None, other=lambda g: g)
    x, y = tg.ones(2, requires_grad=True), tg.ones(2, requires_grad=True)
    half_of_it(x, y).backward(tg.ones(2))
    assert x.grad is None and y.grad.tolist() == [1.0, 1.0]


def test_in_anomaly_mode_nan_is_found():
    x = tg.tensor([0.0], requires_grad=True)
    with pytest.raises(RuntimeError, match="MulBackward0"), tg.autograd.detect_anomaly():
        (x * x.detach()).backward(tg.tensor([float("inf")]))
    assert x.grad is None


def test_where_the_shared_context_is_busy_the_answer_is_the_same():
    def all_of_it(x, y):
        found = [backward_of(work, 8, "float32") for work in CASES.values()]
        found.append([CASES["sum"](x, y).detach().numpy(), CASES["mm"](x, y).detach().numpy()])
        return [bits(each) for each in found]

    x, y = leaves(8, "float32")
    want = all_of_it(x, y)
    assert modes.shared_quiet(all_of_it, x, y) == want


def test_threads_take_the_short_way_at_once():
    x, y = tg.ones(8, 8, requires_grad=True), tg.ones(8, 8, requires_grad=True)

    def work(i):
        for _ in range(500):
            (x * y).backward(tg.ones(8, 8))

    run(4, work)
    assert x.grad.tolist() == y.grad.tolist() == [[2000.0] * 8] * 8


def test_in_inference_mode_gradients_are_marked():
    x, y = leaves(8, "float32")
    result = x * y
    with tg.inference_mode():
        grads = tg.autograd.grad(result, (x, y), tg.ones(8, 8))
        assert all(g._version is INFERENCE for g in grads)
        assert (x + y)._version is x.sum()._version is x.mm(y)._version is INFERENCE
        with tg.set_grad_enabled(True):
            assert (x + y).requires_grad
            assert all(getattr(t, "_version", None) is not INFERENCE for t in (x + y, x.sum()))
    assert not modes.inferring and not modes.off
    assert (x + y).requires_grad


def test_sums_and_products_that_are_nan_do_not_warn():
    x = tg.tensor([[np.inf, -np.inf]])
    assert np.isnan(x.sum().item())
    assert np.isnan(x.mm(tg.ones(2, 1)).item())


def test_copies_of_leaves_go_backward_too():
    import copy
    import pickle

    x = tg.tensor([1.0, 2.0], requires_grad=True)
    for y in (copy.copy(x), copy.deepcopy(x), pickle.loads(pickle.dumps(x))):
        (y * 3.0).backward(tg.ones(2))
        assert y.grad.tolist() == [3.0, 3.0]
    y = x.detach().requires_grad_().requires_grad_(False).requires_grad_()
    (y * 3.0).backward(tg.ones(2))
    assert y.grad.tolist() == [3.0, 3.0] and x.grad is None
