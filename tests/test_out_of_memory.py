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
    "Adagrad": lambda p: tg.optim.Adagrad(p, lr=0.01, lr_decay=0.1),
    "Adam, capturable": lambda p: tg.optim.Adam(p, lr=0.01, capturable=True),
    "AdamW, capturable": lambda p: tg.optim.AdamW(p, lr=0.01, capturable=True, amsgrad=True),
    "RMSprop, capturable": lambda p: tg.optim.RMSprop(p, 0.01, momentum=0.9, capturable=True),
    "Adadelta, capturable": lambda p: tg.optim.Adadelta(p, capturable=True),
    "SGD, groups": lambda p: tg.optim.SGD(groups(p), lr=0.1, momentum=0.9),
    "Adam, groups, capturable": lambda p: tg.optim.Adam(groups(p), lr=0.1, capturable=True),
}


def groups(params):
    """Some of the parameters at another rate: a step of several launches."""
    return [{"params": params[:1]}, {"params": params[1:], "lr": 0.01}]


class Training:
    """A small network, its data and its optimizer on the device whose memory may be full."""

    def __init__(self, name: str) -> None:
        self.generator = tg.Generator().manual_seed(0)
        self.leaves = self.parameters()
        self.optimizer = OPTIMIZERS[name](self.leaves)

    def made(self, *shape, dtype=tg.float32):
        return tg.randn(*shape, generator=self.generator).to(dtype).to("interpret")

    def parameters(self):
        self.x, self.y = self.made(5, 3), self.made(5, 2)
        self.w1, self.b, self.w2 = (self.made(*s) for s in ((3, 4), (4,), (4, 2)))
        return [w.requires_grad_() for w in (self.w1, self.b, self.w2)]

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
        """The bits of everything that lives across steps; what fails may leave new tensors."""
        states = [
            (name, bits(v) if isinstance(v, tg.Tensor) else v)
            for p in self.leaves
            for name, v in self.optimizer.state.get(p, {}).items()
        ]
        return [bits(t) for t in (self.x, self.y, *self.leaves)], states


class Mixed(Training):
    """Parameters of all floating types, casts between them, and integers as indices."""

    def parameters(self):
        self.x = tg.tensor([[3, 0, 2], [1, 1, 4]], device="interpret")
        self.y = tg.tensor([2, 0], dtype=tg.int32, device="interpret")
        shapes = ((5, 4), tg.float32), ((4, 3), tg.float16), ((3,), tg.bfloat16), ((3,), tg.float64)
        return [self.made(*shape, dtype=dtype).requires_grad_() for shape, dtype in shapes]

    def forward(self):
        table, half, brain, double = self.leaves
        h = table[self.x].sum(1).half() @ half
        h = tg.nn.functional.embedding(self.y.long(), h.T).T * 0.5 + h[:, :2]
        h = tg.cat([h, h[:, :1]], 1).bfloat16() * brain
        h = h.double() * double + (self.y[:, None] > 0)
        h = h.scatter_add(1, self.x[:, :1] % 3, h[:, 1:2] * self.y[:, None].double())
        picked = h.gather(1, self.y[:, None].long()).float()
        return picked.sum() + tg.nn.functional.cross_entropy(h.half(), self.y.long()).float()


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


CASES = [(Training, name) for name in OPTIMIZERS]
CASES += [(Mixed, name) for name in ("momentum", "RMSprop", "Adam, groups, capturable")]


@pytest.mark.triton
@pytest.mark.parametrize(("kind", "name"), CASES)
def test_every_allocation_of_a_step_may_fail(kind, name, monkeypatch):
    full = Full(monkeypatch)
    other = kind(name)
    losses, want = [other.step() for _ in range(2)], other.tensors()
    training = kind(name)
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
