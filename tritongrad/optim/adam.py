"""Adam and AdamW: steps of a size that does not depend on the gradients' size."""

from __future__ import annotations

from typing import Any

from tritongrad.optim.elementwise import (
    Elementwise,
    Row,
    by_kind,
    check,
    check_betas,
    contiguous,
    maximum,
    signed,
)


class Adam(Elementwise):
    """w -= lr m / (sqrt(v) + eps), with m and v the running means of g and of g ** 2.

    Kingma and Ba, "Adam: a method for stochastic optimization", 2015. The means start at zero and
    are scaled up for it. `amsgrad`: v is the largest so far.
    """

    def __init__(
        self, params: Any, lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8, weight_decay: float = 0, amsgrad: bool = False, *,
        foreach: bool | None = None, maximize: bool = False, capturable: bool = False,
        differentiable: bool = False, fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:  # fmt: skip
        check("Adam", differentiable, learning_rate=lr, epsilon=eps, weight_decay=weight_decay)
        check_betas(betas)
        defaults = {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay,
            "amsgrad": amsgrad, "maximize": maximize, "foreach": foreach,
            "capturable": capturable, "differentiable": differentiable, "fused": fused,
            "decoupled_weight_decay": decoupled_weight_decay,
        }  # fmt: skip
        super().__init__(params, defaults)

    def states(self, group: dict[str, Any]) -> tuple:
        return "exp_avg", "exp_avg_sq", "max_exp_avg_sq" if group["amsgrad"] else None

    def rule(self, group: dict[str, Any], step: Any, w: Any, g: Any, *states: Any) -> None:
        mean, square, peak = states
        lr, (beta1, beta2) = float(group["lr"]), group["betas"]
        if group["decoupled_weight_decay"]:
            w *= 1 - lr * group["weight_decay"]
            g = -g if group["maximize"] else g
        else:
            g = signed(group, w, g)
        mean += (g - mean) * (1 - beta1)
        square *= beta2
        square += g * g * (1 - beta2)
        if peak is not None:
            peak[...] = square = maximum(peak, square)
        root = (1 - beta2**step) ** 0.5
        w -= mean / (square**0.5 / root + group["eps"]) * (lr / (1 - beta1**step))

    def fused(self, group: dict[str, Any], rows: list[Row]) -> list | None:
        if not contiguous(rows):
            return None
        from tritongrad.cuda.optim import adam_launches

        def kind(row: Row) -> tuple:
            return row.step if isinstance(row.step, int) else id(row.step), row.param.device

        launches = []
        for same in by_kind(kind, rows):
            step = same[0].step
            params, grads, *moments = zip(*[row.arrays() for row in same], strict=True)
            means, squares, peaks = moments
            launches += adam_launches(
                params, grads, means, squares, peaks,
                step if isinstance(step, int) else step._array,
                lr=float(group["lr"]), beta1=group["betas"][0], beta2=group["betas"][1],
                eps=group["eps"], weight_decay=group["weight_decay"],
                decoupled=group["decoupled_weight_decay"], amsgrad=group["amsgrad"],
                maximize=group["maximize"],
            )  # fmt: skip
        return launches


class AdamW(Adam):
    """Adam whose weight decay shrinks w itself, apart from the gradient.

    Loshchilov and Hutter, "Decoupled weight decay regularization", 2019.
    """

    def __init__(
        self, params: Any, lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8, weight_decay: float = 1e-2, amsgrad: bool = False, *,
        maximize: bool = False, foreach: bool | None = None, capturable: bool = False,
        differentiable: bool = False, fused: bool | None = None,
    ) -> None:  # fmt: skip
        super().__init__(
            params, lr, betas, eps, weight_decay, amsgrad, foreach=foreach, maximize=maximize,
            capturable=capturable, differentiable=differentiable, fused=fused,
            decoupled_weight_decay=True,
        )  # fmt: skip
