"""What samples of losses and layers cannot say: definitions, reductions, bad targets."""

from __future__ import annotations

import math

import numpy as np
import pytest

import tritongrad as tg
from tritongrad.autograd.gradcheck import gradcheck, gradgradcheck
from tritongrad.ops import layers, loss, norm


def randoms(*shape: int, seed: int = 0) -> tg.Tensor:
    return tg.tensor(np.random.default_rng(seed).uniform(-2, 2, shape), dtype="float64")


def plain_cross_entropy(x, target, weight, ignore_index, smoothing) -> tuple[list, list]:
    """(losses, weights) of rows, by the definition, one number at a time."""
    losses, weights = [], []
    for row, t in zip(x, target, strict=True):
        if t == ignore_index:
            losses.append(0.0)
            weights.append(0.0)
            continue
        logs = [v - math.log(sum(math.exp(u) for u in row)) for v in row]
        rest = sum(w * g for w, g in zip(weight, logs, strict=True)) * smoothing / len(row)
        losses.append(-(1 - smoothing) * weight[t] * logs[t] - rest)
        weights.append(weight[t])
    return losses, weights


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("weighted", [False, True])
def test_cross_entropy_is_its_definition(weighted, smoothing):
    x, target = randoms(5, 3), [0, 2, 1, 2, 0]
    weight = [0.5, 2.0, 1.0] if weighted else [1.0] * 3
    losses, weights = plain_cross_entropy(x.tolist(), target, weight, 1, smoothing)
    options = dict(
        weight=tg.tensor(weight, dtype="float64") if weighted else None,
        ignore_index=1,
        label_smoothing=smoothing,
    )
    expected = {"none": losses, "sum": sum(losses), "mean": sum(losses) / sum(weights)}
    for reduction, value in expected.items():
        got = loss.cross_entropy(x, tg.tensor(target), reduction=reduction, **options)
        assert np.allclose(got.numpy(), value)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_cross_entropy_has_first_and_second_gradients(smoothing):
    x = randoms(2, 3, 2).requires_grad_()
    target, weight = tg.tensor([[0, 2], [1, 1]]), tg.tensor([0.5, 2.0, 1.0], dtype="float64")

    def function(x):
        return loss.cross_entropy(x, target, weight, 1, label_smoothing=smoothing)

    assert gradcheck(function, [x]) and gradgradcheck(function, [x])


def test_cross_entropy_of_probabilities_is_that_of_indices():
    x, target = randoms(4, 3), tg.tensor([0, 2, 1, 1])
    hot = tg.tensor(np.eye(3)[target.numpy()])
    one = loss.cross_entropy(x, target, label_smoothing=0.2)
    assert one.item() == pytest.approx(loss.cross_entropy(x, hot, label_smoothing=0.2).item())


def test_cross_entropy_of_large_scores_is_exact():
    x = tg.tensor([[1000.0, 0.0], [-1000.0, 0.0]], requires_grad=True)
    value = loss.cross_entropy(x, tg.tensor([0, 0]), reduction="none")
    assert value.tolist() == [0.0, 1000.0]
    value.sum().backward()
    assert x.grad.tolist() == [[0, 0], [-1, 1]]


def test_what_is_sure_has_a_log_probability_of_0_and_no_negative_loss(device):
    for x in ([[0.3]], [[-7.7]], [[59.9]], [[1e30, 0.0]]):
        x = tg.tensor(x, device=device)
        assert x.log_softmax(1)[0, 0].item() == 0
        assert loss.cross_entropy(x, tg.tensor([0], device=device)).item() == 0
    x = (tg.rand(500, 2) * 50).to(device)
    target = tg.zeros(500, dtype=tg.int64, device=device)
    assert loss.cross_entropy(x, target, reduction="none").min().item() >= 0
    for top in (10.0, 59.0, 70.0):
        x = tg.tensor([[top, top - 10]], device=device)
        want = -math.log1p(math.exp(-10))
        assert x.log_softmax(1)[0, 0].item() == pytest.approx(want, abs=2**-23)


def test_half_precision_losses_are_summed_in_float32():
    x = tg.zeros(20_000, 100, dtype="float16")
    value = loss.cross_entropy(x, tg.zeros(20_000, dtype="int64"))
    assert value.dtype is tg.float16 and value.item() == pytest.approx(math.log(100), rel=1e-3)


