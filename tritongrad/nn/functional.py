"""nn.functional: layers and losses as functions of tensors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tritongrad import absent
from tritongrad.create import tensor as _tensor
from tritongrad.front import of_tensors as _of_tensors
from tritongrad.nn.criteria import binary_cross_entropy as binary_cross_entropy
from tritongrad.nn.criteria import (
    binary_cross_entropy_with_logits as binary_cross_entropy_with_logits,
)
from tritongrad.nn.criteria import cosine_embedding_loss as cosine_embedding_loss
from tritongrad.nn.criteria import cosine_similarity as cosine_similarity
from tritongrad.nn.criteria import cross_entropy as cross_entropy
from tritongrad.nn.criteria import gaussian_nll_loss as gaussian_nll_loss
from tritongrad.nn.criteria import hinge_embedding_loss as hinge_embedding_loss
from tritongrad.nn.criteria import huber_loss as huber_loss
from tritongrad.nn.criteria import kl_div as kl_div
from tritongrad.nn.criteria import l1_loss as l1_loss
from tritongrad.nn.criteria import margin_ranking_loss as margin_ranking_loss
from tritongrad.nn.criteria import mse_loss as mse_loss
from tritongrad.nn.criteria import nll_loss as nll_loss
from tritongrad.nn.criteria import pairwise_distance as pairwise_distance
from tritongrad.nn.criteria import poisson_nll_loss as poisson_nll_loss
from tritongrad.nn.criteria import smooth_l1_loss as smooth_l1_loss
from tritongrad.nn.criteria import soft_margin_loss as soft_margin_loss
from tritongrad.nn.criteria import triplet_margin_loss as triplet_margin_loss
from tritongrad.nn.curves import celu as celu
from tritongrad.nn.curves import elu as elu
from tritongrad.nn.curves import gelu as gelu
from tritongrad.nn.curves import glu as glu
from tritongrad.nn.curves import hardsigmoid as hardsigmoid
from tritongrad.nn.curves import hardswish as hardswish
from tritongrad.nn.curves import hardtanh as hardtanh
from tritongrad.nn.curves import leaky_relu as leaky_relu
from tritongrad.nn.curves import log_softmax as log_softmax
from tritongrad.nn.curves import logsigmoid as logsigmoid
from tritongrad.nn.curves import mish as mish
from tritongrad.nn.curves import prelu as prelu
from tritongrad.nn.curves import relu as relu
from tritongrad.nn.curves import relu6 as relu6
from tritongrad.nn.curves import selu as selu
from tritongrad.nn.curves import sigmoid as sigmoid
from tritongrad.nn.curves import silu as silu
from tritongrad.nn.curves import softmax as softmax
from tritongrad.nn.curves import softmin as softmin
from tritongrad.nn.curves import softplus as softplus
from tritongrad.nn.curves import softsign as softsign
from tritongrad.nn.curves import tanh as tanh
from tritongrad.nn.curves import tanhshrink as tanhshrink
from tritongrad.nn.curves import threshold as threshold
from tritongrad.nn.resample import interpolate as interpolate
from tritongrad.nn.resample import pixel_shuffle as pixel_shuffle
from tritongrad.nn.resample import pixel_unshuffle as pixel_unshuffle
from tritongrad.ops import layers as _layers
from tritongrad.ops import pooling as _pooling
from tritongrad.ops.conv import conv1d as conv1d
from tritongrad.ops.conv import conv2d as conv2d
from tritongrad.ops.conv import conv_transpose2d as conv_transpose2d
from tritongrad.ops.elementwise import where as _where
from tritongrad.ops.index import embedding as _embedding
from tritongrad.ops.layers import batch_norm as batch_norm
from tritongrad.ops.layers import dropout as dropout
from tritongrad.ops.layers import dropout2d as dropout2d
from tritongrad.ops.layers import group_norm as group_norm
from tritongrad.ops.layers import layer_norm as layer_norm
from tritongrad.ops.layers import normalize as normalize
from tritongrad.ops.layers import rms_norm as rms_norm
from tritongrad.ops.layers import scaled_dot_product_attention as scaled_dot_product_attention
from tritongrad.ops.linalg import linear as linear
from tritongrad.ops.masks import one_hot as one_hot
from tritongrad.ops.pooling import avg_pool2d as avg_pool2d
from tritongrad.ops.pooling import max_pool1d as max_pool1d
from tritongrad.ops.pooling import max_pool2d as max_pool2d
from tritongrad.ops.shape import pad as _pad
from tritongrad.windows import adapted as _adapted


def embedding(
    input: Any, weight: Any, padding_idx: int | None = None, max_norm: float | None = None,
    norm_type: float = 2.0, scale_grad_by_freq: bool = False, sparse: bool = False,
) -> Any:  # fmt: skip
    """The rows of weight at the indices in input; row padding_idx gets no gradient.

    `sparse` is accepted: the gradient has the same values, in a dense tensor.
    """
    if max_norm is not None or scale_grad_by_freq:
        raise ValueError("embedding: max_norm and scale_grad_by_freq are not supported")
    if padding_idx is None:
        return _embedding(weight, input)
    rows = _embedding(weight, input)
    padding_idx = padding_idx % weight.shape[0]
    return _where((input == padding_idx).unsqueeze(-1), rows.detach(), rows)


@_of_tensors
def bilinear(input1: Any, input2: Any, weight: Any, bias: Any = None) -> Any:
    """input1 @ weight[k] @ input2 + bias[k] for each k."""
    left = input1.unsqueeze(-2).unsqueeze(-2).matmul(weight)  # (..., out, 1, in2)
    y = left.matmul(input2.unsqueeze(-2).unsqueeze(-1)).squeeze(-1).squeeze(-1)
    return y if bias is None else y + bias


@_of_tensors
def instance_norm(
    input: Any, running_mean: Any = None, running_var: Any = None, weight: Any = None,
    bias: Any = None, use_input_stats: bool = True, momentum: float = 0.1, eps: float = 1e-5,
) -> Any:  # fmt: skip
    """Each channel of each sample normalised by its own mean and variance."""
    if not use_input_stats:
        return batch_norm(input, running_mean, running_var, weight, bias, False, momentum, eps)
    if running_mean is not None or running_var is not None:
        raise ValueError("instance_norm: running statistics are not supported: leave them out")
    return _layers.instance_norm(input, weight, bias, eps)


def dropout1d(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    """dropout of whole channels of (batch, channels, length)."""
    return dropout2d(input, p, training, inplace)


upsample = interpolate  # its older name
dropout3d = dropout1d
feature_dropout = dropout1d


def pad(input: Any, pad: Any, mode: str = "constant", value: float | None = None) -> Any:
    """Elements added around: `pad` holds (before, after) of the last dim first, then backwards.

    They are `value` (0), or what "reflect", "replicate" or "circular" finds inside.
    """
    if mode == "constant":
        return _pad(input, pad, mode, value)
    if mode not in ("reflect", "replicate", "circular"):
        raise NotImplementedError(f"pad: unrecognised padding mode {mode}")
    for i in range(0, len(pad), 2):
        dim = input.ndim - 1 - i // 2
        n, before, after = input.shape[dim], pad[i], pad[i + 1]
        if max(before, after) > (n - 1 if mode == "reflect" else n) and mode != "replicate":
            raise RuntimeError(f"pad: {before} and {after} is too much for the {n} of dim {dim}")
        at = np.arange(-before, n + after)
        if mode == "reflect":
            at = n - 1 - np.abs(n - 1 - np.abs(at))
        else:
            at = at % n if mode == "circular" else np.clip(at, 0, n - 1)
        if before or after:
            input = input.index_select(dim, _tensor(at, device=input.device))
    return input


@_of_tensors
def avg_pool1d(input: Any, kernel_size: Any, stride: Any = None, padding: Any = 0,
               ceil_mode: bool = False, count_include_pad: bool = True) -> Any:  # fmt: skip
    """The mean of each window of (batch, channels, length)."""
    k, s, p = (
        v[0] if isinstance(v, (tuple, list)) else v
        for v in (kernel_size, kernel_size if stride is None else stride, padding)
    )
    x = input.unsqueeze(-2)
    return avg_pool2d(x, (1, k), (1, s), (0, p), ceil_mode, count_include_pad).squeeze(-2)


@_of_tensors
def adaptive_avg_pool2d(input: Any, output_size: Any) -> Any:
    """The means of parts of each image, as many as output_size says, as equal as can be."""
    sizes = list(input.shape)[-2:]
    wanted = _adapted("adaptive_avg_pool2d", sizes, output_size)
    if wanted == (1, 1) or not any(n % want for n, want in zip(sizes, wanted, strict=True)):
        return _pooling.adaptive_avg_pool2d(input, wanted)
    rows, columns = (
        _tensor(_means(n, want), dtype=input.dtype, device=input.device)
        for n, want in zip(sizes, wanted, strict=True)
    )
    return rows.matmul(input).matmul(columns.t())


def _means(n: int, parts: int) -> np.ndarray:
    """The matrix that takes the means of `parts` overlapping parts of n numbers."""
    matrix = np.zeros((parts, n))
    for i in range(parts):
        start, end = i * n // parts, -(-(i + 1) * n // parts)
        matrix[i, start:end] = 1 / (end - start)
    return matrix


@_of_tensors
def adaptive_avg_pool1d(input: Any, output_size: Any) -> Any:
    """The means of parts of (batch, channels, length), as equal as can be."""
    size = output_size[0] if isinstance(output_size, (tuple, list)) else output_size
    return adaptive_avg_pool2d(input.unsqueeze(-2), (1, size)).squeeze(-2)


if not TYPE_CHECKING:
    __getattr__ = absent.names_the_nearest(__name__)
