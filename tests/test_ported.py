"""What programs written for PyTorch do that other tests do not: found by running such programs."""

from __future__ import annotations

import math

import numpy as np
import pytest

import tritongrad as tg
from tritongrad import nn
from tritongrad.nn import functional as F

INPLACE = {
    "leaky_relu": (0.2,),
    "elu": (1.5,),
    "selu": (),
    "celu": (1.5,),
    "silu": (),
    "mish": (),
    "hardtanh": (-1.0, 2.0),
    "relu6": (),
    "hardsigmoid": (),
    "hardswish": (),
    "threshold": (0.5, 0.1),
    "relu": (),
    "dropout": (1.0, True),
    "dropout2d": (1.0, True),
}


@pytest.mark.parametrize("name", INPLACE)
def test_a_curve_in_place_has_the_gradient_of_the_curve(device, name):
    curve, args = getattr(F, name), INPLACE[name]
    grads = []
    for inplace in (False, True):
        x = tg.tensor([[-4.0, -0.7, 0.3, 2.5, 9.0]], device=device, requires_grad=True)
        hidden = x * 1.5
        y = curve(hidden, *args, inplace=inplace)
        assert (y is hidden) == inplace
        (y * y).sum().backward()
        grads.append(x.grad.tolist())
    assert grads[0] == grads[1]
    with tg.no_grad():
        expected = curve(x, *args).tolist()
        assert curve(x, *args, inplace=True) is x and x.tolist() == expected


def test_layers_after_an_activation_in_place_learn():
    net = nn.Sequential(nn.Linear(3, 4), nn.LeakyReLU(0.2, inplace=True), nn.Linear(4, 1))
    net(tg.ones(2, 3)).sum().backward()
    assert all(p.grad is not None for p in net.parameters())


def test_a_tensor_beside_none_or_a_word_is_another_object(device):
    x = tg.ones(2, device=device)
    for other in (None, "x", [1.0, 1.0], {}, object()):
        assert (x == other) is False and (x != other) is (other != x) is True
    assert x.grad == None  # noqa: E711  (as programs write it)
    assert (x == 1).tolist() == (x == x).tolist() == [True, True]
    with pytest.raises(TypeError, match="eq"):
        x.eq(None)


x = tg.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
whole = tg.tensor([1, 2, 3])
nan = math.nan
image, filters = tg.ones(1, 3, 4, 4), tg.ones(2, 3, 3, 3)
labels = tg.tensor([0, 1])


def assign(t, at, value):
    t = t.clone()
    t[at] = value


