"""The autograd graph of a tensor as a picture: DOT text, or SVG laid out here."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from . import svg
from .autograd.graph import Node, Output
from .autograd.variable import Variable, edge_of
from .layout import Point, layered

MOST = 400  # operations; beyond, nobody can read the picture
TITLE, DETAIL = 14.0, 11.0  # font sizes
# Kind of box -> (fill, outline).
COLOURS = {
    "leaf": ("#fff3da", "#c98a1b"),
    "operation": ("#eaf1fd", "#5b84c9"),
    "result": ("#e2f5e8", "#2f9158"),
}


@dataclass(frozen=True, slots=True)
class Box:
    """What is drawn for one operation or leaf."""

    kind: str
    title: str
    detail: str

    @property
    def size(self) -> tuple[float, float]:
        wide = max(svg.width_of(self.title, TITLE * 1.06), svg.width_of(self.detail, DETAIL))
        return wide + 26, 46.0


@dataclass(frozen=True, slots=True)
class Drawing:
    """A drawn graph: `dot` and `svg` are its text, `save` writes a file; notebooks show it."""

    boxes: list[Box]
    edges: list[tuple[int, int]]
    direction: str = "down"

    @property
    def dot(self) -> str:
        """The graph in the language of graphviz."""
        rank = "LR" if self.direction == "right" else "TB"
        lines = [
            "digraph autograd {",
            f"  rankdir={rank}; nodesep=0.3; ranksep=0.4;",
            '  node [shape=box, style="rounded,filled", fontname="Helvetica", fontsize=12];',
            '  edge [color="#5c6773", arrowsize=0.7];',
        ]
        for i, box in enumerate(self.boxes):
            fill, outline = COLOURS[box.kind]
            label = "\\n".join(quoted(part) for part in (box.title, box.detail))
            lines.append(f'  n{i} [label="{label}", fillcolor="{fill}", color="{outline}"];')
        lines += [f"  n{a} -> n{b};" for a, b in self.edges]
        return "\n".join([*lines, "}", ""])

    @property
    def svg(self) -> str:
        """The graph as an SVG file, laid out here."""
        sizes = [box.size for box in self.boxes]
        turned = self.direction == "right"
        plan = layered(sizes, self.edges, 34.0, turned)
        margin = 18.0
        arrow = element_arrow()
        edges = [svg.element("path", d=path_of(p), marker_end="url(#arrow)") for p in plan.paths]
        boxes = [
            draw_box(box, size, centre)
            for box, size, centre in zip(self.boxes, sizes, plan.centres, strict=True)
        ]
        picture = svg.element(
            "g",
            arrow,
            svg.element("g", *edges, fill="none", stroke=svg.SOFT, stroke_width=1.4),
            *boxes,
            transform=f"translate({margin:g} {margin:g})",
        )
        what = f"autograd graph of {len(self.boxes)} operations and leaves"
        size = plan.width + 2 * margin, plan.height + 2 * margin
        return svg.document(*size, picture, title=what)

    def _repr_svg_(self) -> str:
        return self.svg

    def save(self, file: Any, graphviz: bool | None = None) -> None:
        """Write the picture to a file: .dot or .gv is text, .svg a picture, others need graphviz.

        `graphviz`: lay it out by the program `dot`; None: if it is installed.
        """
        path = os.fspath(file)
        kind = os.path.splitext(path)[1].lower().removeprefix(".")
        program = shutil.which("dot") if graphviz is not False else None
        if kind in ("dot", "gv"):
            content = self.dot.encode()
        elif program is not None and kind:
            content = render(program, self.dot, kind)
        elif kind == "svg" and not graphviz:
            content = self.svg.encode()
        else:
            raise RuntimeError(
                f"draw: {path!r} needs graphviz, whose program `dot` was not found: install it "
                "(such as `apt install graphviz`), or name a file that ends in .svg or .dot"
            )
        with open(path, "wb") as out:
            out.write(content)


def draw(
    tensor: Any,
    params: Any = None,
    file: Any = None,
    direction: str = "down",
    graphviz: bool | None = None,
) -> Drawing:
    """The graph that `tensor.backward()` walks: operations with what they made, and leaves.

    `params`: names, as {"w1": w1} or a module. `file`: written if given, by its extension.
    `direction`: "down" or "right". `graphviz`: see Drawing.save.
    """
    if not isinstance(tensor, Variable):
        raise TypeError(f"draw: argument 'tensor' must be a Tensor, got {type(tensor).__name__}")
    if direction not in ("down", "right"):
        raise ValueError(f"draw: direction must be 'down' or 'right', got {direction!r}")
    root = edge_of(tensor)
    if root is None:
        raise RuntimeError(
            "draw: the tensor has no graph: nothing that it was computed from requires grad"
        )
    drawing = draw_edge(root, names_of(params), direction)
    if file is not None:
        drawing.save(file, graphviz)
    return drawing


def draw_edge(edge: Any, names: Mapping[int, str], direction: str = "down") -> Drawing:
    """The graph that ends at a Node or leaf; names by the identity of those."""
    vertices, edges = walk(owner(edge))
    boxes = [describe(v, names.get(id(v)), v is vertices[0]) for v in vertices]
    return Drawing(boxes, edges, direction)


def walk(root: Any) -> tuple[list, list[tuple[int, int]]]:
    """What leads to a root, the root first, and the edges from makers to users as positions."""
    found, place, edges = [root], {id(root): 0}, []
    for user in found:  # it grows as we go
        for edge in user.edges if isinstance(user, Node) else ():
            if edge is None:
                continue
            maker = owner(edge)
            if id(maker) not in place:
                place[id(maker)] = len(found)
                found.append(maker)
            edges.append((place[id(maker)], place[id(user)]))
        if len(found) > MOST:
            raise ValueError(
                f"draw: the graph has more than {MOST} operations, too many to read: draw a part "
                "of the computation, such as one step or one layer"
            )
    return found, edges


def owner(edge: Any) -> Any:
    """The Node behind one of several outputs; anything else is itself."""
    return edge.parent if isinstance(edge, Output) else edge


def names_of(params: Any) -> dict[int, str]:
    """Names by the identity of a Node or leaf, from a mapping or a module."""
    if params is None:
        return {}
    pairs = params.named_parameters() if hasattr(params, "named_parameters") else params
    pairs = pairs.items() if isinstance(pairs, Mapping) else pairs
    return {id(owner(edge_of(t))): name for name, t in pairs if edge_of(t) is not None}


def describe(vertex: Any, name: str | None, is_root: bool) -> Box:
    """The box of a Node or a leaf."""
    leaf = not isinstance(vertex, Node)
    like = vertex._array if leaf else vertex
    size = " x ".join(map(str, like.shape)) or "scalar"
    detail = f"{size} {like.dtype}"
    if leaf:
        return Box("leaf", name or "leaf", detail)
    title = operation_of(vertex)
    title = f"{name} = {title}" if name else title
    return Box("result" if is_root else "operation", title, detail)


def operation_of(node: Node) -> str:
    """What a user calls the operation: sum for SumBackward1, ClampMin becomes clamp_min."""
    words = re.sub(r"Backward\d*$", "", node.name())
    return re.sub(r"(?<=.)(?=[A-Z])", "_", words).lower() if hasattr(node, "op") else words


def element_arrow() -> str:
    """The head of an arrow, defined once."""
    head = svg.element("path", d="M0 0.8 L8 4 L0 7.2 z", fill=svg.SOFT)
    marker = {"viewBox": "0 0 8 8", "refX": 7.4, "refY": 4, "markerWidth": 6.5}
    return svg.element(
        "defs",
        svg.element("marker", head, id="arrow", markerHeight=6.5, orient="auto", **marker),
    )


def draw_box(box: Box, size: tuple[float, float], centre: Point) -> str:
    """A rounded box with its two lines."""
    (wide, tall), (x, y) = size, centre
    fill, outline = COLOURS[box.kind]
    radius = tall / 2 if box.kind == "leaf" else 8.0
    return svg.element(
        "g",
        svg.element(
            "rect",
            x=x - wide / 2,
            y=y - tall / 2,
            width=wide,
            height=tall,
            rx=radius,
            fill=fill,
            stroke=outline,
            stroke_width=1.4,
        ),
        svg.text(box.title, x, y - 3, font_size=TITLE, font_weight=600, fill=svg.INK),
        svg.text(box.detail, x, y + 14, font_size=DETAIL, fill=svg.SOFT),
    )


def path_of(path: list[Point]) -> str:
    """The `d` of a path of cubic curves."""
    words = [f"M{svg.points(path[:1])}"]
    words += [f"C{svg.points(path[k : k + 3])}" for k in range(1, len(path), 3)]
    return " ".join(words)


def quoted(words: str) -> str:
    """Text as it may stand between the quotes of DOT."""
    return words.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")


def render(program: str, dot: str, kind: str) -> bytes:
    """A picture made by graphviz."""
    done = subprocess.run([program, f"-T{kind}"], input=dot.encode(), capture_output=True)
    if done.returncode:
        raise RuntimeError(f"draw: graphviz made no {kind}: {done.stderr.decode().strip()}")
    return done.stdout
