"""A two-layer network fitted to random data by gradient descent: PyTorch's classic first program.

python examples/two_layer_net.py --plot loss.svg
"""

import argparse

import tritongrad as tg
from tritongrad.plotting import plot
from tritongrad.progress import track

BATCH, D_IN, HIDDEN, D_OUT = 64, 1000, 100, 10
LEARNING_RATE = 1e-6


def train(steps: int, device: str, seed: int = 0, graph: bool = False) -> list[float]:
    """The loss before each of the `steps` updates, printed at step 1 and every 100th."""
    tg.manual_seed(seed)
    x = tg.randn(BATCH, D_IN, device=device)
    y = tg.randn(BATCH, D_OUT, device=device)
    w1 = tg.randn(D_IN, HIDDEN, device=device, requires_grad=True)
    w2 = tg.randn(HIDDEN, D_OUT, device=device, requires_grad=True)

    def update() -> tg.Tensor:
        y_pred = x.mm(w1).clamp(min=0).mm(w2)
        loss = (y_pred - y).pow(2).sum()
        loss.backward()

        with tg.no_grad():
            w1.sub_(LEARNING_RATE * w1.grad)
            w2.sub_(LEARNING_RATE * w2.grad)
            w1.grad.zero_()
            w2.grad.zero_()
        return loss.detach()

    if graph and tg.device(device).type == "cuda":
        update = tg.cuda.graphed(update)  # recorded once, then replayed by a single call
    elif graph:
        print(f"--graph: {device} has no CUDA graphs, every step runs as it is")
    losses = []
    bar = track(range(1, steps + 1), "training")
    for step in bar:
        loss = update()
        losses.append(loss.clone() if graph else loss)  # a replay writes to the same tensor
        if step == 1 or step % 100 == 0:
            bar.print(f"step {step:4d}  loss {loss.item():.6g}")
    return [loss.item() for loss in losses]  # asked for at the end: a GPU is not kept waiting


def main(words: list[str] | None = None) -> list[float]:
    """Train as the command line says."""
    parser = argparse.ArgumentParser(description="Fit a two-layer network to random data.")
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--device", default="cuda" if tg.cuda.is_available() else "cpu")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--graph", action="store_true", help="record and replay the step (cuda)")
    parser.add_argument("--plot", metavar="FILE", help="draw the loss curve (.svg, .png, ...)")
    args = parser.parse_args(words)

    losses = train(args.steps, args.device, args.seed, args.graph)
    if args.plot:
        labels = {"title": "Two-layer network", "xlabel": "step", "ylabel": "loss"}
        plot((list(range(1, args.steps + 1)), losses), args.plot, log=True, **labels)
        print(f"wrote {args.plot}")
    return losses


if __name__ == "__main__":
    main()
