"""Races between the programs of a launch, looked for where TRITONGRAD_RACES=1 says so.

Two programs race if one writes what the other reads or writes, unless both do so atomically: on a
GPU they run at the same time. The interpreter runs one after the other, and so would hide it.
"""

import os

import numpy as np

from .interpreter_memory import state

READ, WRITE, ATOMIC = 0, 1, 2
KINDS = {"load": READ, "store": WRITE}
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

    def observe(self, kind, addresses, size, program):
        if not self.programs or self.programs[-1] != program:
            self.programs.append(program)
        number = len(self.programs) - 1
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
        order = np.argsort(cells, kind="stable")
        cells, kinds, numbers = cells[order], kinds[order], numbers[order]
        starts = np.flatnonzero(np.diff(cells, prepend=cells[0] - 1))
        several = np.minimum.reduceat(numbers, starts) != np.maximum.reduceat(numbers, starts)
        used = [np.logical_or.reduceat(kinds == kind, starts) for kind in range(3)]
        raced = several & (used[WRITE] | (used[ATOMIC] & used[READ]))
        if raced.any():
            here = cells == cells[starts[raced.argmax()]]
            self.refuse(cells[here][0] * unit, kinds[here], numbers[here], int(raced.sum()))

    def refuse(self, address, kinds, numbers, count):
        """The error for one address, its accesses, and the number of elements concerned."""
        first = (kinds == WRITE).argmax() if (kinds == WRITE).any() else (kinds == ATOMIC).argmax()
        other = (numbers != numbers[first]).argmax()
        if kinds[first] == ATOMIC:
            other = ((numbers != numbers[first]) & (kinds == READ)).argmax()
        where = f"address {address:#x}"
        for argument in state.arguments:
            if argument.low <= address < argument.high:
                offset = (address - argument.ptr) // argument.itemsize
                where = f"element offset {offset} from argument '{argument.name}'"
        one, two = (f"program {self.programs[numbers[i]]} {SAID[kinds[i]]}" for i in (first, other))
        raise RaceError(
            f"{state.kernel}: programs of grid {state.grid} race at {where}: {one} what {two}"
            f"{f' ({count} elements in all)' if count > 1 else ''}; give each element to one "
            "program, or use tl.atomic_add and the like"
        )
