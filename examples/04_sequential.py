"""Step 4 of the series: the network and its loss from `nn`, the updates still by hand."""

import tritongrad as tg
from tritongrad import nn


def main(device: str, points: int = 200, hidden: int = 32, steps: int = 1000) -> float:
    """The loss after gradient descent on a Sequential of two Linear layers."""
    tg.manual_seed(1)
    x = tg.linspace(-1, 1, points, device=device).reshape(points, 1)
    y = tg.sin(4 * x)
    model = nn.Sequential(nn.Linear(1, hidden), nn.Tanh(), nn.Linear(hidden, 1)).to(device)
    loss_fn = nn.MSELoss()
    nn.init.normal_(model[0].weight, std=2)  # as in the steps before

    loss = y
    for step in range(1, steps + 1):
        loss = loss_fn(model(x), y)
        if step == 1 or step % 200 == 0:
            print(f"step {step:4d}  loss {loss.item():.6f}")

        model.zero_grad()
        loss.backward()
        with tg.no_grad():
            for parameter in model.parameters():
                parameter -= 0.1 * parameter.grad
    return loss.item()


if __name__ == "__main__":
    main("cuda" if tg.cuda.is_available() else "cpu")
