"""What `python -m tritongrad` shows: a network trained, its gradient checked, costs, pictures."""

from __future__ import annotations

import importlib.util
import math
import os
import time
from pathlib import Path
from typing import Any

import tritongrad as tg

from . import cost, info
from .drawing import draw
from .plotting import plot
from .progress import track

FOLDER = "tritongrad-demo"
BATCH, D_IN, HIDDEN, D_OUT = 64, 1000, 100, 10
RATE = 1e-6
SHOWN = (1, 100, 200, 300, 400, 500)  # the steps whose loss is printed
DIFFERENCE = 1e-6  # the step of the gradient check, in float64
ALLOWED = 1e-6  # its error, relative to the length of the gradient


class Net:
    """The tutorial's network and data: the loss of clamp(x w1, min=0) w2 against y."""

    def __init__(self, device: str, dtype: Any = None) -> None:
        tg.manual_seed(0)
        options = {"device": device, "dtype": dtype}
        self.x = tg.randn(BATCH, D_IN, **options)
        self.y = tg.randn(BATCH, D_OUT, **options)
        self.w1 = tg.randn(D_IN, HIDDEN, requires_grad=True, **options)
        self.w2 = tg.randn(HIDDEN, D_OUT, requires_grad=True, **options)

    def loss(self, w1: Any, w2: Any) -> Any:
        """The sum of squared errors."""
        return (self.x.mm(w1).clamp(min=0).mm(w2) - self.y).pow(2).sum()

    def step(self) -> Any:
        """One step of gradient descent; the loss before it."""
        w1, w2 = self.w1, self.w2
        loss = self.loss(w1, w2)
        loss.backward()
        with tg.no_grad():
            for w in (w1, w2):
                w -= RATE * w.grad
                w.grad.zero_()
        return loss.detach()


def main() -> int:
    """Run everything and print it; 1 if the gradient or a device is wrong."""
    start = time.perf_counter()
    good, why = tg.cuda.status()
    device = "cuda" if good else "cpu"
    print(info.headline())
    print(f"device: {tg.cuda.get_device_name()}" if good else f"device: cpu ({why})")
    losses, fine = show_training(device)
    fine = show_gradient_check(device) and fine
    show_costs(device)
    written = pictures(losses)
    print(f"\nWrote {' and '.join(written)} ({time.perf_counter() - start:.1f} s in all)")
    print(f"Next: {next_command()}")
    return 0 if fine else 1


def show_training(device: str) -> tuple[list[float], bool]:
    """Train on the device, and on the CPU too if that is another; whether they agree."""
    print(f"\nA two-layer network, {max(SHOWN)} steps of gradient descent on {device}")
    losses, seconds = train(device)
    print("  step" + "".join(f"{step:>11d}" for step in SHOWN))
    print("  loss" + "".join(f"{losses[step - 1]:>11.4g}" for step in SHOWN))
    print(f"  {seconds * 1e3 / len(losses):.2f} ms a step")
    if device == "cpu":
        return losses, losses[-1] < 1e-2
    other, _ = train("cpu")
    apart = max(abs(losses[s - 1] / other[s - 1] - 1) for s in SHOWN)
    same = apart < 1e-3
    print(f"  same on cpu and {device}: {'yes' if same else 'NO'} (largest difference {apart:.1e})")
    return losses, same and losses[-1] < 1e-2


def train(device: str) -> tuple[list[float], float]:
    """The loss before each step, and how long all of them took."""
    net = Net(device)
    start = time.perf_counter()
    losses = [net.step() for _ in track(range(max(SHOWN)), f"training on {device}")]
    values = [loss.item() for loss in losses]
    return values, time.perf_counter() - start


def show_gradient_check(device: str) -> bool:
    """Compare slopes along random directions with differences of the loss, in float64."""
    print("\nGradient of that network against central differences, float64, 4 random directions")
    errors = gradient_errors(device)
    for name, error in errors.items():
        verdict = "ok" if error < ALLOWED else f"WRONG (allowed: {ALLOWED:g})"
        print(f"  {name}  max error {error:.1e}  {verdict}")
    return all(error < ALLOWED for error in errors.values())


def gradient_errors(device: str) -> dict[str, float]:
    """The largest error for each weight, relative to the length of its gradient."""
    net = Net(device, tg.float64)
    weights = {"w1": net.w1, "w2": net.w2}
    net.loss(**weights).backward()
    errors = {}
    with tg.no_grad():
        for name, w in weights.items():
            length = math.sqrt((w.grad * w.grad).sum().item())
            found = []
            for _ in range(4):
                way = tg.randn_like(w)
                ahead = net.loss(**weights | {name: w + DIFFERENCE * way}).item()
                behind = net.loss(**weights | {name: w - DIFFERENCE * way}).item()
                slope = (ahead - behind) / (2 * DIFFERENCE)
                found.append(abs(slope - (w.grad * way).sum().item()) / length)
            errors[name] = max(found)
    return errors


def show_costs(device: str) -> None:
    """The table of what five operations cost."""
    print(f"\nWhat five operations cost on {device} (median)")
    for row in cost.measure(device):
        print(f"  {row.what:<38}{cost.readable(row.seconds):>9}   {row.rate}")


def pictures(losses: list[float]) -> list[str]:
    """Draw the graph of one step and the loss curve; the files written."""
    folder = Path(FOLDER)
    folder.mkdir(exist_ok=True)
    graph, curve = folder / "graph.svg", folder / "loss.svg"
    write_graph(graph)
    write_curve(losses, curve)
    return [str(graph), str(curve)]


def write_graph(file: Any) -> None:
    """The autograd graph of the network's loss, laid out here: the same wherever it is drawn."""
    net = Net("cpu")
    params = {"w1": net.w1, "w2": net.w2}
    draw(net.loss(**params), params, file, direction="right", graphviz=False)


def write_curve(losses: list[float], file: Any) -> None:
    """The loss at each step."""
    steps = list(range(1, len(losses) + 1))
    title = "Loss of the two-layer network"
    plot((steps, losses), file, title=title, xlabel="step", ylabel="loss", log=True)


def next_command() -> str:
    """What to try next, from where we are."""
    python = "python" if os.environ.get("VIRTUAL_ENV") else info.python_command()
    if not Path("examples").is_dir():
        return f"{python} -m tritongrad --help"
    if importlib.util.find_spec("sklearn"):  # which ships the digits
        return f"{python} examples/digits.py --plot {FOLDER}/mistakes.svg"
    return f"{python} examples/02_autograd.py"
