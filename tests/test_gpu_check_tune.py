"""bench/gpu/tune.py without a GPU: its candidates, its choice, and the table that it writes."""

import subprocess
import sys

import pytest

pytest.importorskip("triton", reason="the tuner measures Triton kernels")

from standin import ROOT, environment

from bench.gpu import tune


def test_candidates_keep_the_rules_of_the_table():
    for line, present in tune.tiles.GPU.items():
        found = list(tune.candidates(line))
        assert len(found) == len(set(found)) > 8, line
        assert {t.inner for t in present} & {t.inner for t in found}, line
        for tile in found:
            assert min(tile.rows, tile.cols, tile.inner) >= (8 if line == "long" else 16)
            if line in tune.TENSOR_CORES:
                assert tile.rows >= 64


def test_the_best_pair_has_one_inner_size_where_bits_depend_on_it():
    a, b = tune.Tile(64, 64, 32, 4, 3), tune.Tile(64, 64, 64, 4, 3)
    c, d = tune.Tile(128, 128, 32, 8, 3), tune.Tile(128, 128, 64, 8, 3)
    table = {
        "small": {a: 1.0, b: 2.0},
        "large": {c: 9.0, d: 3.0, tune.Tile(256, 128, 64, 8, 3): tune.WORST},
    }
    assert tune.best("half", table) == (b, d) and tune.best("highest", table) == (a, d)
    row = tune.row_of("half", b, d)
    assert eval("{" + row + "}", {"Tile": tune.Tile}) == {"half": (b, d)}


def test_the_tuner_refuses_without_a_gpu_and_unknown_lines(capsys):
    with pytest.raises(SystemExit):
        tune.main(["--lines", "quarter"])
    program = [sys.executable, str(ROOT / "bench" / "gpu" / "tune.py"), "--lines", "half"]
    done = subprocess.run(program, env=environment(), capture_output=True, text=True)
    assert done.returncode == 2 and "executes nothing" in done.stderr and "Tile" not in done.stdout
