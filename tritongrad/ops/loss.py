"""Loss functions, with PyTorch's `reduction`: none, mean or sum."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tritongrad.front import front

from . import activation, reduce
from .dims import floating, tensor
from .elementwise import where
from .losses import cross_entropy_rows, cross_entropy_scores
from .nn import log_softmax
from .view import broadcast_tensors


def reduced(name: str, losses: Any, reduction: str) -> Any:
    """The losses themselves, their mean or their sum."""
    match reduction:
        case "mean":
            return reduce.mean(losses)
        case "sum":
            return reduce.sum(losses)
        case "none":
            return losses
    raise ValueError(f"{name}: reduction must be 'none', 'mean' or 'sum', got {reduction!r}")


def pair(name: str, input: Any, target: Any) -> None:
    """Two floating tensors whose shapes broadcast."""
    shapes = tuple(floating(name, input).shape), tuple(tensor(name, target, "target").shape)
    try:
        np.broadcast_shapes(*shapes)
    except ValueError:
        raise RuntimeError(
            f"{name}: input {shapes[0]} and target {shapes[1]} do not broadcast: make them alike"
        ) from None


@front()
def mse_loss(input, target, reduction="mean"):
    """(input - target) ** 2"""
    pair("mse_loss", input, target)
    return reduced("mse_loss", (input - target).square(), reduction)


@front()
def l1_loss(input, target, reduction="mean"):
    """|input - target|"""
    pair("l1_loss", input, target)
    return reduced("l1_loss", (input - target).abs(), reduction)


@front()
def smooth_l1_loss(input, target, reduction="mean", beta=1.0):
    """d ** 2 / (2 beta) where d = |input - target| < beta, else d - beta / 2"""
    if beta < 0:
        raise RuntimeError(f"smooth_l1_loss: beta must not be negative, got {beta}")
    pair("smooth_l1_loss", input, target)
    if beta == 0:
        return l1_loss(input, target, reduction)
    d = input - target
    size = d.abs()
    losses = where(size < beta, d.square() * (0.5 / beta), size - 0.5 * beta)
    return reduced("smooth_l1_loss", losses, reduction)


@front()
def huber_loss(input, target, reduction="mean", delta=1.0):
    """d ** 2 / 2 where d = |input - target| <= delta, else delta * (d - delta / 2)"""
    if delta <= 0:
        raise RuntimeError(f"huber_loss: delta must be positive, got {delta}")
    pair("huber_loss", input, target)
    d = input - target
    size = d.abs()
    losses = where(size <= delta, d.square() * 0.5, (size - 0.5 * delta) * delta)
    return reduced("huber_loss", losses, reduction)


def _log(x: Any) -> Any:
    """log x, no less than -100; its gradient is 0 at 0."""
    positive = x > 0
    return where(positive, where(positive, x, 1).log(), -100).clamp(min=-100)


@front()
def binary_cross_entropy(input, target, weight=None, reduction="mean"):
    """-(target log(input) + (1 - target) log(1 - input)), each logarithm no less than -100"""
    name = "binary_cross_entropy"
    if tuple(floating(name, input).shape) != tuple(tensor(name, target, "target").shape):
        raise ValueError(
            f"{name}: target {tuple(target.shape)} must have the shape of input "
            f"{tuple(input.shape)}"
        )
    if (
        isinstance(input._array, np.ndarray)
        and not ((input._array >= 0) & (input._array <= 1)).all()
    ):
        raise RuntimeError(
            f"{name}: all elements of input should be between 0 and 1: pass them through sigmoid, "
            "or use binary_cross_entropy_with_logits"
        )
    losses = (target - 1) * _log(1 - input) - target * _log(input)
    return reduced(name, losses if weight is None else losses * weight, reduction)


@front()
def binary_cross_entropy_with_logits(input, target, weight=None, reduction="mean", pos_weight=None):
    """binary_cross_entropy of sigmoid(input), exact where sigmoid is 0 or 1"""
    name = "binary_cross_entropy_with_logits"
    if tuple(floating(name, input).shape) != tuple(tensor(name, target, "target").shape):
        raise ValueError(
            f"{name}: target {tuple(target.shape)} must have the shape of input "
            f"{tuple(input.shape)}"
        )
    yes = activation.log_sigmoid(input)  # log(1 - sigmoid(x)) is yes - x
    losses = (1 - target) * (input - yes) - (
        target * yes if pos_weight is None else target * pos_weight * yes
    )
    return reduced(name, losses if weight is None else losses * weight, reduction)


@front()
def kl_div(input, target, reduction="mean", log_target=False):
    """target * (log(target) - input), for logarithms of probabilities as input"""
    pair("kl_div", input, target)
    if log_target:
        losses = target.exp() * (target - input)
    else:
        some = target > 0
        losses = where(some, target * where(some, target, 1).log(), 0) - target * input
    if reduction == "batchmean":
        return reduce.sum(losses) / input.shape[0]
    return reduced("kl_div", losses, reduction)


@front()
def gaussian_nll_loss(input, target, var, full=False, eps=1e-6, reduction="mean"):
    """(log(var) + (input - target) ** 2 / var) / 2, with var no less than eps"""
    var = input.new_full(input.shape, var) if isinstance(var, (int, float)) else var
    var = where(var < eps, eps, var)
    losses = (var.log() + (input - target).square() / var) * 0.5
    if full:
        losses = losses + 0.5 * math.log(2 * math.pi)
    return reduced("gaussian_nll_loss", losses, reduction)


def as_rows(name: str, input: Any, target: Any) -> tuple[Any, Any]:
    """Class scores (n, classes) and targets (n,), of input (classes), (n, classes, d1, d2 ...)."""
    shape = tuple(floating(name, input).shape)
    expected = shape[:1] + shape[2:] if len(shape) > 1 else ()
    if not shape or tuple(tensor(name, target, "target").shape) != expected:
        raise (ValueError if shape[:1] != tuple(target.shape)[:1] else RuntimeError)(
            f"{name}: expected a target of shape {expected} for an input of shape {shape}, got "
            f"{tuple(target.shape)}"
        )
    if target._array.dtype.kind not in "iu":
        raise RuntimeError(
            f"{name}: expected class indices (int64) as target, got {target.dtype}: convert it "
            "with .long()"
        )
    target = target if target._array.dtype == np.int64 else target.long()
    if len(shape) == 1:
        return input.unsqueeze(0), target.unsqueeze(0)
    if len(shape) == 2:
        return input, target
    return input.moveaxis(1, -1).reshape(-1, shape[1]), target.reshape(-1)


def check_class_weight(name: str, weight: Any, classes: int) -> None:
    """Refuse a `weight` that does not hold one number for each class."""
    if weight is not None and tuple(tensor(name, weight, "weight").shape) != (classes,):
        raise RuntimeError(
            f"{name}: weight tensor should be defined either for all {classes} classes or no "
            f"classes but got weight tensor of shape: {list(weight.shape)}"
        )


def weighted(name: str, losses: Any, weights: Any, shape: tuple, reduction: str) -> Any:
    """The losses in a shape, their sum, or their mean with the rows' weights."""
    if reduction == "mean":
        if weights.dtype == losses.dtype:
            return reduce.sum(losses) / reduce.sum(weights)
        return (reduce.sum(losses, dtype=weights.dtype) / reduce.sum(weights)).to(losses.dtype)
    return reduced(name, losses.reshape(shape), reduction)


