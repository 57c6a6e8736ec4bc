"""The figures that a GPU has to show: what each must be, and what a report says of it."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from bench.gpu.measure import ALLOCATIONS, WITHOUT_LAUNCH

Rows = dict[str, Any]


class Goal(NamedTuple):
    figure: str
    against: str
    part: str
    found: Callable[[Rows], Any]  # a number, or None where it was not measured
    sign: str  # "<=" or ">="
    bound: float


def cell(name: str, key: str | None = None) -> Callable[[Rows], Any]:
    """One number of one row, or the row where that is the number."""

    def find(rows: Rows) -> Any:
        row = rows.get(name)
        return number(row.get(key)) if isinstance(row, dict) else number(row) if not key else None

    return find


def number(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) else None


def over(choose: Callable[[str], bool], key: str, fold: Callable) -> Callable[[Rows], Any]:
    """fold of a column over the rows whose names are chosen; None if one of them lacks it."""

    def find(rows: Rows) -> Any:
        kept = [row for name, row in rows.items() if isinstance(row, dict) and choose(name)]
        values = [number(row.get(key)) for row in kept]
        return fold(values) if values and None not in values else None

    return find


def ends(word: str) -> Callable[[str], bool]:
    return lambda name: name.endswith(word)


def starts(*words: str) -> Callable[[str], bool]:
    return lambda name: name.startswith(words)


def not_a_launch(name: str) -> bool:
    return name in WITHOUT_LAUNCH or name in ("Triton's dispatch", "memory", "torch")


def shares(rows: Rows, least: float) -> Any:
    """The smallest share of a copy's bandwidth among the operations that have this goal."""
    kept = [row for row in rows.values() if isinstance(row, dict) and row.get("least") == least]
    values: list[Any] = [number(row.get("of floor")) for row in kept]
    return min(values) if values and None not in values else None


def left(rows: Rows) -> Any:
    """Bytes left in the pools of all processes of the suite."""
    found = rows.get("bytes left")
    return sum(found) if isinstance(found, list) and found and None not in found else None


def findings(rows: Rows) -> Any:
    """Of all three tools; None is no count, and 0 counts only where every case was run."""
    tools = (rows.get("tools") or {}).values()
    counts = [number(tool.get("findings")) for tool in tools]
    whole = len(counts) == 3 and None not in counts and all(tool.get("whole") for tool in tools)
    total = sum(count for count in counts if count is not None)
    return total if whole or total else None


def beyond(rows: Rows) -> Any:
    row = rows.get("first result")
    return number((row.get("beyond CUDA's start") or {}).get("median")) if row else None


gmean, speed = statistics.geometric_mean, "speed of torch"
CUBLAS = "cuBLAS through PyTorch"
GOALS = [
    Goal("tutorial's step, eager", "PyTorch", "tutorial", cell("eager", "of torch"), "<=", 0.5),
    Goal("tutorial's step as CUDA graph", "PyTorch's graph", "tutorial",
         cell("graphed", "of torch"), "<=", 0.8),
    Goal("host time of an operation, worst", "PyTorch", "host",
         over(lambda n: not not_a_launch(n), "of torch", max), "<=", 0.7),
    Goal("host time of an operation", "Triton's own dispatch", "host",
         cell("Triton's dispatch", "of Triton's"), "<=", 0.4),
    Goal("warm allocation, worst", "PyTorch", "host",
         over(lambda n: n in ALLOCATIONS, "of torch", max), "<=", 1.0),
    Goal("bytes a warm step asks the driver for", "none", "host",
         cell("memory", "reserved more"), "<=", 0),
    Goal("elementwise, copies, sums, cross-entropy, worst", "measured copy", "bandwidth",
         lambda rows: shares(rows, 0.92), ">=", 0.92),
    Goal("softmax and layer norm, worst", "measured copy", "bandwidth",
         lambda rows: shares(rows, 0.88), ">=", 0.88),
    *(Goal(f"{d} matmul, {word} of 20 shapes", CUBLAS, "matmul",
           over(ends(f" {d}"), speed, fold), ">=", bound)
      for d in ("bfloat16", "float16")
      for word, fold, bound in (("geometric mean", gmean, 0.95), ("worst", min, 0.8))),
    Goal("float32 matmul, highest", CUBLAS, "float32",
         over(starts("highest,"), speed, gmean), ">=", 0.9),
    Goal("float32 matmul, high", CUBLAS, "float32",
         over(starts("high,"), speed, gmean), ">=", 1.7),
    Goal("error of highest, in u abs(A) abs(B)", "float64", "float32",
         over(starts("error, highest"), "error in u |A||B|", max), "<=", 16),
    Goal("error of high, in u abs(A) abs(B)", "float64", "float32",
         over(starts("error, high,"), "error in u |A||B|", max), "<=", 32),
    Goal("first result beyond CUDA's own start, s", "none", "start", beyond, "<=", 0.5),
    Goal("process start to the first step, warm", "PyTorch", "start",
         cell("first step, of torch first step"), "<=", 1.0),
    Goal("process start to the first step, cold", "torch.compile", "start",
         cell("first step, cold, of torch.compile, cold"), "<=", 1.0),
    Goal("bytes left in the pool after the suite", "none", "tests", left, "<=", 0),
    Goal("findings of compute-sanitizer", "none", "sanitizer", findings, "<=", 0),
]  # fmt: skip


def judged(parts: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Each figure with what was found: `met` is None where nothing was."""
    for goal in GOALS:
        part = parts.get(goal.part) or {}
        rows = part.get("rows") or part
        found = goal.found(rows)
        met = None
        if found is not None:
            met = found <= goal.bound if goal.sign == "<=" else found >= goal.bound
        yield {
            "figure": goal.figure,
            "against": goal.against,
            "must": f"{goal.sign} {goal.bound:g}",
            "found": found,
            "met": met,
        }
