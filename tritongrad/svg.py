"""SVG text: elements, documents, and how wide a line of text will be."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

SANS = "-apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
INK, SOFT, FAINT, PAPER = "#1f2933", "#5c6773", "#e3e8ee", "#ffffff"
SERIES = ("#2563c9", "#d9480f", "#2b8a3e", "#9c36b5", "#c2255c", "#0c8599")  # of a chart

# Widths of letters in units of the font size: sans serif fonts agree on these to a tenth.
NARROW, WIDE = frozenset("iljtfrI.,:;|!'()[] "), frozenset("mwMW@%")


def element(tag: str, *content: str, **attributes: object) -> str:
    """One element; `_` in the name of an attribute stands for `-`, and `class_` for `class`."""
    given = {name.rstrip("_").replace("_", "-"): a for name, a in attributes.items()}
    words = "".join(f' {name}="{escape(number(a))}"' for name, a in given.items() if a is not None)
    return f"<{tag}{words}>{''.join(content)}</{tag}>" if content else f"<{tag}{words}/>"


def text(words: str, x: float, y: float, **attributes: object) -> str:
    """A line of text; it is centred on x unless `text_anchor` says otherwise."""
    attributes.setdefault("text_anchor", "middle")
    return element("text", escape(words, quote=False), x=x, y=y, **attributes)


def number(value: object) -> str:
    """An attribute's value; a float loses what no eye can see."""
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


def points(xy: Sequence[tuple[float, float]]) -> str:
    """The `points` of a polyline."""
    return " ".join(f"{number(float(x))},{number(float(y))}" for x, y in xy)


def document(width: float, height: float, *content: str, title: str = "") -> str:
    """A whole file, on white paper, so that it can be read on a dark page too."""
    paper = element("rect", width=width, height=height, rx=8, fill=PAPER)
    name = element("title", escape(title, quote=False)) if title else ""
    body = "\n".join([name, paper, *content] if name else [paper, *content])
    return (
        element(
            "svg",
            f"\n{body}\n",
            xmlns="http://www.w3.org/2000/svg",
            viewBox=f"0 0 {number(float(width))} {number(float(height))}",
            width=float(width),
            height=float(height),
            font_family=SANS,
            role="img",
        )
        + "\n"
    )


def width_of(words: str, size: float) -> float:
    """About how wide a line of text is, on the generous side."""
    units = sum(0.32 if c in NARROW else 0.88 if c in WIDE else 0.6 for c in words)
    return units * size
