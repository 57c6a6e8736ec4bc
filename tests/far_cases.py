"""Kernels past 2^31 elements: each case yields (what was computed at the end, NumPy's, rtol)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import far_products
import numpy as np
from far_arrays import (
    COLS,
    END,
    F16,
    FAR,
    I8,
    I64,
    LINE,
    LINES,
    ROWS,
    WIDTH,
    N,
    Result,
    end_of,
    far,
    host,
)
from kernel_cases import draw, up

from tritongrad.cpu import random as host_random
from tritongrad.cuda import (
    conv,
    copy,
    index,
    inplace,
    nn,
    optim,
    random,
    reduce,
    scan,
    shape,
)
from tritongrad.cuda import elementwise as maps


def corner() -> Any:
    """A matrix with numbers in its last corner."""
    x = far((ROWS, COLS), I8)
    host(x)[-64:, -64:] = draw((64, 64), I8, 3, -9, 9)
    return x


def elementwise_contiguous() -> Iterator[Result]:
    x = far(N, I8, END)
    yield end_of(maps.elementwise("neg", x)), -END, 0
    yield end_of(maps.elementwise("add", x, x)), END * 2, 0
    yield end_of(maps.elementwise("lt", x, 5)), END < 5, 0


def elementwise_strided() -> Iterator[Result]:
    x = corner()
    got = host(maps.elementwise("add", x.T, x.T))
    yield got[-3:, -33:], host(x).T[-3:, -33:] * 2, 0
    got = host(maps.elementwise("neg", x[::-1, ::-1]))
    yield got[-1:, -33:], np.zeros((1, 33), np.int8), 0
    host(x)[:3, :64] = 7
    got = host(maps.elementwise("neg", x[::-1, ::-1]))
    yield got[-1:, -33:], np.full((1, 33), -7, np.int8), 0
    got = host(maps.elementwise("mul", x, up(np.arange(COLS).astype(I8))))  # broadcast
    yield got[-1, -33:], host(x)[-1, -33:] * np.arange(COLS).astype(I8)[-33:], 0


def in_place() -> Iterator[Result]:
    x, y = far(N, I8, END), far(N, I8, END[::-1])
    inplace.scaled("sub_scaled", x, y, 2)
    yield end_of(x), END - 2 * END[::-1], 0
    inplace.fill(x, 5)
    yield end_of(x), np.full(700, 5), 0
    yield end_of(inplace.full((N,), np.array(3, I8), x.device)), np.full(700, 3), 0
    z = corner()
    want = host(z).T[-33:, -1:] * 3
    inplace.scaled("add_scaled", z.T, z.T, 2)
    yield host(z).T[-33:, -1:], want, 0


def reductions_of_all() -> Iterator[Result]:
    x = far(N, I8, END)
    yield host(reduce.sum(x, None)), END.astype(int).sum(), 0
    yield host(reduce.amax(x, None)), END.max(), 0
    yield host(reduce.argmax(x, None)), N - 700 + END.argmax(), 0
    yield host(reduce.argmin(x, None)), N - 700 + END.argmin(), 0
    ones = far(N, F16, np.ones(700))
    yield host(reduce.mean(ones, None)), 700 / N, 1e-3


def reductions_of_rows_and_columns() -> Iterator[Result]:
    x = far((ROWS, COLS), I8, END)
    yield host(reduce.sum(x, (1,)))[-1], END.astype(int).sum(), 0
    yield host(reduce.argmax(x, 1))[-1], COLS - 700 + END.argmax(), 0
    y = corner()
    columns = host(y)[-64:, -3:].astype(int)
    yield host(reduce.sum(y, (0,)))[-3:], columns.sum(0), 0
    yield host(reduce.amin(y, (0,)))[-3:], np.minimum(columns.min(0), 0), 0
    yield host(reduce.argmax(y, 0))[-3:], ROWS - 64 + columns.argmax(0), 0


def scans() -> Iterator[Result]:
    yield end_of(scan.cumsum(far(N, I8, END), 0)), np.cumsum(END.astype(int)), 0
    y = corner()
    want = np.cumsum(host(y)[-64:, -3:].astype(int), 0)
    yield host(scan.cumsum(y, 0))[-1:, -3:], want[-1:], 0


def softmaxes() -> Iterator[Result]:
    wide = LINE.astype(float)
    p = np.exp(wide) / np.exp(wide).sum()
    x, g = far((LINES, WIDTH), F16, LINE), far((LINES, WIDTH), F16, LINE[::-1])
    y = nn.softmax(x, 1)
    yield host(y)[-1], p, 1e-3
    r, w = host(y)[-1].astype(float), LINE[::-1].astype(float)
    yield host(nn.softmax_backward(g, y, 1))[-1], r * (w - (r * w).sum()), 1e-3
    z = nn.log_softmax(x, 1)
    yield host(z)[-1], np.log(p), 1e-3
    x = far((3, 2**30), F16)
    host(x)[:, -32:] = draw((3, 32), F16, 4)
    e = np.exp(host(x)[:, -32:].astype(float))
    yield host(nn.softmax(x, 0))[:, -32:], e / e.sum(0), 1e-3


def layer_norms() -> Iterator[Result]:
    x, g = far((LINES, WIDTH), F16, LINE), far((LINES, WIDTH), F16, LINE[::-1])
    weight, w = up(draw(WIDTH, F16, 5)), LINE.astype(float)
    out, means, scales = nn.layer_norm(x, 1, weight, None, 1e-5)
    scale = 1 / np.sqrt(w.var() + 1e-5)
    y, h = (w - w.mean()) * scale, LINE[::-1] * weight.numpy().astype(float)
    yield host(out)[-1], y * weight.numpy().astype(float), 4e-3
    back = nn.layer_norm_backward(g, x, means, scales, weight, 1)
    by_weight = nn.layer_norm_weight_backward(g, x, means, scales, 1)
    yield host(back)[-1], (h - h.mean() - y * (h * y).mean()) * scale, 4e-3
    yield host(by_weight)[-1:], (LINE[::-1] * y)[-1:], 4e-3


def cross_entropies() -> Iterator[Result]:
    x, target = far((LINES, WIDTH), F16, LINE), far(LINES, I64, [2000])
    w = LINE.astype(float)
    spread = np.log(np.exp(w).sum())
    losses, _, logs = nn.cross_entropy(x, target, None, -100, 0.0)
    yield host(losses)[-1], spread - w[2000], 1e-3
    ones = far(LINES, F16, [1])
    got = nn.cross_entropy_backward(ones, x, logs, target, None, -100, 0.0)
    yield host(got)[-1], np.exp(w - spread) - np.eye(WIDTH)[2000], 1e-3


def gathers() -> Iterator[Result]:
    few, places = draw(5, I8, 6), np.abs(END).astype(I64) % 5
    yield end_of(index.gather(up(few), 0, far(N, I64, places))), few[places], 0
    x, at = far(N, I8, END), np.array([N - 1, N - 700, 0, FAR + 301])
    want = END[[699, 0, 0, 1]] * (at > 0)
    yield host(index.gather(x, 0, up(at))), want, 0
    yield host(index.getitem(x, (up(at),))), want, 0
    weight = far((LINES, WIDTH), I8, END)
    got = host(index.embedding(weight, up(np.array([0, LINES - 1]))))
    yield got[:, -700:], [np.zeros(700), END], 0
    rows = draw((3, WIDTH), I8, 7)
    yield host(index.embedding(up(rows), far(LINES, I64, [1, 2])))[-1, -257:], rows[2, -257:], 0


def scatters() -> Iterator[Result]:
    at = np.array([N - 1, N - 700, FAR + 301])
    want = END.copy()
    want[[699, 0, 1]] = 1, 2, 3
    got = index.scatter(far(N, I8, END), 0, up(at), up(np.array([1, 2, 3], I8)))
    yield end_of(got), want, 0
    got = index.index_put(far(N, I8, END), (up(at),), up(np.array([1, 2, 3], I8)), True)
    want = END.copy()
    want[[699, 0, 1]] += np.array([1, 2, 3], I8)
    yield end_of(got), want, 0
    places = np.full((3, 1), 2**30 - 5)
    got = host(index.scatter_add(far((3, 2**30), I8), 1, up(places), up(np.ones((3, 1), I8))))
    yield got[:, -9:], np.tile(np.arange(9) == 4, (3, 1)), 0


def masks() -> Iterator[Result]:
    x, mask = far(N, I8, END), far(N, bool, END > 3)
    yield end_of(index.masked_fill(x, mask, 9)), np.where(END > 3, 9, END), 0
    ones = far((ROWS, COLS), I8, np.ones(700))
    diagonal = COLS - 300 - (ROWS - 1)
    yield end_of(index.tril(ones, diagonal)), np.arange(700) <= 400, 0
    yield end_of(index.triu(ones, diagonal)), np.arange(700) >= 400, 0
    yield host(index.one_hot(far(LINES, I64, [2000]), WIDTH))[-1], np.eye(WIDTH)[2000], 0


def joins_and_copies() -> Iterator[Result]:
    x = far(N, I8, END)
    yield end_of(shape.cat([x, up(END[:9])])), np.concatenate([END[9:], END[:9]]), 0
    yield end_of(x.copy()), END, 0
    yield end_of(x.astype(np.dtype(np.int16))), END, 0
    y = corner()
    yield host(y.T.copy())[-33:, -1:], host(y).T[-33:, -1:], 0
    host(y)[-1, -700:] = END
    yield host(y[:, 5:].copy())[-1, -300:], END[-300:], 0
    yield host(y[:, 1::2].copy())[-1, -300:], host(y)[-1, 1::2][-300:], 0
    z = far((2, 3, 2, 3, 2, 29826162), I8, END).transpose((4, 2, 0, 3, 1, 5))
    yield end_of(z.copy(), 500), END[-500:], 0
    yield end_of(copy.fill(x, 4)), np.full(700, 4), 0


def draws() -> Iterator[Result]:
    device = up(np.zeros(1)).device
    start = (N - 700) // 4 * 4
    shape, rest = (N,), (N - start,)
    for dtype, lanes in ((F16, 4), (np.dtype(np.float64), 2)):
        for name in ("uniform", "normal"):
            got = getattr(random, name)(shape, dtype, 5, 9, device)
            want = getattr(host_random, name)(rest, dtype, 5, 9 + start // lanes)
            yield end_of(got, N - start), want, 0
    got = random.randint(0, 100, shape, I8, 5, 9, device)
    yield end_of(got, N - start), host_random.randint(0, 100, rest, I8, 5, 9 + start // 2), 0
    got = random.bernoulli_mask(0.3, shape, 5, 9, device)
    yield end_of(got, N - start), host_random.bernoulli_mask(0.3, rest, 5, 9 + start // 4), 0


def optimizer_steps(others: int) -> Iterator[Result]:
    """One parameter, or the last of several, which share a launch."""
    w, g = draw(700, F16, 8), draw(700, F16, 9)
    before: list = [far(N, F16), up(np.ones(3, F16))][:others]
    params = [[*before, far(N, F16, v)] for v in (w, g)]
    optim.sgd_step(*params, [None] * (others + 1), lr=0.5)
    yield end_of(params[0][-1]), w.astype(float) - 0.5 * g, 1e-3
    params = [[*before, far(N, F16, v)] for v in (w, g, 0, 0)]
    args = {"lr": 0.01, "beta1": 0.9, "beta2": 0.99, "eps": 1e-8}
    optim.adam_step(*params, [None] * (others + 1), 1, **args)
    yield end_of(params[0][-1]), w - 0.01 * np.sign(g.astype(float)), 2e-3


def pools() -> Iterator[Result]:
    x = far((ROWS, 1, 256, 257), F16)
    host(x)[-1, 0, -2:] = draw((2, 257), F16, 15)
    windows = host(x)[-1, 0, -2:, :256].reshape(2, 128, 2).astype(float)
    out, at = conv.max_pool2d(x, 2)
    yield host(out)[-1, 0, -1], windows.max((0, 2)), 0
    yield host(conv.avg_pool2d(x, 2))[-1, 0, -1], windows.mean((0, 2)), 1e-3
    g = draw(128, F16, 16)
    host(out)[-1, 0, -1] = g
    back = host(conv.max_pool2d_backward(out, at, x.shape, 2))[-1, 0, -2:].astype(float)
    yield back[:, :256].reshape(2, 128, 2).sum((0, 2)), g, 0
    back = host(conv.avg_pool2d_backward(out, x.shape, 2))[-1, 0, -2:, :256]
    yield back, np.tile(np.repeat(g / 4, 2), (2, 1)), 1e-3


CASES: dict[str, Callable[[], Iterator[Result]]] = {
    f.__name__: f
    for f in (
        *(elementwise_contiguous, elementwise_strided, in_place, reductions_of_all, scans),
        *(reductions_of_rows_and_columns, softmaxes, layer_norms, cross_entropies, gathers),
        *(
            scatters,
            masks,
            joins_and_copies,
            draws,
            pools,
            far_products.products,
            far_products.convolutions,
        ),
    )
}
CASES["products_by_tma"] = lambda: far_products.products_by_tma(False)
CASES["products_by_tma_turned"] = lambda: far_products.products_by_tma(True)
CASES["a_step_of_one"] = lambda: optimizer_steps(0)
CASES["a_step_of_many"] = lambda: optimizer_steps(2)
