"""Several distributions taken as one of events."""

from __future__ import annotations

from typing import Any

from tritongrad.distributions.distribution import Distribution, added


class Independent(Distribution):
    """The last batch dims of a distribution taken as one event: their log_probs are added."""

    def __init__(
        self, base_distribution: Any, reinterpreted_batch_ndims: int,
        validate_args: bool | None = None,
    ) -> None:  # fmt: skip
        self.base_dist = base_distribution
        self.reinterpreted_batch_ndims = count = reinterpreted_batch_ndims
        shape = base_distribution.batch_shape
        if count > len(shape):
            raise ValueError(
                f"Independent: expected at most {len(shape)} batch dims, those of the base, got "
                f"{count}"
            )
        cut = len(shape) - count
        self.has_rsample = base_distribution.has_rsample
        super().__init__(shape[:cut], (*shape[cut:], *base_distribution.event_shape))

    def rsample(self, sample_shape: Any = ()) -> Any:
        return self.base_dist.rsample(sample_shape)

    def sample(self, sample_shape: Any = ()) -> Any:
        return self.base_dist.sample(sample_shape)

    def log_prob(self, value: Any) -> Any:
        return added(self.base_dist.log_prob(value), self.reinterpreted_batch_ndims)

    def entropy(self) -> Any:
        return added(self.base_dist.entropy(), self.reinterpreted_batch_ndims)

    @property
    def mean(self) -> Any:
        return self.base_dist.mean

    @property
    def variance(self) -> Any:
        return self.base_dist.variance

    def __repr__(self) -> str:
        return f"Independent({self.base_dist}, {self.reinterpreted_batch_ndims})"
