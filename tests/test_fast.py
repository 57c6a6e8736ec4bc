"""The extra [fast]: its compiled loops have NumPy's bits, whoever shares them."""

from __future__ import annotations

import importlib.util
import itertools
import os
import threading

import numpy as np
import pytest
from forks import holds_in_a_child

import tritongrad as tg
from tritongrad.cpu import fast as extra
from tritongrad.cpu.fast import fast

MISSING = importlib.util.find_spec("numba") is None
needs_numba = pytest.mark.skipif(MISSING, reason="the extra [fast] is not installed here")
pytestmark = pytest.mark.fast
F = tg.nn.functional


def relu_backward(x, y):
    leaf = x.clone().requires_grad_()
    return tg.autograd.grad(leaf.relu(), leaf, y)[0]


def clamp_backward(x, y, **bounds):
    leaf = x.clone().requires_grad_()
    return tg.autograd.grad(leaf.clamp(**bounds), leaf, y)[0]


# By the loop of compiled.py, a program that needs it.
WORK = {
    "add": lambda x, y: x + y,
    "add_number": lambda x, y: x + 1.7,
    "add_inplace": lambda x, y: x.clone().add_(y),
    "sub": lambda x, y: x - y,
    "sub_number": lambda x, y: x - 1.7,
    "sub_inplace": lambda x, y: x.clone().sub_(y),
    "mul": lambda x, y: x * y,
    "mul_number": lambda x, y: x * -0.1,
    "mul_inplace": lambda x, y: x.clone().mul_(y),
    "mul_inplace_number": lambda x, y: x.clone().mul_(0.9),
    "div": lambda x, y: x / y,
    "div_number": lambda x, y: x / 3.0,
    "negative": lambda x, y: -x,
    "absolute": lambda x, y: x.abs(),
    "sqrt": lambda x, y: x.sqrt(),
    "square": lambda x, y: x.pow(2),
    "cube": lambda x, y: x.pow(3),
    "fourth": lambda x, y: x.pow(4),
    "maximum": lambda x, y: x.maximum(y),
    "maximum_number": lambda x, y: x.clamp(min=0.0),
    "minimum": lambda x, y: x.minimum(y),
    "minimum_number": lambda x, y: x.clamp(max=-0.0),
    "clamp_both": lambda x, y: x.clamp(-0.5, 0.25),
    "relu": lambda x, y: F.relu(x),
    "relu_backward": relu_backward,
    "clamp_min_backward": lambda x, y: clamp_backward(x, y, min=0.1),
    "clamp_max_backward": lambda x, y: clamp_backward(x, y, max=0.1),
}
# What NumPy keeps, or what has no loop for such operands: it is left to NumPy.
OTHER = {
    "nan as a bound": lambda x, y: x.clamp(min=float("nan")),
    "nan as one of two bounds": lambda x, y: x.clamp(-1, float("nan")),
    "a number first": lambda x, y: 2.0 - x,
    "the larger of a number and an array": lambda x, y: tg.zeros((), dtype=x.dtype).maximum(x),
    "a tensor as exponent": lambda x, y: x.abs().pow(y),
    "a fraction as exponent": lambda x, y: x.abs().pow(1.5),
    "other strides": lambda x, y: x.t() * 1.7,
    "broadcasting": lambda x, y: x + y[:1],
    "onto itself": lambda x, y: (lambda z: z.add_(z))(x.clone()),
    "onto its neighbours": lambda x, y: (lambda z: z[1:].add_(z[:-1]))(x.clone()),
    "exp": lambda x, y: x.exp(),
    "whole numbers": lambda x, y: tg.from_numpy(x.numpy().view(f"i{x.element_size()}")) + 1,
}


