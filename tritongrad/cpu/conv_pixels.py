"""Convolution of images on NumPy with the channels of a pixel side by side.

A line of the kernel then meets one run of memory, patches take one copy and no padding, and BLAS
multiplies a few pixels at a time: below a size OpenBLAS does not copy its operands first.
"""

import functools
import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from tritongrad.windows import Pair, geometry, pair

from . import blas
from .linalg import DIRECT, least_parts, multiply_by_rows, one_by_one
from .pool import empty
from .team import cuts, team

BLOCK = 1 << 19  # elements of patches made at a time: with their products they stay in L2
SPLIT = 4e6  # floating point operations from which a second thread pays for its wake-up
PARTS = 4  # at least so many jobs, for as many threads; the sums of a weight's gradient
ALIAS = 2048  # bytes: planes that are a multiple apart meet few sets of the first cache
RUN = 128  # pixels that are turned at a time: their lines of memory stay there
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
    flop: float
    jobs: list[Job]

    @property
    def depth(self) -> int:
        """Elements of a patch."""
        return self.channels * math.prod(self.kernel)


@functools.lru_cache(maxsize=256)
def plan_of(x_shape: tuple, w_shape: tuple, stride: Pair, padding: Pair, dilation: Pair) -> Plan:
    """The Plan of a convolution without groups, made once for each combination of sizes."""
    windows = geometry("conv2d", x_shape, w_shape, stride, padding, dilation, 1)
    (batch, channels, *shape), (filters, _, *kernel) = x_shape, w_shape
    height, width = windows[0]
    line = width * channels * math.prod(kernel)
    count = -(-batch // max(BLOCK // (height * line), 1))
    images = -(-batch // (-(-count // PARTS) * PARTS))
    lines = height if images > 1 else min(max(BLOCK // line, 1), height)
    lines = -(-height // -(-height // lines))  # of a job, as even as may be
    jobs = [
        (n, min(n + images, batch), y, min(y + lines, height))
        for n in range(0, batch, images)
        for y in range(0, height, lines)
    ]
    flop = 2.0 * batch * filters * height * line
    return Plan(*windows, pair(shape), pair(kernel), channels, flop, jobs)


class Patches:
    """Memory for padded images and for the patches of one job, used again by the next."""

    def __init__(self, plan: Plan, x: np.ndarray) -> None:
        self.plan, self.x = plan, x
        dtype = wide_dtype(x.dtype)
        images = max(last - first for first, last, _, _ in plan.jobs)
        lines = max(bottom - top for _, _, top, bottom in plan.jobs)
        padded = [n + 2 * p for n, p in zip(plan.shape, plan.padding, strict=True)]
        self.padded = np.zeros((images, *padded, plan.channels), dtype)
        self.memory = empty((images * lines * plan.size[1] * plan.depth,), dtype)
        self.first = -1

    def of(self, job: Job) -> np.ndarray:
        """The patches (positions, depth) of a job: for each line and column of the kernel a pixel's
        channels."""
        plan, (first, last, top, bottom) = self.plan, job
        if first != self.first:
            self.first = first
            (height, width), (above, left) = plan.shape, plan.padding
            inside = self.padded[: last - first, above : above + height, left : left + width]
            inside[...] = apart(self.x[first:last]).transpose(0, 2, 3, 1)
        image, line, pixel, one = self.padded.strides
        steps = [line * plan.stride[0], pixel * plan.stride[1]]
        taps = [line * plan.dilation[0], pixel * plan.dilation[1]]
        shape = (last - first, bottom - top, plan.size[1], *plan.kernel, plan.channels)
        source = np.ndarray(
            shape, self.padded.dtype, self.padded, top * steps[0], (image, *steps, *taps, one)
        )
        patches = self.memory[: source.size].reshape(shape)
        np.copyto(patches, source)
        return patches.reshape(-1, plan.depth)


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


def turn(source: np.ndarray, target: np.ndarray) -> None:
    """target[...] = source, some lines at a time."""
    step = max(RUN // source.shape[3], 1)
    for line in range(0, source.shape[2], step):
        target[:, :, line : line + step] = source[:, :, line : line + step]


def conv2d(x: np.ndarray, w: np.ndarray, stride: Pair, padding: Pair, dilation: Pair) -> np.ndarray:
    """out[n, o, y, z] = sum over c, r, s of x[n, c, y * stride - padding + r * dilation, ..] w"""
    plan = plan_of(x.shape, w.shape, stride, padding, dilation)
    filters = len(w)
    out = empty((len(x), filters, *plan.size), x.dtype)
    weight = np.ascontiguousarray(w.transpose(2, 3, 1, 0), wide_dtype(w.dtype))
    weight = weight.reshape(plan.depth, filters)

    def work(start: int, stop: int) -> None:
        patches = Patches(plan, x)
        for job in plan.jobs[start:stop]:
            first, last, top, bottom = job
            made = multiply(patches.of(job), weight)
            made = made.reshape(last - first, bottom - top, plan.size[1], filters)
            turn(made.transpose(0, 3, 1, 2), out[first:last, :, top:bottom])

    share(work, len(plan.jobs), plan.flop)
    return out


def conv2d_grad_weight(
    g: np.ndarray, x: np.ndarray, w_shape: tuple, stride: Pair, padding: Pair, dilation: Pair
) -> np.ndarray:
    """The gradient of conv2d's weight, for the gradient g of its result."""
    plan = plan_of(x.shape, w_shape, stride, padding, dilation)
    filters, jobs = w_shape[0], plan.jobs
    parts = min(PARTS, len(jobs))
    totals = np.zeros((parts, filters, plan.depth), wide_dtype(x.dtype))

    def work(start: int, stop: int) -> None:
        patches = Patches(plan, x)
        for part in range(start, stop):
            for job in jobs[len(jobs) * part // parts : len(jobs) * (part + 1) // parts]:
                totals[part] += _outer(g, patches.of(job), job)

    share(work, parts, plan.flop)
    total = np.add.reduce(totals, 0).reshape(filters, *plan.kernel, plan.channels)
    return total.transpose(0, 3, 1, 2).astype(x.dtype, order="C", copy=False)


def _outer(g: np.ndarray, patches: np.ndarray, job: Job) -> np.ndarray:
    """The sum over a job's positions of its part of g times their patches: (filters, depth)."""
    first, last, top, bottom = job
    part = g[first:last, :, top:bottom]
    count, filters, lines, width = part.shape
    if filters * lines * width * patches.shape[1] <= DIRECT and lines == g.shape[2]:
        images = part.astype(patches.dtype, copy=False).reshape(count, filters, -1)
        return np.add.reduce(np.matmul(images, patches.reshape(count, lines * width, -1)), 0)
    rows = empty((filters, count, lines, width), patches.dtype)
    rows[...] = part.transpose(1, 0, 2, 3)
    return np.dot(rows.reshape(filters, -1), patches)


def multiply(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The product of two matrices, the first of many rows, in memory that was used before."""
    out = empty((len(a), b.shape[1]), a.dtype)
    step = -(-len(b) // least_parts(len(b)))
    return one_by_one(multiply_by_rows, a, b, out, step)


def share(work: Callable, count: int, flop: float) -> None:
    """work(start, stop) over [0, count) by the team; BLAS has one thread in each."""
    if flop < SPLIT or count < 2:
        blas.alone(work, 0, count)
    else:
        blas.alone(team().run, work, cuts(count, 1))


def wide_dtype(dtype: np.dtype) -> np.dtype:
    """Halves are multiplied and summed in float32."""
    return np.dtype(np.float32) if dtype.itemsize == 2 and dtype.kind not in "iu" else dtype
