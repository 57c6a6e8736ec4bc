"""Starts the peers, gives them the same units in turn, and makes ratios of what they answer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.rows import FAST, OURS, Row
from bench.worker import FORGET

ROOT = Path(__file__).resolve().parent.parent
CLOSE = 2e-3  # checksums of peers may differ so much: sums in another order, errors of descent
BLAS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
PYTHON = "TRITONGRAD_PEER_PYTHON"  # the environment's word for --torch
FAST_PYTHON = "TRITONGRAD_FAST_PYTHON"  # ... and for --fast
DIRTY = 0.1  # share of the machine that other programs may use while a unit is timed


class Peer:
    """A worker process."""

    def __init__(self, name: str, python: str, folder: Path, threads: int, device: str) -> None:
        self.name = name
        env = {k: v for k, v in os.environ.items() if k not in BLAS}
        env["TRITONGRAD_FAST"] = "1" if name == FAST else "0"
        if name not in (OURS, FAST):  # ours chooses BLAS threads by size, so must be free to
            env |= dict.fromkeys(BLAS, str(threads))
        elif threads == 1:
            env["OPENBLAS_NUM_THREADS"] = "1"
        code = (
            f"import sys; sys.path.insert(0, {str(ROOT)!r}); from bench.worker import serve; "
            f"serve({name!r}, {str(folder)!r}, {threads}, {device!r})"
        )
        self.process = subprocess.Popen(
            [python, "-c", code],
            cwd=folder,
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        hello = self.read()
        self.version: str = hello["version"]
        self.units = set(hello["units"])

    def ask(self, unit: str, seconds: float = 0.0) -> dict:
        """Have a unit timed for so many seconds."""
        stdin: Any = self.process.stdin
        stdin.write(json.dumps({"unit": unit, "seconds": seconds}) + "\n")
        stdin.flush()
        return self.read()

    def forget(self) -> None:
        """Have the operands freed of all units so far."""
        self.ask(FORGET)

    def read(self) -> dict:
        stdout: Any = self.process.stdout
        line = stdout.readline()
        if not line:
            raise RuntimeError(f"bench: the process of {self.name} ended; its message is above")
        return json.loads(line)

    def close(self) -> None:
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                stream.close()
        self.process.wait(10)


def start(
    folder: Path, torch: str | None, threads: int, device: str = "cpu", fast: str | None = None
) -> list[Peer]:
    """Ours, NumPy where it has something to say, PyTorch and the extra if an interpreter has it."""
    peers = [Peer(OURS, sys.executable, folder, threads, device)]
    if device == "cpu":
        peers.append(Peer("numpy", sys.executable, folder, threads, device))
    if torch is not None:
        peers.append(Peer("torch", torch, folder, threads, device))
    if fast is not None:
        peers.append(Peer(FAST, fast, folder, threads, device))
    return peers


def find_torch(named: str | None) -> str | None:
    """The interpreter that was named, or this one if it can import PyTorch, or None."""
    return _that_imports(named or os.environ.get(PYTHON), "torch")


def find_fast(named: str | None) -> str | None:
    """The interpreter that was named, or this one if it can import numba, or None."""
    return _that_imports(named or os.environ.get(FAST_PYTHON), "numba")


def _that_imports(named: str | None, module: str) -> str | None:
    python = named or sys.executable
    try:
        done = subprocess.run([python, "-c", f"import {module}"], capture_output=True, text=True)
        if done.returncode == 0:
            return python
        why = done.stderr
    except OSError as error:
        why = str(error)
    if named:
        raise SystemExit(f"bench: {named} cannot import {module}:\n{why}")
    return None


class Noise:
    """How often other programs used the machine while something was timed, as Linux counts it.

    A round that was disturbed is repeated once, as long as `patience` seconds of that last.
    """

    def __init__(self, patience: float) -> None:
        self.patience = patience
        self.rounds = self.dirty = 0

    def now(self, peers: Sequence[Peer]) -> tuple[float, float] | None:
        """Ticks that the machine was busy, less those of the peers, and all ticks."""
        try:
            with open("/proc/stat", encoding="ascii") as file:
                ticks = [int(word) for word in file.readline().split()[1:9]]
            own = sum(_ticks_of(p.process.pid) for p in peers)
        except (OSError, ValueError, IndexError):
            return None
        return sum(ticks) - ticks[3] - ticks[4] - own, sum(ticks)

    def share(self, before: tuple | None, after: tuple | None) -> float:
        """Of the machine, what others used in between; 0 where nobody counts."""
        if before is None or after is None or after[1] <= before[1]:
            return 0.0
        return (after[0] - before[0]) / (after[1] - before[1])


def _ticks_of(pid: int) -> int:
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        words = file.read().rpartition(")")[2].split()
    return int(words[11]) + int(words[12])


def measure(row: Row, peers: Sequence[Peer], seconds: float, clock: str, noise: Noise) -> None:
    """One round of one row: each peer in turn; ours over each of the others."""
    able = [p for p in peers if row.unit in p.units and row.takes(p.name)]
    while True:
        before = noise.now(peers)
        answers = {p.name: p.ask(row.unit, seconds) for p in able}
        dirty = noise.share(before, noise.now(peers)) > DIRTY
        if not dirty or noise.patience <= 0:
            break
        noise.patience -= seconds * len(able)
    noise.rounds += 1
    noise.dirty += dirty
    failed = {name: a["error"] for name, a in answers.items() if "error" in a}
    if failed:
        row.note = "; ".join(f"{name}: {error}" for name, error in failed.items())
    if row.ours in failed:
        return
    mine = answers[row.ours]
    row.add({name: a[clock] for name, a in answers.items() if name not in failed}, dirty)
    for name, found in answers.items():
        if name not in failed and abs(mine["check"] - found["check"]) > CLOSE * abs(found["check"]):
            row.note = f"results differ: {mine['check']:.6g}, {name} {found['check']:.6g}"
