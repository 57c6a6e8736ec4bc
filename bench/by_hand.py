"""The same work in plain NumPy, forward and backward by hand, as one would write it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Load = Callable[[str], Any]
RATE = np.float32(1e-6)


def makers(load: Load) -> dict[str, Callable[[], Callable]]:
    """By the name of a unit, a function that prepares it: the units of work.py that NumPy has."""
    found: dict[str, Callable] = {
        "step": lambda: tutorial(load),
        "mlp": lambda: mlp(load),
        "mm/2048": lambda: product(load("p"), load("q")),
        "layer_norm": lambda: layer_norm(load),
        "cross_entropy": lambda: cross_entropy(load),
    }
    for name in SMALL:
        found[f"{name}/forward"] = lambda name=name: SMALL[name](load("s"), load("t"))[0]
        found[f"{name}/both"] = lambda name=name: SMALL[name](load("s"), load("t"))[1]
    for size in ("large", "middle"):
        for name, make in PASSES.items():
            found[f"{name}/{size}"] = lambda make=make, size=size: make(
                load("a_" + size), load("b_" + size)
            )
    return found


SMALL: dict[str, Callable] = {
    "add": lambda x, y: (lambda: x + y, lambda: (x + y, np.ones_like(x), np.ones_like(x))[0]),
    "mul": lambda x, y: (lambda: x * y, lambda: (x * y, x * y, x * x)[0]),
    "clamp": lambda x, y: (
        lambda: np.maximum(x, 0),
        lambda: (np.maximum(x, 0), y * (x >= 0))[0],
    ),
    "sum": lambda x, y: (lambda: x.sum(), lambda: (x.sum(), np.full(x.shape, 1, x.dtype))[0]),
    "mm": lambda x, y: (lambda: x @ y, lambda: (x @ y, x @ y.T, x.T @ y)[0]),
}


def tutorial(load: Load) -> Callable:
    x, y, w1, w2 = (load(name) for name in ("x", "y", "w1", "w2"))

    def step() -> Any:
        h = x @ w1
        r = np.maximum(h, 0)
        difference = r @ w2 - y
        loss = np.square(difference).sum()
        g = 2 * difference
        g2 = r.T @ g
        g1 = x.T @ ((g @ w2.T) * (h >= 0))
        w1.__isub__(RATE * g1)
        w2.__isub__(RATE * g2)
        return loss

    return step


def mlp(load: Load) -> Callable:
    x, labels = load("X"), load("L")
    weights = [load(name) for name in ("W1", "W2", "W3")]
    biases = [np.zeros(w.shape[1], np.float32) for w in weights]
    rows, rate = np.arange(len(x)), np.float32(1e-2)

    def step() -> Any:
        inputs, h = [], x
        for w, b in zip(weights, biases, strict=True):
            inputs.append(h)
            out = h @ w + b
            h = np.maximum(out, 0)
        away = out - out.max(1, keepdims=True)
        powers = np.exp(away)
        sums = powers.sum(1, keepdims=True)
        loss = (np.log(sums)[:, 0] - away[rows, labels]).mean()
        g = powers / sums
        g[rows, labels] -= 1
        g /= len(x)
        for k in (2, 1, 0):
            by_weight, by_bias = inputs[k].T @ g, g.sum(0)
            if k:
                g = (g @ weights[k].T) * (inputs[k] > 0)
            weights[k] -= rate * by_weight
            biases[k] -= rate * by_bias
        return loss

    return step


PASSES: dict[str, Callable] = {
    "copy": lambda a, b: copy(a, b.copy()),
    "add": lambda a, b: lambda: a + b,
    "clamp": lambda a, b: lambda: np.maximum(a, 0),
    "pow 2": lambda a, b: lambda: a**2,
    "pow 3": lambda a, b: lambda: a**3,
    "exp": lambda a, b: lambda: np.exp(a),
    "w -= lr * g": lambda a, b: descent(a.copy(), b),
    "relu backward": lambda a, b: relu_backward(np.maximum(a, 0), b),
    "sum": lambda a, b: lambda: a.sum(),
    "sum dim 0": lambda a, b: lambda: a.sum(0),
    "sum dim 1": lambda a, b: lambda: a.sum(1),
    "softmax": lambda a, b: lambda: softmax(a),
}


def copy(a: Any, out: Any) -> Callable:
    def work() -> Any:
        np.copyto(out, a)
        return out

    return work


def descent(w: Any, g: Any) -> Callable:
    rate = np.float32(1e-9)
    return lambda: w.__isub__(rate * g)


def relu_backward(y: Any, g: Any) -> Callable:
    return lambda: g * (y > 0)


def softmax(a: Any) -> Any:
    powers = np.exp(a - a.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)


def product(a: Any, b: Any) -> Callable:
    return lambda: a @ b


def layer_norm(load: Load) -> Callable:
    x, weight, bias = load("rows"), load("weight"), load("bias")

    def normalised() -> tuple:
        away = x - x.mean(1, keepdims=True)
        scale = 1 / np.sqrt((away * away).mean(1, keepdims=True) + np.float32(1e-5))
        return away * scale, scale

    y, _ = normalised()
    g = (y * weight + bias) / 2

    def work() -> Any:
        y, scale = normalised()
        result = y * weight + bias
        (g * y).sum(0), g.sum(0)
        inner = g * weight
        mean = inner.mean(1, keepdims=True)
        scale * (inner - mean - y * (inner * y).mean(1, keepdims=True))
        return result

    return work


def cross_entropy(load: Load) -> Callable:
    x, target = load("scores"), load("classes")
    rows = np.arange(len(x))

    def work() -> Any:
        away = x - x.max(1, keepdims=True)
        powers = np.exp(away)
        sums = powers.sum(1, keepdims=True)
        loss = (np.log(sums)[:, 0] - away[rows, target]).mean()
        g = powers / sums
        g[rows, target] -= 1
        g /= len(x)
        return loss

    return work


def checksum(result: Any) -> float:
    """A number by which the results of peers are compared."""
    return float(np.abs(np.asarray(result).reshape(-1)[:1000].astype(np.float64)).sum())
