"""python -m tritongrad bench: run the measurements in a checkout's bench/."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MAIN = "cpu"  # the program that runs unless another one is named


def main(words: list[str]) -> int:
    """Run the program that is named first, or the main one, with the arguments that follow."""
    programs = found(ROOT)
    if not programs:
        print(
            "bench: the measurements are not part of an installed package; run this in a checkout "
            "of the repository, where they lie in bench/",
            file=sys.stderr,
        )
        return 1
    if words == ["--list"]:
        wide = max(map(len, programs))
        for name, file in programs.items():
            print(f"{name:<{wide}}  {first_line(file)}")
        return 0
    name = words[0].removesuffix(".py") if words else MAIN
    if name in programs:
        words = words[1:]
    else:
        name = MAIN
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    command = [sys.executable, str(programs[name]), *words]
    return subprocess.run(command, env={**os.environ, "PYTHONPATH": path}).returncode


def found(root: Path) -> dict[str, Path]:
    """The programs of a checkout by name: files that run when they are the main one."""
    if not (root / "pyproject.toml").exists():
        return {}
    files = sorted((root / "bench").glob("*.py"))
    return {file.stem: file for file in files if "__main__" in file.read_text(encoding="utf-8")}


def first_line(file: Path) -> str:
    """What a program says that it measures."""
    words = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    return words.partition("\n")[0]
