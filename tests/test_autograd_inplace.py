"""Writes in place: versions, leaves, views whose history moves with their base."""

from __future__ import annotations

import pytest

import tritongrad as tg


def leaf(*values, device="cpu"):
    return tg.tensor(list(values), device=device, requires_grad=True)


def test_a_saved_tensor_changed_in_place_is_an_error_that_names_the_operations():
    a = leaf(1.0, 2.0) * 1.0
    y = a.exp()
    y.mul_(2.0)
    with pytest.raises(RuntimeError) as caught:
        y.sum().backward()
    text = str(caught.value)
    for word in ("modified by an inplace operation", "ExpBackward0", "mul_", "version", "[2]"):
        assert word in text


@pytest.mark.parametrize("write", ["zero_", "fill_", "copy_", "index", "view", "detach", "no_grad"])
def test_every_kind_of_write_is_seen(write):
    a = leaf(1.0, 2.0) * 1.0
    y = (a * a).sum()
    match write:
        case "zero_":
            a.zero_()
        case "fill_":
            a.fill_(3.0)
        case "copy_":
            a.copy_(tg.zeros(2))
        case "index":
            a[0] = 5.0
        case "view":
            a[:1].mul_(2.0)
        case "detach":
            a.detach().mul_(2.0)
        case "no_grad":
            with tg.no_grad():
                a.mul_(2.0)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.backward()


def test_writes_through_data_are_not_seen():
    a = leaf(1.0, 2.0) * 1.0
    y = (a * a).sum()
    a.data.zero_()
    y.backward()


@pytest.mark.parametrize(
    "write",
    [
        lambda x: x.add_(1.0),
        lambda x: x.zero_(),
        lambda x: x[0].mul_(2.0),
        lambda x: x.__isub__(1.0),
        lambda x: x.__setitem__(0, 1.0),
        lambda x: x.reshape(2, 1).mul_(2.0),
        lambda x: x.clamp_(0.0, 1.0),
        lambda x: x.copy_(tg.zeros(2)),
    ],
    ids="add_ zero_ view isub setitem reshape clamp_ copy_".split(),
)
def test_a_leaf_that_requires_grad_refuses_writes(write):
    x = leaf(1.0, 2.0)
    with pytest.raises(RuntimeError, match=r"leaf Variable that requires grad.*no_grad\(\)"):
        write(x)
    assert x.tolist() == [1.0, 2.0]
    with tg.no_grad():
        write(x)
    assert x.is_leaf
    assert x.requires_grad


def test_in_place_on_a_tensor_in_the_middle_moves_its_history(device):
    x = leaf(1.0, 2.0, device=device)
    y = x * 3.0
    y.mul_(x)
    y.add_(1.0)
    y.sum().backward()
    assert x.grad.tolist() == [6.0, 12.0]


def test_in_place_on_a_constant_by_a_recorded_tensor_records_it(device):
    x = leaf(1.0, 2.0, device=device)
    y = tg.ones(2, device=device)
    y.mul_(x)
    assert y.requires_grad
    y.sum().backward()
    assert x.grad.tolist() == [1.0, 1.0]


def test_a_write_through_a_view_changes_the_gradient_of_its_base(device):
    x = leaf(1.0, 2.0, 3.0, device=device)
    base = x * 1.0
    base[:2].mul_(10.0)
    base.sum().backward()
    assert base.tolist() == [10.0, 20.0, 3.0]
    assert x.grad.tolist() == [10.0, 10.0, 1.0]


def test_a_write_to_the_base_changes_the_gradient_of_its_views(device):
    x = leaf(1.0, 2.0, 3.0, device=device)
    base = x * 1.0
    view = base[1:]
    base.mul_(5.0)
    view.sum().backward()
    assert view.tolist() == [10.0, 15.0]
    assert x.grad.tolist() == [0.0, 5.0, 5.0]


