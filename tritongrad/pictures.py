"""A grid of small grey images with captions, as SVG written here; other formats by matplotlib."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from . import svg
from .plotting import write

CELL, CAPTION, GUTTER, MARGIN, HEAD = 84.0, 22.0, 14.0, 18.0, 34.0


def image_grid(
    images: Any,
    captions: Sequence[str],
    file: Any = None,
    *,
    title: str = "",
    columns: int = 8,
) -> str:
    """Images (n, height, width), dark where large, as SVG text; written to `file` too if given."""
    stack = np.asarray(images.tolist() if hasattr(images, "tolist") else images, float)
    if stack.ndim != 3 or len(stack) != len(captions):
        raise ValueError(
            "image_grid: needs images of shape (n, height, width) and n captions, got shape "
            f"{stack.shape} and {len(captions)} captions"
        )
    grey = 1 - stack / max(float(stack.max(initial=0)), 1e-30)
    picture = grid(grey, captions, title, columns)
    if file is not None:
        write(file, picture, lambda path: with_matplotlib(path, grey, captions, title, columns))
    return picture


def grid(grey: np.ndarray, captions: Sequence[str], title: str, columns: int) -> str:
    """The SVG of images with values in 0 (black) to 1."""
    columns = max(1, min(columns, len(grey)))
    rows = math.ceil(len(grey) / columns)
    parts = [
        svg.text(
            title, MARGIN, 30.0, text_anchor="start", font_size=16, font_weight=600, fill=svg.INK
        )
    ]
    for k, (image, caption) in enumerate(zip(grey, captions, strict=True)):
        x = MARGIN + k % columns * (CELL + GUTTER)
        y = MARGIN + HEAD + k // columns * (CELL + CAPTION + GUTTER)
        parts.append(draw_image(image, x, y))
        parts.append(svg.text(caption, x + CELL / 2, y + CELL + 15, font_size=12, fill=svg.INK))
    width = 2 * MARGIN + columns * (CELL + GUTTER) - GUTTER
    height = 2 * MARGIN + HEAD + rows * (CELL + CAPTION + GUTTER) - GUTTER
    width = max(width, 2 * MARGIN + svg.width_of(title, 17))
    return svg.document(width, height, *parts, title=title or "images")


def draw_image(image: np.ndarray, x: float, y: float) -> str:
    """An image as squares, the white ones left out."""
    rows, cols = image.shape
    side = CELL / max(rows, cols)
    squares = [
        # a little larger than they are, so that no light comes through between them
        svg.element(
            "rect",
            x=c * side,
            y=r * side,
            width=side + 0.4,
            height=side + 0.4,
            fill=f"#{3 * f'{round(255 * value):02x}'}",
        )
        for (r, c), value in np.ndenumerate(image)
        if value < 1
    ]
    frame = svg.element("rect", width=CELL, height=CELL, fill="none", stroke=svg.FAINT)
    return svg.element("g", *squares, frame, transform=f"translate({x:g} {y:g})")


def with_matplotlib(
    path: str, grey: np.ndarray, captions: Sequence[str], title: str, columns: int
) -> None:
    """The same grid by matplotlib, for the formats that it writes."""
    from matplotlib.figure import Figure

    rows = max(1, math.ceil(len(grey) / columns))
    figure = Figure(figsize=(columns, 1.3 * rows + 0.5), dpi=150, layout="constrained")
    figure.suptitle(title)
    axes = figure.subplots(rows, columns, squeeze=False).flat
    for ax in axes:
        ax.set_axis_off()
    for ax, image, caption in zip(axes, grey, captions, strict=False):
        ax.imshow(image, cmap="gray", vmin=0, vmax=1)
        ax.set_title(caption, fontsize=8)
    figure.savefig(path)
