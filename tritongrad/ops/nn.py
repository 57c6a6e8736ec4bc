"""Operations of neural networks that are fused: softmax, cross-entropy, normalisation."""

from __future__ import annotations

from typing import Any

from ..op import op
from ..samples import Ints, Rand
from .dims import check_dim, floating, tensor
from .elementwise import where
from .reduce import mean, sum, var

Tensor = Any

ROWS = [(Rand((3, 4)), 1), (Rand((2, 3, 4)), -2), (Rand(()), 0), (Rand((0, 3)), 1), (Rand((3, 0)), 1)]
ROW_GRADS = [(Rand((3, 4)), Rand((3, 4), -2, -0.1), 1), (Rand((2, 3)), Rand((2, 3), -2, -0.1), 0)]


def _along(name: str, input: Any, dim: Any, dtype: Any) -> tuple:
    if dtype is not None:
        input = tensor(name, input).to(dtype)
    if dim is None:
        raise TypeError(f"{name}: argument 'dim' is missing: over which dim should it sum to 1?")
    return floating(name, input), check_dim(name, dim, input.ndim)


@op(samples=ROW_GRADS)
def softmax_backward(grad: Tensor, result: Tensor, dim):
    """result * (grad - the sum of grad * result along dim)"""
    return grad, result, dim


softmax_backward.vjp(
    grad=lambda g, result, dim: softmax_backward(g, result, dim),
    result=lambda g, grad, result, dim: (
        g * (grad - sum(grad * result, dim, True)) - grad * sum(g * result, dim, True)
    ),
)


@op(samples=ROWS)
def softmax(input: Tensor, dim, dtype=None):
    """e ** x divided by its sum along dim."""
    return _along("softmax", input, dim, dtype)


softmax.vjp(input=lambda g, result, dim: softmax_backward(g, result, dim))


@op(samples=ROW_GRADS)
def log_softmax_backward(grad: Tensor, result: Tensor, dim):
    """grad - e ** result * the sum of grad along dim"""
    return grad, result, dim


log_softmax_backward.vjp(
    grad=lambda g, result, dim: g - sum(g * result.exp(), dim, True),
    result=lambda g, grad, result, dim: -g * result.exp() * sum(grad, dim, True),
)


@op(samples=ROWS)
def log_softmax(input: Tensor, dim, dtype=None):
    """x - log(sum(e ** x)) along dim, without overflow."""
    return _along("log_softmax", input, dim, dtype)


log_softmax.vjp(input=lambda g, result, dim: log_softmax_backward(g, result, dim))

CLASSES = [
    (Ints((3,)), None, Rand((3,), 1, 2), -100, 0.0),
    (Ints((3,)), Rand((3,), 0.5, 2.0), Rand((3,), 1, 2), 1, 0.1),
]


@op(samples=[(Rand((3,)), Rand((3, 3)), *rest) for rest in CLASSES])
def cross_entropy_rows_backward(
    grad: Tensor, input: Tensor, target, weight, lse, ignore_index, label_smoothing
):
    """The gradient of cross_entropy_rows: grad * (Q e ** (x - lse) - q), with Q the sum of q."""
    return grad, input, target, weight, lse, ignore_index, label_smoothing


def _rows_grad(g, input, target, weight, lse, ignore_index, label_smoothing):
    one = g.new_ones(g.shape[:1])
    rest = (input, target, weight, lse, ignore_index, label_smoothing)
    return sum(g * cross_entropy_rows_backward(one, *rest), 1)


def _rows_input(g, grad, input, target, weight, ignore_index, label_smoothing):
    share = weight_of_rows(target, weight, ignore_index, label_smoothing, input)
    return softmax_backward(g * (grad * share).unsqueeze(1), softmax(input, 1), 1)


def weight_of_rows(target, weight, ignore_index, label_smoothing, input):
    """The sum of the weights q that a row gives to its classes; 0 for rows that are ignored."""
    counts = target != ignore_index
    if weight is None:
        return counts.to(input.dtype)
    own = weight.index_select(0, where(counts, target, 0)) * (1 - label_smoothing)
    return where(counts, own + sum(weight) * (label_smoothing / input.shape[1]), 0)


@op(samples=[(Rand((3, 3)), *rest) for rest in CLASSES])
def cross_entropy_rows(input: Tensor, target, weight, lse, ignore_index, label_smoothing):
    """For each row the sum of q (lse - x), with lse its log-sum-exp, which is no variable here.

    q is weight * (1 - label_smoothing) at the target, plus weight * label_smoothing / classes.
    """
    return input, target, weight, lse, ignore_index, label_smoothing


cross_entropy_rows.vjp(
    input=lambda g, input, target, weight, lse, ignore_index, label_smoothing: (
        cross_entropy_rows_backward(g, input, target, weight, lse, ignore_index, label_smoothing)
    )
)
cross_entropy_rows_backward.vjp(grad=_rows_grad, input=_rows_input)


