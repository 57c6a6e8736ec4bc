"""Result buffers that are used again: a fresh large array costs a page fault every 4 KiB."""

from __future__ import annotations

import functools
import math
import os
from sys import getrefcount

import numpy as np

SMALLEST = 1 << 16  # bytes: below, malloc keeps freed blocks itself
ALIGNMENT = 64  # a cache line: no vector access crosses one
LIMIT = 1 << 29  # bytes kept at most
TRIES = 8  # buffers of a size looked at before a new one is made
UNSEEN = 3  # references to a buffer that nobody uses: its bin, the variable, getrefcount's own


class Buffer(np.ndarray):
    """Memory of the pool. Every array in it, and every view of one, has it as its base."""

    start: int  # of its aligned part
    pooled = True


class Pool:
    """Buffers by size. One is free again when nothing outside the pool refers to it.

    NumPy makes the owner of the memory the base of every view, however long the chain, and
    exports (DLPack, memoryview) refer to a view: so the owner's reference count tells. Two
    threads that look at one buffer both hold a reference and so both pass it over.
    """

    def __init__(self) -> None:
        self.bins: dict[int, list[Buffer]] = {}
        self.next: dict[int, int] = {}
        self.total = 0
        self.enabled = os.environ.get("TRITONGRAD_NO_POOL") != "1"
        self.poison = os.environ.get("TRITONGRAD_POISON") == "1"

    def empty(self, shape: tuple, dtype: np.dtype) -> np.ndarray:
        """An array of arbitrary content."""
        nbytes = math.prod(shape) * dtype.itemsize
        if nbytes < SMALLEST or not self.enabled:
            return np.empty(shape, dtype)
        size = size_class(nbytes)
        buffer = self.free_one(size)
        if buffer is None:
            buffer = self.grow(size)
        if self.poison:
            buffer.fill(0xFF)
        return np.ndarray(shape, dtype, buffer, buffer.start)

    def free_one(self, size: int) -> Buffer | None:
        """A buffer of a size that nobody uses, looked for from where the last one was found."""
        found = self.bins.get(size)
        if not found:
            return None
        first = self.next[size]
        buffer = found[first]
        if getrefcount(buffer) == UNSEEN:
            return buffer
        for step in range(1, min(TRIES, len(found))):
            at = (first + step) % len(found)
            buffer = found[at]
            if getrefcount(buffer) == UNSEEN:
                self.next[size] = at  # while it is in a cache
                return buffer
        return None

    def grow(self, size: int) -> Buffer:
        """A new buffer; kept for later unless the pool is full."""
        buffer = np.ndarray.__new__(Buffer, (size + ALIGNMENT,), np.uint8)
        buffer.start = -buffer.__array_interface__["data"][0] % ALIGNMENT
        if self.total + size > LIMIT:
            self.clear()
        if self.total + size <= LIMIT:
            self.total += size
            self.bins.setdefault(size, []).append(buffer)
            self.next.setdefault(size, 0)
        return buffer

    def clear(self) -> None:
        """Give back the buffers that nobody uses (those in use leave the pool as well)."""
        self.bins, self.next, self.total = {}, {}, 0


@functools.lru_cache(maxsize=1024)
def size_class(nbytes: int) -> int:
    """The size rounded up to eighths of a power of two: at most an eighth is wasted."""
    step = 1 << max(nbytes.bit_length() - 4, 12)
    return -(-nbytes // step) * step


pool = Pool()
empty = pool.empty
