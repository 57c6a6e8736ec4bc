"""x[index]: any index against NumPy, read and written, with gradients; order and counts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import tritongrad as tg
from tritongrad.testing import gradcheck

SHAPES = hnp.array_shapes(min_dims=1, max_dims=4, min_side=1, max_side=4)


@st.composite
def basic(draw):
    """A shape and an index of ints, slices with any step, None and an Ellipsis."""
    shape = draw(SHAPES)
    return shape, draw(hnp.basic_indices(shape, allow_newaxis=True, allow_ellipsis=True))


@st.composite
def advanced(draw):
    """A shape and an index with int arrays, masks and slices.

    There are no ints in it: beside arrays with a slice between them, NumPy counts them as arrays
    and PyTorch does not.
    """
    shape = draw(SHAPES)
    common = draw(st.sampled_from([(3,), (2, 1), (2, 3), (0,)]))
    items, dim = [], 0
    while dim < len(shape):
        kind, n = draw(st.integers(0, 4)), shape[dim]
        if kind == 0:
            items.append(slice(draw(st.integers(-5, 5)), None, draw(st.integers(1, 3))))
        elif kind == 1:
            items.append(None)
            continue
        elif kind == 2 and len(common) == 1 and n >= common[0]:
            mask = np.zeros(n, bool)
            mask[draw(st.permutations(range(n)))[: common[0]]] = True
            items.append(mask)
        elif kind == 3 and not items:
            mask = draw(hnp.arrays(bool, shape[dim : dim + 2]))
            return shape, tuple([mask])
        else:
            items.append(draw(hnp.arrays(np.int64, common, elements=st.integers(-n, n - 1))))
        dim += 1
    return shape, tuple(items)


def values(shape):
    return np.random.default_rng(3).standard_normal(shape)


def tensors(index, device="cpu"):
    """The index with its arrays as tensors."""
    if not isinstance(index, tuple):
        return index
    return tuple(
        tg.from_numpy(i).to(device) if isinstance(i, np.ndarray) and i.ndim else i for i in index
    )


def check_read(x, index, device="cpu"):
    t = tg.tensor(x, device=device)
    got, want = t[tensors(index, device)], x[index]
    assert tuple(got.shape) == np.shape(want) and got.dtype == tg.float64
    assert np.array_equal(got.cpu().numpy(), want)


def check_write(x, index, value, device="cpu"):
    want, t = x.copy(), tg.tensor(x, device=device)
    want[index] = value
    t[tensors(index, device)] = tg.tensor(value, device=device)
    assert np.array_equal(t.cpu().numpy(), want)


@given(basic())
@settings(max_examples=300, deadline=None)
def test_basic_index_reads_writes_and_shares_memory(case):
    shape, index = case
    x = values(shape)
    check_read(x, index)
    check_write(x, index, np.float64(7.0))
    check_write(x, index, values(x[index].shape))
    t = tg.tensor(x)
    t[index].fill_(5.0)
    x[index] = 5.0
    assert np.array_equal(t.numpy(), x)


@given(advanced())
@settings(max_examples=300, deadline=None)
def test_advanced_index_reads_a_copy_and_writes(case):
    shape, index = case
    x = values(shape)
    check_read(x, index)
    check_write(x, index, np.float64(7.0))
    check_write(x, index, values(x[index].shape)[..., :1] * 0 + 2.5)
    if any(isinstance(i, np.ndarray) for i in index):
        t = tg.tensor(x)
        t[tensors(index)].zero_()
        assert np.array_equal(t.numpy(), x)


@given(st.one_of(basic(), advanced()))
@settings(max_examples=100, deadline=None)
def test_gradient_of_reading_counts_every_use(case):
    shape, index = case
    x = tg.tensor(values(shape), requires_grad=True)
    got = x[tensors(index)]
    weight = values(tuple(got.shape))
    (got * tg.tensor(weight)).sum().backward()
    want = np.zeros(shape)
    np.add.at(want, index, weight)
    assert np.allclose(x.grad.numpy(), want)


@given(st.one_of(basic(), advanced()))
@settings(max_examples=100, deadline=None)
def test_gradient_of_writing_goes_to_the_value_and_leaves_the_rest(case):
    shape, index = case
    x, v = tg.tensor(values(shape), requires_grad=True), tg.tensor(2.0, requires_grad=True)
    y = x * 1
    y[tensors(index)] = v
    y.sum().backward()
    kept = np.ones(shape)
    kept[index] = 0
    assert np.array_equal(x.grad.numpy(), kept)
    assert v.grad.item() == kept.size - kept.sum()


@given(advanced())
@settings(max_examples=25, deadline=None)
def test_advanced_index_on_every_device(device, case):
    shape, index = case
    x = values(shape)
    check_read(x, index, device)
    check_write(x, index, np.float64(7.0), device)


def test_reading_a_copy_with_second_order_gradients():
    x = tg.tensor(values((4, 3)), requires_grad=True)
    index = tg.tensor([[0, 3], [3, 1]])

    def f(x):
        y = x * x
        y[index, 1] = x[0, 0] * 3  # of entries for one place the last one stays, and alone counts
        y[[2, 2, 0]] *= x[:3]
        y[:, 2].scatter_(0, index[:, 0], x[:2, 1])
        return y[index] * y[:1, [2, 0]][:, 0]

    assert gradcheck(f, (x,))


@pytest.mark.parametrize(
    ("index", "shape"),
    [
        ((0, slice(None), [0, 1]), (3, 2)),  # NumPy has (2, 3)
        (([0, 1], 0, [0, 1]), (2,)),
        ((slice(None), [2], slice(None)), (2, 1, 4)),
        ((slice(None), range(2)), (2, 2, 4)),
        ([0, 1, 0], (3, 3, 4)),
        ([], (0, 3, 4)),
        (True, (1, 2, 3, 4)),
        (False, (0, 2, 3, 4)),
        ((..., None), (2, 3, 4, 1)),
        ([True, False], (1, 3, 4)),
        (np.array([1, 0]), (2, 3, 4)),
        (np.int64(1), (3, 4)),
        ((slice(None), [True, False, True]), (2, 2, 4)),
        ([[0, 1], [1, 0]], (2, 2, 3, 4)),
    ],
    ids=str,
)
def test_shape_of_an_index_is_pytorchs(index, shape):
    assert tg.zeros(2, 3, 4)[index].shape == shape


def test_0d_tensors_are_ints_in_an_index():
    x = tg.arange(12).reshape(3, 4)
    i = tg.tensor(1)
    assert x[i].tolist() == [4, 5, 6, 7] and x[i : i + 2, i].tolist() == [5, 9]
    assert x[tg.tensor(1, dtype=tg.int32), -i].item() == 7
    memory = np.arange(5)
    assert memory[i : i + 2].tolist() == [1, 2]


def test_an_index_that_changes_later_does_not_change_the_gradient():
    x, index = tg.ones(4, requires_grad=True), tg.tensor([0, 1])
    y = x[index]
    index.fill_(3)
    y.sum().backward()
    assert x.grad.tolist() == [1.0, 1.0, 0.0, 0.0]


def test_masks_fill_as_programs_write_them():
    g = tg.tensor([[1.0, -2.0], [-3.0, 4.0]])
    g[g < 0] = 0
    assert g.tolist() == [[1.0, 0.0], [0.0, 4.0]]
    g[tg.tensor([True, False])] = -1
    assert g.tolist() == [[-1.0, -1.0], [0.0, 4.0]]
    g[g > 100] = tg.tensor(5.0)
    g[g < 0] = tg.tensor([7.0, 8.0])
    assert g.tolist() == [[7.0, 8.0], [0.0, 4.0]]


def test_written_values_are_cast_and_broadcast():
    x = tg.zeros(2, 3, dtype=tg.int64)
    x[0] = 1.9
    x[1] = tg.tensor([1.5, 2.5, 3.5])
    assert x.tolist() == [[1, 1, 1], [1, 2, 3]]
    y = tg.zeros(2, 3)
    y[:, 0] = tg.tensor([[[1.0, 2.0]]])
    y[0, [1, 2]] = np.array([3.0, 4.0])
    y[1, 1:] = [5, 6]
    assert y.tolist() == [[1.0, 3.0, 4.0], [2.0, 5.0, 6.0]]


def test_augmented_assignment_writes_once_with_its_gradient():
    x = tg.ones(3, requires_grad=True)
    y = x * 2
    y[1] *= 5
    y[[0, 2]] += x[1:]
    (y * y).sum().backward()
    assert y.tolist() == [3.0, 10.0, 3.0]
    assert x.grad.tolist() == [12.0, 200 + 6.0, 12.0 + 6.0]


def test_a_leaf_cannot_be_indexed_into():
    x = tg.ones(3, requires_grad=True)
    for index in (0, slice(1), [0, 1], tg.tensor([True, False, True]), ...):
        with pytest.raises(RuntimeError, match=r"setitem: .* leaf Variable that requires grad"):
            x[index] = 1.0
    with tg.no_grad():
        x[0] = 5.0
    assert x.tolist() == [5.0, 1.0, 1.0] and x.is_leaf


@given(
    hnp.arrays(np.int64, st.integers(0, 40), elements=st.integers(0, 6)),
    st.sampled_from(["float32", "float16", "int64", "int32", "bfloat16"]),
)
@settings(max_examples=60, deadline=None)
def test_sums_at_indices_are_exact_to_one_rounding(index, dtype):
    source = np.random.default_rng(0).uniform(-2, 2, (index.size, 3))
    values = tg.tensor(source * 10).to(getattr(tg, dtype))
    got = tg.zeros(7, 3, dtype=values.dtype).index_add_(0, tg.from_numpy(index), values)
    want = np.zeros((7, 3))
    np.add.at(want, index, values.double().numpy())
    assert got.tolist() == tg.tensor(want).to(values.dtype).tolist()
    flat = tg.zeros(7, dtype=values.dtype).scatter_add_(0, tg.from_numpy(index), values[:, 0])
    assert flat.tolist() == tg.tensor(want[:, 0]).to(values.dtype).tolist()


def test_sort_is_stable_and_puts_nan_last():
    x = tg.tensor([2.0, float("nan"), 1.0, 2.0, -float("inf")])
    assert x.sort().indices.tolist() == [4, 2, 0, 3, 1]
    assert x.sort(descending=True).indices.tolist() == [1, 0, 3, 2, 4]
    values, indices = tg.topk(x, 2, largest=False)
    assert values.tolist() == [-float("inf"), 1.0] and indices.tolist() == [4, 2]


def test_gradient_of_sorted_values_goes_where_they_came_from():
    x = tg.tensor([3.0, 1.0, 2.0], requires_grad=True)
    (x.sort().values * tg.tensor([1.0, 10.0, 100.0])).sum().backward()
    assert x.grad.tolist() == [100.0, 1.0, 10.0]


def test_unique_and_counts():
    x = tg.tensor([[3, 1], [3, 2]])
    found, inverse, counts = x.unique(return_inverse=True, return_counts=True)
    assert found.tolist() == [1, 2, 3] and counts.tolist() == [1, 1, 2]
    assert inverse.tolist() == [[2, 0], [2, 1]]
    assert x.unique(dim=1).tolist() == [[1, 3], [2, 3]]
    assert tg.bincount(tg.tensor([1, 1, 3])).tolist() == [0, 2, 0, 1]
    assert tg.searchsorted(tg.tensor([1.0, 2.0]), tg.tensor([2.0, 0.0])).tolist() == [1, 0]


def test_where_of_a_condition_alone_gives_positions():
    rows, columns = tg.where(tg.tensor([[True, False], [False, True]]))
    assert rows.tolist() == [0, 1] and columns.tolist() == [0, 1]
    with pytest.raises(TypeError, match="where"):
        tg.where(tg.tensor([True]), 1.0)
