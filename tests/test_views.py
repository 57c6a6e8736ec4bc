"""Views: shared memory, one history, errors where a view is impossible."""

from __future__ import annotations

import numpy as np
import pytest

import tritongrad as tg
from tritongrad.testing import gradcheck, gradgradcheck


def cube(requires_grad=False):
    t = tg.tensor(np.linspace(-1.3, 1.9, 24).reshape(2, 3, 4))
    return t.requires_grad_(requires_grad)


VIEWS = {
    "view": lambda x: x.view(4, 6),
    "reshape": lambda x: x.reshape(6, -1),
    "flatten": lambda x: x.flatten(1),
    "unflatten": lambda x: x.unflatten(2, (2, 2)),
    "squeeze": lambda x: x[:1].squeeze(0),
    "unsqueeze": lambda x: x.unsqueeze(1),
    "transpose": lambda x: x.transpose(0, 2),
    "permute": lambda x: x.permute(1, 2, 0),
    "movedim": lambda x: x.movedim(0, 2),
    "T": lambda x: x[0].T,
    "expand": lambda x: x.unsqueeze(0).expand(1, 2, 3, 4),
    "narrow": lambda x: x.narrow(1, 1, 2),
    "select": lambda x: x.select(2, -1),
    "slice": lambda x: x[:, ::2, 1:],
    "negative_step": lambda x: x[::-1, ..., ::-2],
    "new_dim": lambda x: x[1, None, ..., 0],
    "diagonal": lambda x: x.diagonal(1, 1, 2),
    "unfold": lambda x: x.unfold(2, 2, 2),
    "as_strided": lambda x: x.as_strided((2, 3), (3, 1), 2),
    "split": lambda x: x.split([1, 3], 2)[1],
    "chunk": lambda x: x.chunk(2, 1)[0],
    "unbind": lambda x: x.unbind(1)[2],
    "tensor_split": lambda x: x.tensor_split((1, 3), 2)[1],
    "chain": lambda x: x.transpose(0, 1)[1:].unsqueeze(0)[0, :, 1].view(-1),
    "split_of_a_view": lambda x: x[:, 1:].permute(2, 0, 1).split(2)[1][:, 1],
}
view = pytest.mark.parametrize("make", VIEWS.values(), ids=VIEWS)


@view
def test_a_view_shares_memory_both_ways(make):
    x = cube()
    v = make(x)
    v.fill_(7.0)
    assert (x == 7).sum().item() == v.numel()
    x.zero_()
    assert not v.any().item()


@view
def test_a_write_through_a_view_rewrites_the_history_of_the_base(make):
    def f(x, y):
        base = x * 2
        v = make(base)
        v.mul_(y)
        return base * base

    y = tg.tensor(1.7, dtype=tg.float64, requires_grad=True)
    assert gradcheck(f, (cube(True), y))
    assert gradgradcheck(f, (cube(True), y))


@view
def test_a_write_to_the_base_rewrites_the_history_of_a_view(make):
    def f(x):
        base = x * 2
        v = make(base)
        base.mul_(x)
        return v * v

    assert gradcheck(f, (cube(True),))


@view
def test_writes_to_base_and_view_in_turn(make):
    def f(x):
        base = x * 2
        v = make(base)
        v.add_(1)
        base.mul_(3)
        v.mul_(v.detach().clone())
        base.sub_(x)
        return v.sum() + (base * base).sum()

    x = cube(True)
    got = tg.autograd.grad(f(x), x)[0].numpy()
    d = np.zeros((2, 3, 4))
    with tg.no_grad():
        make(tg.from_numpy(d)).fill_(1)
    value = 6 * x.detach().numpy() + 3 * d  # of base before the product
    final = np.where(d, value * value, 6 * x.detach().numpy()) - x.detach().numpy()
    slope = np.where(d, 6 * value, 6.0) - 1
    assert np.allclose(got, slope * (d + 2 * final))


