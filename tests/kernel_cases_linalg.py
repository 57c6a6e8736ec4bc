"""Runs of the kernels for products, indices, random numbers and windows, as in kernel_cases."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
from kernel_cases import BOOL, FLOATS, RTOL, WHOLE, Case, Result, draw, up, wide

from tritongrad.cpu import conv as host_conv
from tritongrad.cpu import pooling as host_pooling
from tritongrad.cpu import random as host_random
from tritongrad.cuda import conv, index, linalg, random, shape

F32 = FLOATS[0]
PRECISIONS = {"highest": 1e-6, "high": 2e-6, "medium": 2e-3}


def matmul_case(dtype: np.dtype, precision: str) -> Iterator[Result]:
    """Ragged, aligned, transposed, batched, without inner size."""
    rtol = PRECISIONS[precision] if dtype == F32 else 4 * RTOL.get(dtype, 0)
    for rows, inner, cols in ((5, 7, 3), (64, 32, 64), (70, 130, 33), (1, 300, 1), (3, 0, 4)):
        a, b = draw((rows, inner), dtype, 0, 0, 3), draw((inner, cols), dtype, 1, 0, 3)
        want = wide(a) @ wide(b)
        yield linalg.mm(up(a), up(b), precision), want, rtol * max(want.max(initial=0), 1)
        yield linalg.mm(up(b).T, up(a).T, precision), want.T, rtol * max(want.max(initial=0), 1)
    a, b = draw((3, 1, 5, 7), dtype, 0, 0, 3), draw((2, 7, 4), dtype, 1, 0, 3)
    yield linalg.matmul(up(a), up(b), precision), wide(a) @ wide(b), rtol * 70
    for size in ((5, 7), (2, 3, 7), (4, 0)):
        x, w = draw(size, dtype, 0, 0, 3), draw((6, size[-1]), dtype, 1, 0, 3)
        row = draw((12,), dtype, 2, 0, 3)[::2]
        want = wide(x) @ wide(w).T + wide(row)
        yield linalg.linear(up(x), up(w), up(row), precision), want, 2 * rtol * max(want.max(), 1)
    if dtype.kind not in "iu" and dtype != np.float64:  # there are larger tiles for larger results
        large = draw((1280, 16), dtype, 2, 0, 1)
        want = wide(large) @ wide(large.T)
        yield linalg.mm(up(large), up(large).T, precision), want, rtol * 16


def index_case(dtype: np.dtype) -> Iterator[Result]:
    x, at = draw((4, 5, 6), dtype), np.array([3, 0, -1, 3])
    for key in ((at,), (slice(None), at), (at, slice(None), at), (slice(None), slice(None), at)):
        yield index.getitem(up(x), tuple(up(k) if k is at else k for k in key)), x[key], 0
        want = x.copy()
        want[key] = draw(want[key].shape, dtype, 1)
        yield index.index_put(up(x), key, up(draw(want[key].shape, dtype, 1))), want, 0
    for dim in range(3):
        along = np.abs(draw((4, 5, 6), WHOLE[0], dim)) % 4
        yield index.gather(up(x), dim, up(along)), np.take_along_axis(x, along, dim), 0
        grid = list(np.indices(x.shape))
        grid[dim] = along
        written = x.copy()
        np.put_along_axis(written, along, x[:1, :1, :1], dim)
        yield index.scatter(up(x), dim, up(along), x[0, 0, 0].item()), written, 0
        if dtype != BOOL:
            added = wide(x).copy()
            np.add.at(added, tuple(grid), wide(x))
            yield index.scatter_add(up(x), dim, up(along), up(x)), added, 8 * RTOL.get(dtype, 0)
            added = wide(x).copy()
            np.add.at(added, (*(slice(None),) * dim, at), wide(np.take(x, range(4), dim)))
            got = index.index_add(up(x), dim, up(at), up(np.take(x, range(4), dim)))
            yield got, added, 4 * RTOL.get(dtype, 0)
    mask = draw((5, 1), BOOL)
    yield index.masked_fill(up(x), up(mask), 1), np.where(mask, np.ones((), dtype), x), 0
    yield index.masked_select(up(x), up(mask)), x[np.broadcast_to(mask, x.shape)], 0
    yield index.tril(up(x), 1), np.tril(x, 1), 0
    yield index.triu(up(x), -1), np.triu(x, -1), 0
    yield shape.cat([up(x), up(x)[:, ::-1]], 1), np.concatenate([x, x[:, ::-1]], 1), 0


def more_indices() -> Iterator[Result]:
    at = np.array([[1, 0], [2, 1]])
    yield index.one_hot(up(at), 4), np.eye(4, dtype=int)[at], 0
    weight, g = draw((3, 300), F32), draw((2, 2, 300), F32, 1)
    yield index.embedding(up(weight), up(at)), weight[at], 0
    want = np.zeros((3, 300))
    np.add.at(want, at, g)
    yield index.embedding_backward(up(g), up(at), 3), want, 1e-6
    flat, source = np.abs(draw(1100, WHOLE[0])), draw(1100, F32)
    want = np.zeros(5)
    np.add.at(want, flat, source)
    yield index.scatter_add(up(np.zeros(5, F32)), 0, up(flat), up(source)), want, 1e-3


def random_case(dtype: np.dtype) -> Iterator[Result]:
    device = up(np.zeros(1)).device
    for n in (1, 5, 1024, 70_001):
        for kind in ("uniform", "normal"):
            got = getattr(random, kind)((n,), dtype, 5, 9, device)
            yield got, getattr(host_random, kind)((n,), dtype, 5, 9), 0


def random_integers() -> Iterator[Result]:
    device = up(np.zeros(1)).device
    for dtype in WHOLE:
        got = random.randint(0, 100, (77,), dtype, 5, 9, device)
        yield got, host_random.randint(0, 100, (77,), dtype, 5, 9), 0
    got = random.bernoulli_mask(0.3, (77,), 5, 9, device)
    yield got, host_random.bernoulli_mask(0.3, (77,), 5, 9), 0


def conv_case(dtype: np.dtype, precision: str) -> Iterator[Result]:
    rtol = 60 * (PRECISIONS[precision] if dtype == F32 else RTOL.get(dtype, 0))
    for steps in ((1, 1, 1, 1), ((2, 1), (0, 2), (1, 2), 2)):
        x, w = draw((2, 4, 7, 8), dtype), draw((6, 4 // steps[3], 3, 2), dtype, 1)
        want = host_conv.conv2d(wide(x), wide(w), *steps)
        g = draw(want.shape, dtype, 2)
        yield conv.conv2d(up(x), up(w), *steps, precision), want, rtol
        want = host_conv.conv2d_grad_input(wide(g), wide(w), x.shape, *steps)
        yield conv.conv2d_grad_input(up(g), up(w), x.shape, *steps, precision), want, rtol
        want = host_conv.conv2d_grad_weight(wide(g), wide(x), w.shape, *steps)
        got = conv.conv2d_grad_weight(up(g), up(x), w.shape, *steps, precision)
        yield got, want, rtol
    x, g = draw((1, 1, 70, 70), dtype), draw((1, 1, 70, 70), dtype, 1)
    want = host_conv.conv2d_grad_weight(wide(g), wide(x), (1, 1, 1, 1))
    yield conv.conv2d_grad_weight(up(g), up(x), (1, 1, 1, 1), precision=precision), want, rtol * 9


def pool_case(dtype: np.dtype) -> Iterator[Result]:
    x = draw((2, 3, 8, 7), dtype)
    for pool in ((2, None, 0), (3, 2, 1), ((2, 3), 1, (1, 0))):
        out, at = host_pooling.max_pool2d_with_indices(wide(x), *pool)
        got = conv.max_pool2d(up(x), *pool)
        yield from ((got[0], out, 0), (got[1], at, 0))
        g = draw(out.shape, dtype, 1)
        tap = host_pooling.max_pool2d_choice(wide(x), *pool)[1]
        want = host_pooling.max_pool2d_backward(wide(g), x.shape, *pool, at=tap)
        got = conv.max_pool2d_backward(up(g), up(at), x.shape, *pool)
        yield got, want, 8 * RTOL.get(dtype, 0)
        if dtype.kind not in "iu":
            want = host_pooling.avg_pool2d(wide(x), *pool)
            yield conv.avg_pool2d(up(x), *pool), want, 8 * RTOL[dtype]
            want = host_pooling.avg_pool2d_backward(wide(g), x.shape, *pool)
            yield conv.avg_pool2d_backward(up(g), x.shape, *pool), want, 8 * RTOL[dtype]


def every_case() -> Iterator[Case]:
    for dtype in (*FLOATS, *WHOLE[:3]):
        for precision in PRECISIONS if dtype == F32 else ("highest",):
            yield Case(f"matmul-{dtype}-{precision}", partial(matmul_case, dtype, precision))
            yield Case(f"conv-{dtype}-{precision}", partial(conv_case, dtype, precision))
    for dtype in (*FLOATS, *WHOLE, BOOL):
        yield Case(f"index-{dtype}", partial(index_case, dtype))
    yield Case("index-more", more_indices)
    for dtype in FLOATS:
        yield Case(f"random-{dtype}", partial(random_case, dtype))
    yield Case("random-integers", random_integers)
    for dtype in (*FLOATS, WHOLE[0]):
        yield Case(f"pool-{dtype}", partial(pool_case, dtype))


CASES = list(every_case())
