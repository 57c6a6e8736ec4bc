"""python -m tritongrad ops: the table of operations, made from what is declared."""

from __future__ import annotations

import importlib
import inspect
import re
import sys
import textwrap
from pathlib import Path
from typing import Any

import tritongrad as tg

START, END = "<!-- operations -->", "<!-- /operations -->"


def main(words: list[str]) -> int:
    """Print the table, or with `--write FILE` put it between the marks in a file."""
    if not words:
        for title, names in groups():
            print(textwrap.fill(f"{title}: {', '.join(names)}", 100, subsequent_indent="    "))
        return 0
    if len(words) != 2 or words[0] != "--write":
        print("ops: call it as `ops` or `ops --write README.md`", file=sys.stderr)
        return 2
    file = Path(words[1])
    before = file.read_text(encoding="utf-8")
    after = updated(before)
    file.write_text(after, encoding="utf-8")
    print(f"{file}: {'up to date' if after == before else 'table of operations rewritten'}")
    return 0


def groups() -> list[tuple[str, list[str]]]:
    """Each kind of operation, by what its file says that it holds, with the public names."""
    found: dict[str, list[str]] = {}
    for name, value in vars(tg).items():
        module = getattr(value, "__module__", "")
        if inspect.isfunction(value) and shown(name, module):
            found.setdefault(module, []).append(name)
    rows = [(title_of(module), sorted(names)) for module, names in found.items()]
    own = [n for n in dir(tg.Tensor) if n.endswith("_") and not n.startswith("_")]
    own = [n for n in own if hasattr(tg.Tensor, n)]  # some are there for the words of their error
    return [*rows, ("In place, as methods of Tensor", sorted(set(own) - {"requires_grad_"}))]


def shown(name: str, module: Any) -> bool:
    """Whether a public name is an operation that a user would call."""
    homes = ("tritongrad.ops.", "tritongrad.create", "tritongrad.random")
    ours = isinstance(module, str) and module.startswith(homes)
    return ours and not name.startswith("_") and not name.endswith(("_", "_backward"))


def title_of(module: str) -> str:
    """What a module's first sentence says before it goes into detail."""
    return re.split(r"[:.,\n]", importlib.import_module(module).__doc__ or module)[0]


def table() -> str:
    """The table as Markdown."""
    rows = [f"| {title} | {' '.join(f'`{n}`' for n in names)} |" for title, names in groups()]
    return "\n".join(["| kind | operations |", "|---|---|", *rows])


def updated(text: str) -> str:
    """A text with the table between its marks made anew."""
    head, start, rest = text.partition(START)
    _, end, tail = rest.partition(END)
    if not start or not end:
        raise ValueError(f"ops: the file needs a line {START} and, after it, a line {END}")
    return f"{head}{START}\n{table()}\n{END}{tail}"
