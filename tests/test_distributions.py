"""Distributions: densities, entropies, divergences, gradients; samples; what is refused."""

from __future__ import annotations

import importlib
import math

import numpy as np
import pytest

import tritongrad as tg
from tritongrad import distributions as D
from tritongrad.autograd import gradcheck

# name: (how it is made of its parameters, parameters, others, a value)
CASES = {
    "Normal": (lambda m, s: D.Normal(m, s), ([0.3, -1.0], [0.5, 2.0]), ([0.0, 1.0], [1.0, 1.5]),
               [[0.1, 0.2], [-3.0, 4.0]]),
    "Uniform": (lambda a, b: D.Uniform(a, b), ([0.0, -1.0], [1.0, 2.0]), ([-1.0, -2.0], [2.0, 3.0]),
                [0.5, 1.5]),
    "Bernoulli": (lambda p: D.Bernoulli(p), ([0.3, 0.9],), ([0.5, 0.2],), [1.0, 0.0]),
    "Bernoulli of logits": (lambda x: D.Bernoulli(logits=x), ([0.3, -2.0],), ([0.0, 1.0],),
                            [1.0, 0.0]),
    "Categorical": (lambda p: D.Categorical(p), ([[0.2, 0.3, 0.5], [1.0, 2.0, 1.0]],),
                    ([[0.1, 0.8, 0.1], [0.3, 0.3, 0.4]],), [[2, 0], [1, 1]]),
    "Categorical of logits": (lambda x: D.Categorical(logits=x), ([[0.2, -1.0, 0.5]],),
                              ([[0.0, 1.0, 2.0]],), [2]),
    "Independent": (lambda m, s: D.Independent(D.Normal(m, s), 1), ([0.3, -1.0], [0.5, 2.0]),
                    ([0.0, 1.0], [1.0, 1.5]), [[0.1, 0.2], [-3.0, 4.0]]),
}  # fmt: skip


def numbers(lists):
    return [tg.tensor(x, dtype=tg.float64) for x in lists]


@pytest.mark.parametrize("name", CASES)
def test_what_a_distribution_says_is_differentiable(name):
    make, given, others, value = CASES[name]
    leaves = [t.requires_grad_() for t in numbers(given)]
    value = tg.tensor(value)
    value = value if value.dtype is tg.int64 else value.double()
    q = make(*numbers(others))
    for what in (
        lambda *t: make(*t).log_prob(value),
        lambda *t: make(*t).entropy(),
        lambda *t: D.kl_divergence(make(*t), q),
    ):
        assert gradcheck(what, tuple(leaves))


@pytest.mark.parametrize("name", CASES)
def test_samples_have_the_mean_and_the_divergence_that_is_said(name):
    make, given, others, _ = CASES[name]
    tg.manual_seed(0)
    p, q = make(*numbers(given)), make(*numbers(others))
    x = p.sample((20_000,))
    assert not x.requires_grad and x.shape == (20_000, *p.batch_shape, *p.event_shape)
    if not name.startswith("Categorical"):
        np.testing.assert_allclose(x.double().mean(0).numpy(), p.mean.numpy(), atol=0.06)
        np.testing.assert_allclose(x.double().std(0).numpy(), p.stddev.numpy(), rtol=0.04)
    entropy, divergence = -p.log_prob(x).mean(0), (p.log_prob(x) - q.log_prob(x)).mean(0)
    np.testing.assert_allclose(entropy.numpy(), p.entropy().numpy(), rtol=0.02, atol=0.02)
    np.testing.assert_allclose(divergence.numpy(), D.kl_divergence(p, q).numpy(), 0.1, 0.03)
    assert p.perplexity().tolist() == p.entropy().exp().tolist()


