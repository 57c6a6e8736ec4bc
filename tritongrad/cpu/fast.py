"""The extra [fast]: simple loops over large arrays go to code that numba compiles, bit for bit.

numba is not imported before that is worth its while: `run` counts the operations that might gain
by it. TRITONGRAD_FAST=1 imports it at the first of them, TRITONGRAD_FAST=0 never.
"""

from __future__ import annotations

import atexit
import importlib.util
import itertools
import os
import threading
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tritongrad.dtype import FLOAT32, FLOAT64

from .pool import empty
from .team import Team as NumPys

Array = np.ndarray
LEAST = 1 << 15  # elements: NumPy alone is as quick with less
COUNTED = 1 << 18  # elements of an operation that counts
PATIENCE = 64  # of these, before numba is imported: that takes as long as a thousand

# By NumPy's function and what its operands are, arrays (a) or numbers (n): a loop of compiled.py.
NUMPYS: dict[str, dict[str, str]] = {
    "add": {"aa": "add", "an": "add_number"},
    "subtract": {"aa": "sub", "an": "sub_number"},
    "multiply": {"aa": "mul", "an": "mul_number"},
    "divide": {"aa": "div", "an": "div_number"},
    "maximum": {"aa": "maximum", "an": "maximum_number"},
    "minimum": {"aa": "minimum", "an": "minimum_number"},
    "negative": {"a": "negative"},
    "absolute": {"a": "absolute"},
    "sqrt": {"a": "sqrt"},
    "square": {"a": "square"},
}
# The same by functions of elementwise.py.
OURS: dict[str, dict[str, str]] = {
    "relu": {"a": "relu"},
    "relu_backward": {"aa": "relu_backward"},
    "clamp_both": {"ann": "clamp_both"},
    "clamp_min_backward": {"aan": "clamp_min_backward"},
    "clamp_max_backward": {"aan": "clamp_max_backward"},
}
POWERS = {2.0: "square", 3.0: "cube", 4.0: "fourth"}
# And where the result replaces the first operand.
INPLACE: dict[str, dict[str, str]] = {
    "add": {">aa": "add_inplace"},
    "subtract": {">aa": "sub_inplace"},
    "multiply": {">aa": "mul_inplace", ">an": "mul_inplace_number"},
}
ORDERED = frozenset(("maximum_number", "minimum_number", "clamp_both"))  # no number is nan


