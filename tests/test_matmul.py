"""Matrix products: layouts, sizes, exactness, stated error bounds, and rows that stand alone."""

import numpy as np
import pytest

import tritongrad as tg
from tritongrad.cpu import linalg as cpu

pytest.importorskip("triton", reason="the interpreter comes with Triton")
import ml_dtypes

from tritongrad.cuda import linalg as cuda
from tritongrad.cuda.array import empty, from_numpy
from tritongrad.cuda.seam import device_of

BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
UNIT = 2.0**-24
DEVICE = device_of("interpret")


def up(array):
    return from_numpy(np.ascontiguousarray(array), DEVICE)


def positive(shape, dtype=np.float32, seed=0):
    return np.random.default_rng(seed).random(shape).astype(dtype)


def product(name, a, b, *args):
    """The product on both devices, which must agree in shape and dtype"""
    host = getattr(cpu, name)(a, b, *args)
    device = getattr(cuda, name)(up(a), up(b), *args)
    assert device.shape == host.shape and device.dtype == host.dtype == a.dtype
    return host, device.numpy()


def error(got, a, b):
    """The largest error in units of 2**-24 |a| |b|"""
    exact = a.astype(np.float64) @ b.astype(np.float64)
    scale = np.abs(a).astype(np.float64) @ np.abs(b).astype(np.float64)
    return np.max(np.abs(got.astype(np.float64) - exact) / scale) / UNIT


@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 5, 2), (17, 1, 33), (65, 130, 70), (2, 300, 1)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16, BFLOAT16, np.int32], ids=str)
def test_ragged_sizes(shape, dtype):
    rows, inner, cols = shape
    a, b = positive((rows, inner)) * 9, positive((inner, cols), seed=1) * 9
    a, b = a.astype(dtype), b.astype(dtype)
    exact = a.astype(np.float64) @ b.astype(np.float64)
    digits = {"float32": 5e-6, "float64": 1e-14, "float16": 1e-3, "bfloat16": 8e-3, "int32": 0}
    for got in product("mm", a, b):
        np.testing.assert_allclose(got.astype(np.float64), exact, rtol=digits[np.dtype(dtype).name])


@pytest.mark.parametrize("shape", [(0, 3, 4), (3, 0, 4), (3, 4, 0), (0, 0, 0)])
def test_empty_sizes_give_zeros(shape):
    rows, inner, cols = shape
    for got in product("mm", positive((rows, inner)), positive((inner, cols))):
        assert got.shape == (rows, cols) and not got.any()
    for got in product("bmm", positive((2, rows, inner)), positive((2, inner, cols))):
        assert got.shape == (2, rows, cols) and not got.any()


def test_transposed_strided_and_reversed_operands_are_read_in_place():
    a, b = positive((40, 60)), positive((60, 20), seed=1)
    for view in [
        lambda x: x,
        lambda x: x.T.copy().T,
        lambda x: x[::-1, ::-1],
        lambda x: x[::2],
    ]:
        left = view(a)
        want = left @ b
        np.testing.assert_allclose(cuda.mm(view(up(a)), up(b)).numpy(), want, rtol=1e-5)
        right = view(b.T).T
        np.testing.assert_allclose(cuda.mm(up(a[:, : len(right)]), view(up(b.T)).T).numpy(),
                                   a[:, : len(right)] @ right, rtol=1e-5)  # fmt: skip


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ((2, 3, 4), (4, 5)),
        ((3, 4), (2, 4, 5)),
        ((2, 1, 3, 4), (6, 4, 5)),
        ((2, 3, 1, 3, 4), (2, 1, 5, 4, 2)),
        ((1, 3, 4), (7, 4, 5)),
        ((0, 3, 4), (4, 5)),
        ((2, 3, 0), (0, 5)),
    ],
)
def test_batches_broadcast(left, right):
    a, b = positive(left), positive(right, seed=1)
    for got in product("matmul", a, b):
        assert got.shape == np.matmul(a, b).shape
        np.testing.assert_allclose(got, np.matmul(a, b), rtol=1e-5)


def test_batches_of_views_are_walked_by_their_strides():
    a, b = positive((4, 3, 5, 6)), positive((3, 4, 6, 2), seed=1)
    got = cuda.matmul(up(a), up(b).transpose((1, 0, 2, 3)))
    np.testing.assert_allclose(got.numpy(), a @ b.transpose(1, 0, 2, 3), rtol=1e-5)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16, np.int32, np.int64], ids=str)
def test_integers_wrap_as_numpy_and_are_exact(dtype):
    info = np.iinfo(dtype)
    rng = np.random.default_rng(3)
    a = rng.integers(info.min, info.max, (9, 40), dtype=dtype, endpoint=True)
    b = rng.integers(info.min, info.max, (40, 11), dtype=dtype, endpoint=True)
    for got in product("mm", a, b):
        assert np.array_equal(got, np.matmul(a, b))
    small = np.full((3, 50), 7, dtype)
    assert np.array_equal(cpu.mm(small, small.T), np.matmul(small, small.T))


