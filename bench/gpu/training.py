"""The tutorial's step on the GPU, for whichever library is called by PyTorch's names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

SIZES = (64, 1000, 100, 10)  # rows, inputs, hidden, outputs


def training_step(lib: Any, sizes: tuple = SIZES) -> tuple[Callable[[], Any], tuple]:
    """Forward, backward and update, which returns the loss; and the parameters. Seed 0."""
    lib.manual_seed(0)
    n, d_in, hidden, d_out = sizes
    x, y = lib.randn(n, d_in, device="cuda"), lib.randn(n, d_out, device="cuda")
    w1 = lib.randn(d_in, hidden, device="cuda", requires_grad=True)
    w2 = lib.randn(hidden, d_out, device="cuda", requires_grad=True)

    def step() -> Any:
        loss = (x.mm(w1).clamp(min=0).mm(w2) - y).pow(2).sum()
        loss.backward()
        with lib.no_grad():
            for w in (w1, w2):
                w.sub_(1e-6 * w.grad)
                w.grad.zero_()
        return loss.detach()

    return step, (w1, w2)
