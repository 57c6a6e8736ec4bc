"""Which draw leads to which kernels: see shape_draws. Every kernel is in this table."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from shape_draws import COPIES, F32, I64, RANDOM, SCAN, SPAN, Draw, random_numbers

from tritongrad.cuda import conv, index, linalg, nn, optim, reduce, scan
from tritongrad.cuda import elementwise as maps
from tritongrad.cuda.array import empty
from tritongrad.kernels import matmul


def convolutions(d: Draw) -> list:
    """A line of pixels, or a small picture; all three products."""
    p = d.product
    groups, batch = d.one_of(1, 1, 2), d.some(1, 2)
    kernel = (d.some(1, 3), d.some(1, 3))
    channels = d.size(max(p.inner // (kernel[0] * kernel[1]), 1), 1, 9)
    filters = d.size(p.cols // groups, 1, 34)
    picture = (d.some(1, 6), d.some(1, 6))
    if d.chance(0.5):
        kernel, picture = (1, kernel[1]), (1, d.size(p.rows // batch, 1, 67))
    steps = ((d.some(1, 3), d.some(1, 2)), (d.some(0, 1), d.some(0, 1)), (1, d.some(1, 2)), groups)
    high, wide = (max(n, (k - 1) * 2 + 1) for n, k in zip(picture, kernel, strict=True))
    x = d.array((batch, groups * channels, high, wide))
    w = d.array((groups * filters, channels, *kernel), x.dtype)
    out = conv.conv2d(x, w, *steps)
    g = d.array(out.shape, x.dtype)
    return [
        out,
        conv.conv2d_grad_input(g, w, x.shape, *steps),
        conv.conv2d_grad_weight(g, x, w.shape, *steps),
    ]


def slices(d: Draw) -> list:
    """Weights about the edges of a block, over so many pixels that they are summed in slices."""
    filters, depth = d.sides(16, d.block // 16, 1, 3 * d.block)
    x = d.array((1, depth, 1, SPAN * d.some(1, 3) + d.some(1, 3)))
    return [
        conv.conv2d_grad_weight(d.array((1, filters, 1, x.shape[3])), x, (filters, depth, 1, 1))
    ]


def pools(d: Draw) -> list:
    kernel = (d.some(1, 3), d.some(1, 3))
    steps = (kernel, (d.some(1, 3), d.some(1, 3)), tuple(d.some(0, k // 2) for k in kernel))
    sides = [max(n, k) for n, k in zip(d.sides(4, 4, 1, d.block // 2), kernel, strict=True)]
    planes = d.size(max(d.block // 4 // (sides[0] * sides[1]), 1), 1, 4)
    x = d.array((d.some(1, 2), planes, *sides))
    out, at = conv.max_pool2d(x, *steps)
    g = d.array(out.shape, x.dtype)
    return [
        out,
        at,
        conv.max_pool2d_backward(g, at, x.shape, *steps),
        conv.avg_pool2d(x, *steps),
        conv.avg_pool2d_backward(g, x.shape, *steps),
    ]


def picks(d: Draw) -> list:
    """x[.., index, ..] read, written, added to; one index or two that broadcast."""
    rows, cols = d.sides(d.one_of(4, 16), d.one_of(1, 16, 64), 1, 300)
    shape = (rows, d.some(1, 3), cols)[d.some(0, 1) :]
    x, axis = d.array(shape), d.some(0, len(shape) - 1)
    count = d.size(SCAN, most=50)
    at = d.below((count,), shape[axis])
    key = (slice(None),) * axis + (at,)
    if d.chance(0.3) and axis + 1 < len(shape):
        few = d.below((d.some(1, 3), 1), shape[axis + 1])
        key = (*key[:-1], d.below((1, min(count, 30)), shape[axis]), few)
    got = index.getitem(x, key)
    value = d.array(got.shape, x.dtype)
    return [got, index.index_put(x, key, value, False), index.index_put(x, key, value, True)]


def gathers(d: Draw) -> list:
    rows, cols = d.sides(d.one_of(4, 16), d.one_of(4, 16, 64), 1, 400)
    shape = (rows, cols, d.some(1, 3))[: d.some(2, 3)]
    x, dim = d.array(shape), d.some(0, len(shape) - 1)
    along = tuple(d.some(1, 2 * n) if i == dim else d.some(1, n) for i, n in enumerate(shape))
    at = d.below(along, shape[dim])
    value = d.array(along, x.dtype)
    results = [index.gather(x, dim, at), index.scatter_add(x, dim, at, value)]
    return [*results, index.scatter(x, dim, at, value)]


def masks(d: Draw) -> list:
    rows, cols = d.sides(d.one_of(1, 16), d.block)
    x, mask = d.array((rows, cols)), d.array((rows, cols), np.int8)
    mask = maps.elementwise("gt", mask, 0)
    return [index.masked_fill(x, mask, 1.5)]


def triangles(d: Draw) -> list:
    rows, cols = d.sides(d.one_of(16, 33), d.block // 16)
    x = d.array((*d.one_of((), (2,)), rows, cols))
    diagonal = d.some(-rows - 1, cols + 1)
    return [index.tril(x, diagonal), index.triu(x, diagonal)]


def classes(d: Draw) -> list:
    count, n = d.sides(d.one_of(3, 16), d.block // 4)
    return [index.one_hot(d.below((n,), count), count)] if count else []


def losses(d: Draw) -> list:
    rows, cols = d.sides(d.one_of(4, 32), d.width, 1, 16 * d.width)
    shape = (rows, cols, d.some(1, 3)) if d.chance(0.3) else (rows, cols)
    x, target = d.array(shape), d.below((rows, *shape[2:]), cols)
    weight = d.plain((cols,), x.dtype) if d.chance(0.5) else None
    options = (weight, d.one_of(-100, 0), d.one_of(0.0, 0.1))
    loss, weights, logs = nn.cross_entropy(x, target, *options)
    g = d.array(loss.shape, x.dtype) if d.chance(0.7) else d.plain((1,), x.dtype)
    return [loss, weights, logs, nn.cross_entropy_backward(g, x, logs, target, *options)]


def maps_contiguous(d: Draw) -> list:
    shape = d.sides(d.one_of(1, 3), 1024)
    x, y = d.plain(shape), d.plain(shape)
    return [maps.elementwise("add", x, y), maps.elementwise("mul", x, 0.5)]


def maps_tiled(d: Draw) -> list:
    """Two layouts, or an operand that broadcasts."""
    shape = (*d.one_of((), (), (2,), (2, 3)), *d.sides(d.one_of(4, 32), d.one_of(32, 300), 1))
    small = tuple(1 if d.chance(0.3) else n for n in shape)[d.some(0, 1) :]
    x, y = d.array(shape), d.array(small)
    return [maps.elementwise("sub", x, y.astype(x.dtype)), maps.elementwise("neg", x.T)]


def products(d: Draw) -> list:
    p = d.product
    (rows, cols), inner = d.sides(p.rows, p.cols, 0, 6_000), d.size(p.inner)
    batch = d.one_of((), (), (2,), (2, 3))
    x = d.array((*batch, rows, inner))
    y = d.array((*(() if d.chance(0.3) else batch), inner, cols), x.dtype)
    return [linalg.matmul(x, y)]


def products_by_tma(d: Draw) -> list:
    """Rows of 16 bytes, either operand turned; fewer programs than tiles, and more."""
    sides = d.size(d.product.rows, 1, 130), d.size(d.product.inner, 1, 70), d.size(4, 1, 20) * 8
    kind = np.dtype(np.float16)

    def aligned(rows: int, cols: int):
        return d.plain((rows, -(-cols // 8) * 8), kind)[:, :cols]

    x = aligned(sides[1], sides[0]).T if d.chance(0.4) else aligned(*sides[:2])
    y = aligned(*sides[:0:-1]).T if d.chance(0.4) else aligned(*sides[1:])
    out = empty((sides[0], sides[2]), kind, x.device)
    linalg._launch_tma(matmul.matmul_tma, out, x, y, d.one_of(1, 2, 3, 100))
    return [out]


def softmaxes(d: Draw) -> list:
    x = d.array((*d.one_of((), (2,)), *d.sides(d.one_of(4, 32), d.width, 1, 16 * d.width)))
    dim = d.some(0, x.ndim - 1)
    y, z, g = nn.softmax(x, dim), nn.log_softmax(x, dim), d.array(x.shape, x.dtype)
    return [y, z, nn.softmax_backward(g, y, dim), nn.log_softmax_backward(g, z, dim)]


def layer_norms(d: Draw) -> list:
    rows, cols = d.sides(nn.PART, d.width, 1, 16 * d.width)
    x = d.array((rows, cols))
    weight, bias = (d.plain((cols,), x.dtype) if d.chance(0.6) else None for _ in range(2))
    out, means, scales = nn.layer_norm(x, 1, weight, bias, 1e-5)
    g = d.array(x.shape, x.dtype)
    grad = nn.layer_norm_backward(g, x, means, scales, weight, 1)
    by_weight = nn.layer_norm_weight_backward(g, x, means, scales, 1)
    return [out, means, scales, grad, by_weight]


def steps(d: Draw, count: int) -> list:
    """Steps of the optimizers on parameters of one dtype."""
    shapes = [d.sides(d.one_of(1, 2, 5), d.block, 1, 3 * d.block) for _ in range(count)]
    p, g, m, v, top = ([d.plain(s) for s in shapes] for _ in range(5))
    g = [d.array(s) for s in shapes]
    momentum = d.one_of(0.0, 0.9)
    buffers = m if momentum else [None] * count
    optim.sgd_step(p, g, buffers, lr=0.1, momentum=momentum, first=d.chance(0.5))
    adam = {"lr": 0.1, "beta1": 0.9, "beta2": 0.99, "eps": 1e-8, "amsgrad": d.chance(0.5)}
    counted = d.below((1,), 3) if d.chance(0.5) else 2
    peaks = top if adam["amsgrad"] else [None] * count
    optim.adam_step(p, g, m, v, peaks, counted, **adam)
    return [*p, *m, *v]


def reductions(d: Draw) -> list:
    """Some dims of up to three, or all; rows longer than four pieces of a chunk."""
    shape = (*d.sides(d.one_of(4, 32), d.width * d.one_of(1, 4), 1, 16 * d.width), d.some(1, 3))
    x = d.array(shape[: d.some(1, 3)])
    dims = d.one_of((0,), (x.ndim - 1,), tuple(range(0, x.ndim, 2)), None)
    return [reduce.sum(x, dims), reduce.amax(x, dims), reduce.var(x, dims, 0)]


def extremes(d: Draw) -> list:
    x = d.array((*d.sides(d.one_of(4, 32), d.width, 1, 16 * d.width), d.some(1, 2))[: d.some(1, 3)])
    return [reduce.argmax(x, d.one_of(*range(x.ndim), None)), *reduce.min(x, 0)]


def scans(d: Draw) -> list:
    x = d.array((*d.one_of((), (2,)), *d.sides(d.one_of(4, 32), d.width, 1, 16 * d.width)))
    dim = d.some(0, x.ndim - 1)
    return [scan.cumsum(x, dim), scan.cumprod(x.astype(d.one_of(F32, I64)), dim)]


Case = tuple[Callable[[Draw], list], tuple[str, ...]]
CASES: dict[str, Case] = {
    "convolutions": (convolutions, ("conv2d", "conv2d_grad_input", "conv2d_grad_weight")),
    "slices": (slices, ("sum_slices",)),
    "pools": (
        pools,
        ("max_pool2d", "max_pool2d_backward", "avg_pool2d", "avg_pool2d_backward"),
    ),
    "picks": (picks, ("take", "scatter_rows")),
    "gathers": (gathers, ("linear", "gather", "scatter")),
    "masks": (masks, ("fill_where",)),
    "triangles": (triangles, ("triangle",)),
    "classes": (classes, ("one_hot",)),
    "losses": (losses, ("cross_entropy_rows", "cross_entropy_backward_tiles")),
    "maps_contiguous": (maps_contiguous, ("map_contiguous",)),
    "maps_tiled": (maps_tiled, ("map_tiles",)),
    "products": (products, ("matmul",)),
    "products_by_tma": (products_by_tma, ("matmul_tma",)),
    "softmaxes": (softmaxes, ("softmax_rows", "softmax_backward_rows")),
    "layer_norms": (
        layer_norms,
        ("layer_norm_rows", "layer_norm_backward_rows", "layer_norm_weight_tiles"),
    ),
    "steps_of_one": (lambda d: steps(d, 1), ("sgd_one", "adam_one")),
    "steps_of_many": (lambda d: steps(d, d.some(2, 5)), ("sgd_table", "adam_table")),
    "reductions": (reductions, ("reduce_tiles",)),
    "extremes": (extremes, ("index_tiles",)),
    "scans": (scans, ("scan_tiles",)),
    **{name: (random_numbers(*make), (name,)) for name, make in RANDOM.items()},
    **{name: (copy, (name,)) for name, copy in COPIES.items()},
}
