"""Cross-entropy of rows of logits with a class each: passes for loss and gradient."""

import triton
import triton.language as tl

from .copy import convert
from .exponential import exp, log
from .norm import accumulate, fetch, place, row_max, row_sum
from .reduce import larger


@triton.jit
def class_weights(weight, start, cols, like, ACC: tl.constexpr, WEIGHTED: tl.constexpr,
                  COLS: tl.constexpr):  # fmt: skip
    """The weights of COLS classes from `start` on; 1 where there are none"""
    if WEIGHTED:
        col = start + tl.arange(0, COLS)[None, :].to(tl.int64)
        return convert(tl.load(weight + col, col < cols, other=0), ACC) + like * 0
    else:
        return tl.full(like.shape, 1, ACC)


@triton.jit
def target_of(target, weight, row, inside, cols, ignore_index,
              ACC: tl.constexpr, WEIGHTED: tl.constexpr):  # fmt: skip
    """(class, whether the row counts, its weight, whether its class does not exist)"""
    label = tl.load(target + row, inside, other=0).to(tl.int64)
    counts = inside & (label != ignore_index)
    valid = counts & (label >= 0) & (label < cols)
    if WEIGHTED:
        share = convert(tl.load(weight + label, valid, other=0), ACC)
    else:
        share = valid.to(ACC)
    return label, valid, share, counts & (valid == 0)


@triton.jit
def distances(x, at, cols, s_col, inside, weight, top, spread,
              ACC: tl.constexpr, WEIGHTED: tl.constexpr,
              ROWS: tl.constexpr, COLS: tl.constexpr):  # fmt: skip
    """The sum over all classes of weight[c] (spread - (x[row, c] - top))"""
    total = tl.zeros([ROWS, 1], ACC)
    error = tl.zeros([ROWS, 1], ACC)
    for start in range(0, cols, COLS):
        value, mask, offset = fetch(x, at, start, cols, s_col, inside, ACC, COLS)
        w = class_weights(weight, start, cols, value, ACC, WEIGHTED, COLS)
        total, error = accumulate(total, error, row_sum(w * (spread - (value - top)), mask))
    return total + error


@triton.jit
def cross_entropy_rows(
    losses, weights, logs, x, target, weight, wrong, rows, cols, size_row, s_row0, s_row1, s_col,
    ignore_index, smoothing, even,
    ACC: tl.constexpr, WEIGHTED: tl.constexpr, SMOOTH: tl.constexpr,
    ROWS: tl.constexpr, COLS: tl.constexpr,
):  # fmt: skip
    """losses[row] = weight[t] (log sum exp x[row] - x[row, t]), t = target[row], smoothed

    weights[row] is weight[t], 0 where t is ignore_index; logs[row] is the log sum exp, kept for
    the gradient; wrong[program] the first row of a class that does not exist, or `rows`.
    even is smoothing / classes.
    """
    row, inside, at = place(rows, size_row, s_row0, s_row1, ROWS)
    label, valid, share, bad = target_of(
        target, weight, row, inside, cols, ignore_index, ACC, WEIGHTED
    )
    tl.store(wrong + tl.program_id(0), tl.min(tl.where(bad, row, rows)))
    top = tl.full([ROWS, 1], -float("inf"), ACC)
    for start in range(0, cols, COLS):
        value, mask, offset = fetch(x, at, start, cols, s_col, inside, ACC, COLS)
        top = larger(top, row_max(value, mask))
    total = tl.zeros([ROWS, 1], ACC)
    error = tl.zeros([ROWS, 1], ACC)
    for start in range(0, cols, COLS):
        value, mask, offset = fetch(x, at, start, cols, s_col, inside, ACC, COLS)
        total, error = accumulate(total, error, row_sum(exp(value - top), mask))
    spread = log(total + error)
    chosen = convert(tl.load(x + at + label * s_col, valid, other=0), ACC)
    loss = tl.where(valid, share * (spread - (chosen - top)), 0.0).to(ACC)
    if SMOOTH:
        distance = distances(
            x, at, cols, s_col, inside, weight, top, spread, ACC, WEIGHTED, ROWS, COLS
        )
        loss = tl.where(valid, loss * (1 - smoothing) + distance * even, 0.0).to(ACC)
    tl.store(losses + row, convert(loss, losses.dtype.element_ty), inside)
    tl.store(weights + row, tl.where(valid, share, 0.0).to(ACC), inside)
    tl.store(logs + row, top + spread, inside)


@triton.jit
def cross_entropy_backward_tiles(
    out, grad, x, logs, target, weight, rows, cols, size_row, s_row0, s_row1, s_col,
    s_grad, ignore_index, smoothing, even, share_of_all,
    ACC: tl.constexpr, WEIGHTED: tl.constexpr, SMOOTH: tl.constexpr,
    ROWS: tl.constexpr, COLS: tl.constexpr,
):  # fmt: skip
    """out[row, c] = grad[row] weight[t] (softmax(x[row])[c] - (c == t)), smoothed

    share_of_all: a pointer to the sum of all classes' weights over their number, read if SMOOTH.
    """
    row, inside, at = place(rows, size_row, s_row0, s_row1, ROWS)
    label, valid, share, bad = target_of(
        target, weight, row, inside, cols, ignore_index, ACC, WEIGHTED
    )
    g = convert(tl.load(grad + row * s_grad, inside, other=0), ACC)
    spread = tl.load(logs + row, inside, other=0)
    share = share * (1 - smoothing)
    whole = share  # the sum of what the row gives to all classes
    if SMOOTH:
        whole += smoothing * tl.load(share_of_all)
    for start in range(0, cols, COLS):
        value, mask, offset = fetch(x, at, start, cols, s_col, inside, ACC, COLS)
        col = start + tl.arange(0, COLS)[None, :].to(tl.int64)
        slope = exp(value - spread) * whole
        if SMOOTH:
            w = class_weights(weight, start, cols, value, ACC, WEIGHTED, COLS)
            slope -= even * w
        slope = tl.where(col == label, slope - share, slope)
        result = tl.where(valid, g * slope, 0.0)
        tl.store(out + offset, convert(result.to(ACC), out.dtype.element_ty), mask)
