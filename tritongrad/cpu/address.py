"""Where an array's memory begins: the first field of NumPy's array object, as its C-API has it.

https://numpy.org/doc/stable/reference/c-api/types-and-structures.html (PyArrayObject): `data`
follows the head that all objects have. `x.ctypes.data` makes two objects and takes five times as
long, a tenth of a product of a hundred microseconds.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable

import numpy as np

HEAD = object.__basicsize__  # bytes of an object before its own fields
word = ctypes.c_void_p.from_address


def by_layout(x: np.ndarray) -> int:
    """The field `data`."""
    return word(id(x) + HEAD).value or 0


def by_numpy(x: np.ndarray) -> int:
    """The same in NumPy's own words."""
    return x.ctypes.data


def is_so() -> bool:
    """Whether arrays lie in memory as the C-API says, and `id` is where that is."""
    if sys.implementation.name != "cpython":
        return False
    whole = np.zeros((3, 4))
    return all(by_layout(x) == by_numpy(x) for x in (whole, whole[1:, 2:], whole.T[::-1]))


SEEN = is_so()
address: Callable[[np.ndarray], int] = by_layout if SEEN else by_numpy