def test_a_write_through_one_view_reaches_another(device):
    x = leaf(1.0, 2.0, 3.0, 4.0, device=device)
    base = x * 1.0
    rows = base.reshape(2, 2)
    tail = base[2:]
    rows[1].mul_(3.0)
    tail.sum().backward()
    assert x.grad.tolist() == [0.0, 0.0, 3.0, 3.0]


def test_setitem_gives_the_gradient_to_the_value_and_zero_to_what_it_replaced(device):
    x, v = leaf(1.0, 2.0, 3.0, device=device), leaf(7.0, device=device)
    y = x * 2.0
    y[1:2] = v
    y[0] = 5.0
    (y * tg.tensor([1.0, 10.0, 100.0], device=device)).sum().backward()
    assert x.grad.tolist() == [0.0, 0.0, 200.0]
    assert v.grad.tolist() == [10.0]


def test_a_view_of_a_view_written_in_place():
    x = tg.ones((2, 3), requires_grad=True)
    base = x * 1.0
    base.t()[1].mul_(4.0)
    base.sum().backward()
    assert x.grad.tolist() == [[1.0, 4.0, 1.0]] * 2


@pytest.mark.parametrize(
    ("write", "expected"),
    [
        (lambda a: a[1:].sub_(a[:-1]), [1.0, 1.0, 1.0, 1.0]),
        (lambda a: a.sub_(a), [0.0] * 4),
        (lambda a: a[::2].mul_(a[1::2]), [2.0, 2.0, 12.0, 4.0]),
        (lambda a: a.copy_(a.flip(0)), [4.0, 3.0, 2.0, 1.0]),
    ],
    ids=["shifted", "self", "interleaved", "flipped"],
)
def test_overlapping_operands_give_what_copies_would(write, expected, device):
    a = tg.tensor([1.0, 2.0, 3.0, 4.0], device=device)
    write(a)
    assert a.tolist() == expected


def test_x_minus_its_own_transpose_in_place(device):
    values = [[float(3 * i + j) for j in range(3)] for i in range(3)]
    x = tg.tensor(values, device=device)
    x.sub_(x.t())
    assert x.tolist() == [[2.0 * (i - j) for j in range(3)] for i in range(3)]


def test_an_expanded_target_is_refused_and_unchanged(device):
    x = tg.ones((1, 3), device=device)
    with pytest.raises(RuntimeError, match=r"add_.*single memory location.*clone\(\)"):
        x.expand(2, 3).add_(1.0)
    assert x.tolist() == [[1.0] * 3]


@pytest.mark.parametrize(
    ("make", "write", "words"),
    [
        (lambda: tg.ones(1, 3), lambda x: x.sub_(tg.ones(2, 3)), ("sub_", "[1, 3]", "[2, 3]")),
        (lambda: tg.ones(2, dtype=tg.int64), lambda x: x.sub_(0.5), ("sub_", "float32", "int64")),
        (lambda: tg.ones(2, dtype=tg.int64), lambda x: x.div_(2), ("div_", "int64")),
        (lambda: tg.ones(2, dtype=tg.bool), lambda x: x.add_(1), ("add_", "bool")),
    ],
    ids=["wider", "float-into-int", "div-int", "int-into-bool"],
)
def test_a_refused_write_changes_neither_values_nor_version(make, write, words):
    x = make()
    before, version = x.tolist(), x._version_count
    with pytest.raises(RuntimeError) as caught:
        write(x)
    assert all(w in str(caught.value) for w in words)
    assert (x.tolist(), x._version_count) == (before, version)


def test_int8_wraps_in_place_as_pytorch_does():
    x = tg.tensor([127, 1], dtype=tg.int8)
    x.add_(tg.tensor([1, 300]))
    assert x.tolist() == [-128, 45]


def test_versions_are_shared_by_views_and_detach():
    x = tg.ones(4)
    view, twin = x[1:], x.detach()
    view.mul_(2.0)
    twin.mul_(2.0)
    assert x._version_count == view._version_count == twin._version_count == 2