class Fast:
    """The loops that were asked for so far, and the team that runs them, once numba is there."""

    def __init__(self) -> None:
        switch = os.environ.get("TRITONGRAD_FAST", "")
        self.off = switch == "0"
        self.left, self.counted = (1, LEAST) if switch == "1" else (PATIENCE, COUNTED)
        self.lock = threading.Lock()
        self.team: Any = None
        self.names: dict[tuple, str] = {}  # by the kernel and what its operands are
        self.addresses: dict[tuple, int] = {}  # by that and the dtype; 0: NumPy has to do it
        self.kept: list = []  # compiled functions live as long as something refers to them
        self.power: Any = None  # elementwise.py's, which needs its exponent
        self.ordered: frozenset = frozenset()  # kernels that take no nan for a number

    def load(self) -> bool:
        """Import numba, if it is there; whether loops are compiled from now on."""
        if not self.lock.acquire(blocking=False):  # another thread is about it
            return False
        try:
            if self.team is None and not self.off:
                self.off = importlib.util.find_spec("numba") is None or not self._import()
        except Exception as error:  # numba's own reasons: it wants another NumPy
            self.off = True
            warn(error)
        finally:
            self.lock.release()
        return self.team is not None

    def _import(self) -> bool:
        from . import elementwise
        from .spinning import Team, usable

        if not usable():
            return False
        for table, functions in ((NUMPYS, np), (OURS, elementwise), (INPLACE, np)):
            for name, forms in table.items():
                for form, loop in forms.items():
                    self.names[getattr(functions, name), form] = loop
        self.power = elementwise.pow
        for exponent, loop in POWERS.items():
            self.names[self.power, exponent] = loop
        self.ordered = frozenset((np.maximum, np.minimum, elementwise.clamp_both))
        self.team = NumPys.looking = Team()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._after_fork)
        atexit.register(self._at_exit)
        return True

    def _after_fork(self) -> None:
        """A child has no helpers, and a loop that one was in is nobody's."""
        self.team = NumPys.looking = type(self.team)()
        self.lock = threading.Lock()

    def _at_exit(self) -> None:
        self.team.stop()

    def ready(self, size: int) -> bool:
        """Whether there may be a loop for an operation on so many elements; it counts."""
        if self.off or size < LEAST:
            return False
        if self.team is None:
            self.left -= size >= self.counted
            return self.left <= 0 and self.load()
        return True

    def address(self, kernel: Callable, form: Any, dtype: np.dtype) -> int:
        """Of the loop for a kernel and such operands, compiled and compared on first use."""
        key = kernel, form, dtype
        if key in self.addresses or (kernel, form) not in self.names:
            return self.addresses.get(key, 0)
        return self.find(key, lambda: self._compared(self.names[kernel, form], *key))

    def find(self, key: tuple, make: Callable[[], int]) -> int:
        """What make() gives, once; 0 where it fails, and for now while another thread compiles."""
        if key in self.addresses:
            return self.addresses[key]
        if not self.lock.acquire(blocking=False):
            return 0
        found = 0
        try:
            found = make()
        except Exception as error:  # a file of numba's that another version or a full disk spoilt
            warn(error)
        finally:
            self.lock.release()
        self.addresses[key] = found
        return found

    def _compared(self, name: str, kernel: Callable, form: Any, dtype: np.dtype) -> int:
        from .compiled import compiled

        loop = compiled(name, dtype.name)
        self.kept.append(loop)
        for operands, want in trials(name, kernel, form, dtype):
            out = operands[0].copy()
            self.team.run(loop.address, out, *operands)
            two = sum(np.isnan(a) for a in operands) > 1
            out[two] = want[two] = 0  # which of two nans they give, NumPy does not say either
            if out.tobytes() != want.tobytes():
                return 0
        return loop.address


def warn(error: Exception) -> None:
    """Say why NumPy does what the extra could have done."""
    text = f"the extra [fast] is not used: {type(error).__name__}: {error}"
    warnings.warn(text, RuntimeWarning, stacklevel=3)


fast = Fast()


def run(kernel: Any, arrays: tuple, inplace: bool = False) -> Array | None:
    """kernel(*arrays) by a compiled loop, into the first of them or a new one; None: there is none.

    The first is an array, and apart from the others if it is written.
    """
    first = arrays[0]
    dtype, shape = first.dtype, first.shape
    if not (dtype is FLOAT32 or dtype is FLOAT64) or not fast.ready(first.size):
        return None
    team = fast.team
    form = ">" if inplace else ""
    for a in arrays:
        if a.dtype is not dtype:
            return None
        if not a.ndim:
            form += "n"
            if kernel in fast.ordered and a.item() != a.item():
                return None
        elif a.shape == shape and a.flags.c_contiguous:
            form += "a"
        else:
            return None
    if kernel is fast.power:
        if form != "an":
            return None
        form, arrays = arrays[1].item(), (first,)
    address = fast.addresses.get((kernel, form, dtype))
    if not address:
        address = fast.address(kernel, form, dtype)
        if not address:
            return None
    out = first if inplace else empty(shape, dtype)
    team.run(address, out, *arrays)
    return out


def trials(name: str, kernel: Any, form: Any, dtype: np.dtype) -> Iterator[tuple]:
    """Operands of all kinds, and what NumPy makes of them."""
    info = np.finfo(dtype)
    few = [0.0, 1.0, np.pi, info.smallest_subnormal, info.tiny, info.max, np.inf, np.nan, 1e-3]
    kinds = np.array([s * v for v in few for s in (1, -1)], dtype)
    exponent = [] if isinstance(form, str) else [np.array(form, dtype)]
    form = "a" if exponent else form
    arrays = [np.tile(kinds, len(kinds)), np.repeat(kinds, len(kinds))][: form.count("a")]
    numbers = kinds[~np.isnan(kinds)] if name in ORDERED else kinds
    with np.errstate(all="ignore"):
        for chosen in itertools.product(*[numbers] * form.count("n")):
            operands = [*arrays, *[np.array(v, dtype) for v in chosen]]
            yield operands, kernel(*operands, *exponent)
