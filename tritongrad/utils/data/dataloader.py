"""DataLoader: the batches of a dataset, made here or by worker processes."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from tritongrad.autograd.variable import Variable
from tritongrad.random import randint
from tritongrad.utils.data.collate import default_collate, default_convert, mapped
from tritongrad.utils.data.dataset import IterableDataset
from tritongrad.utils.data.fetch import END, Fetch
from tritongrad.utils.data.pool import Pool
from tritongrad.utils.data.sampler import BatchSampler, RandomSampler, SequentialSampler


class DataLoader:
    """Iterate over it: each pass gives the batches of a dataset in the order of its sampler."""

    def __init__(
        self, dataset: Any, batch_size: int | None = 1, shuffle: bool | None = None,
        sampler: Iterable | None = None, batch_sampler: Iterable | None = None,
        num_workers: int = 0, collate_fn: Callable | None = None, pin_memory: bool = False,
        drop_last: bool = False, timeout: float = 0, worker_init_fn: Callable | None = None,
        multiprocessing_context: Any = None, generator: Any = None, *,
        prefetch_factor: int | None = None, persistent_workers: bool = False,
        pin_memory_device: str = "", in_order: bool = True,
    ) -> None:  # fmt: skip
        _check(num_workers, timeout, prefetch_factor, persistent_workers)
        self.dataset, self.num_workers, self.timeout = dataset, num_workers, timeout
        self.pin_memory, self.pin_memory_device = pin_memory, pin_memory_device
        self.worker_init_fn, self.generator = worker_init_fn, generator
        self.multiprocessing_context = multiprocessing_context
        self.prefetch_factor = 2 if num_workers and prefetch_factor is None else prefetch_factor
        self.persistent_workers, self.in_order = persistent_workers, in_order
        _check_order(dataset, batch_size, shuffle, sampler, batch_sampler, drop_last)
        if batch_sampler is not None:
            batch_size = None
        self.batch_size, self.drop_last = batch_size, drop_last
        self.sampler: Any = sampler if sampler is not None else self._sampler(shuffle)
        if batch_size is not None:
            batch_sampler = BatchSampler(self.sampler, batch_size, drop_last)
        self.batch_sampler: Any = batch_sampler
        batched = batch_sampler is not None
        self.collate_fn = collate_fn or (default_collate if batched else default_convert)
        self._pool: Pool | None = None

    def _sampler(self, shuffle: bool | None) -> Any:
        if isinstance(self.dataset, IterableDataset):
            return Endless()
        if shuffle:
            return RandomSampler(self.dataset, generator=self.generator)
        return SequentialSampler(self.dataset)

    def __len__(self) -> int:
        if isinstance(self.dataset, IterableDataset):
            n = len(self.dataset)  # type: ignore[arg-type]  # only some streams have a length
            if self.batch_size is None:
                return n
            return n // self.batch_size if self.drop_last else -(-n // self.batch_size)
        return len(self._order())

    def _order(self) -> Any:
        return self.sampler if self.batch_sampler is None else self.batch_sampler

    def __iter__(self) -> Iterator:
        batches = self._here() if self.num_workers == 0 else self._by_workers()
        return map(self._pinned, batches) if self.pin_memory else batches

    def _settings(self) -> tuple:
        return self.dataset, self.collate_fn, self.batch_sampler is not None, self.drop_last

    def _here(self) -> Iterator:
        fetch = Fetch(*self._settings())
        for indices in self._order():
            batch = fetch(indices)
            if batch is END:
                return
            yield batch

    def _by_workers(self) -> Iterator:
        pool = self._pool
        if pool is None:
            low, high = 0, 1 << 62
            seed = randint(low, high, (), generator=self.generator, device="cpu").item()
            context = self.multiprocessing_context
            pool = Pool(self.num_workers, seed, self._settings(), self.worker_init_fn, context)
        if self.persistent_workers:
            self._pool = pool
        yield from pool.run(
            iter(self._order()),
            self.num_workers * (self.prefetch_factor or 2),
            self.timeout,
            self.in_order,
            keep=self.persistent_workers,
        )

    def _pinned(self, batch: Any) -> Any:
        return mapped(_pin, batch)


class Endless:
    """The sampler of a stream: how much there is, the stream itself says."""

    def __iter__(self) -> Iterator[None]:
        return itertools.repeat(None)


def _pin(value: Any) -> Any:
    """A tensor in page-locked memory, where there is a GPU; other values as they are."""
    if not isinstance(value, Variable):
        return value
    from tritongrad import cuda
    from tritongrad.autograd.variable import wrap

    if not cuda.is_available() or value.device.type != "cpu":
        return value
    from tritongrad.cuda.pinned import pin

    return wrap(pin(value._array))


def _check(num_workers: int, timeout: float, prefetch: int | None, persistent: bool) -> None:
    if num_workers < 0:
        raise ValueError(f"num_workers should be non-negative, got {num_workers}: 0 uses none")
    if timeout < 0:
        raise ValueError(f"timeout should be non-negative, got {timeout}")
    if num_workers == 0 and prefetch is not None:
        raise ValueError("prefetch_factor needs num_workers > 0")
    if prefetch is not None and prefetch <= 0:
        raise ValueError(f"prefetch_factor should be positive, got {prefetch}")
    if persistent and num_workers == 0:
        raise ValueError("persistent_workers option needs num_workers > 0")


def _check_order(
    dataset: Any, batch_size: Any, shuffle: Any, sampler: Any, batch_sampler: Any, drop_last: bool
) -> None:
    """Refuse arguments that say two things about the order or the batches."""
    if isinstance(dataset, IterableDataset) and (shuffle or sampler or batch_sampler):
        raise ValueError(
            "DataLoader with IterableDataset: a stream has its own order; expected no shuffle, "
            "sampler and batch_sampler"
        )
    if sampler is not None and shuffle:
        raise ValueError("sampler option is mutually exclusive with shuffle")
    if batch_sampler is not None:
        if batch_size != 1 or shuffle or sampler is not None or drop_last:
            raise ValueError(
                "batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, "
                "and drop_last"
            )
    elif batch_size is None and drop_last:
        raise ValueError(
            "batch_size=None option disables auto-batching and is mutually exclusive with drop_last"
        )
