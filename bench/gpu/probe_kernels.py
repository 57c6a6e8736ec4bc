"""Kernels of the probes: one parameter of every kind, every precision of dot, faults on purpose."""

import triton
import triton.language as tl


@triton.jit
def mixed(out, x, n, far, scale, flag, half, offset, BLOCK: tl.constexpr):
    """out = scale x + half + far, or 0 without flag: int64, float, bool and pointers in turn."""
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    value = tl.load(x + i + offset, i < n) * scale + tl.load(half + i, i < n).to(tl.float32)
    value += (far // 1073741824).to(tl.float32)
    tl.store(out + i, tl.where(flag, value, 0.0), i < n)


@triton.jit
def plus_one(out, x, n, BLOCK: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    tl.store(out + i, tl.load(x + i, i < n) + 1, i < n)


@triton.jit
def muladd(out, x, y, z, n, BLOCK: tl.constexpr):
    """x y + z, in two roundings unless it is contracted."""
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    product = tl.load(x + i, i < n) * tl.load(y + i, i < n)
    tl.store(out + i, product + tl.load(z + i, i < n), i < n)


@triton.jit
def product(out, a, b, inner, N: tl.constexpr, BK: tl.constexpr, PRECISION: tl.constexpr):
    """out = a @ b for a N x inner, b inner x N, of float32, one program; inner % BK == 0."""
    rows, ks = tl.arange(0, N), tl.arange(0, BK)
    total = tl.zeros([N, N], tl.float32)
    for k in range(0, inner, BK):
        x = tl.load(a + rows[:, None] * inner + (k + ks)[None, :])
        y = tl.load(b + (k + ks)[:, None] * N + rows[None, :])
        total = tl.dot(x, y, total, input_precision=PRECISION)
    tl.store(out + rows[:, None] * N + rows[None, :], total)


@triton.jit
def spin(out, loops, BLOCK: tl.constexpr):
    """Keeps one processor busy for a while."""
    value = tl.zeros([BLOCK], tl.float32)
    for k in range(0, loops):
        value = value * 0.5 + k
    tl.store(out + tl.arange(0, BLOCK), value)


@triton.jit
def far_away(out, distance, BLOCK: tl.constexpr):
    """A store far outside its argument: an illegal address."""
    tl.store(out + distance + tl.arange(0, BLOCK), 1.0)


@triton.autotune(
    configs=[triton.Config({"BLOCK": 256}), triton.Config({"BLOCK": 2048}, num_warps=8)], key=["n"]
)
@triton.jit
def tuned(out, x, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(out + i, tl.load(x + i, i < n) * 2, i < n)
