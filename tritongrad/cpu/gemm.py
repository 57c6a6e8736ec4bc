"""Large matrix products in pieces that threads of OpenBLAS share, or those of the team.

OpenBLAS's threads look for work without the interpreter's lock and without sleeping, so that a
product of a hundred microseconds is worth a second one. Its own ways of sharing a product change
the result's bits with the number of threads; here each piece is one thread's, by gemm_batch:
rows and columns are cut at multiples of STEP, where no element meets another inner loop.
"""

from __future__ import annotations

import functools
import itertools
import struct
import time
from collections.abc import Callable
from operator import mul
from typing import NamedTuple

import numpy as np

from tritongrad.dtype import FLOAT32

from . import fast_gemm
from .address import address
from .blas import alone, blas
from .pool import empty
from .team import Team, get_num_threads, team

Array = np.ndarray
STEP, FINE = 96, 16  # rows and columns are cut at multiples; of float32 at FINE ones on AVX-512
LEAST = 192  # rows or columns of a piece: with fewer, float64 would meet other inner loops
# Products of numbers up to which OpenBLAS takes matrices as they lie, by other inner loops, which
# gemm_batch calls at a wrong address before its pull request 5980: every piece has more.
DIRECT = 1_000_000
SHARED = 3_000_000  # ... in a product that is worth a second thread of OpenBLAS's
WAKING = 12_000_000  # ... or one of the team's, which takes 50 us to wake
RECENT = 0.2  # seconds: a program that shared heavy work of other kinds so long ago will again,
# and needs the cores on which OpenBLAS's threads would wait
FEW = 1 << 17  # elements of parts that are kept at once
ROW_MAJOR, AS_IT_IS, TRANSPOSED = 101, 111, 112


class Piece(NamedTuple):
    """out[i:j, left:right] of matrix m of a batch, from columns [first, last) of the input."""

    m: int
    i: int
    j: int
    left: int
    right: int
    first: int
    last: int


Steps = tuple[tuple[Piece, ...], ...]  # pieces at the same time, then the ones that add to them


def multiply(input: Array, other: Array, out: Array, parts: int) -> bool:
    """out = input other, for matrices or batches of them, if they are large enough to share.

    Sums are in so many parts. False: nothing was done; that depends on shape and dtype alone.
    """
    rows, inner, cols = *input.shape[-2:], other.shape[-1]
    count = len(input) if input.ndim == 3 else 1
    batches, work = blas.has_batches(out.dtype), count * rows * inner * cols
    if work < (SHARED if batches else WAKING):
        return False
    step = FINE if out.dtype is FLOAT32 and blas.direct else STEP
    found = plan(count, rows, inner, cols, parts, get_num_threads(), step)
    if found is None:
        return False
    steps, sums = found
    target = empty((sums, rows, cols), out.dtype) if sums > 1 else out
    input, other = as_blas_takes_it(input), as_blas_takes_it(other)
    kernel = by_blas if batches else by_numpy
    if batches and fast_gemm.multiply(input, other, target, steps, work):
        pass
    elif batches and blas.threads() > 1 and time.monotonic() - Team.used > RECENT:
        blas.woken = time.monotonic()
        kernel(input, other, target, steps)
    elif work < WAKING:
        alone(kernel, input, other, target, steps)
    else:
        alone(by_team, kernel, input, other, target, steps)
    if sums > 1:
        np.add.reduce(target, 0, out=out)
    return True


