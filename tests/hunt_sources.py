"""Runs that lead to kernels on drawn sizes: operations, and what is no operation's only kernel."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from cases import OPERATIONS, is_a_gradient
from hunt_kernels import EDGES, resized

import tritongrad as tg
from tritongrad.checks import outputs_of
from tritongrad.cuda import conv
from tritongrad.testing import materialise

F = tg.nn.functional
REFUSED = (RuntimeError, ValueError, IndexError, TypeError, ZeroDivisionError)
LAYOUTS = ["contiguous", "contiguous", "transposed", "stepped", "offset"]
HERE: dict[str, Any] = {"device": "interpret"}


def edge(rng: np.random.Generator, most: int = 5000) -> int:
    return int(rng.choice([n for n in EDGES if n <= most]))


def run_case(op: Any, sample: tuple, seed: int, layout: str, needs: bool) -> bool:
    """An operation, forward and backward, on a drawn sample; False if it is refused there too."""
    arguments = materialise(
        sample, seed=seed, device="interpret", layout=layout, requires_grad=needs
    )
    try:
        outputs = outputs_of(op, arguments)
        for t in outputs:
            if t.requires_grad:
                t.sum().backward()
                break
    except REFUSED as error:  # sizes that do not fit each other
        if "OutOfBounds" in type(error).__name__:
            raise
        return False
    return True


def drawn(op: Any, rng: np.random.Generator) -> tuple:
    """A sample of an operation with sizes of its own, and a layout."""
    sample = op.samples[int(rng.integers(len(op.samples)))]
    made = resized(rng, sample)
    if op.name in ("matmul", "bmm"):  # a program for each of a batch takes a while
        while math.prod(made[0].shape[:-2]) * math.prod(made[1].shape[:-2]) > 40:
            made = resized(rng, sample)
    return made, str(rng.choice(LAYOUTS))


def of_operation(op: Any) -> Callable:
    def run(rng: np.random.Generator) -> str:
        sample, layout = drawn(op, rng)
        needs, seed = bool(rng.random() < 0.7), int(rng.integers(1 << 30))
        run_case(op, sample, seed, layout, needs)
        return f"{sample} {layout}"

    return run


def steps(rng: np.random.Generator) -> str:
    """Two steps of an optimizer on parameters of drawn sizes, some of them shared launches."""
    kinds = [tg.optim.SGD, tg.optim.Adam, tg.optim.AdamW]
    shapes = [(edge(rng), int(rng.integers(1, 4)))[:: int(rng.choice([-1, 1]))] for _ in range(3)]
    shapes = shapes[: int(rng.choice([1, 1, 2, 3]))]
    params = [tg.ones(shape, requires_grad=True, **HERE) for shape in shapes]
    for p in params:
        p.grad = tg.ones_like(p)
    momentum = {"momentum": 0.9} if rng.random() < 0.5 else {}
    kind = kinds[int(rng.integers(3))]
    optimizer = kind(params, lr=0.1, **(momentum if kind is tg.optim.SGD else {}))
    optimizer.step()
    optimizer.step()
    return f"{kind.__name__} {shapes}"


def draws(rng: np.random.Generator) -> str:
    """Random numbers of a drawn shape."""
    n = edge(rng)
    shape = [(n,), (n, int(rng.integers(1, 9))), (int(rng.integers(1, 9)), n)][int(rng.integers(3))]
    kind = {"dtype": [tg.float32, tg.float64][int(rng.integers(2))], **HERE}
    name = ["rand", "randn", "randint", "normal_", "dropout", "bernoulli"][int(rng.integers(6))]
    if name == "randint":
        tg.randint(0, 9, shape, **HERE)
    elif name == "normal_":
        tg.empty(shape, **kind).normal_().uniform_()
    elif name == "dropout":
        F.dropout(tg.ones(shape, **kind), 0.3)
    elif name == "bernoulli":
        tg.bernoulli(tg.full(shape, 0.3, **kind))
    else:
        getattr(tg, name)(shape, **kind)
    return f"{name} {shape}"


def copies(rng: np.random.Generator) -> str:
    """A permuted copy: long last axes, axes that change places, up to eight dimensions."""
    rank = int(rng.choice([2, 2, 3, 4, 7, 8]))
    shape = [int(rng.choice([2, 3])) for _ in range(rank)]
    if rank <= 4:
        shape = [int(rng.choice([1, 2, 3, 17])) for _ in range(rank - 2)]
        shape += [edge(rng, 257), edge(rng, 300)]
    order = [int(i) for i in rng.permutation(rank)]
    t = tg.ones([n + 1 for n in shape] if rank <= 4 else shape, **HERE)
    if rank <= 4 and rng.random() < 0.6:
        t = t[tuple(slice(n) for n in shape)]
        order = order if rng.random() < 0.5 else list(range(rank))
    t.permute(order).contiguous()
    return f"{shape} {order}"


def losses(rng: np.random.Generator) -> str:
    """Cross-entropy of rows and of pictures, smoothed and weighted."""
    rows, classes = edge(rng, 129), int(rng.choice([1, 2, 7, 31, 32, 33, 127, 128, 129, 257]))
    shape = (rows, classes, 3) if rng.random() < 0.3 else (rows, classes)
    x = tg.randn(shape, requires_grad=True, **HERE)
    target = tg.randint(0, classes, (rows, *shape[2:]), **HERE)
    smooth, weight = 0.1 * (rng.random() < 0.5), None
    if rng.random() < 0.5:
        weight = tg.rand(classes, **HERE)
    F.cross_entropy(x, target, weight=weight, label_smoothing=smooth).backward()
    return f"{shape} smooth={smooth} weighted={weight is not None}"


def masked(rng: np.random.Generator) -> str:
    x = tg.randn(edge(rng, 129), edge(rng, 33), **HERE)
    x.masked_fill(x > 0, 1.0)
    return str(x.shape)


def classes(rng: np.random.Generator) -> str:
    n, k = edge(rng), int(rng.choice([1, 2, 3, 7, 16]))
    shape = (n,) if rng.random() < 0.5 else (n, 2)
    F.one_hot(tg.randint(0, k, shape, **HERE), k)
    return f"{shape} of {k}"


def many_pixels(rng: np.random.Generator) -> str:
    """The gradient of a weight over so many pixels that it is summed in slices."""
    filters, batch = int(rng.integers(1, 40)), int(rng.integers(1, 4))
    width, height = int(rng.choice([1, 3, 17, 64])), int(rng.integers(1, 3))
    x = tg.ones(batch, 1, -(-4097 // (batch * width)) + height, width, **HERE)
    g = tg.ones(batch, filters, x.shape[2] - height + 1, width, **HERE)
    conv.conv2d_grad_weight(g._array, x._array, (filters, 1, height, 1))
    return f"{x.shape} {g.shape}"


def images(rng: np.random.Generator) -> str:
    """Convolutions and pooling of small pictures, with steps, borders and groups."""
    groups, sides = int(rng.choice([1, 1, 2])), [int(rng.choice([3, 5, 7, 8, 16, 17, 31, 33]))] * 2
    sides[1] = int(rng.choice([3, 4, 7, 15, 16, 17]))
    channels, filters = (groups * int(rng.integers(1, 5)) for _ in range(2))
    x = tg.randn(int(rng.integers(1, 4)), channels, *sides, requires_grad=True, **HERE)
    size, stride, pad = int(rng.integers(1, 4)), int(rng.integers(1, 4)), int(rng.integers(0, 2))
    pad = min(pad, size // 2)
    which = ["conv", "conv", "max", "avg"][int(rng.integers(4))]
    if which == "conv":
        w = tg.randn(filters, channels // groups, size, size, requires_grad=True, **HERE)
        F.conv2d(x, w, stride=stride, padding=pad, groups=groups).sum().backward()
    else:
        getattr(F, f"{which}_pool2d")(x, size, stride, pad).sum().backward()
    return f"{which} {x.shape} filters={filters} {groups=} {size=} {stride=} {pad=}"


def rows(rng: np.random.Generator) -> str:
    """Softmax, layer normalisation and running sums of a drawn matrix, with gradients."""
    n, m = edge(rng, 129), edge(rng, 1031 if rng.random() < 0.3 else 65)
    x = tg.randn(n, m, requires_grad=True, **HERE)
    dim = int(rng.integers(2))
    if rng.random() < 0.3:
        x = x.t()
    match int(rng.integers(5)):
        case 0:
            (x.softmax(dim) * x.log_softmax(dim)).sum().backward()
        case 1:
            weight = tg.ones(x.shape[1], requires_grad=True, **HERE)
            F.layer_norm(x, (x.shape[1],), weight, weight if dim else None).sum().backward()
        case 2:
            x.cumsum(dim).sum().backward()
        case 3 if x.numel():
            [x.detach().argmax(dim), x.detach().argmin()].clear()
        case _:
            x.tril(int(rng.integers(-3, 4))).sum().backward()
    return f"{x.shape} dim={dim}"


SOURCES: dict[str, Callable] = {
    op.name: of_operation(op) for op in OPERATIONS if op.samples and not is_a_gradient(op)
}
OWN = (steps, draws, copies, losses, masked, classes, many_pixels, images, rows)
SOURCES |= {f"{f.__name__} (drawn)": f for f in OWN}
