"""Changes the source in small ways, one at a time, and looks whether the fast tests notice.

    python tests/mutation.py --count 300 --seed 0      a sample of all changes
    python tests/mutation.py --only autograd/loop.py   every change of one file
    python tests/mutation.py --listed                  those that are listed: all survive

A fork server has imported all but the library; each child imports that with one file changed and
runs the tests in-process, to the first failure. What survives is told. Changes that no test can
notice are listed in mutation_survivors.json, with why; they are counted apart and not tried.

A seed orders all changes by a hash of their names and takes the first: an edit of the source
moves in and out only the changes of the lines that it touches.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.machinery
import json
import os
import resource
import signal
import sys
import time
from pathlib import Path

import mutation_sites as sites

TESTS = Path(__file__).resolve().parent
ROOT = TESTS.parent
LISTED = TESTS / "mutation_survivors.json"
WALL, CPU, MEMORY = 400, 120, 6 << 30  # limits of one child: seconds, seconds, bytes

# What is changed, and the tests that are most likely to notice: the others follow.
FILES = {
    "op.py": ["test_op.py", "test_autograd.py", "test_views.py", "test_errors.py"],
    "operands.py": ["test_op.py", "test_table.py", "test_errors.py", "test_corners_speed.py"],
    "elementwise.py": [
        "test_op.py",
        "test_quick_devices.py",
        "test_table.py",
        "test_errors.py",
        "test_corners_speed.py",
    ],
    "dtype.py": ["test_promotion.py", "test_op.py"],
    "inplace.py": [
        "test_autograd_inplace.py",
        "test_op.py",
        "test_views.py",
        "test_corners_speed.py",
    ],
    "inplace_quick.py": [
        "test_autograd_inplace.py",
        "test_corners_quick.py",
        "test_corners_speed.py",
        "test_corners_defaults.py",
    ],
    "calling.py": ["test_errors.py", "test_op.py", "test_not_a_tensor.py"],
    "autograd/anomaly.py": ["test_autograd_modes.py"],
    "autograd/engine.py": ["test_autograd.py", "test_errors.py"],
    "autograd/function.py": ["test_autograd_function.py", "test_autograd_function_errors.py"],
    "autograd/function_node.py": ["test_autograd_function.py", "test_corners_functions.py"],
    "autograd/functional.py": ["test_autograd_check.py"],
    "autograd/gradcheck.py": ["test_autograd_check.py"],
    "autograd/graph.py": ["test_autograd.py", "test_autograd_inplace.py"],
    "autograd/history.py": ["test_autograd_inplace.py", "test_views.py"],
    "autograd/loop.py": ["test_autograd.py", "test_autograd_modes.py", "test_memory.py"],
    "autograd/modes.py": ["test_autograd_modes.py", "test_threads.py"],
    "autograd/quick.py": [
        "test_autograd.py",
        "test_op.py",
        "test_autograd_inplace.py",
        "test_corners_speed.py",
    ],
    "autograd/record.py": ["test_autograd.py", "test_autograd_inplace.py", "test_corners_speed.py"],
    "autograd/variable.py": ["test_autograd_inplace.py", "test_views.py"],
    "cpu/pool.py": ["test_pool.py"],
    "cuda/memory.py": ["test_cuda_accounts.py", "test_cuda_blocks.py"],
}
KILLERS = """
test_corners.py test_corners_more.py test_corners_values.py test_corners_modes.py
test_corners_defaults.py test_corners_functions.py test_corners_quick.py test_corners_speed.py
test_op.py test_promotion.py
test_autograd.py test_autograd_inplace.py test_autograd_modes.py test_autograd_function.py
test_autograd_function_errors.py test_autograd_check.py test_errors.py test_table.py
test_not_a_tensor.py test_halves.py test_half_numbers.py test_quick_devices.py
test_indexing_errors.py test_testing.py test_threads.py test_pool.py test_cuda_accounts.py
test_views.py test_memory.py test_cuda_blocks.py test_programs.py
""".split()  # the quick ones first
LONG = "interpret] or interpret- or million or long_chain or basic_index"  # they take long
ARGUMENTS = [
    "-x",
    "-q",
    "-p",
    "no:cacheprovider",
    "-W",
    "ignore:Module already imported",
    "-k",
    f"not ({LONG})",
]


class Changed(importlib.machinery.SourceFileLoader):
    """Loads a module from a changed tree."""

    code: object = None

    def get_code(self, fullname: str) -> object:
        return self.code


class Finder:
    """Finds the changed module before the one on disk is found."""

    def __init__(self, name: str, path: Path, code: object) -> None:
        self.name, self.path, self.code = name, path, code

    def find_spec(self, name: str, path: object = None, target: object = None) -> object:
        if name != self.name:
            return None
        loader = Changed(name, str(self.path))
        loader.code = self.code
        return importlib.machinery.ModuleSpec(name, loader, origin=str(self.path))


def preload() -> None:
    """Import what the tests need, but not the library."""
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    sys.path[:0] = [str(ROOT), str(TESTS)]
    import hypothesis.stateful
    import ml_dtypes
    import numpy
    import pytest

    assert (hypothesis.stateful, ml_dtypes, numpy, pytest) and "tritongrad" not in sys.modules


def child(mutant: sites.Mutant | None) -> int:
    """In the child: the exit status of the tests with one change; 1 to 5 when they notice."""
    resource.setrlimit(resource.RLIMIT_CPU, (CPU, CPU + 5))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    quiet = os.open(os.devnull, os.O_WRONLY)
    if mutant is not None:
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        path = ROOT / "tritongrad" / mutant.file
        name = "tritongrad." + mutant.file.removesuffix(".py").replace("/", ".")
        code = compile(sites.changed(path.read_text(), mutant.number), str(path), "exec")
        sys.meta_path.insert(0, Finder(name, path, code))
    import pytest

    os.chdir(ROOT)
    first = FILES[mutant.file] if mutant else []  # to collect all others would take a second
    for group in (first, [k for k in KILLERS if k not in first]):
        if group and (status := pytest.main([*ARGUMENTS, *(str(TESTS / k) for k in group)])):
            return int(status)
    return 0


def start(mutant: sites.Mutant | None) -> int:
    """The process that tries one change."""
    sys.stdout.flush()
    pid = os.fork()
    if pid:
        return pid
    status = 9
    try:
        os.setpgid(0, 0)
        status = child(mutant)
    except BaseException as error:  # an import that fails, a limit: the change was noticed
        print(repr(error), file=sys.stderr)
    finally:
        os._exit(status)


def alive_after(pid: int) -> bool:
    """Whether all tests passed in a child; one that goes on for ever is ended."""
    end = time.monotonic() + WALL
    while time.monotonic() < end:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return status == 0
        time.sleep(0.01)
    os.killpg(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return False


def every() -> list[sites.Mutant]:
    """All changes of all files, in order."""
    return [
        m for file in FILES for m in sites.mutants(file, (ROOT / "tritongrad" / file).read_text())
    ]


def sample(changes: list[sites.Mutant], count: int, seed: int) -> list[sites.Mutant]:
    """So many of the changes, chosen by their names."""

    def key(m: sites.Mutant) -> str:
        return hashlib.sha256(f"{seed} {m.name}".encode()).hexdigest()

    return sorted(changes, key=key)[:count]


def listed() -> dict[str, str]:
    """Changes that leave what the library does as it is: name -> why."""
    return json.loads(LISTED.read_text())


def search(chosen: list[sites.Mutant], verbose: bool) -> list[sites.Mutant]:
    """The changes that no test notices."""
    if not alive_after(start(None)):
        sys.exit("the tests fail without any change")
    survivors = []
    for mutant in chosen:
        begun = time.monotonic()
        if alive_after(start(mutant)):
            survivors.append(mutant)
            print("SURVIVES", mutant, flush=True)
        elif verbose:
            print(f"killed   {time.monotonic() - begun:.1f} s {mutant}", flush=True)
    return survivors


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", help="all changes of one file")
    parser.add_argument("--at", help="with --only: those with this in their names")
    parser.add_argument("--allow", type=int, default=0, help="survivors that are not listed")
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("--listed", action="store_true", help="try the listed ones instead")
    given = parser.parse_args()
    chosen = every()
    if given.only:
        chosen = [m for m in chosen if m.file == given.only and (given.at or "") in m.name]
    elif not given.listed:
        chosen = sample(chosen, given.count, given.seed)
    known = listed()
    tried = [m for m in chosen if (m.name in known) is given.listed]
    preload()
    begun = time.monotonic()
    survivors = search(tried, given.verbose)
    seconds = time.monotonic() - begun
    if given.listed:
        print(f"{len(tried) - len(survivors)} of {len(tried)} listed changes are noticed after all")
        return len(survivors) < len(tried)
    killed = len(tried) - len(survivors)
    print(
        f"{killed} of {len(chosen)} killed ({100 * killed / max(len(chosen), 1):.1f} %); "
        f"{len(chosen) - len(tried)} are listed as equivalent and were not tried: {killed} of "
        f"{len(tried)} others ({100 * killed / max(len(tried), 1):.1f} %); {seconds:.0f} s"
    )
    return len(survivors) > given.allow


if __name__ == "__main__":
    sys.exit(main())
