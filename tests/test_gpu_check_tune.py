"""bench/gpu/tune.py without a GPU: its candidates, its choice, and the table that it writes."""

import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("triton", reason="the tuner measures Triton kernels")

from standin import ROOT, environment, run

from bench.gpu import trials, tune
from tritongrad.cuda import tiles, tuned
from tritongrad.cuda.tiles import Rows, Tile

H200 = "NVIDIA H200"


@pytest.fixture
def no_tuned(monkeypatch):
    """An empty table, and none of it remembered."""
    monkeypatch.setattr(tiles, "TUNED", {})
    monkeypatch.setattr(tuned, "TUNED", tiles.TUNED)
    tiles.forget()
    yield tiles.TUNED
    tiles.forget()


def keeps_the_rules(line, pair):
    """What the kernels ask of the two tiles of a line."""
    if line in trials.ROW_LINES:
        for elements, warps in pair:
            assert 256 <= elements <= 16384 and warps in (1, 2, 4, 8, 16)
            assert elements & (elements - 1) == 0
        return
    for tile in (Tile(*t) for t in pair):
        assert min(tile.rows, tile.cols, tile.inner) >= (8 if line == "long" else 16)
        if line in ("half", "tma", "high", "medium"):
            assert tile.rows >= 64
        if line in ("half", "tma"):
            assert tile.inner == tiles.TMA.inner
        if line in ("high", "highest"):
            assert tiles.FLUSH % tile.inner == 0
    assert tune.fitting(line, *pair)


@pytest.mark.parametrize("line", trials.LINES)
def test_candidates_keep_the_rules_of_the_tables(line):
    found = list(trials.candidates(line))
    assert len(found) == len(set(found)) > 8
    for tile in found:
        keeps_the_rules(line, (tile, tile))
    assert trials.present(line)[1] in [*found, *trials.present(line)]


def test_the_tables_of_the_repository_keep_the_rules():
    general = {line: trials.present(line) for line in trials.LINES}
    for table in (general, *tuned.TUNED.values()):
        for line, pair in table.items():
            assert line in trials.LINES
            keeps_the_rules(line, pair)


def test_a_table_serves_its_own_gpu_and_the_others_take_the_general_one(no_tuned):
    no_tuned[H200] = {
        "half": ((64, 64, 64, 4, 3), (128, 256, 64, 8, 3)),
        "softmax single": ((2048, 4), (8192, 16)),
    }
    tiles.forget()
    assert tiles.product_tiles(H200, "half")[1] == Tile(128, 256, 64, 8, 3)
    assert tiles.product_tiles(H200, "highest") == tiles.GPU["highest"]
    assert tiles.product_tiles("NVIDIA A100", "half") == tiles.GPU["half"]
    assert tiles.product_tiles("", "tma") == (tiles.TMA, tiles.TMA)

    class Gpu:
        def name(self):
            return H200

    gpu, f4 = Gpu(), np.dtype("f4")
    assert tiles.matmul_tile("half", 4096, 4096, 1, gpu).cols == 256
    assert tiles.matmul_tile("half", 64, 64, 1, gpu).stages == 3
    assert tiles.row_tile("softmax", gpu, f4, 1023) == Rows(2048, 4)
    assert tiles.row_tile("softmax", gpu, f4, 1024) == Rows(8192, 16)
    assert tiles.row_tile("softmax", gpu, np.dtype("f2"), 1024) == tiles.ROWS["softmax"][1]
    assert tiles.row_tile("softmax", None, f4, 7) == tiles.ROWS["softmax"][0]


def test_a_trial_changes_the_table_for_its_own_time_only(no_tuned):
    no_tuned[H200] = {"half": ((64, 64, 64, 4, 3), (128, 256, 64, 8, 3))}
    tile, before = Tile(64, 128, 64, 4, 2), {H200: dict(no_tuned[H200])}
    with tune.trying(H200, "half", tile):
        assert tiles.product_tiles(H200, "half") == (tile, tile)
        assert not tune.linalg.fits_tma(None, None, None)
    with pytest.raises(ValueError, match="x"), tune.trying("other", "softmax half", Rows(1024, 4)):
        raise ValueError("x")
    assert no_tuned == before and tiles.product_tiles(H200, "half")[0].cols == 64


def test_a_tile_that_cannot_run_or_is_wrong_is_never_chosen(no_tuned):
    class Result:
        shape = (2,)

        def __getitem__(self, at):
            return self

        def numpy(self):
            return np.array([1.0, 2.0], "f4")

    def raises(calls):
        raise RuntimeError("out of resources: shared memory")

    def lost(calls):
        raise RuntimeError("CUDA_ERROR_ILLEGAL_ADDRESS")

    def second(calls):
        return {name: [3.0, 2.0, 1.0] for name in calls}

    args = ("gpu", "half", Tile(64, 64, 64, 4, 3), [Result, Result])
    assert tune.timed(*args, raises) == tune.WORST
    assert tune.timed(*args, second) == 2.0
    assert tune.timed(*args, second, [np.array([1.0, 2.0], "f4")] * 2) == 2.0
    assert tune.timed(*args, second, [np.array([1.0, 3.0], "f4")] * 2) == tune.WORST
    with pytest.raises(RuntimeError, match="ILLEGAL"):
        tune.timed(*args, lost)


A, B = (64, 64, 16, 4, 2), (64, 64, 32, 4, 2)
C, D = (128, 128, 16, 8, 2), (128, 128, 32, 8, 2)


