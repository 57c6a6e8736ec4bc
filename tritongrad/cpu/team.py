"""A small team of threads that share the work of one large NumPy kernel."""

from __future__ import annotations

import functools
import itertools
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from . import blas

FINE = 4  # pieces of a helper's share at most
LOOKS = 20  # of a caller at the last parts of helpers, before it sleeps: waking takes long
IDLE = np.ones(1 << 12)  # their roots, which are they themselves, take 5 us without the GIL


class Job:
    """Parts of one piece of work, which threads take until none is left."""

    __slots__ = ("errors", "finished", "last", "over", "parts", "work")

    def __init__(self, work: Callable, parts: Sequence[tuple]) -> None:
        self.work: Any = work  # None in the end
        self.parts = deque(parts)
        self.last = len(parts) - 1
        self.finished = itertools.count()
        self.over = threading.Lock()
        self.over.acquire()
        self.errors: list[BaseException] = []

    def take(self, claim: Callable[[], tuple]) -> None:
        """Do parts as long as there are any; whoever finishes the last one says so."""
        while True:
            try:
                part = claim()
            except IndexError:
                return
            try:
                self.work(*part)
            except BaseException as error:  # handed to the caller
                self.errors.append(error)
            if next(self.finished) == self.last:
                self.over.release()

    def wait(self) -> None:
        """Until every part is finished; mostly without the GIL, which a helper ends a part with."""
        for _ in range(LOOKS):
            if self.over.acquire(blocking=False):
                return
            np.sqrt(IDLE, out=IDLE)
        self.over.acquire()


class Team:
    """n - 1 helper threads, parked on locks; the caller is the n-th.

    NumPy's loops run without the GIL. A helper takes tens of microseconds to wake: what it has not
    begun by then, the caller does. Only one kernel at a time has the team: another thread's work is
    done by that thread alone.
    """

    looking: Any = None  # helpers of spinning.py, which would be in the way
    used = 0.0  # when heavy work was last shared, by time.monotonic

    def __init__(self, n: int) -> None:
        self.n = n
        self.busy = threading.Lock()
        self.jobs: list[Job | None] = [None] * n
        self.go = [threading.Lock() for _ in range(n)]
        for k in range(1, n):
            self.go[k].acquire()
            threading.Thread(target=self._help, args=(k,), daemon=True, name="tritongrad").start()

    def _help(self, k: int) -> None:
        np.seterr(all="ignore")  # inf and nan are results; the setting is this thread's own
        go, jobs = self.go[k], self.jobs
        while True:
            go.acquire()
            job = jobs[k]
            if job is not None:
                job.take(job.parts.pop)
            del job  # an idle helper holds no array

    def run(self, work: Callable, parts: Sequence[tuple], light: bool = False) -> None:
        """work(*part) for every part, from both ends: the caller begins with the first.

        `light`: OpenBLAS's threads may be in its way, as alone it would be almost as quick.
        """
        if len(parts) == 1 or not self.busy.acquire(blocking=False):
            for part in parts:
                work(*part)
            return
        if self.looking is not None:
            self.looking.rest()
        if not light:
            Team.used = time.monotonic()
        job = Job(work, parts)
        try:
            for k in range(1, min(len(parts), self.n)):
                self.jobs[k] = job
                if self.go[k].locked():  # else it has not woken yet from the last time
                    self.go[k].release()
            job.take(job.parts.popleft)
            job.wait()
        finally:
            job.work = None  # a helper that wakes late holds no array either
            self.busy.release()
        if job.errors:
            raise job.errors[0]


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


def pieces(n: int, unit: int, ahead: int = 0) -> list[tuple[int, int]]:
    """[0, n) for the caller, who gets so many units more while others wake, and for the helpers.

    Their shares are several pieces if those are large beside that: whoever is free takes the next.
    """
    return _pieces(n, unit, ahead, _count)


@functools.lru_cache(maxsize=256)
def _pieces(n: int, unit: int, ahead: int, threads: int) -> list[tuple[int, int]]:
    units = -(-n // unit)
    helpers = min(threads, units) - 1
    ends = [0, min((units + helpers * ahead) // (helpers + 1), units)]
    left = units - ends[1]
    count = min(helpers * FINE, max(left // max(2 * ahead, 1), helpers), left)
    ends += [ends[1] + left * k // count for k in range(1, count + 1)]
    return list(itertools.pairwise(min(end * unit, n) for end in ends))
