"""Stochastic gradient descent."""

from __future__ import annotations

from typing import Any

from tritongrad.optim.elementwise import Elementwise, Row, by_kind, check, contiguous, signed


class SGD(Elementwise):
    """w -= lr g, or lr times a running sum of the gradients, its `momentum`."""

    def __init__(
        self, params: Any, lr: float = 1e-3, momentum: float = 0, dampening: float = 0,
        weight_decay: float = 0, nesterov: bool = False, *, maximize: bool = False,
        foreach: bool | None = None, differentiable: bool = False, fused: bool | None = None,
    ) -> None:  # fmt: skip
        check("SGD", differentiable, learning_rate=lr, momentum=momentum, weight_decay=weight_decay)
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        defaults = {
            "lr": lr, "momentum": momentum, "dampening": dampening, "weight_decay": weight_decay,
            "nesterov": nesterov, "maximize": maximize, "foreach": foreach,
            "differentiable": differentiable, "fused": fused,
        }  # fmt: skip
        super().__init__(params, defaults)

    def states(self, group: dict[str, Any]) -> tuple:
        return ("momentum_buffer" if group["momentum"] else None,)

    def rule(self, group: dict[str, Any], step: Any, w: Any, g: Any, *states: Any) -> None:
        (buffer,) = states
        g = signed(group, w, g)
        if buffer is not None:
            if step == 1:
                buffer += g
            else:
                buffer *= group["momentum"]
                buffer += g * (1 - group["dampening"])
            g = g + buffer * group["momentum"] if group["nesterov"] else buffer
        w -= g * float(group["lr"])

    def fused(self, group: dict[str, Any], rows: list[Row]) -> list | None:
        if not contiguous(rows):
            return None
        from tritongrad.cuda.optim import sgd_launches

        launches = []
        for same in by_kind(lambda row: (row.step == 1, row.param.device), rows):
            launches += sgd_launches(
                *zip(*[row.arrays() for row in same], strict=True),
                lr=float(group["lr"]), momentum=group["momentum"], dampening=group["dampening"],
                weight_decay=group["weight_decay"], nesterov=group["nesterov"],
                maximize=group["maximize"], first=same[0].step == 1,
            )  # fmt: skip
        return launches
