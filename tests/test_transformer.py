"""Multi-head attention and transformers: against attention by hand, and against PyTorch."""

from __future__ import annotations

import math

import numpy as np
import pytest

import tritongrad as tg
from tritongrad import nn
from tritongrad.autograd import gradcheck
from tritongrad.nn import functional as F

CAUSAL = nn.Transformer.generate_square_subsequent_mask(4)
PADDED = tg.tensor([[False] * 4, [False, False, True, True]])
MASKS = [
    {},
    {"key_padding_mask": PADDED},
    {"attn_mask": CAUSAL},
    {"attn_mask": CAUSAL < 0, "key_padding_mask": PADDED},
    {"attn_mask": CAUSAL, "key_padding_mask": PADDED},
    {"attn_mask": (CAUSAL < 0).expand(4, 4, 4)},
    {"attn_mask": CAUSAL < 0, "need_weights": False},
    {"average_attn_weights": False},
]


def filled(module, seed=0):
    """A module of float64 whose parameters are known numbers."""
    random = np.random.default_rng(seed)
    with tg.no_grad():
        for p in module.double().parameters():
            p.copy_(tg.tensor(random.standard_normal(tuple(p.shape)) / 2))
    return module


def numbers(*shape, seed=1):
    return tg.tensor(np.random.default_rng(seed).standard_normal(shape))


def on(device, given):
    return {k: v.to(device) if isinstance(v, tg.Tensor) else v for k, v in given.items()}


@pytest.mark.parametrize("given", MASKS, ids=range(len(MASKS)))
def test_attention_is_that_of_its_heads_by_hand(device, given):
    m = filled(nn.MultiheadAttention(6, 2, batch_first=True)).to(device)
    x = numbers(2, 4, 6).to(device).requires_grad_()
    got, weights = m(x, x, x, **on(device, given))
    q, k, v = (x @ m.in_proj_weight.t() + m.in_proj_bias).chunk(3, -1)
    heads, shares = [], []
    for h in (slice(0, 3), slice(3, 6)):
        scores = q[..., h] @ k[..., h].transpose(1, 2) / math.sqrt(3)
        if "attn_mask" in given:
            scores = scores.masked_fill((CAUSAL < 0).to(device), -math.inf)
        if "key_padding_mask" in given:
            scores = scores.masked_fill(PADDED.to(device)[:, None], -math.inf)
        shares.append(scores.softmax(-1))
        heads.append(shares[-1] @ v[..., h])
    tg.testing.assert_close(got, m.out_proj(tg.cat(heads, -1)))
    both = tg.stack(shares, 1)
    if given.get("need_weights", True):
        tg.testing.assert_close(weights, both if "average_attn_weights" in given else both.mean(1))
    else:
        assert weights is None
    assert gradcheck(lambda t: m(t, t, t, **on(device, given))[0], (x[:, :, :],))


def test_shapes_that_attention_takes(device):
    m = nn.MultiheadAttention(6, 2, kdim=3, vdim=5).to(device)
    names = ["q_proj_weight", "k_proj_weight", "v_proj_weight", "in_proj_bias"]
    assert list(m.state_dict()) == [*names, "out_proj.weight", "out_proj.bias"]
    y, weights = m(*(tg.ones(4, 2, n, device=device) for n in (6, 3, 5)))
    assert y.shape == (4, 2, 6) and weights.shape == (2, 4, 4)
    y, weights = m(*(tg.ones(4, n, device=device) for n in (6, 3, 5)))
    assert y.shape == (4, 6) and weights.shape == (4, 4)
    last = "  (out_proj): NonDynamicallyQuantizableLinear(in_features=4, out_features=4, bias=True)"
    assert repr(nn.MultiheadAttention(4, 2)) == f"MultiheadAttention(\n{last}\n)"


@pytest.mark.parametrize("first", [False, True])
def test_a_layer_adds_what_its_parts_make(device, first):
    layer = filled(nn.TransformerEncoderLayer(6, 2, 5, 0.0, "gelu", norm_first=first)).to(device)
    x = numbers(4, 2, 6).to(device)
    if first:
        x = x + layer.self_attn(*[layer.norm1(x)] * 3)[0]
        want = x + layer.linear2(F.gelu(layer.linear1(layer.norm2(x))))
    else:
        x = layer.norm1(x + layer.self_attn(x, x, x)[0])
        want = layer.norm2(x + layer.linear2(F.gelu(layer.linear1(x))))
    tg.testing.assert_close(layer(numbers(4, 2, 6).to(device)), want)


