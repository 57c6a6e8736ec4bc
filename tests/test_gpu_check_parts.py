"""What bench/gpu_check.py is made of, without a GPU: processes, cases, counts, verdicts."""

import json
import os
import time
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("triton", reason="gpu_check measures Triton kernels")

from standin import ROOT, environment

from bench import gpu_check
from bench.gpu import (
    cases,
    facts,
    goals,
    isolate,
    measure,
    products,
    report,
    suite,
    table,
    timing,
)

GPU = {"device": "NVIDIA H200", "stand_in": False}
TESTS = str(Path(__file__).parent)
TASKS = "gpu_check_tasks"


def task(name, argument=None, timeout=60.0):
    path = f"{ROOT}{os.pathsep}{TESTS}"
    return isolate.run(f"{TASKS}:{name}", argument, timeout, env={"PYTHONPATH": path})


# One process for each task.


def test_a_task_hands_its_rows_back():
    done = task("well", {"a": [1, None]})
    assert done["status"] == "ok" and "error" not in done
    assert done["rows"] == [["argument", {"a": [1, None]}], ["endless", "inf"]]


@pytest.mark.parametrize(
    ("name", "status", "words"),
    [
        ("refuses", "refused", "not here"),
        ("raises", "failed", "ValueError: wrong"),
        ("crashes", "crashed", "SIGSEGV"),
        ("leaves", "crashed", "exit status 7"),
        ("no_such_task", "failed", "no_such_task"),
    ],
)
def test_rows_survive_the_end_of_their_process(name, status, words):
    done = task(name)
    assert done["status"] == status and words in done["error"]
    assert name == "no_such_task" or done["rows"] == [["before", 1]]
    if name == "leaves":
        assert "last words" in done["output"]


def test_a_task_that_hangs_is_ended_with_the_processes_it_started():
    began = time.monotonic()
    done = task("leaves_a_child_behind", timeout=3)
    assert done["status"] == "timeout" and "3 s" in done["error"] and time.monotonic() - began < 20
    [[_, child]] = done["rows"]
    for _ in range(50):
        state = Path(f"/proc/{child}/stat")
        if not state.exists() or state.read_text().split()[2] == "Z":
            return
        time.sleep(0.1)
    pytest.fail("the child still runs")


def test_numbers_that_json_has_not_are_written_as_text():
    value = {"a": np.float32(1.5), "b": float("nan"), "c": (np.int64(3), {4}), 5: -np.inf}
    assert isolate.plain(value) == {"a": 1.5, "b": "nan", "c": [3, [4]], "5": "-inf"}


# What is measured, in small on the CPU: that the calls are right.


def test_every_case_of_the_bandwidth_table_runs():
    import tritongrad as tg
    import tritongrad.nn.functional

    with tg.no_grad():
        for case in cases.BANDWIDTH:
            call, nbytes = case.make(tg, 1 << 18, "cpu")
            assert call() is not None and nbytes >= 1 << 16, case.name
    assert len({case.name for case in cases.BANDWIDTH}) == len(cases.BANDWIDTH)


def test_every_product_runs_in_each_layout_and_dtype():
    import tritongrad as tg

    assert len(set(products.SHAPES)) == 20 and len(products.HALF) == 40
    assert {shape.layout for shape in products.SHAPES} == {"nn", "nt", "tn", "tt"}
    for product in (*products.HALF, *products.FLOAT32):
        small = product._replace(rows=5, cols=6, inner=7, batch=product.batch and 2)
        result = small.make(tg, "cpu")()
        assert tuple(result.shape) == ((2, 5, 6) if product.batch else (5, 6))
        assert max(product.small()[:3]) < 64
    assert products.Product(2, 3, 4).flops == 48
    assert products.Product(2, 3, 4, batch=5, dtype="bfloat16").nbytes == 2 * 5 * (8 + 12 + 6)


def test_times_are_summed_up_by_median_and_quartiles():
    assert timing.summary([3e-6, 1e-6, 2e-6], 1e-6) == {"median": 2, "low": 1, "high": 3, "n": 3}
    assert timing.summary([2.0]) == {"median": 2, "low": 2, "high": 2, "n": 1}
    assert timing.floors(2e12, 1e9, 1000, 4000) == {"bytes_ms": 0.25, "flops_ms": 2}
    assert timing.floors(1, 1e9, None, 4000) == {"bytes_ms": 0.25}
    floor = {"bytes_ms": 0.25, "flops_ms": 2}
    assert timing.against(floor, 4) == {"floor": floor, "of floor": 0.5, "limit": "flops"}
    assert timing.ratio([1, 2, 3], [2, 2, 2]) == 1 and timing.ratio([1.0], [0.0]) is None


