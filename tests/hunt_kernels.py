"""Samples of operations with other sizes: tile edges, 0, 1, primes, in place of 2, 3, 4, 5."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tritongrad.samples import Bools, Ints, Rand

EDGES = [0, 1, 2, 7, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 255, 256, 257]
EDGES += [511, 512, 513, 1021, 1023, 1024, 1025, 1031, 2047, 2048, 2049, 4096, 4099]
MOST = 6_000  # elements of one tensor, or of all dims at once, so that a case takes milliseconds


def sizes_in(part: Any) -> set[int]:
    """The sizes of dims that a sample's tensors have."""
    match part:
        case Rand() | Ints() | Bools():
            return set(part.shape)
        case dict():
            return sizes_in(list(part.values()))
        case list() | tuple():
            return set().union(*map(sizes_in, part))
    return set()


def other_sizes(part: Any, sizes: dict[int, int]) -> Any:
    """A sample with other sizes; bounds of whole numbers and shapes among arguments follow."""
    match part:
        case Rand():
            new = tuple(sizes.get(n, n) for n in part.shape)
            return Rand(new, part.low, part.high, part.away, part.distinct)
        case Ints():
            new = tuple(sizes.get(n, n) for n in part.shape)
            return Ints(new, part.low, max(part.low + 1, sizes.get(part.high, part.high)))
        case Bools():
            return Bools(tuple(sizes.get(n, n) for n in part.shape))
        case dict():
            return {k: other_sizes(v, sizes) for k, v in part.items()}
        case list() | tuple():
            shape = len(part) > 1 and all(type(n) is int and n > 1 for n in part)
            if shape:
                return type(part)([sizes.get(n, n) for n in part])
            return type(part)([other_sizes(v, sizes) for v in part])
    return part


def largest(part: Any) -> int:
    """The number of elements of a sample's largest tensor."""
    match part:
        case Rand() | Ints() | Bools():
            return int(np.prod(part.shape))
        case dict():
            return largest(list(part.values()))
        case list() | tuple():
            return max(map(largest, part), default=0)
    return 0


def resized(rng: np.random.Generator, sample: tuple) -> tuple:
    """A sample of the same form whose sizes are drawn anew, few of them large."""
    old = sorted(sizes_in(sample) - {0, 1})
    for _ in range(20):
        new = {n: int(rng.choice(EDGES[: 8 if rng.random() < 0.5 else None])) for n in old}
        made = other_sizes(sample, new)
        if largest(made) <= MOST and math.prod(new.values()) <= MOST:
            return made
    return sample
