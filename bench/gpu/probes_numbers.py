"""Probes of arithmetic: matrix products against float64, roundings, the bits of the CPU."""

from __future__ import annotations

from typing import Any

import numpy as np

from bench.gpu.probes import Answer, blank, probe, up

U = 2.0**-24  # half a step of float32 at 1
BOUNDS = {"highest": 16 * U, "high": 32 * U, "medium": 2.01 * 2.0**-11}  # of |A||B|


def worst(got: np.ndarray, a: np.ndarray, b: np.ndarray) -> float:
    """The largest error of a product, as a share of |A||B|."""
    wide_a, wide_b = a.astype(np.float64), b.astype(np.float64)
    return float(np.max(np.abs(got - wide_a @ wide_b) / (np.abs(wide_a) @ np.abs(wide_b))))


@probe("Do float32 products keep their bounds on positive data up to K = 16,384?", seconds=90)
def float32_products() -> Answer:
    from tritongrad.cuda import linalg

    rng, seen, good = np.random.default_rng(0), {}, True
    for inner in (64, 1024, 4096, 16384):
        a = rng.uniform(0, 1, (256, inner)).astype("f4")
        b = rng.uniform(0, 1, (inner, 256)).astype("f4")
        for precision, bound in BOUNDS.items():
            error = worst(linalg.mm(up(a), up(b), precision).numpy(), a, b)
            seen[f"{precision}, K = {inner}"] = {"u": round(error / U, 2), "bound": bound / U}
            good = good and error <= bound
    return good, seen


@probe("How accurate is each precision of tl.dot for float32 on positive data?", seconds=90)
def dot_precisions() -> Answer:
    from bench.gpu.probe_kernels import product
    from tritongrad.cuda.launch import launch

    rng, seen = np.random.default_rng(1), {}
    for inner in (64, 1024, 16384):
        a = rng.uniform(0, 1, (64, inner)).astype("f4")
        b = rng.uniform(0, 1, (inner, 64)).astype("f4")
        for precision in ("ieee", "tf32", "tf32x3", "bf16x3", "bf16x6"):
            out = blank((64, 64))
            constants = {"N": 64, "BK": 32, "PRECISION": precision}
            try:
                launch(product, (1,), out, up(a), up(b), inner, **constants)
            except Exception as error:  # a precision that this Triton has not
                seen[precision] = f"{type(error).__name__}: {str(error)[:200]}"
                continue
            seen[f"{precision}, K = {inner}"] = round(worst(out.numpy(), a, b) / U, 2)
    return None, seen


@probe("Are products and sums rounded one by one, and subnormals kept?")
def float32_rules() -> Answer:
    from bench.gpu.probe_kernels import muladd
    from tritongrad.cuda.launch import launch

    rng = np.random.default_rng(2)
    x, y, z = (rng.standard_normal(4096).astype("f4") for _ in range(3))
    x[:64] = np.float32(1e-39) * np.arange(64)
    y[:64], z[:64] = 1, 0
    out = blank(4096)
    launch(muladd, (4,), out, up(x), up(y), up(z), 4096, BLOCK=1024)
    apart = np.array_equal(out.numpy(), x * y + z)
    return apart, {"equal": apart, "subnormals": bool((out.numpy()[1:64] != 0).all())}


@probe("Is float32 rounded to bfloat16 and float16 to nearest even, as on the CPU?")
def rounding_to_half() -> Answer:
    import ml_dtypes

    bits = np.arange(0, 1 << 32, 65521, dtype=np.uint32)
    x = np.concatenate([bits, (bits & 0xFFFF0000) | 0x8000]).view("f4")
    x = x[np.isfinite(x)]
    seen = {}
    with np.errstate(over="ignore"):
        for dtype in (np.dtype(ml_dtypes.bfloat16), np.dtype(np.float16)):
            got = up(x).astype(dtype).numpy().view(np.uint16)
            seen[str(dtype)] = int((got != x.astype(dtype).view(np.uint16)).sum())
    return not any(seen.values()), {"differing": seen, "of": len(x)}


FUNCTIONS = "exp log sin cos tanh sigmoid sqrt rsqrt erf gelu log1p expm1 softplus silu".split()
EXACT = {"add", "sub", "mul", "div", "sqrt", "sum", "cumsum", "relu", "floor"}