def test_all_rows_ignored_give_nan_as_a_mean_and_0_as_a_sum():
    x, target = randoms(2, 3), tg.tensor([-100, -100])
    assert math.isnan(loss.cross_entropy(x, target).item())
    assert loss.cross_entropy(x, target, reduction="sum").item() == 0


def test_nll_loss_of_log_softmax_is_cross_entropy():
    x, target = randoms(4, 3), tg.tensor([0, 2, 1, 1])
    logs = tg.log_softmax(x, 1)
    expected = loss.cross_entropy(x, target, ignore_index=2).item()
    assert loss.nll_loss(logs, target, ignore_index=2).item() == pytest.approx(expected)


@pytest.mark.parametrize("function", [loss.cross_entropy, loss.nll_loss])
def test_bad_targets_are_refused(function):
    with pytest.raises(IndexError, match=r"3 is out of bounds for 3 classes"):
        function(randoms(2, 3), tg.tensor([0, 3]))
    with pytest.raises(ValueError, match=r"shape \(2,\)"):
        function(randoms(2, 3), tg.tensor([0, 1, 2]))
    with pytest.raises(RuntimeError, match=r"long\(\)|shape of input"):
        function(randoms(2, 3), tg.tensor([0.0, 1.0]))
    with pytest.raises(ValueError, match="reduction"):
        function(randoms(2, 3), tg.tensor([0, 1]), reduction="average")


@pytest.mark.parametrize(
    ("function", "one"),
    [
        (loss.mse_loss, lambda d: d * d),
        (loss.l1_loss, abs),
        (loss.smooth_l1_loss, lambda d: d * d / 2 if abs(d) < 1 else abs(d) - 0.5),
        (loss.huber_loss, lambda d: d * d / 2 if abs(d) <= 1 else abs(d) - 0.5),
    ],
)
def test_losses_of_differences(function, one):
    x, y = randoms(3, 4), randoms(3, 4, seed=1)
    expected = np.vectorize(one)(x.numpy() - y.numpy())
    assert np.allclose(function(x, y, reduction="none").numpy(), expected)
    assert function(x, y).item() == pytest.approx(expected.mean())
    assert function(x, y, reduction="sum").item() == pytest.approx(expected.sum())


def test_binary_cross_entropy_with_logits_is_that_of_sigmoid():
    x, y = randoms(3, 4), randoms(3, 4, seed=1).sigmoid()
    expected = loss.binary_cross_entropy(x.sigmoid(), y).item()
    assert loss.binary_cross_entropy_with_logits(x, y).item() == pytest.approx(expected)
    far = tg.tensor([1000.0, -1000.0], requires_grad=True)
    value = loss.binary_cross_entropy_with_logits(far, tg.tensor([0.0, 0.0]), reduction="none")
    value.sum().backward()
    assert value.tolist() == [1000.0, 0.0] and far.grad.tolist() == [1.0, 0.0]


def test_binary_cross_entropy_is_bounded_and_checks_its_input():
    value = loss.binary_cross_entropy(
        tg.tensor([0.0, 1.0]), tg.tensor([1.0, 1.0]), reduction="none"
    )
    assert value.tolist() == [100.0, 0.0]
    with pytest.raises(RuntimeError, match="between 0 and 1"):
        loss.binary_cross_entropy(tg.tensor([1.5]), tg.tensor([1.0]))


def test_kl_div_of_0_probability_is_0():
    value = loss.kl_div(tg.tensor([-1.0, -2.0]), tg.tensor([0.0, 1.0]), reduction="none")
    assert value.tolist() == [0.0, 2.0]


def test_batch_norm_moves_running_statistics_and_uses_them():
    x = randoms(4, 3, 2)
    mean, var = tg.zeros(3, dtype="float64"), tg.ones(3, dtype="float64")
    y = layers.batch_norm(x, mean, var, training=True, momentum=0.5)
    assert np.allclose(y.numpy().mean((0, 2)), 0)
    assert np.allclose(mean.numpy(), x.numpy().mean((0, 2)) / 2)
    assert np.allclose(var.numpy(), (1 + x.numpy().var((0, 2), ddof=1)) / 2)
    z = layers.batch_norm(x, mean, var)
    shown = (x.numpy()[:, 0] - mean.numpy()[0]) / math.sqrt(var.numpy()[0] + 1e-5)
    assert np.allclose(z.numpy()[:, 0], shown)