@view
def test_a_view_under_no_grad_needs_no_gradient(make):
    with tg.no_grad():
        assert not make(cube(True)).requires_grad


@view
def test_a_view_of_a_leaf_cannot_be_written(make):
    x = cube(True)
    with pytest.raises(RuntimeError, match="a view of a leaf"):
        make(x).mul_(2)
    with tg.no_grad():
        make(x).mul_(2)
    assert x.is_leaf and x.requires_grad


@view
def test_a_saved_view_notices_a_write_to_its_base(make):
    x = cube(True)
    base = x * 1
    y = make(base).exp()
    z = make(base) * make(base)
    base.add_(1)
    y.sum().backward(retain_graph=True)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        z.sum().backward()


def test_reshape_copies_where_no_view_is_possible():
    x = cube().transpose(0, 2)
    y = x.reshape(-1)
    y.fill_(9.0)
    assert not (x == 9).any().item()
    assert y.data_ptr() != x.data_ptr()


def test_view_names_reshape_where_no_view_is_possible():
    with pytest.raises(RuntimeError, match=r"view size is not compatible .* Use \.reshape"):
        cube().transpose(0, 2).view(-1)


def test_view_of_strides_that_allow_it():
    x = cube()[:, :, ::2]
    assert x.view(6, 2).data_ptr() == x.data_ptr()
    assert x.expand(3, 2, 3, 2).view(3, 6, 2).shape == (3, 6, 2)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda x: x.view(5), RuntimeError, r"shape '\[5\]' is invalid for input of size 24"),
        (lambda x: x.view(-1, -1), RuntimeError, "only one dimension can be inferred"),
        (lambda x: x.view(-2, 12), RuntimeError, "invalid shape dimension -2"),
        (lambda x: x[:0].view(-1, 0), RuntimeError, "ambiguous"),
        (lambda x: x.reshape(7, -1), RuntimeError, r"shape '\[7, -1\]' is invalid"),
        (lambda x: x.expand(2, 3, 5), RuntimeError, r"expanded size of the tensor \(5\)"),
        (lambda x: x.expand(3, 4), RuntimeError, "number of sizes provided"),
        (lambda x: x.permute(0, 1), RuntimeError, "number of dimensions"),
        (lambda x: x.permute(0, 0, 1), RuntimeError, "duplicate dims"),
        (lambda x: x.squeeze(5), IndexError, r"range of \[-3, 2\], but got 5"),
        (lambda x: x.transpose(0, 3), IndexError, "but got 3"),
        (lambda x: x.t(), RuntimeError, "<= 2 dimensions, but self is 3D"),
        (lambda x: x.narrow(0, 1, 5), RuntimeError, r"start \(1\) \+ length \(5\)"),
        (lambda x: x.select(0, 5), IndexError, "index 5 is out of bounds .* 0 with size 2"),
        (lambda x: x.split([1, 2]), RuntimeError, "sum exactly to 2"),
        (lambda x: x.split(-1), RuntimeError, "non-negative"),
        (lambda x: x.chunk(0), RuntimeError, "greater than 0, got: 0"),
        (lambda x: x.unflatten(0, (3, 2)), RuntimeError, "multiply up to the size of dim 0"),
        (lambda x: x.diagonal(0, 1, 1), RuntimeError, "cannot be identical 1, 1"),
        (lambda x: x.unfold(0, 3, 1), RuntimeError, "is 2 but size is 3"),
        (lambda x: x.as_strided((5, 5), (6, 1)), RuntimeError, "out of bounds for storage of 24"),
        (lambda x: x.repeat(2), RuntimeError, "repeat dims can not be smaller"),
        (lambda x: x.flip(0, 0), RuntimeError, "appears multiple times"),
        (lambda x: x.movedim((0, 1), (0,)), RuntimeError, "source"),
        (lambda x: tg.cat([]), ValueError, "non-empty list"),
        (lambda x: tg.cat([x, x[0]]), RuntimeError, "same number of dimensions: got 3 and 2"),
        (lambda x: tg.cat([x, x[:, :2]]), RuntimeError, "Expected size 3 but got size 2"),
        (lambda x: tg.cat([x, 1.0]), TypeError, r"tensors\[1\]"),
        (lambda x: tg.stack([x, x[0]]), RuntimeError, "at entry 1"),
        (lambda x: tg.nn.functional.pad(x, (1,)), RuntimeError, "divisible by 2"),
        (lambda x: x.view(2.0, 12), TypeError, "must be ints, got float"),
        (lambda x: x.fill_(x), RuntimeError, "0-dimension value"),
        (lambda x: x.copy_(x[:, :2]), RuntimeError, "must match the existing size"),
        (lambda x: x.expand(2, 2, 3, 4).fill_(1.0), RuntimeError, "single memory location"),
        (lambda x: x[0].detach_(), RuntimeError, "detach views in-place"),
    ],
)
def test_errors_name_what_is_wrong(call, error, text):
    x = cube()
    before = x.numpy().copy()
    with pytest.raises(error, match=text):
        call(x)
    assert (x.numpy() == before).all()


