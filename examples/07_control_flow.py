"""Step 7 of the series: Python decides at each step how often a layer is applied."""

import tritongrad as tg
from tritongrad import nn, optim


class Deep(nn.Module):
    """Two or three hidden layers; all but the first share their weights."""

    def __init__(self, hidden: int):
        super().__init__()
        self.first, self.last = nn.Linear(1, hidden), nn.Linear(hidden, 1)
        self.again = nn.Linear(hidden, hidden)

    def forward(self, x, times):
        h = tg.tanh(self.first(x))
        for _ in range(times):
            h = tg.tanh(self.again(h))
        return self.last(h)


def main(device: str, points: int = 200, hidden: int = 32, steps: int = 1000) -> float:
    """The loss after training a network whose depth changes from step to step."""
    tg.manual_seed(1)
    x = loss = tg.linspace(-1, 1, points, device=device).reshape(points, 1)
    model = Deep(hidden).to(device)
    optimizer = optim.Adam(model.parameters(), lr=2e-3)
    for step in range(1, steps + 1):
        loss = nn.functional.mse_loss(model(x, tg.randint(1, 3, ())), tg.sin(4 * x))
        if step == 1 or step % 200 == 0:
            print(f"step {step:4d}  loss {loss.item():.6f}")
        model.zero_grad()
        loss.backward()
        optimizer.step()
    return loss.item()


if __name__ == "__main__":
    main("cuda" if tg.cuda.is_available() else "cpu")
