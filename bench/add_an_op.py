"""What one more unary operation costs: adds softsign to a copy of the tree, tests it, counts.

python bench/add_an_op.py

Both devices, the gradient, a method and every generated test come with the lines below. Blank
lines are not counted; at most 4 files and 12 lines are allowed.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MOST_FILES, MOST_LINES = 4, 12
FOLDERS = ("kernels", "tritongrad", "tests", "bench", "docs", "examples")
NAME = "softsign"

# File, what to insert after (the last match; the end of the file if empty), the lines to insert.
PATCH = [
    (
        "tritongrad/ops/activation.py",
        "",
        '''
@elementwise(cpu=lambda x: x / (1 + np.abs(x)), dtype="float", samples=KINK)
def softsign(input):
    """x / (1 + |x|)"""


softsign.vjp(input=lambda g, input: g / (1 + input.abs()).square())
''',
    ),
    (
        "kernels/elementwise.py",
        "",
        """
@triton.jit
def softsign(x):
    return divide(x, 1 + tl.abs(x))
""",
    ),
    ("tritongrad/tensor_math.py", r"\n    erf = .*", "\n    softsign = activation.softsign"),
    (
        "tritongrad/__init__.py",
        r"\nfrom \.ops\.activation import softplus.*",
        "\nfrom .ops.activation import softsign as softsign",
    ),
]


def apply_patch(tree: Path) -> dict[str, int]:
    """Apply the patch to a tree; the lines that each file gained"""
    gained = {}
    for file, after, lines in PATCH:
        text = (tree / file).read_text()
        found = list(re.finditer(after, text)) if after else []
        if after and not found:
            raise SystemExit(f"{file}: nothing matches {after!r}, after which to insert")
        end = found[-1].end() if found else len(text)
        (tree / file).write_text(text[:end] + lines + text[end:])
        gained[file] = sum(bool(line.strip()) for line in lines.splitlines())
    return gained


def run_tests(tree: Path) -> str:
    """Run the tests that the new operation got by being declared; pytest's closing line"""
    env = {**os.environ, "PYTHONPATH": str(tree)}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", NAME]
    done = subprocess.run(command, cwd=tree, env=env, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    return done.stdout.strip().splitlines()[-1]


def main() -> int:
    """Print files, lines and the tests passed; the exit status says whether the limits hold"""
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder)
        for name in FOLDERS:
            ignore = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, tree / name, symlinks=True, ignore=ignore)
        shutil.copy(ROOT / "pyproject.toml", tree)
        gained = apply_patch(tree)
        closing = run_tests(tree)
    for file, lines in gained.items():
        print(f"{lines:3d} lines  {file}")
    total = sum(gained.values())
    print(f"{total:3d} lines in {len(gained)} files (at most {MOST_LINES} in {MOST_FILES})")
    print(f"its generated tests: {closing}")
    return 0 if total <= MOST_LINES and len(gained) <= MOST_FILES else 1


if __name__ == "__main__":
    sys.exit(main())
