"""Run a function in a process of its own, with a time limit; its rows survive its death.

A task is "module:function"; the function gets one argument and yields (name, value) rows, each of
which is on disk before the next is asked for.
"""

from __future__ import annotations

import contextlib
import faulthandler
import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
TAIL = 3000  # characters of output that are kept

_running: set[subprocess.Popen] = set()


class Refused(RuntimeError):
    """The task cannot be done here, and that is no fault: the reason is the message."""


def run(task: str, argument: Any = None, timeout: float = 60, **options: Any) -> dict[str, Any]:
    """{"status", "rows", "seconds"} and, if it did not end well, "error" and "output"

    `env` is added to the environment, `prefix` put before the command. Status is ok, refused,
    failed (an exception), crashed (a signal, or exit without an end) or timeout.
    """
    with tempfile.TemporaryDirectory(prefix="gpu-check-") as place:
        lines = Path(place, "rows")
        command = [sys.executable, "-m", "bench.gpu.isolate", task, json.dumps(argument)]
        command = [*options.get("prefix", ()), *command, str(lines)]
        started = time.monotonic()
        code, output = execute(command, timeout, options.get("env"))
        seconds = round(time.monotonic() - started, 2)
        found = [json.loads(line) for line in read_lines(lines)]
    rows = [entry["row"] for entry in found if "row" in entry]
    end = next((entry["end"] for entry in found if "end" in entry), None)
    result = {"status": status_of(code, end), "rows": rows, "seconds": seconds}
    if result["status"] != "ok":
        result["error"] = (end or {}).get("error") or why(code, timeout)
        if result["status"] != "refused":
            result["output"] = ((end or {}).get("trace", "") + output)[-TAIL:]
    return result


def execute(command: list[str], timeout: float, env: dict | None = None) -> tuple[int | None, str]:
    """Exit status, None if it had to be killed, and what was printed."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    # A pytest of its own, also where the caller is the worker of another.
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_XDIST")}
    with tempfile.TemporaryFile() as printed:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**inherited, "PYTHONPATH": path, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        _running.add(process)
        try:
            code: int | None = process.wait(max(timeout, 0.1))
        except BaseException as stopped:
            kill(process)
            process.wait()
            if not isinstance(stopped, subprocess.TimeoutExpired):
                raise
            code = None
        finally:
            _running.discard(process)
        printed.seek(0)
        return code, printed.read().decode(errors="replace")


def end_all() -> None:
    """Kill what other threads wait for, so that these end too."""
    for process in list(_running):
        kill(process)


def kill(process: subprocess.Popen) -> None:
    """End a process with those that it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def read_lines(file: Path) -> list[str]:
    """The whole lines of a file that a dying process may have been writing."""
    if not file.exists():
        return []
    return file.read_text().rpartition("\n")[0].splitlines()


def status_of(code: int | None, end: dict | None) -> str:
    if code is None:
        return "timeout"
    if end is None:
        return "crashed"
    return end["status"]


def why(code: int | None, timeout: float) -> str:
    if code is None:
        return f"no end after {timeout:.0f} s"
    if code < 0:
        return f"killed by {signal.Signals(-code).name}"
    return f"exit status {code} without an end"


def plain(value: Any) -> Any:
    """What JSON can hold: NumPy's numbers as Python's, infinities and nan by name."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in value]
    if hasattr(value, "item") and getattr(value, "ndim", 0) == 0:
        value = value.item()
    if isinstance(value, float) and value - value != 0:
        return str(value)
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return str(value)


def main(task: str, argument: str, file: str) -> int:
    """The child's side."""
    faulthandler.enable()
    module, _, name = task.partition(":")
    with open(file, "a", encoding="utf-8") as lines:

        def write(**entry: Any) -> None:
            lines.write(json.dumps(plain(entry)) + "\n")
            lines.flush()

        try:
            function = getattr(importlib.import_module(module), name)
            for row in function(json.loads(argument)):
                write(row=row)
        except Refused as reason:
            write(end={"status": "refused", "error": str(reason)})
        except Exception as error:
            said = f"{type(error).__name__}: {error}"
            write(end={"status": "failed", "error": said, "trace": traceback.format_exc()})
        else:
            write(end={"status": "ok"})
    return 0


if __name__ == "__main__":
    from bench.gpu import isolate  # one module, whose Refused is the one that tasks raise

    sys.exit(isolate.main(*sys.argv[1:]))
