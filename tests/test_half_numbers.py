"""Half types beside Python numbers: which operations round the number first, as PyTorch's do."""

from __future__ import annotations

import numpy as np
import pytest

import tritongrad as tg
from tritongrad.nn.functional import elu, leaky_relu

WIDE = {  # these take the number in float32
    "mul": lambda x, n: x * n,
    "rmul": lambda x, n: n * x,
    "mul_": lambda x, n: x.clone().mul_(n),
    "div": lambda x, n: x / n,
    "rdiv": lambda x, n: n / x,
    "div_": lambda x, n: x.clone().div_(n),
    "floor_divide": lambda x, n: x // n,
    "leaky_relu": lambda x, n: leaky_relu(-x, n),
    "elu": lambda x, n: elu(-x, n),
}
ROUNDED = {  # these round it to the half type first
    "add": lambda x, n: x + n,
    "sub": lambda x, n: x - n,
    "rsub": lambda x, n: n - x,
    "pow": lambda x, n: x**n,
    "rpow": lambda x, n: n**x,
    "lt": lambda x, n: x < n,
    "eq": lambda x, n: x == n,
    "fmod": tg.fmod,
    "remainder": tg.remainder,
}


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("name", [*WIDE, *ROUNDED])
def test_the_number_is_what_pytorch_takes(name, dtype, device):
    random, differ = np.random.default_rng(3), 0
    f = WIDE.get(name) or ROUNDED[name]
    for n in random.uniform(0.01, 3, 12 if device == "cpu" else 4):
        x = tg.from_numpy(random.uniform(0.01, 4, 50)).to(dtype)
        half = tg.tensor(n).to(dtype).item()
        wide, rounded = (f(x.float(), float(number)) for number in (np.float32(n), half))
        if wide.dtype is not tg.bool:
            wide, rounded = wide.to(dtype), rounded.to(dtype)
        got = f(x.to(device), float(n)).cpu()
        assert got.dtype is wide.dtype
        want = wide if name in WIDE else rounded
        near = name in ("pow", "rpow", "elu") and device != "cpu"  # within the kernels' bounds
        assert tg.allclose(got, want, 0.01, 0.01) if near else (got == want).all(), n
        differ += bool((wide != rounded).any())
    assert differ or name in ("lt", "eq", "floor_divide"), "the numbers tell nothing"


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_huge_numbers(dtype, device):
    x = tg.ones(2, dtype=dtype, device=device)
    for f in (lambda n: x * n, lambda n: x + n, lambda n: n - x, lambda n: x.clamp(max=n)):
        assert f(2**70).cpu().dtype.name == dtype
        with pytest.raises(OverflowError):
            f(2**2000)
    assert (x * 1e300).cpu().tolist() == [1e300 if dtype == "float64" else np.inf] * 2
