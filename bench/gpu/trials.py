"""What the tuner tries: lines of the tables, tiles worth a try, the work they are timed on."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

from tritongrad.cuda import tiles
from tritongrad.cuda.tiles import Rows, Tile

Calls = list[Callable[[], Any]]

# Products: small results, whose tiles of the large kind would not fill a GPU, and large ones.
PRODUCTS = {
    "small": ((256, 512, 1024), (640, 640, 640)),
    "large": ((4096, 4096, 4096), (2048, 8192, 1024)),
}
DTYPES = {"half": "bfloat16", "tma": "bfloat16", "double": "float64"}
DTYPES |= {"integer": "int32", "long": "int64"}
SIDES = ((64, 64), (64, 128), (128, 64), (128, 128), (128, 256), (256, 128))
SMALL_SIDES = ((32, 32), (32, 64), (64, 32), (64, 64))  # without tensor cores
TMA_SIDES = ((128, 128), (128, 256), (256, 128))
# Where tensor cores add, one inner size, so that a row's bits do not depend on the tile it is in.
ONE_INNER = ("high", "medium")
INNERS: dict[str, tuple[int, ...]] = {"half": (tiles.TMA.inner,), "long": (8, 16)}

# Rows: short and long ones, (rows, columns), about 64 MB of float32.
ROWS = {"short": ((65_536, 256),), "long": ((4096, 4096), (512, 32_768))}
ROW_DTYPES = {"half": "bfloat16", "single": "float32"}
ELEMENTS, WARPS = (1024, 2048, 4096, 8192), (2, 4, 8, 16)

PRODUCT_LINES = (*tiles.GPU, "tma")
ROW_LINES = tuple(f"{name} {width}" for name in tiles.ROWS for width in ROW_DTYPES)
LINES = (*PRODUCT_LINES, *ROW_LINES)


def sizes(line: str) -> dict[str, tuple]:
    """The work of a line's two tiles, by the name of the size."""
    if line in ROW_LINES:
        return dict(ROWS)
    return {"large": PRODUCTS["large"]} if line == "tma" else dict(PRODUCTS)


def present(line: str) -> tuple:
    """The tiles that any GPU takes."""
    if line in ROW_LINES:
        return tiles.ROWS[line.split()[0]]
    return (tiles.TMA, tiles.TMA) if line == "tma" else tiles.GPU[line]


def candidates(line: str) -> Iterator[Any]:
    """Tiles worth a try: within the rules of the tables, and not absurdly large."""
    if line in ROW_LINES:
        yield from itertools.starmap(Rows, itertools.product(ELEMENTS, WARPS))
    elif line == "tma":
        for (rows, cols), warps, stages in itertools.product(TMA_SIDES, (4, 8), (2, 3, 4)):
            if rows * cols < 128 * 256 or warps == 8:
                yield Tile(rows, cols, tiles.TMA.inner, warps, stages)
    else:
        yield from product_candidates(line)


def product_candidates(line: str) -> Iterator[Tile]:
    plain = line in ("double", "integer", "long")
    inners = INNERS.get(line, (16, 32))
    for (rows, cols), inner in itertools.product(SMALL_SIDES if plain else SIDES, inners):
        if line == "highest" and rows * cols > 128 * 128:
            continue  # two accumulators would spill
        for warps, stages in itertools.product((4, 8), (2, 3, 4)):
            if rows * cols >= 128 * 256 and warps == 4:
                continue
            if tiles.FLUSH % inner == 0 or line not in ("highest", "high"):
                yield Tile(rows, cols, inner, warps, stages)


def calls(line: str, shapes: tuple, device: str = "cuda") -> Calls:
    """The work of some shapes: it reads the tables at each call."""
    make = row_call if line in ROW_LINES else product_call
    return [make(line, shape, device) for shape in shapes]


def product_call(line: str, shape: tuple[int, int, int], device: str) -> Callable[[], Any]:
    """A product of whole numbers from 0 to 4: right, it has the same bits with every tile."""
    import numpy as np

    import tritongrad as tg
    from tritongrad.cuda import linalg

    rows, cols, inner = shape
    dtype = getattr(tg, DTYPES.get(line, "float32"))
    rng = np.random.default_rng(0)
    made = [rng.integers(0, 5, s).astype("f4") for s in ((rows, inner), (inner, cols))]
    a, b = (tg.tensor(m).to(dtype).to(device)._array for m in made)
    precision = line if line in ("highest", "high", "medium") else "highest"
    return lambda: linalg.mm(a, b, precision)


def row_call(line: str, shape: tuple[int, int], device: str) -> Callable[[], Any]:
    """A kernel along the rows of random numbers."""
    import tritongrad as tg
    from tritongrad.cuda import nn, reduce

    name, width = line.split()
    tg.manual_seed(0)
    x = tg.randn(*shape, device=device).to(getattr(tg, ROW_DTYPES[width]))._array
    if name == "softmax":
        return lambda: nn.softmax(x, 1)
    if name == "layer_norm":
        return lambda: nn.layer_norm(x, 1, None, None, 1e-5)[0]
    if name == "cross_entropy":
        logs = tg.zeros(shape[0], device=device)._array
        target = tg.zeros(shape[0], dtype=tg.int64, device=device)._array
        grad = tg.ones(1, dtype=getattr(tg, ROW_DTYPES[width]), device=device)._array
        return lambda: nn.cross_entropy_backward(grad, x, logs, target, None, -100, 0.0)
    if name == "argmax":
        return lambda: reduce.argmax(x, 1)
    return lambda: reduce.sum(x, 1)
