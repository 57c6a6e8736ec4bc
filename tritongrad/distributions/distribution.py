"""What every distribution has, and how its parameters are given."""

from __future__ import annotations

from typing import Any

from tritongrad.autograd.modes import no_grad
from tritongrad.autograd.variable import Variable
from tritongrad.create import tensor
from tritongrad.dtype import finfo
from tritongrad.ops.view import broadcast_tensors
from tritongrad.tensor_base import Size


class Distribution:
    """Base: `batch_shape` independent distributions of values of `event_shape`."""

    parameters: tuple = ()
    has_rsample = False

    def __init__(self, batch_shape: Any = (), event_shape: Any = ()) -> None:
        self.batch_shape, self.event_shape = Size(batch_shape), Size(event_shape)

    def rsample(self, sample_shape: Any = ()) -> Any:
        """Values drawn, with gradients for the parameters."""
        raise NotImplementedError(f"{type(self).__name__} has no rsample: use log_prob of a sample")

    def sample(self, sample_shape: Any = ()) -> Any:
        """Values drawn, without gradients."""
        with no_grad():
            return self.rsample(sample_shape)

    def log_prob(self, value: Any) -> Any:
        """The logarithm of the density, or of the probability, at a value."""
        raise NotImplementedError(f"{type(self).__name__} has no log_prob")

    def entropy(self) -> Any:
        """The mean of -log_prob."""
        raise NotImplementedError(f"{type(self).__name__} has no entropy")

    def perplexity(self) -> Any:
        """exp(entropy)"""
        return self.entropy().exp()

    @property
    def mean(self) -> Any:
        raise NotImplementedError(f"{type(self).__name__} has no mean")

    @property
    def variance(self) -> Any:
        raise NotImplementedError(f"{type(self).__name__} has no variance")

    @property
    def stddev(self) -> Any:
        return self.variance.sqrt()

    def shape_of(self, sample_shape: Any) -> tuple:
        return (*sample_shape, *self.batch_shape, *self.event_shape)

    def __repr__(self) -> str:
        given = ((name, getattr(self, name)) for name in self.parameters)
        shown = [f"{n}: {t if t.numel() == 1 else t.shape}" for n, t in given]
        return f"{type(self).__name__}({', '.join(shown)})"


def together(*given: Any) -> list:
    """Numbers and tensors as tensors of one shape."""
    like = next((x for x in given if isinstance(x, Variable)), None)
    kind = {} if like is None else {"dtype": like.dtype, "device": like.device}
    made = [
        x if isinstance(x, Variable) else tensor(x, **kind) if kind else tensor(float(x))
        for x in given
    ]
    return list(broadcast_tensors(*made))


def require(name: str, parameter: str, sound: Any, what: str, given: Any) -> None:
    """Refuse a parameter that means nothing."""
    if not bool(sound.all()):
        raise ValueError(f"{name}: expected parameter {parameter} to be {what}, got {given}")


def one_of(name: str, probs: Any, logits: Any) -> None:
    """Refuse both of two ways to say the same, and neither."""
    if (probs is None) == (logits is None):
        raise ValueError(f"{name}: either `probs` or `logits` must be specified, but not both")


def inside_of(probs: Any) -> Any:
    """Probabilities away from 0 and 1, whose logarithms are finite."""
    eps = finfo(probs.dtype).eps
    return probs.clamp(min=eps, max=1 - eps)


def added(t: Any, count: int) -> Any:
    """The sum over the last dims, as many as count says."""
    return t.sum(tuple(range(-count, 0))) if count else t
