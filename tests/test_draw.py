"""Pictures: graphs, charts, grids of images and progress bars, all without another package."""

import io
import itertools
import math
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

import tritongrad as tg
from tritongrad import svg
from tritongrad.drawing import MOST, draw
from tritongrad.layout import layered
from tritongrad.pictures import image_grid
from tritongrad.plotting import plot
from tritongrad.progress import bar, track

ROOT = Path(__file__).resolve().parent.parent
SVG = "{http://www.w3.org/2000/svg}"


def words(picture: str) -> list[str]:
    """Every text in an SVG picture, which has to be well-formed XML."""
    root = ET.fromstring(picture)
    assert root.tag == f"{SVG}svg"
    return [t.text or "" for t in root.iter(f"{SVG}text")]


def network() -> tuple[tg.Tensor, dict[str, tg.Tensor]]:
    """A loss of eight operations and three leaves, one of which is used twice."""
    tg.manual_seed(0)
    w1 = tg.randn(6, 5, requires_grad=True)
    w2 = tg.randn(5, 3, requires_grad=True)
    bias = tg.randn(3, requires_grad=True)
    out = (tg.randn(4, 6).mm(w1).clamp(min=0).mm(w2) + bias).tanh() * bias
    return out.pow(2).sum(), {"w1": w1, "w2": w2, "bias": bias}


def test_a_graph_shows_operations_shapes_dtypes_and_names():
    loss, params = network()
    drawn = draw(loss, params)
    text = words(drawn.svg)
    assert {"mm", "add", "tanh", "mul", "pow", "sum", "w1", "w2", "bias"} <= set(text)
    assert {"6 x 5 float32", "4 x 3 float32", "scalar float32"} <= set(text)
    assert len(drawn.boxes) == 11 and len(drawn.edges) == 11


def test_dot_text_has_every_box_and_edge_once():
    loss, params = network()
    drawn = draw(loss, params | {'a "name"\\': loss})
    assert len(re.findall(r"^  n\d+ \[", drawn.dot, re.M)) == len(drawn.boxes)
    assert len(re.findall(r"^  n\d+ -> n\d+;", drawn.dot, re.M)) == len(drawn.edges)
    assert r"a \"name\"\\ = sum" in drawn.dot


def test_the_graph_is_the_same_after_backward():
    loss, params = network()
    before = draw(loss, params).dot
    loss.backward()
    assert draw(loss, params).dot == before


def test_files_are_written_by_their_extension(tmp_path):
    loss, params = network()
    drawn = draw(loss, params, tmp_path / "a.svg", graphviz=False)
    drawn.save(tmp_path / "a.dot")
    assert (tmp_path / "a.svg").read_text() == drawn.svg
    assert (tmp_path / "a.dot").read_text() == drawn.dot


def test_graphviz_is_asked_for_by_name_where_it_is_missing(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RuntimeError, match="graphviz"):
        draw(*network(), tmp_path / "a.png")
    draw(*network(), tmp_path / "a.svg")
    assert "tanh" in words((tmp_path / "a.svg").read_text())


def test_what_cannot_be_drawn_is_refused():
    with pytest.raises(RuntimeError, match="no graph"):
        draw(tg.ones(2))
    with pytest.raises(TypeError, match="'tensor'"):
        draw(3)
    with pytest.raises(ValueError, match="direction"):
        draw(network()[0], direction="up")
    x = tg.ones(2, requires_grad=True)
    for _ in range(MOST + 1):
        x = x + 1
    with pytest.raises(ValueError, match="too many to read"):
        draw(x)


def residual() -> tuple[tg.Tensor, tg.nn.Module]:
    """The loss of a network of over 20 operations and leaves, with an edge past many others."""
    tg.manual_seed(0)
    nn = tg.nn
    net = nn.Sequential(
        nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 8), nn.LayerNorm(8)
    )
    x = tg.randn(4, 8)
    out = x + net(x)
    return nn.functional.cross_entropy(
        out.mm(net[0].weight[:8]) * out, tg.tensor([0, 1, 2, 0])
    ), net


