"""A report as text: the figures and their goals, the probes' answers, a line for every row."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

MET = {True: "met", False: "MISSED", None: "not measured"}
TIMES = ("tritongrad ms", "tritongrad us", "ms", "us", "s")


def text(data: dict[str, Any]) -> str:
    """All of a report, in plain columns."""
    lines = [f"{data['measured_on']}, {data['date']}"]
    if not data["complete"]:
        lines.append("cut off: parts that did not end are missing or in part")
    for name, part in data["parts"].items():
        lines += ["", f"{name}: {part.get('status')} {part.get('error') or ''}".rstrip()]
        lines += probes(part) if name == "probes" else part_rows(part)
    lines += ["", "figures", *goals(data.get("goals", []))]
    return "\n".join(lines)


def columns(rows: list[tuple[str, ...]]) -> list[str]:
    """Rows of cells as lines; the first column is flush left, the others right."""
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))] if rows else []
    lines = []
    for first, *rest in rows:
        cells = [first.ljust(widths[0])]
        cells += [cell.rjust(w) for cell, w in zip(rest, widths[1:], strict=True)]
        lines.append("  " + "  ".join(cells).rstrip())
    return lines


def goals(judged: list[dict[str, Any]]) -> list[str]:
    head = ("figure", "against", "must be", "is", "")
    rows = [
        (row["figure"], row["against"], row["must"], shown(row["found"]), MET[row["met"]])
        for row in judged
    ]
    return columns([head, *rows])


def probes(part: dict[str, Any]) -> list[str]:
    return columns([(r["question"], str(r["verdict"])) for r in part.get("rows", {}).values()])


def part_rows(part: dict[str, Any]) -> list[str]:
    """Times, ratio to PyTorch, share of the floor and what sets it; errors in words."""
    found = part.get("rows")
    if not isinstance(found, dict):
        return columns([(key, str(v)) for key, v in counted(part)])
    rows: list[tuple[str, ...]] = [("", "median", "PyTorch", "ratio", "of floor", "limit")]
    said: list[str] = []
    for name, row in found.items():
        if not isinstance(row, dict):
            rows.append((name, shown(row), "", "", "", ""))
        elif "error" in row:
            said.append(f"  {name}: {row['error']}")
        else:
            rows.append((name, *figures(row)))
    return [*columns(rows), *said] if len(rows) > 1 else said


def figures(row: dict[str, Any]) -> tuple[str, ...]:
    unit = next((key for key in TIMES if isinstance(row.get(key), dict)), None)
    if unit is None:
        plain = {k: v for k, v in row.items() if isinstance(v, (int, float))}
        return (", ".join(f"{k} {shown(v)}" for k, v in plain.items()), "", "", "", "")
    short = unit.rpartition(" ")[2]
    peer = row.get(f"torch {short}")
    return (
        f"{shown(row[unit].get('median'))} {short}",
        shown(peer.get("median")) if isinstance(peer, dict) else "",
        shown(row.get("of torch")),
        shown(row.get("of floor")),
        str(row.get("limit") or ""),
    )


def counted(part: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """What a part without rows tells: counts, findings, failures by name."""
    for key in ("cases", "of", "counts", "bytes left"):
        if part.get(key) is not None:
            yield key, part[key]
    for name, tool in (part.get("tools") or {}).items():
        yield name, f"{tool.get('findings')} findings, {tool.get('status')}"
    for name in part.get("failures") or ():
        yield "failed", name


def shown(value: Any) -> str:
    return "" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)
