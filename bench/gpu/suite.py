"""The test suite on the GPU, and the kernels under compute-sanitizer."""

from __future__ import annotations

import glob
import importlib.util
import json
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench.gpu.isolate import TAIL, execute, read_lines, run
from bench.gpu.pytest_lines import NAME

TOOLS = ("memcheck", "racecheck", "initcheck")
PLACES = (
    "/usr/local/cuda*/bin/compute-sanitizer",
    "/usr/local/cuda*/compute-sanitizer/compute-sanitizer",
    "/opt/cuda*/bin/compute-sanitizer",
    "/opt/nvidia/*/compute-sanitizer",
    "/usr/lib/nvidia-cuda-toolkit/compute-sanitizer/compute-sanitizer",
)
SUMMARY = re.compile(r"(?:ERROR|RACECHECK) SUMMARY: (\d+)")


def workers() -> int:
    """Processes that share a GPU: each compiles much, and holds a context of half a GiB."""
    return max(1, min(8, (os.cpu_count() or 2) // 2))


def pytest_words(select: str, count: int) -> list[str]:
    """The command that runs the tests: those with `cuda` in their names, or all."""
    words = [sys.executable, "-m", "pytest", "-q", "-p", "bench.gpu.pytest_lines"]
    words += ["-p", "no:cacheprovider", "-m", "not slow"]
    if select != "all":
        words += ["-k", select]
    if count > 1 and importlib.util.find_spec("xdist") is not None:
        words += ["-n", str(count)]
    return words


def tests(select: str, timeout: float, extra: list[str] | None = None) -> dict[str, Any]:
    """Counts by outcome, the failures with their texts, and bytes left on the GPU."""
    words = [*pytest_words(select, workers()), *(extra or [])]
    with tempfile.TemporaryDirectory(prefix="gpu-check-") as place:
        lines = Path(place, "lines")
        code, output = execute(words, timeout, {NAME: str(lines)})
        found = [json.loads(line) for line in read_lines(lines)]
    outcomes = [entry for entry in found if "test" in entry]
    counts: dict[str, int] = {}
    for entry in outcomes:
        counts[entry["outcome"]] = counts.get(entry["outcome"], 0) + 1
    failed = {e["test"]: e["text"] for e in outcomes if e["outcome"] == "failed"}
    status = "timeout" if code is None else "ok" if code == 0 else "failed"
    result = {"status": status, "selected": select, "counts": counts, "failures": failed}
    result["bytes left"] = [entry["left"] for entry in found if "left" in entry]
    if status == "ok" and any(result["bytes left"]):
        result |= {"status": "failed", "error": "memory of the GPU was left allocated"}
    if status != "ok":
        result["output"] = output[-TAIL:]
    return result


def sanitizer() -> str | None:
    """Where compute-sanitizer is, if anywhere."""
    homes = [os.environ.get(name) for name in ("CUDA_HOME", "CUDA_PATH")]
    patterns = [f"{home}/{tail}" for home in homes if home for tail in ("bin", "compute-sanitizer")]
    own = os.path.join(sys.prefix, "lib", "python*", "site-packages", "nvidia", "*", "bin")
    for pattern in [*patterns, own]:
        if found := glob.glob(f"{pattern}/compute-sanitizer"):
            return found[0]
    if found := shutil.which("compute-sanitizer"):
        return found
    return next((path for pattern in PLACES for path in sorted(glob.glob(pattern))), None)


def sanitized(tool: str, program: str, seconds: float, step: int) -> dict[str, Any]:
    """The cases of the kernels under one tool: how many findings, and the first of them."""
    with tempfile.TemporaryDirectory(prefix="gpu-check-") as place:
        log = Path(place, "log")
        prefix = [program, "--tool", tool, "--print-limit", "50", "--log-file", str(log)]
        # The driver's own allocations, so that the tool sees where each one ends.
        env = {"TRITONGRAD_NO_POOL": "1", "TRITONGRAD_POISON": "0"}
        options = {"limit": seconds * 0.7, "step": step}
        done = run("bench.gpu.kernels:run", options, seconds, prefix=prefix, env=env)
        text = log.read_text(errors="replace") if log.exists() else ""
    result = {**done, "rows": dict(done["rows"]), "findings": findings(text)}
    if result["findings"] is None:
        result.setdefault("error", "the tool wrote no summary")
        result["status"] = done["status"] if done["status"] != "ok" else "failed"
    rows = result["rows"]
    result["whole"] = rows.get("next") is not None and rows["next"] >= rows["of"]
    if result["status"] == "ok" and not result["whole"]:
        said = f"{rows.get('cases')} of {rows.get('of')} cases in time: raise --budget"
        result |= {"status": "timeout", "error": said}
    if result["findings"] != 0:
        result["log"] = text[:TAIL]
    return result


def findings(text: str) -> int | None:
    """The count in the tool's summary; None where there is none."""
    found = SUMMARY.findall(text)
    return sum(map(int, found)) if found else None
