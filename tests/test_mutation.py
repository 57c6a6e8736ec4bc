"""Small changes of the source are noticed by the fast tests: a sample, on every run."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import mutation_sites as sites
import pytest
from hunt_size import size
from mutation import LISTED, ROOT, TESTS, sample

pytest.importorskip("triton", reason="some changes show in kernels only")
SOURCE = """
def f(x, y=1):
    "text"
    if x < y and not y:
        raise ValueError(f"{x + 1}")
    z = x + 2 * y
    x.z = [True, 3]
    return z if x else None
"""


def test_a_sample_of_changes_is_noticed():
    """The same ones on every run: an edit moves in and out only what it touches."""
    if not hasattr(os, "fork"):
        pytest.skip("the changes are tried in forked processes")
    command = [sys.executable, str(TESTS / "mutation.py"), "--seed", str(size(4, 0))]
    command += ["--allow", str(size(1, 15))]
    done = subprocess.run(
        [*command, "--count", str(size(30, 300))],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=3600,
        check=False,
    )
    assert not done.returncode, done.stdout[-3000:] + done.stderr[-2000:]


def test_every_place_is_changed_once_and_nothing_else_is():
    found = sites.mutants("f.py", SOURCE)
    names = [m.name.removeprefix("f.py f: ") for m in found]
    for want in (
        "x < y -> x <= y",
        "x < y and (not y) -> x < y or not y",
        "not y -> y",
        "raise ValueError(f'{x + 1}') -> pass",
        "x + 2 * y -> x - 2 * y",
        "2 * y -> 2 + y",
        "x.z = [True, 3] -> pass",
        "True -> False",
        "3 -> 4",
        "return z if x else None -> return None",
    ):
        assert want in names, names
    assert len(names) == len(set(names)) and not any("x + 1 ->" in n for n in names)
    import ast

    before = ast.unparse(ast.parse(SOURCE))
    trees = {ast.unparse(sites.changed(SOURCE, m.number)) for m in found}
    assert len(trees) == len(found) and before not in trees


def test_a_sample_stays_where_the_source_stays():
    before = sites.mutants("f.py", SOURCE)
    after = sites.mutants("f.py", "import math\n" + SOURCE.replace("3]", "math.pi]"))
    chosen, again = ({m.name for m in sample(found, 8, 0)} for found in (before, after))
    assert len(chosen) == 8 and len(chosen & again) >= 6
    assert chosen != {m.name for m in sample(before, 8, 1)}


def test_each_listed_survivor_says_why():
    for name, reason in json.loads(LISTED.read_text()).items():
        assert name.count(": ") >= 1 and "->" in name and len(reason) > 10
