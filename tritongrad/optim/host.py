"""A rule on NumPy's arrays: small ones joined, large ones in blocks, many of both by the team."""

from __future__ import annotations

import bisect
import functools
import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from tritongrad.cpu.address import address
from tritongrad.cpu.team import cuts, team

SMALL = 1 << 11  # elements up to which copying an array beside others beats calls of its own
JOINED = 1 << 13  # elements of such copies: they and a rule's temporaries stay in the cache
BLOCK = 1 << 17  # elements of a large array that a rule works on at a time, likewise
SPLIT = 1 << 18  # elements from which a second thread pays for its wake-up


def on_cpu(rule: Callable, group: dict[str, Any], rows: list) -> None:
    """The rule on those of a group's rows (elementwise.Row) that are in NumPy's memory."""
    pieces: list[tuple] = []  # (step, the arrays of each of its parameters)
    last: dict[tuple, tuple] = {}  # the piece that is being filled, and how many elements it takes
    every = [(row.step, row.arrays()) for row in rows if type(row.param._array) is np.ndarray]
    free = apart([arrays[0] for _, arrays in every])
    for step, arrays in every:
        w, g = arrays[:2]
        if g.dtype != w.dtype:
            arrays[1] = g.astype(w.dtype)
        if free and w.size <= SMALL:
            piece, room = last.get((step, w.dtype), ([], -1))
            if room < w.size:
                piece, room = [], JOINED
                pieces.append((step, piece))
            piece.append(arrays)
            last[step, w.dtype] = piece, room - w.size
        elif w.size <= BLOCK or not all(a is None or a.flags.c_contiguous for a in arrays):
            pieces.append((step, [arrays]))
        else:
            flat = [None if a is None else a.reshape(-1) for a in arrays]
            for start in range(0, w.size, BLOCK):
                part = slice(start, start + BLOCK)
                pieces.append((step, [[None if a is None else a[part] for a in flat]]))
    share(functools.partial(stepped, rule, group), pieces, free)


def apart(arrays: list[np.ndarray]) -> bool:
    """Whether it is certain that no two share memory: they may be stepped in any order then."""
    if len({id(a) for a in arrays if a.base is None}) == len(arrays):
        return True  # each has its own
    spans = sorted((address(a), a.nbytes) for a in arrays)
    return all(a.flags.forc for a in arrays) and all(
        start + size <= after for (start, size), (after, _) in itertools.pairwise(spans)
    )


def stepped(rule: Callable, group: dict[str, Any], step: Any, params: list[list]) -> None:
    """The rule on one parameter's arrays where they lie, or on copies of several's, end to end."""
    half = params[0][0].itemsize == 2  # computed in float32, rounded once
    if len(params) == 1 and not half:
        rule(group, step, *params[0])
        return
    columns = list(zip(*params, strict=True))
    dtype = np.float32 if half else None
    joined = [None if c[0] is None else np.concatenate(c, None, dtype=dtype) for c in columns]
    rule(group, step, *joined)
    del columns[1], joined[1]  # the gradients stay
    for column, result in zip(columns, joined, strict=True):
        if result is None:
            continue
        stop = 0
        for a in column:
            start, stop = stop, stop + a.size
            part = result[start:stop]
            a[...] = part if a.ndim == 1 else part.reshape(a.shape)


def share(work: Callable, pieces: list[tuple], free: bool) -> None:
    """work(*piece) for each; if they are free and large each thread takes as many elements."""
    ends = list(itertools.accumulate(sum(p[0].size for p in params) for _, params in pieces))

    def run(first: int, last: int) -> None:
        for piece in pieces[first:last]:
            work(*piece)

    if not free or not pieces or ends[-1] < SPLIT:
        run(0, len(pieces))
        return
    parts = [[bisect.bisect_left(ends, n) for n in cut] for cut in cuts(ends[-1], 1)]
    parts[-1][1] = len(pieces)
    team().run(run, [(first, last) for first, last in parts])
