"""Training in float16: losses are scaled up so that small gradients do not vanish."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .absent import names_the_nearest


class autocast:
    """Nothing is cast by itself here: a context, and a decorator, for programs that switch it off.

    `enabled=True` is an error, but for "cuda" where there is no GPU, which PyTorch ignores as well.
    """

    def __init__(
        self, device_type: Any = "cuda", dtype: Any = None, enabled: bool = True,
        cache_enabled: bool | None = None,
    ) -> None:  # fmt: skip
        if isinstance(device_type, bool):  # cuda.amp.autocast(enabled)
            device_type, enabled = "cuda", device_type
        if enabled and device_type == "cuda" and not cuda_is_available():
            warnings.warn("autocast: cuda is not available: nothing is cast", stacklevel=2)
        elif enabled:
            raise RuntimeError(
                "autocast: nothing is cast by itself: give enabled=False, and cast the model and "
                "its inputs with .to(tritongrad.bfloat16)"
            )

    def __enter__(self) -> autocast:
        return self

    def __exit__(self, *exc: object) -> None:
        pass

    def __call__(self, function: Callable) -> Callable:
        return function


def cuda_is_available() -> bool:
    """What `cuda.is_available` says, which is loaded when it is asked."""
    from . import cuda

    return cuda.is_available()


class GradScaler:
    """Scales losses, and unscales gradients before an optimizer's step, as PyTorch's class does.

    A step with gradients that are not finite is left out, and `update` makes the scale smaller;
    after `growth_interval` sound steps it grows. With enabled=False everything passes as it is.
    """

    def __init__(
        self, device: Any = "cuda", init_scale: float = 2.0**16, growth_factor: float = 2.0,
        backoff_factor: float = 0.5, growth_interval: int = 2000, enabled: bool = True,
    ) -> None:  # fmt: skip
        if growth_factor <= 1 or not 0 < backoff_factor < 1:
            raise ValueError("GradScaler: growth_factor must be above 1, backoff_factor in (0, 1)")
        self._scale, self._good = float(init_scale), 0
        self._growth, self._backoff, self._interval = growth_factor, backoff_factor, growth_interval
        self._enabled = enabled
        self._sound: dict[int, bool] = {}  # optimizer -> whether its gradients are finite
        self._stepped: set[int] = set()

    def scale(self, outputs: Any) -> Any:
        """Losses times the scale: a tensor, or a list or tuple of them."""
        if not self._enabled:
            return outputs
        if isinstance(outputs, (list, tuple)):
            return type(outputs)([self.scale(x) for x in outputs])
        return outputs * self._scale

    def unscale_(self, optimizer: Any) -> None:
        """Divide the gradients of an optimizer's parameters by the scale: before clipping, say."""
        if not self._enabled:
            return
        if id(optimizer) in self._sound:
            raise RuntimeError("unscale_() has already been called since the last update()")
        grads = [p.grad for g in optimizer.param_groups for p in g["params"] if p.grad is not None]
        for grad in grads:
            grad.detach().mul_(1 / self._scale)
        checks = [grad.detach().isfinite().all() for grad in grads]
        self._sound[id(optimizer)] = all(map(bool, checks))

    def step(self, optimizer: Any, *args: Any, **kwargs: Any) -> Any:
        """The optimizer's step, on unscaled gradients, unless one of them is not finite."""
        if not self._enabled:
            return optimizer.step(*args, **kwargs)
        if id(optimizer) in self._stepped:
            raise RuntimeError("step() has already been called since the last update()")
        if id(optimizer) not in self._sound:
            self.unscale_(optimizer)
        self._stepped.add(id(optimizer))
        return optimizer.step(*args, **kwargs) if self._sound[id(optimizer)] else None

    def update(self, new_scale: float | None = None) -> None:
        """Adjust the scale, after the steps of all optimizers."""
        if not self._enabled:
            return
        if new_scale is not None:
            self._scale = float(new_scale)
        elif not self._sound:
            raise RuntimeError("update: call step() or unscale_() first: no gradients were seen")
        elif not all(self._sound.values()):
            self._scale, self._good = self._scale * self._backoff, 0
        elif (good := self._good + 1) < self._interval:
            self._good = good
        else:
            self._scale, self._good = self._scale * self._growth, 0
        self._sound.clear()
        self._stepped.clear()

    def get_scale(self) -> float:
        """The scale now; 1 if nothing is scaled."""
        return self._scale if self._enabled else 1.0

    def is_enabled(self) -> bool:
        """Whether losses are scaled."""
        return self._enabled

    def state_dict(self) -> dict:
        """What `load_state_dict` needs to go on."""
        if not self._enabled:
            return {}
        return {
            "scale": self._scale,
            "growth_factor": self._growth,
            "backoff_factor": self._backoff,
            "growth_interval": self._interval,
            "_growth_tracker": self._good,
        }

    def load_state_dict(self, state_dict: dict) -> None:
        """Go on where `state_dict` was taken."""
        if not self._enabled:
            return
        if not state_dict:
            raise RuntimeError("load_state_dict: an empty state, of a scaler that was not enabled")
        self._scale, self._good = state_dict["scale"], state_dict["_growth_tracker"]
        self._growth, self._backoff = state_dict["growth_factor"], state_dict["backoff_factor"]
        self._interval = state_dict["growth_interval"]


if not TYPE_CHECKING:
    __getattr__ = names_the_nearest(__name__)
