"""The normal distribution."""

from __future__ import annotations

import math
from typing import Any

from tritongrad.distributions.distribution import Distribution, require, together
from tritongrad.ops.activation import erf
from tritongrad.random import randn


class Normal(Distribution):
    """The density exp(-((x - loc) / scale)^2 / 2) / (scale sqrt(2 pi))."""

    parameters, has_rsample = ("loc", "scale"), True

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        self.loc, self.scale = together(loc, scale)
        if validate_args is not False:
            require("Normal", "scale", self.scale > 0, "above 0", scale)
        super().__init__(self.loc.shape)

    def rsample(self, sample_shape: Any = ()) -> Any:
        shape = self.shape_of(sample_shape)
        noise = randn(shape, dtype=self.loc.dtype, device=self.loc.device)
        return self.loc + noise * self.scale

    def log_prob(self, value: Any) -> Any:
        away = (value - self.loc) / self.scale
        return away.square() * -0.5 - self.scale.log() - math.log(math.sqrt(2 * math.pi))

    def entropy(self) -> Any:
        return self.scale.log() + (0.5 + 0.5 * math.log(2 * math.pi))

    def cdf(self, value: Any) -> Any:
        """The probability of what is not above value."""
        return (erf((value - self.loc) / (self.scale * math.sqrt(2))) + 1) * 0.5

    @property
    def mean(self) -> Any:
        return self.loc

    @property
    def mode(self) -> Any:
        return self.loc

    @property
    def variance(self) -> Any:
        return self.scale.square()
