"""Handwritten digits told apart by a convolutional network that can stop and go on bit for bit.

python examples/digits_conv.py --plot curve.svg --checkpoint digits.safetensors
python examples/digits_conv.py --epochs 20 --checkpoint digits.safetensors --resume

The data are the 1,797 images of 8 x 8 pixels that scikit-learn ships.
"""

import argparse
import sys

import tritongrad as tg
from tritongrad import nn
from tritongrad.plotting import plot
from tritongrad.progress import track
from tritongrad.utils.data import DataLoader, TensorDataset

TEST, BATCH, RATE, DECAY = 360, 64, 3e-3, 0.8
WIDTH = 32  # filters of the first layers


def load(seed: int) -> tuple[tg.Tensor, tg.Tensor]:
    """Images (n, 1, 8, 8) with values in 0 to 1 and their digits, shuffled."""
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        sys.exit("digits_conv.py takes its data from scikit-learn: pip install scikit-learn")
    pixels, digits = load_digits(return_X_y=True)
    order = tg.randperm(len(digits), generator=tg.Generator().manual_seed(seed))
    images = tg.tensor(pixels, dtype=tg.float32)[order] / 16
    return images.reshape(-1, 1, 8, 8), tg.tensor(digits, dtype=tg.int64)[order]


def block(inputs: int, filters: int) -> list[nn.Module]:
    """Patterns of 3 x 3 pixels, normalised, which would take any bias away again."""
    conv = nn.Conv2d(inputs, filters, 3, padding=1, bias=False)
    return [conv, nn.BatchNorm2d(filters), nn.ReLU()]


class Training:
    """A network and all that decides how it goes on: optimizer, schedule, order of the data."""

    def __init__(self, images: tg.Tensor, labels: tg.Tensor, test: int, seed: int, device: str):
        tg.manual_seed(seed)
        net = nn.Sequential(
            *block(1, WIDTH), *block(WIDTH, WIDTH), nn.MaxPool2d(2),
            *block(WIDTH, 2 * WIDTH), nn.MaxPool2d(2),
            nn.Flatten(), nn.Dropout(0.3), nn.Linear(2 * WIDTH * 4, 10),
        )  # fmt: skip
        self.device, self.net = device, net.to(device)
        self.optimizer = tg.optim.AdamW(net.parameters(), lr=RATE)
        self.schedule = tg.optim.lr_scheduler.ExponentialLR(self.optimizer, DECAY)
        self.order = tg.Generator().manual_seed(seed)
        data = TensorDataset(images[:-test], labels[:-test])
        self.batches = DataLoader(data, BATCH, shuffle=True, drop_last=True, generator=self.order)
        self.seen = images[:-test].to(device), labels[:-test].to(device)
        self.unseen = images[-test:].to(device), labels[-test:].to(device)
        self.losses: list[float] = []  # of each step
        self.rows: list[list[float]] = []  # of each epoch: loss, accuracy seen and unseen

    def state(self) -> dict:
        """All of it as what tg.save writes."""
        return {
            "net": self.net.state_dict(), "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(), "random": tg.get_rng_state(),
            "order": self.order.get_state(), "losses": self.losses, "rows": self.rows,
        }  # fmt: skip

    def resume(self, state: dict) -> None:
        """Go on from what state() returned."""
        self.net.load_state_dict(state["net"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        tg.set_rng_state(state["random"])
        self.order.set_state(state["order"])
        self.losses, self.rows = state["losses"], state["rows"]

    def epoch(self) -> None:
        """Go once through the training images."""
        self.net.train()
        losses = []
        for images, labels in track(self.batches, f"epoch {len(self.rows) + 1}"):
            self.optimizer.zero_grad()
            scores = self.net(images.to(self.device))
            loss = nn.functional.cross_entropy(scores, labels.to(self.device))
            loss.backward()
            self.optimizer.step()
            losses.append(loss.detach())
        self.schedule.step()
        self.losses += [loss.item() for loss in losses]
        mean = sum(self.losses[-len(losses) :]) / len(losses)
        self.rows.append([mean, self.accuracy(*self.seen), self.accuracy(*self.unseen)])

    def accuracy(self, images: tg.Tensor, labels: tg.Tensor) -> float:
        """The share of images that are told right."""
        self.net.eval()
        with tg.no_grad():
            return self.net(images).argmax(1).eq(labels).to(tg.float32).mean().item()


def main(words: list[str] | None = None) -> float:
    """Train as the command line says; the accuracy on the test images."""
    parser = argparse.ArgumentParser(description="Tell handwritten digits apart.")
    parser.add_argument("--epochs", type=int, default=12, help="in all, those before too")
    parser.add_argument("--device", default="cuda" if tg.cuda.is_available() else "cpu")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--plot", metavar="FILE", help="draw the learning curve (.svg, .png, ...)")
    parser.add_argument("--checkpoint", metavar="FILE", help="write it after every epoch")
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint")
    args = parser.parse_args(words)
    if args.resume and not args.checkpoint:
        parser.error("--resume needs --checkpoint FILE: where to go on from")

    training = Training(*load(args.seed), TEST, args.seed, args.device)
    if args.resume:
        training.resume(tg.load(args.checkpoint))
    print("epoch    loss   train    test")
    while len(training.rows) < args.epochs:
        training.epoch()
        loss, seen, unseen = training.rows[-1]
        print(f"{len(training.rows):5d}  {loss:6.4f}  {seen:6.1%}  {unseen:6.1%}", flush=True)
        if args.checkpoint:
            tg.save(training.state(), args.checkpoint)
    right = training.rows[-1][2] if training.rows else training.accuracy(*training.unseen)
    print(f"test accuracy {right:.1%}")
    if args.plot:
        plot(
            training.losses,
            args.plot,
            title="Digits",
            xlabel="step",
            ylabel="cross-entropy",
            log=True,
        )
    return right


if __name__ == "__main__":
    main()