def parts_with(ratio, share, pool=0):
    """A report whose every ratio to PyTorch is `ratio`, and every share of a floor `share`."""
    row = {"tritongrad us": timing.summary([1.0]), "of torch": ratio, "speed of torch": 1 / ratio}
    half = {p.name: row for p in products.HALF}
    float32 = {f"{s}, {p.name}": row for s in ("highest", "high") for p in products.FLOAT32}
    errors = {f"error, {s}, K = 64": {"error in u |A||B|": 3.0} for s in ("highest", "high")}
    memory = {"memory": {"reserved more": 0}, "Triton's dispatch": {"of Triton's": ratio}}
    start = {"first result": {"beyond CUDA's start": {"median": 0.2}}}
    start |= {
        "first step, of torch first step": ratio,
        "first step, cold, of torch.compile, cold": 1,
    }
    moved = {c.name: {"of floor": share, "least": c.least} for c in cases.BANDWIDTH}
    return {
        "host": {"rows": dict.fromkeys(("x + x", *measure.ALLOCATIONS), row) | memory},
        "tutorial": {"rows": {"eager": row, "graphed": row}},
        "bandwidth": {"rows": moved},
        "matmul": {"rows": half},
        "float32": {"rows": float32 | errors},
        "start": {"rows": start},
        "tests": {"status": "ok", "bytes left": [0, pool]},
        "sanitizer": {"tools": {tool: {"findings": 0, "whole": True} for tool in suite.TOOLS}},
    }


def test_figures_are_judged_by_their_goals_and_those_without_rows_are_not_measured():
    good = list(goals.judged(parts_with(0.3, 0.95)))
    assert all(row["met"] for row in good), [row for row in good if not row["met"]]
    bad = [row["figure"] for row in goals.judged(parts_with(0.7, 0.9, pool=512)) if not row["met"]]
    assert len(bad) == 5 and "bytes left in the pool after the suite" in bad
    assert {row["met"] for row in goals.judged({})} == {None}
    broken = parts_with(0.3, 0.95)
    broken["matmul"]["rows"][products.HALF[0].name] = {"error": "no"}
    broken["sanitizer"]["tools"]["racecheck"]["whole"] = False
    met = {row["figure"]: row["met"] for row in goals.judged(broken)}
    assert met["findings of compute-sanitizer"] is None
    assert met["bfloat16 matmul, worst of 20 shapes"] is None
    assert met["float16 matmul, worst of 20 shapes"] is True


def test_a_report_is_read_back_as_text(tmp_path, capsys):
    made = report.Report(tmp_path, GPU, {})
    for name, part in parts_with(0.7, 0.9).items():
        made.add(name, {"status": "ok", **part})
    made.add("probes", {"status": "failed", "rows": {"x": {"question": "Is it?", "verdict": "no"}}})
    made.add("start", {"status": "failed", "rows": {"first result": {"error": "it broke"}}})
    assert gpu_check.main(["--show", str(made.path)]) == 0
    said = capsys.readouterr().out
    for words in ("NVIDIA H200", "cut off", "Is it?", "it broke", "MISSED", "met", "findings"):
        assert words in said, words
    assert said.rstrip() == table.text(json.loads(made.path.read_text()))


def test_rates_are_known_by_the_whole_name():
    assert facts.rates("NVIDIA H200")["half"] == 989.4
    assert facts.rates("NVIDIA A100-SXM4-80GB")["half"] == 312
    assert facts.rates("Stand-in 0") == {}


# The suite and the sanitizer.


