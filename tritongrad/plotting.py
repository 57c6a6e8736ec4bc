"""Line charts and grids of small pictures as SVG, written here; PNG and PDF through matplotlib."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from . import svg

WIDTH, HEIGHT = 720.0, 400.0
TOP, BOTTOM, RIGHT = 56.0, 58.0, 26.0
MOST = 1000  # points drawn of a line: more would not be seen


@dataclass(frozen=True, slots=True)
class Axis:
    """A range of values, the ticks in it, and where it lies on the paper (start, end)."""

    low: float
    high: float
    ticks: list[tuple[float, str]]
    log: bool
    start: float
    end: float

    def at(self, value: float) -> float:
        """The place of a value on the paper."""
        low, high, v = self.low, self.high, value
        if self.log:
            low, high, v = math.log10(low), math.log10(high), math.log10(v)
        return self.start + (self.end - self.start) * (v - low) / (high - low)


def plot(
    series: Any,
    file: Any = None,
    *,
    title: str = "",
    xlabel: str = "",
    ylabel: str = "",
    log: bool = False,
) -> str:
    """A line chart as SVG text; written to `file` too if given, by its extension.

    `series`: y values, or (x values, y values), or several of either by name as a mapping.
    `log`: a logarithmic y axis. Values that are not finite, or with `log` not positive, leave gaps.
    """
    lines = lines_of(series, log)
    labels = {"title": title, "xlabel": xlabel, "ylabel": ylabel}
    picture = chart(lines, labels, log)
    if file is not None:
        write(file, picture, lambda path: with_matplotlib(path, lines, labels, log))
    return picture


def lines_of(series: Any, log: bool) -> dict[str, list[tuple[float, float]]]:
    """Points by name; nan where a value cannot be drawn."""
    named = series if isinstance(series, Mapping) else {"": series}
    lines = {}
    for name, values in named.items():
        pair = isinstance(values, tuple) and len(values) == 2 and hasattr(values[0], "__len__")
        ys = numbers(values[1] if pair else values)
        xs = numbers(values[0]) if pair else [float(x) for x in range(len(ys))]
        if len(xs) != len(ys):
            raise ValueError(f"plot: {name!r} has {len(xs)} x values and {len(ys)} y values")
        good = [math.isfinite(y) and (y > 0 or not log) for y in ys]
        lines[name] = [
            (x, y if fine else math.nan) for x, y, fine in zip(xs, ys, good, strict=True)
        ]
    if not any(y == y for line in lines.values() for _, y in line):
        raise ValueError("plot: there is no value to draw" + " (log needs positive ones)" * log)
    return lines


def numbers(values: Any) -> list[float]:
    """Python floats of a list, an array or a tensor."""
    return [float(v) for v in (values.tolist() if hasattr(values, "tolist") else values)]


def chart(lines: dict[str, list[tuple[float, float]]], labels: dict[str, str], log: bool) -> str:
    """The SVG of lines in a frame."""
    xs = [x for line in lines.values() for x, _ in line]
    ys = [y for line in lines.values() for _, y in line if y == y]
    y_axis = make_axis(min(ys), max(ys), HEIGHT - BOTTOM, TOP, log)
    left = 34 + max(svg.width_of(words, 12) for _, words in y_axis.ticks)
    left += 10 if labels["ylabel"] else -14
    x_axis = make_axis(min(xs), max(xs), left, WIDTH - RIGHT, False, tight=True)
    parts = frame(x_axis, y_axis, labels)
    for (_, line), colour in zip(lines.items(), cycle(len(lines)), strict=True):
        parts += [
            svg.element(
                "polyline",
                points=svg.points([(x_axis.at(x), y_axis.at(y)) for x, y in run]),
                fill="none",
                stroke=colour,
                stroke_width=2,
                stroke_linejoin="round",
                stroke_linecap="round",
            )
            for run in runs(thinned(line))
        ]
    if len(lines) > 1:
        parts += legend(list(lines))
    return svg.document(WIDTH, HEIGHT, *parts, title=labels["title"] or "line chart")


def cycle(count: int) -> list[str]:
    """A colour for each of so many lines."""
    return [svg.SERIES[k % len(svg.SERIES)] for k in range(count)]


def frame(x_axis: Axis, y_axis: Axis, labels: dict[str, str]) -> list[str]:
    """Grid, ticks, labels and title."""
    left, right, foot = x_axis.start, x_axis.end, y_axis.start
    parts = []
    for value, words in y_axis.ticks:
        y = y_axis.at(value)
        parts.append(svg.element("line", x1=left, x2=right, y1=y, y2=y, stroke=svg.FAINT))
        parts.append(
            svg.text(words, left - 8, y + 4, text_anchor="end", font_size=12, fill=svg.SOFT)
        )
    for value, words in x_axis.ticks:
        x = x_axis.at(value)
        parts.append(svg.element("line", x1=x, x2=x, y1=foot, y2=foot + 5, stroke=svg.SOFT))
        parts.append(svg.text(words, x, foot + 20, font_size=12, fill=svg.SOFT))
    parts.append(svg.element("line", x1=left, x2=right, y1=foot, y2=foot, stroke=svg.SOFT))
    plain = {"font_size": 13, "fill": svg.SOFT}
    if labels["title"]:
        parts.append(
            svg.text(
                labels["title"],
                left,
                28.0,
                text_anchor="start",
                font_size=16,
                font_weight=600,
                fill=svg.INK,
            )
        )
    if labels["xlabel"]:
        parts.append(svg.text(labels["xlabel"], (left + right) / 2, HEIGHT - 14, **plain))
    if labels["ylabel"]:
        turn = f"translate(20 {svg.number((foot + y_axis.end) / 2)}) rotate(-90)"
        parts.append(svg.text(labels["ylabel"], 0, 0, transform=turn, **plain))
    return parts


def legend(names: Sequence[str]) -> list[str]:
    """The names of the lines with their colours, at the top right, on one row."""
    x, parts = WIDTH - RIGHT, []
    for name, colour in reversed(list(zip(names, cycle(len(names)), strict=True))):
        words = {"text_anchor": "end", "font_size": 12, "fill": svg.INK}
        parts.append(svg.text(name, x, 46.0, **words))
        x -= svg.width_of(name, 12) + 6
        parts.append(
            svg.element("line", x1=x - 18, x2=x, y1=42, y2=42, stroke=colour, stroke_width=3)
        )
        x -= 34
    return parts


def make_axis(
    low: float, high: float, start: float, end: float, log: bool, tight: bool = False
) -> Axis:
    """An axis over a range; unless `tight` it ends on ticks."""
    if low == high:
        low, high = (low / 2, high * 2) if log else (low - 0.5, high + 0.5)
    if log:
        factors = (1,) if high > 100 * low else (1, 2, 5)
        low, high = log_floor(low, factors), 1 / log_floor(1 / high, factors)
        return Axis(low, high, log_ticks(low, high), True, start, end)
    step = nice_step((high - low) / 6)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    ticks = [k * step for k in range(first, last + 1)]
    if tight:
        ticks = [v for v in ticks if low - step * 1e-6 <= v <= high + step * 1e-6]
    else:
        low, high = ticks[0], ticks[-1]
    return Axis(low, high, [(v, short(v)) for v in ticks], False, start, end)


def log_floor(value: float, factors: tuple) -> float:
    """The largest of these factors times a power of ten that is at most a value."""
    power = 10.0 ** math.floor(math.log10(value) + 1e-12)
    return max((m * power for m in factors if m * power <= value * (1 + 1e-9)), default=power)


def log_ticks(low: float, high: float) -> list[tuple[float, str]]:
    """Powers of ten, at most ten of them; with 2 and 5 between if the range is short."""
    first, last = math.floor(math.log10(low) + 1e-9), math.ceil(math.log10(high) - 1e-9)
    if last - first <= 2:
        ticks = [m * 10.0**k for k in range(first, last + 1) for m in (1, 2, 5)]
        inside = [v for v in ticks if low * (1 - 1e-9) <= v <= high * (1 + 1e-9)]
        return [(v, short(v)) for v in inside]
    every = math.ceil((last - first) / 9)
    raised = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
    return [(10.0**k, "10" + str(k).translate(raised)) for k in range(first, last + 1, every)]


def nice_step(rough: float) -> float:
    """1, 2, 2.5 or 5 times a power of ten, at least `rough`."""
    power = 10.0 ** math.floor(math.log10(rough))
    return next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= rough * (1 - 1e-9))


def short(value: float) -> str:
    """A tick's label: 0.05, 1,000, 1e-05."""
    if value and not 1e-4 < abs(value) < 1e6:
        mantissa, _, power = f"{value:.4e}".partition("e")
        return f"{float(mantissa):g}e{int(power)}"
    return f"{value:,.10g}" if abs(value) >= 1000 else f"{value:.6g}"


