"""Equal bits: between devices, whatever the number of rows, from run to run, for any thread count.

On the CPU a row of mm is NumPy's BLAS: its bits may depend on how many rows there are (OpenBLAS
chooses kernels by shape, and a single row is a product with a vector). They do not depend on the
run, nor on the threads: BLAS has one, and large products are cut among threads of our own.
"""

from __future__ import annotations

import hashlib
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hunt_size import size
from hunt_values import random_floats

import tritongrad as tg
from tritongrad.ops import activation

ROOT = Path(__file__).parent.parent
ROWS = (1, 2, 7, 64, size(129, 4096))
FLOATS = ("float32", "float64", "float16", "bfloat16")


def bits(t):
    return np.ascontiguousarray(t.detach()._host()).tobytes()


def masked(t):
    """The bits, with one nan for all."""
    array = np.ascontiguousarray(t._host())
    with np.errstate(all="ignore"):
        return np.where(array != array, np.asarray(1, array.dtype), array).tobytes()


DRAWS = {
    "rand": lambda d, g: tg.rand(1000, device=d, generator=g),
    "rand float16": lambda d, g: tg.rand(77, device=d, dtype=tg.float16, generator=g),
    "randn": lambda d, g: tg.randn(3, 341, device=d, generator=g),
    "randn bfloat16": lambda d, g: tg.randn(100, device=d, dtype=tg.bfloat16, generator=g),
    "randint": lambda d, g: tg.randint(-5, 1000, (999,), device=d, generator=g),
    "randperm": lambda d, g: tg.randperm(513, device=d, generator=g),
    "bernoulli": lambda d, g: tg.bernoulli(tg.full((200,), 0.3, device=d), generator=g),
    "normal_": lambda d, g: tg.zeros(65, device=d).normal_(2.0, 3.0, generator=g),
    "uniform_": lambda d, g: tg.zeros(65, device=d).uniform_(-1, 4, generator=g),
}


@pytest.mark.parametrize("draw", DRAWS)
def test_draws_have_the_same_bits_on_every_device(draw, accelerator):
    """Also the second and third of a sequence."""
    make = DRAWS[draw]
    ours, theirs = (tg.Generator(d).manual_seed(11) for d in ("cpu", accelerator))
    for _ in range(3):
        assert bits(make("cpu", ours)) == bits(make(accelerator, theirs))


def test_dropout_has_the_same_bits_on_every_device(accelerator):
    found = []
    for d in ("cpu", accelerator):
        tg.manual_seed(3)
        x = tg.ones(50, 20, device=d)
        found.append([bits(tg.nn.functional.dropout(x, 0.3)) for _ in range(3)])
    assert found[0] == found[1]
    assert len(set(found[0])) == 3


ARITHMETIC = {
    "add": lambda x, y: x + y,
    "sub": lambda x, y: x - y,
    "mul": lambda x, y: x * y,
    "div": lambda x, y: x / y,
    "sqrt": lambda x, y: x.sqrt(),
    "clamp": lambda x, y: x.clamp(-0.5, 1.5),
    "clamp by tensors": lambda x, y: x.clamp(y - 1, y + 1),
    "maximum": tg.maximum,
    "minimum": tg.minimum,
    "reciprocal": lambda x, y: x.reciprocal(),
    "add of a multiple": lambda x, y: tg.add(x, y, alpha=0.3),
    "multiply and add": lambda x, y: x * y + x,
    "half a number": lambda x, y: x * 0.1,
    "to float16": lambda x, y: x.to(tg.float16),
    "to bfloat16": lambda x, y: x.to(tg.bfloat16),
    "to float64": lambda x, y: x.to(tg.float64),
    "to float32": lambda x, y: x.to(tg.float32),
    "to int32": lambda x, y: x.clamp(-9, 9).nan_to_num().to(tg.int32),
}


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", ARITHMETIC)
def test_arithmetic_has_the_same_bits_on_every_device(name, dtype, accelerator):
    rng = np.random.default_rng(5)
    d = getattr(tg, dtype)
    a, b = (random_floats(rng, (2_000,), d.numpy, -np.inf, np.inf) for _ in range(2))
    found = [
        masked(ARITHMETIC[name](tg.tensor(a, device=device), tg.tensor(b, device=device)))
        for device in ("cpu", accelerator)
    ]
    assert found[0] == found[1]


