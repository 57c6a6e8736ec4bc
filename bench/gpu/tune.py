"""Times candidates of cuda/tiles.py on a GPU and prints the lines to review and paste.

python bench/gpu/tune.py [--lines half,high] [--seconds 300]
"""

from __future__ import annotations

import argparse
import itertools
import math
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from bench.gpu.facts import require_gpu
from bench.gpu.isolate import Refused
from tritongrad.cuda import tiles
from tritongrad.cuda.tiles import Tile

# Results of the two size classes: below and from `tiles.MANY` large tiles.
SIZES = {"small": ((256, 512, 1024), (640, 640, 640)), "large": ((4096,) * 3, (2048, 8192, 1024))}
DTYPES = {"half": "bfloat16", "double": "float64", "integer": "int32", "long": "int64"}
TENSOR_CORES = ("half", "high", "medium")  # one inner size, so that bits do not depend on a tile
SIDES = ((64, 64), (64, 128), (128, 64), (128, 128), (128, 256), (256, 128))
SMALL_SIDES = ((32, 32), (32, 64), (64, 32), (64, 64))  # without tensor cores
INNERS: dict[str, tuple[int, ...]] = {"half": (32, 64, 128), "long": (8, 16)}
WORST = math.inf


def candidates(line: str) -> Iterator[Tile]:
    """Tiles worth a try: within the rules of the table, and not absurdly large."""
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


def operands(line: str, shape: tuple[int, int, int]) -> tuple[Any, Any]:
    """Arrays for a product of this line."""
    import numpy as np

    import tritongrad as tg

    rows, cols, inner = shape
    dtype = getattr(tg, DTYPES.get(line, "float32"))
    rng = np.random.default_rng(0)
    made = [rng.integers(0, 5, s).astype("f4") for s in ((rows, inner), (inner, cols))]
    a, b = (tg.tensor(m).to(dtype).to("cuda")._array for m in made)
    return a, b


def timed(line: str, tile: Tile, pairs: list[tuple[Any, Any]]) -> float:
    """The geometric mean of the milliseconds of these products; infinite if a tile cannot run."""
    from bench.gpu.timing import device_times
    from tritongrad.cuda import linalg

    precision = line if line in linalg.MODES and line != "integer" else "highest"
    kept, fits = tiles.GPU[line], linalg.fits_tma
    tiles.GPU[line], linalg.fits_tma = (tile, tile), lambda a, b, out: False
    try:
        calls = {
            str(i): (lambda a=a, b=b: linalg.mm(a, b, precision)) for i, (a, b) in enumerate(pairs)
        }
        found = device_times(calls, rounds=7, calls=5)
    except (RuntimeError, ValueError) as error:
        if isinstance(error, Refused):
            raise
        return WORST  # too much shared memory, too many registers
    finally:
        tiles.GPU[line], linalg.fits_tma = kept, fits
    return 1e3 * statistics.geometric_mean([statistics.median(t) for t in found.values()])


def best(line: str, table: dict[str, dict[Tile, float]]) -> tuple[Tile, Tile]:
    """The tiles of least time, (small, large); of one inner size where the rules ask for it."""
    finite = {name: {t: ms for t, ms in row.items() if ms < WORST} for name, row in table.items()}
    if line not in TENSOR_CORES:
        small, large = (min(row, key=row.__getitem__) for row in finite.values())
        return small, large
    chosen: list[tuple[float, Tile, Tile]] = []
    for inner in {tile.inner for tile in finite["small"]} & {t.inner for t in finite["large"]}:
        rows = [{t: ms for t, ms in row.items() if t.inner == inner} for row in finite.values()]
        small, large = (min(row, key=row.__getitem__) for row in rows)
        chosen.append((rows[0][small] * rows[1][large], small, large))
    return min(chosen)[1:]


def row_of(line: str, small: Tile, large: Tile) -> str:
    """A line of tiles.GPU, to be pasted."""
    words = ["Tile({}, {}, {}, {}, {})".format(*tile) for tile in (small, large)]
    return f'    "{line}": ({words[0]}, {words[1]}),'


def tune(line: str, end: float) -> str:
    """Time the candidates of one line for both sizes, the present tiles first; its new row."""
    table: dict[str, dict[Tile, float]] = {}
    began = time.monotonic()
    for number, (name, shapes) in enumerate(SIZES.items()):
        pairs = [operands(line, shape) for shape in shapes]
        limit = end if number else began + (end - began) / 2
        present = tiles.GPU[line][number]
        table[name] = {present: timed(line, present, pairs)}
        for tile in candidates(line):
            if time.monotonic() > limit:
                break
            if tile not in table[name]:
                table[name][tile] = timed(line, tile, pairs)
        for tile, ms in sorted(table[name].items(), key=lambda item: item[1])[:5]:
            mark = "  (the present one)" if tile == present else ""
            print(f"# {line} {name}: {ms:9.4f} ms  {tuple(tile)}{mark}", flush=True)
    return row_of(line, *best(line, table))


def main(words: list[str] | None = None) -> int:
    """Print a row for each line of the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--lines", default=",".join(tiles.GPU), help="lines of tiles.GPU")
    parser.add_argument("--seconds", type=float, default=420, help="time for all lines together")
    options = parser.parse_args(words)
    lines = options.lines.split(",")
    if unknown := [line for line in lines if line not in tiles.GPU]:
        parser.error(f"{unknown[0]!r} is not one of {', '.join(tiles.GPU)}")
    try:
        require_gpu()
    except Refused as reason:
        print(f"tune: {reason}", file=sys.stderr)
        return 2
    end = time.monotonic() + options.seconds
    rows = []
    for number, line in enumerate(lines):
        now = time.monotonic()
        rows.append(tune(line, now + (end - now) / (len(lines) - number)))
    print("GPU = {", *rows, "}", sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
