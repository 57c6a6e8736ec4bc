"""Every example runs, on the CPU and in small on `interpret`, and says what it should."""

import importlib.util
import os
import re
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = ROOT / "examples"
SERIES = sorted(file.stem for file in EXAMPLES.glob("[0-9][0-9]_*.py"))


def load(name: str) -> ModuleType:
    """An example as a module."""
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(name: str, *words: str) -> str:
    """What an example prints when it is run as a program, every warning an error."""
    command = [sys.executable, "-W", "error", str(EXAMPLES / f"{name}.py"), *words]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr == "", "a progress bar, where there is no terminal"
    return done.stdout


def losses(printed: str) -> dict[int, float]:
    """The loss by step."""
    found = re.findall(r"^step +(\d+)  loss (\S+)$", printed, re.M)
    return {int(step): float(loss) for step, loss in found}


def test_the_tutorial_learns_and_prints_the_same_each_time(tmp_path):
    file = tmp_path / "loss.svg"
    first = run("two_layer_net", "--device", "cpu", "--plot", str(file))
    found = losses(first)
    assert list(found) == [1, 100, 200, 300, 400, 500]
    assert 1e7 < found[1] < 1e8 and found[500] < 1e-2
    ET.fromstring(file.read_text(encoding="utf-8"))
    short = [run("two_layer_net", "--device", "cpu", "--steps", "100") for _ in range(2)]
    assert short[0] == short[1] and first.startswith(short[0])
    assert run("two_layer_net", "--device", "cpu", "--steps", "1", "--seed", "1") != short[0]


def test_the_tutorial_is_under_80_lines():
    assert len((EXAMPLES / "two_layer_net.py").read_text().splitlines()) < 80


def test_the_tutorial_learns_alike_on_interpret(monkeypatch):
    pytest.importorskip("triton", reason="interpret runs the kernels by Triton's interpreter")
    net = load("two_layer_net")
    for name, size in {"BATCH": 4, "D_IN": 20, "HIDDEN": 6, "D_OUT": 3}.items():
        monkeypatch.setattr(net, name, size)
    monkeypatch.setattr(net, "LEARNING_RATE", 1e-4)
    assert net.train(3, "interpret") == pytest.approx(net.train(3, "cpu"), rel=1e-5)


def test_digits_are_told_apart(tmp_path, capsys):
    pytest.importorskip("sklearn", reason="its digits are the data")
    file = tmp_path / "mistakes.svg"
    assert load("digits").main(["--device", "cpu", "--plot", str(file)]) > 0.95
    out = capsys.readouterr().out
    assert len(re.findall(r"^ +\d+  \d\.\d{4}  +\d+\.\d%  +\d+\.\d%$", out, re.M)) == 15
    assert "test digits misread" in file.read_text(encoding="utf-8")
    ET.fromstring(file.read_text(encoding="utf-8"))


def test_digits_learn_alike_on_interpret(monkeypatch):
    pytest.importorskip("sklearn", reason="its digits are the data")
    pytest.importorskip("triton", reason="interpret runs the kernels by Triton's interpreter")
    digits = load("digits")
    monkeypatch.setattr(digits, "HIDDEN", 4)
    monkeypatch.setattr(digits, "BATCH", 8)
    images, labels = digits.load(0)
    results = []
    for device in ("cpu", "interpret"):
        digits.tg.manual_seed(0)
        net, _ = digits.train(images[:24], labels[:24], 1, device, test=8)
        results.append([p.detach().cpu().numpy() for p in net.parameters])
    for one, other in zip(*results, strict=True):
        assert one == pytest.approx(other, rel=1e-4, abs=1e-5)


def test_digits_without_scikit_learn_say_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(SystemExit, match="pip install scikit-learn"):
        load("digits").main([])


TABLE = r"^ +\d+  \d+\.\d{4}  +\d+\.\d%  +\d+\.\d%$"