def operands(dtype, shape=(521, 513)):
    """Numbers of all kinds at odd places, so many that threads share them.

    Nowhere two nans: which of them is their sum, NumPy's loops do not agree upon themselves.
    """
    random = np.random.default_rng(0)
    info = np.finfo(dtype)
    kinds = [0.0, -0.0, np.nan, -np.nan, np.inf, -np.inf, info.max, info.tiny / 2, 0.1, -0.5, 1.0]
    arrays = []
    for _ in range(2):
        a = (random.standard_normal(shape) * 3).astype(dtype)
        at = random.integers(0, a.size, a.size // 3)
        a.reshape(-1)[at] = random.choice(np.array(kinds, dtype), at.size)
        arrays.append(a)
    arrays[1][np.isnan(arrays[0]) & np.isnan(arrays[1])] = 1
    return [tg.from_numpy(a) for a in arrays]


@pytest.fixture
def loaded():
    """The extra is in use, as after some large operations."""
    before = tg.get_num_threads(), fast.off
    fast.off = False
    assert fast.team is not None or fast.load()
    tg.set_num_threads(2)
    yield fast
    tg.set_num_threads(before[0])
    fast.off = before[1]


def without(work, *given):
    """The bytes that NumPy alone makes."""
    fast.off = True
    try:
        return work(*given).numpy().tobytes()
    finally:
        fast.off = False


@needs_numba
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", [*WORK, *OTHER])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_results_have_the_same_bits_with_and_without_the_extra(name, dtype, loaded):
    work = (WORK | OTHER)[name]
    x, y = operands(dtype)
    want = without(work, x, y)
    for threads in (1, 2, 3):
        tg.set_num_threads(threads)
        assert work(x, y).numpy().tobytes() == want


@needs_numba
def test_every_loop_is_used_on_this_machine(loaded):
    """None was found to differ from NumPy, in either dtype, and the tests above ran them all."""
    used = set()
    for (kernel, form), name in loaded.names.items():
        for dtype in (extra.FLOAT32, extra.FLOAT64):
            assert loaded.address(kernel, form, dtype), (name, dtype)
            used.add(name)
    assert used == set(WORK)


@needs_numba
@pytest.mark.parametrize("n", [1, 15, 16, 17, 1000, 4096 + 5])
def test_heads_and_tails_of_arrays_have_the_same_bits(n, loaded, monkeypatch):
    monkeypatch.setattr(extra, "LEAST", 1)
    x, y = (t._array.reshape(-1)[:n].copy() for t in operands("float32"))
    for ufunc in (np.add, np.multiply, np.maximum, np.minimum):
        with np.errstate(all="ignore"):
            found = extra.run(ufunc, (x, y))
            assert found is not None and found.tobytes() == ufunc(x, y).tobytes()


@needs_numba
def test_arrays_at_odd_addresses_and_for_reading_alone_have_the_same_bits(loaded):
    x, y = operands("float32")
    memory = np.frombuffer(b"." + x.numpy().tobytes(), np.uint8)  # read-only
    odd = tg.from_numpy(memory[1:].view(np.float32).reshape(x.shape))
    for work in (lambda a: a + y, lambda a: a.clamp(min=0.1), lambda a: y.clone().sub_(a)):
        assert work(odd).numpy().tobytes() == without(work, x)


@needs_numba
def test_helpers_sleep_while_numpys_loops_have_the_threads(loaded):
    from tritongrad.cpu.spinning import RESTING

    x, _ = operands("float32", (1024, 1024))
    want = without(lambda: x + x)
    for _ in range(20):
        (x + x).exp()  # exp is NumPy's
    assert loaded.team.words[RESTING] == 1
    assert (x + x).numpy().tobytes() == want
    assert loaded.team.words[RESTING] == (not loaded.team.most)  # alone there is nobody to tell


@needs_numba
def test_a_loop_that_differs_is_left_to_numpy(loaded):
    def odd(a, b):
        return np.add(a, b) + np.float32(1)

    loaded.names[odd, "aa"] = "add"
    try:
        assert loaded.address(odd, "aa", extra.FLOAT32) == 0
        x = operands("float32")[0]._array
        assert extra.run(odd, (x, x)) is None
    finally:
        del loaded.names[odd, "aa"], loaded.addresses[odd, "aa", extra.FLOAT32]


@needs_numba
def test_a_loop_that_cannot_be_compiled_is_left_to_numpy_with_a_warning(loaded, monkeypatch):
    from tritongrad.cpu import compiled

    def fails(name, kind):
        raise EOFError("half a file")

    x, y = operands("float32")
    want = without(lambda: x * y)
    monkeypatch.setattr(loaded, "addresses", {})
    monkeypatch.setattr(compiled, "compiled", fails)
    with pytest.warns(RuntimeWarning, match="not used: EOFError: half a file"):
        assert (x * y).numpy().tobytes() == want
    assert (x * y).numpy().tobytes() == want  # without another word


@needs_numba
def test_several_threads_of_the_caller_get_what_one_gets(loaded):
    tg.set_num_threads(3)
    pairs = [[t + float(k) for t in operands("float32", (700, 1000))] for k in range(3)]
    names = ["add", "maximum_number", "cube"]
    want = [WORK[n](*pair).numpy().tobytes() for n, pair in zip(names, pairs, strict=True)]
    wrong = []

    def work(k):
        for _ in range(50):
            if WORK[names[k]](*pairs[k]).numpy().tobytes() != want[k]:
                wrong.append(names[k])

    threads = [threading.Thread(target=work, args=(k,)) for k in range(3)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert wrong == []


@needs_numba
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_child_has_helpers_of_its_own(loaded):
    x, y = operands("float32")
    want = (x * y).numpy().tobytes()  # the parent's helper looks for work now

    def same() -> bool:
        right = all((x * y).numpy().tobytes() == want for _ in range(20))
        return right and bool(fast.team.threads) == (fast.team.most > 0)

    assert holds_in_a_child(same, 30)
    assert (x * y).numpy().tobytes() == want


@needs_numba
def test_blocks_are_done_once_each_from_both_ends_and_from_the_middle(loaded):
    """Jobs of several numbers of blocks; every other one begins in the middle."""
    team = loaded.team
    loop = loaded.address(np.add, "an", extra.FLOAT32)
    one = np.ones((), np.float32)
    for n, _ in itertools.product((1 << 16, 98_305, 1 << 18), range(4)):
        x = np.arange(n, dtype=np.float32)
        out = np.full(n, -1, np.float32)
        team.run(loop, out, x, one)
        assert np.array_equal(out, x + 1)
    assert not team.busy.locked()
