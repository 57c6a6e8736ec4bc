"""Pictures of lines, dots and words, drawn once and written as SVG and, with matplotlib, as PNG."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from tritongrad import svg

ANCHORS = {"start": "left", "middle": "center", "end": "right"}


@dataclass
class Scene:
    """Shapes on paper, in pixels from the upper left corner."""

    width: float
    title: str
    height: float = 0.0
    lines: list[tuple] = field(default_factory=list)
    dots: list[tuple] = field(default_factory=list)
    words: list[tuple] = field(default_factory=list)

    def line(
        self, start: tuple, end: tuple, colour: str, width: float = 1.0, under: bool = False
    ) -> None:
        """A line; `under`: drawn below all others."""
        self.lines.insert(0 if under else len(self.lines), (*start, *end, colour, width))

    def dot(self, x: float, y: float, colour: str) -> None:
        self.dots.append((x, y, colour))

    def text(
        self,
        words: str,
        x: float,
        y: float,
        size: float = 12,
        anchor: str = "start",
        colour: str = svg.INK,
    ) -> None:
        """A line of text; y is its foot."""
        self.words.append((words, x, y, size, anchor, colour))

    def save(self, stem: Path) -> list[Path]:
        """Write stem.svg, and stem.png if matplotlib is there."""
        vector, pixels = stem.with_suffix(".svg"), stem.with_suffix(".png")
        vector.write_text(self.as_svg(), encoding="utf-8")
        try:
            self.as_png(pixels)
        except ImportError:
            return [vector]
        return [vector, pixels]

    def as_svg(self) -> str:
        parts = [
            svg.element("line", x1=a, y1=b, x2=c, y2=d, stroke=colour, stroke_width=width)
            for a, b, c, d, colour, width in self.lines
        ]
        parts += [
            svg.element("circle", cx=x, cy=y, r=RADIUS, fill=colour, stroke=svg.PAPER)
            for x, y, colour in self.dots
        ]
        parts += [
            svg.text(words, x, y, font_size=size, text_anchor=anchor, fill=colour)
            for words, x, y, size, anchor, colour in self.words
        ]
        return svg.document(self.width, self.height, *parts, title=self.title)

    def as_png(self, path: Path) -> None:
        from matplotlib.figure import Figure

        figure = Figure(figsize=(self.width / 100, self.height / 100), dpi=150)
        axes = figure.add_axes((0, 0, 1, 1), xlim=(0, self.width), ylim=(self.height, 0))
        axes.set_axis_off()
        for a, b, c, d, colour, width in self.lines:
            axes.plot([a, c], [b, d], color=colour, linewidth=POINTS * width, zorder=1)
        for x, y, colour in self.dots:
            axes.plot([x], [y], "o", color=colour, markersize=2 * POINTS * RADIUS, zorder=2)
        for words, x, y, size, anchor, colour in self.words:
            axes.text(x, y, words, fontsize=POINTS * size, color=colour, ha=ANCHORS[anchor])
        figure.savefig(path)


RADIUS = 4.5
POINTS = 0.72  # points in a pixel, of which 100 make an inch
