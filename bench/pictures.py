"""The pictures of a run: our time over each peer's, and the share of what the machine can do."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from bench.report import NAMES, PEERS, Groups, shortly
from bench.rows import FAST, GROUPS, OURS, Row
from bench.scene import Scene
from tritongrad import svg

COLOURS = {OURS: svg.SERIES[0], FAST: svg.SERIES[0], "torch": svg.SERIES[1], "numpy": svg.SERIES[2]}
ROW, HEAD, TOP, FOOT = 21.0, 42.0, 78.0, 40.0
PLOT, RIGHT = 560.0, 80.0


def draw(groups: Groups, folder: Path) -> list[Path]:
    """Both pictures of the groups of a run."""
    sections = [(GROUPS[name], rows) for name, (_, rows) in groups.items() if name in GROUPS]
    files = []
    compared = [(head, [r for r in rows if r.ratios]) for head, rows in sections]
    if any(rows for _, rows in compared):
        files += ratios([s for s in compared if s[1]]).save(folder / "cpu-ratios")
    bounded = [(head, [r for r in rows if r.floor]) for head, rows in sections]
    if any(rows for _, rows in bounded):
        files += roofline([s for s in bounded if s[1]]).save(folder / "cpu-roofline")
    return files


Sections = Sequence[tuple[str, list[Row]]]


def frame(title: str, under: str, sections: Sections) -> tuple[Scene, float]:
    """An empty picture with room for the rows, and where the plot begins."""
    names = [row.name for _, rows in sections for row in rows]
    left = 36 + max(svg.width_of(name, 12) for name in names)
    scene = Scene(left + PLOT + RIGHT, title)
    scene.height = TOP + FOOT + sum(HEAD + ROW * len(rows) for _, rows in sections)
    scene.text(title, 20, 30, 17)
    scene.text(under, 20, 50, 12, colour=svg.SOFT)
    return scene, left


def key(scene: Scene, peers: Iterable[tuple[str, str]]) -> None:
    """What the colours mean."""
    x = 26.0
    for words, colour in peers:
        scene.dot(x, 67, colour)
        scene.text(words, x + 10, 71)
        x += 40 + svg.width_of(words, 12)


def ruled(
    scene: Scene, left: float, sections: Sections, ticks: Sequence[tuple[float, str, bool]]
) -> list[tuple[Row, float]]:
    """Heads, names of rows, and vertical rules; the rows and their height on the paper."""
    foot = scene.height - FOOT
    for x, words, strong in ticks:
        colour = svg.INK if strong else svg.FAINT
        scene.line((x, TOP), (x, foot), colour, under=True)
        scene.text(words, x, foot + 18, 11, "middle", svg.SOFT)
    y, placed = TOP, []
    for head, rows in sections:
        scene.text(head, 20, y + HEAD - 18, 12, colour=svg.SOFT)
        y += HEAD
        for row in rows:
            scene.text(row.name, left - 12, y + 4, 12, "end")
            placed.append((row, y))
            y += ROW
    return placed


def ratios(sections: Sections) -> Scene:
    """A dot for each peer on a logarithmic axis, a line for the spread, a tick for the goal."""
    title = "Time of tritongrad over that of its peers"
    under = "left of 1: faster; line: middle half of the rounds; black tick: goal beside PyTorch"
    scene, left = frame(title, under, sections)
    key(scene, [(f"to {NAMES[p]}", COLOURS[p]) for p in PEERS])
    rows = [row for _, rows in sections for row in rows]
    found = [m for row in rows for p in PEERS if (m := row.middle(p))]
    low = math.floor(3 * math.log10(min([0.1, *found]))) / 3
    high = math.ceil(3 * math.log10(max([2.0, *found]))) / 3

    def at(value: float) -> float:
        place = (math.log10(value) - low) / (high - low)
        return left + PLOT * min(max(place, 0.0), 1.0)

    ticks = [
        (at(d * 10.0**k), f"{d * 10.0**k:g}", k == 0 and d == 1)
        for k in range(math.floor(low), math.ceil(high) + 1)
        for d in (1, 2, 5)
        if low <= math.log10(d) + k <= high + 1e-9
    ]
    for row, y in ruled(scene, left, sections, ticks):
        ratio_row(scene, row, y, at)
    return scene


def ratio_row(scene: Scene, row: Row, y: float, at: Callable[[float], float]) -> None:
    """One row's dots, lines and tick, and the ratio to PyTorch in digits."""
    for peer in reversed(PEERS):
        values = row.kept(peer)
        if not values:
            continue
        if len(values) > 1:
            low, _, high = statistics.quantiles(values, n=4, method="inclusive")
            scene.line((at(low), y), (at(high), y), COLOURS[peer], 2)
        scene.dot(at(statistics.median(values)), y, COLOURS[peer])
    goal = row.goals.get("torch")
    if goal:
        scene.line((at(goal), y - 8), (at(goal), y + 8), svg.INK, 2)
    middle = row.middle("torch")
    if middle:
        colour = svg.SERIES[4] if row.verdict() == "missed" else svg.SOFT
        scene.text(shortly(middle), scene.width - 20, y + 4, 12, "end", colour)


def roofline(sections: Sections) -> Scene:
    """A dot for each peer: what its time is a share of, from the bytes and operations needed."""
    title = "Share of the roof: the least time that this machine allows, over the time taken"
    under = (
        "100 %: its bytes at the fastest copy measured in this run, "
        "or its operations at the rate of the fastest product"
    )
    scene, left = frame(title, under, sections)
    key(scene, [(NAMES[p], COLOURS[p]) for p in (OURS, *PEERS)])
    shares = [
        [(p, row.floor / own) for p in (row.ours, *PEERS) if row.floor and (own := row.least(p))]
        for _, rows in sections
        for row in rows
    ]
    most = max([1.2, *(s for row in shares for _, s in row)])
    step = 0.2 if most <= 2.4 else 0.5

    def at(share: float) -> float:
        return left + PLOT * share / most

    steps = range(int(most / step + 1e-9) + 1)
    ticks = [(at(k * step), f"{100 * k * step:.0f} %", abs(k * step - 1) < 1e-9) for k in steps]
    placed = ruled(scene, left, sections, ticks)
    for (_, y), found in zip(placed, shares, strict=True):
        places = [at(share) for _, share in found]
        if places:
            scene.line((min(places), y), (max(places), y), svg.FAINT, 3)
        for peer, share in reversed(found):
            scene.dot(at(share), y, COLOURS[peer])
        for peer, share in found:
            if peer in (OURS, FAST):
                words = f"{100 * share:.0f} %"
                scene.text(words, scene.width - 20, y + 4, 12, "end", svg.SOFT)
    return scene
