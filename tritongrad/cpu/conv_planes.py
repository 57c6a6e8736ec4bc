"""Convolution of images on NumPy with patches in the order of planes: few channels, or groups.

The products of a weight with an image's patches are then its result as it lies, and the pixels of
a kernel of one need no copy at all.
"""

import math

import numpy as np
from numpy.lib.stride_tricks import as_strided

from tritongrad.windows import Pair

from .linalg import parts_of, product
from .patches import PARTS, Job, Plan, wide_dtype
from .pool import empty

LONG = 32  # positions of an image that are enough for a product of its own


def whole(w_shape: tuple, stride: Pair, padding: Pair) -> bool:
    """Whether patches are the images themselves."""
    return (*w_shape[2:], *stride, *padding) == (1, 1, 1, 1, 0, 0)


class Planes:
    """Patches of x, for a convolution whose weight has a shape.

    `together`: those of several images lie side by side, as those of one would.
    """

    def __init__(self, x: np.ndarray, w_shape: tuple, plan: Plan, together: bool) -> None:
        filters, *depth = w_shape
        self.x, self.plan, self.w_shape, self.together = x, plan, w_shape, together
        self.dtype = wide_dtype(x.dtype)
        self.sizes = plan.groups, filters // plan.groups, math.prod(depth)

    def patches(self, job: Job) -> np.ndarray:
        """Those of a job as (images, groups, depth, positions), for one image if together."""
        first, last, top, bottom = job
        plan, (groups, _, depth) = self.plan, self.sizes
        lines, width = bottom - top, plan.size[1]
        if whole(self.w_shape, plan.stride, plan.padding) and not self.together:
            x = self.x[first:last, :, top:bottom].astype(self.dtype, copy=False)
            return x.reshape(last - first, groups, depth, lines * width)
        x = self.framed(job)
        image, channel, line, pixel = x.strides
        shape = x.shape[1], *plan.kernel, lines, width
        strides = (channel, line * plan.dilation[0], pixel * plan.dilation[1],
                   line * plan.stride[0], pixel * plan.stride[1])  # fmt: skip
        source = as_strided(x, (len(x), *shape), (image, *strides))
        if self.together:
            source = np.moveaxis(source, 0, 3)
        copy = empty(source.shape, self.dtype)
        np.copyto(copy, source)
        images = 1 if self.together else len(x)
        return copy.reshape(images, groups, depth, len(x) // images * lines * width)

    def framed(self, job: Job) -> np.ndarray:
        """The lines of x that a job meets, with their padding."""
        first, last, top, bottom = job
        plan, (above, left) = self.plan, self.plan.padding
        top = top * plan.stride[0] - above
        bottom = (bottom - 1) * plan.stride[0] + (plan.kernel[0] - 1) * plan.dilation[0] + 1 - above
        x = self.x[first:last, :, max(top, 0) : max(bottom, 0)]
        if not (above or left):
            return x
        framed = empty((*x.shape[:2], bottom - top, plan.shape[1] + 2 * left), self.dtype)
        framed.fill(0)
        start = max(-top, 0)
        framed[:, :, start : start + x.shape[2], left : left + x.shape[3]] = x
        return framed

    def part(self, t: np.ndarray, job: Job) -> np.ndarray:
        """What a job is about of (n, filters, ..), as (images, groups, filters, positions)."""
        first, last, top, bottom = job
        line = self.plan.size[1]
        rows = t.reshape(len(t), *self.sizes[:2], math.prod(self.plan.size))
        return rows[first:last, ..., top * line : bottom * line]


class Forward(Planes):
    """out[n, o, y, z] = sum over c, r, s of x[n, c, y * stride - padding + r * dilation, ..] w"""

    def __init__(self, x: np.ndarray, w: np.ndarray, plan: Plan) -> None:
        super().__init__(x, w.shape, plan, math.prod(plan.size) < LONG)
        self.weight = w.reshape(self.sizes).astype(self.dtype, copy=False)
        self.out = empty((len(x), len(w), *plan.size), self.dtype)

    def jobs(self) -> list[tuple]:
        """What is to be done, in any order: a function and its arguments."""
        return [(self.do, job) for job in self.plan.jobs]

    def do(self, job: Job) -> None:
        patches, out = self.patches(job), self.part(self.out, job)
        groups, filters, depth = self.sizes
        positions = patches.shape[3]
        made = empty((1, groups, filters, positions), self.dtype) if self.together else out
        product(self.weight, patches, made, parts_of(filters, depth, positions, self.dtype))
        if self.together:
            out[...] = made.reshape(groups, filters, len(out), out.shape[3]).transpose(2, 0, 1, 3)

    def result(self) -> np.ndarray:
        """The sums, when all jobs are done."""
        return self.out.astype(self.x.dtype, copy=False)


class Weight(Planes):
    """The gradient of conv2d's weight, for the gradient g of its result: sums of several jobs."""

    def __init__(self, g: np.ndarray, x: np.ndarray, w_shape: tuple, plan: Plan) -> None:
        super().__init__(x, w_shape, plan, math.prod(plan.size) < 2 * math.prod(w_shape[1:]))
        self.g = np.ascontiguousarray(g, self.dtype)
        self.totals = np.zeros((min(PARTS, len(plan.jobs)), *self.sizes), self.dtype)

    def jobs(self) -> list[tuple]:
        """What is to be done, in any order: a function and its arguments."""
        n, parts = len(self.plan.jobs), len(self.totals)
        return [(self.do, k, n * k // parts, n * (k + 1) // parts) for k in range(parts)]

    def do(self, k: int, start: int, stop: int) -> None:
        for job in self.plan.jobs[start:stop]:
            patches, grads = self.patches(job), self.part(self.g, job)
            if self.together:
                grads = grads.transpose(1, 2, 0, 3).reshape(1, *self.sizes[:2], patches.shape[3])
            made = empty((len(patches), *self.sizes), self.dtype)
            _, filters, depth = self.sizes
            product(grads, patches.mT, made, parts_of(filters, patches.shape[3], depth, self.dtype))
            self.totals[k] += np.add.reduce(made, 0)

    def result(self) -> np.ndarray:
        """The gradient, when all jobs are done."""
        total = np.add.reduce(self.totals, 0).reshape(self.w_shape)
        return total.astype(self.x.dtype, copy=False)
