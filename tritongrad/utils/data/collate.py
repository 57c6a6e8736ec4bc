"""How items become a batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from tritongrad.autograd.variable import Variable
from tritongrad.create import as_tensor, tensor
from tritongrad.ops.shape import stack


def default_collate(batch: Sequence) -> Any:
    """One tensor of equal items: tensors and arrays stacked, numbers in a vector.

    Dicts, tuples and lists are taken apart, and collated part by part.
    """
    first = batch[0]
    if isinstance(first, Variable):
        return stack(list(batch))
    if isinstance(first, np.ndarray):
        if first.dtype.kind in "SaUO":
            raise TypeError(f"default_collate: arrays of {first.dtype} cannot become a tensor")
        return stack([as_tensor(a) for a in batch])
    if isinstance(first, np.generic):
        return as_tensor(np.stack([np.asarray(b) for b in batch]))
    if isinstance(first, float):
        return tensor(list(batch), dtype="float64")
    if isinstance(first, int):
        return tensor(list(batch))
    if isinstance(first, (str, bytes)):
        return batch
    if isinstance(first, Mapping):
        return _like(first, {k: default_collate([d[k] for d in batch]) for k in first})
    if isinstance(first, Sequence):
        return _columns(first, batch)
    raise TypeError(
        "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found "
        f"{type(first)}: pass a collate_fn"
    )


def _columns(first: Any, batch: Sequence) -> Any:
    if any(len(item) != len(first) for item in batch):
        raise RuntimeError("each element in list of batch should be of equal size")
    columns = [default_collate(column) for column in zip(*batch, strict=True)]
    if hasattr(first, "_fields"):
        return type(first)(*columns)
    return columns


def _like(mapping: Any, found: dict) -> Any:
    """A dict as a mapping of the type of another, where that can be made of a dict."""
    try:
        return type(mapping)(found)
    except TypeError:
        return found


def default_convert(data: Any) -> Any:
    """Arrays as tensors, in dicts, tuples and lists too; the rest as it is."""

    def convert(value: Any) -> Any:
        array = isinstance(value, (np.ndarray, np.generic))
        return as_tensor(np.asarray(value)) if array and value.dtype.kind in "biuf" else value

    return mapped(convert, data)


def mapped(change: Callable, data: Any) -> Any:
    """change(x) of all that lies in dicts, tuples and lists."""
    if isinstance(data, Mapping):
        return _like(data, {k: mapped(change, v) for k, v in data.items()})
    if isinstance(data, tuple) and hasattr(data, "_fields"):
        return type(data)(*(mapped(change, v) for v in data))
    if isinstance(data, (tuple, list)):
        return type(data)(mapped(change, v) for v in data)
    return change(data)
