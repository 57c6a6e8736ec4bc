"""The distribution of a coin."""

from __future__ import annotations

from typing import Any

from tritongrad.distributions.distribution import (
    Distribution,
    inside_of,
    one_of,
    require,
    together,
)
from tritongrad.nn.functional import binary_cross_entropy_with_logits
from tritongrad.ops.view import broadcast_tensors
from tritongrad.random import bernoulli


class Bernoulli(Distribution):
    """1 with probability probs = sigmoid(logits), else 0."""

    def __init__(
        self, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        one_of("Bernoulli", probs, logits)
        self.parameters = ("logits",) if probs is None else ("probs",)
        if probs is None:
            (self.logits,) = together(logits)
            self.probs = self.logits.sigmoid()
        else:
            (self.probs,) = together(probs)
            if validate_args is not False:
                sound = (self.probs >= 0) & (self.probs <= 1)
                require("Bernoulli", "probs", sound, "in [0, 1]", probs)
            p = inside_of(self.probs)
            self.logits = p.log() - (-p).log1p()
        super().__init__(self.probs.shape)

    def sample(self, sample_shape: Any = ()) -> Any:
        return bernoulli(self.probs.detach().expand(self.shape_of(sample_shape)))

    def log_prob(self, value: Any) -> Any:
        logits, value = broadcast_tensors(self.logits, value)
        return -binary_cross_entropy_with_logits(logits, value, reduction="none")

    def entropy(self) -> Any:
        return binary_cross_entropy_with_logits(self.logits, self.probs, reduction="none")

    @property
    def mean(self) -> Any:
        return self.probs

    @property
    def variance(self) -> Any:
        return self.probs * (1 - self.probs)
