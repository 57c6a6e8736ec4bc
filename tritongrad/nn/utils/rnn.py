"""Sequences of several lengths: padded to one length, or packed step after step."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Sequence
from typing import Any

import numpy as np

from tritongrad.autograd.variable import Variable
from tritongrad.create import tensor
from tritongrad.ops.shape import cat, stack


class PackedSequence(
    namedtuple(
        "PackedSequence", "data batch_sizes sorted_indices unsorted_indices", defaults=[None, None]
    )
):
    """The steps of a batch one after the other: `batch_sizes[t]` sequences have a step t.

    Within a step the longest sequence comes first: the k-th is number `sorted_indices[k]`.
    """

    __slots__ = ()

    def to(self, *args: Any, **kwargs: Any) -> PackedSequence:
        """The data in another dtype or, with the indices, on another device."""
        data = self.data.to(*args, **kwargs)
        indices = [None if t is None else t.to(data.device) for t in self[2:]]
        return PackedSequence(data, self.batch_sizes, *indices)

    def cpu(self) -> PackedSequence:
        """In host memory."""
        return self.to("cpu")

    def cuda(self) -> PackedSequence:
        """On the current GPU."""
        return self.to("cuda")

    @property
    def is_cuda(self) -> bool:
        return self.data.is_cuda


def pad_sequence(
    sequences: Sequence, batch_first: bool = False, padding_value: float = 0.0,
    padding_side: str = "right",
) -> Any:  # fmt: skip
    """Tensors of several lengths as one: (longest, batch, *), the rest filled with a value."""
    if isinstance(sequences, Variable):
        sequences = sequences.unbind(0)
    if not sequences:
        raise RuntimeError("pad_sequence: received an empty list of sequences")
    if padding_side not in ("left", "right"):
        raise RuntimeError(f"pad_sequence: padding_side must be left or right, got {padding_side}")
    first = sequences[0]
    longest = max(len(t) for t in sequences)
    padded = []
    for t in sequences:
        rest = first.new_full((longest - len(t), *t.shape[1:]), padding_value)
        parts = [t.to(first.dtype), rest]
        padded.append(cat(parts if padding_side == "right" else parts[::-1]))
    return stack(padded, 0 if batch_first else 1)


def unpad_sequence(padded_sequences: Any, lengths: Any, batch_first: bool = False) -> list:
    """The tensors of a padded batch, each with its own length."""
    rows = padded_sequences.unbind(0 if batch_first else 1)
    return [row[:n] for row, n in zip(rows, _ints(lengths), strict=True)]


def pack_padded_sequence(
    input: Any, lengths: Any, batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    """The steps of a padded batch without the padding; see PackedSequence."""
    x = input.transpose(0, 1) if batch_first else input
    sizes = np.array(_ints(lengths))
    if len(sizes) != x.shape[1]:
        raise RuntimeError(
            f"pack_padded_sequence: expected {x.shape[1]} lengths, one for each sequence of the "
            f"batch, got {len(sizes)}"
        )
    if sizes.size == 0 or sizes.min() <= 0 or sizes.max() > len(x):
        raise RuntimeError(
            f"pack_padded_sequence: lengths must lie between 1 and {len(x)}, the steps of the "
            f"input, got {sizes.tolist()}"
        )
    if enforce_sorted and (np.diff(sizes) > 0).any():
        raise RuntimeError(
            "pack_padded_sequence: `lengths` array must be sorted in decreasing order when "
            "`enforce_sorted` is True: pass enforce_sorted=False"
        )
    order = np.argsort(-sizes, kind="stable")
    counts = (sizes > np.arange(sizes.max())[:, None]).sum(1)
    where = tensor(_places(counts, order), device=x.device)
    data = x.reshape(-1, *x.shape[2:]).index_select(0, where)
    both = [None, None]
    if not enforce_sorted:
        both = [tensor(i, device=x.device) for i in (order, np.argsort(order))]
    return PackedSequence(data, tensor(counts), *both)


def pack_sequence(sequences: Sequence, enforce_sorted: bool = True) -> PackedSequence:
    """The steps of several tensors; see PackedSequence."""
    lengths = [len(t) for t in sequences]
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)


def pad_packed_sequence(
    sequence: PackedSequence, batch_first: bool = False, padding_value: float = 0.0,
    total_length: int | None = None,
) -> tuple:  # fmt: skip
    """(the padded batch that a PackedSequence came from, the lengths)"""
    data, counts = sequence.data, np.array(_ints(sequence.batch_sizes))
    steps, batch = len(counts), int(counts[0])
    length = steps if total_length is None else total_length
    if length < steps:
        raise ValueError(
            "pad_packed_sequence: expected total_length to be at least the length of the longest "
            f"sequence, got total_length={length} and a sequence of {steps} steps"
        )
    order = np.arange(batch)
    if sequence.sorted_indices is not None:
        order = np.array(_ints(sequence.sorted_indices))
    where = tensor(_places(counts, order), device=data.device)
    flat = data.new_full((length * batch, *data.shape[1:]), padding_value)
    x = flat.index_copy(0, where, data).reshape(length, batch, *data.shape[1:])
    lengths = np.zeros(batch, np.int64)
    lengths[order] = (counts[:, None] > np.arange(batch)).sum(0)
    return x.transpose(0, 1) if batch_first else x, tensor(lengths)


def _ints(given: Any) -> list[int]:
    return [int(n) for n in (given.tolist() if isinstance(given, Variable) else given)]


def _places(counts: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Where each packed element lies among the (step, sequence) pairs of the padded batch."""
    steps, ranks = np.nonzero(counts[:, None] > np.arange(len(order)))
    return steps * len(order) + order[ranks]
