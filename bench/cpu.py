"""The CPU against PyTorch and plain NumPy: small operations, steps, passes, products, processes.

    python -m tritongrad bench [GROUP...] [--quick] [--out DIR] [--torch PYTHON]

Each peer is a process of its own; they get the same unit in turn, one at a time, and answer with
the least time of a call over many short repeats. A figure is our time over the peer's: the median
of the rounds [their middle half]. With --threads 1 it is the processor's time, which other programs
do not change; with more it is wall time, which needs a quiet machine. PyTorch is measured where the
interpreter, or the one named by --torch or TRITONGRAD_PEER_PYTHON, has it, and the group `fast`
where it, or the one named by --fast or TRITONGRAD_FAST_PYTHON, has numba. Tables go to the
terminal, JSON and pictures to bench/results/, from where --write brings a document up to date.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench import data, document, pictures, report, whole
from bench.driver import OURS, ROOT, Noise, Peer, find_fast, find_torch, measure, start
from bench.rows import FAST, GROUPS, Row, inside_rows, rate_rows, rates_of
from tritongrad.progress import track

RESULTS = ROOT / "bench" / "results"
TINY = 16
FAST_GROUP = "fast"
NO_NUMBA = "Not measured: no interpreter with numba was named (--fast)"


def arguments(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bench",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="groups:\n" + "\n".join(f"  {name:<11}{what}" for name, what in GROUPS.items()),
    )
    add = parser.add_argument
    add("groups", nargs="*", metavar="GROUP", help="all, if none is named")
    add("--quick", action="store_true", help="3 rounds of 0.05 s, written to DIR/quick")
    add("--out", type=Path, default=RESULTS, metavar="DIR", help="for JSON and pictures")
    add("--write", type=Path, metavar="FILE", help="put DIR's tables into FILE, measure nothing")
    add("--torch", metavar="PYTHON", help="an interpreter that has PyTorch")
    add("--fast", metavar="PYTHON", help="an interpreter that has numba, NumPy and ml_dtypes")
    add("--threads", type=int, default=min(os.cpu_count() or 1, 4))
    add("--rounds", type=int, default=7)
    add("--seconds", type=float, default=0.25, help="of a unit in a round")
    add("--patience", type=float, default=90, help="seconds for repeats of disturbed rounds")
    add("--clock", choices=["wall", "processor"])
    add("--tiny", action="store_true", help=f"no dim above {TINY}, few steps: try the program")
    given = parser.parse_args(words)
    unknown = [name for name in given.groups if name not in GROUPS]
    if unknown:
        parser.error(f"{unknown[0]!r} is not a group; they are {', '.join(GROUPS)}")
    if given.quick:
        given.rounds, given.seconds, given.patience = 3, 0.05, 0
    if (given.quick or given.tiny) and given.out == RESULTS:
        given.out = RESULTS / ("tiny" if given.tiny else "quick")
    given.clock = given.clock or ("processor" if given.threads == 1 else "wall")
    return given


def main(words: list[str] | None = None) -> int:
    given = arguments(words)
    if given.write:
        changed = document.write(given.write, report.read(given.out))
        print(f"{given.write}: {'written' if changed else 'as it was'}")
        return 0
    begin = time.monotonic()
    if given.tiny:
        data.shrink(TINY)
    with tempfile.TemporaryDirectory() as name:
        data.make_apart(Path(name))
        found = run(given, Path(name))
    files = [report.save(found, given.out), *pictures.draw(report.read(given.out), given.out)]
    missed = sum(r.verdict() == "missed" for _, rows in found.values() for r in rows)
    print(f"\n{time.monotonic() - begin:.0f} s; goals missed: {missed}")
    print("written: " + ", ".join(os.path.relpath(f) for f in files))
    return 0


def run(given: argparse.Namespace, folder: Path) -> report.Groups:
    """Measure the groups that were asked for, and print a table after each."""
    torch = find_torch(given.torch)
    wanted = given.groups or list(GROUPS)
    about = {
        "date": report.now(),
        "machine": report.machine(),
        "threads": given.threads,
        "clock": given.clock,
        "rounds": given.rounds,
        "seconds": given.seconds,
        "tiny": given.tiny,
    }
    print(f"{about['machine']}; {given.threads} threads, {given.clock} time")
    found: report.Groups = {}
    inside = [group for group in wanted if group != "processes"]
    if inside:
        fast = find_fast(given.fast) if FAST_GROUP in inside else None
        peers = start(folder, torch, given.threads, fast=fast)
        try:
            about["versions"] = {p.name: p.version for p in peers}
            print(", ".join(p.version for p in peers))
            run_inside(inside, peers, given, about, found)
        finally:
            for peer in peers:
                peer.close()
    if "processes" in wanted:
        pythons = {OURS: sys.executable, "numpy": sys.executable}
        pythons |= {"torch": torch} if torch else {}
        counts = {"rounds": max(given.rounds // 2, 2), "steps": 5 if given.tiny else 500}
        rows = whole.measure(
            pythons, folder, given.threads, track=lambda x: track(x, "processes"), **counts
        )
        found["processes"] = ({**about, "load": report.load()}, rows)
        show("processes", rows, list(pythons))
    return found


def run_inside(
    groups: list[str],
    peers: list[Peer],
    given: argparse.Namespace,
    about: dict,
    found: report.Groups,
) -> None:
    """All rounds of each group in the processes of the peers, after those of the roofs."""
    roofs = rate_rows()
    measure_all(roofs, "roofs", peers, given)
    rates = rates_of(roofs)
    rows = inside_rows()
    for group in groups:
        mine = [row for row in rows if row.group == group]
        if group == FAST_GROUP and FAST not in [p.name for p in peers]:
            found[group] = ({**about, "load": report.load(), "missing": NO_NUMBA}, mine)
            print(f"\n{group}: {NO_NUMBA}")
            continue
        noise = measure_all(mine, group, peers, given)
        for row in mine:
            row.floor = rates.floor(row)
        disturbed = noise.dirty / max(noise.rounds, 1)
        here = {"load": report.load(), "disturbed": disturbed, "roofs": vars(rates)}
        found[group] = ({**about, **here}, mine)
        show(group, mine, [p.name for p in peers])


def measure_all(rows: list[Row], label: str, peers: list[Peer], given: argparse.Namespace) -> Noise:
    """The rounds of these rows, one row after the other in each."""
    noise = Noise(given.patience / len(GROUPS))
    turns = [row for _ in range(given.rounds) for row in rows]
    for row in track(turns, label):
        measure(row, peers, given.seconds, given.clock, noise)
    for peer in peers:
        peer.forget()
    return noise


def show(group: str, rows: list[Row], peers: list[str]) -> None:
    print(f"\n{group}: {GROUPS[group]}\n{report.table(rows, peers)}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
