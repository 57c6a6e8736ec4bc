"""How exactly results are computed: settings for the whole process, and what needs none."""

from __future__ import annotations

PRECISIONS = ("highest", "high", "medium")


class Setting:
    """`highest`: IEEE products; `high`: three products of tf32; `medium`: one, rounded."""

    precision = "highest"


def set_float32_matmul_precision(precision: str) -> None:
    """Set how float32 matrices are multiplied on a GPU: "highest", "high" or "medium".

    |C - AB| stays below 16 u |A||B|, 32 u |A||B| and 2.01 * 2**-11 |A||B|, with u = 2**-24.
    """
    if precision not in PRECISIONS:
        raise RuntimeError(
            f"set_float32_matmul_precision: {precision!r} is not one of {', '.join(PRECISIONS)}"
        )
    Setting.precision = precision


def get_float32_matmul_precision() -> str:
    """How float32 matrices are multiplied on a GPU: "highest" unless it was set."""
    return Setting.precision


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """For programs that ask for it: the same call gives the same bits always, whatever is set."""


def are_deterministic_algorithms_enabled() -> bool:
    """True: there are no others."""
    return True
