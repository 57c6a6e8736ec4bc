"""Modes belong to a thread; threads may record, run backward and share leaves."""

from __future__ import annotations

import threading

import numpy as np

import tritongrad as tg


def run(count, work):
    """work(i) in count threads at once; the first exception is raised here."""
    failures = []
    barrier = threading.Barrier(count)

    def guarded(i):
        try:
            barrier.wait()
            work(i)
        except BaseException as error:  # raised again below, in the main thread
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(i,)) for i in range(count)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    if failures:
        raise failures[0]


def test_no_grad_is_per_thread_and_new_threads_record():
    seen = []
    with tg.no_grad():
        run(1, lambda i: seen.append(tg.is_grad_enabled()))
    assert seen == [True]


def test_a_mode_of_another_thread_does_not_leak(no_grad_elsewhere):
    assert tg.is_grad_enabled()
    assert (tg.ones(1, requires_grad=True) * 2.0).requires_grad


def test_an_update_from_overlapping_memory_is_not_cut_among_threads():
    x = tg.arange(1 << 20, dtype=tg.float32)
    expected = x[1:].numpy() + x[:-1].numpy()
    x[1:].add_(x[:-1])
    np.testing.assert_array_equal(x[1:].numpy(), expected)


def test_threads_record_and_differentiate_at_once():
    def work(i):
        for n in range(200):
            x = tg.full((3,), float(i + 1), requires_grad=True)
            ((x * x).exp().log() * float(n)).sum().backward()
            np.testing.assert_allclose(x.grad.numpy(), [2.0 * (i + 1) * n] * 3, rtol=1e-5)

    run(4, work)


def test_threads_add_to_the_grad_of_a_shared_leaf():
    x = tg.zeros(4, requires_grad=True)

    def work(i):
        for _ in range(2_000):
            (x + 1.0).sum().backward()

    run(8, work)
    assert x.grad.tolist() == [16_000.0] * 4


def test_backward_in_another_thread_than_forward():
    x = tg.ones(2, requires_grad=True)
    y = (x * 3.0).sum()
    run(1, lambda i: y.backward())
    assert x.grad.tolist() == [3.0, 3.0]


def test_numpy_warnings_settings_of_the_caller_are_left_alone():
    with np.errstate(all="raise"):
        assert tg.zeros(1).log().item() == float("-inf")
        assert np.geterr()["divide"] == "raise"
