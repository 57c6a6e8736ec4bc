"""Times tiles on a GPU and writes the best into tritongrad/cuda/tuned.py, for review.

python bench/gpu/tune.py [--lines half,high,"softmax single"] [--seconds 600] [--write]

Each line of the tables has a process of its own: a tile that brings the GPU down costs that line's
untried tiles and nothing else. Without --write the new table is printed.
"""

from __future__ import annotations

import argparse
import contextlib
import math
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from bench.gpu import isolate, trials
from tritongrad.cuda import linalg, tiles, tuned

FILE = Path(tuned.__file__)
WORST = math.inf
MARGIN = 0.98  # of the present tile's time: what is hardly quicker is not worth another tile
Timer = Callable[[dict[str, Callable[[], Any]]], dict[str, list[float]]]


def device_timer(calls: dict[str, Callable[[], Any]]) -> dict[str, list[float]]:
    from bench.gpu.timing import device_times

    return device_times(calls, rounds=7, calls=5)


@contextlib.contextmanager
def trying(model: str, line: str, tile: Any) -> Iterator[None]:
    """The tables say `tile` for this line, whatever the size; TMA serves its own line alone."""
    kept, fits = dict(tuned.TUNED.get(model, {})), linalg.fits_tma
    tuned.TUNED.setdefault(model, {})[line] = (tuple(tile), tuple(tile))
    if line != "tma":
        linalg.fits_tma = lambda a, b, out: False
    tiles.forget()
    try:
        yield
    finally:
        tuned.TUNED[model], linalg.fits_tma = kept, fits
        if not kept:
            del tuned.TUNED[model]
        tiles.forget()


def timed(
    model: str, line: str, tile: Any, calls: trials.Calls, timer: Timer, wanted: list | None = None
) -> float:
    """The geometric mean of the seconds of some calls; infinite where a tile cannot run.

    `wanted`, if given, are the right results: a tile that is wrong is worth no time.
    """
    try:
        with trying(model, line, tile):
            for call, right in zip(calls, wanted or (), strict=False):
                if not near(sampled(call()), right):
                    return WORST
            found = timer({str(number): call for number, call in enumerate(calls)})
    except (RuntimeError, ValueError) as error:
        if "CUDA_ERROR" in str(error):
            raise  # nothing works in this process any more
        return WORST  # too much shared memory, too many registers
    return statistics.geometric_mean([statistics.median(times) for times in found.values()])


