"""The patches of images that a convolution meets, in memory that each thread uses again.

Forms of that memory are made once for each size: a job is then a few calls of NumPy, between which
threads seldom meet at the interpreter's lock.
"""

import functools
import itertools
import math
import threading
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided

from tritongrad.windows import Pair, geometry, pair

from . import blas
from .linalg import DIRECT, least_parts
from .pool import empty

BLOCK = 1 << 19  # elements of patches made at a time: with their products they stay in L2
PARTS = 4  # at least so many jobs, for as many threads; the sums of a weight's gradient
EACH = 8e6  # ... if each has so many floating point operations: short ones are in each other's way
ALIAS = 2048  # bytes: planes that are a multiple apart meet few sets of the first cache
FEW = 7  # rows of a product that are too few to be quicker
LINE = 16  # elements: arrays begin at a cache line
DESKS = 64  # forms that a thread keeps of its memory
KEPT = 1 << 20  # elements of memory that a thread keeps for the next convolution
CHANNELS = 8  # from here a pixel's channels are a run worth copying

Job = tuple[int, int, int, int]  # images from, to, and lines of the result from, to


class Plan(NamedTuple):
    """The sizes of a convolution, and its work cut into jobs whose patches are BLOCK elements."""

    size: Pair
    stride: Pair
    padding: Pair
    dilation: Pair
    shape: Pair  # of a plane
    kernel: Pair
    channels: int
    groups: int
    flop: float
    jobs: list[Job]
    elements: int  # that a job needs at most

    @property
    def depth(self) -> int:
        """Elements of a patch."""
        return self.channels * math.prod(self.kernel)

    @property
    def parts(self) -> list[slice]:
        """Those in which products with patches are added up."""
        step = -(-self.depth // least_parts(self.depth))
        return [slice(start, start + step) for start in range(0, self.depth, step)]


@functools.lru_cache(maxsize=256)
def plan_of(
    x_shape: tuple, w_shape: tuple, stride: Pair, padding: Pair, dilation: Pair, groups: int
) -> Plan:
    """The Plan of a convolution, made once for each combination of sizes."""
    windows = geometry("conv2d", x_shape, w_shape, stride, padding, dilation, groups)
    (batch, channels, *shape), (filters, depth, *kernel) = x_shape, w_shape
    height, width = windows[0]
    taps = math.prod(kernel)
    flop = 2.0 * batch * filters * height * width * depth * taps
    few = min(PARTS, int(flop // EACH)) or 1  # jobs that are worth it
    line = max(width * channels * taps, 1)
    count = -(-batch // max(BLOCK // (height * line), 1))
    images = max(-(-batch // max(-(-count // few) * few, 1)), 1)
    lines = height if images > 1 else min(max(BLOCK // line, 1), height)
    lines = -(-height // -(-height // lines))  # of a job, as even as may be
    jobs = [
        (n, min(n + images, batch), y, min(y + lines, height))
        for n in range(0, batch, images)
        for y in range(0, height, lines)
    ]
    padded = channels * math.prod(n + 2 * p for n, p in zip(shape, windows[2], strict=True))
    elements = images * (lines * (line + 2 * width * filters) + padded)
    sizes = pair(shape), pair(kernel), channels, groups
    return Plan(*windows, *sizes, flop, jobs, elements)


class Desk:
    """The memory that jobs of one size need, in its forms.

    `inside`   where the images go in padded ones, as (images, channels, height, width)
    `source`   every patch where it lies in the padded images
    `copy`     the same where they are copied; `patches`: as (positions, depth)
    `parts`    the same for products: for each part of the depth (products, rows, elements)
    `made`     two results of those: (products, rows, filters); `result`: as `inside`
    """

    def __init__(self, plan: Plan, filters: int, job: Job, take: Callable) -> None:
        first, last, top, bottom = job
        (height, width), (above, left) = plan.shape, plan.padding
        frame = last - first, height + 2 * above, width + 2 * left, plan.channels
        shape = (last - first, bottom - top, plan.size[1], *plan.kernel, plan.channels)
        positions = math.prod(shape[:3])
        padded, copy, made = take(math.prod(frame), math.prod(shape), 2 * positions * filters)
        self.plan = plan  # known by its id
        self.padded, self.copy = padded.reshape(frame), copy.reshape(shape)
        inside = self.padded[:, above : above + height, left : left + width]
        self.inside = inside.transpose(0, 3, 1, 2)
        image, line, pixel, one = self.padded.strides
        steps = line * plan.stride[0], pixel * plan.stride[1]
        strides = (image, *steps, line * plan.dilation[0], pixel * plan.dilation[1], one)
        self.source = as_strided(self.padded[:, top * plan.stride[0] :], shape, strides)
        self.patches = self.copy.reshape(positions, plan.depth)
        rows = few(positions, plan.parts[0].stop, filters)
        products = self.patches.reshape(-1, rows, plan.depth)
        self.parts = [products[..., part] for part in plan.parts]
        self.made = made.reshape(2, len(products), rows, filters)
        self.result = self.made[0].reshape(*shape[:3], filters).transpose(0, 3, 1, 2)


class Room:
    """A thread's memory for one job after the other, and its forms."""

    def __init__(self) -> None:
        self.memory = np.empty(0, np.uint8)
        self.desks: dict[tuple, Desk] = {}
        self.frame: tuple = ()  # whose padding is in memory
        self.images: tuple = ()  # which images are

    def take(self, dtype: np.dtype, *counts: int) -> list[np.ndarray]:
        """Arrays of so many elements."""
        starts = list(itertools.accumulate((-(-n // LINE) * LINE for n in counts), initial=0))
        size = starts[-1] * dtype.itemsize
        if self.memory.size < size:
            self.memory = empty((size,), self.memory.dtype)
            self.forget()
        memory = self.memory[:size].view(dtype)
        return [memory[start : start + n] for start, n in zip(starts, counts, strict=False)]

    def forget(self) -> None:
        """The forms, and with them plans, whose ids others may get."""
        self.desks.clear()
        self.frame = ()

    def desk(self, work: Any, job: Job) -> Desk:
        """A desk with the patches of a job on it."""
        first, last, *lines = job
        frame = id(work.plan), work.dtype, last - first
        key = (*frame, work.filters, *lines)
        desk = self.desks.get(key)
        if desk is None:
            if len(self.desks) >= DESKS:
                self.forget()
            take = functools.partial(self.take, work.dtype)
            desk = self.desks[key] = Desk(work.plan, work.filters, job, take)
        if self.frame != frame:
            self.frame, self.images = frame, ()
            desk.padded.fill(0)
        if self.images != (work.number, first):
            self.images = work.number, first
            desk.inside[...] = apart(work.x[first:last])
        np.copyto(desk.copy, desk.source)
        return desk


class Own(threading.local):
    """What each thread has of its own."""

    def __init__(self) -> None:
        self.room = Room()


own = Own()


class Work:
    """Something to be done with the patches of x, job by job, by any threads.

    `filters`: of the products of patches whose results a job has room for.
    """

    def __init__(self, x: np.ndarray, plan: Plan, filters: int) -> None:
        self.x, self.plan, self.filters = x, plan, filters
        self.dtype = wide_dtype(x.dtype)
        self.number = next(numbers)
        self.rooms: dict[int, Room] = {}

    def desk(self, job: Job) -> Desk:
        """A desk of this thread with the patches of a job on it."""
        room = own.room
        if self.plan.elements > KEPT:
            room = self.rooms.setdefault(threading.get_ident(), Room())
        return room.desk(self, job)


numbers = itertools.count()


def few(rows: int, inner: int, cols: int) -> int:
    """How many rows of a product BLAS should get at a time: all, or so few that it is quicker."""
    most = min(DIRECT // max(inner * cols, 1), rows) if blas.blas.direct else 0
    return next((n for n in range(most, FEW, -1) if rows % n == 0), rows)


def apart(x: np.ndarray) -> np.ndarray:
    """x, or a copy whose planes lie so that reading one pixel of each does not empty the cache."""
    count, channels, height, width = x.shape
    if x.strides[1] % ALIAS or channels < CHANNELS:
        return x
    whole = height * width
    rows = empty((count, channels, whole + 64 // x.itemsize), x.dtype)[:, :, :whole]
    planes = rows.reshape(x.shape)
    np.copyto(planes, x)
    return planes


def wide_dtype(dtype: np.dtype) -> np.dtype:
    """Halves are multiplied and summed in float32."""
    return np.dtype(np.float32) if dtype.itemsize == 2 and dtype.kind not in "iu" else dtype


def wide(x):
    return x.astype(wide_dtype(x.dtype), copy=False)
