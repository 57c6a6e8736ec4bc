"""Whole processes: from start to the end of 500 steps, import time, peak memory, installed size."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from bench.driver import OURS, ROOT, Row

IMPORTS = {OURS: "tritongrad", "numpy": "numpy", "torch": "torch"}
STEPS = """
import sys; sys.path.insert(0, {root!r})
from pathlib import Path
from bench.worker import PEERS
make, *_ = PEERS[{peer!r}](Path({folder!r}), {threads}, "cpu")
step = make["step"]()
for _ in range(500):
    loss = step()
"""
# The files of a distribution and of all that it needs; ours lies in a checkout.
SIZE = """
import importlib.metadata as metadata, os, re, sys
todo, seen, total = list({names!r}), set(), 0
while todo:
    name = re.sub("[-_.]+", "-", todo.pop()).lower()
    if name in seen:
        continue
    seen.add(name)
    try:
        found = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        continue
    total += sum(os.path.getsize(p) for f in found.files or () if os.path.isfile(p := f.locate()))
    wanted = [r for r in found.requires or () if "extra ==" not in r]
    todo += [re.match("[A-Za-z0-9._-]+", r)[0] for r in wanted]
print(total)
"""
NEEDS = ("numpy", "ml_dtypes")  # of ours; a test compares them with pyproject.toml
ROWS = (
    ("500 steps, start to end", "wall", "steps", {"torch": 0.35}),
    ("500 steps, processor time", "processor", "steps", {"torch": 0.35}),
    ("500 steps, peak memory", "memory", "steps", {}),
    ("import", "wall", "import", {"torch": 0.1}),
    ("import, processor time", "processor", "import", {"torch": 0.1}),
)


def code(kind: str, peer: str, folder: Path, threads: int) -> str:
    if kind == "import":
        return f"import sys; sys.path.insert(0, {str(ROOT)!r}); import {IMPORTS[peer]}"
    return STEPS.format(root=str(ROOT), peer=peer, folder=str(folder), threads=threads)


def run(python: str, program: str, threads: int) -> dict[str, float]:
    """Start a process and wait for it: seconds by both clocks, and bytes at its largest."""
    env = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    if threads == 1:
        env |= dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    start = time.perf_counter()
    process = subprocess.Popen([python, "-c", program], env=env)
    _, status, used = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if status:
        raise RuntimeError(f"bench: a process of {python} failed, its message is above")
    return {"wall": wall, "processor": used.ru_utime + used.ru_stime, "memory": used.ru_maxrss}


def rows(pythons: dict[str, str], folder: Path, threads: int, rounds: Sequence[int]) -> list[Row]:
    """Every whole-process row, `rounds` interleaved runs of each peer after one that warms up."""
    found = [Row("processes", name, unit, dict(goals)) for name, unit, _, goals in ROWS]
    for kind in ("steps", "import"):
        for peer, python in pythons.items():
            run(python, code(kind, peer, folder, threads), threads)
        for _ in rounds:
            got = {
                p: run(python, code(kind, p, folder, threads), threads)
                for p, python in pythons.items()
            }
            for row, (_, clock, of, _) in zip(found, ROWS, strict=True):
                if of == kind:
                    _add(row, {peer: values[clock] for peer, values in got.items()})
    sizes = {peer: installed(peer, python) for peer, python in pythons.items()}
    size = Row("processes", "installed size", "size")
    _add(size, sizes)
    size.note = f"{sizes[OURS] / 1e6:.0f} MB (goal 80)"
    peak = found[2]
    peak.note = f"{sorted(peak.seconds[OURS])[len(rounds) // 2] / 1024:.0f} MiB (goal 45)"
    return [*found, size]


def _add(row: Row, values: dict[str, float]) -> None:
    for peer, value in values.items():
        row.seconds.setdefault(peer, []).append(value)
        if peer != OURS:
            row.ratios.setdefault(peer, []).append(values[OURS] / value)


def installed(peer: str, python: str) -> float:
    """Bytes of a peer's distribution and of what it needs."""
    names = NEEDS if peer == OURS else (IMPORTS[peer],)
    own = 0.0
    if peer == OURS:
        for folder in ("tritongrad", "kernels"):
            own += sum(f.stat().st_size for f in (ROOT / folder).rglob("*.py"))
    done = subprocess.run(
        [python, "-c", SIZE.format(names=names)], check=True, stdout=subprocess.PIPE, text=True
    )
    return own + float(done.stdout)
