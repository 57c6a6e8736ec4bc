"""Step 2 of the series: the same network as step 1, the gradient by autograd."""

import tritongrad as tg


def main(device: str, points: int = 200, hidden: int = 32, steps: int = 1000) -> float:
    """The loss after gradient descent on tanh(x w1 + b1) w2."""
    tg.manual_seed(1)
    x = tg.linspace(-1, 1, points, device=device).reshape(points, 1)
    y = tg.sin(4 * x)
    w1 = (2 * tg.randn(1, hidden, device=device)).requires_grad_()
    b1 = tg.randn(1, hidden, device=device, requires_grad=True)
    w2 = (tg.randn(hidden, 1, device=device) / hidden**0.5).requires_grad_()
    rate, loss = 0.1, y

    for step in range(1, steps + 1):
        y_pred = tg.tanh(x.mm(w1) + b1).mm(w2)
        loss = (y_pred - y).pow(2).mean()
        if step == 1 or step % 200 == 0:
            print(f"step {step:4d}  loss {loss.item():.6f}")

        loss.backward()  # adds to w1.grad, b1.grad and w2.grad

        with tg.no_grad():  # an update is no part of the function
            for w in (w1, b1, w2):
                w -= rate * w.grad
                w.grad = None
    return loss.item()


if __name__ == "__main__":
    main("cuda" if tg.cuda.is_available() else "cpu")
