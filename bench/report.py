"""Tables on the terminal, JSON and pictures of the rows that were measured."""

from __future__ import annotations

import json
import math
import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from bench.driver import Row
from tritongrad import svg

PEERS = ("torch", "numpy")
NAMES = {"torch": "PyTorch", "numpy": "NumPy"}


def table(rows: Sequence[Row], peers: Sequence[str]) -> str:
    """The lines of one group: ratio [spread] to each peer, the goals, and whether they are met."""
    wide = max(len(row.name) for row in rows)
    shown = [p for p in PEERS if p in peers]
    lines = [f"{'':<{wide}}" + "".join(f"  {'to ' + NAMES[p]:^25}" for p in shown) + "  goal"]
    for row in rows:
        cells = "".join(f"  {cell(row.ratios.get(p)):<25}" for p in shown)
        goals = ", ".join(f"{NAMES[p]} {g:g}" for p, g in row.goals.items())
        tail = f"  {goals:<14} {row.verdict()}" if goals else ""
        lines.append(f"{row.name:<{wide}}{cells}{tail}{'  ' + row.note if row.note else ''}")
    return "\n".join(line.rstrip() for line in lines)


def cell(ratios: Sequence[float] | None) -> str:
    """The median, and between what it lay in the middle half of the rounds."""
    if not ratios:
        return "-"
    middle = statistics.median(ratios)
    if len(ratios) < 2:
        return f"{middle:7.3g}"
    low, _, high = statistics.quantiles(ratios, n=4, method="inclusive")
    return f"{middle:7.3g} [{low:.3g} .. {high:.3g}]"


def machine() -> str:
    """The processor, what runs on it, and how busy it is with other things."""
    name = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            for line in file:
                if line.startswith("model name"):
                    name = line.partition(":")[2].strip()
                    break
    except OSError:
        pass
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    system = f"{platform.system()} {platform.release()}"
    return f"{name}, {os.cpu_count()} cores, {system}, Python {platform.python_version()}{load}"


def save(rows: Sequence[Row], about: dict, stem: Path) -> list[Path]:
    """Write stem.json, and a picture of the ratios as SVG and, with matplotlib, as PNG."""
    stem.parent.mkdir(parents=True, exist_ok=True)
    files = [stem.with_suffix(".json"), stem.with_suffix(".svg")]
    found = [asdict(row) | {"verdict": row.verdict()} for row in rows]
    text = json.dumps({"about": about, "rows": found}, indent=1)
    files[0].write_text(text + "\n", encoding="utf-8")
    bars = [(f"{r.group}: {r.name}", [r.middle(p) for p in PEERS]) for r in rows if r.ratios]
    if not bars:
        return files[:1]
    title = f"Time over that of {' and '.join(NAMES[p] for p in PEERS)}, lower is better"
    files[1].write_text(drawn(bars, title), encoding="utf-8")
    try:
        with_matplotlib(bars, title, stem.with_suffix(".png"))
    except ImportError:
        return files
    return [*files, stem.with_suffix(".png")]


Bars = Sequence[tuple[str, list[float | None]]]


def limits(bars: Bars) -> tuple[float, float]:
    """The powers of ten between which all bars end."""
    values = [v for _, pair in bars for v in pair if v] + [1.0]
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)) + 1e-9)
    return float(min(low, -1)), float(max(high, 1))


def drawn(bars: Bars, title: str) -> str:
    """Horizontal bars from the line of 1, on a logarithmic axis."""
    left = 20 + max(svg.width_of(name, 12) for name, _ in bars)
    right, top, each = left + 480, 76.0, 30.0
    low, high = limits(bars)
    foot = top + each * len(bars)

    def at(value: float) -> float:
        return left + (right - left) * (math.log10(value) - low) / (high - low)

    parts = [svg.text(title, 20, 28, text_anchor="start", font_size=16, fill=svg.INK)]
    for k, peer in enumerate(PEERS):
        x = left + 110 * k
        parts.append(svg.element("rect", x=x, y=44, width=12, height=12, fill=svg.SERIES[k]))
        words = f"to {NAMES[peer]}"
        parts.append(svg.text(words, x + 18, 55, text_anchor="start", font_size=12, fill=svg.INK))
    for power in range(int(low), int(high) + 1):
        x, ink = at(10.0**power), svg.INK if power == 0 else svg.FAINT
        parts.append(svg.element("line", x1=x, x2=x, y1=top - 8, y2=foot, stroke=ink))
        parts.append(svg.text(f"{10.0**power:g}", x, foot + 18, font_size=12, fill=svg.SOFT))
    for row, (name, pair) in enumerate(bars):
        y = top + each * row
        parts.append(
            svg.text(name, left - 8, y + 15, text_anchor="end", font_size=12, fill=svg.INK)
        )
        for k, value in enumerate(pair):
            if value:
                parts += bar(at(1.0), at(value), y + 2 + 11 * k, svg.SERIES[k], f"{value:.2g}")
    return svg.document(right + 60, foot + 34, *parts, title=title)


def bar(start: float, end: float, y: float, colour: str, words: str) -> list[str]:
    """One bar and its value at the end of it."""
    x, width = min(start, end), abs(end - start)
    anchor, place = ("end", end - 4) if end < start else ("start", end + 4)
    return [
        svg.element("rect", x=x, y=y, width=width, height=10, fill=colour),
        svg.text(words, place, y + 9, text_anchor=anchor, font_size=10, fill=svg.SOFT),
    ]


def with_matplotlib(bars: Bars, title: str, path: Path) -> None:
    """The same picture by matplotlib."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 1.2 + 0.28 * len(bars)), dpi=110, layout="constrained")
    axes = figure.add_subplot(title=title, xscale="log")
    for k, peer in enumerate(PEERS):
        found = [(row, pair[k]) for row, (_, pair) in enumerate(bars) if pair[k]]
        axes.barh(
            [row + 0.36 * k for row, _ in found],
            [value - 1 for _, value in found if value],
            height=0.34,
            left=1,
            color=svg.SERIES[k],
            label=f"to {NAMES[peer]}",
        )
    axes.axvline(1, color=svg.INK, linewidth=1)
    axes.set_yticks([row + 0.18 for row in range(len(bars))], [name for name, _ in bars])
    axes.invert_yaxis()
    axes.legend(frameon=False, loc="lower right")
    figure.savefig(path)
