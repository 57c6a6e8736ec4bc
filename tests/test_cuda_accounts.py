"""The allocator's own decisions against a driver that is a few lists: accounts, retries, words."""

from __future__ import annotations

import gc
from types import SimpleNamespace

import pytest

from tritongrad.cuda import memory
from tritongrad.cuda.memory import Blocks, Memory
from tritongrad.errors import OutOfMemoryError

MIB = 1 << 20


class Driver:
    """What memory.py calls of the driver, with a total, a log, and codes that can be ordered."""

    CUresult = SimpleNamespace(CUDA_ERROR_OUT_OF_MEMORY=2)
    CUmemAllocationType = SimpleNamespace(CU_MEM_ALLOCATION_TYPE_PINNED="pinned")
    CUmemLocationType = SimpleNamespace(CU_MEM_LOCATION_TYPE_DEVICE="device")
    CUmemPool_attribute = SimpleNamespace(
        CU_MEMPOOL_ATTR_RELEASE_THRESHOLD="threshold",
        CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT="reserved",
        CU_MEMPOOL_ATTR_USED_MEM_CURRENT="used",
    )

    def __init__(self, total: int) -> None:
        self.total, self.live, self.next, self.log = total, {}, 4096, []
        self.reserved, self.orders = 0, []  # orders: codes of the next allocations

    def CUmemPoolProps(self) -> object:
        return SimpleNamespace(allocType=None, location=SimpleNamespace(type=None, id=None))

    def cuMemPoolCreate(self, props: object) -> tuple:
        self.props = props
        return 0, "pool"

    @staticmethod
    def cuuint64_t(n: int) -> int:
        return n

    def cuMemPoolSetAttribute(self, pool: str, key: str, value: int) -> tuple:
        self.log.append(("set", pool, key, value))
        return (0,)

    def cuMemPoolGetAttribute(self, pool: str, key: str) -> tuple:
        assert pool == "pool"
        return 0, self.reserved if key == "reserved" else self.used

    def cuMemPoolTrimTo(self, pool: str, size: int) -> tuple:
        self.log.append(("trim", pool, size))
        self.reserved = self.used
        return (0,)

    @property
    def used(self) -> int:
        return sum(self.live.values())

    def _allocate(self, size: int) -> tuple:
        code = self.orders.pop(0) if self.orders else 0
        if code or self.used + size > self.total:
            return code or 2, 0
        block, self.next = self.next, self.next + size + 4096
        self.live[block] = size
        self.reserved = max(self.reserved, self.used)
        return 0, block

    def cuMemAlloc(self, size: int) -> tuple:
        self.log.append("direct")
        return self._allocate(size)

    def cuMemAllocFromPoolAsync(self, size: int, pool: str, handle: int) -> tuple:
        self.log.append(("from pool", handle))
        assert pool == "pool"
        return self._allocate(size)

    def cuMemFree(self, block: int) -> tuple:
        del self.live[block]
        self.log.append("direct free")
        return (0,)

    def cuMemFreeAsync(self, block: int, handle: int) -> tuple:
        del self.live[block]
        self.log.append(("free", handle))
        return (0,)

    def cuMemGetInfo(self) -> tuple:
        return 0, self.total - self.reserved, self.total


class Device:
    """What memory.py asks of its device."""

    index, capture = 3, None

    def __init__(self) -> None:
        self.waits = 0
        self.lanes = [SimpleNamespace(handle=h, capture=None, blocks=Blocks()) for h in (70, 71)]

    def __str__(self) -> str:
        return "cuda:3"

    def check(self, result: tuple, name: str) -> object:
        assert result[0] == 0, name
        return result[1] if len(result) == 2 else result[1:]

    def failed(self, name: str, code: int, what: str) -> Exception:
        return RuntimeError(f"{name}: error {code}, {what}")

    def synchronize(self) -> None:
        self.waits += 1


