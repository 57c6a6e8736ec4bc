"""Kernels for the tests of the launch path: many types, scratch memory, a helper, autotuning."""

import triton
import triton.language as tl


@triton.jit
def double(x):
    return x + x


@triton.jit
def triple(x):
    return x + x + x


@triton.jit
def mixed(out, x, n, stride, scale, flag, offset, half, BLOCK: tl.constexpr):
    """Pointers, 32- and 64-bit integers, a float and a bool, in an order that needs padding"""
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    value = tl.load(x + i * stride + offset, i < n) * scale + tl.load(half + i, i < n)
    tl.store(out + i, tl.where(flag, value, 0.0), i < n)


@triton.jit
def mapped(out, x, n, FUNCTION: tl.constexpr, BLOCK: tl.constexpr):
    """out = FUNCTION(x)"""
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(out + i, FUNCTION(tl.load(x + i, i < n)), i < n)


@triton.jit
def tiled(out, x, n, BLOCK: tl.constexpr):
    """A tile through a tensor descriptor, which needs global scratch on Hopper"""
    rows = tl.make_tensor_descriptor(x, [n, n], [n, 1], [BLOCK, BLOCK])
    tile = rows.load([tl.program_id(0) * BLOCK, 0])
    i = tl.arange(0, BLOCK)
    tl.store(out + i[:, None] * BLOCK + i[None, :], tile)


@triton.jit
def doubled_rows(x, out, factor, BLOCK: tl.constexpr):
    """Through tensor descriptors that are arguments"""
    at = [tl.program_id(0) * BLOCK, 0]
    out.store(at, factor * x.load(at))


@triton.jit
def product(out, a, b, BLOCK: tl.constexpr):
    """One square tile of a product; more than 48 KiB of shared memory at 128"""
    i = tl.arange(0, BLOCK)
    at = i[:, None] * BLOCK + i[None, :]
    total = tl.zeros([BLOCK, BLOCK], tl.float32)
    for _ in range(4):
        total = tl.dot(tl.load(a + at), tl.load(b + at), total)
    tl.store(out + at, total)


@triton.jit
def scaled(out, x, scale: tl.float64, n, BLOCK: tl.constexpr):
    """A parameter whose type is annotated"""
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(out + i, tl.load(x + i, i < n) * scale, i < n)


@triton.autotune(
    configs=[triton.Config({"BLOCK": 64}, num_warps=2), triton.Config({"BLOCK": 128})],
    key=["n"],
    reset_to_zero=["out"],
)
@triton.jit
def tuned(out, x, y, a, n, BLOCK: tl.constexpr):
    """out = a x + y"""
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(out + i, a * tl.load(x + i, i < n) + tl.load(y + i, i < n), i < n)
