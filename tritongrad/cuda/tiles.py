"""Tile sizes of the matrix products: a reviewed table, by arithmetic and size of the result."""

from typing import NamedTuple

import numpy as np

FLUSH = 128  # of the inner size: a longer chain of float32 additions can be off by over 16 u


class Tile(NamedTuple):
    """Rows, columns and inner size of a tile, and how a program runs it."""

    rows: int
    cols: int
    inner: int
    warps: int
    stages: int


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
MANY = 100  # large tiles that keep a GPU busy; below, small ones spread over more processors
TMA = Tile(128, 256, 64, 8, 3)


def matmul_tile(line: str, rows: int, cols: int, batches: int) -> Tile:
    """The tile of a GPU for results of this size."""
    small, large = GPU[line]
    tiles = -(-rows // large.rows) * -(-cols // large.cols) * batches
    return large if tiles >= MANY else small


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