def test_outcomes_of_a_test_run_are_collected_even_if_it_is_cut_short(tmp_path):
    file = tmp_path / "test_some.py"
    file.write_text(
        "import pytest, time\n"
        "@pytest.mark.parametrize('device', ['cpu', 'cuda'])\n"
        "def test_good(device): pass\n"
        "def test_cuda_bad(): assert 1 == 2\n"
        "def test_cuda_skipped(): pytest.skip('why')\n"
        "def test_cuda_waits(): time.sleep(600)\n"
    )
    words = [str(file), "-n", "0", "--rootdir", str(tmp_path)]
    done = suite.tests("cuda", 12, words)
    assert done["status"] == "timeout"
    assert done["counts"] == {"passed": 1, "failed": 1, "skipped": 1}
    [(name, text)] = done["failures"].items()
    assert name.endswith("test_cuda_bad") and "assert 1 == 2" in text


def test_memory_that_tests_leave_on_the_gpu_is_counted_in_every_process(tmp_path, monkeypatch):
    for name, value in environment().items():
        monkeypatch.setenv(name, value)
    file = tmp_path / "test_leaks.py"
    file.write_text(
        "import pytest\n"
        "import tritongrad as tg\n"
        "kept = []\n"
        "@pytest.mark.parametrize('i', range(4))\n"
        "def test_cuda_leak(i):\n"
        "    kept.append(tg.ones(1000, device='cuda')) if LEAK else tg.ones(9, device='cuda')\n"
    )
    text = file.read_text()
    for leak, workers, status in ((True, "2", "failed"), (False, "0", "ok")):
        file.write_text(f"LEAK = {leak}\n{text}")
        done = suite.tests("cuda", 120, [str(file), "-n", workers, "--rootdir", str(tmp_path)])
        assert done["status"] == status and done["counts"] == {"passed": 4}, done
        assert len(done["bytes left"]) == max(int(workers), 1)
        assert (sum(done["bytes left"]) >= 16_000) is leak


def test_the_tests_with_cuda_in_their_names_are_chosen_unless_all_are():
    assert "cuda" in suite.pytest_words("cuda", 1) and "not slow" in suite.pytest_words("cuda", 1)
    assert "-k" not in suite.pytest_words("all", 1)


TOOL = """#!/bin/sh
while [ "$1" != "--log-file" ]; do shift; done
echo "========= ERROR SUMMARY: {} errors" > "$2"
shift 2
exec "$@"
"""


@pytest.mark.parametrize(("count", "status"), [(0, "ok"), (3, "failed")])
def test_the_sanitizer_is_found_run_and_counted(tmp_path, monkeypatch, count, status):
    tool = tmp_path / "bin" / "compute-sanitizer"
    tool.parent.mkdir()
    tool.write_text(TOOL.format(count))
    tool.chmod(0o755)
    monkeypatch.setenv("CUDA_HOME", str(tmp_path))
    assert suite.sanitizer() == str(tool)
    for name, value in environment().items():
        monkeypatch.setenv(name, value)
    options = gpu_check.arguments(["--out", str(tmp_path), "--quick"])
    context = gpu_check.Context(options, report.Report(tmp_path, GPU, {}))
    monkeypatch.setattr(suite, "TOOLS", ("memcheck",))
    found = gpu_check.run_sanitizer(context, 120)
    assert found["status"] == status, found
    assert found["tools"]["memcheck"]["findings"] == count and found["tools"]["memcheck"]["whole"]


def test_a_sanitizer_that_ran_out_of_time_has_not_found_all_well(tmp_path, monkeypatch):
    rows = [["of", 90], ["next", 40], ["cases", 40]]

    def cut_short(task, options, seconds, prefix, env):
        Path(prefix[prefix.index("--log-file") + 1]).write_text("ERROR SUMMARY: 0 errors")
        return {"status": "ok", "rows": rows, "seconds": 1}

    monkeypatch.setattr(suite, "run", cut_short)
    found = suite.sanitized("memcheck", "tool", 10, 1)
    assert found["status"] == "timeout" and "40 of 90" in found["error"] and not found["whole"]


def test_summaries_of_each_tool_are_read():
    assert suite.findings("x\n========= ERROR SUMMARY: 2 errors\n") == 2
    text = "========= RACECHECK SUMMARY: 4 hazards displayed (3 errors, 1 warning)\n"
    assert suite.findings(text) == 4 and suite.findings("nothing") is None


def test_no_sanitizer_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(suite, "sanitizer", lambda: None)
    done = gpu_check.run_sanitizer(None, 10)
    assert done["status"] == "refused" and "not found" in done["error"]
