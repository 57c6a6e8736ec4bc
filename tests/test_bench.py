"""python -m tritongrad bench: every group on tiny arrays, its JSON, pictures and tables."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest

from bench import cpu, data, document, driver, pictures, report, rows, whole
from tritongrad import benches
from tritongrad.__main__ import main

ROOT = Path(__file__).parent.parent
TRIAL = ["--tiny", "--rounds", "2", "--seconds", "0.002", "--patience", "0"]


@pytest.fixture(scope="module")
def shapes():
    """The shapes as they were, after a test has shrunk them."""
    before = dict(data.SHAPES), dict(data.LABELS)
    yield
    data.SHAPES.update(before[0])
    data.LABELS.update(before[1])


@pytest.fixture(scope="module")
def trial(tmp_path_factory, shapes):
    """A run of every group, and what it printed."""
    folder = tmp_path_factory.mktemp("results")
    assert cpu.main([*TRIAL, "--out", str(folder)]) == 0
    return folder


@pytest.fixture(scope="module")
def found(trial):
    return json.loads((trial / report.FILE).read_text())


def measured(found):
    """The groups for which this machine has all that they need."""
    return [g for g in found["groups"].values() if "missing" not in g["about"]]


def test_every_group_is_measured_and_says_on_what(found):
    assert found["format"] == report.FORMAT
    assert list(found["groups"]) == list(rows.GROUPS)
    for group in found["groups"].values():
        about = group["about"]
        assert {"date", "machine", "threads", "clock", "rounds", "seconds", "load"} <= about.keys()
        assert about["tiny"] and group["rows"]
    versions = found["groups"]["small"]["about"]["versions"]
    assert {"tritongrad", "numpy"} <= versions.keys()


def test_every_row_is_a_ratio_of_what_was_measured_in_turn(found):
    for group, content in found["groups"].items():
        for row in content["rows"]:
            assert row["group"] == group
            if "missing" in content["about"]:
                assert row["values"] == {} and row["verdict"] == ""
                continue
            ours, *others = (row["values"].get(p) for p in (row["ours"], "numpy", "torch"))
            assert ours and all(value > 0 for value in ours), row["note"]
            assert not row["note"], row["note"]
            for name, theirs in zip(("numpy", "torch"), others, strict=True):
                assert (theirs is None) == (name not in row["ratios"])
                if theirs:
                    want = [a / b for a, b in zip(ours, theirs, strict=True)]
                    assert row["ratios"][name] == pytest.approx(want, rel=1e-4)
            assert row["verdict"] in ("", "met", "missed")
    numpy = [r for g in measured(found) for r in g["rows"] if "numpy" not in r["ratios"]]
    assert [r["unit"] for r in numpy] == ["conv2d"]


def test_rounds_repeat_and_floors_come_from_roofs_of_the_same_run(found):
    for name, content in found["groups"].items():
        if name in ("processes", "small") or content not in measured(found):
            continue
        assert all(content["about"]["roofs"].values())
        for row in content["rows"]:
            assert len(row["values"][row["ours"]]) == 2
            assert row["floor"] > 0
            assert row["over_floor"] == pytest.approx(
                min(row["values"][row["ours"]]) / row["floor"], rel=1e-4
            )


def test_the_extra_is_measured_where_an_interpreter_has_numba_and_else_said_to_be_missing(found):
    about = found["groups"]["fast"]["about"]
    has = driver.find_fast(None) is not None
    assert ("missing" in about) == (not has)
    assert any("with numba" in version for version in about["versions"].values()) == has
    assert not about.get("missing") or "--fast" in about["missing"]


SUMS = ["sum", "sum dim 0", "sum dim 1"]


def test_each_of_the_two_that_are_us_has_rows_of_its_own():
    for row in rows.inside_rows():
        both = row.takes(rows.OURS), row.takes(rows.FAST)
        assert both == ((False, True) if row.group == "fast" else (True, False))
        assert row.takes("torch") and row.takes("numpy")
    steps = [row.name for row in (*rows.step_rows(), *rows.product_rows())]
    found = rows.fast_rows()
    assert [row.name for row in found[:3]] == steps
    assert [row.goals for row in found[:3]] == [{"torch": goal} for goal in (0.8, 0.95, 1.08)]
    names = [row.name for row in found[3:]]
    assert names[:6] == ["add", "clamp", "pow 2", "exp", "w -= lr * g", "relu backward"]
    sums = [f"{name}, {size}" for size in ("64 MiB", "4 MiB") for name in SUMS]
    layers = [row.name for row in rows.layer_rows() if not row.name.startswith("conv2d")]
    assert names[6:] == [*sums, *layers]
    large = [row for row in rows.pass_rows() if row.group == "large" and row.name in SUMS]
    assert [row.goals for row in found[9:12]] == [row.goals for row in large]


def test_an_interpreter_without_what_it_was_named_for_is_refused():
    with pytest.raises(SystemExit, match="cannot import numba"):
        driver.find_fast(str(ROOT / "no such interpreter"))


def test_pictures_are_drawn_as_vectors_and_as_pixels(trial):
    for stem in ("cpu-ratios", "cpu-roofline"):
        assert (trial / f"{stem}.png").read_bytes().startswith(b"\x89PNG")
        text = (trial / f"{stem}.svg").read_text()
        assert text.startswith("<svg") and "relu backward" in text
        assert "nan" not in re.findall(r'="([^"]*)"', text)


def test_a_document_gets_the_tables_between_its_marks(trial, tmp_path, capsys):
    file = tmp_path / "figures.md"
    file.write_text(f"before\n{document.MARKS[0]}\nold\n{document.MARKS[1]}\nafter\n")
    assert cpu.main(["--write", str(file), "--out", str(trial)]) == 0
    text = file.read_text()
    assert text.startswith("before\n") and text.endswith("\nafter\n") and "old" not in text
    for name, row in (("relu backward", r"\| relu backward \| .* \| 0.4 \|"), ("mm", r"mm 16\^3")):
        assert re.search(row, text), name
    assert "Tiny arrays" in text
    assert cpu.main(["--write", str(file), "--out", str(trial)]) == 0
    assert "as it was" in capsys.readouterr().out
    file.write_text("no marks\n")
    with pytest.raises(SystemExit, match="needs the lines"):
        cpu.main(["--write", str(file), "--out", str(trial)])
    with pytest.raises(SystemExit, match="measure first"):
        cpu.main(["--write", str(file), "--out", str(tmp_path)])


def test_the_documents_tables_are_of_the_results(tmp_path):
    """docs/performance.md is what --write makes of bench/results."""
    copy = tmp_path / "performance.md"
    text = (ROOT / "docs" / "performance.md").read_text()
    copy.write_text(text)
    assert cpu.main(["--write", str(copy)]) == 0
    assert copy.read_text() == text


def test_a_group_that_is_measured_again_leaves_the_others(trial, found, capsys, shapes):
    again = cpu.main([*TRIAL, "--out", str(trial), "products"])
    out = capsys.readouterr()
    assert again == 0 and "mm 16^3" in out.out and "add" not in out.out
    assert "\r" not in out.err  # a bar is drawn on terminals alone
    now = json.loads((trial / report.FILE).read_text())["groups"]
    assert now["small"] == found["groups"]["small"]
    assert now["products"] != found["groups"]["products"]


def filled(verdict_of, own=2.0, most=None):
    row = rows.Row("small", "x", "x", {"torch": 0.5}, most=most, measure="MB")
    row.add({"tritongrad": own, **verdict_of})
    return row


def test_verdicts_come_from_what_was_measured_alone():
    assert rows.Row("small", "x", "x", {"torch": 0.5}).verdict() == ""
    assert filled({}).verdict() == ""
    assert filled({"torch": 4.0}).verdict() == "met"
    assert filled({"torch": 3.9}).verdict() == "missed"
    assert filled({"torch": 4.0}, most=1.0).verdict() == "missed"
    assert filled({}, most=2.0).verdict() == "met"
    assert report.goals(filled({}, most=3.0)) == "PyTorch 0.5, 2 of 3 MB"


def test_rounds_that_nothing_disturbed_make_the_figure_if_they_are_enough():
    row = rows.Row("small", "x", "x", {"torch": 0.5})
    for k in range(7):
        bad = k % 2 == 1
        row.add({"tritongrad": 1.0, "torch": 100.0 if bad else 1.0}, bad)
    assert row.kept("torch") == [1.0] * 4
    assert report.judged(row) == "missed"
    row = rows.Row("small", "x", "x", {"torch": 0.5})
    for k in range(4):
        row.add({"tritongrad": 1.0, "torch": 4.0}, k > 1)
    assert row.kept("torch") == [0.25] * 4
    assert report.judged(row) == "met (disturbed)"


def test_a_peer_that_fails_is_named_and_the_rest_goes_on():
    class Fake:
        units = frozenset({"x"})

        def __init__(self, name, answer):
            self.name, self.answer = name, answer
            self.process = type("Process", (), {"pid": 1})

        def ask(self, unit, seconds):
            return self.answer

    row = rows.Row("small", "x", "x")
    good = {"wall": 1.0, "check": 5.0}
    peers = [Fake("tritongrad", good), Fake("torch", {"error": "no"}), Fake("numpy", good)]
    driver.measure(row, peers, 0.1, "wall", driver.Noise(0))
    assert row.ratios == {"numpy": [1.0]} and row.note == "torch: no"
    peers[1].answer = {"wall": 2.0, "check": 6.0}
    driver.measure(row, peers, 0.1, "wall", driver.Noise(0))
    assert row.ratios["torch"] == [0.5] and "results differ: 5, torch 6" in row.note


def test_what_is_installed_is_what_the_package_needs():
    needs = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    assert {re.split(r"[^\w]", need)[0] for need in needs} == set(whole.NEEDS)


def test_pictures_need_no_peer(tmp_path):
    assert pictures.draw({"small": ({}, [rows.Row("small", "x", "x")])}, tmp_path) == []


def test_wrong_words_are_refused(capsys):
    with pytest.raises(SystemExit):
        cpu.main(["lunch"])
    assert "'lunch' is not a group; they are small, steps" in capsys.readouterr().err
    assert main(["bench", "nothing"]) == 2


def test_bench_lists_and_runs_what_a_checkout_has(capfd, tmp_path):
    assert main(["bench", "--list"]) == 0
    assert "import_time" in capfd.readouterr().out
    assert main(["bench", "autograd_bench", "--help"]) == 0
    assert "million" in capfd.readouterr().out
    assert main(["bench", "--help"]) == 0
    assert "one recorded operation" in capfd.readouterr().out
    (tmp_path / "bench").mkdir()
    (tmp_path / "bench" / "one.py").write_text('"""One."""\nif __name__ == "__main__":\n    pass\n')
    assert benches.found(tmp_path) == {}
    (tmp_path / "pyproject.toml").touch()
    assert list(benches.found(tmp_path)) == ["one"]


def test_bench_of_an_installed_package_says_where_it_is(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(benches, "ROOT", tmp_path)
    assert main(["bench"]) == 1
    assert "checkout" in capsys.readouterr().err
