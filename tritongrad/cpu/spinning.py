"""A team whose helpers look for work in compiled code, without the GIL and without sleeping.

Waking a thread of Python's takes as long as a pass over 4 MiB. For a short while after some work,
a helper here watches a word of memory instead. Work is a loop of compiled.py, cut into blocks; the
caller takes them from one end and helpers from the other, so that nobody waits for one that is
asleep. Imported by fast.py alone.
"""

from __future__ import annotations

import ctypes
import importlib
import os
import platform
import threading
import time
from typing import Any

import numpy as np

from .address import HEAD, SEEN
from .compiled import cached, numba
from .team import get_num_threads

intrinsic: Any = importlib.import_module("numba.extending").intrinsic
ir: Any = importlib.import_module("llvmlite.ir")

BLOCK = 1 << 15  # elements that a thread takes at a time
SHARED = 1 << 16  # elements from which helpers that look for work take part
WAKING = 1 << 17  # ... from which those that sleep are woken
LINGER = 5e-4  # seconds for which a helper looks for the next job
WORD, NOTHING = numba.types.int64, numba.types.void
I64 = ir.IntType(64)
# Words of the box, by their bytes; those that several threads write have cache lines of their own.
TICKET = (
    0  # the job's number, the first block that is left, the one after the last: 24, 20, 20 bits
)
DONE = 64  # blocks finished
LEAVE = 128  # 1: helpers are to sleep
AWAKE = 192  # how many helpers look for work
JOB = 256  # the loop, its four arrays, the elements, those of a block, the blocks
SIZE = 320
RESTING, LOOKING, FINISHED, BLOCKS = LEAVE // 8, AWAKE // 8, DONE // 8, JOB // 8 + 7
FIELD = 20
MOST = (1 << FIELD) - 1  # blocks of a job
WAIT = 20_000  # looks at the last blocks of helpers before the caller lets other threads run


@intrinsic
def load(context, address):
    def build(context, builder, signature, values):
        return builder.load_atomic(_pointer(builder, values[0]), "seq_cst", 8)

    return WORD(WORD), build


@intrinsic
def store(context, address, value):
    def build(context, builder, signature, values):
        builder.store_atomic(values[1], _pointer(builder, values[0]), "seq_cst", 8)
        return context.get_dummy_value()

    return NOTHING(WORD, WORD), build


@intrinsic
def increase(context, address, value):
    def build(context, builder, signature, values):
        where = _pointer(builder, values[0])
        return builder.atomic_rmw("add", where, values[1], "seq_cst")

    return WORD(WORD, WORD), build


@intrinsic
def exchange(context, address, old, new):
    """Whether the word was `old` and is `new` now."""

    def build(context, builder, signature, values):
        where = _pointer(builder, values[0])
        return builder.extract_value(builder.cmpxchg(where, *values[1:], "seq_cst", "seq_cst"), 1)

    return numba.types.boolean(WORD, WORD, WORD), build


@intrinsic
def pause(context):
    """Tell the processor that this is a loop that waits, where it has a word for it."""
    name = {"x86_64": "llvm.x86.sse2.pause", "AMD64": "llvm.x86.sse2.pause"}

    def build(context, builder, signature, values):
        if platform.machine() in name:
            kind = ir.FunctionType(ir.VoidType(), ())
            found = builder.module.declare_intrinsic(name[platform.machine()], (), kind)
            builder.call(found, ())
        return context.get_dummy_value()

    return NOTHING(), build


@intrinsic
def call(context, function, out, a, b, c, i, j):
    def build(context, builder, signature, values):
        kind = ir.FunctionType(ir.VoidType(), [I64] * 6)
        builder.call(builder.inttoptr(values[0], kind.as_pointer()), values[1:])
        return context.get_dummy_value()

    return NOTHING(*[WORD] * 7), build


def _pointer(builder: Any, address: Any) -> Any:
    return builder.inttoptr(address, I64.as_pointer())


@cached(numba.njit, NOTHING(WORD, WORD), nogil=True)
def take(box, first):
    """Do blocks of the job until none is left: the first ones, or the last.

    Every other job begins in the middle, where the threads ended: that is in their caches.
    """
    while True:
        ticket = load(box + TICKET)
        low, high = (ticket >> FIELD) & MOST, ticket & MOST
        if low >= high:
            return
        if exchange(box + TICKET, ticket, ticket + (MOST + 1) if first else ticket - 1):
            # Nobody changes the job before this block is finished.
            job = box + JOB
            n, size, blocks = load(job + 40), load(job + 48), load(job + 56)
            k = low if first else high - 1
            if ticket >> (2 * FIELD) & 1:
                k = blocks // 2 - 1 - k
                k += blocks if k < 0 else 0
            arrays = load(job + 8), load(job + 16), load(job + 24), load(job + 32)
            call(load(job), *arrays, k * size, min(n, k * size + size))
            increase(box + DONE, 1)


