"""Tiles that bench/gpu/tune.py found best, by the GPU's name; one that is not here has tiles.py's.

Written by `python bench/gpu/tune.py --write` on that GPU, then read through like any other change.
A line has two tiles: of small and of large results, or of short and of long rows.
"""

TUNED: dict[str, dict[str, tuple[tuple[int, ...], tuple[int, ...]]]] = {}
