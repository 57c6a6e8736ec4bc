"""Recurrent networks: RNN, LSTM and GRU, and one step of each as a cell."""

from __future__ import annotations

import math
from typing import Any

from tritongrad.create import empty
from tritongrad.nn import functional as F
from tritongrad.nn import init
from tritongrad.nn.module import Module
from tritongrad.nn.parameter import Parameter
from tritongrad.nn.recurrent import all_steps, packed_steps, rnn_step
from tritongrad.nn.utils.rnn import PackedSequence
from tritongrad.ops.shape import cat, stack
from tritongrad.ops.view import unsqueeze

GATES = {"RNN_TANH": 1, "RNN_RELU": 1, "LSTM": 4, "GRU": 3}


class Recurrent(Module):
    """Base of the networks: `num_layers` layers, in both directions if `bidirectional`.

    Parameters of layer k are weight_ih_l{k}, weight_hh_l{k}, bias_ih_l{k} and bias_hh_l{k}, with
    `_reverse` at the end for the way back. `batch_first`: (batch, steps, features).
    """

    mode = "RNN_TANH"

    def __init__(
        self, input_size: int, hidden_size: int, num_layers: int = 1, bias: bool = True,
        batch_first: bool = False, dropout: float = 0.0, bidirectional: bool = False,
        device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        if hidden_size <= 0 or num_layers <= 0:
            raise ValueError("hidden_size and num_layers must be greater than zero")
        if not 0 <= dropout <= 1:
            raise ValueError(f"dropout should be a number in range [0, 1], got {dropout}")
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.bias, self.batch_first, self.dropout = bias, batch_first, float(dropout)
        self.bidirectional = bidirectional
        rows = GATES[self.mode] * hidden_size
        for layer, end in self._ways():
            wide = input_size if layer == 0 else hidden_size * (1 + bidirectional)
            shapes = {"weight_ih": (rows, wide), "weight_hh": (rows, hidden_size)}
            if bias:
                shapes |= {"bias_ih": (rows,), "bias_hh": (rows,)}
            for name, shape in shapes.items():
                made = Parameter(empty(shape, device=device, dtype=dtype))
                self.register_parameter(f"{name}_l{layer}{end}", made)
        self.reset_parameters()

    def _ways(self) -> list[tuple[int, str]]:
        ends = ("", "_reverse") if self.bidirectional else ("",)
        return [(layer, end) for layer in range(self.num_layers) for end in ends]

    def reset_parameters(self) -> None:
        """Uniform in 1 / sqrt(hidden_size), as PyTorch's."""
        bound = 1 / math.sqrt(self.hidden_size)
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound)

    def flatten_parameters(self) -> None:
        """Nothing: parameters need not lie side by side here."""

    def forward(self, input: Any, hx: Any = None) -> tuple:
        if isinstance(input, PackedSequence):
            return self._packed(input, hx)
        if input.ndim not in (2, 3):
            raise ValueError(
                f"{type(self).__name__}: Expected input to be 2D or 3D, got {input.ndim}D instead"
            )
        self._check_width(input)
        batched = input.ndim == 3
        x = input if batched else input.unsqueeze(1)
        x = x.transpose(0, 1) if batched and self.batch_first else x
        x, ends = self._layers(x, self._starts(x, x.shape[1], hx, batched))
        x = x.transpose(0, 1) if batched and self.batch_first else x
        if not batched:
            x, ends = x.squeeze(1), tuple(t.squeeze(1) for t in ends)
        return x, ends if self.mode == "LSTM" else ends[0]

    def _packed(self, input: PackedSequence, hx: Any) -> tuple:
        """The same for sequences of several lengths, longest first."""
        self._check_width(input.data)
        counts, order, back = input.batch_sizes.tolist(), input.sorted_indices, input[3]
        starts = self._starts(input.data, counts[0], hx, True)
        if order is not None and hx is not None:
            starts = tuple(t.index_select(1, order) for t in starts)
        x, ends = self._layers(input.data, starts, counts)
        if back is not None:
            ends = tuple(t.index_select(1, back) for t in ends)
        return input._replace(data=x), ends if self.mode == "LSTM" else ends[0]

    def _check_width(self, x: Any) -> None:
        if x.shape[-1] != self.input_size:
            raise RuntimeError(
                f"input.size(-1) must be equal to input_size. Expected {self.input_size}, "
                f"got {x.shape[-1]}"
            )

    def _layers(self, x: Any, starts: tuple, counts: Any = None) -> tuple[Any, tuple]:
        """(what the last layer says at each step, the last states)"""
        last: list[tuple] = []
        for layer in range(self.num_layers):
            if layer and self.dropout and self.training:
                x = F.dropout(x, self.dropout)
            ways = []
            for end in ("", "_reverse")[: 1 + self.bidirectional]:
                state = tuple(s[len(last)] for s in starts)
                steps, state = self._run(x, state, f"_l{layer}{end}", bool(end), counts)
                ways.append(steps)
                last.append(state)
            x = ways[0] if len(ways) == 1 else cat(ways, -1)
        return x, tuple(stack(list(states)) for states in zip(*last, strict=True))

    def _starts(self, x: Any, batch: int, hx: Any, batched: bool) -> tuple:
        """The first states, each (layers * directions, batch, hidden_size)."""
        count = len(self._ways())
        shape = (count, batch, self.hidden_size)
        if hx is None:
            zero = x.detach().new_zeros(shape)
            return (zero, zero) if self.mode == "LSTM" else (zero,)
        given = tuple(hx) if self.mode == "LSTM" else (hx,)
        starts = tuple(t if batched else unsqueeze(t, 1) for t in given)
        for t in starts:
            if tuple(t.shape) != shape:
                raise RuntimeError(f"Expected hidden size {shape}, got {list(t.shape)}")
        return starts

    def _run(
        self, x: Any, state: tuple, name: str, backwards: bool, counts: Any
    ) -> tuple[Any, tuple]:
        """All steps of a layer in one direction: (hidden states, last state)."""
        bias, recurrent_bias = (
            getattr(self, kind + name) if self.bias else None for kind in ("bias_ih", "bias_hh")
        )
        given = F.linear(x, getattr(self, "weight_ih" + name), bias)
        weight = getattr(self, "weight_hh" + name)
        if counts is not None:
            return packed_steps(self.mode, given, weight, recurrent_bias, state, counts, backwards)
        given = given.flip(0) if backwards else given
        found, state = all_steps(self.mode, given, weight, recurrent_bias, state)
        return found.flip(0) if backwards else found, state

    def extra_repr(self) -> str:
        text = f"{self.input_size}, {self.hidden_size}"
        usual = {"num_layers": 1, "bias": True, "batch_first": False, "dropout": 0,
                 "bidirectional": False}  # fmt: skip
        for name, value in usual.items():
            if getattr(self, name) != value:
                text += f", {name}={getattr(self, name)}"
        return text


