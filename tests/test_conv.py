"""Convolution and pooling: both devices against the definition, written as loops."""

import itertools

import numpy as np
import pytest

import tritongrad as tg
from tritongrad.cpu import conv as cpu
from tritongrad.cpu import patches, pooling
from tritongrad.ops.conv import conv2d_grad_input, conv2d_grad_weight
from tritongrad.windows import pair, pool_geometry

pytest.importorskip("triton", reason="the interpreter comes with Triton")

from tritongrad.cuda import conv as cuda
from tritongrad.cuda.array import from_numpy
from tritongrad.cuda.seam import device_of

DEVICE = device_of("interpret")
STEPS = [
    *itertools.product([1, 2], [0, 1], [1, 2], [1, 2]),
    ((2, 1), (0, 2), (1, 2), 1),
    ((1, 3), (3, 1), (2, 1), 2),
]


def normal(shape, dtype=np.float64, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


def up(x):
    return from_numpy(np.ascontiguousarray(x), DEVICE)


def patch_matrix(shape, kernel, stride, padding, dilation):
    """For a plane of this shape: (window, tap) -> position in it, or -1 in the padding"""
    (h, w), (kh, kw) = shape, kernel
    (sh, sw), (ph, pw), (dh, dw) = pair(stride), pair(padding), pair(dilation)
    rows = np.arange((h + 2 * ph - dh * (kh - 1) - 1) // sh + 1) * sh - ph
    cols = np.arange((w + 2 * pw - dw * (kw - 1) - 1) // sw + 1) * sw - pw
    y = rows[:, None, None, None] + np.arange(kh)[:, None] * dh
    z = cols[None, :, None, None] + np.arange(kw) * dw
    place = np.where((y >= 0) & (y < h) & (z >= 0) & (z < w), y * w + z, -1)
    return place.reshape(len(rows), len(cols), kh * kw)


def reference(x, w, stride, padding, dilation, groups):
    """(result, function from g to both gradients), by indexing every patch"""
    place = patch_matrix(x.shape[2:], w.shape[2:], stride, padding, dilation)
    flat = x.reshape(*x.shape[:2], -1)
    patches = np.where(place < 0, 0, flat[:, :, place])  # n, c, y, z, tap
    patches = patches.reshape(len(x), groups, -1, *patches.shape[2:])
    weight = w.reshape(groups, -1, w.shape[1], w.shape[2] * w.shape[3])
    out = np.einsum("ngcyzt,goct->ngoyz", patches, weight)

    def gradients(g):
        g = g.reshape(out.shape)
        for_w = np.einsum("ngcyzt,ngoyz->goct", patches, g).reshape(w.shape)
        shares = np.einsum("goct,ngoyz->ngcyzt", weight, g).reshape(*x.shape[:2], *place.shape)
        for_x = np.zeros((*flat.shape[:2], flat.shape[2] + 1))
        np.add.at(for_x, (slice(None), slice(None), place), shares)
        return for_x[..., :-1].reshape(x.shape), for_w

    return out.reshape(len(x), -1, *out.shape[3:]), gradients


@pytest.mark.parametrize("steps", STEPS, ids=str)
def test_convolution_and_gradients(steps):
    x, w = normal((2, 4, 7, 8)), normal((6, 4 // steps[3], 3, 2), seed=1)
    want, gradients = reference(x, w, *steps)
    g = normal(want.shape, seed=2)
    for_x, for_w = gradients(g)
    for module, lift in ((cpu, lambda a: a), (cuda, up)):
        down = (lambda a: a) if module is cpu else (lambda a: a.numpy())
        got = down(module.conv2d(lift(x), lift(w), *steps))
        assert got.shape == want.shape and got.dtype == want.dtype and got.flags.c_contiguous
        np.testing.assert_allclose(got, want, atol=1e-12)
        got = down(module.conv2d_grad_input(lift(g), lift(w), x.shape, *steps))
        np.testing.assert_allclose(got, for_x, atol=1e-12)
        got = down(module.conv2d_grad_weight(lift(g), lift(x), w.shape, *steps))
        np.testing.assert_allclose(got, for_w, atol=1e-11)


@pytest.mark.parametrize("block", [1, 200, 1000])
@pytest.mark.parametrize(
    "steps", [(1, 1, 1, 1), (2, 1, 1, 2), ((1, 2), (2, 0), (2, 1), 1)], ids=str
)
def test_work_cut_into_small_jobs_gives_the_same(steps, block, monkeypatch):
    x, w = normal((5, 4, 9, 8)), normal((6, 4 // steps[3], 3, 3), seed=1)
    want, gradients = reference(x, w, *steps)
    g = normal(want.shape, seed=2)
    monkeypatch.setattr(patches, "BLOCK", block)
    patches.plan_of.cache_clear()
    try:
        got = cpu.conv2d(x, w, *steps)
        for_x = cpu.conv2d_grad_input(g, w, x.shape, *steps)
        for_w = cpu.conv2d_grad_weight(g, x, w.shape, *steps)
    finally:
        patches.plan_of.cache_clear()
    np.testing.assert_allclose(got, want, atol=1e-12)
    np.testing.assert_allclose(for_x, gradients(g)[0], atol=1e-12)
    np.testing.assert_allclose(for_w, gradients(g)[1], atol=1e-11)


def test_bits_do_not_depend_on_the_number_of_threads():
    found = []
    before = tg.get_num_threads()
    try:
        for threads in (1, 2, 3):
            tg.set_num_threads(threads)
            tg.manual_seed(0)
            net = tg.nn.Sequential(
                tg.nn.Conv2d(8, 16, 3, padding=1), tg.nn.BatchNorm2d(16), tg.nn.ReLU(),
                tg.nn.MaxPool2d(2), tg.nn.Conv2d(16, 16, 3, stride=2),
            )  # fmt: skip
            x = tg.randn(16, 8, 32, 32, requires_grad=True)
            y = net(x)
            y.square().sum().backward()
            parts = [y.detach(), x.grad, *(p.grad for p in net.parameters())]
            found.append([t.numpy().tobytes() for t in parts])
    finally:
        tg.set_num_threads(before)
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize("dtype", [np.float32, np.float16], ids=str)
def test_narrow_dtypes_round_once(dtype):
    x, w = np.abs(normal((3, 8, 9, 9), dtype)), np.abs(normal((5, 8, 3, 3), dtype, 1))
    want, gradients = reference(x.astype(np.float64), w.astype(np.float64), 1, 1, 1, 1)
    g = np.abs(normal(want.shape, dtype, 2))
    for_x, for_w = gradients(g.astype(np.float64))
    rtol = 1e-6 if dtype == np.float32 else 1e-3
    for module, lift in ((cpu, lambda a: a), (cuda, up)):
        down = (lambda a: a) if module is cpu else (lambda a: a.numpy())
        for got, exact in [
            (module.conv2d(lift(x), lift(w), 1, 1), want),
            (module.conv2d_grad_input(lift(g), lift(w), x.shape, 1, 1), for_x),
            (module.conv2d_grad_weight(lift(g), lift(x), w.shape, 1, 1), for_w),
        ]:
            assert got.dtype == dtype
            np.testing.assert_allclose(down(got).astype(np.float64), exact, rtol=rtol)


def test_a_long_sum_for_the_weight_is_cut_into_slices():
    x, g = np.abs(normal((3, 1, 70, 70), np.float32)), np.abs(normal((3, 2, 70, 70), np.float32, 1))
    got = cuda.conv2d_grad_weight(up(g), up(x), (2, 1, 1, 1))
    want = np.einsum("ncyz,noyz->oc", x.astype(np.float64), g.astype(np.float64))
    np.testing.assert_allclose(got.numpy()[:, :, 0, 0], want, rtol=1e-6)
    assert cuda.SPAN < 3 * 70 * 70


def test_an_empty_batch_gives_empty_results_and_a_zero_weight_gradient():
    x, w = np.zeros((0, 2, 5, 5), np.float32), np.ones((3, 2, 3, 3), np.float32)
    assert cpu.conv2d(x, w).shape == cuda.conv2d(up(x), up(w)).shape == (0, 3, 3, 3)
    g = np.zeros((0, 3, 3, 3), np.float32)
    assert not cpu.conv2d_grad_weight(g, x, w.shape).any()
    assert not cuda.conv2d_grad_weight(up(g), up(x), w.shape).numpy().any()
    assert cuda.conv2d_grad_input(up(g), up(w), x.shape).shape == x.shape


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int64], ids=str)
@pytest.mark.parametrize("kernel", [1, 2, (3, 1), (1, 3), (2, 3)], ids=str)
def test_taps_of_windows_that_fill_the_lines_are_those_of_any(kernel, dtype):
    x = (normal((4, 6, 12)) * 100).astype(dtype)
    windows = pool_geometry("max_pool2d", x.shape, kernel, (2, 3), 0, 1, False)
    size, kernel, stride, _, dilation = windows
    got = pooling.taken(x, windows, (4, *size))
    for a, (_, _, rows, cols) in zip(
        got, pooling.taps(kernel, size, stride, dilation), strict=True
    ):
        assert np.array_equal(a, x[:, rows, cols])
        assert a.dtype == dtype


POOLS = [
    *((2, None, 0, 1, False), (3, 2, 1, 1, False), (3, 2, 1, 1, True), (3, 3, 0, 1, True)),
    *(((2, 3), 1, (1, 0), 2, False), (2, (1, 2), 1, (2, 1), True)),
]


@pytest.mark.parametrize("pool", POOLS, ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32], ids=str)
def test_max_pooling_and_its_gradient(pool, dtype):
    x = (normal((2, 3, 8, 7)) * 3).round().astype(dtype)  # many ties
    if dtype != np.int32:
        x[0, 0, 2:5, 3], x[1, 2] = np.nan, -np.inf
    out, index = pooling.max_pool2d_with_indices(x, *pool)
    device, device_index = cuda.max_pool2d(up(x), *pool)
    assert device.dtype == out.dtype == dtype and device_index.dtype == index.dtype == np.int64
    np.testing.assert_array_equal(device.numpy(), out)
    np.testing.assert_array_equal(device_index.numpy(), index)
    picked = np.take_along_axis(x.reshape(2, 3, -1), index.reshape(2, 3, -1), 2)
    np.testing.assert_array_equal(picked.reshape(out.shape), out)
    if not pool[4]:
        place = patch_matrix(x.shape[2:], pair(pool[0]), pool[1] or pool[0], *pool[2:4])
        least = np.iinfo(dtype).min if dtype == np.int32 else -np.inf
        windows = np.where(place < 0, least, x.reshape(2, 3, -1)[:, :, place])
        np.testing.assert_array_equal(out, windows.max(-1))
    g = normal(out.shape, seed=1).astype(dtype)
    want = np.zeros((2, 3, 56), dtype)
    for n, c in np.ndindex(2, 3):
        np.add.at(want[n, c], index[n, c].ravel(), g[n, c].ravel())
    chosen, tap = pooling.max_pool2d_choice(x, *pool)
    np.testing.assert_array_equal(chosen, out)
    np.testing.assert_array_equal(pooling.max_pool2d_take(x, *pool, at=tap), out)
    got = pooling.max_pool2d_backward(g, x.shape, *pool, at=tap)
    np.testing.assert_allclose(got, want.reshape(x.shape), rtol=1e-5, atol=1e-6)
    got = cuda.max_pool2d_backward(up(g), up(index), x.shape, *pool)
    np.testing.assert_allclose(got.numpy(), want.reshape(x.shape), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("options", [(True, None), (False, None), (True, 5)], ids=str)
@pytest.mark.parametrize("pool", [(2, None, 0), (3, 2, 1), ((2, 3), 1, (1, 0))], ids=str)
@pytest.mark.parametrize("ceil_mode", [False, True])
def test_average_pooling_and_its_gradient(pool, ceil_mode, options):
    x = normal((2, 3, 8, 7))
    out = pooling.avg_pool2d(x, *pool, ceil_mode, *options)
    np.testing.assert_allclose(cuda.avg_pool2d(up(x), *pool, ceil_mode, *options).numpy(), out)
    if not ceil_mode:
        place = patch_matrix(x.shape[2:], pair(pool[0]), pool[1] or pool[0], pool[2], 1)
        count = (place >= 0).sum(-1) if not options[0] else options[1] or place.shape[-1]
        windows = np.where(place < 0, 0, x.reshape(2, 3, -1)[:, :, place]).sum(-1)
        np.testing.assert_allclose(out, windows / count)
    g = normal(out.shape, seed=1)
    got = pooling.avg_pool2d_backward(g, x.shape, *pool, ceil_mode, *options)
    step = normal(x.shape, seed=2)  # the map is linear: <g, pool(step)> = <backward(g), step>
    total = (g * pooling.avg_pool2d(step, *pool, ceil_mode, *options)).sum()
    assert (got * step).sum() == pytest.approx(total)
    device = cuda.avg_pool2d_backward(up(g), x.shape, *pool, ceil_mode, *options)
    np.testing.assert_allclose(device.numpy(), got, atol=1e-14)


def test_wrong_shapes_are_named():
    x, w = np.zeros((1, 4, 5, 5), np.float32), np.zeros((2, 3, 3, 3), np.float32)
    for module, lift in ((cpu, lambda a: a), (cuda, up)):
        with pytest.raises(RuntimeError, match="conv2d: input must have"):
            module.conv2d(lift(x), lift(w))
        with pytest.raises(RuntimeError, match="smaller than the kernel"):
            module.conv2d(lift(x[:, :3, :2]), lift(w))
        with pytest.raises(RuntimeError, match="conv2d: input and weight must be 4-d"):
            module.conv2d(lift(x[0]), lift(w))
        pool = pooling.max_pool2d_choice if module is cpu else cuda.max_pool2d
        with pytest.raises(RuntimeError, match="max_pool2d: padding"):
            pool(lift(x), 2, 2, 2)


@pytest.mark.parametrize("n, channels, filters", [(0, 3, 4), (2, 0, 4), (2, 3, 0)])
def test_convolutions_of_nothing_are_zeros_with_gradients_of_zeros(n, channels, filters, device):
    x = tg.rand(n, channels, 5, 5, device=device, requires_grad=True)
    w = tg.rand(filters, channels, 3, 3, device=device, requires_grad=True)
    out = tg.nn.functional.conv2d(x, w)
    assert out.shape == (n, filters, 3, 3) and not out.detach().cpu().numpy().any()
    out.sum().backward()
    for t in (x, w):
        assert t.grad.shape == t.shape and not t.grad.cpu().numpy().any()


@pytest.mark.parametrize("shape", [(1, 2, 3, 3), (1, 1, 4, 4), (2, 2, 4, 4), (1, 2, 4, 5)])
def test_a_gradient_of_another_shape_than_the_result_is_refused(shape, device):
    x, w = tg.ones(1, 3, 5, 5, device=device), tg.ones(2, 3, 2, 2, device=device)
    g, steps = tg.ones(shape, device=device), (1, 0, 1, 1)
    said = r"grad has shape \(.* and weight .* has \(1, 2, 4, 4\)"
    with pytest.raises(RuntimeError, match=said):
        conv2d_grad_input(g, w, x.shape, *steps)
    with pytest.raises(RuntimeError, match=said):
        conv2d_grad_weight(g, x, w.shape, *steps)
    g = tg.ones(1, 2, 4, 4, dtype="float64", device=device)
    with pytest.raises(RuntimeError, match="differ"):
        conv2d_grad_weight(g, x, w.shape, *steps)
