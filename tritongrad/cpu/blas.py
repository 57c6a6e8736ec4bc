"""How many threads BLAS uses for a product: one where a second costs time, or would change bits."""

from __future__ import annotations

import ctypes
import os
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np

SETTERS = (
    "scipy_openblas_set_num_threads64_",
    "scipy_openblas_set_num_threads",
    "openblas_set_num_threads64_",
    "openblas_set_num_threads",
)

AWAKE = 0.1  # seconds for which a thread of OpenBLAS looks for work before it sleeps
# OpenBLAS for these multiplies small matrices as they lie, without copying them into tiles first.
AS_THEY_LIE = frozenset((b"SkylakeX", b"Cooperlake", b"Sapphirerapids"))


class Blas:
    """The OpenBLAS in NumPy's wheel, if it is there: its thread count is the whole process's.

    It is changed only while a product runs that must have one thread; then it is what it was, so
    that NumPy elsewhere in the program is as quick as before. `alone` may be entered by several
    threads at once: the first in sets the count, the last out puts it back.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.inside = 0
        self.before = 1
        self.get: Callable | None = None
        self.set: Callable | None = None
        self.looked = False
        self.file = self.setter = ""  # the library, and how its function is called
        self.small_are_quick = False
        self.batches: dict[np.dtype, Callable] = {}  # of products, shared among its threads
        self.axpys: dict[np.dtype, Callable] = {}  # y += alpha x, likewise
        self.woken = 0.0  # when its threads last got work of ours, by time.monotonic

    def look(self) -> None:
        """Find OpenBLAS, once; no thread takes it for absent while another is about it."""
        if not self.looked:
            with self.lock:
                if not self.looked:
                    self.find()
                    self.looked = True

    def find(self) -> None:
        """Look for the functions of OpenBLAS."""
        import glob

        folder = os.path.join(os.path.dirname(np.__file__), os.pardir, "numpy.libs")
        for file in glob.glob(os.path.join(folder, "*openblas*")):
            try:
                library = ctypes.PyDLL(file)  # these calls are too short to let go of the GIL
            except OSError:
                continue
            for name in SETTERS:
                if hasattr(library, name):
                    self.set = getattr(library, name)
                    self.get = getattr(library, name.replace("_set_", "_get_"))
                    core = getattr(library, name.replace("set_num_threads", "get_corename"), None)
                    if core is not None:
                        core.restype = ctypes.c_char_p
                        self.small_are_quick = core() in AS_THEY_LIE
                    self.file, self.setter = file, name
                    self._find_shared()
                    return

    def cblas(self, name: str) -> Any:
        """A function by its name in CBLAS, None if it is not there with integers of 64 bits.

        Its calls let go of the GIL.
        """
        if not self.setter.endswith("64_"):
            return None
        called = self.setter.replace("openblas_set_num_threads", f"cblas_{name}")
        return getattr(ctypes.CDLL(self.file), called, None)

    def _find_shared(self) -> None:
        pointer, number = ctypes.c_void_p, ctypes.c_int64
        for letter, real in (("s", ctypes.c_float), ("d", ctypes.c_double)):
            dtype = np.dtype(real)
            batch, axpy = self.cblas(f"{letter}gemm_batch"), self.cblas(f"{letter}axpy")
            if batch is None or axpy is None:
                continue
            batch.argtypes = [ctypes.c_int, *[pointer] * 13, number, pointer]
            axpy.argtypes = [number, real, pointer, number, pointer, number]
            batch.restype = axpy.restype = None
            self.batches[dtype], self.axpys[dtype] = batch, axpy

    def has_batches(self, dtype: np.dtype) -> bool:
        """Whether several products of this dtype can be given to BLAS's threads at once."""
        self.look()
        return dtype in self.batches

    def awake(self) -> bool:
        """Whether its threads may still look for work, and so keep others from the cores."""
        return time.monotonic() - self.woken < AWAKE

    def threads(self) -> int:
        """How many threads BLAS would use now."""
        return self.get() if self.get is not None else 1

    @property
    def direct(self) -> bool:
        """Whether small products are quicker than parts of large ones."""
        self.look()
        return self.small_are_quick

    def alone(self, function: Callable, *args: Any) -> Any:
        """function(*args) while every product of this process runs in one thread."""
        self.look()
        with self.lock:
            self.inside += 1
            if self.inside == 1 and self.set is not None and self.get is not None:
                self.before = self.get()
                if self.before != 1:
                    self.set(1)
        try:
            return function(*args)
        finally:
            with self.lock:
                self.inside -= 1
                if self.inside == 0 and self.before != 1 and self.set is not None:
                    self.set(self.before)

    def set_num_threads(self, n: int) -> None:
        """Threads of BLAS from now on."""
        self.look()
        with self.lock:
            if self.inside:
                self.before = n
            elif self.set is not None:
                self.set(n)


blas = Blas()
alone = blas.alone
set_num_threads = blas.set_num_threads


def _after_fork() -> None:
    """In a child there are no other threads, which may have held the lock or been inside."""
    if blas.inside and blas.set is not None and blas.before != 1:
        blas.set(blas.before)
    blas.inside = 0
    blas.lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