# What was accepted, with a result that means nothing, or with an error that said nothing.
REFUSED = [
    (lambda: assign(x, 0, None), TypeError, "setitem: can't assign NoneType"),
    (lambda: assign(x, x > 2, None), TypeError, "setitem"),
    (lambda: assign(x, (0, [0, 1]), "3"), TypeError, "setitem: can't assign str '3'"),
    (lambda: x.index_put((tg.tensor([0]),), None), TypeError, "index_put: argument 'values'"),
    (lambda: tg.full((2,), None), TypeError, "full: argument 'fill_value'"),
    (lambda: tg.full((2,), [1, 2]), TypeError, "full: argument 'fill_value'"),
    (lambda: tg.full_like(x, "1"), TypeError, "full_like: argument 'fill_value'"),
    (lambda: x.new_full((2, 3), None), TypeError, "new_full: argument 'fill_value'"),
    (lambda: tg.full((2,), nan, dtype=tg.int64), RuntimeError, "full: value nan .* int64"),
    (lambda: tg.full_like(whole, math.inf), RuntimeError, "full_like: value inf"),
    (lambda: whole.new_full((3,), nan), RuntimeError, "new_full: value nan"),
    (lambda: tg.tensor(nan, dtype=tg.int64), RuntimeError, "tensor: .* int64 without overflow"),
    (lambda: tg.tensor([1.0, 2.0**63], dtype=tg.int64), RuntimeError, "without overflow"),
    (lambda: tg.as_tensor([1, 300], dtype=tg.uint8), RuntimeError, "as_tensor: .* uint8"),
    (lambda: tg.zeros(2, dtype=x), TypeError, "dtype"),
    (lambda: x.to("gpu"), RuntimeError, "cpu, cuda, interpret.*'gpu' is not one of bool"),
    (lambda: x.type_as(None), TypeError, "type_as: argument 'other' must be a Tensor"),
    (lambda: tg.Tensor(2.5), TypeError, "Tensor: data must be a sequence"),
    (lambda: tg.arange(nan), RuntimeError, "arange: unsupported range"),
    (lambda: tg.arange(0, math.inf), RuntimeError, "arange: unsupported range"),
    (lambda: x.clone().normal_(0, -1), RuntimeError, "normal_ expects std >= 0.0"),
    (lambda: x.clone().uniform_(2, 1), RuntimeError, "uniform_ expects from_ <= to"),
    (lambda: tg.normal(0.0, -1.0, (2,)), RuntimeError, "normal expects std >= 0.0"),
    (lambda: tg.normal(x, -x), RuntimeError, "normal expects std >= 0.0"),
    (lambda: tg.normal(x, tg.ones(2)), RuntimeError, "do not broadcast"),
    (lambda: tg.bernoulli(x), RuntimeError, "bernoulli: expects probabilities"),
    (lambda: tg.bernoulli(x, 1.5), RuntimeError, "bernoulli: expects probabilities"),
    (lambda: x.repeat_interleave(-1), RuntimeError, "repeat_interleave: .* got -1"),
    (lambda: x.repeat_interleave(tg.tensor([2, -1]), 0), RuntimeError, "got -1"),
    (lambda: tg.quantile(x, None), TypeError, "quantile: q must be a number"),
    (lambda: tg.quantile(x, x / 6), RuntimeError, "quantile: q must be a scalar or 1D"),
    (lambda: tg.quantile(x, nan), RuntimeError, "quantile: q must lie in"),
    (lambda: x[0, 0].expand(-1), RuntimeError, "leading, non-existing dimension"),
    (lambda: x.expand(-4, 2, 3), RuntimeError, "leading, non-existing dimension"),
    (lambda: F.one_hot(labels, 2.5), TypeError, "one_hot: argument 'num_classes' must be int"),
    (lambda: tg.bucketize(x, x), RuntimeError, "bucketize: boundaries .* 1 dimension"),
    (lambda: tg.searchsorted(x[0], "a"), TypeError, "searchsorted: argument 'input'"),
    (lambda: tg.searchsorted(x[0, 0], 1.0), RuntimeError, "positive dimension"),
    (lambda: tg.bincount(whole, x), RuntimeError, "bincount: weights should be 1-d"),
    (lambda: tg.histc(x, 0), RuntimeError, "histc: bins must be"),
    (lambda: x.topk(1.5), TypeError, "topk: argument 'k' must be int"),
    (lambda: x.chunk(1.5), TypeError, "chunk: argument 'chunks' must be int"),
    (lambda: x[0, 0].chunk(2), RuntimeError, "at least a 1-dimensional"),
    (lambda: tg.zeros(0).chunk(2**62), RuntimeError, "chunk: .* sections"),
    (lambda: x.tensor_split([0.5]), TypeError, "tensor_split: argument"),
    (lambda: tg.tensordot(x, x, 5), RuntimeError, "tensordot: dims must lie"),
    (lambda: F.cross_entropy(x, labels, tg.ones(2)), RuntimeError, "cross_entropy: .* 3 classes"),
    (lambda: F.nll_loss(x, labels, tg.ones(3, 1)), RuntimeError, "nll_loss: .* all 3 classes"),
    (lambda: F.conv2d(image, filters, stride=0), RuntimeError, "stride must be greater than 0"),
    (lambda: F.max_pool2d(image, 0), RuntimeError, "kernel_size must be greater than 0"),
    (lambda: F.max_pool2d(image, (2, 2, 2)), RuntimeError, "one int or a tuple of two"),
    (lambda: F.avg_pool2d(image, "a"), TypeError, "an int or a tuple of ints, got 'a'"),
    (lambda: F.adaptive_avg_pool2d(image, 0), RuntimeError, "output_size must be greater"),
    (lambda: F.batch_norm(x, tg.zeros(2), tg.ones(2)), RuntimeError, "contain 3 elements not"),
    (lambda: F.glu(tg.tensor(1.0)), RuntimeError, "glu: does not support scalars"),
    (lambda: nn.Conv2d(3, 4, 3, padding="full"), ValueError, "'valid', 'same'"),
    (lambda: nn.Conv2d(3, 4, 3, stride=2, padding="same"), ValueError, "strided convolutions"),
]


