"""Tables on the terminal, and the JSON of what was measured."""

from __future__ import annotations

import datetime
import json
import os
import platform
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from bench.rows import FAST, OURS, Row

FORMAT = 1
FILE = "cpu.json"
PEERS = ("torch", "numpy")
NAMES = {"torch": "PyTorch", "numpy": "NumPy", OURS: "tritongrad", FAST: FAST}


def table(rows: Sequence[Row], peers: Sequence[str]) -> str:
    """The lines of one group: ratio [spread] to each peer, the goals, and whether they are met."""
    wide = max(len(row.name) for row in rows)
    shown = [p for p in PEERS if p in peers]
    lines = [f"{'':<{wide}}" + "".join(f"  {'to ' + NAMES[p]:^24}" for p in shown) + "  goal"]
    for row in rows:
        cells = "".join(f"  {spread(row.kept(p)):<24}" for p in shown)
        tail = f"  {goals(row):<24} {judged(row)}"
        note = f"  ({row.note})" if row.note else ""
        lines.append(f"{row.name:<{wide}}{cells}{tail}{note}")
    return "\n".join(line.rstrip() for line in lines)


def spread(ratios: Sequence[float] | None) -> str:
    """The median, and between what it lay in the middle half of the rounds."""
    if not ratios:
        return "-"
    middle = statistics.median(ratios)
    if len(ratios) < 2:
        return f"{shortly(middle):>6}"
    low, _, high = statistics.quantiles(ratios, n=4, method="inclusive")
    return f"{shortly(middle):>6} [{shortly(low)} .. {shortly(high)}]"


def shortly(value: float) -> str:
    """Two decimals, or two digits of what is smaller than a tenth, or none of what is large."""
    if value >= 99.5:
        return f"{value:.0f}"
    return f"{value:.2f}" if value >= 0.0995 else f"{value:.2g}"


def judged(row: Row) -> str:
    """The verdict, and whether to doubt it."""
    return " ".join(filter(None, [row.verdict(), "(disturbed)" if row.doubtful() else ""]))


def goals(row: Row) -> str:
    """What is good enough: `PyTorch 0.6` or, of a value of our own, `37 of 45 MB`."""
    words = [f"{NAMES[p]} {g:g}" for p, g in row.goals.items()]
    if row.most is not None:
        own = row.own()
        words.append(f"{'-' if own is None else round(own)} of {row.most:g} {row.measure}")
    return ", ".join(words)


def machine() -> str:
    """The processor and what runs on it."""
    name = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            for line in file:
                if line.startswith("model name"):
                    name = line.partition(":")[2].strip()
                    break
    except OSError:
        pass
    system = f"{platform.system()} {platform.release()}"
    return f"{name}, {os.cpu_count()} cores, {system}, Python {platform.python_version()}"


def load() -> str:
    """How busy the machine was lately, where the system says."""
    return f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"


def now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="minutes")


Groups = dict[str, tuple[dict, list[Row]]]  # about a run, and its rows, by the group's name


def save(found: Groups, folder: Path) -> Path:
    """Write the groups to the folder's JSON; groups that are there and were not measured stay."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / FILE
    kept = read_json(path).get("groups", {}) if path.exists() else {}
    for group, (about, rows) in found.items():
        kept[group] = {"about": about, "rows": [described(row) for row in rows]}
    text = json.dumps({"format": FORMAT, "groups": kept}, indent=1)
    path.write_text(text + "\n", encoding="utf-8")
    return path


def described(row: Row) -> dict:
    """A row as JSON has it: what was measured, to six digits, and what follows from it."""
    found = asdict(row) | {"verdict": row.verdict(), "over_floor": row.over_floor()}
    found["median"] = {peer: row.middle(peer) for peer in row.ratios}
    return rounded(found)


def rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, Mapping):
        return {key: rounded(item) for key, item in value.items()}
    return [rounded(item) for item in value] if isinstance(value, list) else value


def read_json(path: Path) -> dict:
    found = json.loads(path.read_text(encoding="utf-8"))
    if found.get("format") != FORMAT:
        raise SystemExit(f"bench: {path} has format {found.get('format')}, not {FORMAT}")
    return found


def read(folder: Path) -> Groups:
    """The groups of a folder's JSON."""
    path = folder / FILE
    if not path.exists():
        raise SystemExit(f"bench: there is no {path}: measure first, or name a folder by --out")
    names = {f.name for f in fields(Row)}
    groups = {}
    for group, found in read_json(path)["groups"].items():
        rows = [Row(**{k: v for k, v in row.items() if k in names}) for row in found["rows"]]
        groups[group] = (found["about"], rows)
    return groups
