"""OneCycleLR: up to a high learning rate, then down to a tiny one, in one cycle."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from tritongrad.optim.optimizer import Optimizer
from tritongrad.optim.scheduler import LRScheduler


class OneCycleLR(LRScheduler):
    """From max_lr / div_factor up to max_lr, then down to that / final_div_factor; step per batch.

    Momentum, or the first beta, goes the other way (Smith and Topin, "Super-convergence", 2018).
    """

    def __init__(
        self, optimizer: Optimizer, max_lr: float | list, total_steps: int | None = None,
        epochs: int | None = None, steps_per_epoch: int | None = None, pct_start: float = 0.3,
        anneal_strategy: str = "cos", cycle_momentum: bool = True,
        base_momentum: float | list = 0.85, max_momentum: float | list = 0.95,
        div_factor: float = 25.0, final_div_factor: float = 1e4, three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:  # fmt: skip
        self.total_steps = _steps(total_steps, epochs, steps_per_epoch)
        if not 0 <= pct_start <= 1:
            raise ValueError(f"Expected float between 0 and 1 pct_start, but got {pct_start}")
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(
                f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}"
            )
        self.anneal = anneal_strategy
        self.cycle_momentum = cycle_momentum
        self.phases = _phases(self.total_steps, pct_start, three_phase)
        groups = optimizer.param_groups
        if cycle_momentum and not {"momentum", "betas"} & optimizer.defaults.keys():
            raise ValueError(
                "optimizer must support momentum or beta1 with `cycle_momentum` option enabled"
            )
        if last_epoch == -1:
            each = (_each(groups, v) for v in (max_lr, max_momentum, base_momentum))
            for group, top, most, least in zip(groups, *each, strict=True):
                group["initial_lr"] = group["lr"] = top / div_factor
                group["max_lr"] = top
                group["min_lr"] = group["initial_lr"] / final_div_factor
                if cycle_momentum:
                    group["max_momentum"], group["base_momentum"] = most, least
                    _set_momentum(group, most)
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        if self.last_epoch > self.total_steps:
            raise ValueError(
                f"Tried to step {self.last_epoch} times. The specified number of total steps is "
                f"{self.total_steps}"
            )
        step, start = self.last_epoch, 0.0
        for i, (end, *names) in enumerate(self.phases):
            if step <= end or i == len(self.phases) - 1:
                part = (step - start) / (end - start)
                return [self._set(group, part, *names) for group in self.optimizer.param_groups]
            start = end
        return self._rates()

    def _set(
        self, group: dict, part: float, lr: str, next_lr: str, momentum: str, next_momentum: str
    ) -> float:
        """The rate of a group within a phase; sets its momentum."""
        way: Callable = _cosine if self.anneal == "cos" else _line
        if self.cycle_momentum:
            _set_momentum(group, way(group[momentum], group[next_momentum], part))
        return way(group[lr], group[next_lr], part)


def _steps(total_steps: int | None, epochs: int | None, steps_per_epoch: int | None) -> int:
    if total_steps is None:
        if epochs is None or steps_per_epoch is None:
            raise ValueError("You must define either total_steps OR (epochs AND steps_per_epoch)")
        total_steps = epochs * steps_per_epoch
    if not isinstance(total_steps, int) or total_steps <= 0:
        raise ValueError(f"Expected positive integer total_steps, but got {total_steps}")
    return total_steps


def _phases(steps: int, share: float, three: bool) -> list[tuple]:
    """(the last step, the rates and the momenta that it goes between) of each phase."""
    up = ("initial_lr", "max_lr", "max_momentum", "base_momentum")
    back = ("max_lr", "initial_lr", "base_momentum", "max_momentum")
    if three:
        last = ("initial_lr", "min_lr", "max_momentum", "max_momentum")
        return [
            (share * steps - 1, *up),
            (2 * share * steps - 2, *back),
            (steps - 1, *last),
        ]
    return [(share * steps - 1, *up), (steps - 1, "max_lr", "min_lr", *back[2:])]


def _each(groups: list, value: Any) -> list:
    """One value for each group."""
    if not isinstance(value, (list, tuple)):
        return [value] * len(groups)
    if len(value) != len(groups):
        raise ValueError(f"expected {len(groups)} values, one for each group, got {len(value)}")
    return list(value)


def _set_momentum(group: dict, value: float) -> None:
    if "betas" in group:
        group["betas"] = (value, *group["betas"][1:])
    else:
        group["momentum"] = value


def _cosine(start: float, end: float, part: float) -> float:
    return end + (start - end) / 2.0 * (math.cos(math.pi * part) + 1)


def _line(start: float, end: float, part: float) -> float:
    return (end - start) * part + start