def test_a_transformer_sees_no_later_step(device):
    tg.manual_seed(0)
    t = nn.Transformer(6, 2, 1, 1, 8, 0.1).to(device).eval()
    src, tgt = tg.randn(3, 2, 6, device=device), tg.randn(4, 2, 6, device=device)
    mask = t.generate_square_subsequent_mask(4, device=device)
    y = t(src, tgt, tgt_mask=mask, tgt_is_causal=True)
    tgt[2:] += 1
    again = t(src, tgt, tgt_mask=mask)
    tg.testing.assert_close(y[:2], again[:2])
    assert (y[2:] - again[2:]).abs().min().item() > 0
    t.train()
    t(src, tgt).sum().backward()
    assert all(p.grad is not None for p in t.parameters())
    assert not tg.equal(t(src, tgt), t(src, tgt))  # dropout


def build(library, name):
    layers = library.nn
    encoder = layers.TransformerEncoderLayer(6, 2, 8, 0.0, "gelu", norm_first=True)
    made = {
        "attention": lambda: layers.MultiheadAttention(6, 3, bias=False),
        "encoder": lambda: layers.TransformerEncoder(encoder, 2, norm=layers.LayerNorm(6)),
        "transformer": lambda: layers.Transformer(6, 2, 1, 2, 8, 0.0),
    }[name]()
    return made.double()


@pytest.mark.parametrize("name", ["attention", "encoder", "transformer"])
@pytest.mark.filterwarnings("ignore")
def test_modules_are_those_of_pytorch(name):
    torch = pytest.importorskip("torch")
    ours, theirs = build(tg, name), build(torch, name)
    filled(ours)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert repr(ours) == repr(theirs)
    state = {k: torch.from_numpy(v.numpy()) for k, v in ours.state_dict().items()}
    theirs.load_state_dict(state)
    x = numbers(4, 2, 6).requires_grad_()
    y = torch.from_numpy(x.detach().numpy().copy()).requires_grad_()
    results = []
    for module, t in ((ours, x), (theirs, y)):
        out = module(*{"attention": (t, t, t), "encoder": (t,), "transformer": (t, t)}[name])
        out = out[0] if name == "attention" else out
        (out * out).sum().backward()
        results.append(out.detach().numpy())
    np.testing.assert_allclose(*results, rtol=1e-9)
    np.testing.assert_allclose(x.grad.numpy(), y.grad.numpy(), rtol=1e-8, atol=1e-12)
    for ours_p, theirs_p in zip(ours.parameters(), theirs.parameters(), strict=True):
        np.testing.assert_allclose(ours_p.grad.numpy(), theirs_p.grad.numpy(), 1e-8, 1e-10)


m, x = nn.MultiheadAttention(6, 2), tg.ones(4, 6)
REFUSED = [
    (lambda: nn.MultiheadAttention(6, 4), AssertionError, "divisible by num_heads"),
    (lambda: nn.MultiheadAttention(6, 0), ValueError, "above 0"),
    (lambda: nn.MultiheadAttention(6, 2, add_bias_kv=True), ValueError, "not supported"),
    (lambda: m(x, x, x, is_causal=True), RuntimeError, "give attn_mask"),
    (lambda: m(x, x, x, attn_mask=CAUSAL[:2]), RuntimeError, "shape of attn_mask is"),
    (lambda: m(x, x, x, PADDED), RuntimeError, "shape of key_padding_mask is"),
    (lambda: nn.TransformerEncoderLayer(6, 2, activation="tanh"), RuntimeError, "relu/gelu"),
    (lambda: nn.Transformer(6, 2, 1, 1)(x[:, :4], x), RuntimeError, "src must have 6 features"),
]


@pytest.mark.parametrize(("call", "error", "words"), REFUSED)
def test_what_is_refused(call, error, words):
    with pytest.raises(error, match=words):
        call()