def test_digits_are_told_apart_by_convolutions(tmp_path, capsys):
    pytest.importorskip("sklearn", reason="its digits are the data")
    file = tmp_path / "curve.svg"
    words = ["--device", "cpu", "--epochs", "8", "--plot", str(file)]
    start = time.process_time()
    assert load("digits_conv").main(words) >= 0.98
    assert time.process_time() - start < 60
    assert len(re.findall(TABLE, capsys.readouterr().out, re.M)) == 8
    ET.fromstring(file.read_text(encoding="utf-8"))
    assert len((EXAMPLES / "digits_conv.py").read_text().splitlines()) < 150


def test_training_goes_on_from_a_checkpoint_bit_for_bit(tmp_path, capsys):
    pytest.importorskip("sklearn", reason="its digits are the data")
    files = [str(tmp_path / name) for name in ("whole.safetensors", "parts.safetensors")]
    program = load("digits_conv")
    common = ["--device", "cpu", "--checkpoint"]
    program.main([*common, files[0], "--epochs", "2"])
    whole = capsys.readouterr().out.splitlines()
    program.main([*common, files[1], "--epochs", "1"])
    program.tg.manual_seed(99)  # what happens in between does not count
    program.main([*common, files[1], "--epochs", "2", "--resume"])
    assert capsys.readouterr().out.splitlines()[-2:] == whole[-2:]
    one, other = (flat(program.tg.load(file)) for file in files)
    assert one.keys() == other.keys() and len(one) > 50
    for key, value in one.items():
        assert value == other[key], key


def flat(state: object, name: str = "") -> dict[str, object]:
    """Every number of a checkpoint by its path, tensors as their bytes."""
    if isinstance(state, dict):
        return {k: v for key, part in state.items() for k, v in flat(part, f"{name}.{key}").items()}
    if isinstance(state, list):
        return flat(dict(enumerate(state)), name)
    return {name: state.numpy().tobytes() if hasattr(state, "numpy") else state}


def test_a_checkpoint_to_go_on_from_must_be_named():
    with pytest.raises(SystemExit):
        load("digits_conv").main(["--resume"])


def test_convolutions_learn_digits_alike_on_interpret(monkeypatch):
    pytest.importorskip("sklearn", reason="its digits are the data")
    pytest.importorskip("triton", reason="interpret runs the kernels by Triton's interpreter")
    program = load("digits_conv")
    monkeypatch.setattr(program, "WIDTH", 2)
    monkeypatch.setattr(program, "BATCH", 4)
    images, labels = program.load(0)
    results = []
    for device in ("cpu", "interpret"):
        training = program.Training(images[:12], labels[:12], 4, 0, device)
        training.epoch()
        state = training.net.state_dict().items()
        results.append({k: v.cpu().numpy() for k, v in state})
    for key, value in results[0].items():
        assert results[1][key] == pytest.approx(value, rel=1e-3, abs=1e-4), key


@pytest.mark.parametrize("name", SERIES)
def test_each_program_of_the_series_learns(name, capsys):
    assert load(name).main("cpu") < 0.01
    found = list(losses(capsys.readouterr().out).values())
    assert len(found) == 6 and found[0] > 10 * found[-1]


@pytest.mark.parametrize("name", SERIES)
def test_each_program_of_the_series_learns_alike_on_interpret(name):
    pytest.importorskip("triton", reason="interpret runs the kernels by Triton's interpreter")
    small = {"points": 6, "hidden": 4, "steps": 2}
    program = load(name)
    assert program.main("interpret", **small) == pytest.approx(
        program.main("cpu", **small), rel=1e-4
    )


@pytest.mark.parametrize("name", SERIES)
def test_each_program_of_the_series_is_under_40_lines(name):
    assert len((EXAMPLES / f"{name}.py").read_text().splitlines()) < 40


def test_a_gradient_by_hand_and_by_autograd_lead_to_the_same_place():
    assert load("01_warmup").main("cpu") == pytest.approx(load("02_autograd").main("cpu"), rel=1e-2)
