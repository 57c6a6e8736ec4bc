"""The gradient of a convolution's input where windows are more than a pixel apart, on NumPy.

Every patch's gradient is added where the patch was cut out. A plane lies in a row with its padding,
phase by phase of the stride, so that each tap of the kernel meets the whole result at one distance.
"""

import functools
import itertools
import math
from typing import NamedTuple

import numpy as np

from tritongrad.windows import Pair

from .conv_pixels import share_jobs
from .linalg import parts_of, product
from .patches import plan_of, wide_dtype
from .pool import empty


class Spread(NamedTuple):
    """Where a padded plane lies in a row of `length`.

    The result's position (y, z) meets tap t at offsets[t] + y * line + z.
    """

    phases: list[tuple]  # where each lies in (phases down, across, lines, columns), and in planes
    frame: tuple
    line: int
    offsets: list[int]
    length: int

    def read(self, planes: np.ndarray, rows: np.ndarray) -> None:
        """Write rows back into planes, without their padding."""
        frame = rows[..., : math.prod(self.frame)].reshape(*planes.shape[:2], *self.frame)
        for inside, outside in self.phases:
            planes[outside] = frame[inside]


@functools.lru_cache(maxsize=256)
def spread_of(shape: Pair, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair) -> Spread:
    """The Spread of planes of a shape."""
    lines, line = (-(-(n + 2 * p) // s) for n, p, s in zip(shape, padding, stride, strict=True))
    offsets = [
        ((r % stride[0]) * stride[1] + s % stride[1]) * lines * line
        + (r // stride[0]) * line
        + s // stride[1]
        for r in range(0, kernel[0] * dilation[0], dilation[0])
        for s in range(0, kernel[1] * dilation[1], dilation[1])
    ]
    phases = []
    for place in itertools.product(*map(range, stride)):
        inside, outside = [], []
        for phase, step, pad, n in zip(place, stride, padding, shape, strict=True):
            first = (phase - pad) % step
            start = (first + pad) // step
            inside.append(slice(start, start + len(range(first, n, step))))
            outside.append(slice(first, n, step))
        phases.append(((..., *place, *inside), (..., *outside)))
    frame = (*stride, lines, line)
    return Spread(phases, frame, line, offsets, math.prod(frame) + line)


def spread_out(
    g: np.ndarray,
    w: np.ndarray,
    x_shape: tuple,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    groups: int,
) -> np.ndarray:
    """The gradient of conv2d's input, for the gradient g of its result."""
    plan = plan_of(x_shape, w.shape, stride, padding, dilation, groups)
    spread = spread_of(plan.shape, plan.kernel, stride, padding, dilation)
    dtype, line = wide_dtype(g.dtype), spread.line
    filters, depth, taps = len(w) // groups, w.shape[1], len(spread.offsets)
    weight = w.reshape(groups, filters, depth, taps).transpose(0, 3, 2, 1).astype(dtype, "C")
    weight = weight.reshape(groups, taps * depth, filters)
    out = empty(x_shape, g.dtype)

    def work(first: int, last: int, parts: list[Pair]) -> None:
        images = last - first
        rows = empty((images, groups * depth, spread.length), dtype)
        rows.fill(0)
        by_group = rows.reshape(images, groups, depth, -1).transpose(1, 2, 0, 3)
        source = g[first:last].reshape(images, groups, filters, *plan.size).transpose(1, 2, 0, 3, 4)
        for top, bottom in parts:
            start, lines = top * line, bottom - top
            part = lengthened(source[..., top:bottom, :], line, dtype)
            part = part.reshape(groups, filters, images * lines * line)
            grads = empty((groups, taps * depth, part.shape[2]), dtype)
            product(weight, part, grads, parts_of(taps * depth, *part.shape[1:], dtype))
            grads = grads.reshape(groups, taps, depth, images, lines * line)
            for t, offset in enumerate(spread.offsets):
                run = by_group[..., offset + start : offset + start + lines * line]
                np.add(run, grads[:, t], out=run)
        spread.read(out[first:last], rows)

    blocks = itertools.groupby(plan.jobs, lambda job: job[:2])
    jobs = [(work, *images, [job[2:] for job in parts]) for images, parts in blocks]
    share_jobs(jobs, plan.flop)
    return out


def lengthened(lines: np.ndarray, line: int, dtype: np.dtype) -> np.ndarray:
    """A copy of lines, as long as those of a Spread: 0 beyond their end."""
    copy = empty((*lines.shape[:-1], line), dtype)
    copy[..., : lines.shape[-1]] = lines
    copy[..., lines.shape[-1] :] = 0
    return copy
