"""A pytest plugin: outcomes to a file as they come, so that a run cut short has told something."""

from __future__ import annotations

import contextlib
import gc
import json
import os
import sys
from typing import Any

NAME = "GPU_CHECK_LINES"


def write(**entry: Any) -> None:
    if file := os.environ.get(NAME):
        with open(file, "a", encoding="utf-8") as lines:
            lines.write(json.dumps(entry) + "\n")


def pytest_runtest_logreport(report: Any) -> None:
    """One line for each test, and for each setup or teardown that failed."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        return  # the process that started the workers reports
    if report.when == "call" or report.outcome != "passed":
        text = str(report.longrepr)[-1500:] if report.outcome == "failed" else ""
        write(test=report.nodeid, outcome=report.outcome, text=text)


def pytest_sessionfinish(session: Any, exitstatus: int) -> None:
    """Bytes of the GPU that tests left allocated, in each process that used it."""
    if "tritongrad.cuda.gpu" not in sys.modules:
        return
    with contextlib.suppress(Exception):  # the device may be gone after a fault
        import tritongrad as tg

        gc.collect()
        left = tg.cuda.memory_allocated()
        tg.cuda.empty_cache()
        write(left=left, reserved=tg.cuda.memory_reserved())
