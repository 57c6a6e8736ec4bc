"""Multi-head attention."""

from __future__ import annotations

import math
from typing import Any

from tritongrad.create import empty
from tritongrad.nn import functional as F
from tritongrad.nn import init
from tritongrad.nn.linear import Linear
from tritongrad.nn.module import Module
from tritongrad.nn.parameter import Parameter


class NonDynamicallyQuantizableLinear(Linear):
    """Linear, under the name that PyTorch prints for the last layer of attention."""


class MultiheadAttention(Module):
    """out_proj(cat(heads)): head i is softmax(q k^T / sqrt(d)) v of the i-th parts of q, k and v.

    q, k, v are linear in query, key and value, of (steps, batch, features), or of (batch, steps,
    features) if `batch_first`. Vaswani et al., "Attention is all you need", 2017.
    """

    def __init__(
        self, embed_dim: int, num_heads: int, dropout: float = 0.0, bias: bool = True,
        add_bias_kv: bool = False, add_zero_attn: bool = False, kdim: int | None = None,
        vdim: int | None = None, batch_first: bool = False, device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        if embed_dim <= 0 or num_heads <= 0 or embed_dim % num_heads:
            kind = ValueError if min(embed_dim, num_heads) <= 0 else AssertionError
            raise kind(
                "MultiheadAttention: embed_dim must be divisible by num_heads, both above 0, got "
                f"{embed_dim} and {num_heads}"
            )
        if add_bias_kv or add_zero_attn:
            raise ValueError("MultiheadAttention: add_bias_kv and add_zero_attn are not supported")
        self.embed_dim, self.num_heads, self.dropout = embed_dim, num_heads, dropout
        self.head_dim, self.batch_first = embed_dim // num_heads, batch_first
        self.kdim, self.vdim = kdim or embed_dim, vdim or embed_dim
        widths = {"q": embed_dim, "k": self.kdim, "v": self.vdim}
        one = len(set(widths.values())) == 1
        made = {"device": device, "dtype": dtype}
        whole = Parameter(empty(3 * embed_dim, embed_dim, **made)) if one else None
        self.register_parameter("in_proj_weight", whole)
        for name, width in widths.items():
            part = None if one else Parameter(empty(embed_dim, width, **made))
            self.register_parameter(f"{name}_proj_weight", part)
        self.register_parameter(
            "in_proj_bias", Parameter(empty(3 * embed_dim, **made)) if bias else None
        )
        self.out_proj = NonDynamicallyQuantizableLinear(embed_dim, embed_dim, bias=bias, **made)
        self._reset_parameters()

    def _reset_parameters(self) -> None:
        for name in ("in_proj_weight", "q_proj_weight", "k_proj_weight", "v_proj_weight"):
            if getattr(self, name) is not None:
                init.xavier_uniform_(getattr(self, name))
        if self.in_proj_bias is not None:
            init.zeros_(self.in_proj_bias)
            init.zeros_(self.out_proj.bias)

    def forward(
        self, query: Any, key: Any, value: Any, key_padding_mask: Any = None,
        need_weights: bool = True, attn_mask: Any = None, average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple:  # fmt: skip
        """(result, weights or None). A True of a bool mask says who does not take part."""
        if is_causal and attn_mask is None:
            raise RuntimeError("MultiheadAttention: is_causal is a hint: give attn_mask as well")
        batched = query.ndim == 3
        if not batched:
            query, key, value = (t.unsqueeze(0) for t in (query, key, value))
        elif not self.batch_first:
            query, key, value = (t.transpose(0, 1) for t in (query, key, value))
        if not batched and key_padding_mask is not None:
            key_padding_mask = key_padding_mask.unsqueeze(0)
        q, k, v = self._heads(query, key, value)
        mask = self._mask(attn_mask, key_padding_mask, q, k)
        p = self.dropout if self.training else 0.0
        weights = None
        if need_weights:
            scores = (q * (1 / math.sqrt(self.head_dim))).matmul(k.transpose(-2, -1))
            if mask is not None:
                scores = scores + mask if mask.is_floating_point() else _closed(scores, ~mask)
            weights = F.dropout(scores.softmax(-1), p)
            y = weights.matmul(v)
            weights = weights.mean(1) if average_attn_weights else weights
        else:
            y = F.scaled_dot_product_attention(q, k, v, mask, p)
        y = self.out_proj(y.transpose(1, 2).reshape(*query.shape[:2], self.embed_dim))
        if not batched:
            return y.squeeze(0), None if weights is None else weights.squeeze(0)
        return y if self.batch_first else y.transpose(0, 1), weights

    def _heads(self, query: Any, key: Any, value: Any) -> list:
        """q, k and v, each (batch, heads, steps, head_dim)."""
        biases = (None,) * 3 if self.in_proj_bias is None else self.in_proj_bias.chunk(3)
        if self.in_proj_weight is not None:
            weights = self.in_proj_weight.chunk(3)
        else:
            weights = (self.q_proj_weight, self.k_proj_weight, self.v_proj_weight)
        if query is key is value and self.in_proj_weight is not None:
            parts = F.linear(query, self.in_proj_weight, self.in_proj_bias).chunk(3, -1)
        else:
            given = zip((query, key, value), weights, biases, strict=True)
            parts = [F.linear(x, weight, bias) for x, weight, bias in given]
        return [
            t.reshape(*t.shape[:2], self.num_heads, self.head_dim).transpose(1, 2) for t in parts
        ]

    def _mask(self, attention: Any, padding: Any, q: Any, k: Any) -> Any:
        """Both masks as one: of bools who takes part, or numbers to add to the scores."""
        batch, heads, steps, keys = *q.shape[:3], k.shape[2]
        masks = []
        if attention is not None:
            shape = (steps, keys) if attention.ndim == 2 else (batch * heads, steps, keys)
            _check_shape("attn_mask", attention, shape)
            masks.append(attention.reshape(-1, heads if attention.ndim == 3 else 1, steps, keys))
        if padding is not None:
            _check_shape("key_padding_mask", padding, (batch, keys))
            masks.append(padding.reshape(batch, 1, 1, keys))
        if not masks:
            return None
        if not any(m.is_floating_point() for m in masks):
            out = masks[0] if len(masks) == 1 else masks[0] | masks[1]
            return ~out.bool()
        total: Any = 0
        for m in masks:
            total = total + (m if m.is_floating_point() else _closed(q.new_zeros(m.shape), m))
        return total


def _closed(scores: Any, out: Any) -> Any:
    """Scores without those that do not take part."""
    return scores.masked_fill(out, -math.inf)


def _check_shape(name: str, mask: Any, shape: tuple) -> None:
    if tuple(mask.shape) != shape:
        raise RuntimeError(
            f"MultiheadAttention: the shape of {name} is {list(mask.shape)}, but should be "
            f"{list(shape)}"
        )
