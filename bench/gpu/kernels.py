"""Every kernel against NumPy on the GPU: the cases of tests/kernel_cases*.py, and a few more."""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from bench.gpu import own_cases
from bench.gpu.isolate import ROOT

FILES = ("kernel_cases", "kernel_cases_linalg", "kernel_cases_nn")


def cases(device: str) -> list[Any]:
    """The cases of the tests, their operands put on a device."""
    from tritongrad.cuda.array import from_numpy
    from tritongrad.cuda.seam import device_of

    def up(array: Any) -> Any:
        return from_numpy(np.asarray(array), device_of(device))

    tests = str(Path(ROOT, "tests"))
    if tests not in sys.path:
        sys.path.insert(0, tests)
    found: list[Any] = []
    for name in FILES:
        module: Any = importlib.import_module(name)
        module.up = up  # made for this
        found += module.CASES
    return found + own_cases.cases(up, device)


def fault_of(case: Any) -> str:
    """What of a case disagrees with NumPy, or was raised; nothing if all is well."""
    with np.errstate(all="ignore"):
        for number, (got, want, rtol) in enumerate(case.run()):
            got, want = got.numpy(), np.asarray(want)
            if got.shape != want.shape:
                return f"result {number}: shape {got.shape}, expected {want.shape}"
            if not (wrong := disagreeing(got, want, rtol)).any():
                continue
            worst = np.flatnonzero(wrong)[0]
            values = f"{got.reshape(-1)[worst]} where {want.reshape(-1)[worst]} is right"
            return f"result {number}: {int(wrong.sum())} of {got.size} differ: {values}"
    return ""


def disagreeing(got: np.ndarray, want: np.ndarray, rtol: float) -> np.ndarray:
    """Which elements are farther off than a case allows: rtol, or the rounding of its dtype."""
    if got.dtype.kind in "biu":
        return got != want.astype(got.dtype)
    wide, seen = want.astype(np.float64), got.astype(np.float64)
    with np.errstate(all="ignore"):  # inf - inf, and what a narrow dtype cannot hold
        rounded = wide.astype(got.dtype)
        error = np.abs(seen - wide)
        rounding = np.abs(rounded.astype(np.float64) - wide)
        allowed = np.maximum(rtol * np.maximum(np.abs(wide), 1), rounding)
        same = (got == rounded) | (np.isnan(seen) & np.isnan(wide))
        return ~(same | (error <= allowed))


def run(options: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Rows of the cases that fail, and how far the run came; goes on from case `start`

    After an error of the driver nothing works in a process any more: the row "next" says where
    another one has to go on. "at" names the case in hand, should the process die in it.
    """
    from bench.gpu.facts import is_stand_in
    from tritongrad.errors import CudaError

    every, end = cases(options.get("device", "cuda")), time.monotonic() + options["limit"]
    blind = is_stand_in() and options.get("device", "cuda") == "cuda"
    wanted = every[options.get("start", 0) :: options.get("step", 1)]
    yield "of", len(every)
    done = 0
    for done, case in enumerate(wanted, 1):
        if time.monotonic() > end:
            done -= 1
            break
        yield "at", [case.name, options.get("start", 0) + done * options.get("step", 1)]
        try:
            fault = fault_of(case)
        except CudaError as error:
            yield case.name, f"CudaError: {error}"
            break
        except Exception as error:
            fault = f"{type(error).__name__}: {error}"[:500]
        if fault and not blind:
            yield case.name, fault
    yield "next", options.get("start", 0) + done * options.get("step", 1)
    yield "cases", done