def thinned(line: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """A long line with the lowest and highest of every group of neighbours: spikes stay."""
    group = math.ceil(len(line) * 2 / MOST)
    if group <= 2:
        return line
    kept = []
    for k in range(0, len(line), group):
        part = line[k : k + group]
        good = [p for p in part if p[1] == p[1]]
        if good:
            kept += sorted({min(good, key=lambda p: p[1]), max(good, key=lambda p: p[1])})
        if len(good) < len(part):
            kept.append((part[-1][0], math.nan))
    return kept


def runs(line: list[tuple[float, float]]) -> list[list[tuple[float, float]]]:
    """A line cut at its gaps; a lone point becomes a dot, drawn as a line to itself."""
    found: list[list[tuple[float, float]]] = [[]]
    for p in line:
        if p[1] == p[1]:
            found[-1].append(p)
        elif found[-1]:
            found.append([])
    return [run if len(run) > 1 else run * 2 for run in found if run]


def write(file: Any, picture: str, otherwise: Any) -> None:
    """Store an SVG picture; for another extension `otherwise(path)` does it."""
    path = os.fspath(file)
    if os.path.splitext(path)[1].lower() == ".svg":
        with open(path, "w", encoding="utf-8") as out:
            out.write(picture)
        return
    try:
        otherwise(path)
    except ImportError:
        raise RuntimeError(
            f"plot: {path!r} needs matplotlib: `pip install tritongrad[plot]`, "
            "or name a file that ends in .svg, which needs nothing"
        ) from None


def with_matplotlib(path: str, lines: dict, labels: dict[str, str], log: bool) -> None:
    """The same chart by matplotlib, for the formats that it writes."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH / 100, HEIGHT / 100), dpi=150, layout="constrained")
    axes = figure.add_subplot(
        title=labels["title"],
        xlabel=labels["xlabel"],
        ylabel=labels["ylabel"],
        yscale="log" if log else "linear",
    )
    for (name, line), colour in zip(lines.items(), cycle(len(lines)), strict=True):
        axes.plot(*zip(*line, strict=True), color=colour, label=name)
    axes.grid(axis="y", color=svg.FAINT)
    if len(lines) > 1:
        axes.legend(frameon=False)
    figure.savefig(path)