@pytest.mark.parametrize("function", ["layer_norm", "batch_norm", "group_norm", "rms_norm"])
def test_normalisation_has_first_and_second_gradients(function):
    x, w, b = (t.requires_grad_() for t in (randoms(3, 4), randoms(4), randoms(4, seed=1)))
    call = {
        "layer_norm": lambda x, w, b: layers.layer_norm(x, 4, w, b),
        "batch_norm": lambda x, w, b: layers.batch_norm(x, None, None, w, b, training=True),
        "group_norm": lambda x, w, b: layers.group_norm(x, 2, w, b),
        "rms_norm": lambda x, w, b: layers.rms_norm(x, 4, w) + b,
    }[function]
    assert gradcheck(call, [x, w, b]) and gradgradcheck(call, [x, w, b])


@pytest.mark.parametrize("rows", [0, 1, 16, 37])
def test_the_gradients_of_layer_norm_are_those_that_are_recorded(rows):
    x, w, b = (t.requires_grad_() for t in (randoms(rows, 7), randoms(7), randoms(7, seed=1)))
    g = randoms(rows, 7, seed=2)
    for wanted in ([x, w, b], [x], [w, b], [x, w]):
        y = layers.layer_norm(x, 7, w, b)
        found = tg.autograd.grad(y, wanted, g, retain_graph=True)
        recorded = tg.autograd.grad(y, wanted, g, create_graph=True)
        for mine, other in zip(found, recorded, strict=True):
            assert np.allclose(mine.numpy(), other.detach().numpy(), rtol=1e-13, atol=1e-13)


def test_layer_norm_far_from_zero_does_not_cancel():
    x = tg.tensor([[1e4 + 1, 1e4 + 2, 1e4 + 3]])
    expected = math.sqrt(1.5) * np.array([[-1, 0, 1]])
    assert np.allclose(layers.layer_norm(x, 3).numpy(), expected, atol=1e-4)


def test_a_row_of_layer_norm_does_not_depend_on_the_others():
    x = tg.tensor(np.random.default_rng(0).normal(size=(64, 33)), dtype="float32")
    whole, _, _ = norm.layer_norm_forward(x, None, None, 1, 1e-5)
    assert layers.layer_norm(x[5:6], 33).tolist() == whole[5:6].tolist()
    assert tg.softmax(x[5:6], 1).tolist() == tg.softmax(x, 1)[5:6].tolist()


def test_dropout_keeps_its_mean_and_draws_the_same_for_one_seed():
    x = tg.ones(10_000)
    first = layers.dropout(x, 0.25, generator=tg.Generator().manual_seed(3))
    assert set(first.tolist()) == {0.0, np.float32(1 / 0.75)}
    assert first.mean().item() == pytest.approx(1, abs=0.03)
    again = layers.dropout(x, 0.25, generator=tg.Generator().manual_seed(3))
    assert first.tolist() == again.tolist()
    assert layers.dropout(x, 0.25, training=False) is x


def test_attention_is_its_definition():
    q, k, v = (randoms(2, 3, 4, seed=i) for i in range(3))
    scores = (q @ k.transpose(1, 2)) / 2
    expected = tg.softmax(scores, -1) @ v
    assert np.allclose(layers.scaled_dot_product_attention(q, k, v).numpy(), expected.numpy())
    causal = layers.scaled_dot_product_attention(q, k, v, is_causal=True)
    assert np.allclose(causal[:, 0].numpy(), v[:, 0].numpy())


@pytest.mark.parametrize("options", [{}, {"size_average": False}])
def test_a_warning_points_at_the_call_of_the_loss(options):
    target = tg.ones(2, 1) if options else tg.ones(2)
    with pytest.warns(UserWarning, match="reduction=|target size") as found:
        tg.nn.functional.mse_loss(tg.ones(2, 1), target, **options)
    assert found[0].filename == __file__
