"""What `import tritongrad` costs beside `import numpy`: medians of 7 fresh processes each.

python bench/import_time.py

Bytecode is cached, as after any installation, in a folder of its own. The BLAS starts one thread,
so that on a quiet machine both clocks agree; on a busy one the processor's is the one to trust.
"""

import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RUNS = 7
NAMES = ("numpy", "tritongrad")
CLOCKS = ("wall", "processor")
TIMER = """
import time
wall, processor = time.perf_counter(), time.process_time()
import {name}
print(time.perf_counter() - wall, time.process_time() - processor)
"""


def seconds(name: str, cache: str) -> list[float]:
    """The time that `import name` takes in a fresh process, by each clock"""
    env = {key: text for key, text in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    env |= {"PYTHONPYCACHEPREFIX": cache, "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-c", TIMER.format(name=name)]
    done = subprocess.run(command, cwd=ROOT, env=env, check=True, stdout=subprocess.PIPE, text=True)
    return [float(word) for word in done.stdout.split()]


def measure(runs: int = RUNS) -> dict[tuple[str, str], list[float]]:
    """Seconds by (clock, module); the modules take turns, so that both meet the same machine"""
    times: dict[tuple[str, str], list[float]] = {(c, n): [] for c in CLOCKS for n in NAMES}
    with tempfile.TemporaryDirectory() as cache:
        for run in range(runs + 1):
            for name in NAMES:
                taken = seconds(name, cache)
                for clock, value in zip(CLOCKS, taken, strict=True):
                    if run:  # the first writes the bytecode and warms the disk
                        times[clock, name].append(value)
    return times


def main() -> None:
    """Print the medians, their spread and their ratio"""
    times = measure()
    for clock in CLOCKS:
        middles = []
        for name in NAMES:
            taken = [value * 1e3 for value in times[clock, name]]
            middles.append(statistics.median(taken))
            spread = f"({min(taken):.1f} to {max(taken):.1f})"
            print(f"{clock:9s}  import {name:10s} {middles[-1]:6.1f} ms  {spread}")
        print(f"{clock:9s}  ratio {middles[1] / middles[0]:.2f}")
    print("must be: ratio at most 1.8, tritongrad under 100 ms")


if __name__ == "__main__":
    main()
