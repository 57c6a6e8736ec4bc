"""What is measured: every row with its group, its goals, and the bytes and operations it needs."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass, field

from bench import data
from bench.work import PASSES, SMALL

OURS = "tritongrad"
FAST = "tritongrad[fast]"  # the same with the extra, in an interpreter that has it
ENOUGH = 3  # undisturbed rounds that make a figure
GROUPS = {
    "small": "one recorded operation on 8x8",
    "steps": "training steps",
    "large": "passes over 4096x4096 float32 (64 MiB)",
    "middle": "passes over 1024x1024 float32 (4 MiB)",
    "fast": "with the extra [fast]: steps, passes over 4 MiB, sums of 64 MiB, layers",
    "products": "matrix products",
    "layers": "layers, forward and backward",
    "processes": "whole processes",
}


@dataclass
class Row:
    """One line of a table: what was done, and for each peer our time over its, round by round.

    `goals`  peer -> the largest ratio that is good enough
    `most`   the largest value of our own that is good enough, in the row's `measure`
    `bytes`  that must be read and written, `flop` operations that must be done, 0 if unknown
    `ours`   the peer that is us
    `values` peer -> what was measured, round by round: seconds, or the `measure`
    `floor`  the least time that the machine's rates, measured in the same run, allow
    `disturbed` round by round: whether other programs used the machine meanwhile
    """

    group: str
    name: str
    unit: str
    goals: dict[str, float] = field(default_factory=dict)
    most: float | None = None
    measure: str = "s"
    bytes: float = 0.0
    flop: float = 0.0
    ours: str = OURS
    ratios: dict[str, list[float]] = field(default_factory=dict)
    values: dict[str, list[float]] = field(default_factory=dict)
    floor: float | None = None
    disturbed: list[bool] = field(default_factory=list)
    note: str = ""

    def kept(self, peer: str) -> list[float]:
        """Our ratios to a peer: of the rounds that nothing disturbed, if those are enough."""
        found = self.ratios.get(peer, [])
        if len(found) != len(self.disturbed):
            return found
        clean = [r for r, bad in zip(found, self.disturbed, strict=True) if not bad]
        return clean if len(clean) >= ENOUGH else found

    def doubtful(self) -> bool:
        """Whether too few rounds were undisturbed to tell."""
        return any(self.disturbed) and self.disturbed.count(False) < ENOUGH

    def middle(self, peer: str) -> float | None:
        """The median of our ratio to a peer."""
        found = self.kept(peer)
        return statistics.median(found) if found else None

    def least(self, peer: str) -> float | None:
        """The smallest value of a peer: of times, the one that other programs disturbed least."""
        found = self.values.get(peer)
        return min(found) if found else None

    def own(self) -> float | None:
        """The median of what was measured of ours."""
        found = self.values.get(self.ours)
        return statistics.median(found) if found else None

    def takes(self, peer: str) -> bool:
        """Whether a peer is measured for it: of the two that are us, one."""
        return peer == self.ours or peer not in (OURS, FAST)

    def over_floor(self) -> float | None:
        """Our time over the least that is possible here."""
        own = self.least(self.ours)
        return own / self.floor if own and self.floor else None

    def verdict(self) -> str:
        """met if each goal that was measured is, missed if one is not, else empty."""
        found = [
            m <= goal for peer, goal in self.goals.items() if (m := self.middle(peer)) is not None
        ]
        own = self.own()
        if self.most is not None and own is not None:
            found.append(own <= self.most)
        return "" if not found else "met" if all(found) else "missed"

    def add(self, values: dict[str, float], disturbed: bool | None = None) -> None:
        """A round: what each peer took, and whether other programs were in the way, if known."""
        if disturbed is not None:
            self.disturbed.append(disturbed)
        for peer, value in values.items():
            self.values.setdefault(peer, []).append(value)
            if peer != self.ours and self.ours in values:
                self.ratios.setdefault(peer, []).append(values[self.ours] / value)


LARGE_GOALS = {"pow 3": 0.45, "sum": 1.1, "sum dim 0": 0.6, "sum dim 1": 1.15, "softmax": 0.6}
NO_MIDDLE_GOAL = frozenset(LARGE_GOALS)
MIDDLE = 2.2  # NumPy alone; PyTorch's team of threads spins between operations
WITH_FAST = 1.05  # so do the helpers of the extra
ARRAYS = {  # read or written
    "copy": 2,
    "add": 3,
    "w -= lr * g": 3,
    "relu backward": 3,
    "sum": 1,
    "sum dim 0": 1,
    "sum dim 1": 1,
}


def inside_rows() -> list[Row]:
    """What is measured inside running processes; processes.py measures the rest."""
    return [
        *small_rows(),
        *step_rows(),
        *pass_rows(),
        *fast_rows(),
        *product_rows(),
        *layer_rows(),
    ]


def small_rows() -> list[Row]:
    found = []
    for way, words, goal in (
        ("forward", "forward", 0.6),
        ("both", "forward and backward", 0.25),
    ):
        found += [Row("small", f"{n}, {words}", f"{n}/{way}", {"torch": goal}) for n in SMALL]
    return found


def step_rows() -> list[Row]:
    """A product forward, and two of its size backward, but for the input of the first layer."""
    x, w1, w2 = (data.SHAPES[name] for name in ("x", "w1", "w2"))
    tutorial = 2.0 * x[0] * (2 * math.prod(w1) + 3 * math.prod(w2))
    batch, sizes = data.SHAPES["X"][0], [math.prod(data.SHAPES[n]) for n in ("W1", "W2", "W3")]
    mlp = 2.0 * batch * (3 * sum(sizes) - sizes[0])
    goals = {"torch": 0.8, "numpy": 1.25}
    return [
        Row("steps", "the tutorial's step, 64x1000-100-10", "step", goals, flop=tutorial),
        Row("steps", "MLP 256x784-1024-1024-10, SGD", "mlp", {"torch": 0.95}, flop=mlp),
    ]


def pass_rows() -> list[Row]:
    found = []
    for size in ("large", "middle"):
        nbytes = 4.0 * math.prod(data.SHAPES[f"a_{size}"])
        for name in PASSES:
            goals = {"torch": LARGE_GOALS.get(name, 0.4)}
            if size == "middle":
                goals = {} if name in NO_MIDDLE_GOAL else {"torch": MIDDLE}
            if name == "copy":
                goals = {}
            moved = nbytes * ARRAYS.get(name, 2)
            found.append(Row(size, name, f"{name}/{size}", goals, bytes=moved))
    return found


def fast_rows() -> list[Row]:
    """What the extra has a part in: training steps, passes over 4 MiB, sums, a product, layers."""
    passes = pass_rows()
    found = [row for row in passes if row.group == "middle" and row.goals]
    for row in found:
        row.goals = {"torch": WITH_FAST}
    sums = [row for row in passes if row.name.startswith("sum")]
    for row in sums:
        row.name += ", 64 MiB" if row.group == "large" else ", 4 MiB"
    layers = [row for row in layer_rows() if row.unit in ("layer_norm", "cross_entropy")]
    steps = [*step_rows(), *product_rows()]
    for row in steps:
        row.goals.pop("numpy", None)
    found = [*steps, *found, *sums, *layers]
    for row in found:
        row.group, row.ours = "fast", FAST
    return found


def product_rows() -> list[Row]:
    (n, k), (_, m) = data.SHAPES["p"], data.SHAPES["q"]
    return [Row("products", f"mm {n}^3", "mm/2048", {"torch": 1.08}, flop=2.0 * n * k * m)]


def layer_rows() -> list[Row]:
    images, filters, rows, scores = (
        data.SHAPES[name] for name in ("images", "filters", "rows", "scores")
    )
    pixels = images[0] * images[2] * images[3]
    one = 2.0 * pixels * math.prod(filters)
    words = f"conv2d {'x'.join(map(str, images))}, {filters[0]} of 3x3"
    goal = {"torch": 1.5}
    return [
        Row("layers", words, "conv2d", dict(goal), flop=3 * one),
        Row(
            "layers",
            f"layer_norm {rows[0]}x{rows[1]}",
            "layer_norm",
            dict(goal),
            bytes=5 * 4.0 * math.prod(rows),
        ),
        Row(
            "layers",
            f"cross_entropy {scores[0]}x{scores[1]}",
            "cross_entropy",
            dict(goal),
            bytes=3 * 4.0 * math.prod(scores),
        ),
    ]


@dataclass
class Rates:
    """The best that any peer reached here: bytes a second of copies, operations of a product."""

    large: float | None = None
    middle: float | None = None
    flop: float | None = None

    def floor(self, row: Row) -> float | None:
        """The least seconds of a row's bytes and operations; small arrays stay in a cache."""
        copied = self.large if row.unit.endswith("/large") else self.middle
        parts = [(row.bytes, copied), (row.flop, self.flop)]
        known = [amount / rate for amount, rate in parts if amount and rate]
        return max(known, default=None)


def rate_rows() -> list[Row]:
    """What the floors are made of."""
    copies = [row for row in pass_rows() if row.name == "copy"]
    return [*copies, *product_rows()]


def rates_of(rows: list[Row]) -> Rates:
    """From measured rate_rows()."""
    found = Rates()
    for row in rows:
        best = min((v for p in row.values if (v := row.least(p))), default=None)
        if best:
            name = "flop" if row.flop else row.group
            setattr(found, name, (row.flop or row.bytes) / best)
    return found