def test_a_graph_of_twenty_nodes_can_be_read():
    """Words lie in their boxes, boxes clear of each other, and no edge runs below a box"""
    for direction in ("down", "right"):
        drawn = draw(*residual(), direction=direction)
        assert len(drawn.boxes) >= 20
        root = ET.fromstring(drawn.svg)
        rects = []
        for group in root.iter(f"{SVG}g"):
            rect = group.find(f"{SVG}rect")
            if rect is None:
                continue
            x, y, wide, tall = (float(rect.get(k)) for k in ("x", "y", "width", "height"))
            rects.append((x, y, x + wide, y + tall))
            for line in group.findall(f"{SVG}text"):
                at, size = float(line.get("x")), float(line.get("font-size"))
                half = svg.width_of(line.text, size) / 2
                assert x < at - half and at + half < x + wide
                assert y < float(line.get("y")) - 0.75 * size and float(line.get("y")) < y + tall
        assert len(rects) == len(drawn.boxes)
        for (a, b, c, d), (e, f, g, h) in itertools.combinations(rects, 2):
            assert c < e or g < a or d < f or h < b
        edges = [p.get("d") for p in root.iter(f"{SVG}path") if "C" in p.get("d", "")]
        assert len(edges) == len(drawn.edges)
        for x, y in itertools.chain.from_iterable(map(curve_points, edges)):
            assert not any(a < x < c and b < y < d for a, b, c, d in rects)