@functools.lru_cache(maxsize=512)
def plan(
    count: int, rows: int, inner: int, cols: int, parts: int, threads: int, step: int = STEP
) -> tuple[Steps, int] | None:
    """The pieces, and how many sums they make that are to be added; None: too small."""
    length = -(-inner // parts)
    spans = list(itertools.pairwise([*range(0, inner, length), inner]))
    least = spans[-1][1] - spans[-1][0]  # the last is the shortest
    if count > 1:
        if rows * cols * least <= DIRECT:
            return None
        places = [(m, 0, rows, 0, cols) for m in range(count)]
    else:
        n, across = max(rows, cols), min(rows, cols)
        most = n // max((DIRECT // (step * across * least) + 1) * step, LEAST)  # pieces
        if most < 2:
            if len(spans) == 1 or rows * cols * least <= DIRECT or parts * rows * cols > FEW:
                return None
            return side_by_side(rows, cols, spans)
        cuts = shares(n, min(most, threads), step)
        places = [(0, i, j, 0, cols) if n == rows else (0, 0, rows, i, j) for i, j in cuts]
    return tuple(tuple(Piece(*place, *span) for place in places) for span in spans), 1


def side_by_side(rows: int, cols: int, spans: list[tuple[int, int]]) -> tuple[Steps, int]:
    """Each part of the sums in memory of its own, or two neighbours, if there are pairs enough."""
    count = 1 if len(spans) < 4 or len(spans) % 2 else 2
    sums = len(spans) // count
    return tuple(
        tuple(Piece(k, 0, rows, 0, cols, *spans[count * k + step]) for k in range(sums))
        for step in range(count)
    ), sums


def shares(n: int, count: int, step: int) -> list[tuple[int, int]]:
    """[0, n) in so many parts, cut at multiples of `step`: the last is the longest, if any is."""
    ends = [n // step * k // count * step for k in range(count)]
    return list(itertools.pairwise([*ends, n]))


def as_blas_takes_it(x: Array) -> Array:
    """x, or a copy if neither its rows nor its columns are runs of memory that do not overlap."""
    rows, cols = x.shape[-2:]
    across, along = x.strides[-2:]
    if along == x.itemsize and across >= cols * along and across % along == 0:
        return x
    if across == x.itemsize and along >= rows * across and along % across == 0:
        return x
    return np.ascontiguousarray(x)


def by_team(kernel: Callable, input: Array, other: Array, out: Array, steps: Steps) -> None:
    """Each piece in a thread of the team's, and what is added to it; alone() around it."""

    def work(number: int) -> None:
        kernel(input, other, out, tuple((step[number],) for step in steps))

    team().run(work, [(number,) for number in range(len(steps[0]))], light=True)


def by_numpy(input: Array, other: Array, out: Array, steps: Steps) -> None:
    """Do the pieces, one after the other."""
    for step in steps:
        for m, i, j, left, right, first, last in step:
            a, b, c = (x[m] if x.ndim == 3 else x for x in (input, other, out))
            a, b, c = a[i:j, first:last], b[first:last, left:right], c[i:j, left:right]
            if step is steps[0]:
                np.matmul(a, b, out=c)
            else:
                np.add(c, np.matmul(a, b), out=c)


def by_blas(input: Array, other: Array, out: Array, steps: Steps) -> None:
    """Do the pieces, those of a step at the same time if OpenBLAS has more than one thread."""
    strides = input.strides, other.strides, out.strides
    addresses = address(input), address(other), address(out)
    for number, step in enumerate(steps):
        arguments = prepared(step, strides, out.itemsize, number > 0)
        blas.batches[out.dtype](*arguments(*addresses))


@functools.lru_cache(maxsize=512)
def prepared(step: tuple[Piece, ...], strides: tuple, itemsize: int, add: bool) -> Callable:
    """A function of three addresses that makes the arguments of gemm_batch; the rest is known."""
    count, real = len(step), "f" if itemsize == 4 else "d"

    def every(kind: str, value: float) -> bytes:
        return struct.pack(f"{count}{kind}", *[value] * count)

    a, b, c = strides
    (turn_a, lda), (turn_b, ldb), (_, ldc) = [layout(s, itemsize) for s in strides]
    pointers = struct.Struct(f"{count}q").pack
    starts = (
        [offset(a, p.m, p.i, p.first) for p in step],
        [offset(b, p.m, p.first, p.left) for p in step],
        [offset(c, p.m, p.i, p.left) for p in step],
    )
    turns = every("i", turn_a), every("i", turn_b)
    rows = pointers(*[p.j - p.i for p in step])
    cols = pointers(*[p.right - p.left for p in step])
    inner = pointers(*[p.last - p.first for p in step])
    one, factor = every(real, 1), every(real, add)
    lda, ldb, ldc, single = [every("q", n) for n in (lda, ldb, ldc, 1)]

    def arguments(*addresses: int) -> tuple:
        a, b, c = [
            pointers(*[address + start for start in each])
            for address, each in zip(addresses, starts, strict=True)
        ]
        sizes = rows, cols, inner
        return ROW_MAJOR, *turns, *sizes, one, a, lda, b, ldb, factor, c, ldc, count, single

    return arguments


def offset(strides: tuple, m: int, row: int, column: int) -> int:
    """In bytes, of an element of a matrix or of matrix m of a batch."""
    return sum(map(mul, strides, (m, row, column)[-len(strides) :]))


def layout(strides: tuple, itemsize: int) -> tuple[int, int]:
    """For BLAS: whether a matrix lies transposed, and the elements from one run to the next."""
    across, along = strides[-2:]
    if along == itemsize:
        return AS_IT_IS, across // itemsize
    return TRANSPOSED, along // itemsize
