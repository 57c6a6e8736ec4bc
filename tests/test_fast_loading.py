"""The extra [fast] is imported when that is worth it, or never, and Python ends as it should."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tritongrad.cpu import fast as extra
from tritongrad.cpu.fast import Fast

ROOT = Path(__file__).resolve().parent.parent
MISSING = importlib.util.find_spec("numba") is None
needs_numba = pytest.mark.skipif(MISSING, reason="the extra [fast] is not installed here")
pytestmark = pytest.mark.fast

PROGRAM = """
import sys
import tritongrad as tg
x = tg.ones(1 << 18)
for _ in range(int(sys.argv[1])):
    y = x + x
loops = sys.modules["tritongrad.cpu.fast"].fast.addresses
print("numba" in sys.modules, len(loops), y.sum().item())
"""


def program(switch, times):
    """What a process of its own has imported after so many large operations."""
    env = {k: v for k, v in os.environ.items() if k != "TRITONGRAD_FAST"}
    env |= {"TRITONGRAD_FAST": switch} if switch is not None else {}
    command = [sys.executable, "-W", "error", "-c", PROGRAM, str(times)]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0 and not done.stderr, done.stderr
    return done.stdout.split()


@needs_numba
@pytest.mark.parametrize(
    ("switch", "times", "found"),
    [
        (None, extra.PATIENCE - 1, ["False", "0"]),
        (None, extra.PATIENCE, ["True", "1"]),
        ("1", 1, ["True", "1"]),
        ("0", 2 * extra.PATIENCE, ["False", "0"]),
    ],
)
def test_numba_is_imported_when_it_is_worth_it_and_processes_end(switch, times, found):
    assert program(switch, times) == [*found, str(float(2 << 18))]


@pytest.mark.skipif(not MISSING, reason="the extra [fast] is installed here")
def test_without_the_extra_nothing_is_looked_for_twice():
    assert program("1", 3) == ["False", "0", str(float(2 << 18))]
    own = Fast()
    assert not own.load() and own.off


def test_an_extra_that_cannot_be_used_says_so_once_and_numpy_goes_on(monkeypatch):
    own = Fast()
    monkeypatch.setattr(own, "off", False)
    monkeypatch.setattr(extra.importlib.util, "find_spec", lambda name: object())

    def fails():
        raise ImportError("it needs another NumPy")

    monkeypatch.setattr(own, "_import", fails)
    with pytest.warns(RuntimeWarning, match=r"\[fast\] is not used: ImportError: it needs"):
        assert not own.load()
    assert own.off and not own.load()


@needs_numba
def test_compiled_loops_need_no_folder_to_keep_them():
    from tritongrad.cpu import compiled

    calls = []

    def compiler(signature, **options):
        calls.append(options)
        if options.get("cache"):
            raise RuntimeError("cannot cache function: no locator available")
        return lambda function: (function, signature)

    assert compiled.cached(compiler, "s", nogil=True)(len) == (len, "s")
    assert calls == [{"cache": True, "nogil": True}, {"nogil": True}]
