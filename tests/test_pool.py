"""Buffers of the CPU that are used again never show in what somebody still holds."""

from __future__ import annotations

import os
import threading

import numpy as np
import pytest
from forks import holds_in_a_child

import tritongrad as tg
from tritongrad.cpu import team
from tritongrad.cpu.pool import Pool, pool, size_class

pytestmark = pytest.mark.fast  # its loops write into buffers of the pool
N = 1 << 17  # elements: half a MiB of float32, from the pool


def big(value=1.0):
    """A large result of an operation, whose memory is the pool's."""
    return tg.full((N,), value) + 0.0


def churn(times=40):
    """Overwrite every buffer of this size that the pool thinks is free."""
    kept = [big(-7.0) for _ in range(times)]
    for t in kept:
        t.mul_(3.0)
    del kept
    for _ in range(times):
        big(-9.0)


def in_pool(t):
    base = t._array
    while isinstance(base.base, np.ndarray):
        base = base.base
    return getattr(base, "pooled", False)


def test_large_results_come_from_the_pool_and_are_used_again():
    assert in_pool(big())
    address = big().data_ptr()
    assert any(big().data_ptr() == address for _ in range(20))


HOLDERS = {
    "tensor": lambda t: t,
    "view": lambda t: t[5:],
    "view of a view": lambda t: t.reshape(2, -1)[1].reshape(4, -1)[:, ::3],
    "single element": lambda t: t[N - 1],
    "detached": lambda t: t.detach(),
    "NumPy array": lambda t: t.numpy(),
    "slice of a NumPy array": lambda t: t.numpy()[1::7],
    "memoryview": lambda t: memoryview(t.numpy()),
    "memoryview of a slice": lambda t: memoryview(t.numpy())[9:],
    "DLPack": lambda t: np.from_dlpack(t),
    "array of another dtype": lambda t: t.numpy().view(np.int32),
    "as_strided": lambda t: np.lib.stride_tricks.as_strided(t.numpy(), (3,), (8,)),
    "from_numpy of numpy": lambda t: tg.from_numpy(t.numpy()[2:]),
    "expanded": lambda t: t[:1].expand(4),
}


@pytest.mark.parametrize("name", HOLDERS)
def test_what_is_held_keeps_its_values(name):
    held = HOLDERS[name](big(1.0))
    before = bytes(memoryview(np.ascontiguousarray(as_array(held))))
    churn()
    assert bytes(memoryview(np.ascontiguousarray(as_array(held)))) == before


def as_array(held):
    return held.detach().numpy() if isinstance(held, tg.Tensor) else np.asarray(held)


def test_a_dlpack_capsule_keeps_its_values():
    capsule = big(2.0).__dlpack__()
    churn()

    class Holder:
        def __dlpack__(self, **_):
            return capsule

        def __dlpack_device__(self):
            return 1, 0

    assert (np.from_dlpack(Holder()) == 2.0).all()


def test_what_backward_needs_is_not_used_again():
    x = tg.full((N,), 0.5, requires_grad=True)
    y = (x * 1.0).exp().tanh().exp()  # saved results, held by the graph alone
    churn()
    y.sum().backward()
    e = np.exp(0.5)
    want = np.exp(np.tanh(e)) * (1 - np.tanh(e) ** 2) * e
    np.testing.assert_allclose(x.grad.numpy(), np.full(N, want), rtol=1e-5)


def test_what_a_gradient_is_made_of_is_not_shared():
    x, y = (tg.full((N,), v, requires_grad=True) for v in (1.0, 2.0))
    (x * y).sum().backward()
    first = x.grad.numpy().copy(), y.grad.numpy().copy()
    churn()
    assert (x.grad.numpy() == first[0]).all()
    assert (y.grad.numpy() == first[1]).all()
    x.grad.mul_(5.0)
    assert (y.grad.numpy() == first[1]).all()


