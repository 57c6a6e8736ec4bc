"""A kernel of one's own: bias and squared ReLU in one pass, differentiable, checked, trained with.

python examples/custom_kernel.py

On `interpret`, the device for debugging, a kernel is plain Python: print() and breakpoint() work
inside, and an access outside an argument is an error that names it.
"""

import triton
import triton.language as tl

import tritongrad as tg
from tritongrad.autograd.function import once_differentiable


@triton.jit
def bias_squared_relu(x, bias, y, n, columns, BLOCK: tl.constexpr):
    """y = max(x + bias, 0)^2, for contiguous x of n elements in rows of so many columns."""
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = i < n
    total = tl.load(x + i, inside, other=0) + tl.load(bias + i % columns, inside, other=0)
    positive = tl.maximum(total, 0)
    tl.store(y + i, positive * positive, inside)


# On a GPU each configuration is timed once per value of n; on interpret the first one is taken.
@triton.autotune(
    configs=[triton.Config({"BLOCK": 1024}, num_warps=4), triton.Config({"BLOCK": 512})],
    key=["n"],
)
@triton.jit
def bias_squared_relu_backward(grad, x, bias, grad_x, n, columns, BLOCK: tl.constexpr):
    """grad_x = grad times the derivative, 2 max(x + bias, 0)."""
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = i < n
    total = tl.load(x + i, inside, other=0) + tl.load(bias + i % columns, inside, other=0)
    slope = 2 * tl.maximum(total, 0)
    tl.store(grad_x + i, tl.load(grad + i, inside, other=0) * slope, inside)


class BiasSquaredReLU(tg.autograd.Function):
    """The two kernels as one differentiable operation."""

    @staticmethod
    def forward(ctx, x, bias):
        x, bias = x.contiguous(), bias.contiguous()
        ctx.save_for_backward(x, bias)
        y = tg.empty_like(x)
        n = x.numel()
        grid = (triton.cdiv(n, 1024),)
        bias_squared_relu[grid](x, bias, y, n, x.shape[-1], BLOCK=1024)  # type: ignore[index]
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx, grad):
        x, bias = ctx.saved_tensors
        grad_x = tg.empty_like(x)
        n = x.numel()
        tuned = bias_squared_relu_backward[lambda meta: (triton.cdiv(n, meta["BLOCK"]),)]
        tuned(grad.contiguous(), x, bias, grad_x, n, x.shape[-1])
        return grad_x, grad_x.reshape(-1, x.shape[-1]).sum(0)


def check(rows: int = 3, columns: int = 5) -> bool:
    """Whether backward agrees with differences of forward; raises and says where if not."""
    float64 = {"dtype": tg.float64, "device": "interpret", "requires_grad": True}
    return tg.autograd.gradcheck(
        BiasSquaredReLU.apply, (tg.randn(rows, columns, **float64), tg.randn(columns, **float64))
    )


def train(device: str, points: int = 64, hidden: int = 16, steps: int = 100) -> float:
    """The last loss of a network with the kernel as its activation, fitted to x -> |x|."""
    x = tg.linspace(-1, 1, points, device=device).reshape(points, 1)
    y = x.abs()
    w1 = tg.randn(1, hidden, device=device, requires_grad=True)
    b1 = tg.zeros(hidden, device=device, requires_grad=True)
    w2 = (tg.randn(hidden, 1, device=device) / hidden**0.5).requires_grad_()
    loss = y
    for step in range(1, steps + 1):
        loss = (BiasSquaredReLU.apply(x.mm(w1), b1).mm(w2) - y).pow(2).mean()
        loss.backward()
        with tg.no_grad():
            for w in (w1, b1, w2):
                w -= 0.1 * w.grad
                w.grad = None
        if step == 1 or step % 25 == 0:
            print(f"step {step:4d}  loss {loss.item():.6f}")
    return loss.item()


if __name__ == "__main__":
    tg.manual_seed(0)
    print("gradcheck on interpret:", check())
    if tg.cuda.is_available():
        train("cuda")
    else:
        train("interpret", points=32, hidden=8)
