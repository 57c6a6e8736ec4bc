"""Convolutions by pixels: memory that threads keep, and both gradients as one piece of work."""

import gc
import weakref

import numpy as np
import pytest

import tritongrad as tg
from tritongrad.cpu import conv, patches

SIZES = [((5, 8, 9, 8), (9, 8, 3, 3), 1, 1), ((3, 9, 7, 7), (8, 9, 1, 1), 1, 0),
         ((2, 8, 6, 9), (8, 8, 2, 3), (1, 2), 2), ((4, 16, 4, 4), (8, 16, 3, 3), 2, 1)]  # fmt: skip


def normal(shape, dtype=np.float64, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


def results(x_shape, w_shape, stride, padding, dtype=np.float64):
    """The result of a convolution and its gradients."""
    x, w = normal(x_shape, dtype), normal(w_shape, dtype, 1)
    out = conv.conv2d(x, w, stride, padding)
    return out, *conv.conv2d_gradients(normal(out.shape, dtype, 2), x, w, stride, padding)


@pytest.fixture
def threads():
    before = tg.get_num_threads()
    yield tg.set_num_threads
    tg.set_num_threads(before)


@pytest.mark.parametrize("kept", [0, 1 << 20])
@pytest.mark.parametrize("forms", [1, 64])
def test_nothing_of_one_convolution_shows_in_the_next(kept, forms, monkeypatch):
    want = []
    for size in SIZES:
        monkeypatch.setattr(patches, "own", patches.Own())
        want.append(results(*size))
    monkeypatch.setattr(patches, "KEPT", kept)
    monkeypatch.setattr(patches, "DESKS", forms)
    monkeypatch.setattr(patches, "own", patches.Own())
    for _ in range(2):
        for size, expected in zip(SIZES, want, strict=True):
            bad = np.full(size[0], np.nan, np.float32)
            conv.conv2d(bad, np.ones(size[1], np.float32), size[2], size[3])
            for got, exact in zip(results(*size), expected, strict=True):
                assert np.array_equal(got, exact)


def test_memory_of_a_large_convolution_is_not_kept(monkeypatch):
    monkeypatch.setattr(patches, "KEPT", 100)
    monkeypatch.setattr(patches, "own", patches.Own())
    results(*SIZES[0])
    assert patches.own.room.memory.size == 0


def test_no_array_waits_for_the_garbage_collector():
    gc.disable()
    try:
        x, w = normal((8, 8, 8, 8), np.float32), normal((8, 8, 3, 3), np.float32)
        out = conv.conv2d(x, w, 1, 1)
        seen = [weakref.ref(a) for a in (x, w, out)]
        grads = conv.conv2d_gradients(out, x, w, 1, 1)
        seen += [weakref.ref(a) for a in grads]
        del x, w, out, grads
        assert [ref() is None for ref in seen] == [True] * 5
    finally:
        gc.enable()


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_both_gradients_are_those_of_each_alone_for_any_number_of_threads(
    size, dtype, threads, monkeypatch
):
    monkeypatch.setattr("tritongrad.cpu.conv_pixels.SPLIT", 1)
    x_shape, w_shape, stride, padding = size
    x, w = normal(x_shape, dtype), normal(w_shape, dtype, 1)
    threads(1)
    g = normal(conv.conv2d(x, w, stride, padding).shape, dtype, 2)
    of_x = conv.conv2d_grad_input(g, w, x.shape, stride, padding)
    of_w = conv.conv2d_grad_weight(g, x, w.shape, stride, padding)
    for n in (1, 2, 3):
        threads(n)
        got = conv.conv2d_gradients(g, x, w, stride, padding)
        assert [a.dtype for a in got] == [dtype, dtype]
        assert np.array_equal(got[0], of_x)
        assert np.array_equal(got[1], of_w)


def test_gradients_of_one_argument_and_of_both_and_recorded_ones_agree():
    leaves = [tg.tensor(normal(shape)).requires_grad_() for shape in ((3, 8, 6, 6), (8, 8, 3, 3))]
    y = tg.nn.functional.conv2d(*leaves, padding=1).square().sum()
    both = [g.numpy() for g in tg.autograd.grad(y, leaves, retain_graph=True)]
    recorded = [g.detach().numpy() for g in tg.autograd.grad(y, leaves, create_graph=True)]
    for i in range(2):
        alone = [t.detach().requires_grad_(k == i) for k, t in enumerate(leaves)]
        tg.nn.functional.conv2d(*alone, padding=1).square().sum().backward()
        assert np.array_equal(alone[i].grad.numpy(), both[i])
        assert np.array_equal(recorded[i], both[i])
