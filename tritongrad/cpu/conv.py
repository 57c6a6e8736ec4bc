"""Convolution of images (batch, channels, height, width) on NumPy.

Few channels, or groups of them: a plane is spread into a row with its padding, so that each tap of
the kernel meets the whole output at one distance. Patches are long runs of it, copied a block at a
time, and BLAS does the rest. Many channels: conv_pixels.
"""

import functools
import math
from typing import Any, NamedTuple

import numpy as np

from tritongrad.windows import Pair, geometry, pair

from . import conv_pixels
from .conv_pixels import share
from .linalg import parts_of, product
from .patches import CHANNELS, Job, wide_dtype
from .pool import empty

BLOCK = 1 << 18  # elements of patches made at a time: with their products they stay in L2
CHUNKS = 4  # parts in which a weight's gradient is summed, whatever the number of threads


class Spread(NamedTuple):
    """Where a padded plane lies in a row of `length`: phase by phase of the stride, line by line.

    The output's position (y, z) meets tap t at offsets[t] + y * line + z.
    """

    size: Pair
    stride: Pair
    padding: Pair
    phases: list[tuple]
    lines: int
    line: int
    offsets: list[int]
    length: int

    def frame(self, rows: np.ndarray) -> np.ndarray:
        """Rows as (..., phases down, phases across, lines, columns)."""
        phases = (*self.stride, self.lines, self.line)
        return rows[..., : math.prod(phases)].reshape(*rows.shape[:-1], *phases)

    def fill(self, rows: np.ndarray, planes: np.ndarray) -> None:
        """Write planes into rows whose padding is zero already."""
        frame = self.frame(rows)
        for inside, outside in self.phases:
            frame[inside] = planes[outside]

    def read(self, planes: np.ndarray, rows: np.ndarray) -> None:
        """Write rows back into planes, without their padding."""
        frame = self.frame(rows)
        for inside, outside in self.phases:
            planes[outside] = frame[inside]


def phases(shape: Pair, stride: Pair, padding: Pair) -> list[tuple]:
    """For each phase of the stride: where it lies in a frame, and where in the planes."""
    found = []
    for a in range(stride[0]):
        for b in range(stride[1]):
            inside, outside = [], []
            for phase, step, pad, n in zip((a, b), stride, padding, shape, strict=True):
                first = (phase - pad) % step
                start = (first + pad) // step
                inside.append(slice(start, start + len(range(first, n, step))))
                outside.append(slice(first, n, step))
            found.append(((..., a, b, *inside), (..., *outside)))
    return found


