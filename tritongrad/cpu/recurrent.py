"""All steps of a recurrent layer on NumPy: one small product a step, and the rest in few passes.

`given` (steps, batch, gates * size) is what the inputs add to each gate. What a forward pass keeps
is a dict of arrays for the backward pass; both compute in float32 at least.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from . import blas

Array = np.ndarray
Kept = dict[str, Array]


def wide(x: Array) -> Array:
    return x.astype(np.float32) if x.dtype.itemsize == 2 else x


def forward(
    mode: str, given: Array, weight: Array, bias: Array | None, start: Array, cell: Array | None
) -> tuple[Array, Array | None, Kept]:
    """The states h after each step, the last cell of an LSTM, and what backward needs."""
    steps, batch, _ = given.shape
    size = start.shape[1]
    turned = np.ascontiguousarray(wide(weight).T)
    states = np.empty((steps + 1, batch, size), turned.dtype)
    states[0] = start
    gates = wide(given).copy() if bias is None or mode == "GRU" else wide(given) + wide(bias)
    kept = {"states": states, "gates": gates}
    last = None
    if mode == "LSTM":
        assert cell is not None
        kept["cells"] = np.empty_like(states)
        kept["cells"][0] = cell
        blas.alone(partial(_lstm, turned, **kept))
        last = kept["cells"][steps].astype(given.dtype)
    elif mode == "GRU":
        kept["news"] = np.empty((steps, batch, size), turned.dtype)
        blas.alone(partial(_gru, turned, None if bias is None else wide(bias), **kept))
    else:
        blas.alone(partial(_rnn, turned, mode == "RNN_RELU", **kept))
    return states[1:].astype(given.dtype), last, kept


def _lstm(turned: Array, states: Array, gates: Array, cells: Array) -> None:
    """i, f, g, o of each step in place; sigmoid(x) = (tanh(x / 2) + 1) / 2: one tanh for all."""
    size = states.shape[2]
    half = np.full(4 * size, 0.5, turned.dtype)
    half[2 * size : 3 * size] = 1
    rest = 1 - half
    product = np.empty(gates.shape[1:], turned.dtype)
    mixed = np.empty(states.shape[1:], turned.dtype)
    for t, z in enumerate(gates):
        np.dot(states[t], turned, product)
        z += product
        z *= half
        np.tanh(z, z)
        z *= half
        z += rest
        i, f, g, o = (z[:, k * size : (k + 1) * size] for k in range(4))
        np.multiply(i, g, mixed)
        np.multiply(f, cells[t], cells[t + 1])
        cells[t + 1] += mixed
        np.tanh(cells[t + 1], mixed)
        np.multiply(o, mixed, states[t + 1])


def _gru(turned: Array, bias: Array | None, states: Array, gates: Array, news: Array) -> None:
    """r, z, n of each step in place; `news` is what the state adds to n, before r."""
    size = states.shape[2]
    product = np.empty(gates.shape[1:], turned.dtype)
    for t, z in enumerate(gates):
        np.dot(states[t], turned, product)
        if bias is not None:
            product += bias
        both, n = z[:, : 2 * size], z[:, 2 * size :]
        both += product[:, : 2 * size]
        both *= 0.5
        np.tanh(both, both)
        both *= 0.5
        both += 0.5
        news[t] = product[:, 2 * size :]
        n += both[:, :size] * news[t]
        np.tanh(n, n)
        np.subtract(states[t], n, states[t + 1])
        states[t + 1] *= both[:, size:]
        states[t + 1] += n


def _rnn(turned: Array, relu: bool, states: Array, gates: Array) -> None:
    for t, z in enumerate(gates):
        z += states[t].dot(turned)
        if relu:
            np.maximum(z, 0, out=states[t + 1])
        else:
            np.tanh(z, states[t + 1])


def backward(
    mode: str, grad: Array, grad_cell: Array | None, weight: Array, kept: Kept
) -> tuple[Array, Array, Array, Array, Array | None]:
    """The gradients of given, weight, bias, start and cell."""
    return blas.alone(_backward, mode, grad, grad_cell, weight, kept)


def _backward(mode, grad, grad_cell, weight, kept):
    dtype, weight, grad, states = grad.dtype, wide(weight), wide(grad), kept["states"]
    found = np.empty_like(kept["gates"])
    last = None
    if mode == "LSTM":
        cell = np.zeros_like(states[0]) if grad_cell is None else wide(grad_cell).copy()
        first = _lstm_backward(grad, cell, weight, found, **kept)
        recurrent, last = found, cell.astype(dtype)
    elif mode == "GRU":
        recurrent = np.empty_like(found)
        first = _gru_backward(grad, weight, found, recurrent, **kept)
    else:
        first = _rnn_backward(grad, weight, found, states, mode == "RNN_RELU")
        recurrent = found
    rows = recurrent.reshape(-1, recurrent.shape[2])
    for_weight = np.dot(rows.T, states[:-1].reshape(-1, states.shape[2]))
    for_bias = np.add.reduce(rows, 0, np.float64)
    return *(a.astype(dtype, copy=False) for a in (found, for_weight, for_bias, first)), last


def _lstm_backward(grad, cell, weight, found, states, gates, cells):
    """Fills found; cell is the last cell's gradient, and becomes the first one's."""
    steps, batch, size = grad.shape
    i, f, g, o = np.moveaxis(gates.reshape(steps, batch, 4, size), 2, 0)
    slopes = found.reshape(steps, batch, 4, size)
    curved = np.tanh(cells[1:])
    slopes[:, :, 0] = g * i * (1 - i)
    slopes[:, :, 1] = cells[:-1] * f * (1 - f)
    slopes[:, :, 2] = i * (1 - g * g)
    slopes[:, :, 3] = curved * o * (1 - o)
    bend = o * (1 - curved * curved)
    state, product = np.zeros_like(cell), np.empty_like(cell)
    for t in range(steps - 1, -1, -1):
        state += grad[t]
        np.multiply(state, bend[t], product)
        cell += product
        slopes[t, :, :3] *= cell[:, None]
        slopes[t, :, 3] *= state
        cell *= f[t]
        np.dot(found[t], weight, state)
    return state


def _gru_backward(grad, weight, found, recurrent, states, gates, news):
    """Fills found, for what was given, and recurrent, for what the states added."""
    steps, batch, size = grad.shape
    r, z, n = np.moveaxis(gates.reshape(steps, batch, 3, size), 2, 0)
    of_new = (1 - z) * (1 - n * n)
    of_update = (states[:-1] - n) * z * (1 - z)
    of_reset = news * r * (1 - r)
    state = np.zeros_like(states[0])
    for t in range(steps - 1, -1, -1):
        state += grad[t]
        for_reset, for_update, for_new = (found[t, :, k * size : (k + 1) * size] for k in range(3))
        np.multiply(state, of_new[t], for_new)
        np.multiply(state, of_update[t], for_update)
        np.multiply(for_new, of_reset[t], for_reset)
        recurrent[t, :, : 2 * size] = found[t, :, : 2 * size]
        np.multiply(for_new, r[t], recurrent[t, :, 2 * size :])
        state *= z[t]
        state += recurrent[t].dot(weight)
    return state


def _rnn_backward(grad, weight, found, states, relu):
    slopes = states[1:] > 0 if relu else 1 - states[1:] * states[1:]
    state = np.zeros_like(states[0])
    for t in range(len(grad) - 1, -1, -1):
        state += grad[t]
        np.multiply(state, slopes[t], found[t])
        np.dot(found[t], weight, state)
    return state
