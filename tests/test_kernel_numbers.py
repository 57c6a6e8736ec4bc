"""Numbers in kernels of one's own, on interpret: casts, float8, tf32, as a GPU has them."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

pytest.importorskip("triton", reason="the kernels are Triton's")
import triton
import triton.language as tl

import tritongrad as tg

pytestmark = pytest.mark.triton


@triton.jit
def to_bits(x, out, KIND: tl.constexpr, N: tl.constexpr):
    i = tl.arange(0, N)
    tl.store(out + i, tl.load(x + i).to(KIND).to(tl.uint8, bitcast=True))


@triton.jit
def from_bits(x, out, KIND: tl.constexpr, N: tl.constexpr):
    i = tl.arange(0, N)
    tl.store(out + i, tl.load(x + i).to(KIND, bitcast=True).to(tl.float32))


@triton.jit
def bits_added(x, out, KIND: tl.constexpr, N: tl.constexpr):
    i = tl.arange(0, N)
    bits = tl.load(x + i).to(KIND)
    tl.store(out + i, (bits + bits).to(tl.float32))


@triton.jit
def float8_product(a, b, out, KIND: tl.constexpr, N: tl.constexpr):
    at = tl.arange(0, N)[:, None] * N + tl.arange(0, N)[None, :]
    left, right = tl.load(a + at).to(KIND, bitcast=True), tl.load(b + at).to(KIND, bitcast=True)
    tl.store(out + at, tl.dot(left, right))


@triton.jit
def cast_to(x, out, N: tl.constexpr):
    i = tl.arange(0, N)
    tl.store(out + i, tl.load(x + i).to(out.dtype.element_ty))


@triton.jit
def inverted(x, N: tl.constexpr):
    i = tl.arange(0, N)
    tl.store(x + i, ~tl.load(x + i))


@triton.jit
def product_of(a, b, out, N: tl.constexpr, PRECISION: tl.constexpr):
    at = tl.arange(0, N)[:, None] * N + tl.arange(0, N)[None, :]
    product = tl.dot(tl.load(a + at), tl.load(b + at), input_precision=PRECISION)
    tl.store(out + at, product)


@triton.jit
def counted_in_bins(x, out, n, N: tl.constexpr, BINS: tl.constexpr):
    i = tl.arange(0, N)
    tl.store(out + tl.arange(0, BINS), tl.histogram(tl.load(x + i), BINS, mask=i < n))


def on(array):
    return tg.tensor(array, device="interpret")


FLOAT8 = {"fp8e4nv": ml_dtypes.float8_e4m3fn, "fp8e5": ml_dtypes.float8_e5m2}
KINDS = [(tl.float8e4nv, FLOAT8["fp8e4nv"]), (tl.float8e5, FLOAT8["fp8e5"])]


@pytest.mark.parametrize(("kind", "dtype"), KINDS)
def test_float8_is_rounded_to_nearest_even_and_saturates(kind, dtype):
    bits = np.arange(256, dtype=np.uint8)
    out = tg.empty(256, device="interpret")
    from_bits[(1,)](on(bits), out, kind, 256)
    want = bits.view(dtype).astype(np.float32)
    assert np.array_equal(out.cpu().numpy(), want, equal_nan=True)
    rng = np.random.default_rng(0)
    x = rng.standard_normal(4096) * np.exp2(rng.integers(-22, 20, 4096))
    x[:4] = np.nan, np.inf, -np.inf, 0
    x[4:258] = (want[:254] + want[1:255]) / 2  # ties
    with np.errstate(over="ignore"):
        narrow = x.astype(np.float16)
    for given in (x.astype(np.float32), narrow):
        got = tg.empty(4096, device="interpret", dtype=tg.uint8)
        to_bits[(1,)](on(given), got, kind, 4096)
        most = float(ml_dtypes.finfo(dtype).max)
        right = np.clip(given.astype(np.float32), -most, most).astype(dtype)
        assert np.array_equal(got.cpu().numpy().view(dtype), right, equal_nan=True)


@pytest.mark.parametrize(("kind", "dtype"), KINDS)
def test_float8_is_multiplied_but_not_added(kind, dtype):
    a, b = (np.random.default_rng(i).standard_normal((32, 32)).astype(dtype) for i in range(2))
    out = tg.empty(32, 32, device="interpret")
    float8_product[(1,)](on(a.view(np.uint8)), on(b.view(np.uint8)), out, kind, 32)
    want = a.astype(np.float64) @ b.astype(np.float64)
    assert out.cpu().numpy() == pytest.approx(want, rel=1e-5, abs=1e-5)
    with pytest.raises(TypeError, match=r"is stored, not computed in: use .to\(tl.float32"):
        bits_added[(1,)](out, out, kind, 32)


def test_eight_bits_of_a_float_wrap_as_on_a_gpu():
    x = on(np.array([400.0, -1.0, 127.5, 1e9, -200.0, np.nan, 0.9, -0.9], np.float32))
    for dtype, want in (
        (tg.int8, [-112, -1, 127, -1, 56, 0, 0, 0]),
        (tg.uint8, [144, 0, 127, 255, 0, 0, 0, 0]),
        (tg.int16, [400, -1, 127, 32767, -200, 0, 0, 0]),
    ):
        out = tg.empty(8, device="interpret", dtype=dtype)
        cast_to[(1,)](x, out, N=8)
        assert out.tolist() == want


def test_bits_of_unsigned_numbers_are_inverted():
    x = on(np.array([0, 255, 7, 128], np.uint8))
    inverted[(1,)](x, N=4)
    assert x.tolist() == [255, 0, 248, 127]


def test_a_product_in_tf32_is_as_rough_as_on_a_gpu():
    rng = np.random.default_rng(0)
    a, b = (rng.random((16, 16)).astype(np.float32) for _ in range(2))
    want = a.astype(np.float64) @ b.astype(np.float64)
    errors = {}
    for precision in ("tf32", "tf32x3", "ieee"):
        out = tg.empty(16, 16, device="interpret")
        product_of[(1,)](on(a), on(b), out, 16, precision)
        errors[precision] = float(np.abs(out.cpu().numpy() - want).max())
    assert 1e-4 < errors["tf32"] < 2e-2 and max(errors["tf32x3"], errors["ieee"]) < 1e-5


def test_a_histogram_counts_what_is_in_its_bins_and_refuses_the_rest():
    x, out = on(np.array([3, 0, 3, 4], np.int32)), tg.empty(4, device="interpret", dtype=tg.int32)
    counted_in_bins[(1,)](x, out, 3, N=4, BINS=4)
    assert out.tolist() == [1, 0, 0, 2]
    with pytest.raises(ValueError, match=r"tl.histogram: 4 is in none of 4 bins"):
        counted_in_bins[(1,)](x, out, 4, N=4, BINS=4)


SCALE = tl.constexpr(3)


@triton.jit
def constants_first(x, out, N: tl.constexpr):
    i = tl.arange(0, N)
    v = tl.load(x + i)
    twice = (SCALE - 1) * v  # a tensor, not a constexpr that holds one
    tl.store(out + i, (SCALE + twice).to(tl.float32) + v.shape[0] * v)
    at = tl.constexpr(8) + i
    tl.store(out + at.to(tl.int64), (SCALE - v > 0).to(tl.float32) + 1 // SCALE.value)


@triton.jit
def sorted_and_largest(x, out, N: tl.constexpr, K: tl.constexpr):
    v = tl.load(x + tl.arange(0, N))
    tl.store(out + tl.arange(0, N), tl.sort(v, descending=True))
    tl.store(out + N + tl.arange(0, K), tl.topk(v, K))
    tl.store(out + N + K + tl.arange(0, N), tl.sort(v))


def test_a_constant_beside_a_tensor_gives_a_tensor():
    x, out = on(np.arange(8, dtype=np.float32)), tg.empty(16, device="interpret")
    constants_first[(1,)](x, out, N=8)
    assert out.tolist() == [10 * n + 3 for n in range(8)] + [n < 3 for n in range(8)]


def test_sorting_and_the_largest():
    x = np.random.default_rng(0).standard_normal(16).astype(np.float32)
    out = tg.empty(36, device="interpret")
    sorted_and_largest[(1,)](on(x), out, N=16, K=4)
    want = np.sort(x)[::-1]
    assert out.cpu().numpy().tolist() == [*want, *want[:4], *np.sort(x)]


@triton.jit
def bounds_of(x, out, N: tl.constexpr):
    i = tl.arange(0, N)
    v = tl.load(x + tl.program_id(0) * N + i)
    tl.atomic_max(out, tl.max(v, 0))
    tl.atomic_min(out + 1, tl.min(v, 0))
    tl.atomic_min(out + 2 + i // 4, v)
    tl.store(out + 4, tl.atomic_xchg(out + 5, tl.full((), v.dtype.primitive_bitwidth, v.dtype)))


@triton.jit
def swapped(out, new, KIND: tl.constexpr):
    tl.store(out + 1, tl.atomic_cas(out, tl.full((), 0, KIND), new.to(KIND)))


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32, np.int64])
def test_atomic_bounds_of_numbers_of_both_signs(dtype):
    x = np.array([3, -2, 7, -9, 4, 0, -1, 5, -3, 2, 1, -8, 6, 6, 6, -4]).astype(dtype)
    out = on(np.array([0, 0, 0, 0, 1, 2], dtype))
    bounds_of[(2,)](on(x), out, N=8)
    bits = 8 * x.itemsize
    assert out.tolist() == [7, -9, -9, -4, bits, bits]


def test_atomic_cas_of_another_type_is_refused_as_the_compiler_does():
    out = tg.zeros(2, device="interpret", dtype=tg.float64)
    swapped[(1,)](out, 5.0, tl.float64)
    assert out.tolist() == [5, 0]
    with pytest.raises(TypeError, match="fp32 is compared and fp32 put where a fp64 lies"):
        swapped[(1,)](out, 5.0, tl.float32)
