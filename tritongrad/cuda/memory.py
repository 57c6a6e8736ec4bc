"""Device memory: the driver's stream-ordered pool, and small freed blocks kept in front of it."""

from __future__ import annotations

import gc
import os
from typing import TYPE_CHECKING, Any

from tritongrad.errors import OutOfMemoryError

if TYPE_CHECKING:
    from tritongrad.cuda.gpu import CudaDevice

ROUND = 512  # bytes; every block starts at a multiple of it
LARGEST = 1 << 20  # longer blocks go to the driver: their kernels hide the cost of its calls
MOST = 64 << 20  # bytes kept per stream; beyond it they go to the driver, which can merge them


class Blocks:
    """Freed blocks by exact size, for reuse in the order of one stream

    Asking the driver costs 0.4 us and more for each pair of calls, a list 0.1 us. Nothing here
    touches the driver. Appending to and popping from a list are atomic, so threads need no lock,
    and a finalizer that runs in the middle of take() may give() safely.
    """

    __slots__ = ("held", "largest", "lists", "most", "owner")

    def __init__(self, owner: Any = None, largest: int = LARGEST, most: int = MOST) -> None:
        self.owner = owner
        self.lists: dict[int, list[int]] = {}
        self.held = 0
        self.largest = largest
        self.most = most

    def take(self, size: int) -> int:
        """A block of exactly this size, or 0."""
        found = self.lists.get(size)
        if not found:
            return 0
        try:
            block = found.pop()
        except IndexError:  # another thread took the last one
            return 0
        self.held -= size
        return block

    def give(self, size: int, block: int) -> bool:
        """Keep a freed block; False when it should go back to the driver."""
        if size > self.largest or self.held + size > self.most:
            return False
        found = self.lists.get(size)
        if found is None:
            found = self.lists.setdefault(size, [])
        found.append(block)
        self.held += size
        return True

    def drain(self) -> list[tuple[int, int]]:
        """Every (size, block), which are no longer kept."""
        gone = []
        for size, found in list(self.lists.items()):
            while found:
                block = self.take(size)
                if block:
                    gone.append((size, block))
        return gone


