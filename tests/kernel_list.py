"""The kernels: what a launch can name, read from their sources."""

from __future__ import annotations

import ast
from pathlib import Path

import tritongrad

FOLDER = Path(tritongrad.__file__).parent / "kernels"


def kernels() -> set[str]:
    """module.name of what stores or asks for its program, and is no part of another function."""
    found, called = set(), set()
    for path in FOLDER.glob("*.py"):
        for node in ast.parse(path.read_text()).body:
            if not isinstance(node, ast.FunctionDef):
                continue
            inside = list(ast.walk(node))
            if {n.attr for n in inside if isinstance(n, ast.Attribute)} & {"store", "program_id"}:
                found.add(f"{path.stem}.{node.name}")
            names = {n.func.id for n in inside if isinstance(n, ast.Call) and _is_name(n.func)}
            called |= {f"{path.stem}.{name}" for name in names}
    return found - called


def _is_name(node: ast.AST) -> bool:
    return isinstance(node, ast.Name)
