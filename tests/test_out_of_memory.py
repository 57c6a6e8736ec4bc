"""Every allocation of a training step fails in turn: nothing changes, and the next try is right."""

from __future__ import annotations

import pytest
from standin import run

import tritongrad as tg
from tritongrad.checks import bits
from tritongrad.cuda.seam import device_of

OPTIMIZERS = {
    "momentum": lambda p: tg.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.01),
    "Adam": lambda p: tg.optim.Adam(p, lr=0.01),
    "RMSprop": lambda p: tg.optim.RMSprop(p, lr=0.01),
}


class Training:
    """A small network, its data and its optimizer on the device whose memory may be full."""

    def __init__(self, name: str) -> None:
        g = tg.Generator().manual_seed(0)

        def made(*shape):
            return tg.randn(*shape, generator=g).to("interpret")

        self.x, self.y = made(5, 3), made(5, 2)
        self.w1, self.b, self.w2 = (made(*s).requires_grad_() for s in ((3, 4), (4,), (4, 2)))
        self.leaves = [self.w1, self.b, self.w2]
        self.optimizer = OPTIMIZERS[name](self.leaves)

    def forward(self):
        h = self.x @ self.w1 + self.b
        h[:, 0].mul_(0.5)
        return ((h.relu() @ self.w2 - self.y) ** 2).mean()

    def step(self):
        self.optimizer.zero_grad()
        loss = self.forward()
        loss.backward()
        self.optimizer.step()
        return loss.item()

    def tensors(self):
        """The bits of everything that lives across steps."""
        states = [
            bits(v)
            for p in self.leaves
            for v in self.optimizer.state.get(p, {}).values()
            if isinstance(v, tg.Tensor)
        ]
        return [bits(t) for t in (self.x, self.y, *self.leaves)], states


class Full:
    """The device's allocate, which fails once at the k-th call."""

    def __init__(self, patch) -> None:
        self.device = device_of("interpret", 0)
        self.real = self.device.allocate
        self.calls, self.at = 0, 0
        patch.setattr(self.device, "allocate", self)

    def __call__(self, nbytes):
        self.calls += 1
        if self.calls == self.at:
            raise tg.cuda.OutOfMemoryError(f"{self.device}: no memory for {nbytes} bytes")
        return self.real(nbytes)

    def arm(self, at):
        self.calls, self.at = 0, at


def trained(name, steps):
    training = Training(name)
    return [training.step() for _ in range(steps)], training.tensors()


@pytest.mark.triton
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_allocation_of_a_step_may_fail(name, monkeypatch):
    full = Full(monkeypatch)
    losses, want = trained(name, 2)
    training = Training(name)
    for warm in (0, 1):  # the first step makes the optimizer's state
        failed = at = 0
        while True:
            at += 1
            before = training.tensors()
            full.arm(at)
            try:
                loss = training.step()
            except tg.cuda.OutOfMemoryError:
                failed += 1
                after = training.tensors()
                assert after[0] == before[0], f"{at}: data or parameters changed"
                assert after[1] == before[1], f"{at}: the optimizer's state changed"
                continue
            break
        assert failed == at - 1 and failed > 20
        assert loss == losses[warm]
    assert training.tensors() == want


def test_every_allocation_of_a_step_on_the_driver_may_fail():
    """Accounts, the state of the optimizer and the launches of the next try, on the stand-in."""
    told = run(
        """
        import tritongrad as tg
        from tritongrad.cuda.optim import table_of
        lib = fake()
        w1, w2 = (tg.ones(*s, device="cuda", requires_grad=True) for s in ((3, 4), (4, 2)))
        x = tg.ones(5, 3, device="cuda")
        optimizer = tg.optim.SGD([w1, w2], lr=0.1, momentum=0.9)

        def step():
            optimizer.zero_grad()
            ((x @ w1).relu() @ w2).sum().backward()
            optimizer.step()

        def settle():
            optimizer.zero_grad()
            table_of.cache_clear()  # the last few are kept, by address
            tg.cuda.empty_cache()
            return tg.cuda.memory_allocated()

        step()
        used, failures, site = settle(), 0, 0
        while True:
            site += 1
            lib.fake_fail(site, 2)  # the allocation and its retry
            try:
                step()
            except tg.cuda.OutOfMemoryError:
                failures += 1
            else:
                break
            lib.fake_fail(0, 0)
            now = settle()
            assert now == used, (site, now, used)
            assert [s["step"] for s in optimizer.state.values()] == [failures] * 2, site
            before = lib.fake_launches()
            step()  # the next try
            launches = lib.fake_launches() - before
            assert site == 1 or launches == usual, (launches, usual)
            usual = launches
            settle()
        print(failures, usual)
        """
    )
    failures, launches = map(int, told.split())
    assert failures >= 6 and launches >= 6


HUGE = 1 << 45
CALLS = {
    "add": lambda x: x + 1.0,
    "exp": lambda x: x.exp(),
    "maximum": lambda x: tg.maximum(x, x),
    "eq": lambda x: x == x,
    "where": lambda x: tg.where(x > 0, x, 1.0) if x.numel() < 9 else tg.where(x, x, x),
    "zeros": lambda x: tg.zeros(HUGE),
    "full": lambda x: tg.full((HUGE, 2), 1.5),
    "empty": lambda x: tg.empty(HUGE, dtype=tg.float64),
    "cat": lambda x: tg.cat([x, x]),
    "clone": lambda x: x.clone(),
    "cumsum": lambda x: x.cumsum(0),
}


@pytest.mark.parametrize("name", CALLS)
def test_what_does_not_fit_the_host_is_named_with_its_bytes(name):
    kind = tg.bool if name == "where" else tg.float32
    x = tg.ones(1, dtype=kind).expand(HUGE)
    with pytest.raises(MemoryError) as caught:
        CALLS[name](x)
    text = str(caught.value)
    assert name in text and "bytes" in text and "GiB" in text, text
    assert x[5].item() == 1 and x._version_count == 0


@pytest.mark.parametrize("name", ["tensor_split", "hsplit", "vsplit"])
def test_more_sections_than_anything_could_hold_are_refused(name):
    x = tg.ones(4, 4)
    with pytest.raises((RuntimeError, ValueError), match=name):
        getattr(tg, name)(x, 1 << 50)
    assert len(tg.tensor_split(tg.ones(3), 10_000)) == 10_000
