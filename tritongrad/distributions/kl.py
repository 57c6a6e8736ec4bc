"""How far one distribution is from another."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from tritongrad.distributions.bernoulli import Bernoulli
from tritongrad.distributions.categorical import Categorical
from tritongrad.distributions.distribution import Distribution, added
from tritongrad.distributions.independent import Independent
from tritongrad.distributions.normal import Normal
from tritongrad.distributions.uniform import Uniform
from tritongrad.nn.functional import softplus
from tritongrad.ops.elementwise import where


def kl_divergence(p: Distribution, q: Distribution) -> Any:
    """The mean under p of log p - log q."""
    formula = DIVERGENCES.get((type(p), type(q)))
    if formula is None:
        raise NotImplementedError(
            f"kl_divergence: no formula for {type(p).__name__} and {type(q).__name__}: take the "
            "mean of p.log_prob(x) - q.log_prob(x) over samples x of p"
        )
    return formula(p, q)


def _normals(p: Any, q: Any) -> Any:
    ratio = (p.scale / q.scale).square()
    return (ratio + ((p.loc - q.loc) / q.scale).square() - 1 - ratio.log()) * 0.5


def _uniforms(p: Any, q: Any) -> Any:
    outside = (q.low > p.low) | (q.high < p.high)
    return where(outside, math.inf, ((q.high - q.low) / (p.high - p.low)).log())


def _weighted(chance: Any, difference: Any, impossible: Any) -> Any:
    """chance * difference: 0 where there is no chance, else inf where the other has none."""
    return where(chance == 0, 0.0, where(impossible, math.inf, chance * difference))


def _bernoullis(p: Any, q: Any) -> Any:
    one = softplus(-q.logits) - softplus(-p.logits)
    zero = softplus(q.logits) - softplus(p.logits)
    return _weighted(p.probs, one, q.probs == 0) + _weighted(1 - p.probs, zero, q.probs == 1)


def _categoricals(p: Any, q: Any) -> Any:
    return _weighted(p.probs, p.logits - q.logits, q.probs == 0).sum(-1)


def _independents(p: Any, q: Any) -> Any:
    counts = p.reinterpreted_batch_ndims, q.reinterpreted_batch_ndims
    if counts[0] != counts[1]:
        raise NotImplementedError(f"kl_divergence: events of {counts[0]} and of {counts[1]} dims")
    return added(kl_divergence(p.base_dist, q.base_dist), counts[0])


DIVERGENCES: dict[tuple, Callable] = {
    (Normal, Normal): _normals,
    (Uniform, Uniform): _uniforms,
    (Bernoulli, Bernoulli): _bernoullis,
    (Categorical, Categorical): _categoricals,
    (Independent, Independent): _independents,
}
