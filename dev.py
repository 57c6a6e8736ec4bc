"""Set up and run everything from a bare checkout, with the standard library alone.

    python3 dev.py                  make .venv, install tritongrad, run its main job
    python3 dev.py test [args]      install [test] too, run every check; args go to pytest
    python3 dev.py lint             the checks without pytest
    python3 dev.py pytest [args]    pytest without the other checks

The first run installs; a stamp in .venv makes the next ones immediate, network or not.
Both uv and plain venv + pip will do. TRITONGRAD_VENV names another folder than .venv,
TRITONGRAD_EXTRAS more of the extras to install, as in `fast,plot`.
"""

from __future__ import annotations

import ctypes
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / os.environ.get("TRITONGRAD_VENV", ".venv")
STAMP = VENV / "tritongrad-stamp.json"
WINDOWS = os.name == "nt"
PYTHON = VENV / ("Scripts/python.exe" if WINDOWS else "bin/python")
# Inside a virtual environment, the interpreter it was made from: .venv may have to be remade.
BASE = getattr(sys, "_base_executable", None) or sys.executable
OLDEST = (3, 11)

# What a finished environment can find, by extra: tells a partial one from a whole one.
NEEDS = {
    "": ["numpy", "ml_dtypes", "tritongrad"],
    "cuda": ["triton", "cuda"],
    "fast": ["numba"],
    "test": ["pytest", "hypothesis", "grimp", "sklearn"],
}
PROBE = """
import sys, importlib.util
release, *names = sys.argv[1:]
same = release == ".".join(map(str, sys.version_info[:2]))
sys.exit(not (same and all(map(importlib.util.find_spec, names))))
"""

LINTS = {
    "ruff check": ["-m", "ruff", "check", "."],
    "ruff format": ["-m", "ruff", "format", "--check", "."],
    "pyright": ["-m", "pyright", "--pythonpath", str(PYTHON)],
    "import-linter": [
        "-c",
        "from importlinter.cli import lint_imports_command as c; c(['--no-logo'])",
    ],
}


def main(args: list[str]) -> int:
    """The exit status of `dev.py args`"""
    if sys.version_info < OLDEST:
        got = ".".join(map(str, sys.version_info[:3]))
        return fail(f"tritongrad needs Python 3.11 or newer; {sys.executable} is {got}")
    command, rest = (args[0], args[1:]) if args else ("", [])
    if command not in ("", "test", "lint", "pytest") or (rest and command in ("", "lint")):
        print(__doc__)
        return 0 if command in ("-h", "--help", "help") else 2
    told = os.environ.get("TRITONGRAD_EXTRAS", "").replace(",", " ").split()
    problem = ready({*told, "test"} if command else set(told))
    if problem:
        return fail(problem)
    if not command:
        return run([PYTHON, "-m", "tritongrad"])
    checks = {} if command == "pytest" else dict(LINTS)
    if command != "lint":
        checks["pytest"] = ["-m", "pytest", *parallel(rest), *rest]
    return run_checks(checks)


def ready(extras: set[str]) -> str | None:
    """Make or complete the environment; what went wrong, if anything"""
    if has_driver():
        extras = extras | {"cuda"}
    stamp = read_stamp()
    had = set(stamp.get("extras", []))
    usable = works("")
    if usable and stamp.get("state") == fingerprint() and extras <= had and works(*extras):
        return None
    if not usable:
        problem = create()
        if problem:
            return problem
    extras = extras | had if usable else extras
    target = "." + (f"[{','.join(sorted(extras))}]" if extras else "")
    say(f"installing tritongrad{target[1:]} into {VENV.name} (the first time takes minutes)")
    start = time.monotonic()
    if run([*installer(), "-e", target]):
        return f"the installation failed, see above; {VENV.name} can be deleted at any time"
    say(f"installed in {time.monotonic() - start:.0f} s")
    note = {"state": fingerprint(), "extras": sorted(extras)}
    STAMP.write_text(json.dumps(note) + "\n")
    return None


