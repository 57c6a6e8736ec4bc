"""Every branch of autograd, of dispatch and of memory is taken by some fast test."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("triton", reason="some branches are those of kernels")

ROOT = Path(__file__).resolve().parent.parent
FILES = ["tritongrad/autograd/*", "tritongrad/op.py", "tritongrad/cuda/memory.py"]
FILES += ["tritongrad/cpu/pool.py"]
TESTS = """
op autograd autograd_small autograd_inplace autograd_modes autograd_function
autograd_function_errors autograd_check views errors table pool cuda_accounts cuda_blocks memory
corners corners_more corners_values not_a_tensor
""".split()
LONG = "interpret or million or long_chain or small_stack"  # left out: these take no other branch


def test_branches(tmp_path):
    env = os.environ | {"COVERAGE_FILE": str(tmp_path / "data"), "OPENBLAS_NUM_THREADS": "1"}
    env.pop("PYTEST_XDIST_WORKER", None)
    tests = [f"tests/test_{name}.py" for name in TESTS]
    quick, told = ["-p", "no:cacheprovider", "-k", f"not ({LONG})"], ""
    for command in (
        ["run", "--branch", f"--include={','.join(FILES)}", "-m", "pytest", "-q", *quick, *tests],
        ["report", "--show-missing", "--skip-covered", "--fail-under=100", "--precision=2"],
    ):
        done = subprocess.run(
            [sys.executable, "-m", "coverage", *command],
            cwd=ROOT,
            env=env,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        told += done.stdout[-3000:] + done.stderr[-2000:]
        assert not done.returncode, told
