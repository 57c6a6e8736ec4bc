"""repr of tensors: the texts are PyTorch 2's, with our name in the dtypes."""

from __future__ import annotations

from math import inf, nan

import numpy as np
import pytest

import tritongrad as tg
from tritongrad.nn.parameter import Parameter

CASES = [
    (1.5, {}, "tensor(1.5000)"),
    (3, {}, "tensor(3)"),
    (True, {}, "tensor(True)"),
    ([], {}, "tensor([])"),
    ([1, 20, -300], {}, "tensor([   1,   20, -300])"),
    ([1.0, 2.0, 30.0], {}, "tensor([ 1.,  2., 30.])"),
    ([1.5, -2.25, 30.0], {}, "tensor([ 1.5000, -2.2500, 30.0000])"),
    ([[True, False]], {}, "tensor([[ True, False]])"),
    ([nan, 1.0, 2.0], {}, "tensor([nan, 1., 2.])"),
    ([nan, 1.5, -inf], {}, "tensor([   nan, 1.5000,   -inf])"),
    ([inf, inf], {}, "tensor([inf, inf])"),
    ([1e-05, 1.0], {}, "tensor([1.0000e-05, 1.0000e+00])"),
    ([1000000000.0, 1.0], {}, "tensor([1.0000e+09, 1.0000e+00])"),
    ([100000.0, 1.5], {}, "tensor([1.0000e+05, 1.5000e+00])"),
    ([0.0, 0.0], {}, "tensor([0., 0.])"),
    ([100.0, 0.5, 1e-30], {}, "tensor([1.0000e+02, 5.0000e-01, 1.0000e-30])"),
    ([-0.0, 1.5], {}, "tensor([-0.0000, 1.5000])"),
    ([0.5], {"dtype": "float64"}, "tensor([0.5000], dtype=tritongrad.float64)"),
    ([0.5], {"dtype": "float16"}, "tensor([0.5000], dtype=tritongrad.float16)"),
    ([0.5], {"dtype": "bfloat16"}, "tensor([0.5000], dtype=tritongrad.bfloat16)"),
    ([1, 2], {"dtype": "int32"}, "tensor([1, 2], dtype=tritongrad.int32)"),
    ([1, 2], {"dtype": "uint8"}, "tensor([1, 2], dtype=tritongrad.uint8)"),
    ([0.5], {"requires_grad": True}, "tensor([0.5000], requires_grad=True)"),
    (
        [0.5],
        {"requires_grad": True, "dtype": "float64"},
        "tensor([0.5000], dtype=tritongrad.float64, requires_grad=True)",
    ),
]


@pytest.fixture(autouse=True)
def _usual_options():
    yield
    tg.set_printoptions(profile="default")


@pytest.mark.parametrize(("data", "options", "text"), CASES)
def test_repr(data, options, text):
    assert repr(tg.tensor(data, **options)) == text


def test_matrices_stand_apart():
    x = tg.arange(24.0).reshape(2, 3, 4) / 7
    assert (
        repr(x)
        == """\
tensor([[[0.0000, 0.1429, 0.2857, 0.4286],
         [0.5714, 0.7143, 0.8571, 1.0000],
         [1.1429, 1.2857, 1.4286, 1.5714]],

        [[1.7143, 1.8571, 2.0000, 2.1429],
         [2.2857, 2.4286, 2.5714, 2.7143],
         [2.8571, 3.0000, 3.1429, 3.2857]]])"""
    )


def test_more_than_1000_elements_show_their_edges(device):
    x = tg.arange(1200, device=device).reshape(30, 40)
    text = (
        repr(x).replace(f", device='{x.device}'", "").replace(f",\n       device='{x.device}'", "")
    )
    assert (
        text
        == """\
tensor([[   0,    1,    2,  ...,   37,   38,   39],
        [  40,   41,   42,  ...,   77,   78,   79],
        [  80,   81,   82,  ...,  117,  118,  119],
        ...,
        [1080, 1081, 1082,  ..., 1117, 1118, 1119],
        [1120, 1121, 1122,  ..., 1157, 1158, 1159],
        [1160, 1161, 1162,  ..., 1197, 1198, 1199]])"""
    )


def test_lines_end_before_column_80_and_suffixes_too():
    x = tg.ones(30, dtype=tg.float64, requires_grad=True) / 3
    assert (
        repr(x)
        == """\
tensor([0.3333, 0.3333, 0.3333, 0.3333, 0.3333, 0.3333, 0.3333, 0.3333, 0.3333,
        0.3333, 0.3333, 0.3333, 0.3333, 0.3333, 0.3333, 0.3333, 0.3333, 0.3333,
        0.3333, 0.3333, 0.3333, 0.3333, 0.3333, 0.3333, 0.3333, 0.3333, 0.3333,
        0.3333, 0.3333, 0.3333], dtype=tritongrad.float64,
       grad_fn=<DivBackward0>)"""
    )


def test_empty_tensors_tell_their_size():
    assert repr(tg.zeros(0, 3)) == "tensor([], size=(0, 3))"
    whole = tg.zeros(2, 0, dtype=tg.int64)
    assert repr(whole) == "tensor([], size=(2, 0), dtype=tritongrad.int64)"
    assert repr(whole[0]) == "tensor([], dtype=tritongrad.int64)"


def test_history_and_device(device):
    x = tg.tensor([1.5, 2.5], requires_grad=True)
    assert repr(x * 2) == "tensor([3., 5.], grad_fn=<MulBackward0>)"
    assert repr(x[0]) == "tensor(1.5000, grad_fn=<SelectBackward0>)"
    where = "" if device == "cpu" else f", device='{tg.zeros(1, device=device).device}'"
    assert repr(tg.ones(2, device=device)) == f"tensor([1., 1.]{where})"


def test_parameters_say_so():
    p = Parameter(tg.tensor([1.5]))
    assert repr(p) == "Parameter containing:\ntensor([1.5000], requires_grad=True)"


def test_print_options():
    tg.set_printoptions(precision=2)
    assert repr(tg.tensor([1.23456, 2.0])) == "tensor([1.23, 2.00])"
    tg.set_printoptions(profile="default", sci_mode=True)
    assert repr(tg.tensor([1.23456, 2.0])) == "tensor([1.2346e+00, 2.0000e+00])"
    tg.set_printoptions(profile="default", edgeitems=1, threshold=5)
    assert repr(tg.arange(6)) == "tensor([0,  ..., 5])"
    tg.set_printoptions(profile="default", linewidth=30)
    assert repr(tg.arange(10)) == "tensor([0, 1, 2, 3, 4, 5, 6,\n        7, 8, 9])"
    tg.set_printoptions(profile="full")
    assert "..." not in repr(tg.arange(1500))
    with pytest.raises(ValueError, match="'wide' is not one of"):
        tg.set_printoptions(profile="wide")


def test_a_large_tensor_is_printed_from_its_edges():
    x = tg.from_numpy(np.broadcast_to(np.float32(0.5), (10**6, 10**6)))
    assert repr(x).startswith("tensor([[0.5000, 0.5000, 0.5000,  ..., 0.5000")
