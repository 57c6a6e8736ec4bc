"""What programs written for PyTorch do that other tests do not: found by running such programs."""

from __future__ import annotations

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
