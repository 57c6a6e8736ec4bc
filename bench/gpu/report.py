"""The report: one JSON, whole on disk after every part, without a figure from a stand-in."""

from __future__ import annotations

import datetime
import json
import os
import re
import tempfile
from pathlib import Path
from typing import Any

from bench.gpu import goals
from bench.gpu.isolate import plain

FORMAT = 2
STAND_IN = "a stand-in driver: nothing was executed, and no figure or verdict is of a GPU"


def slug(name: str) -> str:
    """A name as part of a file's name: NVIDIA H200 -> nvidia-h200."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


class Report:
    """Facts and parts; `path` is <device>-<date>.json, with a number if there is one already"""

    def __init__(self, folder: Path, facts: dict[str, Any], options: dict[str, Any]) -> None:
        now = datetime.datetime.now(datetime.UTC)
        self.stand_in = bool(facts.get("stand_in"))
        device = "stand-in" if self.stand_in else str(facts.get("device", "no-gpu"))
        self.data: dict[str, Any] = {
            "format": FORMAT,
            "measured_on": STAND_IN if self.stand_in else device,
            "date": now.isoformat(timespec="seconds"),
            "facts": facts,
            "options": options,
            "complete": False,
            "parts": {},
            "goals": [],
        }
        folder.mkdir(parents=True, exist_ok=True)
        self.path = free_name(folder, f"{slug(device)}-{now.date()}")

    def add(self, part: str, result: dict[str, Any]) -> None:
        """Keep the result of a part, or of more of it, and write the file."""
        self.data["parts"][part] = without_figures(result) if self.stand_in else plain(result)
        self.data["goals"] = list(goals.judged(self.data["parts"]))
        self.save()

    def finish(self, seconds: float) -> None:
        """Say that nothing more will come."""
        self.data["complete"] = True
        self.data["seconds"] = round(seconds, 1)
        self.save()

    def save(self) -> None:
        handle, temporary = tempfile.mkstemp(dir=self.path.parent, suffix=".tmp")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(plain(self.data), file, indent=1)
            file.write("\n")
        os.chmod(temporary, 0o644)  # mkstemp lets only this user read
        os.replace(temporary, self.path)


def free_name(folder: Path, stem: str) -> Path:
    path, number = folder / f"{stem}.json", 1
    while path.exists():
        number += 1
        path = folder / f"{stem}-{number}.json"
    return path


KEPT = ("status", "error", "output", "verdict", "question", "raised", "reason")


def without_figures(value: Any) -> Any:
    """A result with its words, but none of its numbers: what a stand-in may tell."""
    if isinstance(value, dict):
        return {
            key: item if key in KEPT and isinstance(item, str) else without_figures(item)
            for key, item in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [without_figures(item) for item in value]
    return None