@pytest.mark.parametrize(("call", "error", "text"), REFUSED)
def test_what_means_nothing_is_refused(call, error, text):
    with pytest.raises(error, match=text):
        call()


def test_values_of_several_libraries_become_tensors_as_in_pytorch():
    assert tg.tensor([np.ones(2), np.ones(2)]).dtype is tg.float64
    assert tg.tensor([np.float64(1.5), 2.0]).dtype is tg.float64
    assert tg.tensor([np.float32(1.5), np.float32(2.0)]).dtype is tg.float32
    assert tg.tensor([1.5, 2]).dtype is tg.float32
    losses = [tg.tensor([1.0]), tg.tensor(2.0, requires_grad=True)]
    assert tg.tensor(losses).tolist() == [1.0, 2.0] and tg.tensor(losses).dtype is tg.float32
    assert tg.full((2,), np.int64(3)).dtype is tg.int64
    assert tg.zeros(2, dtype=float).dtype is x.to(float).dtype is tg.float64
    assert tg.Tensor(whole).dtype is tg.int64
    assert x.clone().copy_(2.5).tolist() == [[2.5] * 3] * 2


def test_comparisons_of_bools_and_of_vectors_broadcast():
    assert tg.allclose(tg.tensor([True]), tg.tensor([True]))
    assert not tg.allclose(tg.tensor([True]), tg.tensor([False]))
    assert F.cosine_similarity(x, x[0]).tolist() == pytest.approx([1.0, 0.974632], rel=1e-5)
    assert F.adaptive_avg_pool2d(image, (2, None)).shape == (1, 3, 2, 4)


def test_quotients_are_rounded_as_asked(device):
    a = tg.tensor([7, -7, 7, -7, 6], device=device)
    b = tg.tensor([2, 2, -2, -2, -3], device=device)
    for x, y in ((a, b), (a.double(), b.double())):
        assert x.div(y, rounding_mode="floor").tolist() == [3, -4, -4, 3, -2]
        assert tg.div(x, y, rounding_mode="trunc").tolist() == [3, -3, -3, 3, -2]
        assert x.div(y, rounding_mode="trunc").dtype is x.dtype
    assert tg.div(a, b).tolist() == (a / b).tolist() == tg.true_divide(a, b).tolist()
    with pytest.raises(RuntimeError, match="rounding_mode must be"):
        a.div(b, rounding_mode="up")


def test_numbers_are_rounded_to_places(device):
    x = tg.tensor([0.125, -1.555, 1234.5], device=device)
    assert x.round(decimals=2).tolist() == pytest.approx([0.12, -1.56, 1234.5], rel=1e-6)
    assert tg.round(x, decimals=-2).tolist() == [0, 0, 1200]
    assert x.round().tolist() == tg.round(x).tolist() == [0, -2, 1234]
    assert repr(x.shape + tg.Size([1])) == "tritongrad.Size([3, 1])"


def test_weighted_products_and_steps(device):
    x = tg.tensor([1.0, 2.0], device=device, requires_grad=True)
    y, z = tg.tensor([3.0, 4.0], device=device), tg.tensor([2.0, 8.0], device=device)
    assert x.addcmul(y, z, value=0.5).tolist() == [4.0, 18.0]
    assert tg.addcdiv(x, y, z).tolist() == [2.5, 2.5]
    assert tg.lerp(x, y, 0.25).tolist() == [1.5, 2.5] and x.lerp(y, 0.75).tolist() == [2.5, 3.5]
    assert x.lerp(y, tg.tensor([0.25, 1.0], device=device)).tolist() == [1.5, 4.0]
    (x.addcmul(x, z) + x.addcdiv(y, z) + x.lerp(y, 0.5)).sum().backward()
    assert x.grad.tolist() == [1 + 2 + 1 + 0.5, 1 + 8 + 1 + 0.5]
    state = y.clone()
    assert state.addcmul_(y, z, value=2) is state and state.tolist() == [15.0, 68.0]
    assert state.addcdiv_(y, z, value=-2).tolist() == [12.0, 67.0]
    assert state.lerp_(y, 1.0).tolist() == y.tolist()


