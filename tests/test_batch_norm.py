"""Batch normalisation on the CPU, whose sums run along planes or over images of a group."""

from __future__ import annotations

import numpy as np
import pytest

import tritongrad as tg
from tritongrad.nn import functional as F

SHAPES = {
    "few elements, over groups of images": (48, 3, 2, 3),
    "images that make no groups": (37, 3, 2, 3),
    "along short planes": (5, 3, 9, 9),
    "along long planes": (3, 2, 40, 41),
    "no planes": (64, 5),
    "one image": (1, 3, 4, 4),
}
each_shape = pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)


def leaves(shape, dtype="float32", offset=0.0):
    """Input, weight and bias that require grad, and a gradient of the result."""
    rng = np.random.default_rng(list(shape))
    arrays = rng.normal(offset, 1, shape), rng.normal(1, 0.3, shape[1]), rng.normal(size=shape[1])
    g = tg.tensor(rng.normal(0.3, 1, shape), dtype=dtype)
    return [tg.tensor(a, dtype=dtype).requires_grad_() for a in arrays], g


def defined(x, weight, bias, g):
    """The result, the gradients by input, weight and bias, mean and variance, in float64."""
    x, weight, bias, g = (t.detach().numpy().astype(np.float64) for t in (x, weight, bias, g))
    over, column = (0, *range(2, x.ndim)), (-1, *[1] * (x.ndim - 2))
    mean, var = x.mean(over, keepdims=True), x.var(over, keepdims=True)
    r, w = 1 / np.sqrt(var + 1e-5), weight.reshape(column)
    y = (x - mean) * r
    by_input = w * r * (g - g.mean(over, keepdims=True) - y * (g * y).mean(over, keepdims=True))
    result = y * w + bias.reshape(column)
    return result, by_input, (g * y).sum(over), g.sum(over), mean.ravel(), var.ravel()


def computed(inputs, g):
    """The same of batch_norm, but the variance, which is that of a sample."""
    count = inputs[0].shape[1]
    mean, var = (tg.zeros(count, dtype="float64") for _ in range(2))
    y = F.batch_norm(inputs[0], mean, var, *inputs[1:], training=True, momentum=1.0)
    grads = tg.autograd.grad(y, inputs, g)
    return [t.detach().numpy() for t in (y, *grads, mean, var)]


@each_shape
@pytest.mark.parametrize("offset", [0, 3, 1000])
def test_values_and_gradients_are_as_defined(shape, offset):
    inputs, g = leaves(shape, offset=offset)
    want, found = defined(*inputs, g), computed(inputs, g)
    u, n = 2.0**-24, inputs[0].numel() // shape[1]
    far = 1 + offset / 8  # the mean of x is good to a part of its u
    for a, b, bound in zip(found, want, (4, 4, 4 * n**0.5, 4, 4, 4), strict=True):
        b = b * n / (n - 1) if a is found[-1] else b
        assert np.abs(a - b).max() <= bound * far * u * max(np.abs(b).max(), 1)


@each_shape
@pytest.mark.parametrize("dtype", ["float64", "float16", "bfloat16"])
def test_other_dtypes(shape, dtype):
    inputs, g = leaves(shape, dtype)
    want, found = defined(*inputs, g), computed(inputs, g)
    close = {"float64": 1e-12, "float16": 2e-3, "bfloat16": 2e-2}[dtype]
    for a, b in zip(found[:4], want, strict=False):
        assert a.dtype == g.numpy().dtype
        assert np.abs(a.astype(np.float64) - b).max() <= close * max(np.abs(b).max(), 1)


@each_shape
@pytest.mark.parametrize("training", [True, False])
def test_gradients_are_those_that_are_recorded(shape, training):
    inputs, g = leaves(shape, "float64")
    running = tg.full((shape[1],), 0.1, dtype="float64"), tg.ones(shape[1], dtype="float64")
    for wanted in (inputs, inputs[:1], inputs[1:], inputs[:2]):
        y = F.batch_norm(inputs[0], *running, *inputs[1:], training=training)
        found = tg.autograd.grad(y, wanted, g, retain_graph=True)
        recorded = tg.autograd.grad(y, wanted, g, create_graph=True)
        for mine, other in zip(found, recorded, strict=True):
            assert np.allclose(mine.numpy(), other.detach().numpy(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("shape", [(256, 64, 7, 7), (48, 16, 28, 28), (9, 100, 24, 24)])
def test_the_bits_do_not_depend_on_the_number_of_threads(shape):
    inputs, g = leaves(shape)
    before, found = tg.get_num_threads(), []
    try:
        for count in (1, 2, 3):
            tg.set_num_threads(count)
            found.append([a.tobytes() for a in computed(inputs, g)])
    finally:
        tg.set_num_threads(before)
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_running_statistics_of_every_dtype_are_moved_in_place(dtype):
    x = leaves((8, 3, 4))[0][0]
    mean, var = tg.full((3,), 2.0, dtype=dtype), tg.ones(3, dtype=dtype)
    F.batch_norm(x, mean, var, training=True, momentum=0.25)
    a = x.detach().numpy().astype(np.float64)
    close = {"float16": 2e-3, "bfloat16": 2e-2}.get(dtype, 1e-6)
    assert mean.dtype == var.dtype == getattr(tg, dtype)
    assert np.allclose(mean.double().numpy(), 1.5 + a.mean((0, 2)) / 4, atol=close)
    assert np.allclose(var.double().numpy(), 0.75 + a.var((0, 2), ddof=1) / 4, atol=close)


def test_moved_statistics_were_changed_in_place():
    x, mean = leaves((8, 3, 4))[0][0], tg.zeros(3)
    product = (mean * tg.ones(3, requires_grad=True)).sum()
    F.batch_norm(x, mean, None, training=True)
    with pytest.raises(RuntimeError, match="changed by batch_norm"):
        product.backward()


def test_statistics_that_cannot_be_written_are_refused():
    x = leaves((8, 3, 4))[0][0]
    fixed = np.zeros(3, np.float32)
    fixed.flags.writeable = False
    for running in (tg.from_numpy(fixed), tg.zeros(1).expand(3)):
        with pytest.raises(RuntimeError, match=r"read-only|single memory location"):
            F.batch_norm(x, running, None, training=True)
    strided = tg.zeros(6)[::2]
    F.batch_norm(x, strided, None, training=True)
    assert strided.abs().min() > 0


@pytest.mark.parametrize("training", [True, False])
def test_a_bias_without_a_weight_has_the_gradients_of_a_weight_of_ones(training):
    (x, _, bias), g = leaves((5, 3, 4))
    still = tg.zeros(3), tg.ones(3)
    one = F.batch_norm(x, *still, tg.ones(3), bias, training, momentum=0.0)
    none = F.batch_norm(x, *still, None, bias, training, momentum=0.0)
    want, found = (tg.autograd.grad(y, (x, bias), g) for y in (one, none))
    for a, b in zip(found, want, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-6, atol=1e-6)
