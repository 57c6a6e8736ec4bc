"""python -m tritongrad: the demo, what a bug report needs, the table of operations."""

import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

import tritongrad as tg
from tritongrad import demo, info, optable
from tritongrad.__main__ import COMMANDS, main

ROOT = Path(__file__).resolve().parent.parent


def run(*words: str, cwd: Path = ROOT, **variables: str) -> subprocess.CompletedProcess:
    """python -W error -m tritongrad words"""
    command = [sys.executable, "-W", "error", "-m", "tritongrad", *words]
    env = {**os.environ, "PYTHONPATH": str(ROOT), **variables}
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True)


def test_the_demo_trains_checks_measures_and_draws(tmp_path):
    done = run(cwd=tmp_path, OPENBLAS_NUM_THREADS="1")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert lines[0].startswith(f"tritongrad {tg.__version__}, Python 3.")
    assert lines[1].startswith("device: ")
    steps, losses = (next(x for x in lines if x.startswith(f"  {w}")) for w in ("step", "loss"))
    assert steps.split()[1:] == ["1", "100", "200", "300", "400", "500"]
    values = [float(v) for v in losses.split()[1:]]
    assert 1e7 < values[0] < 1e8 and values[-1] < 1e-2 and values == sorted(values, reverse=True)
    assert len(re.findall(r"^  w[12]  max error \S+  ok$", done.stdout, re.M)) == 2
    assert len(re.findall(r"^  (?:add|exp|sum|mm|mul) .* [mun]?s   ", done.stdout, re.M)) == 5
    for name in ("graph.svg", "loss.svg"):
        assert f"tritongrad-demo/{name}" in done.stdout.replace("\\", "/")
        ET.fromstring((tmp_path / "tritongrad-demo" / name).read_text(encoding="utf-8"))
    assert lines[-1].startswith("Next: ")


def test_a_wrong_gradient_fails_the_demo(monkeypatch, capsys):
    right = demo.Net.loss
    # What differences see is not what backward saw.
    monkeypatch.setattr(
        demo.Net, "loss", lambda net, w1, w2: right(net, w1, w2 * 1.001 if w2.requires_grad else w2)
    )
    assert not demo.show_gradient_check("cpu")
    assert "WRONG" in capsys.readouterr().out


def test_info_says_what_a_bug_report_needs(monkeypatch, capsys):
    monkeypatch.setenv("TRITONGRAD_POISON", "0")
    assert main(["info"]) == 0
    out = capsys.readouterr().out
    facts = dict(line.split(maxsplit=1) for line in out.splitlines())
    names = {"tritongrad", "python", "platform", "processor", "blas", "numpy", "triton", "cuda"}
    assert names <= set(facts)
    assert "TRITONGRAD_POISON=0" in out
    good, why = tg.cuda.status()
    assert facts["cuda"] == (info.gpus() if good else f"not available: {why}")


def test_info_does_not_load_triton():
    code = (
        "import sys; from tritongrad import info; info.main(); assert 'triton' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True)


def test_an_unknown_command_is_answered_with_those_there_are(capsys):
    assert main(["sing"]) == 2
    assert main(["info", "please"]) == 2
    err = capsys.readouterr().err
    assert "'sing' is not a command" in err and all(name in err for name in COMMANDS)
    assert main(["--help"]) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in COMMANDS)


def test_draw_refuses_what_it_cannot_run(capsys, tmp_path):
    assert main(["draw"]) == 2
    assert main(["draw", "nowhere.py"]) == 2
    quiet = tmp_path / "quiet.py"
    quiet.write_text("pass\n")
    assert main(["draw", str(quiet)]) == 1
    assert "without a backward" in capsys.readouterr().err


def test_ops_lists_what_is_declared(capsys):
    assert main(["ops"]) == 0
    out = capsys.readouterr().out
    assert all(f" {name}" in out for name in ("mm", "sum", "exp", "clamp", "randn", "add_"))


@pytest.mark.parametrize("text", ["no marks", f"{optable.START} no end"])
def test_a_file_without_marks_is_left_alone(text):
    with pytest.raises(ValueError, match="operations"):
        optable.updated(text)


def test_every_switch_is_documented():
    code = [*ROOT.glob("tritongrad/**/*.py"), ROOT / "dev.py"]
    used = {
        name for f in code for name in re.findall(r"\bTRITONGRAD_[A-Z_]+\b", f.read_text("utf-8"))
    }
    text = (ROOT / "docs" / "debugging.md").read_text(encoding="utf-8")
    assert sorted(used) == sorted(set(re.findall(r"^\| `(TRITONGRAD_[A-Z_]+)", text, re.M)))


def test_the_graph_in_the_docs_is_up_to_date(tmp_path):
    demo.write_graph(tmp_path / "graph.svg")
    kept = (ROOT / "docs" / "graph.svg").read_text(encoding="utf-8")
    assert (tmp_path / "graph.svg").read_text(encoding="utf-8") == kept


def test_the_program_in_the_readme_is_the_one_that_is_shown(capsys):
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    program = text.partition("```python\n")[2].partition("```")[0]
    assert len(program.splitlines()) <= 20
    exec(compile(program.replace("501", "201"), "README.md", "exec"), {})
    steps = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [step for step, _ in steps] == ["100", "200"]
    assert float(steps[0][1]) > 10 * float(steps[1][1])


def test_the_table_in_the_readme_is_up_to_date():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert optable.updated(text) == text, "run: python -m tritongrad ops --write README.md"
