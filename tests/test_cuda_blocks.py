"""Freed blocks in front of the driver's pool: a state machine against a driver of lists."""

from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tritongrad.cuda.memory import ROUND, Blocks, rounded

SIZES = st.one_of(st.integers(1, 4096), st.sampled_from([1, 511, 512, 513, 4095, 4096, 4097, 6000]))


class Driver:
    """Bounded memory with real address ranges; streams whose queued work ends when we say so."""

    def __init__(self, total: int) -> None:
        self.total, self.used, self.next, self.live = total, 0, 1 << 20, {}

    def allocate(self, size: int) -> int:
        if self.used + size > self.total:
            return 0
        block, self.next = self.next, self.next + size + ROUND
        self.live[block] = size
        self.used += size
        return block

    def free(self, block: int) -> None:
        assert block in self.live, "free of an unknown block"
        self.used -= self.live.pop(block)


class Cache(RuleBasedStateMachine):
    """Blocks in front of a driver, used as the device uses it, by three streams"""

    def __init__(self) -> None:
        super().__init__()
        self.driver = Driver(60_000)
        self.kept = [Blocks(stream, largest=4096, most=6144) for stream in range(3)]
        self.live: dict[int, tuple[int, int]] = {}
        self.last: dict[int, int] = {}  # block -> the stream on which it was freed last

    @rule(nbytes=SIZES, stream=st.integers(0, 2))
    def allocate(self, nbytes, stream):
        size = rounded(nbytes)
        block = self.kept[stream].take(size)
        if block:
            assert self.last[block] == stream, "reused on another stream than the one it was freed"
            assert self.driver.live[block] == size, "a block of another size"
        else:
            block = self.driver.allocate(size)
        if not block:
            self.empty_all()
            block = self.driver.allocate(size)
        if not block:
            live = sum(size for size, _ in self.live.values())
            assert live + size > self.driver.total, "gave up although memory could be had"
            return
        assert block not in self.live, "a live block was handed out"
        self.live[block] = size, stream

    @precondition(lambda self: self.live)
    @rule(data=st.data())
    def free(self, data):
        block = data.draw(st.sampled_from(sorted(self.live)))
        size, stream = self.live.pop(block)
        self.last[block] = stream
        if not self.kept[stream].give(size, block):
            self.driver.free(block)

    @rule(stream=st.integers(0, 2))
    def empty(self, stream):
        for size, block in self.kept[stream].drain():
            assert self.driver.live[block] == size
            self.driver.free(block)
        assert self.kept[stream].held == 0

    def empty_all(self):
        for stream in range(3):
            self.empty(stream)

    @invariant()
    def no_byte_is_lost(self):
        live = sum(size for size, _ in self.live.values())
        assert live + sum(kept.held for kept in self.kept) == self.driver.used

    @invariant()
    def the_bounds_hold(self):
        for kept in self.kept:
            assert 0 <= kept.held <= kept.most
            blocks = [b for found in kept.lists.values() for b in found]
            assert len(set(blocks)) == len(blocks) and not set(blocks) & set(self.live)
            assert all(size <= kept.largest for size, found in kept.lists.items() if found)

    def teardown(self):
        for block, (size, stream) in self.live.items():
            if not self.kept[stream].give(size, block):
                self.driver.free(block)
        self.empty_all()
        assert self.driver.used == 0 and not self.driver.live


TestFreedBlocks = Cache.TestCase
TestFreedBlocks.settings = settings(
    max_examples=60,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


class Lane:
    """A stream, as plans know it: where its freed blocks are"""

    def __init__(self, home: Blocks) -> None:
        self.home = home


class WrittenOut(Cache):
    """The same with the allocation written out in plans and the release in Block.__del__"""

    def __init__(self) -> None:
        super().__init__()
        from tritongrad.cuda.plans import PLAN, maker

        self.lanes = [Lane(kept) for kept in self.kept]
        self.here = SimpleNamespace(lane=None)
        self.memory = SimpleNamespace(allocated=0, peak=0, careful=False)
        self.device = SimpleNamespace(memory=self.memory, obtain=self.obtain, release=self.release)
        self.make = maker(PLAN, "", "False", "address")
        self.make.__globals__.update(here=self.here, launch=lambda *args: (0,))
        self.arrays: dict[int, object] = {}

    def obtain(self, size):
        self.asked = True
        block = self.driver.allocate(size)
        if not block:
            self.empty_all()
            block = self.driver.allocate(size)
        if not block:
            raise MemoryError
        return block

    def release(self, block):
        """What CudaDevice.release does."""
        self.memory.allocated -= block.room
        if not block.home.give(block.room, block.ptr):
            self.driver.free(block.ptr)

    @rule(nbytes=SIZES, stream=st.integers(0, 2))
    def allocate(self, nbytes, stream):
        room, self.asked, self.here.lane = rounded(nbytes), False, self.lanes[stream]
        form = SimpleNamespace(
            device=self.device, shape=(nbytes,), strides=(1,), dtype=None, size=nbytes,
            nbytes=nbytes,
        )  # fmt: skip
        buffers = {lane: [(None,) * 4] for lane in self.lanes}
        ready = SimpleNamespace(lanes=buffers, new_buffer=None, join=None, function=None)
        plan = self.make(form, room, None, ready, None, lambda *args: None)
        try:
            array = plan()
        except MemoryError:
            live = sum(size for size, _ in self.live.values())
            assert live + room > self.driver.total, "gave up although memory could be had"
            return
        block = array.ptr
        assert block not in self.live, "a live block was handed out"
        assert self.driver.live[block] == room, "a block of another size"
        assert self.asked or self.last[block] == stream, "reused on another stream"
        self.live[block], self.arrays[block] = (room, stream), array

    @precondition(lambda self: self.live)
    @rule(data=st.data())
    def free(self, data):
        block = data.draw(st.sampled_from(sorted(self.live)))
        self.last[block] = self.live.pop(block)[1]
        del self.arrays[block]

    @rule(careful=st.booleans())
    def look_closer(self, careful):
        self.memory.careful = careful

    @invariant()
    def the_accounts_hold(self):
        live = sum(size for size, _ in self.live.values())
        assert self.memory.allocated == live <= self.memory.peak

    def teardown(self):
        self.live.clear()
        self.arrays.clear()
        assert self.memory.allocated == 0
        super().teardown()


TestWrittenOut = WrittenOut.TestCase
TestWrittenOut.settings = TestFreedBlocks.settings


@pytest.mark.parametrize("nbytes", [0, 1, 511, 512, 513, 1 << 30])
def test_a_block_holds_what_was_asked_for(nbytes):
    assert rounded(nbytes) >= nbytes and rounded(nbytes) % ROUND == 0
    assert rounded(nbytes) - nbytes < ROUND
