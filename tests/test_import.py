"""What `import tritongrad` costs and what it leaves alone, seen from fresh processes."""

import statistics
import subprocess
import sys
from pathlib import Path

from bench.import_time import NAMES, measure

ROOT = Path(__file__).resolve().parent.parent
HEAVY = (
    "numba",
    "triton",
    "cuda",
    "torch",
    "scipy",
    "matplotlib",
    "sklearn",
    "hypothesis",
    "pytest",
)

LOADED = """
import sys
import tritongrad
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""

# A program that asks for torch, by whatever way, ends here.
NO_TORCH = """
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "torch":
            sys.exit(f"{name} was asked for")

sys.meta_path.insert(0, Refuse())
import tritongrad as tg
w = tg.ones(3, 2, requires_grad=True)
loss = (tg.ones(4, 3).mm(w).clamp(min=0) - 1).pow(2).sum()
loss.backward()
assert w.grad is not None and w.grad.shape == (3, 2)
print(loss.item())
"""


def run(program: str) -> str:
    """What a program prints in a process of its own, every warning an error"""
    command = [sys.executable, "-W", "error", "-c", program]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_import_loads_numpy_and_nothing_heavy():
    loaded = run(LOADED).split()
    assert "numpy" in loaded
    assert [name for name in HEAVY if name in loaded] == []


def test_a_training_step_never_asks_for_torch():
    assert float(run(NO_TORCH)) == 4 * 2 * (3 - 1) ** 2


def test_import_costs_little_more_than_numpy():
    """At most 1.8 times numpy; under 100 ms where numpy alone leaves room for that"""
    seen = []
    for _ in range(5):  # a busy machine makes a wrong number now and then, not five in a row
        times = measure()
        # Processor time: what other programs on the machine take is not counted.
        numpy, ours = (statistics.median(times["processor", name]) for name in NAMES)
        seen.append(f"{ours * 1e3:.0f} ms against {numpy * 1e3:.0f} ms")
        slow_machine = numpy > 0.055
        if ours <= 1.8 * numpy and (ours < 0.100 or slow_machine):
            return
    raise AssertionError(f"import tritongrad against import numpy: {'; '.join(seen)}")