def curvature(h: Any, g: Any, x: Any, dim: tuple, eps: float) -> Any:
    """The gradient by x of sum(h * (gradient of normalised x for g)).

    With y = (x - <x>) r, r = (var + eps) ** -1/2 and <> the mean over dim, that sum is
    n r (<h g> - <h><g> - <h y><g y>); dr = -r^2 y / n and d<h y> = r (h - <h> - y <h y>) / n.
    """

    def centre(t):
        return mean(t, dim, True)

    r = (var(x, dim, 0, True) + eps).rsqrt()
    y = (x - centre(x)) * r
    hy, gy, hm, gm = centre(h * y), centre(g * y), centre(h), centre(g)
    bend = y * (centre(h * g) - hm * gm - hy * gy)
    return -(r * r) * (bend + gy * (h - hm - y * hy) + hy * (g - gm - y * gy))


def last(shape: Any, ndim: int) -> tuple:
    """The last ndim dims."""
    return tuple(range(len(shape) - ndim, len(shape)))


NORMALISED = [(Rand((3, 4)), 1, 0.1), (Rand((2, 3, 4)), 2, 1e-5)]


@op(samples=[(Rand(x.shape), x, *rest) for x, *rest in NORMALISED])
def layer_norm_backward(grad: Tensor, input: Tensor, ndim, eps):
    """The gradient of layer_norm without weight: r (grad - <grad> - y <grad y>)."""
    return grad, input, ndim, eps


layer_norm_backward.vjp(
    grad=lambda g, input, ndim, eps: layer_norm_backward(g, input, ndim, eps),
    input=lambda g, grad, input, ndim, eps: curvature(g, grad, input, last(input.shape, ndim), eps),
)


@op(
    samples=[
        (Rand((3, 4)), Rand((4,)), Rand((4,)), 1, 0.1),
        (Rand((2, 3, 4)), Rand((3, 4)), None, 2, 1e-5),
        (Rand((3, 4)), None, None, 1, 1e-5),
        (Rand((0, 4)), Rand((4,)), Rand((4,)), 1, 1e-5),
    ]
)
def layer_norm(input: Tensor, weight, bias, ndim, eps):
    """(x - <x>) / sqrt(var + eps) over the last ndim dims, * weight + bias."""
    shape = tuple(floating("layer_norm", input).shape)[input.ndim - ndim :]
    for name, t in (("weight", weight), ("bias", bias)):
        if t is not None and tuple(tensor("layer_norm", t, name).shape) != shape:
            raise RuntimeError(
                f"layer_norm: {name} has shape {tuple(t.shape)}, the normalised dims of input "
                f"{tuple(input.shape)} are {shape}"
            )
    return input, weight, bias, ndim, eps


layer_norm.vjp(
    input=lambda g, input, weight, ndim, eps: layer_norm_backward(
        g if weight is None else g * weight, input, ndim, eps
    ),
    weight=lambda g, input, ndim, eps: g * layer_norm(input, None, None, ndim, eps),
    bias=lambda g: g,
)


def but_channels(shape: Any) -> tuple:
    """All dims but dim 1."""
    return (0, *range(2, len(shape)))


def by_channel(t: Any, shape: Any) -> Any:
    """One number a channel, broadcast to the shape of a batch."""
    return t.reshape([-1 if d == 1 else 1 for d in range(len(shape))])


STATS = (Rand((3,), -0.1, 0.1), Rand((3,), 1.0, 1.2), 1e-5)


@op(samples=[(Rand((4, 3)), Rand((4, 3)), *STATS)])
def batch_norm_backward(grad: Tensor, input: Tensor, mean, var, eps):
    """The gradient of batch_norm in training, without weight: r (grad - <grad> - y <grad y>)."""
    return grad, input, mean, var, eps


batch_norm_backward.vjp(
    grad=lambda g, input, mean, var, eps: batch_norm_backward(g, input, mean, var, eps),
    input=lambda g, grad, input, eps: curvature(g, grad, input, but_channels(input.shape), eps),
)


@op(
    samples=[
        (Rand((4, 3)), Rand((3,)), Rand((3,)), *STATS, False),
        (Rand((2, 3, 2, 2)), Rand((3,)), None, *STATS, False),
        (Rand((4, 3)), None, None, *STATS, False),
    ]
)
def batch_norm(input: Tensor, weight, bias, mean, var, eps, training):
    """(x - mean) / sqrt(var + eps) * weight + bias, with one of each for each channel (dim 1).

    In training mean and var are those of input over the other dims, and its gradient counts them.
    """
    return floating("batch_norm", input), weight, bias, mean, var, eps, training


def _batch_norm_input(g, input, weight, mean, var, eps, training):
    scaled = g if weight is None else g * by_channel(weight, g.shape)
    if training:
        return batch_norm_backward(scaled, input, mean, var, eps)
    return scaled * by_channel((var + eps).rsqrt(), g.shape)


def _batch_norm_weight(g, input, mean, var, eps, training):
    y = batch_norm(input, None, None, mean, var, eps, training)
    return sum(g * y, but_channels(g.shape))


batch_norm.vjp(
    input=_batch_norm_input,
    weight=_batch_norm_weight,
    bias=lambda g: sum(g, but_channels(g.shape)),
)
