"""Step 3 of the series: an operation of our own, with its own gradient, inside the network."""

import tritongrad as tg


class Bump(tg.autograd.Function):
    """exp(-x^2), with derivative -2 x exp(-x^2)."""

    @staticmethod
    def forward(ctx, x):
        result = tg.exp(-x * x)
        ctx.save_for_backward(x, result)
        return result

    @staticmethod
    def backward(ctx, grad):
        x, result = ctx.saved_tensors
        return grad * -2 * x * result


def main(device: str, points: int = 200, hidden: int = 32, steps: int = 1000) -> float:
    """The loss after gradient descent on bump(x w1 + b1) w2."""
    tg.manual_seed(1)
    x = tg.linspace(-1, 1, points, device=device).reshape(points, 1)
    y = tg.sin(4 * x)
    weights = [2 * tg.randn(1, hidden), tg.randn(1, hidden), tg.randn(hidden, 1) / hidden**0.5]
    w1, b1, w2 = weights = [w.to(device).requires_grad_() for w in weights]
    for step in range(1, steps + 1):
        loss = (Bump.apply(x.mm(w1) + b1).mm(w2) - y).pow(2).mean()
        if step == 1 or step % 200 == 0:
            print(f"step {step:4d}  loss {loss.item():.6f}")
        for w, grad in zip(weights, tg.autograd.grad(loss, weights), strict=True):
            w.data -= 0.1 * grad
    return loss.item()


if __name__ == "__main__":
    main("cuda" if tg.cuda.is_available() else "cpu")