def test_the_best_pair_has_one_inner_size_where_bits_depend_on_it():
    table = {"small": {A: 1.0, B: 2.0}, "large": {C: 9.0, D: 3.0, (256, 128, 32, 8, 3): tune.WORST}}
    assert tune.best("medium", table) == (B, D) and tune.best("highest", table) == (A, D)
    assert tune.best("medium", {"small": {A: 1.0}, "large": {C: tune.WORST}}) is None
    assert tune.best("medium", {"small": {A: 1.0}}) is None  # cut off before the large ones
    assert tune.best("medium", {"small": {A: 1.0}, "large": {D: 1.0}}) is None
    now = trials.present("medium")
    assert tune.best("medium", {"small": {now[0]: 1.0}, "large": {now[1]: 1.0}}) is None
    wide = (256, 128, 64, 8, 3)
    assert tune.best("tma", {"large": {tuple(tiles.TMA): 1.0, wide: 0.5}}) == (wide, wide)


def test_what_is_hardly_quicker_does_not_replace_the_present_tile():
    now, other = tuple(tiles.ROWS["softmax"][0]), (2048, 4)
    assert tune.best("softmax half", {"short": {now: 1.0, other: 0.99}, "long": {now: 1.0}}) is None
    found = tune.best("softmax half", {"short": {now: 1.0, other: 0.9}, "long": {now: 1.0}})
    assert found == (other, now)


def test_lines_share_the_time_and_one_that_dies_keeps_what_it_told(capsys):
    now = tuple(tiles.ROWS["reduce"][0])
    given = []

    def run(task, argument, timeout):
        given.append((argument["line"], argument["seconds"] <= timeout))
        rows = [["short", [[1024, 4], 1e-3]], ["short", [list(now), 2e-3]]]
        if argument["line"] == "reduce half":
            rows += [["long", [list(now), 1e-3]], ["long", [[2048, 8], "inf"]]]
            return {"status": "crashed", "error": "killed by SIGSEGV", "rows": rows}
        return {"status": "timeout", "error": "no end", "rows": rows}

    rows = tune.tune(["reduce half", "argmax half"], 100, run)
    assert rows == {"reduce half": ((1024, 4), now)}  # the other one told nothing of long rows
    assert given == [("reduce half", True), ("argmax half", True)]
    said = capsys.readouterr().out
    assert "SIGSEGV" in said and "(the present one)" in said
    assert tune.tune(["reduce half"], 0, run) == {} and len(given) == 2


def test_the_written_table_is_read_back_and_needs_no_formatting(tmp_path):
    table = {
        H200: {"half": (tuple(Tile(*B)), D), "softmax single": ((2048, 4), (8192, 16))},
        "NVIDIA A100": {"tma": (D, D)},
    }
    for content in (table, {}):
        text, found = tune.rendered(content), {}
        exec(text, found)
        assert found["TUNED"] == content
        file = tmp_path / "tuned.py"
        file.write_text(text)
        command = [sys.executable, "-m", "ruff", "format", "--diff", "--line-length", "100"]
        done = subprocess.run([*command, str(file)], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout
    if not tuned.TUNED:
        assert tune.rendered({}) == tune.FILE.read_text()


FAKE = """
from bench.gpu import facts, trials, tune
from tritongrad.cuda.gpu import gpu
facts.rehearsing = True
lib, threads = fake(), set()

def timer(calls):
    "Kernels of 64 threads take least time."
    spent = {}
    for name, call in calls.items():
        call()
        threads.add(recorded(lib)[0][3])
        spent[name] = [1.0 + abs(recorded(lib)[0][3] - 64)] * 3
    return spent

def chosen(line):
    threads.clear()
    table = {}
    for size, (tile, seconds) in tune.tried({"line": line, "seconds": 200}, timer):
        table.setdefault(size, {})[tuple(tile)] = seconds
    return tune.best(line, table)
"""


def test_on_the_stand_in_each_tile_reaches_its_launch_and_the_quickest_is_chosen():
    told = run(
        FAKE
        + """
trials.ROWS = {"short": ((8, 64),), "long": ((3, 2048),)}
short, long = chosen("softmax single")
print(short[1], long[1], sorted(threads))
trials.SIDES = ((64, 64),)
trials.PRODUCTS = {"small": ((64, 64, 64),), "large": ((1300, 1300, 16),)}
small, large = chosen("half")
print(small[3], large[3], sorted(threads))
print(tune.tiles.TUNED, gpu(0).name() != "")
"""
    )
    assert told.splitlines() == ["2 2 [64, 128, 256, 512]", "4 4 [128, 256]", "{} True"]


@pytest.mark.parametrize("line", trials.LINES)
def test_the_work_of_a_line_runs(line, monkeypatch):
    size = {"row": ((3, 40),), "product": ((16, 17, 18),)}
    shapes = size["row" if line in trials.ROW_LINES else "product"]
    (call,) = trials.calls(line, shapes, "interpret")
    result = call()
    assert np.isfinite(tune.sampled(result).astype("f8")).all() and result.shape[0] in (3, 16)


def test_the_tuner_refuses_without_a_gpu_and_unknown_lines(capsys):
    with pytest.raises(SystemExit):
        tune.main(["--lines", "quarter"])
    assert "quarter" in capsys.readouterr().err
    program = [sys.executable, str(ROOT / "bench" / "gpu" / "tune.py"), "--lines", "half"]
    done = subprocess.run(program, env=environment(), capture_output=True, text=True)
    assert done.returncode == 2 and "executes nothing" in done.stderr and not done.stdout