@front()
def nll_loss(input, target, weight=None, ignore_index=-100, reduction="mean"):
    """-weight[target] * input[target], for logarithms of probabilities along dim 1"""
    rows, index = as_rows("nll_loss", input, target)
    check_class_weight("nll_loss", weight, rows.shape[1])
    counts = index != ignore_index
    index = where(counts, index, 0)
    if isinstance(index._array, np.ndarray) and index.numel():
        most, least = int(index._array.max()), int(index._array.min())
        if least < 0 or most >= rows.shape[1]:
            raise IndexError(
                f"nll_loss: target {least if least < 0 else most} is out of bounds for "
                f"{rows.shape[1]} classes"
            )
    own = rows.new_ones(index.shape) if weight is None else weight.index_select(0, index)
    own = where(counts, own, 0)
    losses = where(counts, -rows.gather(1, index.unsqueeze(1)).squeeze(1) * own, 0)
    own = own if own.element_size() > 2 else own.float()
    return weighted("nll_loss", losses, own, tuple(target.shape), reduction)


@front()
def cross_entropy(
    input, target, weight=None, ignore_index=-100, reduction="mean", label_smoothing=0.0
):
    """nll_loss of log_softmax along dim 1; target holds class indices or probabilities.

    label_smoothing is the part of each target that is shared evenly among all classes.
    """
    if not 0 <= label_smoothing <= 1:
        raise RuntimeError(
            f"cross_entropy: label_smoothing must lie in [0, 1], got {label_smoothing}"
        )
    if tensor("cross_entropy", target, "target").is_floating_point():
        return _soft(input, target, weight, reduction, label_smoothing)
    rows, index = as_rows("cross_entropy", input, target)
    check_class_weight("cross_entropy", weight, rows.shape[1])
    fixed = (index, weight, ignore_index, label_smoothing)
    losses, weights, *known = cross_entropy_scores(rows, *fixed)
    losses = cross_entropy_rows(rows, *fixed, *known, losses)
    return weighted("cross_entropy", losses, weights, tuple(target.shape), reduction)


