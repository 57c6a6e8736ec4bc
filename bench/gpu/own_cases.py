"""Cases that the tests' own do not reach: copies by every kernel of theirs, products by TMA."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np

Up = Callable[[Any], Any]
BF16 = np.dtype(ml_dtypes.bfloat16)
CASTS = [("f4", "f4"), ("f4", "f2"), ("f4", BF16), (BF16, "f4"), ("f8", "?"), ("i8", "f4")]
MANY_TILES = (1408, 2560, 192)  # 110 tiles of the persistent kernel


class Case(NamedTuple):
    name: str
    run: Callable[[], Iterator[tuple[Any, Any, float]]]


def views(x: Any) -> Iterator[Any]:
    """Views of a 6-d array, NumPy's or a device's: one block, and strides that do not merge."""
    yield x
    yield x[1:, :, 1]
    yield x[..., ::2]
    yield x[::-1, :, ::-1]
    yield x.transpose((5, 4, 3, 2, 1, 0))
    yield x.transpose((3, 0, 5, 1, 4, 2))[:, :, 1:, :, ::2]
    yield x[0, 0, 0, 0].T
    yield x[:0]


def copies(up: Up, source: Any, target: Any) -> Iterator[tuple[Any, Any, float]]:
    """Strided copies and casts, against NumPy's."""
    source, target = np.dtype(source), np.dtype(target)
    numbers = np.random.default_rng(0).integers(-100, 100, (4, 3, 5, 2, 33, 18))
    for step in (1, 4):  # of the last dim: 16-byte accesses fit, or do not
        x = numbers[..., ::step].astype(source)
        for seen, here in zip(views(up(x)), views(x), strict=True):
            yield seen.copy(), here, 0
            yield seen.astype(target), here.astype(target), 0


def tma(up: Up, dtype: Any, a_is_t: bool, b_is_t: bool) -> Iterator[tuple[Any, Any, float]]:
    """A product of whole numbers, large enough for the persistent kernel; rounded once."""
    from tritongrad.cuda import linalg

    rows, cols, inner = MANY_TILES
    rng = np.random.default_rng(1)
    for more in (0, 8):  # tiles that fit, and ragged ones
        a = rng.integers(0, 4, (rows + more, inner + more)).astype(dtype)
        b = rng.integers(0, 4, (inner + more, cols + more)).astype(dtype)
        left = up(np.ascontiguousarray(a.T)).T if a_is_t else up(a)
        right = up(np.ascontiguousarray(b.T)).T if b_is_t else up(b)
        yield linalg.mm(left, right), a.astype("f4") @ b.astype("f4"), 0


def cases(up: Up, device: str) -> list[Case]:
    """TMA is a GPU's alone; the interpreter would need minutes for products so large."""
    found = [Case(f"copy-{np.dtype(s)}-{np.dtype(t)}", partial(copies, up, s, t)) for s, t in CASTS]
    if device == "cuda":
        for dtype in (np.dtype("f2"), BF16):
            for a_is_t, b_is_t in ((False, False), (False, True), (True, False), (True, True)):
                name = f"tma-{dtype}-{'t' if a_is_t else 'n'}{'t' if b_is_t else 'n'}"
                found.append(Case(name, partial(tma, up, dtype, a_is_t, b_is_t)))
    return found
