"""Datasets, samplers and the loader, with worker processes and without."""

from __future__ import annotations

import itertools
import os
from collections import namedtuple

import numpy as np
import pytest

import tritongrad as tg
from tritongrad.utils import data as D

X = tg.arange(100).reshape(50, 2).float()
Y = tg.arange(50)
Point = namedtuple("Point", "x y")


def joined(lists):
    return list(itertools.chain.from_iterable(lists))


class Mixed(D.Dataset):
    def __len__(self):
        return 20

    def __getitem__(self, i):
        return X[i], {"n": np.float32(i), "name": str(i)}, Point(i, float(i))


class Stream(D.IterableDataset):
    def __iter__(self):
        info = D.get_worker_info()
        start, step = (info.id, info.num_workers) if info else (0, 1)
        return iter(range(start, 23, step))


class Broken(D.Dataset):
    def __init__(self, how):
        self.how = how

    def __len__(self):
        return 8

    def __getitem__(self, i):
        if i < 5:
            return i
        if self.how == "raise":
            raise KeyError("item 5 is missing")
        os._exit(1)


class Seeds(D.Dataset):
    def __len__(self):
        return 6

    def __getitem__(self, i):
        return D.get_worker_info().id, tg.rand(()).item(), np.random.rand()


def test_batches_come_in_order_and_the_last_may_be_short():
    loader = D.DataLoader(D.TensorDataset(X, Y), batch_size=8)
    batches = list(loader)
    assert len(loader) == len(batches) == 7 and batches[-1][0].shape == (2, 2)
    assert joined(y.tolist() for _, y in batches) == list(range(50))
    assert len(list(D.DataLoader(D.TensorDataset(Y), 8, drop_last=True))) == 6


@pytest.mark.parametrize("workers", [0, 2])
def test_items_of_every_kind_are_collated(workers):
    loader = D.DataLoader(Mixed(), batch_size=8, num_workers=workers)
    for first, (x, named, point) in zip((0, 8, 16), loader, strict=True):
        n = min(8, 20 - first)
        assert x.tolist() == X[first : first + n].tolist() and x.dtype == tg.float32
        assert named["n"].dtype == tg.float32 and named["name"][0] == str(first)
        assert isinstance(point, Point) and point.x.dtype == tg.int64
        assert point.y.dtype == tg.float64 and point.y[0] == first


def test_tensors_are_selected_at_once_as_they_are_collated_one_by_one():
    dataset = D.Subset(D.TensorDataset(X, Y), list(range(0, 50, 3)))
    quick = list(D.DataLoader(dataset, 4))
    slow = list(D.DataLoader(dataset, 4, collate_fn=lambda items: D.default_collate(items)))
    for one, other in zip(quick, slow, strict=True):
        assert type(one) is type(other) is list
        assert [t.tolist() for t in one] == [t.tolist() for t in other]


def test_shuffling_follows_the_generator_and_takes_each_item_once():
    def order(seed):
        generator = tg.Generator().manual_seed(seed)
        loader = D.DataLoader(D.TensorDataset(Y), 7, shuffle=True, generator=generator)
        return [joined(y.tolist() for (y,) in loader) for _ in range(2)]

    first, second = order(1)
    assert order(1) == [first, second] != order(2)
    assert sorted(first) == sorted(second) == list(range(50)) != first != second


@pytest.mark.parametrize("workers", [0, 2])
def test_a_stream_is_split_among_the_workers(workers):
    loader = D.DataLoader(Stream(), batch_size=4, num_workers=workers)
    for _ in range(2):
        assert sorted(joined(b.tolist() for b in loader)) == list(range(23))
    kept = list(D.DataLoader(Stream(), batch_size=4, num_workers=workers, drop_last=True))
    assert {len(b) for b in kept} == {4}


def test_workers_that_persist_survive_a_pass_that_was_left():
    loader = D.DataLoader(Mixed(), 4, num_workers=2, persistent_workers=True)
    seen = []
    for stop in (5, 1, 5):
        passed = itertools.islice(loader, stop)
        seen.append([x[0, 0].item() for x, *_ in passed])
        del passed
    assert seen == [[0, 8, 16, 24, 32], [0], [0, 8, 16, 24, 32]]


def test_batches_out_of_order_are_all_there():
    loader = D.DataLoader(D.TensorDataset(Y), 7, num_workers=2, in_order=False)
    assert sorted(joined(y.tolist() for (y,) in loader)) == list(range(50))


def test_an_error_of_a_worker_comes_in_its_turn_with_its_traceback():
    loader = iter(D.DataLoader(Broken("raise"), 2, num_workers=2))
    assert [next(loader).tolist() for _ in range(2)] == [[0, 1], [2, 3]]
    with pytest.raises(KeyError, match=r"Caught KeyError in DataLoader worker process 0"):
        next(loader)


def test_a_worker_that_dies_is_an_error():
    with pytest.raises(RuntimeError, match="exited unexpectedly"):
        list(D.DataLoader(Broken("exit"), 2, num_workers=1))


