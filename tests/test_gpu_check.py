"""bench/gpu_check.py without a GPU: arguments, isolation, the file, what it must never write."""

import json
import signal
import subprocess
import sys
import time

import pytest

pytest.importorskip("triton", reason="gpu_check measures Triton kernels")

from standin import ROOT, environment

from bench import gpu_check
from bench.gpu import goals, isolate, probes, report

# The command line.


def test_arguments_and_what_they_default_to():
    options = gpu_check.arguments(["--out", "x"])
    assert options.parts == list(gpu_check.PARTS) and options.budget == 530
    options = gpu_check.arguments(["--out", "x", "--quick", "--only", "matmul,probes"])
    assert options.parts == ["probes", "matmul"] and options.budget == 180
    options = gpu_check.arguments(["--out", "x", "--skip", "tests,sanitizer", "--budget", "60"])
    assert options.budget == 60 and not {"tests", "sanitizer"} & set(options.parts)


WRONG = [
    [],
    ["--out", "x", "--only", "probs"],
    ["--out", "x", "--on"],
    ["--out", "x", "--show", "y"],
]


@pytest.mark.parametrize("words", WRONG)
def test_wrong_arguments_end_it_with_usage(words, capsys):
    with pytest.raises(SystemExit) as ended:
        gpu_check.arguments(words)
    assert ended.value.code == 2 and "usage" in capsys.readouterr().err


def test_without_a_gpu_it_says_why_and_writes_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(
        isolate, "run", lambda *_: {"rows": [["available", False], ["reason", "no driver"]]}
    )
    assert gpu_check.main(["--out", str(tmp_path / "out")]) == 2
    assert "no GPU: no driver" in capsys.readouterr().err and not (tmp_path / "out").exists()


# The file.

GPU = {"device": "NVIDIA H200", "stand_in": False}


def test_the_file_is_named_by_device_and_date_and_never_overwrites(tmp_path):
    paths = []
    for _ in range(2):
        made = report.Report(tmp_path, GPU, {})
        made.add("probes", {"status": "ok", "rows": {"x": {"us": 1.5}}})
        paths.append(made.path)
    date = made.data["date"][:10]
    assert [p.name for p in paths] == [f"nvidia-h200-{date}.json", f"nvidia-h200-{date}-2.json"]
    written = json.loads(paths[0].read_text())
    assert written["measured_on"] == "NVIDIA H200" and written["complete"] is False
    assert written["parts"]["probes"]["rows"]["x"]["us"] == 1.5
    made.finish(3.14159)
    assert json.loads(made.path.read_text())["complete"] and len(list(tmp_path.iterdir())) == 2


def test_partial_results_are_on_disk_when_a_later_part_dies(tmp_path, monkeypatch):
    def dies(context, seconds):
        raise KeyboardInterrupt

    monkeypatch.setitem(gpu_check.PARTS, "host", gpu_check.Part(1, lambda c, s: {"status": "ok"}))
    monkeypatch.setitem(gpu_check.PARTS, "matmul", gpu_check.Part(1, dies))
    options = gpu_check.arguments(["--out", str(tmp_path), "--only", "host,matmul"])
    made = report.Report(tmp_path, GPU, {})
    with pytest.raises(KeyboardInterrupt):
        gpu_check.check(gpu_check.Context(options, made))
    assert json.loads(made.path.read_text())["parts"]["host"]["status"] == "ok"


def test_time_that_a_part_leaves_goes_to_the_later_ones_and_none_is_overdrawn(
    tmp_path, monkeypatch
):
    given = []

    def part(context, seconds):
        given.append(seconds)
        context.started -= 10  # ten seconds pass
        return {"status": "ok"}

    for name in ("host", "matmul", "tutorial"):
        monkeypatch.setitem(gpu_check.PARTS, name, gpu_check.Part(10, part))
    words = ["--out", str(tmp_path), "--only", "host,matmul,tutorial", "--budget", "20"]
    made = report.Report(tmp_path, GPU, {})
    assert not gpu_check.check(gpu_check.Context(gpu_check.arguments(words), made))
    assert given == pytest.approx([20 / 3, 5], abs=0.1)
    assert "no time was left" in made.data["parts"]["tutorial"]["error"]


