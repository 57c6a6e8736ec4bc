"""The main process's side of the workers: who makes which batch, and in which order they come."""

from __future__ import annotations

import multiprocessing
import queue
import time
from collections.abc import Iterator
from typing import Any

from tritongrad.utils.data.worker import ANEW, Failure, work

PATIENCE = 1.0  # seconds between two looks at whether the workers live


class Pool:
    """Worker processes with a queue of requests each, and one queue of results."""

    def __init__(self, count: int, seed: int, settings: tuple, init: Any, context: Any) -> None:
        if context is None or isinstance(context, str):
            context = multiprocessing.get_context(context)
        self.results = context.Queue()
        self.requests = [context.Queue() for _ in range(count)]
        self.fresh = True
        self.running = False
        self.workers = [
            context.Process(
                target=work,
                args=(i, count, seed + i, settings, init, self.requests[i], self.results),
                daemon=True,
            )
            for i in range(count)
        ]
        for worker in self.workers:
            worker.start()

    def run(
        self, order: Iterator, ahead: int, timeout: float, in_order: bool, keep: bool
    ) -> Iterator:
        """The batches of one pass, of which `ahead` are asked for before they are needed."""
        if self.running:
            raise RuntimeError(
                "DataLoader: with persistent_workers one pass must end before the next one starts"
            )
        self.running = True
        if not self.fresh:
            for requests in self.requests:
                requests.put((ANEW, None))
        self.fresh = False
        run = Pass(self, order, timeout)
        try:
            for _ in range(ahead):
                run.ask()
            while run.next_number < run.asked:
                batch = run.take(in_order)
                run.ask()
                if batch is not None:
                    yield from batch
        finally:
            self.running = False
            if keep:
                run.drain()
            else:
                self.close()

    def close(self) -> None:
        """End the workers."""
        for requests in self.requests:
            requests.put(None)
        for worker in self.workers:
            worker.join(PATIENCE)
            if worker.is_alive():
                worker.terminate()
                worker.join()
        for q in (*self.requests, self.results):
            q.cancel_join_thread()
            q.close()


class Pass:
    """One pass over the data: numbers of batches asked for, and those that came too early."""

    def __init__(self, pool: Pool, order: Iterator, timeout: float) -> None:
        self.pool, self.order, self.timeout = pool, order, timeout
        self.asked = self.next_number = 0
        self.waiting: dict[int, Any] = {}
        self.active = list(range(len(pool.workers)))

    def ask(self) -> None:
        """Give the next indices to the next worker that has not come to its end."""
        if not self.active:
            return
        try:
            indices = next(self.order)
        except StopIteration:
            return
        worker = self.active.pop(0)
        self.active.append(worker)
        self.pool.requests[worker].put((self.asked, indices))
        self.asked += 1

    def take(self, in_order: bool) -> tuple | None:
        """(the next batch,), or None if a stream had no more."""
        while True:
            wanted = self.next_number if in_order else next(iter(self.waiting), None)
            if wanted in self.waiting:
                self.next_number += 1
                batch = self.waiting.pop(wanted)
                if batch is not None and isinstance(batch[0], Failure):
                    raise batch[0].error()
                return batch
            number, worker, batch = self._receive()
            if batch is None and worker in self.active:
                self.active.remove(worker)
            self.waiting[number] = batch

    def drain(self) -> None:
        """Wait for what was asked for and is not wanted any more."""
        came = len(self.waiting) + self.next_number
        for _ in range(self.asked - came):
            self._receive()

    def _receive(self) -> Any:
        start = time.monotonic()
        while True:
            try:
                return self.pool.results.get(timeout=min(PATIENCE, self.timeout or PATIENCE))
            except queue.Empty:
                dead = [w.pid for w in self.pool.workers if not w.is_alive()]
                if dead:
                    raise RuntimeError(
                        f"DataLoader worker (pid(s) {', '.join(map(str, dead))}) exited "
                        "unexpectedly: it was killed, or its memory ran out"
                    ) from None
                if self.timeout and time.monotonic() - start >= self.timeout:
                    raise RuntimeError(
                        f"DataLoader timed out after {self.timeout} seconds"
                    ) from None
