"""How long the searches for wrong numbers run: a little always, long with TRITONGRAD_HUNT=1."""

from __future__ import annotations

import os

LONG = os.environ.get("TRITONGRAD_HUNT") == "1"


def size(short: int, long: int) -> int:
    """A count: the short one, or the long one when hunting."""
    return long if LONG else short
