"""Step 1 of the series: a network fits a sine wave, its gradient worked out by hand."""

import tritongrad as tg


def main(device: str, points: int = 200, hidden: int = 32, steps: int = 1000) -> float:
    """The loss after gradient descent on tanh(x w1 + b1) w2, without autograd."""
    tg.manual_seed(1)
    x = tg.linspace(-1, 1, points, device=device).reshape(points, 1)
    y = tg.sin(4 * x)
    w1 = 2 * tg.randn(1, hidden, device=device)
    b1 = tg.randn(1, hidden, device=device)
    w2 = tg.randn(hidden, 1, device=device) / hidden**0.5
    rate, loss = 0.1, y

    for step in range(1, steps + 1):
        h = tg.tanh(x.mm(w1) + b1)
        error = h.mm(w2) - y
        loss = error.pow(2).mean()
        if step == 1 or step % 200 == 0:
            print(f"step {step:4d}  loss {loss.item():.6f}")

        # The chain rule, from the loss back to each parameter.
        g_error = 2 * error / points
        g_w2 = h.t().mm(g_error)
        g_h = g_error.mm(w2.t())
        g_sum = g_h * (1 - h * h)  # the derivative of tanh is 1 - tanh^2
        g_w1 = x.t().mm(g_sum)
        g_b1 = g_sum.sum(0, keepdim=True)

        w1 -= rate * g_w1
        b1 -= rate * g_b1
        w2 -= rate * g_w2
    return loss.item()


if __name__ == "__main__":
    main("cuda" if tg.cuda.is_available() else "cpu")
