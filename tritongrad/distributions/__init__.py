"""Probability distributions: samples, densities with gradients, entropies, divergences."""

from typing import TYPE_CHECKING

from tritongrad.absent import names_the_nearest
from tritongrad.distributions.bernoulli import Bernoulli as Bernoulli
from tritongrad.distributions.categorical import Categorical as Categorical
from tritongrad.distributions.distribution import Distribution as Distribution
from tritongrad.distributions.independent import Independent as Independent
from tritongrad.distributions.kl import kl_divergence as kl_divergence
from tritongrad.distributions.normal import Normal as Normal
from tritongrad.distributions.uniform import Uniform as Uniform

if not TYPE_CHECKING:
    __getattr__ = names_the_nearest(__name__)