class Memory:
    """The allocations of one device: accounts, the driver's pool, and what to do when it is full"""

    def __init__(self, device: CudaDevice, cu: Any) -> None:
        self.device = device
        self.cu = cu
        self.allocated = self.peak = self.retries = 0
        self.poison = os.environ.get("TRITONGRAD_POISON") == "1"
        self.direct = os.environ.get("TRITONGRAD_NO_POOL") == "1"
        self.pool = None if self.direct else self._create_pool()
        self.watched: dict[int, set] = {}  # block -> lanes with work on it, beside its own
        self.be_careful()

    def _create_pool(self) -> Any:
        """The driver's pool, told to keep what it has instead of unmapping it when we wait."""
        cu, check = self.cu, self.device.check
        props = cu.CUmemPoolProps()
        props.allocType = cu.CUmemAllocationType.CU_MEM_ALLOCATION_TYPE_PINNED
        props.location.type = cu.CUmemLocationType.CU_MEM_LOCATION_TYPE_DEVICE
        props.location.id = self.device.index
        pool = check(cu.cuMemPoolCreate(props), "cuMemPoolCreate")
        threshold = cu.CUmemPool_attribute.CU_MEMPOOL_ATTR_RELEASE_THRESHOLD
        keep_all = cu.cuuint64_t(2**64 - 1)
        check(cu.cuMemPoolSetAttribute(pool, threshold, keep_all), "cuMemPoolSetAttribute")
        return pool

    def watch(self, block: int, lane: Any) -> None:
        """A lane other than its own uses a block: reuse has to wait for it."""
        self.watched.setdefault(block, set()).add(lane)
        self.careful = True

    def be_careful(self) -> None:
        """Whether releasing a block has to look at more than its size."""
        capturing = self.device.capture is not None
        self.careful = bool(self.poison or self.watched or capturing)

    # The driver's side of one block.

    def obtain(self, size: int, lane: Any) -> int:
        """A new block from the driver; when it is full, once more after giving back the cache."""
        block = self._ask(size, lane)
        if not block:
            self.retries += 1
            self.reclaim()
            block = self._ask(size, lane)
        if block:
            return block
        free, total = self.free_and_total()
        raise OutOfMemoryError(
            f"{self.device}: no memory for {size} bytes ({_human(size)}): {_human(free)} free of "
            f"{_human(total)} ({free} of {total} bytes), {_human(self.allocated)} in live tensors; "
            "free some of them, use a smaller batch, or see tritongrad.cuda.memory_summary()"
        )

    def _ask(self, size: int, lane: Any) -> int:
        cu = self.cu
        if self.direct:
            code, block = cu.cuMemAlloc(size)
        else:
            code, block = cu.cuMemAllocFromPoolAsync(size, self.pool, lane.handle)
        if not code:
            return int(block)
        if code == cu.CUresult.CUDA_ERROR_OUT_OF_MEMORY:
            return 0
        raise self.device.failed("cuMemAllocFromPoolAsync", code, f"{size} bytes")

    def give_back(self, block: int, lane: Any) -> None:
        """Return one block to the driver, in the order of the lane it was allocated on."""
        cu = self.cu
        if self.direct:
            self.device.check(cu.cuMemFree(block), "cuMemFree")
        else:
            self.device.check(cu.cuMemFreeAsync(block, lane.handle), "cuMemFreeAsync")

    # Accounts.

    def free_and_total(self) -> tuple[int, int]:
        """Bytes that can still be allocated, those the pool holds unused included, and all."""
        free, total = self.device.check(self.cu.cuMemGetInfo(), "cuMemGetInfo")
        reserved, used = self.reserved(), self._pool_value("USED_MEM_CURRENT")
        return free + max(0, reserved - used), total

    def reserved(self) -> int:
        """Bytes that this process holds from the device, in tensors or for reuse."""
        return self.allocated if self.direct else self._pool_value("RESERVED_MEM_CURRENT")

    def _pool_value(self, name: str) -> int:
        if self.direct:
            return self.allocated
        attribute = getattr(self.cu.CUmemPool_attribute, f"CU_MEMPOOL_ATTR_{name}")
        result = self.cu.cuMemPoolGetAttribute(self.pool, attribute)
        return int(self.device.check(result, "cuMemPoolGetAttribute"))

    def cached(self) -> int:
        """Bytes of freed blocks kept in front of the driver's pool."""
        return sum(lane.blocks.held for lane in self.device.lanes)

    def reset_peak(self) -> None:
        self.peak = self.allocated

    # Giving back.

    def empty(self) -> None:
        """Give every freed block back to the device."""
        for lane in self.device.lanes:
            if lane.capture is None:  # what is queued on a recording stream does not run now
                for _, block in lane.blocks.drain():
                    self.give_back(block, lane)
        if self.device.capture is None:  # waiting is not allowed inside a capture
            self.device.synchronize()
            if self.pool is not None:
                self.device.check(self.cu.cuMemPoolTrimTo(self.pool, 0), "cuMemPoolTrimTo")

    def reclaim(self) -> None:
        """Everything that can make room: dead cycles, freed blocks, work still to end."""
        gc.collect()
        self.empty()

    def summary(self) -> str:
        """A table of the accounts, in bytes and in words."""
        free, total = self.free_and_total()
        rows = {
            "in live tensors": self.allocated,
            "at most so far": self.peak,
            "kept for small tensors": self.cached(),
            "held from the device": self.reserved(),
            "free": free,
            "total": total,
        }
        lines = [f"{self.device}: {self.retries} retries when full"]
        lines += [f"  {name:<24}{size:>16} bytes  {_human(size)}" for name, size in rows.items()]
        return "\n".join(lines)


def rounded(nbytes: int) -> int:
    """The size of the block that holds so many bytes."""
    return (nbytes + ROUND - 1) & -ROUND


def _human(nbytes: int) -> str:
    for unit, size in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if nbytes >= size:
            return f"{nbytes / size:.2f} {unit}"
    return f"{nbytes} bytes"
