"""Whole processes: from start to the end of 500 steps, import time, peak memory, installed size."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from bench.driver import BLAS, DIRTY, ROOT, Noise
from bench.rows import OURS, Row

IMPORTS = {OURS: "tritongrad", "numpy": "numpy", "torch": "torch"}
# What getrusage says of a new process includes the memory of the one that started it.
PEAK = """
try:
    with open("/proc/self/status") as file:
        print(next(int(line.split()[1]) for line in file if line.startswith("VmHWM")) * 1024)
except OSError:
    import resource, sys
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(used if sys.platform == "darwin" else used * 1024)
"""
STEPS = """
import sys; sys.path.insert(0, {root!r})
from pathlib import Path
from bench.worker import peer_of
make, *_ = peer_of({peer!r}, Path({folder!r}), {threads}, "cpu")
step = make["step"]()
for _ in range({steps}):
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
STEP_COUNT = 500
MB = 1e6


def process_rows(steps: int = STEP_COUNT) -> dict[str, list[Row]]:
    """The rows by the program that they come from, in the order in which it is read."""

    def row(name: str, unit: str, **given: object) -> Row:
        return Row("processes", name, unit, **given)  # type: ignore[arg-type]  # by name

    return {
        "steps": [
            row(f"start to the end of {steps} steps", "wall", goals={"torch": 0.35}),
            row(f"start to the end of {steps} steps, processor time", "processor"),
            row(f"peak memory of {steps} steps", "memory", most=45.0, measure="MB"),
        ],
        "import": [
            row("import, interpreter included", "wall", goals={"torch": 0.1}),
            row("import, interpreter included, processor time", "processor"),
        ],
        "size": [row("installed size without extras", "size", most=80.0, measure="MB")],
    }


def programs(kind: str, pythons: dict[str, str], folder: Path, threads: int, steps: int) -> dict:
    """What each peer runs."""
    if kind == "import":
        path = f"import sys; sys.path.insert(0, {str(ROOT)!r}); import "
        return {peer: path + IMPORTS[peer] + PEAK for peer in pythons}
    given = {"root": str(ROOT), "folder": str(folder), "threads": threads, "steps": steps}
    return {peer: STEPS.format(peer=peer, **given) + PEAK for peer in pythons}


def run(python: str, program: str, threads: int) -> dict[str, float]:
    """Start a process and wait for it: seconds by both clocks, MB at its largest, others' share."""
    env = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    if threads == 1:
        env |= dict.fromkeys(BLAS, "1")
    noise = Noise(0)
    before, used = noise.now([]), children_seconds()
    start = time.perf_counter()
    done = subprocess.run([python, "-c", program], env=env, stdout=subprocess.PIPE, text=True)
    wall = time.perf_counter() - start
    if done.returncode:
        raise RuntimeError(f"bench: a process of {python} failed, its message is above")
    spent = children_seconds() - used
    others = noise.share(before, noise.now([])) - spent / (wall * (os.cpu_count() or 1))
    return {"wall": wall, "processor": spent, "memory": float(done.stdout) / MB, "others": others}


def children_seconds() -> float:
    """Processor time of the processes that have been waited for."""
    try:
        from resource import RUSAGE_CHILDREN, getrusage
    except ImportError:  # Windows
        return os.times().children_user + os.times().children_system
    used = getrusage(RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measure(
    pythons: dict[str, str],
    folder: Path,
    threads: int,
    rounds: int,
    steps: int = STEP_COUNT,
    track: Callable = iter,
) -> list[Row]:
    """Every row: interleaved runs of each peer after one that warms up."""
    found = process_rows(steps)
    turns = [(kind, turn) for kind in ("steps", "import") for turn in range(rounds + 1)]
    for kind, turn in track(turns):
        todo = programs(kind, pythons, folder, threads, steps)
        got = {peer: run(pythons[peer], todo[peer], threads) for peer in todo}
        disturbed = max(values["others"] for values in got.values()) > DIRTY
        for row in found[kind] if turn else []:
            values = {peer: values[row.unit] for peer, values in got.items()}
            row.add(values, None if row.unit == "memory" else disturbed)
    sizes = {peer: installed(peer, python) / MB for peer, python in pythons.items()}
    found["size"][0].add(sizes)
    return [row for kind in found.values() for row in kind]


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
