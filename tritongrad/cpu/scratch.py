"""Memory that a thread works in: its own, which is in its cache, and NumPy's buffers."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import numpy as np

ROOM = 512  # elements that NumPy may gather at a time: a loop along so long a row goes without
USUAL = 1 << 13  # elements that it gathers at a time unless told otherwise
AS_EVER = nullcontext()


class Scratch(threading.local):
    """The memory of each thread: as much as it ever needed at once."""

    memory = np.empty(0, np.float64)

    def take(self, count: int, dtype: np.dtype) -> np.ndarray:
        """So many numbers of arbitrary content, until this thread asks again."""
        size = -(-count * dtype.itemsize // 8)
        if self.memory.size < size:
            self.memory = np.empty(size)
        return self.memory.view(dtype)[:count]


scratch = Scratch()


def little_room(n: int, size: int) -> AbstractContextManager:
    """Within, this thread's NumPy reads repeated rows of n elements as they lie, if they are long:
    it would gather shorter ones in a buffer first, as it does where it can gather all `size`."""
    return AS_EVER if n < ROOM or size <= USUAL else _little()


@contextmanager
def _little() -> Iterator[None]:
    before = np.setbufsize(ROOM)
    try:
        yield
    finally:
        np.setbufsize(before)
