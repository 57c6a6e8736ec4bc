"""Custom autograd.Function: what forward and backward may return, and what is said otherwise."""

from __future__ import annotations

import pytest
from own_functions import Cube, make

import tritongrad as tg
from tritongrad.autograd import Function


def leaf(*values):
    return tg.tensor(list(values), requires_grad=True)


@pytest.mark.parametrize(
    ("forward", "backward", "error", "words"),
    [
        (lambda c, x: x * 2, lambda c, g: (g, g), RuntimeError,
         r"FooBackward returned an incorrect number of gradients \(expected 1.*got 2"),
        (lambda c, x, y: x * 2, lambda c, g: g, RuntimeError, r"expected 2.*got 1"),
        (lambda c, x, y: x * 2, lambda c, g: (g, 3.0), RuntimeError,
         r"expected Variable or None \(got float\)"),
        (lambda c, x: x * 2, lambda c, g: tg.ones(2), RuntimeError,
         r"FooBackward returned an invalid gradient at index 0 - got \[2\] but expected shape "
         r"compatible with \[3\]"),
        (lambda c, x: x * 2, None, NotImplementedError, "backward"),
    ],
    ids=["too-many", "too-few", "not-a-tensor", "shape", "no-backward"],
)  # fmt: skip
def test_what_backward_returns_is_checked(forward, backward, error, words):
    x = leaf(1.0, 2.0, 3.0)
    args = (x, x) if forward.__code__.co_argcount == 3 else (x,)
    y = make(forward, backward).apply(*args)
    with pytest.raises(error, match=words):
        y.sum().backward()
    assert x.grad is None


def test_a_gradient_for_what_is_no_tensor_is_an_error():
    y = make(lambda c, x, n: x * n, lambda c, g: (g, g)).apply(leaf(1.0), 2)
    with pytest.raises(RuntimeError, match="different than None at position 2"):
        y.sum().backward()


def test_trailing_nones_are_let_through_and_broadcast_gradients_are_summed():
    x = leaf(1.0, 2.0, 3.0)
    make(lambda c, x: x * 2, lambda c, g: (tg.ones(2, 3), None)).apply(x).sum().backward()
    assert x.grad.tolist() == [2.0, 2.0, 2.0]


def test_forward_must_be_there_and_objects_are_not_called():
    with pytest.raises(NotImplementedError, match="forward"):
        type("Empty", (Function,), {}).apply(leaf(1.0))
    with pytest.raises(RuntimeError, match=r"Cube\.apply"):
        Cube()(leaf(1.0))


def test_only_tensors_are_saved():
    def forward(ctx, x):
        ctx.save_for_backward(x, None, 3)
        return x

    with pytest.raises(TypeError, match="argument 2 is of type int"):
        make(forward).apply(leaf(1.0))


def test_saved_tensors_are_checked_for_writes_and_freed():
    a = leaf(1.0, 2.0) * 1.0
    y = Cube.apply(a)
    a.mul_(2.0)
    with pytest.raises(RuntimeError, match=r"modified by an inplace.*CubeBackward.*mul_"):
        y.sum().backward()
    y = Cube.apply(leaf(1.0)).sum()
    node = y.grad_fn.next_functions[0][0]
    assert len(node.saved_tensors) == 1
    y.backward()
    with pytest.raises(RuntimeError, match="second time"):
        y.backward()
    with pytest.raises(RuntimeError, match="second time"):
        _ = node.saved_tensors
