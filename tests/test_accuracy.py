"""Sums and products of long float32 data: the stated bounds, on positive data, in any layout."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hunt_size import LONG, size

import tritongrad as tg

U = 2.0**-24  # half a unit in the last place of 1 in float32
SUM = 2 * U  # of the sum of absolute values, at any length
MATMUL = 16 * U  # of |A| |B|, K to 16,384
LENGTHS = [1, 7, 127, 128, 511, 512, 1023, 1024, 4097, 65_537, 1_000_003, size(10**7, 10**8)]
DEVICE_LENGTHS = [1023, 1025, 4096, 4097, 65_537, size(300_001, 5_000_003)]


def tenths(n):
    return np.full(n, 0.1, np.float32)


def uniform(n):
    return np.random.default_rng(1).random(n, np.float32)


def spread(n):
    """Lognormal with sigma 3: a few elements make most of the sum."""
    return np.exp(3 * np.random.default_rng(2).standard_normal(n, np.float32))


def alternating(n):
    x = np.ones(n, np.float32)
    x[1::2] = 1e-8
    return x


DATA = {f.__name__: f for f in (tenths, uniform, spread, alternating)}
DATA["ones"] = lambda n: np.ones(n, np.float32)


def exact_sum(x, axis=None):
    """In float64, pairwise: far below 1e-12 of the sum."""
    return np.add.reduce(x.astype(np.float64), axis=axis)


def check_sum(t, x, axis=None):
    got = t.sum() if axis is None else t.sum(axis)
    got = got.cpu().numpy().astype(np.float64)
    allowed = SUM * exact_sum(np.abs(x), axis)
    error = np.abs(got - exact_sum(x, axis))
    assert (error <= allowed).all(), f"{(error / allowed).max():.1f} times what is allowed"


@pytest.mark.parametrize("n", LENGTHS)
@pytest.mark.parametrize("data", DATA)
def test_sum_of_long_data(data, n):
    x = DATA[data](n)
    check_sum(tg.from_numpy(x), x)


@pytest.mark.parametrize("n", DEVICE_LENGTHS)
@pytest.mark.parametrize("data", DATA)
def test_sum_of_long_data_elsewhere(data, n, accelerator):
    x = DATA[data](n)
    check_sum(tg.tensor(x, device=accelerator), x)


LAYOUTS = {  # how a (rows, columns) array is made and which axis is summed
    "rows": (lambda x: x, 1),
    "columns": (lambda x: x, 0),
    "transposed": (lambda x: x.T, 1),
    "stepped": (lambda x: x[:, ::3], 1),
    "reversed": (lambda x: x[::-1, ::-1], None),
    "transposed whole": (lambda x: x.T, None),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("shape", [(3, 20_011), (20_011, 3), (700, 701)])
def test_sum_in_any_layout(layout, shape, device):
    view, axis = LAYOUTS[layout]
    x = spread(shape[0] * shape[1]).reshape(shape)
    check_sum(view(tg.tensor(x, device=device)), view(x), axis)


@pytest.mark.parametrize("n", [7, size(40_000, 10_000_000)])
def test_sum_of_an_expanded_tensor(n, device):
    x = tg.tensor(np.full((1, 7), 0.1, np.float32), device=device).expand(n, 7)
    want = n * float(np.float32(0.1))
    for got in (x.sum(0).cpu().numpy(), x.sum().cpu().numpy() / 7):
        assert np.abs(got - want).max() <= SUM * want


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_types_are_summed_in_float32_and_rounded_once(dtype, device):
    d = getattr(tg, dtype)
    x = tg.rand(4099, generator=tg.Generator().manual_seed(0)).to(d)
    x = x * 0.01 if dtype == "float16" else x
    wide = x.double().numpy()
    for dim, want in ((None, wide.sum()), (0, wide.reshape(-1).sum())):
        got = x.to(device).sum() if dim is None else x.to(device).sum(dim)
        eps = tg.finfo(d).eps
        assert abs(got.double().item() - want) <= (eps / 2 + 4 * U) * want


@pytest.mark.parametrize("k", [1, 128, 512, 4096, 16_384])
def test_matmul_of_positive_data(k, device):
    check_product(64 if device == "cpu" or LONG else 16, k, device)


@pytest.mark.parametrize("side", [3, 7, 32, 100, 600])
@pytest.mark.parametrize("k", [129, 192, 256, 300, 384, 500, 600, 768, 1000, 1024, 5000])
def test_products_of_any_size_on_the_cpu_keep_the_bound(k, side):
    """BLAS alone adds small matrices in one chain, and large ones in chains of 384"""
    check_product(side, k, "cpu")


def check_product(side, k, device):
    """Of matrices in C order, and transposed ones"""
    rng = np.random.default_rng(k)
    a, b = rng.random((side, k), np.float32), rng.random((k, side), np.float32)
    exact = a.astype(np.float64) @ b.astype(np.float64)
    x, y = tg.tensor(a, device=device), tg.tensor(b, device=device)
    forms = [(x, y)] if device != "cpu" else [(x, y), (x.t().contiguous().t(), y)]
    for left, right in forms:
        got = left.mm(right).cpu().numpy()
        worst = (np.abs(got - exact) / exact).max()
        assert worst <= MATMUL, f"{worst / U:.1f} u"


def chain(products):
    """A float32 running sum of exact products: one fused multiply-add a step."""
    total = np.zeros(products.shape[:-1], np.float32)
    for k in range(products.shape[-1]):
        total = (total + products[..., k]).astype(np.float32)
    return total


@pytest.mark.parametrize("k", [512, 4096, 16_384])
def test_the_order_of_sums_on_a_gpu_keeps_the_bound_and_one_chain_does_not(k):
    """Fused chains of FLUSH products, each added to a second sum: what the kernel compiles to."""
    from tritongrad.cuda.tiles import FLUSH

    rng = np.random.default_rng(7)
    a, b = (rng.random((2_000, k), np.float32).astype(np.float64) for _ in range(2))
    products = a * b  # exact in float64
    exact = products.sum(-1)
    total = np.zeros(len(exact), np.float32)
    for start in range(0, k, FLUSH):
        total = total + chain(products[:, start : start + FLUSH])
    assert (np.abs(total - exact) / exact).max() <= MATMUL
    if k >= 4096:
        assert (np.abs(chain(products) - exact) / exact).max() > MATMUL


def test_gelu_keeps_its_digits_where_it_is_small(device):
    """u = 2^-24. CPU: one rounding. Kernel: Phi's fit 2u, two exps 2u each, four products: 10u."""
    x = np.linspace(-13.1, 8, 4001).astype(np.float32)
    exact = np.array([0.5 * float(v) * math.erfc(-float(v) * math.sqrt(0.5)) for v in x])
    got = tg.nn.functional.gelu(tg.tensor(x, device=device)).cpu().numpy().astype(np.float64)
    bound = (1.01 if device == "cpu" else 20) * 2.0**-24
    assert (np.abs(got - exact) <= bound * np.abs(exact) + 1e-38).all()
    if device == "cpu":
        wide = np.linspace(-37, 8, 2001)
        exact = np.array([0.5 * v * math.erfc(-v * math.sqrt(0.5)) for v in wide])
        got = tg.nn.functional.gelu(tg.tensor(wide)).numpy()
        limit = (4 + wide * wide) * 2.0**-52  # erfc magnifies the rounding of its argument
        assert (np.abs(got - exact) <= limit * np.abs(exact) + 1e-300).all()


@pytest.mark.parametrize("channels, filters", [(3, 8), (32, 32), (64, 16), (200, 8)])
def test_convolutions_of_positive_data(channels, filters):
    """Values and both gradients: sums over patches are as exact as those of products"""
    rng = np.random.default_rng(channels)
    shapes = (2, channels, 8, 8), (filters, channels, 3, 3), (2, filters, 8, 8)
    arrays = [rng.random(shape, np.float32) for shape in shapes]
    found = []
    for dtype in (tg.float32, tg.float64):
        x, w, g = (tg.tensor(a, dtype=dtype) for a in arrays)
        x.requires_grad_(), w.requires_grad_()
        y = tg.nn.functional.conv2d(x, w, padding=1)
        y.backward(g)
        found.append([t.detach().double().numpy() for t in (y, x.grad, w.grad)])
    for got, exact in zip(*found, strict=True):
        worst = (np.abs(got - exact) / exact).max()
        assert worst <= MATMUL, f"{worst / U:.1f} u"