class Plan:
    """The sizes of a convolution, and its work cut into jobs whose patches are BLOCK elements."""

    def __init__(self, op, x_shape, w_shape, stride, padding, dilation, groups) -> None:
        size, stride, padding, dilation = geometry(
            op, x_shape, w_shape, stride, padding, dilation, groups
        )
        (batch, _, *shape), (filters, self.depth, *kernel) = x_shape, w_shape
        lines, line = (-(-(n + 2 * p) // s) for n, p, s in zip(shape, padding, stride, strict=True))
        steps = [[k * d for k in range(n)] for n, d in zip(kernel, dilation, strict=True)]
        offsets = [
            ((r % stride[0]) * stride[1] + s % stride[1]) * lines * line
            + (r // stride[0]) * line
            + s // stride[1]
            for r in steps[0]
            for s in steps[1]
        ]
        length = math.prod(stride) * lines * line + line
        places = phases(pair(shape), stride, padding)
        self.spread = Spread(size, stride, padding, places, lines, line, offsets, length)
        self.groups, self.filters = groups, filters // max(groups, 1)
        self.taps = len(offsets)
        self.flop = 2.0 * batch * filters * math.prod(size) * self.taps * self.depth
        self.rows = (groups, self.taps * self.depth)
        self._cut(batch, size[0])

    def _cut(self, batch: int, height: int) -> None:
        lines = max(BLOCK // max(math.prod(self.rows) * self.spread.line, 1), 1)
        self.images = min(max(lines // height, 1), max(batch, 1))
        self.height = -(-height // -(-height // lines))  # lines of a job, as even as may be
        self.jobs: list[Job] = [
            (n, min(n + self.images, batch), y, min(y + self.height, height))
            for n in range(0, batch, self.images)
            for y in range(0, height, self.height)
        ]

    def by_group(self, t: np.ndarray, job: Job) -> np.ndarray:
        """The part of (n, o, h, w) that a job is about: (groups, filters, images, lines, w)."""
        first, last, top, bottom = job
        part = t[first:last].reshape(last - first, self.groups, self.filters, *t.shape[2:])
        return part[:, :, :, top:bottom].transpose(1, 2, 0, 3, 4)

    def lined(self, job: Job) -> tuple:
        """(images, lines, columns with those that are cut off) of a job's result."""
        return job[1] - job[0], job[3] - job[2], self.spread.line

    def runs(self, rows: np.ndarray, job: Job) -> list[np.ndarray]:
        """For each tap what a job meets of rows: (groups, depth, images, columns)."""
        images, lines, line = self.lined(job)
        whole = rows[:images].reshape(images, self.groups, self.depth, -1).transpose(1, 2, 0, 3)
        start = job[2] * line
        return [whole[..., at + start : at + start + lines * line] for at in self.spread.offsets]


@functools.lru_cache(maxsize=256)
def plan_of(op, x_shape, w_shape, stride, padding, dilation, groups) -> Plan:
    """The Plan of a convolution, made once for each combination of sizes."""
    return Plan(op, x_shape, w_shape, stride, padding, dilation, groups)


class Patches:
    """Memory for spread planes and for the patches of one job, used again by the next."""

    def __init__(self, plan: Plan, x: np.ndarray) -> None:
        self.plan, self.x = plan, x
        dtype = wide_dtype(x.dtype)
        self.spread = empty((plan.images, x.shape[1], plan.spread.length), dtype)
        self.spread.fill(0)
        most = plan.images * plan.height * plan.spread.line
        self.memory = empty((math.prod(plan.rows) * most,), dtype)
        self.first = -1
        self.copies: dict[tuple, tuple] = {}

    def of(self, job: Job) -> np.ndarray:
        """The patches (groups, taps * depth, positions) of a job."""
        plan = self.plan
        images, lines, line = plan.lined(job)
        if job[0] != self.first:
            self.first = job[0]
            plan.spread.fill(self.spread[:images], self.x[job[0] : job[1]])
        found = self.copies.get((images, *job[2:]))
        if found is None:
            shape = (plan.groups, plan.taps, plan.depth, images, lines * line)
            patches = self.memory[: math.prod(shape)].reshape(shape)
            pairs = [(patches[:, t], run) for t, run in enumerate(plan.runs(self.spread, job))]
            found = patches.reshape(*plan.rows, -1), pairs
            self.copies[(images, *job[2:])] = found
        for patch, run in found[1]:
            np.copyto(patch, run)
        return found[0]


class Rows:
    """Memory for the part of a result's gradient that a job is about, in lines as patches have."""

    def __init__(self, plan: Plan, g: np.ndarray) -> None:
        self.plan, self.g = plan, g
        most = plan.images * plan.height * plan.spread.line
        self.memory = empty((plan.groups * plan.filters * most,), wide_dtype(g.dtype))

    def of(self, job: Job) -> np.ndarray:
        """(groups, filters, positions), 0 where a line is longer than the result's."""
        shape = self.plan.groups, self.plan.filters, *self.plan.lined(job)
        rows = self.memory[: math.prod(shape)].reshape(shape)
        width = self.g.shape[3]
        rows[..., :width] = self.plan.by_group(self.g, job)
        rows[..., width:] = 0
        return rows.reshape(*shape[:2], -1)


def conv2d(x, w, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups=1):
    """out[n, o, h, ..] = sum over c, r, s of x[n, c, h * stride - padding + r * dilation, ..] w"""
    plan = plan_of("conv2d", x.shape, w.shape, stride, padding, dilation, groups)
    if not plan.flop:
        return np.zeros((len(x), w.shape[0], *plan.spread.size), x.dtype)
    if groups == 1 and x.shape[1] >= CHANNELS:
        return conv_pixels.conv2d(x, w, pair(stride), pair(padding), pair(dilation))
    out = empty((len(x), w.shape[0], *plan.spread.size), x.dtype)
    weight = by_taps(w, groups)

    def work(start: int, stop: int) -> None:
        patches = Patches(plan, x)
        for job in plan.jobs[start:stop]:
            made = multiply(weight, patches.of(job))
            made = made.reshape(groups, plan.filters, *plan.lined(job))
            plan.by_group(out, job)[...] = made[..., : out.shape[3]]

    share(work, len(plan.jobs), plan.flop)
    return out


def conv2d_grad_weight(g, x, w_shape, stride=1, padding=0, dilation=1, groups=1):
    """The gradient of conv2d's weight, for the gradient g of its result."""
    plan = plan_of("conv2d", x.shape, tuple(w_shape), stride, padding, dilation, groups)
    if not plan.flop:
        return np.zeros(w_shape, x.dtype)
    if groups == 1:
        steps = pair(stride), pair(padding), pair(dilation)
        return conv_pixels.conv2d_grad_weight(g, x, tuple(w_shape), *steps)
    jobs = len(plan.jobs)
    chunks = max(min(CHUNKS, jobs), 1)
    totals = np.zeros((chunks, *plan.rows, plan.filters), wide_dtype(x.dtype))

    def work(start: int, stop: int) -> None:
        patches, rows = Patches(plan, x), Rows(plan, g)
        for chunk in range(start, stop):
            for job in plan.jobs[jobs * chunk // chunks : jobs * (chunk + 1) // chunks]:
                totals[chunk] += multiply(patches.of(job), rows.of(job).mT)

    share(work, chunks, plan.flop)
    total = np.add.reduce(totals, 0).reshape(groups, plan.taps, plan.depth, plan.filters)
    return total.transpose(0, 3, 2, 1).reshape(w_shape).astype(x.dtype, order="C", copy=False)


def conv2d_grad_input(g, w, x_shape, stride=1, padding=0, dilation=1, groups=1):
    """The gradient of conv2d's input: every patch's gradient added where the patch was cut out."""
    plan = plan_of("conv2d", tuple(x_shape), w.shape, stride, padding, dilation, groups)
    if not plan.flop:
        return np.zeros(x_shape, g.dtype)
    reach = turning(plan, w, pair(dilation))
    if reach is not None:
        return conv2d(g, turned(w, groups), 1, reach, dilation, groups)
    out = empty(x_shape, g.dtype)
    weight = np.ascontiguousarray(by_taps(w, groups).mT)
    batches = -(-x_shape[0] // plan.images)
    each = len(plan.jobs) // max(batches, 1)

    def work(start: int, stop: int) -> None:
        rows = Rows(plan, g)
        spread = empty((plan.images, x_shape[1], plan.spread.length), weight.dtype)
        for batch in range(start, stop):
            spread.fill(0)
            for job in plan.jobs[each * batch : each * (batch + 1)]:
                grads = multiply(weight, rows.of(job))
                grads = grads.reshape(groups, plan.taps, plan.depth, job[1] - job[0], -1)
                for t, run in enumerate(plan.runs(spread, job)):
                    run += grads[:, t]
            planes = out[batch * plan.images : (batch + 1) * plan.images]
            plan.spread.read(planes, spread[: len(planes)])

    share(work, batches, plan.flop)
    return out


def conv2d_gradients(g, x, w, stride=1, padding=0, dilation=1, groups=1):
    """The gradients of conv2d's input and weight, shared among threads as one piece of work."""
    plan = plan_of("conv2d", x.shape, w.shape, stride, padding, dilation, groups)
    reach = turning(plan, w, pair(dilation))
    if reach is None or groups > 1 or len(w) < CHANNELS or not plan.flop:
        steps = stride, padding, dilation, groups
        return conv2d_grad_input(g, w, x.shape, *steps), conv2d_grad_weight(g, x, w.shape, *steps)
    one, dilation = (1, 1), pair(dilation)
    of_input = conv_pixels.Forward(g, turned(w, 1), one, reach, dilation)
    of_weight = conv_pixels.Weight(g, x, w.shape, one, pair(padding), dilation)
    return conv_pixels.both_gradients(of_input, of_weight)


def turning(plan: Plan, w: np.ndarray, dilation: Pair) -> Pair | None:
    """The padding with which g, convolved with the kernel turned round, is the gradient of the
    input; None where that is not so simple."""
    reach = [
        d * (k - 1) - p for d, k, p in zip(dilation, w.shape[2:], plan.spread.padding, strict=True)
    ]
    return pair(reach) if plan.spread.stride == (1, 1) and min(reach) >= 0 else None


def turned(w: np.ndarray, groups: int) -> np.ndarray:
    """The kernel turned round, its filters and channels exchanged."""
    whole = w.reshape(groups, len(w) // groups, *w.shape[1:]).swapaxes(1, 2)[..., ::-1, ::-1]
    return whole.reshape(-1, len(w) // groups, *w.shape[2:])


def multiply(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The products of matrices, in memory that was used before."""
    rows, inner, cols = *a.shape[1:], b.shape[2]
    out = empty((len(a), rows, cols), a.dtype)
    return product(a, b, out, parts_of(rows, inner, cols, a.dtype))


def wide(x):
    return x.astype(wide_dtype(x.dtype), copy=False)


def by_taps(w: np.ndarray, groups: int) -> np.ndarray:
    """The weight as (groups, filters, taps * channels)."""
    whole = wide(w).reshape(groups, len(w) // groups, w.shape[1], math.prod(w.shape[2:]))
    return whole.swapaxes(2, 3).reshape(*whole.shape[:2], -1)
