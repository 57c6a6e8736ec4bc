"""One batch of a dataset: what the loader does itself, or has its workers do."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from tritongrad.utils.data.collate import default_collate
from tritongrad.utils.data.dataset import IterableDataset, Subset, TensorDataset

END = object()  # a stream has no more


class Fetch:
    """fetch(indices) is a batch; of a stream, indices only say how many items; END at the end."""

    def __init__(self, dataset: Any, collate: Callable, batched: bool, drop_last: bool) -> None:
        self.dataset, self.collate, self.batched = dataset, collate, batched
        self.drop_last = drop_last
        self.stream = iter(dataset) if isinstance(dataset, IterableDataset) else None

    def __call__(self, indices: Any) -> Any:
        if self.stream is not None:
            return self._from_stream(indices)
        if not self.batched:
            return self.collate(self.dataset[indices])
        if self.collate is default_collate:
            quick = at_once(self.dataset, indices)
            if quick is not None:
                return quick
        several = getattr(self.dataset, "__getitems__", None)
        return self.collate(several(indices) if several else [self.dataset[i] for i in indices])

    def _from_stream(self, indices: Any) -> Any:
        if not self.batched:
            item = next(self.stream, END)  # type: ignore[call-overload]
            return item if item is END else self.collate(item)
        items = list(itertools.islice(self.stream, len(indices)))  # type: ignore[arg-type]
        if not items or (self.drop_last and len(items) < len(indices)):
            return END
        return self.collate(items)


def at_once(dataset: Any, indices: Any) -> list | None:
    """The batch as one selection of each tensor, where the dataset is made of tensors."""
    while type(dataset) is Subset:
        indices = [dataset.indices[i] for i in indices]
        dataset = dataset.dataset
    return dataset._batch(indices) if type(dataset) is TensorDataset else None
