"""Questions that only a GPU can answer, asked one by one, each in a process of its own."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from bench.gpu import facts

MODULES = ("probes_launch", "probes_memory", "probes_graphs", "probes_order", "probes_numbers")
Answer = tuple[bool | None, dict[str, Any]]  # None: a figure was asked for, not a yes or no


class Probe(NamedTuple):
    question: str
    function: Callable[[], Answer]
    alone: bool  # nothing else may run meanwhile: it takes times, or all memory
    seconds: float


_found: dict[str, Probe] = {}


def probe(question: str, alone: bool = False, seconds: float = 60) -> Callable:
    """Declare a function as the probe of its name."""

    def declare(function: Callable[[], Answer]) -> Callable[[], Answer]:
        _found[function.__name__] = Probe(question, function, alone, seconds)
        return function

    return declare


def every() -> dict[str, Probe]:
    """The probes by name, in the order of their files."""
    for module in MODULES:
        importlib.import_module(f"bench.gpu.{module}")
    return _found


def ask(name: str) -> Iterator[tuple[str, Any]]:
    """The task of one probe: its verdict, and what it saw."""
    question, function, *_ = every()[name]
    row: dict[str, Any] = {"question": question}
    if facts.is_stand_in():  # run for its own sake: nothing that it sees is of a GPU
        row["raised"] = rehearsed(function)
        row["verdict"] = "stand-in"
    else:
        good, seen = function()
        row["verdict"] = "measured" if good is None else "yes" if good else "no"
        row["result"] = seen
    yield name, row


def rehearsed(function: Callable[[], Answer]) -> str:
    """What a probe raised where kernels do not run: contents and times are wrong there."""
    facts.rehearsing = True
    try:
        function()
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    finally:
        facts.rehearsing = False
    return ""


# What probes share.


def up(array: Any) -> Any:
    """A NumPy array on the GPU."""
    import numpy as np

    from tritongrad.cuda.array import from_numpy
    from tritongrad.cuda.gpu import gpu

    return from_numpy(np.asarray(array), gpu(0))


def blank(shape: Any, dtype: str = "f4") -> Any:
    """New memory of the GPU."""
    import numpy as np

    from tritongrad.cuda.array import empty
    from tritongrad.cuda.gpu import gpu

    shape = (shape,) if isinstance(shape, int) else shape
    return empty(shape, np.dtype(dtype), gpu(0))
