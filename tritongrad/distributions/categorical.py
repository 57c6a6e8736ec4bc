"""The distribution of one of several."""

from __future__ import annotations

import math
from typing import Any

from tritongrad.distributions.distribution import Distribution, inside_of, one_of, require
from tritongrad.dtype import finfo
from tritongrad.nn.functional import softmax
from tritongrad.ops.view import broadcast_tensors
from tritongrad.random import multinomial


class Categorical(Distribution):
    """k with probability probs[..., k], which are softmax(logits) or made to add up to 1."""

    def __init__(
        self, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        one_of("Categorical", probs, logits)
        self.parameters = ("logits",) if probs is None else ("probs",)
        given = logits if probs is None else probs
        if given.ndim < 1:
            raise ValueError(f"Categorical: `{self.parameters[0]}` must be at least 1-d")
        if probs is None:
            self.logits = logits - logits.logsumexp(-1, keepdim=True)
            self.probs = softmax(self.logits, -1)
        else:
            if validate_args is not False:
                require("Categorical", "probs", probs >= 0, "at least 0", probs)
            self.probs = probs / probs.sum(-1, keepdim=True)
            self.logits = inside_of(self.probs).log()
        super().__init__(given.shape[:-1])

    def sample(self, sample_shape: Any = ()) -> Any:
        rows = self.probs.detach().reshape(-1, self.probs.shape[-1])
        drawn = multinomial(rows, math.prod(sample_shape), True)
        return drawn.t().reshape(self.shape_of(sample_shape))

    def log_prob(self, value: Any) -> Any:
        value, logits = broadcast_tensors(value.long().unsqueeze(-1), self.logits)
        return logits.gather(-1, value[..., :1]).squeeze(-1)

    def entropy(self) -> Any:
        logits = self.logits.clamp(min=finfo(self.logits.dtype).min)
        return -(logits * self.probs).sum(-1)

    @property
    def mode(self) -> Any:
        return self.probs.argmax(-1)
