"""Images of other sizes and padded ones: values, gradients, what is refused."""

from __future__ import annotations

import numpy as np
import pytest

import tritongrad as tg
from tritongrad import nn
from tritongrad.autograd import gradcheck
from tritongrad.nn import functional as F

HOW = [{"scale_factor": 2}, {"scale_factor": 1.7}, {"scale_factor": 0.6}, {"size": 1}, {"size": 9}]
HOW += [{"scale_factor": 1.7, "recompute_scale_factor": True}]
MODES = [("nearest", 3), ("nearest-exact", 4), ("linear", 3), ("bilinear", 4), ("bicubic", 4)]
MODES += [("trilinear", 5)]
CASES = [
    (mode, dims, how, corners)
    for mode, dims in MODES
    for how in HOW
    for corners in ((None,) if mode.startswith("nearest") else (False, True))
]


def random(*shape, dtype=tg.float64):
    return tg.tensor(np.random.default_rng(3).standard_normal(shape), dtype=dtype)


@pytest.mark.parametrize(("mode", "dims", "how", "corners"), CASES)
def test_interpolation_is_that_of_pytorch(mode, dims, how, corners):
    torch = pytest.importorskip("torch")
    x = random(2, *(3, 4, 5, 4)[: dims - 1])
    options = how | {"mode": mode, "align_corners": corners}
    theirs = torch.from_numpy(x.numpy()).requires_grad_()
    want = torch.nn.functional.interpolate(theirs, **options)
    x.requires_grad_()
    got = F.interpolate(x, **options)
    np.testing.assert_allclose(got.detach().numpy(), want.detach().numpy(), 1e-6, 1e-7)
    got.square().sum().backward()
    want.square().sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), theirs.grad.numpy(), 1e-5, 1e-6)


@pytest.mark.parametrize(("mode", "dims", "how", "corners"), CASES[::3])
def test_gradients_of_interpolation(mode, dims, how, corners):
    x = random(1, *(2, 3, 4, 2)[: dims - 1]).requires_grad_()
    assert gradcheck(lambda t: F.interpolate(t, mode=mode, align_corners=corners, **how), (x,))


def test_known_images(device):
    x = tg.tensor([[[[1.0, 2.0], [3.0, 4.0]]]], device=device)
    assert F.interpolate(x, scale_factor=2)[0, 0, :2].tolist() == [[1, 1, 2, 2]] * 2
    corners = F.interpolate(x, size=3, mode="bilinear", align_corners=True)
    assert corners[0, 0].tolist() == [[1, 1.5, 2], [2, 2.5, 3], [3, 3.5, 4]]
    edges = nn.Upsample(scale_factor=2, mode="bilinear")(x)
    assert edges[0, 0, 0].tolist() == [1, 1.25, 1.75, 2]
    assert F.interpolate(x.bfloat16(), size=3, mode="bicubic").dtype is tg.bfloat16
    assert F.interpolate(x.byte(), size=1).tolist() == [[[[1]]]]
    pixels = tg.arange(8.0, device=device).reshape(1, 4, 1, 2)
    mixed = F.pixel_shuffle(pixels, 2)
    assert mixed.tolist() == [[[[0, 2, 1, 3], [4, 6, 5, 7]]]]
    assert nn.PixelUnshuffle(2)(nn.PixelShuffle(2)(pixels)).tolist() == pixels.tolist()


def test_padding_as_modules(device):
    x = tg.tensor([[[1.0, 2.0, 3.0]]], device=device)
    for module, row in (
        (nn.ReflectionPad1d(1), [2, 1, 2, 3, 2]),
        (nn.ReplicationPad1d((2, 0)), [1, 1, 1, 2, 3]),
        (nn.ConstantPad1d(1, 7.0), [7, 1, 2, 3, 7]),
        (nn.ZeroPad1d((0, 1)), [1, 2, 3, 0]),
        (nn.CircularPad1d(1), [3, 1, 2, 3, 1]),
    ):
        assert module(x).tolist() == [[row]]
    image = x.unsqueeze(0)
    assert nn.ZeroPad2d((1, 0, 0, 1))(image).tolist() == [[[[0, 1, 2, 3], [0, 0, 0, 0]]]]
    assert nn.ConstantPad3d(1, 2.0)(image.unsqueeze(0)).shape == (1, 1, 3, 3, 5)
    for module in (nn.ReplicationPad2d(1), nn.CircularPad2d(1)):
        assert module(image).shape == (1, 1, 3, 5)
    assert repr(nn.ConstantPad2d(1, 3.5)) == "ConstantPad2d(padding=(1, 1, 1, 1), value=3.5)"
    assert repr(nn.Upsample(scale_factor=2)) == "Upsample(scale_factor=2.0, mode='nearest')"
    assert repr(nn.ReflectionPad2d(1)) == "ReflectionPad2d((1, 1, 1, 1))"


x = tg.ones(1, 1, 4, 4)
REFUSED = [
    (lambda: F.interpolate(x), ValueError, "one of size and scale_factor"),
    (lambda: F.interpolate(x, size=2, scale_factor=2), ValueError, "one of size"),
    (lambda: F.interpolate(x, size=2, mode="linear"), NotImplementedError, "needs 3D input"),
    (lambda: F.interpolate(x, size=2, align_corners=True), ValueError, "align_corners is for"),
    (lambda: F.interpolate(x, size=(1, 2, 3)), ValueError, "3 sizes or scale factors for 2 dims"),
    (lambda: F.interpolate(x.long(), size=2, mode="bilinear"), NotImplementedError, "floating"),
    (lambda: F.interpolate(x, size=0), RuntimeError, "above 0"),
    (lambda: F.interpolate(x, size=2, mode="area"), NotImplementedError, "mode must be one of"),
    (lambda: F.interpolate(x, size=2, antialias=True), NotImplementedError, "with antialias"),
    (lambda: F.pixel_shuffle(x, 3), RuntimeError, "got 1 channels and 3"),
    (lambda: F.pixel_unshuffle(x, 3), RuntimeError, "got 4 x 4 and 3"),
]


@pytest.mark.parametrize(("call", "error", "words"), REFUSED)
def test_what_is_refused(call, error, words):
    with pytest.raises(error, match=words):
        call()
