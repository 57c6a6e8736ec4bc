"""Sizes that lead straight to each kernel, about the edges of its tiles; tiles are drawn too.

A draw runs host functions of a kernel on new sizes and gives what they made: all of it must have
been written. Small tiles make many programs of small arrays; the kernels take any.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from kernel_cases import up

from tritongrad.cuda import conv, copying, moving, nn, optim, picking, random, reduce, scan, tiles
from tritongrad.cuda.array import DeviceArray

PRIMES = (2, 3, 5, 7, 11, 13, 17, 31, 37, 61, 67, 97, 127, 131, 251, 257, 509, 521, 1021, 1031)
F32, F64, I8, I64 = (np.dtype(d) for d in (np.float32, np.float64, np.int8, np.int64))
FLOATS = (F32, F32, F64, np.dtype(np.float16), np.dtype(ml_dtypes.bfloat16))
SCAN = 16  # indices that a program looks at together
SPAN = 64  # pixels of a slice
LAYOUTS = ("plain", "plain", "turned", "stepped", "backwards", "inside")


class Draw:
    """A generator, the sizes of tiles, and what is drawn with them."""

    def __init__(self, *seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.block = self.one_of(*[64] * 6, *[256] * 3, 1024)
        self.width = self.one_of(*[16, 64] * 4, 256)  # columns of the tiles of long rows
        self.product = tiles.Tile(*(self.one_of(16, 16, 32, 64) for _ in range(3)), 4, 1)
        self.dtype = FLOATS[int(self.rng.integers(len(FLOATS)))]

    def one_of(self, *values: Any) -> Any:
        return values[int(self.rng.integers(len(values)))]

    def chance(self, share: float) -> bool:
        return bool(self.rng.random() < share)

    def some(self, low: int, high: int) -> int:
        """A whole number, both ends included."""
        return int(self.rng.integers(low, high + 1))

    def size(self, tile: int, least: int = 0, most: int = 5000, tiles: int = 3) -> int:
        """About an edge of a tile, 0 or 1, a prime, or anything up to two tiles or more."""
        kind = self.rng.random()
        if kind < 0.06:
            n = self.some(0, 1)
        elif kind < 0.6:
            n = tile * self.some(1, tiles) + self.some(-1, 1)
        elif kind < 0.75:
            n = self.one_of(*PRIMES)
        else:
            n = self.some(2, (tiles - 1) * tile + 1)
        return min(max(n, least), most)

    def sides(self, first: int, second: int, least: int = 0, area: int = 0) -> tuple[int, int]:
        """Rows and columns about tiles of these sides, square, tall or wide, of a few blocks."""
        area = area or 5 * self.block
        sides = [self.size(first, least), self.size(second, least)]
        while sides[0] * sides[1] > area:
            long = 0 if sides[0] > sides[1] else 1
            sides[long] = self.size((first, second)[long], least, sides[long] - 1)
        return sides[0], sides[1]

    def host(self, shape: Any, dtype: Any = None) -> np.ndarray:
        """Numbers from -4 to 4 in a dtype."""
        return self.rng.uniform(-4, 4, shape).astype(dtype or self.dtype)

    def array(self, shape: Any, dtype: Any = None, layout: str | None = None) -> DeviceArray:
        """An array of drawn numbers, in a drawn layout."""
        shape = tuple(np.atleast_1d(shape).tolist())
        layout = layout or self.one_of(*LAYOUTS)
        match layout:
            case "turned":
                return up(self.host(shape[::-1], dtype)).T
            case "stepped":
                return up(self.host((*shape[:-1], 2 * shape[-1]), dtype))[..., ::2]
            case "backwards":
                return up(self.host(shape, dtype))[::-1]
            case "inside":
                larger = up(self.host([n + 2 for n in shape], dtype))
                return larger[tuple(slice(1, n + 1) for n in shape)]
        return up(self.host(shape, dtype))

    def plain(self, shape: Any, dtype: Any = None) -> DeviceArray:
        return self.array(shape, dtype, "plain")

    def below(self, shape: Any, high: int) -> DeviceArray:
        """Indices from 0 to high - 1."""
        return up(self.rng.integers(0, max(high, 1), shape))

    @contextlib.contextmanager
    def tiles(self) -> Iterator[None]:
        """Host functions choose these tiles, as small as a GPU's or smaller."""
        optim.table_of.cache_clear()
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(picking.BLOCK, "interpret", self.block)
            patch.setitem(moving.TILE, "interpret", max(self.block, 256))
            patch.setitem(random.COUNTERS, "interpret", self.block // 4)
            patch.setattr(tiles, "interpreted_tile", lambda *_: self.product)
            patch.setattr(tiles, "tma_tile", lambda _: self.product)
            patch.setattr(conv, "SPAN", SPAN)
            for module in (copying, optim):
                patch.setattr(module, "BLOCK", self.block)
            patch.setattr(moving, "SCAN", SCAN)
            for module in (reduce, scan):
                patch.setattr(module, "CHUNK", self.width)
            for module in (reduce, nn):
                patch.setattr(module, "WIDEST", self.width)
            yield
        optim.table_of.cache_clear()


def random_numbers(make: Callable, per_counter: int) -> Callable:
    """A draw of numbers: a program has a quarter of a block of counters."""

    def run(d: Draw) -> list:
        device = up(np.zeros(1)).device
        return [make(d, (d.size(d.block // 4 * per_counter, tiles=9),), device)]

    return run


def dtype_of_random(d: Draw) -> Any:
    return d.one_of(F32, F32, *FLOATS[3:])


RANDOM = {
    "uniform32": (lambda d, n, at: random.uniform(n, dtype_of_random(d), 5, 9, at), 4),
    "uniform64": (lambda d, n, at: random.uniform(n, F64, 5, 9, at), 2),
    "normal32": (lambda d, n, at: random.normal(n, dtype_of_random(d), 5, 9, at), 4),
    "normal64": (lambda d, n, at: random.normal(n, F64, 5, 9, at), 2),
    "randint": (lambda d, n, at: random.randint(-3, 9, n, d.one_of(I64, I8), 5, 9, at), 2),
    "bernoulli": (lambda d, n, at: random.bernoulli_mask(0.3, n, 5, 9, at), 4),
}


def copies_contiguous(d: Draw) -> list:
    x = d.plain(d.sides(d.one_of(1, 3, 16), d.block))
    return [x.astype(d.one_of(I8, I64, *(kind for kind in FLOATS if kind != x.dtype)))]


def copies_of_rows(d: Draw) -> list:
    """Rows long enough to be copied as such, of up to four dimensions."""
    shape = (*d.one_of((), (), (2,), (3, 2)), d.some(1, 4), max(d.size(d.block), copying.ROW))
    return [d.array(shape, layout="inside").copy()]


def copies_of_tiles(d: Draw) -> list:
    """Axes that change places; rows and columns about the tile's edge of 64."""
    sides = d.sides(64, 64, copying.TILE // 4, 9_000)
    x = d.array((*d.one_of((), (), (2,), (3,)), *sides), layout=d.one_of("plain", "inside"))
    return [x.transpose((*range(x.ndim - 2), x.ndim - 1, x.ndim - 2)).copy()]


def copies_of_few(d: Draw) -> list:
    """Up to four dimensions that do not merge, none of them long."""
    shape = [d.one_of(1, 2, 3, 5, 7) for _ in range(d.some(1, 3))] + [d.size(32, most=100)]
    x = d.array(shape, layout=d.one_of("stepped", "backwards", "inside", "turned"))
    return [x.transpose(tuple(d.rng.permutation(x.ndim).tolist())).copy()]


def copies_of_many(d: Draw) -> list:
    """Five to eight dimensions, and more, which take several launches."""
    shape = [d.one_of(2, 2, 3) for _ in range(d.one_of(5, 6, 7, 8, 9))]
    x = d.array(shape, layout=d.one_of("plain", "inside"))
    return [x.transpose(tuple(d.rng.permutation(x.ndim).tolist())).copy()]


COPIES = {
    "copy_contiguous": copies_contiguous,
    "copy_rows": copies_of_rows,
    "copy_tiles": copies_of_tiles,
    "copy_4d": copies_of_few,
    "copy_8d": copies_of_many,
}