def test_operands_of_an_operation_are_not_its_result():
    """Temporaries are dropped while the next operation runs."""
    x = tg.rand(N, generator=tg.Generator().manual_seed(0))
    wide = x.numpy().astype(np.float64)
    for _ in range(10):
        got = ((x + 1.0) * (x + 2.0) - (x + 3.0) / (x + 4.0)).numpy()
        want = (wide + 1) * (wide + 2) - (wide + 3) / (wide + 4)
        np.testing.assert_allclose(got, want, rtol=1e-5)


def test_threads_never_get_the_same_buffer():
    failures = []
    start = threading.Barrier(6)

    def work(k):
        start.wait()
        for i in range(150):
            value = float(k * 1000 + i)
            t = big(value)
            u = t * 1.0
            if not ((t.numpy() == value).all() and (u.numpy() == value).all()):
                failures.append((k, i))

    threads = [threading.Thread(target=work, args=(k,)) for k in range(6)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not failures


def test_a_pool_is_bounded_and_can_be_cleared_while_its_buffers_are_in_use():
    own = Pool()
    own.poison = False
    held = [own.empty((1 << 20,), np.dtype(np.float32)) for _ in range(3)]
    for i, array in enumerate(held):
        array.fill(i)
    own.clear()
    assert own.total == 0
    fresh = own.empty((1 << 20,), np.dtype(np.float32))
    fresh.fill(9)
    assert [float(a[0]) for a in held] == [0.0, 1.0, 2.0]
    assert [float(a[-1]) for a in held] == [0.0, 1.0, 2.0]


def test_buffers_are_aligned_and_their_sizes_waste_at_most_an_eighth():
    for nbytes in (1 << 16, (1 << 16) + 1, 100_003, 1 << 20, (1 << 22) - 1, 12_345_678):
        assert nbytes <= size_class(nbytes) <= nbytes * 9 / 8 + 4096
        array = pool.empty((nbytes,), np.dtype(np.uint8))
        assert array.ctypes.data % 64 == 0
    assert len({size_class(n) for n in range((1 << 16) + 1, (1 << 17) + 1)}) == 8
    assert (size_class(1), size_class(5000)) == (4096, 8192)  # whole pages
    assert pool.empty(((1 << 16) - 1,), np.dtype(np.uint8)).base is None  # malloc keeps these


def test_the_number_of_threads_may_change_at_any_time():
    before = tg.get_num_threads()
    x = tg.rand(1 << 19, generator=tg.Generator().manual_seed(1))
    want = x.exp().numpy()
    try:
        for n in (1, 3, 2, 4, 1, 2):
            tg.set_num_threads(n)
            assert tg.get_num_threads() == n
            assert (x.exp().numpy() == want).all()
        for bad, error in ((0, RuntimeError), (-1, RuntimeError), (1.5, TypeError)):
            with pytest.raises(error, match="set_num_threads"):
                tg.set_num_threads(bad)
        with pytest.raises(TypeError, match="set_num_threads"):
            tg.set_num_threads(True)
    finally:
        tg.set_num_threads(before)


def test_an_error_in_a_helper_thread_is_raised_in_the_caller():
    own = team.Team(3)

    def work(k):
        if k == 2:
            raise KeyError("in a helper")

    with pytest.raises(KeyError, match="in a helper"):
        own.run(work, [(0,), (1,), (2,)])
    done = []
    own.run(done.append, [(0,), (1,), (2,)])  # and the team works on
    assert sorted(done) == [0, 1, 2]


def test_a_team_that_is_busy_leaves_the_work_to_the_caller():
    own = team.Team(2)
    inner, outer = [], []

    def nested(k):
        own.run(inner.append, [(k,)])
        own.run(lambda i: inner.append(i), [(0,), (1,)])
        outer.append(k)

    own.run(nested, [(0,), (1,)])
    assert sorted(outer) == [0, 1]
    assert len(inner) == 6


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_child_has_a_team_of_its_own():
    x = tg.rand(1 << 19, generator=tg.Generator().manual_seed(1))
    want = x.exp().numpy().tobytes()  # the parent's team runs now

    def same() -> bool:
        held = x + 1.0
        return x.exp().numpy().tobytes() == want and abs(float((held - x)[-1]) - 1) < 1e-6

    assert holds_in_a_child(same, 20)
    assert x.exp().numpy().tobytes() == want
