"""Sample inputs: plain descriptions of arguments, from which every generated test is made.

A sample is a tuple of positional arguments; a dict at its end holds keyword arguments.
Anything that is not a description (a number, a list of dims) is passed as it stands.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rand:
    """A floating tensor, uniform in [low, high).

    `away`: points that no element comes nearer to than 0.1 (kinks, where differences are wrong).
    `distinct`: elements at least 0.01 apart from each other, in random order (for max, sort ...).
    """

    shape: tuple = ()
    low: float = -2.0
    high: float = 2.0
    away: tuple = ()
    distinct: bool = False


@dataclass(frozen=True, slots=True)
class Ints:
    """An int64 tensor, uniform in [low, high)."""

    shape: tuple = ()
    low: int = 0
    high: int = 3


@dataclass(frozen=True, slots=True)
class Bools:
    """A bool tensor."""

    shape: tuple = ()


def unary(low: float = -2.0, high: float = 2.0, away: tuple = ()) -> list[tuple]:
    """One tensor: a matrix, 0-d, empty, more dims."""
    return [(Rand(s, low, high, away),) for s in ((3, 4), (), (0, 3), (2, 1, 5))]


def binary(
    low: float = -2.0, high: float = 2.0, away: tuple = (), number: float | None = 1.5
) -> list[tuple]:
    """Two tensors: of one shape, broadcast both ways, 0-d, empty, and one with a number."""
    shapes: Sequence[tuple[tuple, tuple]] = (
        ((3, 4), (3, 4)),
        ((3, 4), (4,)),
        ((2, 1, 4), (3, 1)),
        ((), (2, 3)),
        ((0, 4), (4,)),
    )
    pairs: list[tuple] = [(Rand(a, low, high, away), Rand(b, low, high, away)) for a, b in shapes]
    return pairs + ([(Rand((3, 4), low, high, away), number)] if number is not None else [])
