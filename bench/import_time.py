"""What `import tritongrad` costs beside `import numpy`: medians of 7 fresh processes each.

python bench/import_time.py
"""

import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RUNS = 7
TIMER = """
import time
start = time.perf_counter()
import {name}
print(time.perf_counter() - start)
"""


def seconds(name: str) -> float:
    """The time that `import name` takes in a fresh process"""
    command = [sys.executable, "-c", TIMER.format(name=name)]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return float(done.stdout)


def measure(runs: int = RUNS) -> dict[str, list[float]]:
    """Seconds per import; the two modules take turns, so that both meet the same machine"""
    names = ("numpy", "tritongrad")
    for name in names:
        seconds(name)  # writes the bytecode, warms the disk
    times: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(runs):
        for name in names:
            times[name].append(seconds(name))
    return times


def main() -> None:
    """Print the medians, their spread and their ratio"""
    times = measure()
    for name, taken in times.items():
        middle, low, high = statistics.median(taken), min(taken), max(taken)
        print(f"import {name:11s} {middle * 1e3:6.1f} ms  ({low * 1e3:.1f} to {high * 1e3:.1f})")
    ratio = statistics.median(times["tritongrad"]) / statistics.median(times["numpy"])
    print(f"ratio {ratio:.2f} (must be at most 1.8, and tritongrad under 100 ms)")


if __name__ == "__main__":
    main()