def create() -> str | None:
    """Make an environment that can install packages; what went wrong, if anything"""
    if VENV.exists():
        say(f"{VENV.name} is unfinished, broken or another Python's: removing it")
        shutil.rmtree(VENV)
    say(f"making {VENV.name} with Python {sys.version_info[0]}.{sys.version_info[1]}")
    uv = shutil.which("uv")
    if uv:
        status = run([uv, "venv", "--quiet", "--seed", "--python", BASE, VENV])
    elif importlib.util.find_spec("ensurepip") and importlib.util.find_spec("venv"):
        status = run([BASE, "-m", "venv", VENV])
    elif importlib.util.find_spec("pip") and importlib.util.find_spec("venv"):
        # Debian without python3-venv: the interpreter's own pip can fill an empty environment.
        status = run([BASE, "-m", "venv", "--without-pip", VENV])
        status = status or run([BASE, "-m", "pip", "--python", PYTHON, "install", "-q", "pip"])
    else:
        status = 1
    if status:
        shutil.rmtree(VENV, ignore_errors=True)
        name = f"python{sys.version_info[0]}.{sys.version_info[1]}-venv"
        return f"no virtual environment: on Debian and Ubuntu, `sudo apt install {name}`"
    return None


def installer() -> list[object]:
    """The command that installs into the environment, up to what is installed"""
    uv = shutil.which("uv")
    if uv:
        return [uv, "pip", "install", "--quiet", "--python", PYTHON]
    return [PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]


def works(*extras: str) -> bool:
    """Whether the environment is of this Python and finds what these extras bring"""
    names = [name for extra in extras for name in NEEDS.get(extra, [])]
    release = ".".join(map(str, sys.version_info[:2]))
    try:
        return subprocess.run([PYTHON, "-c", PROBE, release, *names], cwd=VENV).returncode == 0
    except OSError:
        return False


def has_driver() -> bool:
    """Whether an NVIDIA driver is installed, by its library"""
    if not sys.platform.startswith("linux"):
        return False
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    return True


def fingerprint() -> str:
    """What an installation depends on, as one hash: the configuration and where it lies"""
    text = (ROOT / "pyproject.toml").read_bytes() + str(ROOT).encode()
    return hashlib.sha256(text).hexdigest()


def read_stamp() -> dict:
    """The note left by the last installation; empty if there is none that reads"""
    try:
        stamp = json.loads(STAMP.read_text())
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) else {}


def parallel(args: list[str]) -> list[str]:
    """Two or more test processes where there are cores, unless the caller says how many"""
    told = any(arg.startswith(("-n", "--numprocesses", "--pdb", "-s")) for arg in args)
    cores = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    return [] if told or cores < 2 else ["-n", str(min(cores, 8))]


def run_checks(checks: dict[str, list[str]]) -> int:
    """Run every check, even after a failure, and sum up; 1 if any failed"""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # the test processes share the cores
    os.environ.setdefault("PYRIGHT_PYTHON_IGNORE_WARNINGS", "1")  # no look-up of newer releases
    failed = []
    for name, command in checks.items():
        say(name)
        if run([PYTHON, *command]):
            failed.append(name)
    say(f"failed: {', '.join(failed)}" if failed else f"passed: {', '.join(checks)}")
    return 1 if failed else 0


def run(command: list) -> int:
    """The exit status of a command run at the root, with its output shown as it comes"""
    # A user's own pip settings for where to install would point out of the environment.
    where = ("PIP_TARGET", "PIP_PREFIX", "PIP_USER", "PYTHONHOME")
    env = {key: value for key, value in os.environ.items() if key not in where}
    sys.stdout.flush()
    return subprocess.run([str(part) for part in command], cwd=ROOT, env=env).returncode


def say(line: str) -> None:
    """One line about what is going on"""
    print(f"== {line}", flush=True)


def fail(problem: str) -> int:
    """Print what went wrong; the exit status that says so"""
    print(f"dev.py: {problem}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