def test_a_stand_ins_numbers_never_reach_the_file(tmp_path):
    made = report.Report(tmp_path, {"device": "NVIDIA H200", "stand_in": True}, {})
    row = {"question": "How fast?", "verdict": "stand-in", "result": {"us": 1.5}, "n": 3}
    made.add("probes", {"status": "ok", "seconds": 2.5, "rows": {"x": row, "y": [1.5, True]}})
    assert made.path.name.startswith("stand-in-")
    assert made.data["measured_on"] == report.STAND_IN
    part = json.loads(made.path.read_text())["parts"]["probes"]
    assert part["status"] == "ok" and part["rows"]["x"]["question"] == "How fast?"
    assert "1.5" not in json.dumps(part) and "2.5" not in json.dumps(part)


# On the stand-in driver.


def command(*words, **env):
    program = [sys.executable, str(ROOT / "bench" / "gpu_check.py"), *words]
    env = environment(**env)
    return subprocess.run(program, env=env, capture_output=True, text=True, timeout=300)


def test_on_the_stand_in_it_refuses(tmp_path):
    done = command("--out", str(tmp_path))
    assert done.returncode == 2 and "stand-in" in done.stderr and not list(tmp_path.iterdir())


def rehearsed(folder, *parts, **env):
    words = ["--out", str(folder), "--rehearse", "--quick", "--only", ",".join(parts)]
    done = command(*words, **env)
    assert done.returncode == 0, done.stdout + done.stderr
    [file] = folder.iterdir()
    written = json.loads(file.read_text())
    assert file.name.startswith("stand-in-") and written["measured_on"] == report.STAND_IN
    assert set(written["parts"]) == set(parts) and written["complete"]
    return done.stdout, written


def numbers_in(value):
    if isinstance(value, dict):
        return [n for item in value.values() for n in numbers_in(item)]
    if isinstance(value, list):
        return [n for item in value for n in numbers_in(item)]
    return [value] if isinstance(value, (int, float)) else []


def test_a_rehearsal_runs_a_figure_to_its_end_and_keeps_no_number(tmp_path):
    said, written = rehearsed(tmp_path, "host", "tutorial")
    assert set(written["parts"]["tutorial"]["rows"]) == {"eager", "graphed", "graphed over eager"}
    assert not numbers_in(written["parts"])
    assert {row["met"] for row in written["goals"]} == {None}
    assert said.count("not measured") == len(goals.GOALS)


@pytest.mark.slow
def test_every_figure_runs_to_its_end_on_the_stand_in(tmp_path):
    said, written = rehearsed(tmp_path, *gpu_check.FIGURES)
    for name, part in written["parts"].items():
        assert part["status"] == "ok" and part["rows"], name
    assert not numbers_in(written["parts"]) and "cross_entropy" in said


PLAYED = """
import sys
import tritongrad
tritongrad.compile = lambda function: function
sys.modules["torch"] = tritongrad
"""


@pytest.mark.slow
def test_pytorch_is_measured_beside_ours_where_there_is_one(tmp_path):
    """Its part is played by tritongrad, which has the names that the check asks PyTorch for."""
    (tmp_path / "torch.py").write_text(PLAYED)
    folder = tmp_path / "out"
    _, written = rehearsed(folder, *gpu_check.FIGURES, PYTHONPATH=str(tmp_path))
    rows = {name: part["rows"] for name, part in written["parts"].items()}
    assert all("of torch" in row for row in rows["matmul"].values() if isinstance(row, dict))
    assert {"torch eager", "torch graphed"} < set(rows["tutorial"])
    assert "of torch" in rows["tutorial"]["graphed"] and "of torch" in rows["host"]["x + x"]
    assert "first step, cold, of torch.compile, cold" in rows["start"]
    found = [row for part in rows.values() for row in part.values() if isinstance(row, dict)]
    assert not [row for row in found if {"error", "torch error"} & set(row)]


