"""The uniform distribution."""

from __future__ import annotations

import math
from typing import Any

from tritongrad.distributions.distribution import Distribution, require, together
from tritongrad.ops.elementwise import where
from tritongrad.random import rand


class Uniform(Distribution):
    """Equally dense in [low, high)."""

    parameters, has_rsample = ("low", "high"), True

    def __init__(self, low: Any, high: Any, validate_args: bool | None = None) -> None:
        self.low, self.high = together(low, high)
        if validate_args is not False:
            require("Uniform", "high", self.high > self.low, "above low", high)
        super().__init__(self.low.shape)

    def rsample(self, sample_shape: Any = ()) -> Any:
        u = rand(self.shape_of(sample_shape), dtype=self.low.dtype, device=self.low.device)
        return self.low + u * (self.high - self.low)

    def log_prob(self, value: Any) -> Any:
        inside = (value >= self.low) & (value < self.high)
        return where(inside, -(self.high - self.low).log(), -math.inf)

    def entropy(self) -> Any:
        return (self.high - self.low).log()

    @property
    def mean(self) -> Any:
        return (self.low + self.high) / 2

    @property
    def variance(self) -> Any:
        return (self.high - self.low).square() / 12