def curve_points(path: str) -> list[tuple[float, float]]:
    """Points along the curves of a path, but for its two ends"""
    numbers = [float(n) for n in re.findall(r"-?[\d.]+", path)]
    points = list(zip(numbers[::2], numbers[1::2], strict=True))
    found = []
    for k in range(0, len(points) - 1, 3):
        for t in np.linspace(0, 1, 21)[1:-1]:
            weights = [(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3]
            curve = zip(weights, points[k : k + 4], strict=True)
            xs, ys = zip(*[(w * x, w * y) for w, (x, y) in curve], strict=True)
            found.append((sum(xs), sum(ys)))
    return found


def random_graph(count: int, seed: int) -> list[tuple[int, int]]:
    """Edges from earlier boxes to later ones, every box but the last used."""
    rng = np.random.default_rng(seed)
    edges = [(i, int(rng.integers(i + 1, min(count, i + 6)))) for i in range(count - 1)]
    return edges + [(a, b) for a, b in rng.integers(0, count, (count // 2, 2)).tolist() if a < b]


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_boxes_do_not_overlap_and_edges_run_on(seed, turned):
    sizes = [(60.0 + 7 * (i % 5), 40.0) for i in range(30)]
    edges = random_graph(30, seed)
    plan = layered(sizes, edges, turned=turned)
    for (i, a), (j, b) in itertools.combinations(enumerate(plan.centres), 2):
        wide, tall = (sizes[i][0] + sizes[j][0]) / 2, (sizes[i][1] + sizes[j][1]) / 2
        assert abs(a.x - b.x) >= wide - 1e-6 or abs(a.y - b.y) >= tall - 1e-6
    for (a, b), path in zip(edges, plan.paths, strict=True):
        ahead = [p.x if turned else p.y for p in path]
        assert ahead == sorted(ahead)
        start, end = plan.centres[a], plan.centres[b]
        assert math.dist(path[0], start) < 60 and math.dist(path[-1], end) < 60


def test_a_cycle_is_refused():
    with pytest.raises(ValueError, match="cycle"):
        layered([(1, 1)] * 2, [(0, 1), (1, 0)])


def test_a_chart_has_title_labels_legend_and_ticks():
    curves = {"train": [1.0, 0.5, 0.25], "test": ([0, 2], tg.tensor([1.0, 0.75]))}
    text = words(plot(curves, title="Loss & more", xlabel="step", ylabel="loss"))
    assert {"Loss & more", "step", "loss", "train", "test", "0.5", "1", "2"} <= set(text)


def test_a_logarithmic_axis_has_powers_of_ten():
    text = words(plot([3e7, 1e3, 0.0, math.nan, 1e-4], log=True))
    assert {"10⁻⁴", "10⁰", "10⁸"} <= set(text)
    assert "20" in words(plot([10.0, 60.0], log=True))


def test_gaps_and_spikes_of_a_line_stay():
    ys = [0.0] * 10_000
    ys[5_001], ys[7_001] = 9.0, math.inf
    lines = [e.get("points") or "" for e in ET.fromstring(plot(ys)).iter(f"{SVG}polyline")]
    assert len(lines) == 2
    heights = {p.partition(",")[2] for line in lines for p in line.split()}
    assert len(heights) == 2 and sum(len(line.split()) for line in lines) < 3_000


def test_a_chart_of_one_value_or_none():
    words(plot([5.0]))
    words(plot({"a": [2.0, 2.0]}, log=True))
    with pytest.raises(ValueError, match="no value to draw"):
        plot([-1.0], log=True)
    with pytest.raises(ValueError, match="2 x values and 1 y"):
        plot(([1, 2], [3.0]))


def test_png_is_drawn_by_matplotlib_or_refused(tmp_path, monkeypatch):
    file = tmp_path / "a.png"
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(RuntimeError, match=r"tritongrad\[plot\]"):
        plot([1.0, 2.0], file)
    monkeypatch.undo()
    pytest.importorskip("matplotlib", reason="matplotlib is optional")
    plot({"a": [1.0, 2.0], "b": [2.0]}, file, log=True)
    image_grid(np.eye(3)[None], ["one"], tmp_path / "b.png")
    for path in (file, tmp_path / "b.png"):
        assert path.read_bytes().startswith(b"\x89PNG")


def test_a_grid_shows_each_image_with_its_caption():
    images = tg.tensor(np.arange(12, dtype=np.float32).reshape(3, 2, 2))
    picture = image_grid(images, ["a", "b <c>", "d"], title="Three", columns=2)
    assert words(picture) == ["Three", "a", "b <c>", "d"]
    assert len(list(ET.fromstring(picture).iter(f"{SVG}rect"))) == 1 + 3 + 11  # one pixel is white
    with pytest.raises(ValueError, match="2 captions"):
        image_grid(images, ["a", "b"])


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_a_bar_is_drawn_on_a_terminal_and_taken_away(monkeypatch):
    monkeypatch.setattr("tritongrad.progress.EVERY", 0.0)
    screen = Terminal()
    assert list(track(range(4), "working", screen)) == [0, 1, 2, 3]
    assert "working" in screen.getvalue() and "3/4" in screen.getvalue()
    assert screen.getvalue().endswith("\r\x1b[K")


def test_no_bar_where_output_is_piped(capsys):
    pipe = io.StringIO()
    moving = track(iter("ab"), stream=pipe)
    for item in moving:
        moving.print(item)
    assert pipe.getvalue() == "" and capsys.readouterr().out == "a\nb\n"


def test_the_text_of_a_bar():
    assert bar("x", 50, 100, 2.0) == f"x {'━' * 16}{'╌' * 16} 50/100  2.0 s left"
    assert bar("x", 5, 0, 2.0) == "x 5  2 s"


def test_a_program_is_drawn_up_to_its_first_backward(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(
        "import sys, tritongrad as tg\n"
        "def go(n):\n"
        "    weight = tg.ones(n, requires_grad=True)\n"
        "    tg.exp(weight).sum().backward()\n"
        "    raise AssertionError('went on')\n"
        "go(int(sys.argv[1]))\n"
    )
    command = [sys.executable, "-m", "tritongrad", "draw", str(program), "g.svg", "7"]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PATH": str(tmp_path)}
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert {"weight", "exp", "7 float32"} <= set(words((tmp_path / "g.svg").read_text()))