class RNN(Recurrent):
    """h = tanh(x W_ih^T + b_ih + h W_hh^T + b_hh) at each step; nonlinearity may be "relu"."""

    def __init__(
        self, input_size: int, hidden_size: int, num_layers: int = 1, nonlinearity: str = "tanh",
        bias: bool = True, batch_first: bool = False, dropout: float = 0.0,
        bidirectional: bool = False, device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(
                f"Unknown nonlinearity '{nonlinearity}'. Select from 'tanh' or 'relu'."
            )
        super().__init__(
            input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional,
            device, dtype,
        )  # fmt: skip
        self.nonlinearity = nonlinearity
        self.mode = f"RNN_{nonlinearity.upper()}"


class LSTM(Recurrent):
    """c = f c + i g, h = o tanh(c), with gates i, f, g, o of input and h; returns y, (h, c).

    Hochreiter and Schmidhuber, "Long short-term memory", 1997.
    """

    mode = "LSTM"


class GRU(Recurrent):
    """h = (1 - z) n + z h, with gates r, z, n of input and h (Cho et al., 2014)."""

    mode = "GRU"


class Cell(Module):
    """Base of the cells: one step."""

    mode = "RNN_TANH"

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None,
        dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.input_size, self.hidden_size, self.bias = input_size, hidden_size, bias
        rows = GATES[self.mode] * hidden_size
        shapes = {"weight_ih": (rows, input_size), "weight_hh": (rows, hidden_size)}
        for name, shape in {**shapes, "bias_ih": (rows,), "bias_hh": (rows,)}.items():
            wanted = bias or name.startswith("weight")
            made = Parameter(empty(shape, device=device, dtype=dtype)) if wanted else None
            self.register_parameter(name, made)
        bound = 1 / math.sqrt(hidden_size) if hidden_size > 0 else 0
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound)

    def forward(self, input: Any, hx: Any = None) -> Any:
        """The next h, or (h, c) of an LSTM."""
        single = input.ndim == 1
        x = input.unsqueeze(0) if single else input
        if hx is None:
            zero = x.detach().new_zeros((x.shape[0], self.hidden_size))
            state = (zero, zero)
        else:
            given = tuple(hx) if self.mode == "LSTM" else (hx,)
            state = tuple(unsqueeze(t, 0) if single else t for t in given)
        given = F.linear(x, self.weight_ih, self.bias_ih)
        state = rnn_step(self.mode, given, F.linear(state[0], self.weight_hh, self.bias_hh), state)
        state = tuple(t.squeeze(0) for t in state) if single else state
        return state if self.mode == "LSTM" else state[0]

    def extra_repr(self) -> str:
        return f"{self.input_size}, {self.hidden_size}" + ("" if self.bias else ", bias=False")


class RNNCell(Cell):
    """One step of RNN."""

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, nonlinearity: str = "tanh",
        device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(input_size, hidden_size, bias, device, dtype)
        self.nonlinearity = nonlinearity
        self.mode = f"RNN_{nonlinearity.upper()}"

    def extra_repr(self) -> str:
        relu = self.nonlinearity != "tanh"
        return super().extra_repr() + (f", nonlinearity={self.nonlinearity}" if relu else "")


class LSTMCell(Cell):
    """One step of LSTM: (h, c)."""

    mode = "LSTM"


class GRUCell(Cell):
    """One step of GRU."""

    mode = "GRU"
