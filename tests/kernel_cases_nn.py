"""Runs of the kernels for softmax, layer norm, cross-entropy and optimizers, as in kernel_cases."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial

import numpy as np
from kernel_cases import FLOATS, RTOL, Case, Result, draw, up, wide

from tritongrad.cuda import nn, optim


def rows(dtype: np.dtype) -> Iterator[Result]:
    """Softmax and layer norm with their gradients, in rows that fit a tile and that do not."""
    tol = 10 * RTOL[dtype]
    for shape, dim in (((5, 7), 1), ((5, 7), 0), ((2, 4100), 1), ((300, 3), 0), ((2, 3, 4), 1)):
        x, g = draw(shape, dtype), draw(shape, dtype, 1)
        p = np.exp(wide(x)) / np.exp(wide(x)).sum(dim, keepdims=True)
        y, z = nn.softmax(up(x), dim), nn.log_softmax(up(x), dim)
        yield y, p, tol
        yield z, np.log(p), tol
        r, s, w = wide(y.numpy()), wide(z.numpy()), wide(g)
        inner = (w * r).sum(dim, keepdims=True)
        yield nn.softmax_backward(up(g), y, dim), r * (w - inner), tol
        want = w - np.exp(s) * w.sum(dim, keepdims=True)
        yield nn.log_softmax_backward(up(g), z, dim), want, tol * 30


def layer_norms(dtype: np.dtype) -> Iterator[Result]:
    tol = 20 * RTOL[dtype]
    for shape in ((5, 7), (70, 130), (2, 4100)):
        x, g = draw(shape, dtype), draw(shape, dtype, 1)
        weight, bias = draw(shape[1], dtype, 2), draw(shape[1], dtype, 3)
        w = wide(x)
        scale = 1 / np.sqrt(w.var(1, keepdims=True) + 1e-5)
        y = (w - w.mean(1, keepdims=True)) * scale
        for used in (True, False):
            pair = (up(weight), up(bias)) if used else (None, None)
            out, means, scales = nn.layer_norm(up(x), 1, *pair, 1e-5)
            yield out, y * wide(weight) + wide(bias) if used else y, tol
            back = nn.layer_norm_backward(up(g), up(x), means, scales, pair[0], 1)
            by_weight = nn.layer_norm_weight_backward(up(g), up(x), means, scales, 1)
            h = wide(g) * wide(weight) if used else wide(g)
            along = (h * y).mean(1, keepdims=True)
            yield back, (h - h.mean(1, keepdims=True) - y * along) * scale, tol
            yield by_weight, (wide(g) * y).sum(0), tol * 10


def cross_entropies(dtype: np.dtype) -> Iterator[Result]:
    tol = 40 * RTOL[dtype]
    for shape in ((5, 7), (3, 4, 2), (2, 4100)):
        classes = shape[1]
        x = draw(shape, dtype)
        target = draw((shape[0], *shape[2:]), np.dtype(int), 1, 0, classes - 1)
        target.reshape(-1)[0] = -100
        weight = draw(classes, dtype, 2, 0.5, 2)
        log_p = np.moveaxis(wide(x) - np.log(np.exp(wide(x)).sum(1, keepdims=True)), 1, -1)
        index = np.where(target < 0, 0, target)
        for w, smooth in ((None, 0.0), (up(weight), 0.1)):
            share = np.ones(classes) if w is None else wide(weight)
            q = (1 - smooth) * np.eye(classes)[index] * share + smooth / classes * share
            q = np.where((target < 0)[..., None], 0, q)
            loss, _, logs = nn.cross_entropy(up(x), up(target), w, -100, smooth)
            yield loss, -(q * log_p).sum(-1), tol
            grad = draw(target.shape, dtype, 3)
            back = nn.cross_entropy_backward(up(grad), up(x), logs, up(target), w, -100, smooth)
            slope = wide(grad)[..., None] * (np.exp(log_p) * q.sum(-1, keepdims=True) - q)
            yield back, np.moveaxis(slope, -1, 1), tol


def optimizers(dtype: np.dtype, shapes: tuple) -> Iterator[Result]:
    """Two steps of SGD, one of AdamW; several parameters go through the table."""
    params = [draw(s, dtype, i) for i, s in enumerate(shapes)]
    grads = [draw(s, dtype, 9 + i) for i, s in enumerate(shapes)]
    held, steps = [up(p) for p in params], [up(g) for g in grads]
    buffers = [up(np.zeros_like(p)) for p in params]
    common = {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01}
    optim.sgd_step(held, steps, buffers, first=True, **common)
    optim.sgd_step(held, steps, buffers, **common)
    optim.sgd_step(held, steps, [None] * len(held), lr=0.1)
    for p, g, h in zip(params, grads, held, strict=True):
        w, b = wide(p), np.zeros_like(wide(p))
        for _ in range(2):
            slope = wide(g) + 0.01 * w
            b = 0.9 * b + slope
            w = w - 0.1 * (slope + 0.9 * b)
        yield h, w - 0.1 * wide(g), 8 * RTOL[dtype]
    moments = [[up(np.zeros_like(p)) for p in params] for _ in range(3)]
    held = [up(p) for p in params]
    args = {"lr": 0.01, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 0.1}
    optim.adam_step(held, steps, *moments, 1, decoupled=True, amsgrad=True, **args)
    optim.adam_step(held, steps, *moments[:2], [None] * len(held), up(np.array([2])), **args)
    for p, g, h in zip(params, grads, held, strict=True):
        w, m, v = wide(p) * (1 - 0.01 * 0.1), 0.1 * wide(g), 0.001 * wide(g) ** 2
        w = w - 0.01 * (m / 0.1) / (np.sqrt(v) / math.sqrt(0.001) + 1e-8)
        slope = wide(g) + 0.1 * w
        m, v = 0.9 * m + 0.1 * slope, 0.999 * v + 0.001 * slope**2
        root = np.sqrt(v) / math.sqrt(1 - 0.999**2)
        second = w - 0.01 * (m / (1 - 0.9**2)) / (root + 1e-8)
        yield h, second, 40 * RTOL[dtype]


def every_case() -> Iterator[Case]:
    for d in FLOATS:
        yield Case(f"softmax-{d}", partial(rows, d))
        yield Case(f"layer_norm-{d}", partial(layer_norms, d))
        yield Case(f"cross_entropy-{d}", partial(cross_entropies, d))
    for d in FLOATS[:2]:
        yield Case(f"optimizer-one-{d}", partial(optimizers, d, ((1025,),)))
        yield Case(f"optimizer-many-{d}", partial(optimizers, d, ((5, 7), (1031,), (0,), (1,))))


CASES = list(every_case())