@pytest.fixture
def parts(monkeypatch):
    monkeypatch.delenv("TRITONGRAD_POISON", raising=False)
    monkeypatch.delenv("TRITONGRAD_NO_POOL", raising=False)
    device, driver = Device(), Driver(8 * MIB)
    return device, driver, Memory(device, driver)


def test_the_pool_is_made_for_the_device_and_told_to_keep_what_it_has(parts):
    _device, driver, own = parts
    assert driver.props.allocType == "pinned"
    assert (driver.props.location.type, driver.props.location.id) == ("device", 3)
    assert driver.log == [("set", "pool", "threshold", 2**64 - 1)]
    assert (own.allocated, own.peak, own.retries, own.poison, own.direct) == (0, 0, 0, False, False)
    assert own.careful is False and own.watched == {}


def test_a_full_device_is_asked_again_after_everything_was_given_back(parts, monkeypatch):
    device, driver, own = parts
    collected = []
    monkeypatch.setattr(memory.gc, "collect", lambda: collected.append(1))
    a, b = device.lanes
    for lane in (a, b):
        for _ in range(2):
            assert lane.blocks.give(MIB, own.obtain(MIB, lane))
    assert (own.cached(), own.reserved(), own.retries) == (4 * MIB, 4 * MIB, 0)
    b.capture = "a graph"  # what it holds cannot be given back now
    assert own.obtain(6 * MIB, a) in driver.live
    assert (own.retries, collected, device.waits) == (1, [1], 1)
    assert driver.log.count(("free", 70)) == 2 and ("free", 71) not in driver.log
    assert driver.log.count(("trim", "pool", 0)) == 1
    assert own.cached() == 2 * MIB


def test_while_a_graph_is_captured_nobody_waits(parts):
    device, driver, own = parts
    device.capture = "a graph"
    own.be_careful()
    assert own.careful
    own.reclaim()
    assert device.waits == 0 and not [x for x in driver.log if x[0] == "trim"]
    device.capture = None
    own.be_careful()
    assert not own.careful


def test_the_error_says_what_there_is(parts):
    device, driver, own = parts
    own.obtain(3 * MIB, device.lanes[0])
    driver.reserved = 5 * MIB  # two of them are the pool's, and free
    own.allocated = 3 * MIB
    with pytest.raises(OutOfMemoryError) as caught:
        own.obtain(6 * MIB, device.lanes[0])
    text = str(caught.value)
    assert text.startswith(f"cuda:3: no memory for {6 * MIB} bytes (6.00 MiB): 5.00 MiB free of ")
    assert f"8.00 MiB ({5 * MIB} of {8 * MIB} bytes), 3.00 MiB in live tensors" in text
    assert own.retries == 1 and len(driver.live) == 1 and own.allocated == 3 * MIB


def test_another_failure_is_not_taken_for_a_full_device(parts):
    device, driver, own = parts
    driver.orders = [700]
    with pytest.raises(RuntimeError, match="cuMemAllocFromPoolAsync: error 700, 512 bytes"):
        own.obtain(512, device.lanes[0])
    assert own.retries == 0
    driver.orders = [2]
    assert own.obtain(512, device.lanes[1]) in driver.live
    assert own.retries == 1 and driver.log[-1] == ("from pool", 71)


def test_a_block_goes_back_in_the_order_of_its_lane(parts):
    device, driver, own = parts
    own.give_back(own.obtain(512, device.lanes[1]), device.lanes[1])
    assert driver.log[-1] == ("free", 71) and not driver.live


def test_without_the_pool_everything_is_the_drivers(monkeypatch):
    monkeypatch.setenv("TRITONGRAD_NO_POOL", "1")
    monkeypatch.setenv("TRITONGRAD_POISON", "1")
    device, driver = Device(), Driver(MIB)
    own = Memory(device, driver)
    assert own.pool is None and own.direct and own.poison and own.careful
    block = own.obtain(4096, device.lanes[0])
    own.allocated = 4096
    assert own.reserved() == 4096 and own.free_and_total() == (MIB - 4096, MIB)
    own.give_back(block, device.lanes[0])
    own.empty()
    assert driver.log == ["direct", "direct free"] and device.waits == 1
    assert own._pool_value("USED_MEM_CURRENT") == 4096


