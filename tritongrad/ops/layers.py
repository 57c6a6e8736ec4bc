"""What layers compute, made of operations: normalisation, dropout, attention."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tritongrad.autograd.history import count_write
from tritongrad.autograd.modes import no_grad, quiet
from tritongrad.autograd.variable import wrap
from tritongrad.devices import device_of_array
from tritongrad.front import front

from . import linalg, nn, norm, reduce
from .dims import floating, tensor
from .elementwise import masked_scale, where


@front(norm.layer_norm)
def layer_norm(input, normalized_shape, weight=None, bias=None, eps=1e-5):
    """(x - <x>) / sqrt(var + eps) * weight + bias, over the last dims, whose shape is given."""
    shape = _normalized("layer_norm", input, normalized_shape)
    return norm.layer_norm(input, weight, bias, len(shape), eps)


def _normalized(name: str, input: Any, normalized_shape: Any) -> tuple:
    shape = normalized_shape
    shape = (shape,) if isinstance(shape, int) else tuple(shape)
    if not shape or tuple(floating(name, input).shape)[-len(shape) :] != shape:
        raise RuntimeError(
            f"{name}: given normalized_shape={list(shape)}, expected input with shape "
            f"[*, {', '.join(map(str, shape))}], but got {list(input.shape)}"
        )
    return shape


@front()
def rms_norm(input, normalized_shape, weight=None, eps=None):
    """x / sqrt(<x ** 2> + eps) * weight, over the last dims, whose shape is given."""
    shape = _normalized("rms_norm", input, normalized_shape)
    x = input if input.element_size() > 2 else input.float()
    if eps is None:
        eps = 2.0**-52 if x.element_size() == 8 else 2.0**-23
    over = tuple(range(-len(shape), 0))
    y = (x * (reduce.mean(x.square(), over, True) + eps).rsqrt()).to(input.dtype)
    return y if weight is None else y * weight


@front()
def group_norm(input, num_groups, weight=None, bias=None, eps=1e-5):
    """layer_norm over the channels of each group and all that is in them; weights by channel."""
    shape = tuple(floating("group_norm", input).shape)
    if len(shape) < 2 or shape[1] % num_groups:
        raise RuntimeError(
            f"group_norm: expected the channels of input (dim 1 of {shape}) to be divisible by "
            f"num_groups {num_groups}"
        )
    rows = input.reshape(shape[0] * num_groups, math.prod(shape[1:]) // num_groups)
    y = norm.layer_norm(rows, None, None, 1, eps).reshape(shape)
    if weight is not None:
        y = y * norm.by_channel(weight, shape)
    return y if bias is None else y + norm.by_channel(bias, shape)


@front()
def instance_norm(input, weight=None, bias=None, eps=1e-5):
    """group_norm with one channel a group."""
    return group_norm(input, input.shape[1], weight, bias, eps)


@front(norm.batch_norm)
def batch_norm(
    input,
    running_mean,
    running_var,
    weight=None,
    bias=None,
    training=False,
    momentum=0.1,
    eps=1e-5,
):
    """(x - mean) / sqrt(var + eps) * weight + bias for each channel (dim 1).

    In training the mean and variance are the batch's, and move the running ones by `momentum`.
    """
    shape = tuple(floating("batch_norm", input).shape)
    if len(shape) < 2:
        raise RuntimeError(f"batch_norm: input must be 2-d at least, got shape {shape}")
    for name, running in (("running_mean", running_mean), ("running_var", running_var)):
        if running is not None and tuple(tensor("batch_norm", running, name).shape) != shape[1:2]:
            raise RuntimeError(
                f"batch_norm: {name} should contain {shape[1]} elements not {list(running.shape)}"
            )
    if not training:
        if running_mean is None or running_var is None:
            raise RuntimeError("batch_norm: pass running_mean and running_var, or training=True")
        return norm.batch_norm(input, weight, bias, eps, False, running_mean, running_var)
    n = math.prod(shape) // max(shape[1], 1)
    if n == 1:
        raise ValueError(
            f"batch_norm: expected more than 1 value per channel when training, got input {shape}"
        )
    value, mean, var = norm.batch_norm_forward(input, weight, bias, eps)
    _move(running_mean, mean, momentum, momentum)
    _move(running_var, var, momentum, momentum * n / (n - 1))
    return norm.batch_norm(input, weight, bias, eps, True, mean, var, value)


def _move(running: Any, batch: Any, momentum: float, share: float) -> None:
    """running * (1 - momentum) + batch * share, in place and not recorded."""
    if running is None:
        return
    to, of = running._array, batch._array
    if type(to) is type(of) is np.ndarray and to.flags.carray:
        quiet(lambda: np.copyto(to, to * (1 - momentum) + of * share, casting="unsafe"))
        count_write(running, "batch_norm")
    else:
        with no_grad():
            running.mul_(1 - momentum).add_(batch * share)


def random_mask(p: float, shape: tuple, like: Any, generator: Any) -> Any:
    """A bool tensor on like's device, each element True with probability p."""
    from tritongrad.random import draw

    where_ = device_of_array(like._array)
    return wrap(draw("bernoulli_mask", math.prod(shape), "float32", where_, generator, p, shape))


