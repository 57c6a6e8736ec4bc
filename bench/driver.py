"""Starts the peers, gives them the same units in turn, and makes ratios of what they answer."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
OURS = "tritongrad"
CLOSE = 2e-3  # checksums of peers may differ so much: sums in another order, errors of descent
BLAS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass
class Row:
    """One line of a table: what was done, and for each peer our time over its, round by round.

    `goals`  peer -> the largest ratio that is good enough
    """

    group: str
    name: str
    unit: str
    goals: dict[str, float] = field(default_factory=dict)
    ratios: dict[str, list[float]] = field(default_factory=dict)
    seconds: dict[str, list[float]] = field(default_factory=dict)
    note: str = ""

    def middle(self, peer: str) -> float | None:
        found = self.ratios.get(peer)
        return statistics.median(found) if found else None

    def verdict(self) -> str:
        """ok if each goal that was measured is met, MORE if one is not, else empty."""
        met = [
            m <= goal for peer, goal in self.goals.items() if (m := self.middle(peer)) is not None
        ]
        return "" if not met else "ok" if all(met) else "MORE"


class Peer:
    """A worker process."""

    def __init__(self, name: str, python: str, folder: Path, threads: int, device: str) -> None:
        self.name = name
        own = {"numpy": "", OURS: ""}
        env = {k: v for k, v in os.environ.items() if k not in BLAS}
        if name != OURS:  # ours chooses BLAS threads by size, so must be free to
            env |= dict.fromkeys(BLAS, str(threads))
        elif threads == 1:
            env["OPENBLAS_NUM_THREADS"] = "1"
        code = (
            f"import sys; sys.path.insert(0, {str(ROOT)!r}); from bench.worker import serve; "
            f"serve({name!r}, {str(folder)!r}, {threads}, {device!r})"
        )
        self.process = subprocess.Popen(
            [python, "-c", code],
            cwd=ROOT if name in own else folder,
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        hello = self.read()
        self.version: str = hello["version"]
        self.units = set(hello["units"])

    def ask(self, unit: str, seconds: float) -> dict:
        stdin: Any = self.process.stdin
        stdin.write(json.dumps({"unit": unit, "seconds": seconds}) + "\n")
        stdin.flush()
        return self.read()

    def read(self) -> dict:
        stdout: Any = self.process.stdout
        line = stdout.readline()
        if not line:
            raise RuntimeError(f"bench: the process of {self.name} ended; its message is above")
        return json.loads(line)

    def close(self) -> None:
        stdin: Any = self.process.stdin
        stdin.close()
        self.process.wait(10)


def start(folder: Path, torch: str | None, threads: int, device: str = "cpu") -> list[Peer]:
    """Ours, NumPy where it has something to say, and PyTorch if an interpreter has it."""
    peers = [Peer(OURS, sys.executable, folder, threads, device)]
    if device == "cpu":
        peers.append(Peer("numpy", sys.executable, folder, threads, device))
    if torch is not None:
        peers.append(Peer("torch", torch, folder, threads, device))
    return peers


def find_torch(named: str | None) -> str | None:
    """The interpreter that was named, or this one if it can import PyTorch, or None."""
    python = named or sys.executable
    done = subprocess.run([python, "-c", "import torch"], capture_output=True, text=True)
    if done.returncode == 0:
        return python
    if named:
        raise SystemExit(f"bench: --torch {named} cannot import torch:\n{done.stderr}")
    return None


def measure(row: Row, peers: Sequence[Peer], seconds: float, clock: str) -> None:
    """One round of one row: each peer in turn; ours over each of the others."""
    able = [p for p in peers if row.unit in p.units]
    answers = {p.name: p.ask(row.unit, seconds) for p in able}
    failed = {name: a["error"] for name, a in answers.items() if "error" in a}
    if failed:
        row.note = "; ".join(f"{name}: {error}" for name, error in failed.items())
    mine = answers[OURS]
    for name, found in answers.items():
        if name in failed or OURS in failed:
            continue
        row.seconds.setdefault(name, []).append(found[clock])
        if name == OURS:
            continue
        row.ratios.setdefault(name, []).append(mine[clock] / found[clock])
        if abs(mine["check"] - found["check"]) > CLOSE * abs(found["check"]):
            row.note = f"results differ: {mine['check']:.6g}, {name} {found['check']:.6g}"
