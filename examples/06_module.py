"""Step 6 of the series: a Module of our own, with a parameter that no layer has."""

import tritongrad as tg
from tritongrad import nn, optim


class Waves(nn.Module):
    """A sum of sine waves of learned heights, frequencies and phases."""

    def __init__(self, waves: int):
        super().__init__()
        self.phases = nn.Linear(1, waves)
        self.heights = nn.Parameter(tg.randn(waves, 1) / waves**0.5)

    def forward(self, x):
        return tg.sin(self.phases(x)) @ self.heights


def main(device: str, points: int = 200, hidden: int = 32, steps: int = 1000) -> float:
    """The loss after training by SGD with momentum."""
    tg.manual_seed(1)
    x = tg.linspace(-1, 1, points, device=device).reshape(points, 1)
    y = tg.sin(4 * x)
    model = Waves(hidden).to(device)
    optimizer = optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
    loss = y
    for step in range(1, steps + 1):
        loss = nn.functional.mse_loss(model(x), y)
        if step == 1 or step % 200 == 0:
            print(f"step {step:4d}  loss {loss.item():.6f}")
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return loss.item()


if __name__ == "__main__":
    main("cuda" if tg.cuda.is_available() else "cpu")