def sampled(result: Any) -> Any:
    """Some rows of a result, on the host."""
    return result[:: max(1, result.shape[0] // 64)].numpy()


def near(got: Any, right: Any) -> bool:
    import numpy as np

    if got.dtype.kind in "biu":
        return bool(np.array_equal(got, right))
    wide, other = got.astype(np.float64), right.astype(np.float64)
    return bool(np.allclose(wide, other, rtol=1e-5 if got.itemsize > 2 else 1e-2, atol=1e-6))


def tried(options: dict[str, Any], timer: Timer = device_timer) -> Iterator[tuple[str, Any]]:
    """Task: rows (size, [tile, seconds]) of one line, the present tile first."""
    from bench.gpu import facts
    from tritongrad.cuda.gpu import gpu

    facts.require_gpu()
    line, end = options["line"], time.monotonic() + options["seconds"]
    model = gpu(0).name()
    sizes = trials.sizes(line)
    for number, (size, shapes) in enumerate(sizes.items()):
        left = (end - time.monotonic()) / (len(sizes) - number)
        limit = time.monotonic() + left
        calls = trials.calls(line, shapes)
        first = trials.present(line)[-1 if line == "tma" else number]
        with trying(model, line, first):
            wanted = None if facts.is_stand_in() else [sampled(call()) for call in calls]
        rest = [tile for tile in trials.candidates(line) if tile != first]
        for tile in (first, *rest):
            if time.monotonic() > limit and tile != first:
                break
            yield size, [list(tile), timed(model, line, tile, calls, timer, wanted)]


Times = dict[str, dict[tuple, float]]  # size: tile: seconds


def best(line: str, table: Times) -> tuple[tuple, tuple] | None:
    """The tiles of least time, (small, large) or (short, long); None if the present ones are.

    Where bits would depend on it, the two have one inner size.
    """
    rows = [{t: s for t, s in table.get(size, {}).items() if s < WORST} for size in table]
    now = [tuple(tile) for tile in trials.present(line)]
    if line == "tma":  # for large results only
        rows, now = rows * 2, now[-1:] * 2
    if len(rows) < 2 or not all(rows):
        return None
    pairs = [(a, b) for a in rows[0] for b in rows[1] if fitting(line, a, b)]
    if not pairs:
        return None

    def cost(pair: tuple[tuple, tuple]) -> float:
        return sum(
            math.log(row[tile]) + (math.log(MARGIN) if tile == kept else 0)
            for row, tile, kept in zip(rows, pair, now, strict=True)
        )

    chosen = min(pairs, key=cost)
    return None if list(chosen) == now else chosen


def fitting(line: str, small: tuple, large: tuple) -> bool:
    return line not in trials.ONE_INNER or small[2] == large[2]


def tune(lines: list[str], seconds: float, run: Callable = isolate.run) -> dict[str, Any]:
    """New rows of the table for this GPU: line -> (tile, tile)."""
    end, rows = time.monotonic() + seconds, {}
    for number, line in enumerate(lines):
        share = (end - time.monotonic()) / (len(lines) - number)
        if share < 5:
            print(f"{line}: no time left, raise --seconds", flush=True)
            continue
        argument = {"line": line, "seconds": share * 0.9}
        done = run("bench.gpu.tune:tried", argument, share + 30)
        table: Times = {}
        for size, (tile, spent) in done["rows"]:
            table.setdefault(size, {})[tuple(tile)] = float(spent)
        tell(line, table, done)
        if (chosen := best(line, table)) is not None:
            rows[line] = chosen
    return rows


def tell(line: str, table: Times, done: dict[str, Any]) -> None:
    """The five quickest tiles of each size, and how the process ended if not well."""
    if done["status"] != "ok":
        print(f"{line}: {done['status']}: {done.get('error')}", flush=True)
    for number, (size, row) in enumerate(table.items()):
        now = tuple(trials.present(line)[-1 if line == "tma" else number])
        for tile, spent in sorted(row.items(), key=lambda item: item[1])[:5]:
            mark = "  (the present one)" if tile == now else ""
            print(f"{line}, {size}: {1e3 * spent:9.4f} ms  {tile}{mark}", flush=True)


def rendered(table: dict[str, dict[str, Any]]) -> str:
    """The text of tuned.py with this table."""
    head = FILE.read_text().partition("\nTUNED: ")[0]
    declared = "TUNED: dict[str, dict[str, tuple[tuple[int, ...], tuple[int, ...]]]] = {"
    lines = [head, declared]
    for model, rows in sorted(table.items()):
        lines.append(f'    "{model}": {{')
        lines += [f'        "{line}": ({pair[0]}, {pair[1]}),' for line, pair in rows.items()]
        lines.append("    },")
    return "\n".join(lines) + "}\n" if len(lines) == 2 else "\n".join([*lines, "}\n"])


def main(words: list[str] | None = None) -> int:
    """0 if the table was printed or written, 2 if this is no machine to tune on."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--lines", default=",".join(trials.LINES), help="lines of the tables")
    parser.add_argument("--seconds", type=float, default=600, help="time for all lines together")
    parser.add_argument("--write", action="store_true", help=f"into {FILE.name}")
    options = parser.parse_args(words)
    lines = options.lines.split(",")
    if unknown := [line for line in lines if line not in trials.LINES]:
        parser.error(f"{unknown[0]!r} is not one of {', '.join(trials.LINES)}")
    facts = dict(isolate.run("bench.gpu.facts:gather", None, 60)["rows"])
    if not facts.get("available") or facts.get("stand_in"):
        reason = facts.get("reason", "no answer from the driver")
        said = "the driver is a stand-in that executes nothing" if facts.get("stand_in") else reason
        print(f"tune: no GPU: {said}", file=sys.stderr)
        return 2
    model = facts["device"]
    table = dict(tuned.TUNED)
    table[model] = {**table.get(model, {}), **tune(lines, options.seconds)}
    text = rendered({name: rows for name, rows in table.items() if rows})
    if options.write:
        FILE.write_text(text)
        print(f"wrote {FILE}; read it through, run the tests, commit it")
    else:
        print(text)
    return 0


if __name__ == "__main__":
    from bench.gpu import tune as this  # one module: its tables are those that tasks see

    sys.exit(this.main())
