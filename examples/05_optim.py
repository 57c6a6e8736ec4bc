"""Step 5 of the series: the updates by an optimizer, its learning rate by a schedule."""

import tritongrad as tg
from tritongrad import nn, optim


def main(device: str, points: int = 200, hidden: int = 32, steps: int = 1000) -> float:
    """The loss after training by Adam."""
    tg.manual_seed(1)
    x = tg.linspace(-1, 1, points, device=device).reshape(points, 1)
    y = tg.sin(4 * x)
    model = nn.Sequential(nn.Linear(1, hidden), nn.Tanh(), nn.Linear(hidden, 1)).to(device)
    loss_fn = nn.MSELoss()
    optimizer = optim.Adam(model.parameters(), lr=0.02)
    schedule = optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps)

    loss = y
    for step in range(1, steps + 1):
        loss = loss_fn(model(x), y)
        if step == 1 or step % 200 == 0:
            print(f"step {step:4d}  loss {loss.item():.6f}")

        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return loss.item()


if __name__ == "__main__":
    main("cuda" if tg.cuda.is_available() else "cpu")