def _dropped(name: str, input: Any, p: float, shape: tuple, generator: Any) -> Any:
    if not 0 <= p <= 1:
        raise ValueError(f"{name}: p must lie in [0, 1], got {p}")
    if p == 0:
        return input
    if p == 1:
        return input * 0
    keep = random_mask(1 - p, shape, input, generator)
    return masked_scale(keep, input, 1 / (1 - p))


@front()
def dropout(input, p=0.5, training=True, inplace=False, *, generator=None):
    """Each element set to 0 with probability p in training, the others divided by 1 - p."""
    if not training:
        return input
    result = _dropped("dropout", input, p, tuple(tensor("dropout", input).shape), generator)
    return input.copy_(result) if inplace else result


@front()
def dropout2d(input, p=0.5, training=True, inplace=False, *, generator=None):
    """dropout of whole channels: one draw for each of the first two dims."""
    if not training:
        return input
    shape = tuple(tensor("dropout2d", input).shape)
    mask = tuple(n if d < 2 else 1 for d, n in enumerate(shape))
    result = _dropped("dropout2d", input, p, mask, generator)
    return input.copy_(result) if inplace else result


@front()
def normalize(input, p=2.0, dim=1, eps=1e-12):
    """x divided by its norm along dim, which counts as eps at least."""
    return input / reduce.norm(input, p, dim, True).clamp(min=eps)


@front()
def scaled_dot_product_attention(
    query,
    key,
    value,
    attn_mask=None,
    dropout_p=0.0,
    is_causal=False,
    scale=None,
    enable_gqa=False,
):
    """softmax(query @ key.T * scale + mask) @ value; scale is 1 / sqrt(the last dim) if not given.

    A bool mask says which keys take part; a floating one is added.
    """
    name = "scaled_dot_product_attention"
    floating(name, query, "query")
    if enable_gqa:
        times = query.shape[-3] // key.shape[-3]
        key, value = key.repeat_interleave(times, -3), value.repeat_interleave(times, -3)
    if is_causal and attn_mask is not None:
        raise RuntimeError(f"{name}: explicit attn_mask should not be set when is_causal=True")
    factor = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    scores = linalg.matmul(query * factor, key.transpose(-2, -1))
    if is_causal:
        attn_mask = scores.new_ones(tuple(scores.shape)[-2:], dtype="bool").tril()
    if attn_mask is not None:
        if attn_mask.is_floating_point():
            scores = scores + attn_mask
        else:
            scores = where(attn_mask, scores, -math.inf)
    weights = nn.softmax(scores, -1)
    if attn_mask is not None and not attn_mask.is_floating_point():
        weights = where(reduce.any(attn_mask, -1, True), weights, 0)  # nothing to attend to
    return linalg.matmul(dropout(weights, dropout_p), value)
