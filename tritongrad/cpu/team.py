"""A small team of threads that share the work of one large NumPy kernel."""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from . import blas


class Team:
    """n - 1 helper threads, parked on locks; the caller is the n-th.

    NumPy's loops run without the GIL. Only one kernel at a time has the team: another thread's
    work is done by that thread alone.
    """

    def __init__(self, n: int) -> None:
        self.n = n
        self.busy = threading.Lock()
        self.boxes: list[Any] = [None] * n
        self.errors: list[BaseException | None] = [None] * n
        self.go = [threading.Lock() for _ in range(n)]
        self.done = [threading.Lock() for _ in range(n)]
        for k in range(1, n):
            self.go[k].acquire()
            self.done[k].acquire()
            threading.Thread(target=self._help, args=(k,), daemon=True, name="tritongrad").start()

    def _help(self, k: int) -> None:
        np.seterr(all="ignore")  # inf and nan are results; the setting is this thread's own
        go, done, boxes = self.go[k], self.done[k], self.boxes
        while True:
            go.acquire()
            work, part = boxes[k]
            boxes[k] = None
            try:
                work(*part)
            except BaseException as error:  # handed to the caller
                self.errors[k] = error
            del work, part  # an idle helper holds no array
            done.release()

    def run(self, work: Callable, parts: Sequence[tuple]) -> None:
        """work(*part) for every part; at most n of them."""
        if len(parts) == 1 or not self.busy.acquire(blocking=False):
            for part in parts:
                work(*part)
            return
        try:
            for k in range(1, len(parts)):
                self.boxes[k] = (work, parts[k])
                self.go[k].release()
            try:
                work(*parts[0])
            finally:
                for k in range(1, len(parts)):
                    self.done[k].acquire()
        finally:
            errors = self.errors
            self.errors = [None] * self.n
            self.busy.release()
        for error in errors:
            if error is not None:
                raise error


_count = int(os.environ.get("TRITONGRAD_NUM_THREADS", 0)) or min(os.cpu_count() or 1, 4)
_team: Team | None = None
_making = threading.Lock()


def set_num_threads(n: int) -> None:
    """Threads that one operation may use on the CPU. Results do not depend on it."""
    global _count
    if not isinstance(n, int) or isinstance(n, bool):
        raise TypeError(f"set_num_threads: expected an int, got {type(n).__name__}")
    if n < 1:
        raise RuntimeError(f"set_num_threads: expected a positive number, got {n}")
    _count = n
    blas.set_num_threads(n)


def get_num_threads() -> int:
    """Threads that one operation may use on the CPU."""
    return _count


def team() -> Team:
    """The team of the size that was asked for, made on first use."""
    global _team
    found = _team
    if found is None or found.n != _count:
        with _making:
            found = _team
            if found is None or found.n != _count:
                found = _team = Team(_count)
    return found


def _after_fork() -> None:
    global _team, _making
    _team = None  # a child has no helper threads
    _making = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def cuts(n: int, unit: int) -> list[tuple[int, int]]:
    """[0, n) in one part a thread, cut at multiples of `unit`."""
    units = -(-n // unit)
    count = min(_count, units)
    ends = [min(units * k // count * unit, n) for k in range(count + 1)]
    return list(itertools.pairwise(ends))
