"""Training for a while, cycle collector off: no object is left over, memory does not grow."""

from __future__ import annotations

import gc
import random
import resource
import sys
import time

import pytest
from hunt_size import size

import tritongrad as tg

SECONDS = size(20, 60)
GROWTH = 1 << 20  # bytes of resident memory, after the pool has seen the sizes that occur
BATCHES = (1, 2, 3, 7, 16, 33, 64, 100, 128)


class Trainer:
    """A small network with dropout, views, writes in place, a hook and a second derivative."""

    def __init__(self, device):
        self.device = device
        self.generator = tg.Generator().manual_seed(0)
        self.w1 = (tg.randn(20, 32, device=device) * 0.2).requires_grad_()
        self.w2 = (tg.randn(32, 4, device=device) * 0.2).requires_grad_()
        self.seen = 0
        self.batches = random.Random(0)

    def step(self, batch):
        x = tg.randn(batch, 20, device=self.device)
        y = tg.randint(0, 4, (batch,), device=self.device)
        h = tg.nn.functional.dropout((x @ self.w1).relu(), 0.1)
        h[:, 0].mul_(0.5)
        h.register_hook(self.count)
        loss = tg.nn.functional.cross_entropy(h @ self.w2, y)
        (g,) = tg.autograd.grad(loss, self.w2, create_graph=True)
        (loss + 1e-3 * (g * g).sum()).backward()
        with tg.no_grad():
            for w in (self.w1, self.w2):
                w -= 0.05 * w.grad
                w.grad = None
        return loss.item()

    def count(self, g):
        self.seen += 1

    def train(self, seconds, steps=10**9):
        """Steps with batches of random sizes; returns how many."""
        end, done = time.monotonic() + seconds, 0
        while time.monotonic() < end and done < steps:
            assert self.step(self.batches.choice(BATCHES)) < 100
            done += 1
        return done


def resident():
    """Bytes of this process in memory."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


@pytest.fixture
def no_collector():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_training_leaves_no_object_and_no_memory(no_collector):
    trainer = Trainer("cpu")
    trainer.train(SECONDS / 3, 2_000)
    gc.collect()
    objects, memory = len(gc.get_objects()), resident()
    done = trainer.train(SECONDS)
    assert done > 50
    assert gc.collect() == 0
    assert len(gc.get_objects()) <= objects
    assert resident() - memory < GROWTH
    assert trainer.seen > done


def test_training_elsewhere_leaves_no_object_and_no_memory(no_collector, accelerator):
    from tritongrad.cuda.seam import device_of

    trainer = Trainer(accelerator)
    trainer.train(60, 2 * len(BATCHES))
    trainer.step(16)  # what is kept of the last batch has its size
    gc.collect()
    before = allocated(device_of(accelerator, 0))
    objects = len(gc.get_objects())
    trainer.train(SECONDS / 3, 5 * len(BATCHES))
    trainer.step(16)
    assert gc.collect() == 0
    assert len(gc.get_objects()) <= objects + 1  # the last batch's mask
    assert allocated(device_of(accelerator, 0)) == before


def allocated(seam):
    """Bytes that the tensors of a device hold."""
    return getattr(seam, "memory", seam).allocated
