"""linspace to the last bit: one rounding an element, counted from both ends, as PyTorch does."""

from fractions import Fraction

import numpy as np
import pytest

import tritongrad as tg

DRAWS = np.random.default_rng(0).normal(size=(40, 2)) * 10.0 ** np.arange(-20, 20)[:, None]


@pytest.mark.parametrize("dtype", [tg.float32, tg.float64])
def test_each_element_is_rounded_once(dtype):
    kind = dtype.numpy.type
    for n, (a, b) in enumerate(DRAWS, 2):
        start, end = kind(a), kind(b)
        step = Fraction(float((end - start) / kind(n - 1)))
        exact = [
            Fraction(float(start)) + k * step
            if k < n // 2
            else Fraction(float(end)) - (n - 1 - k) * step
            for k in range(n)
        ]
        got = tg.linspace(float(a), float(b), n, dtype=dtype)
        assert got.dtype is dtype and got.shape == (n,)
        for value, want in zip(got.tolist(), exact, strict=True):
            off = abs(Fraction(value) - want)
            for other in np.nextafter(kind(value), kind([-np.inf, np.inf])):
                assert off <= abs(Fraction(float(other)) - want)


def test_it_is_symmetric_and_its_ends_are_exact(device):
    for n in (2, 3, 10, 101):
        x = tg.linspace(-0.7, 0.7, n, device=device)
        ahead, back = x.tolist(), x.tolist()[::-1]
        assert ahead[: n // 2] == [-v for v in back[: n // 2]]
        assert x[0].item() == np.float32(-0.7) and x[-1].item() == np.float32(0.7)


@pytest.mark.parametrize("name", ["float16", "bfloat16", "float32", "float64", "int64", "uint8"])
def test_devices_agree(name, accelerator):
    dtype = getattr(tg, name)
    one, other = (tg.linspace(0, 100, 37, dtype=dtype, device=d) for d in ("cpu", accelerator))
    assert other.device.type == accelerator and one.tolist() == other.tolist()


def test_few_steps_and_whole_numbers():
    assert tg.linspace(3, 5, 0).shape == (0,) and tg.linspace(3, 5, 1).tolist() == [3]
    assert tg.linspace(-5, 5, 4, dtype=tg.int32).tolist() == [-5, -1, 1, 5]
    assert tg.linspace(tg.tensor(0.0), tg.tensor(1.0), 3).tolist() == [0, 0.5, 1]
    with pytest.raises(RuntimeError, match="non-negative, got -1"):
        tg.linspace(0, 1, -1)


@pytest.mark.parametrize(
    "name", ["float16", "bfloat16", "float32", "float64", "int64", "int32", "uint8"]
)
def test_bits_are_pytorchs(name):
    torch = pytest.importorskip("torch")
    for n, (a, b) in enumerate(DRAWS[:24] if name == "float16" else DRAWS):
        if "int" in name:
            a, b = n % 7, 3 * n
        for steps in (n, 100 + n):
            want = torch.linspace(a, b, steps, dtype=getattr(torch, name)).double()
            got = tg.linspace(a, b, steps, dtype=getattr(tg, name)).double()
            np.testing.assert_array_equal(got.numpy(), want.numpy())