@cached(numba.njit, WORD(*[WORD] * 9), nogil=True)
def post(box, loop, out, a, b, c, n, size, shared):
    """loop(out, a, b, c) on n elements; how many blocks others have not finished yet.

    Arrays are given by the addresses of their objects, 0 for none.
    """
    out = load(out + HEAD)
    a = load(a + HEAD) if a else 0
    b = load(b + HEAD) if b else 0
    c = load(c + HEAD) if c else 0
    if not shared:
        call(loop, out, a, b, c, 0, n)
        return 0
    blocks = (n + size - 1) // size
    job = box + JOB
    store(job, loop)
    store(job + 8, out)
    store(job + 16, a)
    store(job + 24, b)
    store(job + 32, c)
    store(job + 40, n)
    store(job + 48, size)
    store(job + 56, blocks)
    store(box + DONE, 0)
    number = ((load(box + TICKET) >> (2 * FIELD)) + 1) & 0xFFFF
    store(box + TICKET, (number << (2 * FIELD)) | blocks)
    take(box, True)
    for _ in range(WAIT):
        if load(box + DONE) == blocks:
            return 0
        pause()
    return blocks - load(box + DONE)


@cached(numba.njit, NOTHING(WORD, WORD), nogil=True)
def serve(box, looks):
    """Help with every job until there was none for so many looks."""
    increase(box + AWAKE, 1)
    idle = 0
    while idle < looks and not load(box + LEAVE):
        ticket = load(box + TICKET)
        if (ticket >> FIELD) & MOST < ticket & MOST:
            take(box, False)
            idle = 0
        pause()
        idle += 1
    increase(box + AWAKE, -1)


class Team:
    """The threads that run compiled loops: the caller, and helpers that come and go."""

    def __init__(self) -> None:
        self.busy = threading.Lock()
        self.memory = np.zeros(SIZE // 8 + 8, np.int64)
        view: Any = self.memory
        self.words = memoryview(view)[-(self.memory.ctypes.data // 8) % 8 :]
        self.box = self.memory.ctypes.data + 8 * (len(self.memory) - len(self.words))
        self.ended = False
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 64
        self.most = cores - 1  # helpers: more would be in each other's way
        self.go: list[threading.Lock] = []
        self.threads: list[threading.Thread] = []
        begin = time.perf_counter()
        serve(self.box, 2000)
        self.looks = int(2000 * LINGER / (time.perf_counter() - begin)) + 1

    def run(
        self,
        loop: int,
        out: np.ndarray,
        a: Any,
        b: Any = None,
        c: Any = None,
        n: int = 0,
        each: int = 1,
    ) -> None:
        """loop(out, a, b, c) over all elements of `out`, shared if that pays.

        Or over n parts, of which each is so many elements' work.
        """
        n = n or out.size
        block, work = BLOCK, n
        if each > 1:
            block, work = max(BLOCK // each, 1), n * each
        if n > block * MOST:
            block = -(-n // MOST)
        ids = id(out), id(a), 0 if b is None else id(b), 0 if c is None else id(c)
        helpers = self.most if self.most < get_num_threads() else get_num_threads() - 1
        if work < SHARED or not helpers or not self.busy.acquire(False):
            post(self.box, loop, *ids, n, block, 0)
            return
        words = self.words
        try:
            words[RESTING] = 0
            if work >= WAKING and words[LOOKING] < helpers:
                self._wake(helpers)
            left = post(self.box, loop, *ids, n, block, 1)
        except BaseException:
            left = 1
            raise
        finally:
            while left and words[FINISHED] < words[BLOCKS]:
                time.sleep(1e-5)  # a helper has been interrupted in its last block
            self.busy.release()

    def _wake(self, count: int) -> None:
        while len(self.go) < count:
            lock = threading.Lock()
            lock.acquire()
            self.go.append(lock)
            thread = threading.Thread(
                target=self._help, args=(lock,), daemon=True, name="tritongrad"
            )
            self.threads.append(thread)
            thread.start()
        for lock in self.go[:count]:
            if lock.locked():
                lock.release()

    def _help(self, go: threading.Lock) -> None:
        while True:
            go.acquire()
            if self.ended:
                return
            serve(self.box, self.looks)

    def rest(self) -> None:
        """Have the helpers sleep at once: others need the cores."""
        self.words[RESTING] = 1

    def stop(self) -> None:
        """End the helpers: at exit they must not be in compiled code."""
        self.ended = True
        self.rest()
        for lock, thread in zip(self.go, self.threads, strict=True):
            if lock.locked():
                lock.release()
            thread.join(1)


def usable() -> bool:
    """Whether numba compiles here, and arrays lie in memory as `post` takes for granted."""
    return SEEN and ctypes.sizeof(ctypes.c_void_p) == 8 and not numba.config.DISABLE_JIT
