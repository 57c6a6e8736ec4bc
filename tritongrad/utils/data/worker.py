"""Worker processes: each makes batches of its own copy of the dataset."""

from __future__ import annotations

import random
import traceback
from dataclasses import dataclass
from typing import Any

import numpy as np

from tritongrad.random import manual_seed
from tritongrad.utils.data.fetch import END, Fetch


@dataclass(frozen=True, slots=True)
class WorkerInfo:
    """What a worker knows of itself: `get_worker_info()` within the worker."""

    id: int
    num_workers: int
    seed: int
    dataset: Any


@dataclass(frozen=True, slots=True)
class Failure:
    """An error of a worker, to be raised again in the main process."""

    kind: type
    text: str

    def error(self) -> BaseException:
        """The error, with the worker's traceback as its message."""
        try:
            return self.kind(self.text)
        except TypeError:  # its class wants other arguments than a text
            return RuntimeError(self.text)


_info: WorkerInfo | None = None


def get_worker_info() -> WorkerInfo | None:
    """id, num_workers, seed and dataset within a worker process, None in the main one."""
    return _info


def work(
    id: int, count: int, seed: int, settings: tuple, init: Any, requests: Any, results: Any
) -> None:
    """Answer (number, indices) with (number, id, batch) until None comes.

    The number ANEW starts the dataset anew: a next pass over a stream.
    """
    global _info
    random.seed(seed)
    manual_seed(seed)
    np.random.seed(seed % (1 << 32))
    dataset = settings[0]
    _info = WorkerInfo(id, count, seed, dataset)
    fetch = None
    try:
        if init is not None:
            init(id)
        fetch = Fetch(*settings)
    except Exception as error:
        failed = _failure(error, id)
        fetch = lambda indices: failed  # noqa: E731  (every request is answered with it)
    while (request := requests.get()) is not None:
        number, indices = request
        try:
            if number == ANEW:
                fetch = Fetch(*settings)
                continue
            batch = fetch(indices)
            results.put((number, id, None if batch is END else (batch,)))
        except Exception as error:
            results.put((number, id, (_failure(error, id),)))
    results.cancel_join_thread()  # nobody reads what may be left


ANEW = -1


def _failure(error: Exception, id: int) -> Failure:
    lines = "".join(traceback.format_exception(error))
    return Failure(
        type(error), f"Caught {type(error).__name__} in DataLoader worker process {id}.\n{lines}"
    )
