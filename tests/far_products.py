"""Products and convolutions past 2^31 elements, as in far_cases."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from far_arrays import END, F16, I8, LINE, LINES, WIDTH, N, Result, end_of, far, host
from kernel_cases import draw, up

from tritongrad.cuda import conv, index, linalg
from tritongrad.cuda.launch import launch
from tritongrad.kernels import conv as conv_kernels
from tritongrad.kernels import matmul


def products() -> Iterator[Result]:
    tall, b = far((2**26 + 5, 32), F16, draw((1, 32), F16, 10)), draw((32, 4), F16, 11)
    want = end_of(tall, 32).astype(float) @ b.astype(float)
    yield host(linalg.mm(tall, up(b)))[-1], want, 4e-3
    a, b = far((LINES, 8), F16, draw(8, F16, 12)), draw((8, WIDTH), F16, 13)
    want = end_of(a, 8).astype(float) @ b.astype(float)[:, -3:]
    yield host(linalg.mm(a, up(b)))[-1, -3:], want, 4e-3
    many = far((2**21 + 1, 32, 32), F16, draw((32, 32), F16, 14))
    last = host(many)[-1].astype(float)
    yield host(linalg.bmm(many, many))[-1], last @ last, 6e-3


def convolutions() -> Iterator[Result]:
    x, w = far((33, 8, 4096, 2048), F16), draw((1, 8, 1, 1), F16, 17)
    pixels = host(x)[-1, :, -1, -5:]
    pixels[...] = draw((8, 5), F16, 18)
    want = (pixels.astype(float) * w[0, :, :, 0]).sum(0)
    out = conv.conv2d(x, up(w))
    yield host(out)[-1, 0, -1, -5:], want, 4e-3
    got = host(conv.conv2d_grad_input(out, up(w), x.shape))[-1, :, -1, -5:]
    yield got, host(out)[-1, 0, -1, -5:].astype(float) * w[0, :, :, 0], 4e-3
    x, g = far((1, 65537, 128, 256), F16, np.ones(700)), far((1, 1, 128, 256), F16, LINE[:700])
    got = host(conv.conv2d_grad_weight(g, x, (1, 65537, 1, 1)))
    yield got[0, -1, 0, 0], LINE[:700].astype(float).sum(), 1e-3
    parts, total = far((2, N), I8, END), far(N, I8)
    host(parts)[0, -700:] = END[::-1]
    sizes = {"SUM": index.sum_dtype(I8), "BLOCK": 1024}
    launch(conv_kernels.sum_slices, (-(-N // 1024),), total, parts, N, 2, **sizes)
    yield end_of(total), END + END[::-1], 0


def products_by_tma(turned: bool) -> Iterator[Result]:
    """A program a tile, so that only the last tiles are made; the descriptors are Triton's."""
    tile = {"BM": 64, "BN": 16, "BK": 16, "GROUP": 8, "A_IS_T": turned, "B_IS_T": False}
    rows = 2**26 + 8
    a, b = far((32, rows) if turned else (rows, 32), F16), draw((32, 24), F16, 19)
    last = host(a).T[-40:] if turned else host(a)[-40:]
    last[...] = draw((40, 32), F16, 20)
    out, programs = far((rows, 24), F16), 2 * -(-rows // 64)
    steps = (rows if turned else 32, 24)
    launch(matmul.matmul_tma, (programs,), out, a, up(b), rows, 24, 32, *steps, programs, **tile)
    yield host(out)[-8:], last[-8:].astype(float) @ b.astype(float), 4e-3