def test_workers_draw_different_numbers_and_the_same_each_time():
    def drawn():
        tg.manual_seed(3)
        return [[v.item() for v in b] for b in D.DataLoader(Seeds(), 1, num_workers=2)]

    once = drawn()
    assert drawn() == once
    assert len({b[1] for b in once}) == 6 and len({b[2] for b in once}) == 6
    assert [b[0] for b in once] == [0, 1, 0, 1, 0, 1] and D.get_worker_info() is None


def test_workers_are_set_up_and_may_be_spawned():
    started = D.DataLoader(D.TensorDataset(Y), 25, num_workers=1, multiprocessing_context="spawn")
    assert [len(y) for (y,) in started] == [25, 25]

    def fail(worker):
        raise OSError(f"no disk for worker {worker}")

    with pytest.raises(OSError, match="no disk for worker 0"):
        list(D.DataLoader(D.TensorDataset(Y), 25, num_workers=1, worker_init_fn=fail))


def test_a_random_sampler_of_ten_billion_is_lazy():
    sampler = D.RandomSampler(Y, replacement=True, num_samples=int(1e10))
    assert len(sampler) == int(1e10)
    assert all(0 <= i < 50 for i in itertools.islice(sampler, 3000))
    orders = list(D.RandomSampler(range(5), num_samples=12))
    assert len(orders) == 12 and sorted(orders[:5]) == sorted(orders[5:10]) == list(range(5))
    loader = D.DataLoader(D.TensorDataset(Y), 32, sampler=sampler, num_workers=1)
    assert next(iter(loader))[0].shape == (32,)


def test_samplers_choose_as_they_say():
    assert set(D.WeightedRandomSampler([0.0, 1.0, 3.0], 200)) == {1, 2}
    assert sorted(D.WeightedRandomSampler([1.0, 1.0, 3.0], 3, replacement=False)) == [0, 1, 2]
    assert sorted(D.SubsetRandomSampler([3, 9, 4])) == [3, 4, 9]
    assert list(D.BatchSampler(range(7), 3, drop_last=True)) == [[0, 1, 2], [3, 4, 5]]
    own = D.DataLoader(D.TensorDataset(Y), batch_sampler=[[1, 2], [49]])
    assert [y.tolist() for (y,) in own] == [[1, 2], [49]] and len(own) == 2


def test_without_batches_items_come_one_by_one_as_tensors():
    items = list(D.DataLoader([np.ones(2), 3, "word"], batch_size=None))
    assert items[0].tolist() == [1, 1] and items[1:] == [3, "word"]


def test_datasets_are_split_joined_and_stacked():
    dataset = D.TensorDataset(Y)
    parts = D.random_split(dataset, [0.5, 0.25, 0.25])
    assert [len(p) for p in parts] == [26, 12, 12]
    assert sorted(p[i][0].item() for p in parts for i in range(len(p))) == list(range(50))
    twice = [
        D.random_split(dataset, [40, 10], tg.Generator().manual_seed(1))[1].indices
        for _ in range(2)
    ]
    assert twice[0] == twice[1]
    both = dataset + D.TensorDataset(Y + 50)
    assert len(both) == 100 and both[50][0] == 50 and both[-1][0] == 99
    assert list(Stream() + Stream()) == [*range(23), *range(23)]
    assert D.StackDataset(a=Y, b=X)[3]["b"].tolist() == [6, 7]


def test_pinned_batches_have_the_same_values():
    (batch,) = D.DataLoader([{"a": 1.0}, {"a": 2.0}], 2, pin_memory=True)
    assert batch["a"].tolist() == [1, 2]


PLAIN = D.TensorDataset(Y)
ERRORS = [
    (lambda: D.DataLoader(PLAIN, 2, shuffle=True, sampler=[1]), ValueError, "mutually exclusive"),
    (lambda: D.DataLoader(PLAIN, 2, batch_sampler=[[1]]), ValueError, "mutually exclusive"),
    (lambda: D.DataLoader(PLAIN, 0), ValueError, "positive integer"),
    (lambda: D.DataLoader(PLAIN, num_workers=-1), ValueError, "non-negative"),
    (lambda: D.DataLoader(PLAIN, prefetch_factor=2), ValueError, "num_workers > 0"),
    (lambda: D.DataLoader(Stream(), shuffle=True), ValueError, "IterableDataset"),
    (lambda: D.TensorDataset(X, Y[:3]), AssertionError, "Size mismatch"),
    (lambda: D.random_split(PLAIN, [10, 10]), ValueError, "does not equal"),
    (lambda: D.default_collate([object()]), TypeError, "must contain tensors"),
    (lambda: D.default_collate([[1], [1, 2]]), RuntimeError, "equal size"),
    (lambda: D.RandomSampler(Y, num_samples=0), ValueError, "positive integer"),
    (lambda: D.ConcatDataset([PLAIN])[50], IndexError, "out of range"),
    (lambda: list(D.DataLoader(PLAIN, sampler=[50])), IndexError, "out of range"),
]


@pytest.mark.parametrize(("call", "error", "text"), ERRORS)
def test_errors_say_what_is_wrong(call, error, text):
    with pytest.raises(error, match=text):
        call()
