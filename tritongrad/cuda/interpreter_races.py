"""Races between the programs of a launch, looked for where TRITONGRAD_RACES=1 says so.

Two programs race if one writes what the other reads or writes, unless both do so atomically: on a
GPU they run at the same time. The interpreter runs one after the other, and so would hide it.

They keep apart where an atomic comes between: one on a single element by the first after its
access, and on the same element by the second before its own. So do a lock that is taken and given
back, and a counter by which the last program knows that the others are done. As in other race
detectors, what the second makes of the atomic's result is not looked at.
"""

import functools
import os

import numpy as np

from .interpreter_memory import state

READ, WRITE, ATOMIC = 0, 1, 2
KINDS = {
    "load": READ,
    "store": WRITE,
}  # the others are "atomic", and "relaxed", which orders nothing
SAID = ("reads", "writes", "changes atomically")


class RaceError(RuntimeError):
    """Two programs of a kernel use one element at the same time, and one of them changes it."""


def watched():
    """What notes the accesses of one launch; None where nobody asks, or somebody watches already"""
    asked = os.environ.get("TRITONGRAD_RACES") == "1" and state.observer is None
    return Accesses() if asked else None


class Accesses:
    """All accesses of a launch: addresses, size in bytes, kind, program."""

    def __init__(self):
        self.seen = []
        self.programs = []
        self.syncs = []  # (index in seen, address): atomics of one element

    def observe(self, kind, addresses, size, program):
        if not self.programs or self.programs[-1] != program:
            self.programs.append(program)
        number = len(self.programs) - 1
        if kind == "atomic" and len(addresses) == 1:
            self.syncs.append((len(self.seen), int(addresses[0])))
        self.seen.append((addresses.astype(np.int64), size, KINDS.get(kind, ATOMIC), number))

    def check(self):
        """Raises for the first element that programs race for."""
        if not self.seen:
            return
        unit = min(size for _, size, _, _ in self.seen)
        columns = [
            ((at[:, None] // unit + np.arange(size // unit)).reshape(-1), kind, number)
            for at, size, kind, number in self.seen
        ]
        counts = [len(cells) for cells, _, _ in columns]
        cells = np.concatenate([cells for cells, _, _ in columns])
        kinds = np.repeat([kind for _, kind, _ in columns], counts)
        numbers = np.repeat([number for _, _, number in columns], counts)
        times = np.repeat(np.arange(len(counts)), counts)
        order = np.argsort(cells, kind="stable")
        cells, kinds, numbers, times = cells[order], kinds[order], numbers[order], times[order]
        starts = np.flatnonzero(np.diff(cells, prepend=cells[0] - 1))
        several = np.minimum.reduceat(numbers, starts) != np.maximum.reduceat(numbers, starts)
        used = [np.logical_or.reduceat(kinds == kind, starts) for kind in range(3)]
        raced = several & (used[WRITE] | (used[ATOMIC] & used[READ]))
        ends = np.append(starts[1:], len(cells))
        pairs = [
            (place, pair)
            for place in np.flatnonzero(raced)
            if (pair := self.unordered(slice(starts[place], ends[place]), kinds, numbers, times))
        ]
        if pairs:
            place, pair = pairs[0]
            self.refuse(cells[starts[place]] * unit, kinds, numbers, pair, len(pairs))

    def unordered(self, here, kinds, numbers, times):
        """Two accesses of one element that race, by their places; None where all keep apart

        What a write follows, all that follows the write follows too.
        """
        reads, changes = [], []
        for i in range(here.start, here.stop):
            for j in changes if kinds[i] == READ else changes + reads:
                apart = numbers[i] == numbers[j] or (kinds[i] == kinds[j] == ATOMIC)
                if not apart and not self.ordered(times[j], times[i]):
                    return sorted((j, i), key=lambda at: (WRITE, ATOMIC, READ).index(kinds[at]))
            if kinds[i] == WRITE:
                reads, changes = [], [i]
            else:
                (reads if kinds[i] == READ else changes).append(i)
        return None

    @functools.cached_property
    def clocks(self):
        """For every program its atomics: (time, what of every program it then knows to be done)"""
        clocks, elements = {}, {}
        for time, address in self.syncs:
            number = self.seen[time][3]
            own = clocks.setdefault(number, [])
            known = dict(own[-1][1]) if own else {}
            for other, until in elements.get(address, {}).items():
                known[other] = max(known.get(other, -1), until)
            elements[address] = known | {number: time}
            own.append((time, known))
        return clocks

    def ordered(self, first, second):
        """Whether the program of the later access knew that the earlier one was done."""
        known = {}
        for time, known_then in self.clocks.get(self.seen[second][3], ()):
            if time <= second:
                known = known_then
        return known.get(self.seen[first][3], -1) >= first

    def refuse(self, address, kinds, numbers, pair, count):
        """The error for one address, two accesses to it, and the number of elements concerned."""
        where = f"address {address:#x}"
        for argument in state.arguments:
            if argument.low <= address < argument.high:
                offset = (address - argument.ptr) // argument.itemsize
                where = f"element offset {offset} from argument '{argument.name}'"
        one, two = (f"program {self.programs[numbers[i]]} {SAID[kinds[i]]}" for i in pair)
        raise RaceError(
            f"{state.kernel}: programs of grid {state.grid} race at {where}: {one} what {two}"
            f"{f' ({count} elements in all)' if count > 1 else ''}; give each element to one "
            "program, or use tl.atomic_add and the like"
        )
