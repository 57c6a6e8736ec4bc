"""Handwritten digits told apart by a two-layer network: cross-entropy, SGD in mini-batches.

python examples/digits.py --plot mistakes.svg

The data are the 1,797 images of 8 x 8 pixels that scikit-learn ships.
"""

import argparse
import sys

import tritongrad as tg
from tritongrad.pictures import image_grid
from tritongrad.progress import track

TEST = 360  # images held back
HIDDEN, BATCH, RATE, DECAY = 128, 32, 0.3, 0.9


def load(seed: int) -> tuple[tg.Tensor, tg.Tensor]:
    """Images (n, 64) with values in 0 to 1 and their digits, shuffled."""
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        sys.exit("digits.py takes its data from scikit-learn: pip install scikit-learn")
    pixels, digits = load_digits(return_X_y=True)
    tg.manual_seed(seed)
    order = tg.randperm(len(digits))
    images = tg.tensor(pixels, dtype=tg.float32)[order] / 16
    return images, tg.tensor(digits, dtype=tg.int64)[order]


def cross_entropy(logits: tg.Tensor, target: tg.Tensor) -> tg.Tensor:
    """The mean of -log(probability of the right class)."""
    right = logits.gather(1, target.unsqueeze(1)).squeeze(1)
    return (logits.logsumexp(1) - right).mean()


class Net:
    """relu(x w1 + b1) w2 + b2"""

    def __init__(self, inputs: int, hidden: int, classes: int, device: str) -> None:
        w1 = tg.randn(inputs, hidden) * (2 / inputs) ** 0.5
        w2 = tg.randn(hidden, classes) * (1 / hidden) ** 0.5
        parts = (w1, tg.zeros(hidden), w2, tg.zeros(classes))
        self.parameters = [p.to(device).requires_grad_() for p in parts]

    def __call__(self, x: tg.Tensor) -> tg.Tensor:
        w1, b1, w2, b2 = self.parameters
        return (x.mm(w1) + b1).relu().mm(w2) + b2

    def predict(self, x: tg.Tensor) -> tg.Tensor:
        """The most likely class of each row."""
        with tg.no_grad():
            return self(x).argmax(1)


def train_epoch(net: Net, images: tg.Tensor, labels: tg.Tensor, rate: float) -> float:
    """Go once through the images in random order; the mean loss."""
    order = tg.randperm(len(labels)).to(images.device)
    losses = []
    for batch in order.split(BATCH):
        loss = cross_entropy(net(images[batch]), labels[batch])
        losses.append(loss.detach() * len(batch))
        loss.backward()
        with tg.no_grad():
            for p in net.parameters:
                p -= rate * p.grad
                p.grad.zero_()
    return sum(loss.item() for loss in losses) / len(labels)


def accuracy(net: Net, images: tg.Tensor, labels: tg.Tensor) -> float:
    """The share of images that are told right."""
    return net.predict(images).eq(labels).to(tg.float32).mean().item()


def train(images: tg.Tensor, labels: tg.Tensor, epochs: int, device: str, test: int = TEST):
    """A trained network and its accuracy on the last `test` images; one table row per epoch."""
    images, labels = images.to(device), labels.to(device)
    seen, unseen = (images[:-test], labels[:-test]), (images[-test:], labels[-test:])
    net = Net(images.shape[1], HIDDEN, 10, device)
    print("epoch    loss   train    test")
    right = 0.0
    bar = track(range(epochs), "training")
    for epoch in bar:
        loss = train_epoch(net, *seen, RATE * DECAY**epoch)
        right = accuracy(net, *unseen)
        bar.print(f"{epoch + 1:5d}  {loss:6.4f}  {accuracy(net, *seen):6.1%}  {right:6.1%}")
    return net, right


def draw_mistakes(net: Net, images: tg.Tensor, labels: tg.Tensor, device: str, file: str) -> None:
    """Draw the test images that the network gets wrong."""
    images, labels = images[-TEST:], labels[-TEST:].tolist()
    predicted = net.predict(images.to(device)).tolist()
    wrong = [k for k in range(TEST) if predicted[k] != labels[k]]
    captions = [f"{predicted[k]}, not {labels[k]}" for k in wrong]
    pictures = [images[k].reshape(8, 8).tolist() for k in wrong]
    image_grid(pictures, captions, file, title=f"{len(wrong)} of {TEST} test digits misread")
    print(f"wrote {file}")


def main(words: list[str] | None = None) -> float:
    """Train as the command line says; the accuracy on the test images."""
    parser = argparse.ArgumentParser(description="Tell handwritten digits apart.")
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--device", default="cuda" if tg.cuda.is_available() else "cpu")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--plot", metavar="FILE", help="draw the misread digits (.svg, .png, ...)")
    args = parser.parse_args(words)

    images, labels = load(args.seed)
    net, right = train(images, labels, args.epochs, args.device)
    print(f"test accuracy {right:.1%}")
    if args.plot:
        draw_mistakes(net, images, labels, args.device, args.plot)
    return right


if __name__ == "__main__":
    main()