@pytest.mark.parametrize("name", CASES)
def test_values_are_those_of_pytorch(name):
    torch = pytest.importorskip("torch")
    _, given, others, value = CASES[name]
    said = []
    for library in (tg, torch):
        d = importlib.import_module(f"{library.__name__}.distributions")
        code = CASES[name][0]
        scope = {"D": d}
        make = type(code)(code.__code__, scope)
        tensors = [[library.tensor(x, dtype=library.float64) for x in c] for c in (given, others)]
        p, q = make(*tensors[0]), make(*tensors[1])
        at, shown = library.tensor(np.array(value)), repr(p).replace("tritongrad", "torch")
        found = [p.log_prob(at), p.entropy(), d.kl_divergence(p, q)]
        if not name.startswith("Categorical"):
            found += [p.mean, p.variance, p.stddev]
        said.append(([t.detach().numpy() for t in found], shown, p.has_rsample))
    for ours, theirs in zip(said[0][0], said[1][0], strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-10)
    assert said[0][1:] == said[1][1:]


def test_samples_on_any_device(device):
    logits = tg.zeros(2, 3, device=device, requires_grad=True)
    policy = D.Categorical(logits=logits)
    action = policy.sample()
    assert action.dtype is tg.int64 and action.shape == (2,) and policy.mode.tolist() == [0, 0]
    policy.log_prob(action).sum().backward()
    assert logits.grad.sum(1).abs().max().item() < 1e-6
    mean = tg.zeros(2, device=device, requires_grad=True)
    D.Normal(mean, 1.0).rsample((4,)).sum().backward()
    assert mean.grad.tolist() == [4, 4]
    assert D.Bernoulli(tg.tensor([0.0, 1.0], device=device)).sample((3,)).tolist() == [[0, 1]] * 3
    assert D.Normal(0.0, 1.0).cdf(tg.tensor(0.0)).item() == 0.5


def test_what_has_no_chance_counts_nothing():
    sure, fair = D.Categorical(tg.tensor([0.0, 1.0])), D.Categorical(tg.tensor([0.5, 0.5]))
    assert D.kl_divergence(sure, fair).item() == pytest.approx(math.log(2), rel=1e-5)
    assert D.kl_divergence(fair, sure).item() == math.inf
    assert D.kl_divergence(D.Bernoulli(0.5), D.Bernoulli(1.0)).item() == math.inf
    assert D.kl_divergence(D.Uniform(0.0, 2.0), D.Uniform(0.0, 1.0)).item() == math.inf
    assert D.Uniform(0.0, 1.0).log_prob(tg.tensor([1.0, -1.0])).tolist() == [-math.inf] * 2


REFUSED = [
    (lambda: D.Normal(0.0, -1.0), ValueError, "scale to be above 0, got -1"),
    (lambda: D.Categorical(), ValueError, "either `probs` or `logits`"),
    (lambda: D.Categorical(tg.ones(2), tg.ones(2)), ValueError, "not both"),
    (lambda: D.Categorical(tg.tensor([-1.0, 2.0])), ValueError, "at least 0"),
    (lambda: D.Categorical(logits=tg.tensor(1.0)), ValueError, "`logits` must be at least 1"),
    (lambda: D.Bernoulli(1.5), ValueError, r"in \[0, 1\]"),
    (lambda: D.Uniform(1.0, 0.0), ValueError, "above low"),
    (lambda: D.Independent(D.Normal(0.0, 1.0), 1), ValueError, "at most 0 batch dims"),
    (lambda: D.Bernoulli(0.5).rsample(), NotImplementedError, "has no rsample"),
    (lambda: D.Categorical(tg.ones(2)).mean, NotImplementedError, "has no mean"),
    (lambda: D.kl_divergence(D.Normal(0.0, 1.0), D.Bernoulli(0.5)), NotImplementedError, "samples"),
    (lambda: D.Gamma, AttributeError, r"numpy\.random"),
]


@pytest.mark.parametrize(("call", "error", "words"), REFUSED)
def test_what_is_refused(call, error, words):
    with pytest.raises(error, match=words):
        call()