def _soft(input: Any, target: Any, weight: Any, reduction: str, label_smoothing: float) -> Any:
    """Cross-entropy against probabilities of the classes."""
    shape = tuple(floating("cross_entropy", input).shape)
    if tuple(target.shape) != shape:
        raise RuntimeError(
            f"cross_entropy: a target of probabilities must have the shape of input {shape}, got "
            f"{tuple(target.shape)}"
        )
    dim = 1 if len(shape) > 1 else 0
    if label_smoothing:
        target = target * (1 - label_smoothing) + label_smoothing / shape[dim]
    terms = log_softmax(input, dim) * target
    if weight is not None:
        terms = terms * weight.reshape([-1 if d == dim else 1 for d in range(len(shape))])
    losses = -reduce.sum(terms, dim)
    if reduction == "mean":
        return reduce.sum(losses) / max(losses.numel(), 1)
    return reduced("cross_entropy", losses, reduction)


@front()
def cosine_similarity(x1, x2, dim=1, eps=1e-8):
    """x1 . x2 / (|x1| |x2|) along dim, each norm no less than eps"""
    x1, x2 = broadcast_tensors(x1, x2)
    sizes = [x.square().sum(dim).clamp(min=eps * eps).sqrt() for x in (x1, x2)]
    return reduce.sum(x1 * x2, dim) / (sizes[0] * sizes[1])


@front()
def cosine_embedding_loss(input1, input2, target, margin=0.0, reduction="mean"):
    """1 - cosine where target is 1, max(0, cosine - margin) where it is -1"""
    cosine = cosine_similarity(input1, input2, -1)
    losses = where(target == 1, 1 - cosine, (cosine - margin).clamp(min=0))
    return reduced("cosine_embedding_loss", losses, reduction)


@front()
def margin_ranking_loss(input1, input2, target, margin=0.0, reduction="mean"):
    """max(0, margin - target * (input1 - input2))"""
    return reduced(
        "margin_ranking_loss", (margin - target * (input1 - input2)).clamp(min=0), reduction
    )


@front()
def hinge_embedding_loss(input, target, margin=1.0, reduction="mean"):
    """input where target is 1, max(0, margin - input) where it is -1"""
    losses = where(target == 1, input, (margin - input).clamp(min=0))
    return reduced("hinge_embedding_loss", losses, reduction)
