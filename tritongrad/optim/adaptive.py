"""RMSprop, Adagrad and Adadelta: each element's step is divided by the size of its gradients."""

from __future__ import annotations

from typing import Any

from tritongrad.optim.elementwise import Elementwise, check, signed


class RMSprop(Elementwise):
    """w -= lr g / (sqrt(v) + eps), with v the running mean of g ** 2 (Hinton, 2012).

    `centered`: v less the square of the running mean of g, which is the variance.
    """

    def __init__(
        self, params: Any, lr: float = 1e-2, alpha: float = 0.99, eps: float = 1e-8,
        weight_decay: float = 0, momentum: float = 0, centered: bool = False,
        capturable: bool = False, foreach: bool | None = None, maximize: bool = False,
        differentiable: bool = False,
    ) -> None:  # fmt: skip
        check(
            "RMSprop", differentiable, learning_rate=lr, epsilon=eps, momentum=momentum,
            weight_decay=weight_decay, alpha=alpha,
        )  # fmt: skip
        defaults = {
            "lr": lr, "momentum": momentum, "alpha": alpha, "eps": eps, "centered": centered,
            "weight_decay": weight_decay, "capturable": capturable, "foreach": foreach,
            "maximize": maximize, "differentiable": differentiable,
        }  # fmt: skip
        super().__init__(params, defaults)

    def states(self, group: dict[str, Any]) -> tuple:
        return (
            "square_avg",
            "momentum_buffer" if group["momentum"] else None,
            "grad_avg" if group["centered"] else None,
        )

    def rule(self, group: dict[str, Any], step: Any, w: Any, g: Any, *states: Any) -> None:
        square, buffer, mean = states
        g = signed(group, w, g)
        square *= group["alpha"]
        square += g * g * (1 - group["alpha"])
        spread = square
        if mean is not None:
            mean += (g - mean) * (1 - group["alpha"])
            spread = square - mean * mean
        change = g / (spread**0.5 + group["eps"])
        if buffer is not None:
            buffer *= group["momentum"]
            buffer += change
            change = buffer
        w -= change * float(group["lr"])


class Adagrad(Elementwise):
    """w -= lr g / (sqrt(the sum of all g ** 2 so far) + eps) (Duchi, Hazan and Singer, 2011)."""

    def __init__(
        self, params: Any, lr: float = 1e-2, lr_decay: float = 0, weight_decay: float = 0,
        initial_accumulator_value: float = 0, eps: float = 1e-10, foreach: bool | None = None, *,
        maximize: bool = False, differentiable: bool = False, fused: bool | None = None,
    ) -> None:  # fmt: skip
        check(
            "Adagrad", differentiable, learning_rate=lr, lr_decay=lr_decay, epsilon=eps,
            weight_decay=weight_decay, initial_accumulator_value=initial_accumulator_value,
        )  # fmt: skip
        defaults = {
            "lr": lr, "lr_decay": lr_decay, "eps": eps, "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value, "foreach": foreach,
            "maximize": maximize, "differentiable": differentiable, "fused": fused,
        }  # fmt: skip
        super().__init__(params, defaults)

    def states(self, group: dict[str, Any]) -> tuple:
        return ("sum",)

    def initial(self, name: str, p: Any, group: dict[str, Any]) -> Any:
        return p.detach().new_full(tuple(p.shape), group["initial_accumulator_value"])

    def rule(self, group: dict[str, Any], step: Any, w: Any, g: Any, *states: Any) -> None:
        (total,) = states
        g = signed(group, w, g)
        total += g * g
        lr = float(group["lr"]) / (1 + (step - 1) * group["lr_decay"])
        w -= g / (total**0.5 + group["eps"]) * lr


class Adadelta(Elementwise):
    """w -= lr sqrt(d + eps) / sqrt(v + eps) g, with running means: d of the squares of such steps,

    v of g ** 2 (Zeiler, 2012).
    """

    def __init__(
        self, params: Any, lr: float = 1.0, rho: float = 0.9, eps: float = 1e-6,
        weight_decay: float = 0, foreach: bool | None = None, *, capturable: bool = False,
        maximize: bool = False, differentiable: bool = False,
    ) -> None:  # fmt: skip
        check("Adadelta", differentiable, learning_rate=lr, epsilon=eps, weight_decay=weight_decay)
        if not 0.0 <= rho <= 1.0:
            raise ValueError(f"Invalid rho value: {rho}")
        defaults = {
            "lr": lr, "rho": rho, "eps": eps, "weight_decay": weight_decay, "maximize": maximize,
            "capturable": capturable, "foreach": foreach, "differentiable": differentiable,
        }  # fmt: skip
        super().__init__(params, defaults)

    def states(self, group: dict[str, Any]) -> tuple:
        return "square_avg", "acc_delta"

    def rule(self, group: dict[str, Any], step: Any, w: Any, g: Any, *states: Any) -> None:
        square, moved = states
        rho, eps = group["rho"], group["eps"]
        g = signed(group, w, g)
        square *= rho
        square += g * g * (1 - rho)
        change = (moved + eps) ** 0.5 / (square + eps) ** 0.5 * g
        moved *= rho
        moved += change * change * (1 - rho)
        w -= change * float(group["lr"])
