"""Memory falls by reference count: nothing is left to the garbage collector, nothing recurses."""

from __future__ import annotations

import gc
import threading
import time
import weakref

import pytest

import tritongrad as tg


@pytest.fixture
def no_collector():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def chain(nodes):
    x = tg.ones(1, requires_grad=True)
    y = x
    for _ in range(nodes):
        y = y + 1.0
    return x, y


def steps(count, device="cpu"):
    """The tutorial's training steps, small."""
    x, t = tg.randn(8, 6, device=device), tg.randn(8, 2, device=device)
    w1 = tg.randn(6, 5, device=device, requires_grad=True)
    w2 = tg.randn(5, 2, device=device, requires_grad=True)
    for _ in range(count):
        loss = (x.mm(w1).clamp(min=0).mm(w2) - t).pow(2).sum()
        loss.backward()
        with tg.no_grad():
            w1 -= 1e-4 * w1.grad
            w2 -= 1e-4 * w2.grad
            w1.grad.zero_()
            w2.grad.zero_()


def test_training_leaves_nothing_to_the_collector(no_collector, device):
    steps(2, device)
    gc.collect()
    steps(50 if device == "cpu" else 5, device)
    assert gc.collect() == 0


def test_double_backward_and_hooks_leave_nothing_to_the_collector(no_collector):
    def step():
        x = tg.ones(3, requires_grad=True)
        y = (x * x * x).exp()
        y.register_hook(lambda g: g * 1.0)
        y.retain_grad()
        (g,) = tg.autograd.grad(y.sum(), x, create_graph=True)
        g.sum().backward()

    step()
    gc.collect()
    step()
    assert gc.collect() == 0


def test_an_abandoned_graph_frees_its_arrays_at_once(no_collector):
    x = tg.ones(1000, requires_grad=True)
    y = x.exp().exp().sum()
    nodes = [weakref.ref(y.grad_fn), weakref.ref(y.grad_fn.next_functions[0][0])]
    del y
    assert [n() for n in nodes] == [None, None]


def test_backward_frees_what_was_saved(no_collector):
    x = tg.ones(10, requires_grad=True)
    middle = x.exp()
    y = middle.exp().sum()
    watched = weakref.ref(middle)
    del middle
    y.backward()
    assert watched() is None


def test_a_write_through_a_view_leaves_nothing_to_the_collector(no_collector):
    def step():
        x = tg.ones(4, requires_grad=True)
        base = x * 1.0
        base[1:].mul_(2.0)
        base[0] = 3.0
        base.sum().backward()

    step()
    gc.collect()
    step()
    assert gc.collect() == 0


def test_backward_through_a_million_nodes_and_dropping_them():
    start = time.process_time()
    x, y = chain(1_000_000)
    y.backward()
    del y
    seconds = time.process_time() - start
    assert x.grad.item() == 1.0
    assert seconds < 15


def test_dropping_a_long_chain_without_backward():
    x, y = chain(300_000)
    del y
    assert x.grad is None


@pytest.mark.parametrize("kind", ["backward", "drop", "grad"])
def test_long_chains_in_a_thread_with_a_small_stack(kind):
    failures = []

    def work():
        try:
            x, y = chain(200_000)
            if kind == "backward":
                y.backward()
            elif kind == "grad":
                tg.autograd.grad(y, x)
            del y, x
        except BaseException as error:  # anything is a failure of the test, in the main thread
            failures.append(error)

    before = threading.stack_size(256 * 1024)
    try:
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    finally:
        threading.stack_size(before)
    assert not failures


def test_a_long_chain_of_writes_in_place_and_of_views():
    x = tg.ones(4, requires_grad=True)
    y = x * 1.0
    for _ in range(20_000):
        y.mul_(1.0)
    z = y
    for _ in range(2_000):
        z = z.reshape(2, 2) if z.ndim == 1 else z.reshape(4)
    z.sum().backward()
    del y, z
    assert x.grad.tolist() == [1.0] * 4


def test_many_consumers_of_one_tensor():
    x = tg.ones(2, requires_grad=True)
    y = x * 1.0
    total = y
    for _ in range(5_000):
        total = total + y
    total.sum().backward()
    assert x.grad.tolist() == [5001.0, 5001.0]