def test_split_outputs_are_one_node():
    parts = cube(True).split(1, 2)
    parents = {id(p.grad_fn.parent) for p in parts}
    assert len(parents) == 1


def test_gradient_of_one_part_alone_is_zero_elsewhere():
    x = cube(True)
    x.split(1, 1)[1].sum().backward()
    assert x.grad.sum((0, 2)).tolist() == [0.0, 8.0, 0.0]


def test_an_empty_dim_splits_into_one_part():
    assert [tuple(p.shape) for p in tg.zeros(0, 2).split(3)] == [(0, 2)]
    assert len(tg.zeros(0, 2).chunk(3)) == 3


def test_iteration_gives_views_and_one_node():
    x = cube(True)
    tg.stack([row * i for i, row in enumerate(x)]).sum().backward()
    assert x.grad[0].sum().item() == 0 and x.grad[1].sum().item() == 12
    with pytest.raises(TypeError, match="0-d"):
        iter(tg.tensor(1.0))


def test_copy_carries_the_gradient_to_its_source():
    x, y = cube(True), tg.tensor([1.0, 2, 3, 4], requires_grad=True)
    z = x * 1
    z[:, 1].copy_(y)
    z.sum().backward()
    assert x.grad[:, 1].abs().sum().item() == 0 and x.grad[:, 0].sum().item() == 8
    assert y.grad.tolist() == [2.0] * 4 and y.grad.dtype == tg.float32


def test_detach_shares_the_version():
    x = cube(True)
    y = x * 1
    z = y * y
    y.detach().zero_()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        z.sum().backward()


def test_contiguous_and_to_return_the_tensor_itself_if_nothing_changes():
    x = cube()
    assert x.contiguous() is x and x.to(tg.float64) is x and x.to("cpu") is x and x.double() is x
    assert x.to(x.dtype, copy=True) is not x
    assert x.transpose(0, 2).contiguous().is_contiguous()


def test_a_cast_to_integers_has_no_history():
    x = cube(True)
    assert not x.long().requires_grad and not x.bool().requires_grad
    assert x.float().requires_grad
    x.float().sum().backward()
    assert x.grad.dtype == tg.float64


def test_a_gradient_crosses_devices(device):
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    y = x.to(device) * 3
    y.to("cpu").sum().backward()
    assert x.grad.tolist() == [3.0, 3.0] and x.grad.device == tg.device("cpu")


def test_a_view_of_read_only_memory_can_be_read():
    a = np.arange(4.0)
    a.flags.writeable = False
    x = tg.from_numpy(a)
    assert x[::2].expand(3, 2).sum().item() == 6
    with pytest.raises(RuntimeError, match="read-only"):
        x[0] = 1.0
