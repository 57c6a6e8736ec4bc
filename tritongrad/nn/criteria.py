"""Losses with PyTorch's arguments, old ones among them: nn.functional's, and what modules call."""

from __future__ import annotations

import warnings
from typing import Any

from tritongrad.front import of_tensors as _of_tensors
from tritongrad.ops import loss as _loss
from tritongrad.ops import reduce as _reduce
from tritongrad.ops.loss import cosine_similarity as cosine_similarity
from tritongrad.ops.loss import gaussian_nll_loss as gaussian_nll_loss


def reduction_of(reduction: str, size_average: bool | None, reduce: bool | None) -> str:
    """The reduction that the two arguments of PyTorch before 1.0 mean, where they are given."""
    if size_average is None and reduce is None:
        return reduction
    meant = "none" if reduce is False else "sum" if size_average is False else "mean"
    warnings.warn(
        f"size_average and reduce args will be deprecated, please use reduction={meant!r} instead.",
        stacklevel=4,  # the caller of the loss
    )
    return meant


def _same_size(input: Any, target: Any) -> None:
    if tuple(input.shape) != tuple(target.shape):
        warnings.warn(
            f"Using a target size ({list(target.shape)}) that is different to the input size "
            f"({list(input.shape)}). This will likely lead to incorrect results due to "
            "broadcasting. Please ensure they have the same size.",
            stacklevel=4,  # the caller of the loss
        )


@_of_tensors
def mse_loss(input, target, size_average=None, reduce=None, reduction="mean", weight=None):
    """(input - target) ** 2, reduced."""
    _same_size(input, target)
    reduction = reduction_of(reduction, size_average, reduce)
    if weight is None:
        return _loss.mse_loss(input, target, reduction)
    losses = _loss.mse_loss(input, target, "none") * weight
    if reduction == "mean":
        return losses.sum() / weight.expand_as(losses).sum()
    return _loss.reduced("mse_loss", losses, reduction)


@_of_tensors
def l1_loss(input, target, size_average=None, reduce=None, reduction="mean"):
    """|input - target|, reduced."""
    _same_size(input, target)
    return _loss.l1_loss(input, target, reduction_of(reduction, size_average, reduce))


@_of_tensors
def smooth_l1_loss(input, target, size_average=None, reduce=None, reduction="mean", beta=1.0):
    """d ** 2 / (2 beta) where |d| < beta, else |d| - beta / 2, for d = input - target."""
    _same_size(input, target)
    reduction = reduction_of(reduction, size_average, reduce)
    return _loss.smooth_l1_loss(input, target, reduction, beta)


@_of_tensors
def huber_loss(input, target, reduction="mean", delta=1.0):
    """d ** 2 / 2 where |d| < delta, else delta (|d| - delta / 2), for d = input - target."""
    _same_size(input, target)
    return _loss.huber_loss(input, target, reduction, delta)


def nll_loss(input, target, weight=None, size_average=None, ignore_index=-100, reduce=None,
             reduction="mean"):  # fmt: skip
    """-input[target], weighted by class, reduced; input holds log-probabilities."""
    reduction = reduction_of(reduction, size_average, reduce)
    return _loss.nll_loss(input, target, weight, ignore_index, reduction)


@_of_tensors
def cross_entropy(input, target, weight=None, size_average=None, ignore_index=-100, reduce=None,
                  reduction="mean", label_smoothing=0.0):  # fmt: skip
    """nll_loss of log_softmax along dim 1; target holds class indices or probabilities."""
    reduction = reduction_of(reduction, size_average, reduce)
    return _loss.cross_entropy(input, target, weight, ignore_index, reduction, label_smoothing)


def binary_cross_entropy(input, target, weight=None, size_average=None, reduce=None,
                         reduction="mean"):  # fmt: skip
    """-(target log(input) + (1 - target) log(1 - input)), reduced."""
    reduction = reduction_of(reduction, size_average, reduce)
    return _loss.binary_cross_entropy(input, target, weight, reduction)


def binary_cross_entropy_with_logits(input, target, weight=None, size_average=None, reduce=None,
                                     reduction="mean", pos_weight=None):  # fmt: skip
    """binary_cross_entropy of sigmoid(input), without overflow."""
    reduction = reduction_of(reduction, size_average, reduce)
    return _loss.binary_cross_entropy_with_logits(input, target, weight, reduction, pos_weight)


def kl_div(input, target, size_average=None, reduce=None, reduction="mean", log_target=False):
    """target (log(target) - input), reduced; input holds log-probabilities."""
    reduction = reduction_of(reduction, size_average, reduce)
    return _loss.kl_div(input, target, reduction, log_target)


@_of_tensors
def poisson_nll_loss(input, target, log_input=True, full=False, size_average=None, eps=1e-8,
                     reduce=None, reduction="mean"):  # fmt: skip
    """e ** input - target input, or input - target log(input + eps); full: with log(target!)."""
    reduction = reduction_of(reduction, size_average, reduce)
    losses = input.exp() - target * input if log_input else input - target * (input + eps).log()
    if full:
        some = target > 1
        t = target.where(some, 1)
        stirling = t * t.log() - t + (t * 6.283185307179586).log() * 0.5
        losses = losses + stirling.where(some, 0)
    return _loss.reduced("poisson_nll_loss", losses, reduction)


@_of_tensors
def soft_margin_loss(input, target, size_average=None, reduce=None, reduction="mean"):
    """log(1 + e ** (-target input)), reduced; target holds 1 and -1."""
    losses = (target * input * -1).exp().log1p()
    return _loss.reduced("soft_margin_loss", losses, reduction_of(reduction, size_average, reduce))


@_of_tensors
def cosine_embedding_loss(input1, input2, target, margin=0.0, size_average=None, reduce=None,
                          reduction="mean"):  # fmt: skip
    """1 - cosine where target is 1, max(0, cosine - margin) where it is -1, reduced."""
    reduction = reduction_of(reduction, size_average, reduce)
    return _loss.cosine_embedding_loss(input1, input2, target, margin, reduction)


@_of_tensors
def margin_ranking_loss(input1, input2, target, margin=0.0, size_average=None, reduce=None,
                        reduction="mean"):  # fmt: skip
    """max(0, margin - target * (input1 - input2)), reduced."""
    reduction = reduction_of(reduction, size_average, reduce)
    return _loss.margin_ranking_loss(input1, input2, target, margin, reduction)


@_of_tensors
def hinge_embedding_loss(input, target, margin=1.0, size_average=None, reduce=None,
                         reduction="mean"):  # fmt: skip
    """input where target is 1, max(0, margin - input) where it is -1, reduced."""
    reduction = reduction_of(reduction, size_average, reduce)
    return _loss.hinge_embedding_loss(input, target, margin, reduction)


def pairwise_distance(x1, x2, p=2.0, eps=1e-6, keepdim=False):
    """The p-norm of x1 - x2 + eps along the last dim."""
    return _reduce.norm(x1 - x2 + eps, p, -1, keepdim)


def triplet_margin_loss(anchor, positive, negative, margin=1.0, p=2.0, eps=1e-6, swap=False,
                        size_average=None, reduce=None, reduction="mean"):  # fmt: skip
    """max(0, |anchor - positive| - |anchor - negative| + margin), reduced."""
    near = pairwise_distance(anchor, positive, p, eps)
    far = pairwise_distance(anchor, negative, p, eps)
    if swap:
        far = far.minimum(pairwise_distance(positive, negative, p, eps))
    losses = (near - far + margin).clamp(min=0)
    return _loss.reduced(
        "triplet_margin_loss", losses, reduction_of(reduction, size_average, reduce)
    )