def test_work_of_other_lanes_is_waited_for(parts):
    _, _, own = parts
    own.watch(4096, "one")
    own.watch(4096, "two")
    own.watch(8192, "one")
    assert own.careful and own.watched == {4096: {"one", "two"}, 8192: {"one"}}
    own.watched.clear()
    own.be_careful()
    assert not own.careful


def test_the_summary_has_every_account(parts):
    device, _driver, own = parts
    device.lanes[1].blocks.give(512, own.obtain(512, device.lanes[1]))
    own.allocated, own.peak, own.retries = 3 << 30, 5 * MIB, 7
    lines = own.summary().splitlines()
    assert lines[0] == "cuda:3: 7 retries when full"
    rows = [line.rsplit(" bytes", 1)[0].rsplit(None, 1) for line in lines[1:] if "bytes  " in line]
    sizes = {line.split("  ")[1]: int(line.split(" bytes")[0].split()[-1]) for line in lines[1:]}
    assert len(rows) >= 5 and sizes == {
        "in live tensors": 3 << 30,
        "at most so far": 5 * MIB,
        "kept for small tensors": 512,
        "held from the device": 512,
        "free": 8 * MIB - 512,
        "total": 8 * MIB,
    }
    assert lines[1].endswith("3.00 GiB") and lines[3].endswith("512 bytes")
    own.reset_peak()
    assert own.peak == 3 << 30


def test_words_for_sizes():
    sizes = (0, 1023, 1024, MIB - 1, MIB, (1 << 30) - 1, 1 << 30, 5 << 29)
    told = [memory._human(n) for n in sizes]
    assert told[:4] == ["0 bytes", "1023 bytes", "1.00 KiB", "1024.00 KiB"]
    assert told[4:] == ["1.00 MiB", "1024.00 MiB", "1.00 GiB", "2.50 GiB"]


def test_freed_blocks_are_bounded_in_length_and_in_sum():
    kept = Blocks("lane")
    assert (kept.owner, kept.largest, kept.most, kept.held) == ("lane", 1 << 20, 64 << 20, 0)
    kept = Blocks(largest=1024, most=2048)
    assert not kept.give(1025, 1)  # too long
    assert kept.give(1024, 2) and kept.give(1024, 3)  # to the very bounds
    assert kept.held == 2048 and not kept.give(512, 4)
    assert kept.take(512) == 0 and kept.take(1024) == 3 and kept.held == 1024
    assert sorted(kept.drain()) == [(1024, 2)] and kept.drain() == [] and kept.held == 0
    assert kept.take(1024) == 0


def test_a_block_that_another_thread_took_first_is_no_block():
    class Racing(list):
        def __bool__(self) -> bool:
            return True

    kept = Blocks()
    kept.lists[512] = Racing()
    assert kept.take(512) == 0 and kept.held == 0


def test_draining_passes_over_what_another_thread_takes():
    class Racing(list):
        def pop(self) -> int:
            super().pop()
            raise IndexError

    kept = Blocks()
    kept.lists[512] = Racing([1])
    assert kept.drain() == []


def test_dead_cycles_make_room(parts):
    device, _driver, own = parts
    lane = device.lanes[0]

    class Holder:
        def __init__(self, block: int) -> None:
            self.block, self.me = block, self

        def __del__(self) -> None:
            own.give_back(self.block, lane)

    gc.collect()
    gc.disable()
    try:
        Holder(own.obtain(6 * MIB, lane))
        assert own.obtain(6 * MIB, lane)
    finally:
        gc.enable()
    assert own.retries == 1
