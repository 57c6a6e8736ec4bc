"""Memory that a thread works in and keeps: what another thread has used is not in its cache."""

from __future__ import annotations

import threading

import numpy as np


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