def test_a_figure_refuses_the_stand_in_where_it_is_not_rehearsed():
    options = {"quick": True, "torch": False, "rehearse": False}
    for name in ("measure:host", "measure_products:half", "measure_steps:start"):
        done = isolate.run(f"bench.gpu.{name}", options, 60, env=environment())
        assert done["status"] == "refused" and "executes nothing" in done["error"]


def test_a_signal_ends_it_with_what_was_found_on_disk(tmp_path):
    program = [sys.executable, str(ROOT / "bench" / "gpu_check.py"), "--out", str(tmp_path)]
    program += ["--rehearse", "--only", "host,bandwidth"]
    with subprocess.Popen(program, env=environment(), stderr=subprocess.PIPE, text=True) as running:
        for _ in range(600):
            found = [json.loads(file.read_text()) for file in tmp_path.glob("*.json")]
            if found and found[0]["parts"]:
                break
            time.sleep(0.1)
        running.send_signal(signal.SIGTERM)
        said = running.communicate(timeout=60)[1]
    [file] = tmp_path.iterdir()
    written = json.loads(file.read_text())
    assert running.returncode == 1 and "cut off" in said and file.name in said
    assert written["complete"] is False and written["parts"]["host"]["status"] == "ok"


@pytest.mark.slow
def test_every_probe_runs_to_its_end_on_the_stand_in(tmp_path):
    done = command("--out", str(tmp_path), "--rehearse", "--only", "probes", "--budget", "280")
    [file] = tmp_path.iterdir()
    rows = json.loads(file.read_text())["parts"]["probes"]["rows"]
    assert done.returncode == 0, done.stdout
    assert set(rows) == set(probes.every())
    for name, row in rows.items():
        assert row["verdict"] == "stand-in" and row["raised"] == "", (name, row)
        assert row["question"].endswith("?") and not row.get("result")


def test_probes_of_one_file_each_run_to_their_end(tmp_path):
    for name in ("cubin_loads", "release_threshold", "exec_update", "threads", "float32_rules"):
        done = isolate.run("bench.gpu.probes:ask", name, 120, env=environment())
        [[asked, row]] = done["rows"]
        assert (asked, row["verdict"], row["raised"]) == (name, "stand-in", "")


def test_a_time_limit_is_kept_by_the_probes(tmp_path, monkeypatch):
    options = gpu_check.arguments(["--out", str(tmp_path)])
    context = gpu_check.Context(options, report.Report(tmp_path, GPU, {}))
    done = gpu_check.run_probes(context, 0.5)
    assert done["status"] == "failed" and set(done["rows"]) == set(probes.every())
    assert {row["verdict"] for row in done["rows"].values()} == {"not asked: out of time"}


def test_kernels_launch_on_the_stand_in_and_go_on_after_a_death(tmp_path, monkeypatch):
    code = "bench.gpu.kernels:run"
    done = isolate.run(code, {"limit": 60, "step": 97}, 120, env=environment())
    rows = dict(done["rows"])
    assert done["status"] == "ok" and rows["cases"] > 3 and rows["next"] >= rows["of"]

    answers = iter(
        [
            {"status": "crashed", "error": "SIGSEGV", "rows": [["of", 9], ["at", ["third", 3]]]},
            {"status": "ok", "rows": [["of", 9], ["x", "wrong"], ["next", 9], ["cases", 6]]},
        ]
    )
    monkeypatch.setattr(isolate, "run", lambda *_, **__: next(answers))
    options = gpu_check.arguments(["--out", str(tmp_path)])
    context = gpu_check.Context(options, report.Report(tmp_path, GPU, {}))
    found = gpu_check.run_kernels(context, 60)
    assert found["cases"] == found["of"] == 9 and found["status"] == "failed"
    assert set(found["failures"]) == {"third", "x"}


def test_the_manual_names_every_part_question_and_figure():
    manual = (ROOT / "docs" / "gpu.md").read_text()
    for part in gpu_check.PARTS:
        assert f"\n| `{part}` | " in manual
    for name, asked in probes.every().items():
        assert f"\n| `{name}` | {asked.question} | " in manual
    for goal in goals.GOALS:
        row = f"\n| {goal.figure} | {goal.against} | {goal.sign} {goal.bound:g} | "
        assert row in manual