ROW_WISE = {
    "sum": lambda x: x.sum(-1),
    "mean": lambda x: x.mean(-1),
    "softmax": lambda x: x.softmax(-1),
    "log_softmax": lambda x: x.log_softmax(-1),
    "logsumexp": lambda x: x.logsumexp(-1),
    "var": lambda x: x.var(-1),
    "norm": lambda x: x.norm(dim=-1),
    "prod": lambda x: x.prod(-1),
    "cumsum": lambda x: x.cumsum(-1),
    "layer_norm": lambda x: tg.nn.functional.layer_norm(x, x.shape[-1:]),
}


def rows_of(device, columns):
    x = tg.rand(max(ROWS), columns, generator=tg.Generator().manual_seed(9)) * 3 - 1
    return x.to(device)


@pytest.mark.parametrize("columns", [3, 100, 1030])
@pytest.mark.parametrize("name", ROW_WISE)
def test_a_row_has_the_same_bits_whatever_the_number_of_others(name, columns, device):
    x = rows_of(device, columns)
    first = bits(ROW_WISE[name](x[:1]))
    for n in ROWS[1:]:
        whole = ROW_WISE[name](x[:n])
        assert bits(whole[:1]) == first, f"{n} rows"
        assert bits(whole[n - 1 :]) == bits(ROW_WISE[name](x[n - 1 : n])), f"the last of {n} rows"


@pytest.mark.parametrize("inner", [5, 300])
def test_a_row_of_mm_has_the_same_bits_whatever_the_number_of_others(inner, accelerator):
    x = rows_of(accelerator, inner)
    w = tg.rand(inner, 40, generator=tg.Generator().manual_seed(1)).to(accelerator)
    first = bits(x[:1].mm(w))
    for n in ROWS[1:]:
        assert bits(x[:n].mm(w)[:1]) == first, f"{n} rows"
        assert bits(x[:n].mm(w)[n - 1 :]) == bits(x[n - 1 : n].mm(w)), f"the last of {n} rows"


def test_a_row_of_integer_mm_is_exact_everywhere(device):
    x = tg.randint(-9, 9, (65, 33), generator=tg.Generator().manual_seed(0)).to(device)
    for n in (1, 2, 64):
        assert bits(x[:n].mm(x.t())[:1]) == bits(x.mm(x.t())[:1])


STEPS = """
import hashlib, sys
import tritongrad as tg
from tritongrad.ops import activation
tg.set_num_threads(int(sys.argv[1]))
tg.manual_seed(0)
x, y = tg.randn(64, 30), tg.randint(0, 5, (64,))
w1 = (tg.randn(30, 16) * 0.1).requires_grad_()
w2 = (tg.randn(16, 5) * 0.1).requires_grad_()
big, square = tg.randn(600, 500), tg.randn(500, 390)
found = hashlib.sha256()
for step in range(int(sys.argv[2])):
    h = tg.nn.functional.dropout((x @ w1).clamp(min=0), 0.1)
    loss = tg.nn.functional.cross_entropy(h @ w2, y)
    loss.backward()
    with tg.no_grad():
        for w in (w1, w2):
            w -= 0.1 * w.grad
            w.grad = None
    found.update(loss.detach().numpy().tobytes())
    if step % 100 == 0:  # large enough for the team of threads
        big = (big * 1.01 + 0.1).tanh().exp().log1p()
        found.update(big.sum(0).numpy().tobytes() + big.softmax(1).sum().numpy().tobytes())
        found.update((big @ square).numpy().tobytes())
found.update(w1.detach().numpy().tobytes() + w2.detach().numpy().tobytes())
print(found.hexdigest())
"""