def test_small_things_that_programs_call(device):
    x = tg.tensor([[1.0, math.nan], [math.inf, -math.inf]], device=device)
    most = tg.finfo(tg.float32).max
    assert x.nan_to_num().tolist() == [[1.0, 0.0], [most, -most]]
    assert tg.nan_to_num(x, 2.0, 3.0, 4.0).tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert tg.nan_to_num(x.double())[1].tolist() == [
        1.7976931348623157e308,
        -1.7976931348623157e308,
    ]
    assert tg.nan_to_num(tg.arange(2)).tolist() == [0, 1]
    y = tg.tensor([[1.0, 2.0]], device=device)
    assert tg.inner(y, y).tolist() == [[5.0]] and y[0].inner(y[0, 1]).tolist() == [2.0, 4.0]
    assert y.nelement() == y.ndimension() == 2
    assert y.equal(y) and y.allclose(y) and y.isclose(y + 1).tolist() == [[False, False]]
    assert tg.ones(3, device=device).multinomial(3).sort().values.tolist() == [0, 1, 2]
    rows, columns = tg.meshgrid(y[0], tg.tensor([5.0, 6.0, 7.0], device=device))
    assert rows.tolist() == [[1.0] * 3, [2.0] * 3] and columns.tolist() == [[5.0, 6.0, 7.0]] * 2
    swapped = tg.meshgrid([y[0], columns[0]], indexing="xy")
    assert [t.tolist() for t in swapped] == [rows.t().tolist(), columns.t().tolist()]
    with pytest.raises(RuntimeError, match="meshgrid: indexing"):
        tg.meshgrid(y[0], indexing="yx")
    assert repr(y.max(1)).startswith("max(values=") and repr(y.median(1)).startswith("median(")
    for like in (tg.zeros_like, tg.ones_like, tg.empty_like, tg.rand_like, tg.randn_like):
        assert like(y, memory_format=tg.preserve_format).shape == y.shape
    assert tg.full_like(y, 2, memory_format=tg.contiguous_format).tolist() == [[2.0, 2.0]]
    assert tg.use_deterministic_algorithms(True) is None
    assert tg.are_deterministic_algorithms_enabled()


def test_where_of_two_numbers_has_their_type(device):
    above = tg.tensor([1.0, -1.0], device=device) > 0
    for one, other, dtype in (
        (2.5, 1.5, tg.float32),
        (1e30, -1, tg.float32),
        (1, 0, tg.int64),
        (2**40, -3, tg.int64),
        (True, False, tg.bool),
    ):
        t = tg.where(above, one, other)
        assert t.dtype is dtype and t.tolist() == pytest.approx([one, other], rel=1e-7)
    assert tg.where(above[:0], 1.5, 2.5).shape == (0,)
    assert tg.where(above[0], 1.5, 2.5).item() == 1.5


@pytest.mark.parametrize("name", ["floor_divide", "remainder", "fmod"])
def test_whole_numbers_are_not_divided_by_zero_on_any_device(device, name):
    divide = getattr(tg, name)
    for dtype in (tg.int64, tg.uint8):
        a = tg.tensor([4, 5], dtype=dtype, device=device)
        for b in (tg.tensor([2, 0], dtype=dtype, device=device), 0, tg.tensor(0, device=device)):
            with pytest.raises(ZeroDivisionError, match="contains a 0"):
                divide(a, b)
        assert divide(a, tg.tensor([1, 5], dtype=dtype, device=device)).shape == (2,)
        assert divide(a[:0], a[:0]).shape == (0,)
    assert divide(a.float(), tg.tensor([0.0, 1.0], device=device)).shape == (2,)
    with pytest.raises(ZeroDivisionError):
        a.floor_divide_(a - a)
    assert a.tolist() == [4, 5]
