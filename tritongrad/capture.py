"""python -m tritongrad draw program.py: run a program to its first backward and draw the graph."""

from __future__ import annotations

import os
import runpy
import sys
from collections.abc import Sequence
from types import FrameType
from typing import Any

from . import drawing
from .autograd import loop
from .autograd.variable import Variable, edge_of


class Drawn(BaseException):
    """Leaves the program once its graph is drawn; no `except Exception` of it gets in the way."""


def main(words: list[str]) -> int:
    """Draw the graph of the program words[0] into words[1]; what follows is the program's own."""
    if not words:
        print("draw: which program? python -m tritongrad draw program.py", file=sys.stderr)
        return 2
    program, file = words[0], words[1] if len(words) > 1 else "graph.svg"
    if not os.path.exists(program):
        print(f"draw: there is no file {program!r}", file=sys.stderr)
        return 2
    drawn = first_graph(program, words[2:])
    if drawn is None:
        print(f"draw: {program} ended without a backward()", file=sys.stderr)
        return 1
    drawn.save(file)
    print(f"wrote {file}: {len(drawn.boxes)} operations and leaves")
    return 0


def first_graph(program: str, words: list[str]) -> drawing.Drawing | None:
    """The graph on which a program calls backward first; None if it never does."""
    real, given, path = loop.backward, sys.argv, sys.path[0]
    caught: list[drawing.Drawing] = []

    def instead(edges: Sequence, *_: Any, **__: Any) -> Any:
        caught.append(drawing.draw_edge(edges[0], names_in(sys._getframe(1), program)))
        raise Drawn

    loop.backward, sys.argv, sys.path[0] = instead, [program, *words], os.path.dirname(program)
    try:
        runpy.run_path(program, run_name="__main__")
    except Drawn:
        return caught[0]
    finally:
        loop.backward, sys.argv, sys.path[0] = real, given, path
    return None


def names_in(frame: FrameType | None, program: str) -> dict[int, str]:
    """What the program calls its tensors, by the identity of what made them."""
    names: dict[int, str] = {}
    while frame is not None:
        if frame.f_code.co_filename == program:
            variables = {**frame.f_globals, **frame.f_locals}
            for name, value in variables.items():
                edge = edge_of(value) if isinstance(value, Variable) else None
                if edge is not None:
                    names.setdefault(id(drawing.owner(edge)), name)
        frame = frame.f_back
    return names