def hash_of_training(threads):
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": str(4 - threads)}
    call = [sys.executable, "-c", STEPS, str(threads), "1000"]
    done = subprocess.run(call, env=environment, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_a_thousand_training_steps_have_one_hash_for_any_number_of_threads():
    found = [hash_of_training(n) for n in (1, 1, 2, 3)]
    assert len(found[0]) == hashlib.sha256().digest_size * 2
    assert len(set(found)) == 1


PRODUCTS = [
    *((400, 400, 100), (254, 152, 386), (40, 680, 635), (1078, 174, 266), (64, 1000, 400)),
    *((3000, 200, 30), (200, 900, 200), (4000, 64, 64), (7, 5000, 700), (2000, 150, 90)),
]


@pytest.mark.parametrize("dtype", [tg.float32, tg.float64])
@pytest.mark.parametrize("rows, inner, cols", PRODUCTS)
def test_products_have_the_same_bits_for_any_number_of_threads(rows, inner, cols, dtype):
    g = tg.Generator().manual_seed(3)
    a = tg.randn(rows, inner, generator=g, dtype=dtype)
    b = tg.randn(inner, cols, generator=g, dtype=dtype)
    before, found = tg.get_num_threads(), set()
    try:
        for n in (1, 2, 3, 4, 7):
            tg.set_num_threads(n)
            stacked = tg.stack([a, a]) @ b
            batch = tg.stack([a] * 5).bmm(tg.stack([b] * 5))
            found.add(b"".join(map(bits, (a @ b, (b.t() @ a.t()).contiguous(), stacked, batch))))
    finally:
        tg.set_num_threads(before)
    assert len(found) == 1


def test_a_product_leaves_the_thread_count_of_numpy_as_it_was():
    from tritongrad.cpu.blas import blas

    blas.find()
    if blas.get is None:
        pytest.skip("this NumPy has no OpenBLAS in its wheel")
    before = blas.get()
    tg.rand(300, 300) @ tg.rand(300, 300)
    assert blas.get() == before


@pytest.mark.parametrize("name", ["exp", "sigmoid", "gelu", "sqrt", "neg"])
def test_large_kernels_give_the_same_bits_for_any_number_of_threads(name):
    x = tg.randn(1 << 19, generator=tg.Generator().manual_seed(2))
    from tritongrad.op import REGISTRY

    before, found = tg.get_num_threads(), set()
    try:
        for n in (1, 2, 3, 5):
            tg.set_num_threads(n)
            found.add(bits(REGISTRY[name].entry(x)))
        tg.set_num_threads(1)
        parts = [bits(REGISTRY[name].entry(x[i : i + 5_000])) for i in range(0, 1 << 19, 5_000)]
    finally:
        tg.set_num_threads(before)
    assert found == {b"".join(parts)}


LARGE_FORMS = {f"pow {e}": lambda x, g, e=e: x.pow(e) for e in (0.5, 1, -1, 2, 3, 4, 2.5)} | {
    "relu": lambda x, g: x.relu(),
    "clamp": lambda x, g: x.clamp(min=0.1),
    "clamp_max": lambda x, g: x.clamp(max=0.1),
    "relu_backward": lambda x, g: activation.relu_backward(g, x),
    "clamp_min_backward": lambda x, g: activation.clamp_min_backward(g, x, 0.1),
    "clamp_max_backward": lambda x, g: activation.clamp_max_backward(g, x, 0.1),
}


@pytest.mark.parametrize("dtype", [tg.float32, tg.float64])
@pytest.mark.parametrize("form", LARGE_FORMS)
def test_kernels_that_write_in_place_give_the_bits_of_small_ones(form, dtype):
    generator = tg.Generator().manual_seed(4)
    n = (1 << 18) + 77
    x, g = (tg.randn(n, generator=generator, dtype=dtype) for _ in range(2))
    x[:8] = tg.tensor([0.0, -0.0, math.nan, math.inf, -math.inf, 0.1, 1e-40, -1e-40])
    f, step = LARGE_FORMS[form], 5_000
    parts = [bits(f(x[i : i + step], g[i : i + step])) for i in range(0, n, step)]
    assert bits(f(x, g)) == b"".join(parts)
