"""Convolution of images on NumPy with the channels of a pixel side by side.

A line of the kernel then meets one run of memory, patches take one copy and no padding, and BLAS
multiplies a few pixels at a time: below a size OpenBLAS does not copy its operands first.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from . import blas
from .linalg import DIRECT
from .patches import PARTS, Job, Plan, Work
from .pool import empty
from .team import team

SPLIT = 4e6  # floating point operations from which a second thread pays for its wake-up
RUN = 128  # pixels that are turned at a time: their lines of memory stay there
LONG = 32  # positions of an image that are enough for a product of its own


def turn(source: np.ndarray, target: np.ndarray) -> None:
    """target[...] = source, some lines at a time."""
    step = max(RUN // source.shape[3], 1)
    for line in range(0, source.shape[2], step):
        target[:, :, line : line + step] = source[:, :, line : line + step]


class Forward(Work):
    """out[n, o, y, z] = sum over c, r, s of x[n, c, y * stride - padding + r * dilation, ..] w"""

    def __init__(self, x: np.ndarray, w: np.ndarray, plan: Plan) -> None:
        super().__init__(x, plan, len(w))
        self.out = empty((len(x), len(w), *plan.size), x.dtype)
        weight = np.ascontiguousarray(w.transpose(2, 3, 1, 0), self.dtype)
        weight = weight.reshape(plan.depth, len(w))
        self.weights = [weight[part] for part in plan.parts]

    def jobs(self) -> list[tuple]:
        """What is to be done, in any order: a function and its arguments."""
        return [(self.do, job) for job in self.plan.jobs]

    def do(self, job: Job) -> None:
        desk = self.desk(job)
        (made, more), (part, *parts) = desk.made, desk.parts
        np.matmul(part, self.weights[0], out=made)
        for part, weight in zip(parts, self.weights[1:], strict=True):
            np.add(made, np.matmul(part, weight, out=more), out=made)
        first, last, top, bottom = job
        turn(desk.result, self.out[first:last, :, top:bottom])

    def result(self) -> np.ndarray:
        """The sums, when all jobs are done."""
        return self.out


class Weight(Work):
    """The gradient of conv2d's weight, for the gradient g of its result: sums of several jobs."""

    def __init__(self, g: np.ndarray, x: np.ndarray, w_shape: tuple, plan: Plan) -> None:
        super().__init__(x, plan, 0)
        self.g = g
        parts = min(PARTS, len(plan.jobs))
        self.totals = np.zeros((parts, w_shape[0], plan.depth), self.dtype)

    def jobs(self) -> list[tuple]:
        """What is to be done, in any order: a function and its arguments."""
        n, parts = len(self.plan.jobs), len(self.totals)
        return [(self.do, k, n * k // parts, n * (k + 1) // parts) for k in range(parts)]

    def do(self, k: int, start: int, stop: int) -> None:
        for job in self.plan.jobs[start:stop]:
            outer(self.g, self.desk(job).patches, job, self.totals[k])

    def result(self) -> np.ndarray:
        """The gradient, when all jobs are done."""
        plan, total = self.plan, np.add.reduce(self.totals, 0)
        total = total.reshape(-1, *plan.kernel, plan.channels).transpose(0, 3, 1, 2)
        return total.astype(self.x.dtype, order="C", copy=False)


def outer(g: np.ndarray, patches: np.ndarray, job: Job, total: np.ndarray) -> None:
    """total += the sum over a job's positions of its part of g times their patches."""
    first, last, top, bottom = job
    part = g[first:last, :, top:bottom]
    count, filters, lines, width = part.shape
    long, small = lines * width >= LONG, filters * lines * width * patches.shape[1] <= DIRECT
    if long and small and lines == g.shape[2]:
        images = part.astype(patches.dtype, copy=False).reshape(count, filters, -1)
        products = empty((count, filters, patches.shape[1]), patches.dtype)
        np.matmul(images, patches.reshape(count, lines * width, -1), out=products)
        total += np.add.reduce(products, 0)
        return
    rows = empty((filters, count, lines, width), patches.dtype)
    rows[...] = part.transpose(1, 0, 2, 3)
    total += np.dot(rows.reshape(filters, -1), patches)


def share_jobs(jobs: list[tuple], flop: float) -> None:
    """function(*arguments) for each of the jobs, by the team; BLAS has one thread in each."""
    if flop < SPLIT or len(jobs) < 2:
        blas.alone(all_of, jobs)
    else:
        blas.alone(team().run, call, jobs)


def all_of(jobs: list[tuple]) -> None:
    for function, *arguments in jobs:
        function(*arguments)


def call(function: Callable, *arguments: Any) -> None:
    function(*arguments)
