"""The numbers that every peer works on: files of float32 (labels int64), made once for a run."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

MANY = {"a_large": (4096, 4096), "b_large": (4096, 4096), "a_middle": (1024, 1024)}
MANY |= {"b_middle": (1024, 1024), "p": (2048, 2048), "q": (2048, 2048)}
SHAPES: dict[str, tuple] = MANY | {
    "s": (8, 8),
    "t": (8, 8),
    "x": (64, 1000),
    "y": (64, 10),
    "w1": (1000, 100),
    "w2": (100, 10),
    "X": (256, 784),
    "L": (256,),
    "W1": (784, 1024),
    "W2": (1024, 1024),
    "W3": (1024, 10),
    "images": (16, 32, 32, 32),
    "filters": (64, 32, 3, 3),
    "rows": (2048, 1024),
    "weight": (1024,),
    "bias": (1024,),
    "scores": (1024, 1000),
    "classes": (1024,),
}
LABELS = {"L": 10, "classes": 1000}  # whole numbers below these
SHAPES_FILE = "shapes.json"


def shrink(most: int) -> None:
    """From now on no dim is longer than this: to try the program, not to learn from."""
    for name, shape in SHAPES.items():
        SHAPES[name] = tuple(min(n, most) for n in shape)
    LABELS.update({name: min(n, most) for name, n in LABELS.items()})


def make(folder: Path) -> None:
    """Write all of them: normal numbers, a layer's weights divided by the root of its inputs."""
    import numpy as np

    for k, (name, shape) in enumerate(SHAPES.items()):
        rng = np.random.default_rng(k)
        if name in LABELS:
            values = rng.integers(0, LABELS[name], shape, np.int64)
        else:
            values = rng.standard_normal(shape, np.float32)
            if name in ("W1", "W2", "W3"):
                values /= np.float32(shape[0] ** 0.5)
        values.tofile(folder / name)


def make_apart(folder: Path) -> None:
    """Make them in another process, so that this one stays small."""
    root = Path(__file__).resolve().parents[1]
    (folder / SHAPES_FILE).write_text(json.dumps([SHAPES, LABELS]), encoding="utf-8")
    code = (
        f"import sys; sys.path.insert(0, {str(root)!r}); from pathlib import Path; "
        f"from bench import data; folder = Path({str(folder)!r}); "
        "data.use(folder); data.make(folder)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def use(folder: Path) -> None:
    """Take the shapes that the folder's numbers have."""
    shapes, labels = json.loads((folder / SHAPES_FILE).read_text(encoding="utf-8"))
    SHAPES.update({name: tuple(shape) for name, shape in shapes.items()})
    LABELS.update(labels)


def read(folder: Path, name: str) -> bytearray:
    """The bytes of one of them."""
    with open(folder / name, "rb") as file:
        return bytearray(file.read())
