"""A progress bar on a terminal: one line on stderr that rewrites itself; nothing when piped."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from typing import Any, TextIO

EVERY = 0.08  # seconds between two drawings: more would cost time and show nothing
LENGTH = 32


class track:
    """Go through items and show how far it has come: `for step in track(range(500), "training")`.

    `print` of the bar prints a line above it. The bar goes away at the end.
    """

    def __init__(self, items: Iterable, label: str = "", stream: TextIO | None = None) -> None:
        self.items = items
        self.label = label
        self.stream = sys.stderr if stream is None else stream
        self.total = len(items) if hasattr(items, "__len__") else 0  # type: ignore[arg-type]
        self.shown = self.stream.isatty()

    def __iter__(self) -> Iterator:
        if not self.shown:
            yield from self.items
            return
        start = drawn = time.monotonic()
        try:
            for done, item in enumerate(self.items):
                now = time.monotonic()
                if now - drawn > EVERY:
                    drawn = now
                    self.stream.write(f"\r{bar(self.label, done, self.total, now - start)}\x1b[K")
                    self.stream.flush()
                yield item
        finally:
            self.clear()

    def print(self, *words: Any) -> None:
        """Print a line to stdout, where the bar will not run into it."""
        if self.shown:
            self.clear()
        print(*words, flush=self.shown)

    def clear(self) -> None:
        """Take the bar off the line."""
        self.stream.write("\r\x1b[K")
        self.stream.flush()


def bar(label: str, done: int, total: int, seconds: float) -> str:
    """The text of a bar: what, how far, and how long it will still take."""
    if not total:
        return f"{label} {done}  {seconds:.0f} s".strip()
    filled = LENGTH * done // total
    left = f"{seconds * (total - done) / done:.1f} s left" if done else ""
    return f"{label} {'━' * filled}{'╌' * (LENGTH - filled)} {done}/{total}  {left}".strip()