@probe("Which operations give the bits of the CPU, and how far are the others?", seconds=90)
def bits_of_the_cpu() -> Answer:
    import tritongrad as tg

    rng = np.random.default_rng(3)
    x = tg.tensor(rng.uniform(0.1, 4, (257, 129)).astype("f4"))
    y = tg.tensor(rng.uniform(0.1, 4, (257, 129)).astype("f4"))
    calls: dict[str, Any] = {n: (lambda t, u, n=n: getattr(t, n)()) for n in ("relu", "floor")}
    for name in FUNCTIONS:
        if hasattr(x, name):
            calls[name] = lambda t, u, name=name: getattr(t, name)()
    for name in ("add", "sub", "mul", "div", "pow"):
        calls[name] = lambda t, u, name=name: getattr(t, name)(u)
    calls["sum"] = lambda t, u: t.sum(-1)
    calls["softmax"] = lambda t, u: t.softmax(-1)
    calls["cumsum"] = lambda t, u: t.cumsum(-1)
    seen = {}
    for name, call in sorted(calls.items()):
        one = call(x, y).numpy()
        two = call(x.to("cuda"), y.to("cuda")).cpu().numpy()
        seen[name] = int(np.max(np.abs(one.view(np.int32).astype(int) - two.view(np.int32))))
    good = all(seen[name] == 0 for name in EXACT - {"sum", "cumsum"} if name in seen)
    return good, {"most steps of float32 apart": seen}


@probe("Do the plans that operations are given on their second call give the bits of the first?")
def plans() -> Answer:
    import tritongrad as tg
    from tritongrad.cuda import forms, quick

    x, y, row = (tg.randn(*shape, device="cuda") for shape in ((67, 129), (67, 129), (129,)))
    calls: dict[str, Any] = {
        "x + y": lambda: x + y,
        "x * 0.1": lambda: x * 0.1,
        "0.1 - x": lambda: 0.1 - x,
        "x + row": lambda: x + row,
        "x ** 3": lambda: x**3,
        "exp": lambda: x.exp(),
        "clamp": lambda: x.clamp(-1, 1),
        "where": lambda: tg.where(x > 0, x, y),
        "sum": lambda: x.sum(),
        "mean of rows": lambda: x.mean(1),
        "mm": lambda: x.mm(y.t()),
        "at an odd address": lambda: x.view(-1)[1:] * y.view(-1)[1:],
        "in bfloat16": lambda: x.to(tg.bfloat16) * 1.1,
        "in place": lambda: x.clone().mul_(y).add_(1.5).sub_(y, alpha=0.5),
        "full": lambda: tg.full((33,), 0.7, device="cuda"),
    }
    wrong = []
    for name, call in calls.items():
        first, *later = [call().to(tg.float32).cpu().numpy().tobytes() for _ in range(4)]
        wrong += [name] if set(later) != {first} else []
    tables = [t for f in forms._forms.values() for t in (f.same, f.number, f.mixed)]
    made = [p for table in tables for p in table.values() if p not in (None, quick.refuse)]
    return not wrong and len(made) >= len(calls), {"wrong": wrong, "plans": len(made)}


@probe("Are random numbers the same bits as on the CPU?")
def random_bits() -> Answer:
    import tritongrad as tg

    wrong = []
    for dtype in (tg.float32, tg.float64, tg.float16, tg.bfloat16):
        for name in ("rand", "randn"):
            both = []
            for device in ("cpu", "cuda"):
                tg.manual_seed(7)
                both.append(getattr(tg, name)(10_007, dtype=dtype, device=device).cpu().numpy())
            if both[0].tobytes() != both[1].tobytes():
                wrong.append(f"{name} {dtype}")
    return not wrong, {"differ": wrong}


@probe("Do sums, products and gradients give the same bits at every run?")
def deterministic() -> Answer:
    import tritongrad as tg

    x = tg.randn(513, 1025, device="cuda", requires_grad=True)
    w = tg.randn(1025, 300, device="cuda", requires_grad=True)

    def once() -> bytes:
        loss = (x.mm(w).softmax(-1) * x.sum()).std()
        grads = tg.autograd.grad(loss, (x, w))
        return b"".join(t.detach().cpu().numpy().tobytes() for t in (loss, *grads))

    first = once()
    same = sum(once() == first for _ in range(10))
    return same == 10, {"equal runs": same}
