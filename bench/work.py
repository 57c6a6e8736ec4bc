"""The work that is timed, written once: `lib` is tritongrad or PyTorch, whose interfaces are one.

A maker builds operands and returns the function to time; `load(name)` gives a tensor of the shared
data (see data.py), so that every peer works on the same numbers.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

Load = Callable[[str], Any]
RATE = 1e-6  # of the tutorial's step


def makers(lib: Any, load: Load, device: str = "cpu") -> dict[str, Callable[[], Callable]]:
    """By the name of a unit, a function that prepares it."""
    found: dict[str, Callable] = {
        "step": lambda: tutorial(lib, load),
        "mlp": lambda: mlp(lib, load, device),
        "conv2d": lambda: conv2d(lib, load),
        "layer_norm": lambda: layer_norm(lib, load),
        "cross_entropy": lambda: cross_entropy(lib, load),
        "mm/2048": lambda: product(load("p"), load("q")),
    }
    for name in ("add", "mul", "clamp", "sum", "mm"):
        found[f"{name}/forward"] = lambda name=name: small(lib, load, name, False)
        found[f"{name}/both"] = lambda name=name: small(lib, load, name, True)
    for size in ("large", "middle"):
        for name in PASSES:
            found[f"{name}/{size}"] = lambda name=name, size=size: one_pass(lib, load, name, size)
    return found


SMALL: dict[str, Callable] = {
    "add": lambda x, y: x + y,
    "mul": lambda x, y: x * y,
    "clamp": lambda x, y: x.clamp(min=0),
    "sum": lambda x, y: x.sum(),
    "mm": lambda x, y: x.mm(y),
}


def small(lib: Any, load: Load, name: str, both: bool) -> Callable:
    """One recorded operation on 8 x 8; `both`: and its backward, from a gradient that is given."""
    x, y = load("s").requires_grad_(), load("t").requires_grad_()
    work = SMALL[name]
    g = lib.ones_like(work(x.detach(), y.detach()))

    def forward() -> Any:
        return work(x, y)

    def forward_and_backward() -> Any:
        x.grad = y.grad = None
        result = work(x, y)
        result.backward(g)
        return result

    return forward_and_backward if both else forward


def tutorial(lib: Any, load: Load) -> Callable:
    """A step of gradient descent on a network of two layers, as tutorials write it."""
    x, y = load("x"), load("y")
    w1, w2 = load("w1").requires_grad_(), load("w2").requires_grad_()

    def step() -> Any:
        loss = (x.mm(w1).clamp(min=0).mm(w2) - y).pow(2).sum()
        loss.backward()
        with lib.no_grad():
            w1.sub_(RATE * w1.grad)
            w2.sub_(RATE * w2.grad)
            w1.grad.zero_()
            w2.grad.zero_()
        return loss

    return step


def mlp(lib: Any, load: Load, device: str) -> Callable:
    """A step of gradient descent on 784-1024-1024-10, batches of 256, cross-entropy."""
    functional = functions(lib)
    x, labels = load("X"), load("L")
    weights = [load(name).requires_grad_() for name in ("W1", "W2", "W3")]
    biases = [lib.zeros(w.shape[1], device=device).requires_grad_() for w in weights]
    parameters = weights + biases

    def step() -> Any:
        h = (x.mm(weights[0]) + biases[0]).relu()
        h = (h.mm(weights[1]) + biases[1]).relu()
        loss = functional.cross_entropy(h.mm(weights[2]) + biases[2], labels)
        loss.backward()
        with lib.no_grad():
            for p in parameters:
                p -= 1e-2 * p.grad
                p.grad = None
        return loss

    return step


PASSES: dict[str, Callable] = {
    "copy": lambda lib, a, b: lambda: b.copy_(a),
    "add": lambda lib, a, b: lambda: a + b,
    "clamp": lambda lib, a, b: lambda: a.clamp(min=0),
    "pow 2": lambda lib, a, b: lambda: a.pow(2),
    "pow 3": lambda lib, a, b: lambda: a.pow(3),
    "exp": lambda lib, a, b: lambda: a.exp(),
    "w -= lr * g": lambda lib, a, b: descent(a.clone(), b),
    "relu backward": lambda lib, a, b: relu_backward(lib, a, b),
    "sum": lambda lib, a, b: lambda: a.sum(),
    "sum dim 0": lambda lib, a, b: lambda: a.sum(0),
    "sum dim 1": lambda lib, a, b: lambda: a.sum(1),
    "softmax": lambda lib, a, b: lambda: a.softmax(1),
}


def one_pass(lib: Any, load: Load, name: str, size: str) -> Callable:
    """One operation on large matrices or middling ones, not recorded."""
    return PASSES[name](lib, load("a_" + size), load("b_" + size))


def descent(w: Any, g: Any) -> Callable:
    def step() -> Any:
        nonlocal w
        w -= 1e-9 * g
        return w

    return step


def relu_backward(lib: Any, a: Any, b: Any) -> Callable:
    leaf = a.detach().requires_grad_()
    y = leaf.relu()
    return lambda: lib.autograd.grad(y, leaf, b, retain_graph=True)[0]


def product(a: Any, b: Any) -> Callable:
    return lambda: a.mm(b)


def conv2d(lib: Any, load: Load) -> Callable:
    """Filters of 3 x 3 with a padding of 1: forward and backward."""
    x, w = load("images").requires_grad_(), load("filters").requires_grad_()
    return there_and_back(lambda: functions(lib).conv2d(x, w, padding=1), x, w)


def layer_norm(lib: Any, load: Load) -> Callable:
    """Rows with a weight and a bias for each column: forward and backward."""
    x = load("rows").requires_grad_()
    weight, bias = load("weight").requires_grad_(), load("bias").requires_grad_()
    return there_and_back(
        lambda: functions(lib).layer_norm(x, weight.shape, weight, bias), x, weight, bias
    )


def cross_entropy(lib: Any, load: Load) -> Callable:
    """Rows of scores and a class for each: forward and backward."""
    x, target = load("scores").requires_grad_(), load("classes")
    return there_and_back(lambda: functions(lib).cross_entropy(x, target), x)


def there_and_back(forward: Callable, *leaves: Any) -> Callable:
    """The forward pass, and backward from a gradient made in advance."""
    g = forward().detach() * 0.5

    def work() -> Any:
        for leaf in leaves:
            leaf.grad = None
        result = forward()
        result.backward(g)
        return result

    return work


def functions(lib: Any) -> Any:
    return importlib.import_module(f"{lib.__name__}.nn.functional")


def checksum(result: Any) -> float:
    """A number by which the results of peers are compared."""
    return float(result.detach().reshape(-1)[:1000].double().abs().sum().item())
