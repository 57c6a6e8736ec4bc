"""The steps of a recurrent layer: one by one, or on the CPU all in one recorded operation."""

from __future__ import annotations

from typing import Any

import numpy as np

from tritongrad.autograd.engine import grad
from tritongrad.autograd.function import Function
from tritongrad.autograd.modes import quiet, state
from tritongrad.autograd.variable import wrap
from tritongrad.cpu import recurrent as kernels
from tritongrad.nn import functional as F
from tritongrad.ops.shape import cat, stack
from tritongrad.ops.split import unbind


def rnn_step(mode: str, given: Any, recurrent: Any, state: tuple) -> tuple:
    """The next state (h,), or (h, c) of an LSTM, from the parts of input and state of each gate."""
    if mode == "LSTM":
        i, f, g, o = (given + recurrent).chunk(4, -1)
        c = f.sigmoid() * state[1] + i.sigmoid() * g.tanh()
        return o.sigmoid() * c.tanh(), c
    if mode == "GRU":
        reset, update, new = given.chunk(3, -1)
        reset_h, update_h, new_h = recurrent.chunk(3, -1)
        n = (new + (reset + reset_h).sigmoid() * new_h).tanh()
        return (n + (update + update_h).sigmoid() * (state[0] - n),)
    total = given + recurrent
    return (total.relu() if mode == "RNN_RELU" else total.tanh(),)


def all_steps(mode: str, given: Any, weight: Any, bias: Any, state: tuple) -> tuple[Any, tuple]:
    """(h after each step, the last state) for what the inputs give to the gates at each step."""
    if len(given) and all(type(t._array) is np.ndarray for t in (given, weight, *state)):
        h, *cell = Steps.apply(mode, given, weight, bias, *state)
        return h, (h[-1], *cell)
    return one_by_one(mode, given, weight, bias, state)


def one_by_one(mode: str, given: Any, weight: Any, bias: Any, state: tuple) -> tuple[Any, tuple]:
    """The same in operations on tensors."""
    found = []
    for part in unbind(given, 0):
        state = rnn_step(mode, part, F.linear(state[0], weight, bias), state)
        found.append(state[0])
    return stack(found), state


def packed_steps(
    mode: str, given: Any, weight: Any, bias: Any, state: tuple, counts: list, backwards: bool
) -> tuple[Any, tuple]:
    """all_steps of packed sequences: in stretches of steps that equally many sequences have."""
    ends = [i + 1 for i, n in enumerate(counts) if i + 1 == len(counts) or counts[i + 1] != n]
    stretches = [
        (stop - start, counts[start]) for start, stop in zip([0, *ends], ends, strict=False)
    ]
    parts = given.split([steps * n for steps, n in stretches])
    starts, found, done = state, [], []
    order = list(zip(stretches, parts, strict=True))[:: -1 if backwards else 1]
    state = tuple(t[: order[0][0][1]] for t in starts)
    for (steps, n), part in order:
        here = len(state[0])
        if here > n:  # the shortest have ended
            done.append(tuple(t[n:] for t in state))
            state = tuple(t[:n] for t in state)
        elif here < n:  # on the way back they begin
            state = tuple(cat([t, s[here:n]]) for t, s in zip(state, starts, strict=True))
        part = part.reshape(steps, n, -1)
        h, state = all_steps(mode, part.flip(0) if backwards else part, weight, bias, state)
        found.append((h.flip(0) if backwards else h).reshape(steps * n, -1))
    last = tuple(cat(list(rows)) for rows in zip(state, *done[::-1], strict=True))
    return cat(found[::-1] if backwards else found), last


class Steps(Function):
    """all_steps on the CPU: (h after each step,), and the last cell of an LSTM."""

    @staticmethod
    def forward(
        ctx: Any, mode: str, given: Any, weight: Any, bias: Any, start: Any, cell: Any = None
    ) -> tuple:
        tensors = (given, weight, bias, start, cell)
        arrays = [None if t is None else t._array for t in tensors]
        h, last, ctx.kept = quiet(kernels.forward, mode, *arrays)
        ctx.mode = mode
        ctx.save_for_backward(*tensors)
        ctx.set_materialize_grads(False)
        return (wrap(h),) if last is None else (wrap(h), wrap(last))

    @staticmethod
    def backward(ctx: Any, for_h: Any, for_cell: Any = None) -> tuple:
        given, weight, bias, start, cell = ctx.saved_tensors
        count = len(ctx.needs_input_grad)
        if state.grad:  # gradients of these gradients may be asked for: they need operations
            return _differentiable(ctx, (given, weight, bias, start, cell), for_h, for_cell)
        if for_h is None:
            for_h = given.new_zeros((*given.shape[:2], start.shape[1]))
        arrays = [None if t is None else t._array for t in (for_h, for_cell, weight)]
        found = quiet(kernels.backward, ctx.mode, *arrays, ctx.kept)
        grads = [None, *(None if a is None else wrap(a) for a in found)]
        return tuple(
            g if need else None for g, need in zip(grads[:count], ctx.needs_input_grad, strict=True)
        )


def _differentiable(ctx: Any, tensors: tuple, for_h: Any, for_cell: Any) -> tuple:
    """The gradients by way of the steps one by one, recorded."""
    given, weight, bias, start, cell = tensors
    states = (start,) if cell is None else (start, cell)
    h, last = one_by_one(ctx.mode, given, weight, bias, states)
    pairs = [(h, for_h)] + ([(last[1], for_cell)] if cell is not None else [])
    outputs, starts = zip(*[pair for pair in pairs if pair[1] is not None], strict=True)
    needed = ctx.needs_input_grad[1:]
    inputs = [t for t, need in zip(tensors, needed, strict=False) if need]
    found = iter(grad(outputs, inputs, starts, create_graph=True, allow_unused=True))
    return (None, *[next(found) if need else None for need in needed])
