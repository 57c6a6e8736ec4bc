"""Where to put the boxes of a directed graph: in layers, with few crossings and short edges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

GAP = 26.0  # between neighbours of a layer
SWEEPS = 12


class Point(NamedTuple):
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Layout:
    """The size of the picture, the centre of each box, and each edge as cubic Bezier curves.

    A path is [start, control, control, end, control, control, end, ...].
    """

    width: float
    height: float
    centres: list[Point]
    paths: list[list[Point]]


@dataclass(slots=True)
class Grid:
    """Boxes and, beyond them, one dummy for each layer that an edge passes: what gets ordered.

    `layers`  the items of each layer, in order
    `above`, `below`  neighbours of an item, one layer up and down
    `chains`  the items along each edge, ends included
    """

    layers: list[list[int]]
    above: list[list[int]]
    below: list[list[int]]
    chains: list[list[int]]


def layered(
    sizes: Sequence[tuple[float, float]],
    edges: Sequence[tuple[int, int]],
    gap: float = 40.0,
    turned: bool = False,
) -> Layout:
    """Lay out boxes of these (width, height), edges going down; `turned`: to the right.

    `gap` is the space between layers. The graph must have no cycles.
    """
    if turned:
        flat = layered([(h, w) for w, h in sizes], edges, gap)
        paths = [[Point(p.y, p.x) for p in path] for path in flat.paths]
        return Layout(flat.height, flat.width, [Point(c.y, c.x) for c in flat.centres], paths)
    grid = make_grid(len(sizes), edges)
    order(grid)
    items = len(grid.above)
    widths = [w for w, _ in sizes] + [0.0] * (items - len(sizes))
    across = spread(grid, widths)
    tops, bottoms = [0.0] * items, [0.0] * items
    down = 0.0
    for layer in grid.layers:
        tall = max((sizes[i][1] for i in layer if i < len(sizes)), default=0.0)
        for i in layer:
            own = sizes[i][1] if i < len(sizes) else tall
            tops[i], bottoms[i] = down + (tall - own) / 2, down + (tall + own) / 2
        down += tall + gap
    left = min((across[i] - widths[i] / 2 for i in range(items)), default=0.0)
    across = [x - left for x in across]
    width = max((across[i] + widths[i] / 2 for i in range(items)), default=0.0)
    centres = [Point(across[i], (tops[i] + bottoms[i]) / 2) for i in range(len(sizes))]
    ports = entries(grid, across, widths)
    paths = [
        curve(chain, port, across, tops, bottoms)
        for chain, port in zip(grid.chains, ports, strict=True)
    ]
    return Layout(width, max(down - gap, 0.0), centres, paths)


def ranks(count: int, edges: Sequence[tuple[int, int]]) -> list[int]:
    """The layer of each box: below all that leads to it, sources just above what they feed."""
    rank, waiting = [0] * count, [0] * count
    after: list[list[int]] = [[] for _ in range(count)]
    for a, b in edges:
        after[a].append(b)
        waiting[b] += 1
    sources = [i for i in range(count) if not waiting[i]]
    ready, seen = list(sources), 0
    while ready:
        a = ready.pop()
        seen += 1
        for b in after[a]:
            rank[b] = max(rank[b], rank[a] + 1)
            waiting[b] -= 1
            if not waiting[b]:
                ready.append(b)
    if seen < count:
        raise ValueError("layered: the graph has a cycle")
    for i in sources:
        if after[i]:
            rank[i] = min(rank[b] for b in after[i]) - 1
    return rank


def make_grid(count: int, edges: Sequence[tuple[int, int]]) -> Grid:
    """Boxes in layers, and dummies where edges pass by."""
    rank = ranks(count, edges)
    layers: list[list[int]] = [[] for _ in range(max(rank, default=-1) + 1)]
    for i in range(count):
        layers[rank[i]].append(i)
    grid = Grid(layers, [[] for _ in range(count)], [[] for _ in range(count)], [])
    for a, b in edges:
        chain = [a]
        for layer in layers[rank[a] + 1 : rank[b]]:
            layer.append(len(grid.above))
            chain.append(len(grid.above))
            grid.above.append([])
            grid.below.append([])
        chain.append(b)
        grid.chains.append(chain)
        for upper, lower in pairwise(chain):
            grid.below[upper].append(lower)
            grid.above[lower].append(upper)
    return grid


def order(grid: Grid) -> None:
    """Sort each layer by the mean place of its neighbours; keep the order that crosses least."""
    best, fewest = [list(layer) for layer in grid.layers], crossings(grid)
    for sweep in range(SWEEPS):
        downwards = sweep % 2 == 0
        neighbours = grid.above if downwards else grid.below
        for layer in grid.layers if downwards else reversed(grid.layers):
            place = {i: p for other in grid.layers for p, i in enumerate(other)}
            mean = {
                i: sum(place[j] for j in neighbours[i]) / len(neighbours[i])
                if neighbours[i]
                else place[i]
                for i in layer
            }
            layer.sort(key=mean.__getitem__)
        now = crossings(grid)
        if now < fewest:
            best, fewest = [list(layer) for layer in grid.layers], now
    grid.layers[:] = best


def crossings(grid: Grid) -> int:
    """How many pairs of edges cross."""
    total = 0
    for upper, lower in pairwise(grid.layers):
        place = {i: p for p, i in enumerate(lower)}
        ends = [sorted(place[j] for j in grid.below[i]) for i in upper]
        passed: list[int] = []
        for own in ends:
            total += sum(p > q for q in own for p in passed)
            passed += own
    return total


def spread(grid: Grid, widths: list[float]) -> list[float]:
    """The x of every item: near its neighbours, in order, and clear of the next one."""
    x = [0.0] * len(widths)
    for layer in grid.layers:
        place(layer, [0.0] * len(layer), widths, x)
    for sweep in range(2 * SWEEPS):
        downwards = sweep % 2 == 0
        for layer in grid.layers if downwards else reversed(grid.layers):
            wanted = []
            for i in layer:
                near = grid.above[i] if downwards else grid.below[i]
                near = near or grid.above[i] + grid.below[i]
                wanted.append(sum(x[j] for j in near) / len(near) if near else x[i])
            place(layer, wanted, widths, x)
    return x


def place(layer: list[int], wanted: list[float], widths: list[float], x: list[float]) -> None:
    """Put a layer's items as near to where they want to be as their order and sizes allow.

    Least squares under x[k+1] - x[k] >= distance: neighbours that push each other become a block,
    which stands at the mean of its members' wishes. Dummies weigh more: long edges run straight.
    """
    blocks: list[list[float]] = []  # [mean wish, weight, members]; wishes less the offset
    offsets = [0.0]
    for a, b in pairwise(layer):
        offsets.append(offsets[-1] + (widths[a] + widths[b]) / 2 + GAP)
    for i, wish, offset in zip(layer, wanted, offsets, strict=True):
        blocks.append([wish - offset, 1 if widths[i] else 4, 1])
        while len(blocks) > 1 and blocks[-2][0] >= blocks[-1][0]:
            mean, weight, members = blocks.pop()
            last = blocks[-1]
            last[0] = (last[0] * last[1] + mean * weight) / (last[1] + weight)
            last[1] += weight
            last[2] += members
    starts = [mean for mean, _, members in blocks for _ in range(int(members))]
    for i, start, offset in zip(layer, starts, offsets, strict=True):
        x[i] = start + offset


def entries(grid: Grid, across: list[float], widths: list[float]) -> list[float]:
    """The x at which each edge enters its box: apart from each other, ordered as they come."""
    arriving: dict[int, list[int]] = {}
    for e, chain in enumerate(grid.chains):
        arriving.setdefault(chain[-1], []).append(e)
    port = [0.0] * len(grid.chains)
    for box, several in arriving.items():
        several.sort(key=lambda e: across[grid.chains[e][-2]])
        step = min(22.0, widths[box] * 0.7 / len(several))
        for k, e in enumerate(several):
            port[e] = across[box] + (k - (len(several) - 1) / 2) * step
    return port


def curve(
    chain: list[int], port: float, across: list[float], tops: list[float], bottoms: list[float]
) -> list[Point]:
    """An edge from the foot of its first box to the head of its last, straight past others."""
    path = [Point(across[chain[0]], bottoms[chain[0]])]
    for k, i in enumerate(chain[1:], 1):
        x = port if k == len(chain) - 1 else across[i]
        start = path[-1]
        middle = (start.y + tops[i]) / 2
        path += [Point(start.x, middle), Point(x, middle), Point(x, tops[i])]
        if k < len(chain) - 1:
            foot = Point(x, bottoms[i])
            path += [path[-1], foot, foot]
    return path