@pytest.mark.parametrize("inner", [1, 128, 256, 1024, 4096, 16384])
@pytest.mark.parametrize(
    ("precision", "bound"), [("highest", 16), ("high", 32), ("medium", 2.01 * 2**13)]
)
def test_error_bound_on_positive_data(inner, precision, bound):
    a, b = positive((5, inner)), positive((inner, 33), seed=1)
    assert error(cuda.mm(up(a), up(b), precision).numpy(), a, b) <= bound


def test_medium_rounds_its_inputs_to_nearest():
    x = np.array([[1 + 2.0**-11], [1 + 2.0**-12], [1 + 3 * 2.0**-11], [-1 - 2.0**-11]], np.float32)
    want = [[1 + 2.0**-10], [1], [1 + 2 * 2.0**-10], [-1 - 2.0**-10]]
    assert np.array_equal(cuda.mm(up(x), up(np.ones((1, 1), np.float32)), "medium").numpy(), want)
    odd = np.array([[np.inf], [np.nan], [-np.inf]], np.float32)
    odd.view(np.uint32)[1] = 0x7FFFFFFF
    got = cuda.mm(up(odd), up(np.ones((1, 1), np.float32)), "medium").numpy()
    np.testing.assert_array_equal(got, odd)


@pytest.mark.parametrize("dtype", [np.float16, BFLOAT16], ids=str)
def test_halves_are_summed_in_float32_and_rounded_once(dtype):
    ones = np.ones((1, 4096), dtype)
    for got in product("mm", ones, ones.T.copy()):
        assert got.item() == 4096  # a sum in the narrow dtype stops at 2048 or 256
    a, b = positive((8, 500), dtype), positive((500, 8), dtype, 1)
    want = (a.astype(np.float64) @ b.astype(np.float64)).astype(np.float32).astype(dtype)
    for got in product("mm", a, b):
        ulps = got.view(np.int16).astype(int) - want.view(np.int16).astype(int)
        assert np.abs(ulps).max() <= 1 and np.mean(ulps != 0) < 0.05


def test_zero_times_nan_and_infinity_is_nan():
    a = np.zeros((3, 4), np.float32)
    b = np.ones((4, 2), np.float32)
    b[1, 0], b[2, 1] = np.nan, np.inf
    with np.errstate(invalid="ignore"):
        for got in product("mm", a, b):
            assert np.isnan(got).all()
        for got in product("mm", a[:1], b):
            assert np.isnan(got).all()


def test_nothing_leaks_from_one_row_or_column_into_another():
    a, b = positive((70, 70)), positive((70, 70), seed=1)
    a[3], b[:, 5] = np.nan, np.inf
    for got in product("mm", a, b):
        rest = np.delete(np.delete(got, 3, 0), 5, 1)
        assert np.isfinite(rest).all() and np.isnan(got[3]).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float16], ids=str)
def test_a_row_has_the_same_bits_whatever_the_number_of_rows(dtype):
    a, b = positive((200, 150)).astype(dtype), positive((150, 40), seed=1).astype(dtype)
    whole = cuda.mm(up(a), up(b)).numpy()
    for rows in (1, 7, 64, 130):
        assert np.array_equal(cuda.mm(up(a[:rows]), up(b)).numpy(), whole[:rows])


@pytest.mark.parametrize("a_is_t", [False, True])
@pytest.mark.parametrize("b_is_t", [False, True])
def test_the_persistent_kernel_agrees_with_the_plain_one(a_is_t, b_is_t):
    from tritongrad.kernels import matmul as kernels

    a, b = positive((200, 136), np.float16), positive((136, 520), np.float16, 1)
    left = up(a.T).T if a_is_t else up(a)
    right = up(b.T).T if b_is_t else up(b)
    out = empty((200, 520), np.dtype(np.float16), DEVICE)
    cuda._launch_tma(kernels.matmul_tma, out, left, right, 3)
    np.testing.assert_allclose(out.numpy(), cpu.mm(a, b), rtol=1e-3)  # one unit of float16


def test_wrong_operands_are_named(device):
    a = tg.rand(3, 4, device=device)
    with pytest.raises(RuntimeError, match=r"matmul: .*inner sizes 4 and 3 differ.*\(3, 4\)"):
        a.matmul(a)
    with pytest.raises(RuntimeError, match="matmul: expected both to have the same dtype"):
        a.matmul(a.t().double())
    with pytest.raises(RuntimeError, match="bmm: both must be batches of matrices"):
        a.bmm(a)
    with pytest.raises(RuntimeError, match="bmm: batch sizes 2 and 3 differ"):
        tg.rand(2, 3, 4, device=device).bmm(tg.rand(3, 4, 5, device=device))
