"""Tile sizes of products and of kernels that go along rows: reviewed tables, by type and size.

What was found best on a particular GPU is in tuned.py and goes first.
"""

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from tritongrad.cuda import forms
from tritongrad.cuda.tuned import TUNED

FLUSH = 128  # of the inner size: a longer chain of float32 additions can be off by over 16 u


class Tile(NamedTuple):
    """Rows, columns and inner size of a tile, and how a program runs it."""

    rows: int
    cols: int
    inner: int
    warps: int
    stages: int


class Rows(NamedTuple):
    """Elements of a tile, in as many rows as that makes, and the warps that share it."""

    elements: int
    warps: int


# At least 64 rows on four warps, and one inner size where tensor cores add: every tile of a line
# then uses the same instruction in the same order, and a row's bits do not depend on the tile.
# float32 keeps two accumulators, hence its smaller tiles: none of them spills registers.
GPU = {
    "half": (Tile(64, 64, 64, 4, 4), Tile(128, 128, 64, 8, 3)),
    "highest": (Tile(64, 64, 16, 4, 4), Tile(128, 64, 16, 8, 4)),
    "high": (Tile(64, 64, 16, 4, 4), Tile(128, 64, 16, 8, 4)),
    "medium": (Tile(64, 64, 32, 4, 3), Tile(128, 128, 32, 8, 3)),
    "double": (Tile(64, 64, 16, 8, 3), Tile(64, 64, 16, 8, 3)),
    "integer": (Tile(32, 32, 16, 4, 2), Tile(32, 32, 16, 4, 2)),
    "long": (Tile(32, 32, 8, 4, 2), Tile(32, 32, 8, 4, 2)),
}
# Convolutions hold an address for every operand element of a tile: small tiles, or they spill.
CONVOLUTION = {
    "half": Tile(64, 64, 32, 4, 3),
    "highest": Tile(64, 32, 16, 4, 3),
    "high": Tile(64, 64, 16, 4, 3),
    "medium": Tile(64, 64, 16, 8, 3),
    "double": Tile(32, 32, 16, 4, 2),
    "integer": Tile(32, 32, 8, 4, 2),
    "long": Tile(32, 32, 8, 4, 2),
}
# Kernels that take whole rows, where a row fits: its number of columns alone decides, and neither
# elements nor warps change how wide a tile is, so that what is added to what stays the same.
ROWS = {
    "softmax": (Rows(4096, 8), Rows(4096, 8)),
    "cross_entropy": (Rows(4096, 8), Rows(4096, 8)),
    "layer_norm": (Rows(4096, 8), Rows(4096, 8)),
    "reduce": (Rows(4096, 8), Rows(4096, 8)),
    "argmax": (Rows(4096, 8), Rows(4096, 8)),
}
LONG = 1024  # columns of a row from which it is a long one
WIDTHS = {1: "byte", 2: "half", 4: "single", 8: "double"}  # itemsize: lines of rows in tuned.py
MANY = 100  # large tiles that keep a GPU busy; below, small ones spread over more processors
TMA = Tile(128, 256, 64, 8, 3)


def matmul_tile(line: str, rows: int, cols: int, batches: int, device: Any = None) -> Tile:
    """The tile of a GPU for results of this size."""
    small, large = product_tiles(model_of(device), line)
    tiles = -(-rows // large.rows) * -(-cols // large.cols) * batches
    return large if tiles >= MANY else small


def tma_tile(device: Any) -> Tile:
    """The tile of the persistent kernel; its inner size is that of the line "half"."""
    return product_tiles(model_of(device), "tma")[1]


def row_tile(name: str, device: Any, dtype: np.dtype, cols: int) -> Rows:
    """Elements and warps of a tile for rows of so many columns."""
    return row_tiles(model_of(device), name, WIDTHS[dtype.itemsize])[cols >= LONG]


@lru_cache
def model_of(device: Any) -> str:
    """The name of a GPU; empty for what is none."""
    return device.name() if hasattr(device, "name") else ""


@lru_cache
def product_tiles(model: str, line: str) -> tuple[Tile, Tile]:
    """What was found on a GPU, else what serves on any."""
    found = TUNED.get(model, {}).get(line)
    if found is not None:
        return Tile(*found[0]), Tile(*found[1])
    if line == "tma":
        return TMA, TMA
    return GPU[line]


@lru_cache
def row_tiles(model: str, name: str, width: str) -> tuple[Rows, Rows]:
    found = TUNED.get(model, {}).get(f"{name} {width}")
    return ROWS[name] if found is None else (Rows(*found[0]), Rows(*found[1]))


def forget() -> None:
    """Read tuned.py's table anew: for the tuner, which changes it."""
    forms.forget()
    product_tiles.cache_clear()
    row_tiles.cache_clear()


def interpreted_tile(line: str, cols: int, inner: int) -> Tile:
    """Few large tiles for the interpreter, whose price is by the operation; rows are fixed."""
    most = 32 if line in ("integer", "long") else FLUSH
    return Tile(64, power_of_two(cols, 16, most), power_of_two(inner, 16, most), 4, 1)


def power_of_two(n: int, least: int, most: int) -> int:
    """The least power of two that holds n, within bounds."""
    return min(max(1 << max(n - 1, 0).bit_length(), least), most)


def line_of(dtype: np.dtype, precision: str) -> str:
    """The line of the table for operands of a dtype."""
    if dtype == np.float32:
        return precision
    if dtype == np.float64:
        return "double"
    if dtype.kind in "iu":
        return "long" if dtype.itemsize == 8 else "integer"
    return "half"
