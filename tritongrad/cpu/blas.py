"""How many threads BLAS uses: one for small products, where a second costs more than it gives."""

from __future__ import annotations

import ctypes
import glob
import os
import threading
from collections.abc import Callable

import numpy as np

SMALL = 50e6  # floating point operations; below, a second thread loses (bench/cpu.py)
NAMES = (
    "scipy_openblas_set_num_threads64_",
    "scipy_openblas_set_num_threads",
    "openblas_set_num_threads64_",
    "openblas_set_num_threads",
)

_set: Callable | None = None
_looked = False
_now = 0  # the count that was set last, 0 if none
_threads = os.cpu_count() or 1
_lock = threading.Lock()


def _find() -> Callable | None:
    """The function of the OpenBLAS in NumPy's wheel that sets its thread count, if it is there."""
    folder = os.path.join(os.path.dirname(np.__file__), os.pardir, "numpy.libs")
    for file in glob.glob(os.path.join(folder, "*openblas*")):
        try:
            library = ctypes.CDLL(file)
        except OSError:
            continue
        for name in NAMES:
            if hasattr(library, name):
                return getattr(library, name)
    return None


def set_num_threads(n: int) -> None:
    """Threads of large products from now on."""
    global _threads
    _threads = n


def prepare(flop: float) -> None:
    """Call before a product of so many operations."""
    global _set, _looked, _now
    wanted = 1 if flop < SMALL else _threads
    if wanted == _now:
        return
    with _lock:
        if not _looked:
            _looked = True
            _set = _find() if "OPENBLAS_NUM_THREADS" not in os.environ else None
        if _set is not None:
            _set(wanted)
        _now = wanted
