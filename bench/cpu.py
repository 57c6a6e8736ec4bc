"""The CPU against PyTorch and plain NumPy: small operations, steps, passes over memory, products.

    python bench/cpu.py [--torch PYTHON] [--only GROUP,GROUP] [--threads N] [--rounds N] [--quick]

Each peer is a process of its own; they get the same unit in turn, one at a time, and answer with
the least time of a call over many short repeats. A figure is our time over the peer's, the median
of the rounds [their middle half]. With --threads 1 it is the processor's time, which other programs
do not change; with more it is wall time, which needs a quiet machine. PyTorch is measured where the
interpreter, or the one named by --torch, has it. Tables go to the terminal, JSON and pictures to
bench/results/.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench import data, report, whole
from bench.driver import OURS, ROOT, Peer, Row, find_torch, measure, start
from bench.work import PASSES, SMALL
from tritongrad.progress import track

LARGE_GOALS = {
    "pow 3": 0.45,
    "sum": 1.1,
    "sum dim 0": 0.6,
    "sum dim 1": 1.15,
    "softmax": 0.6,
}
MIDDLE = 2.2  # NumPy alone; PyTorch's team of threads spins between operations


def all_rows() -> list[Row]:
    """What is measured inside running processes, with the goals."""
    rows = []
    for way, goal in (("forward", 0.6), ("both", 0.25)):
        group = "small " + ("forward" if way == "forward" else "forward and backward")
        rows += [Row(group, f"{n} 8x8", f"{n}/{way}", {"torch": goal}) for n in SMALL]
    rows.append(Row("steps", "tutorial 64x1000-100-10", "step", {"torch": 0.8, "numpy": 1.25}))
    rows.append(Row("steps", "MLP 256x784-1024-1024-10", "mlp", {"torch": 0.95}))
    for name in PASSES:
        goal = {"torch": LARGE_GOALS.get(name, 0.4)}
        rows.append(Row("4096x4096", name, f"{name}/large", goal))
    for name in PASSES:
        goal = {} if name in LARGE_GOALS and name != "pow 3" else {"torch": MIDDLE}
        rows.append(Row("1024x1024", name, f"{name}/middle", goal))
    rows.append(Row("products", "mm 2048^3", "mm/2048", {"torch": 1.08}))
    for name, words in (
        ("conv2d", "conv2d 16x32x32x32, 64 of 3x3"),
        ("layer_norm", "layer_norm 2048x1024"),
        ("cross_entropy", "cross_entropy 1024x1000"),
    ):
        rows.append(Row("layers", words, name, {"torch": 1.5}))
    return rows


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--torch", metavar="PYTHON", help="an interpreter that has PyTorch")
    parser.add_argument("--only", help="groups by the start of their names, with commas between")
    parser.add_argument("--threads", type=int, default=min(os.cpu_count() or 1, 4))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.25, help="of a unit in a round")
    parser.add_argument("--quick", action="store_true", help="3 rounds of 0.05 s")
    parser.add_argument("--clock", choices=["wall", "processor"])
    parser.add_argument("--out", type=Path, default=ROOT / "bench" / "results" / "cpu")
    given = parser.parse_args()
    if given.quick:
        given.rounds, given.seconds = 3, 0.05
    given.clock = given.clock or ("processor" if given.threads == 1 else "wall")
    return given


def main() -> None:
    given = arguments()
    wanted = given.only.split(",") if given.only else [""]

    def chosen(group: str) -> bool:
        return any(group.startswith(w) for w in wanted)

    rows = [row for row in all_rows() if chosen(row.group)]
    torch = find_torch(given.torch)
    about = {"machine": report.machine(), "threads": given.threads, "clock": given.clock}
    print(f"{about['machine']}; {given.threads} threads, {given.clock} time")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data.make_apart(folder)
        if rows:
            peers = start(folder, torch, given.threads)
            about["versions"] = {p.name: p.version for p in peers}
            print(", ".join(p.version for p in peers))
            run(rows, peers, given)
        if chosen("processes"):
            pythons = {OURS: sys.executable, "numpy": sys.executable}
            pythons |= {"torch": torch} if torch else {}
            rounds = range(max(given.rounds // 2, 2))
            found = whole.rows(pythons, folder, given.threads, rounds)
            print(f"\nprocesses\n{report.table(found, list(pythons))}")
            rows += found
    files = report.save(rows, about, given.out)
    print("\nwritten: " + ", ".join(os.path.relpath(f) for f in files))


def run(rows: list[Row], peers: list[Peer], given: argparse.Namespace) -> None:
    """All rounds of a group, then its table."""
    try:
        for group in dict.fromkeys(row.group for row in rows):
            mine = [row for row in rows if row.group == group]
            turns = [row for _ in range(given.rounds) for row in mine]
            for row in track(turns, group):
                measure(row, peers, given.seconds, given.clock)
            print(f"\n{group}\n{report.table(mine, [p.name for p in peers])}", flush=True)
    finally:
        for peer in peers:
            peer.close()


if __name__ == "__main__":
    main()
