"""The interpreter's memory: what a running kernel may touch, checked before every access."""

import dataclasses
import threading

import numpy as np


class OutOfBoundsError(IndexError):
    """A kernel touched memory outside its arguments."""


@dataclasses.dataclass(slots=True)
class Argument:
    """A pointer argument: its name, address, element size and the memory that it may touch."""

    name: str
    ptr: int
    itemsize: int
    low: int
    high: int
    written: bool = False  # whether the kernel has written through it


class State(threading.local):
    """What the running kernel of this thread is, which program runs, and who watches."""

    kernel = ""
    arguments: tuple = ()
    live = None
    observer = None
    grid = (1, 1, 1)
    program = (0, 0, 0)
    poison = False  # whether lanes that a load leaves out hold garbage
    waits = (None, 0)  # program and address of the last atomic that failed, and how often it has


state = State()
PATIENCE = 10_000  # failing atomics of one program at one place, after which nobody will come


def check(kind, ptrs, mask, size):
    """Raises unless every active lane stays inside live memory; tells the observer."""
    addresses = ptrs.data
    if mask is not None:
        active = np.asarray(mask.data)
        if not active.all():
            addresses = addresses[np.broadcast_to(active, addresses.shape)]
    if addresses.size == 0:
        return
    low, high = int(addresses.min()), int(addresses.max()) + size
    own = ptrs.attr.get("argument")
    for argument in state.arguments if own is None else (own,):
        if argument.low <= low and high <= argument.high:
            argument.written |= kind != "load"
            break
    else:
        check_lanes(kind, addresses.reshape(-1), size, own, ptrs.data.size)
    if state.observer is not None:
        state.observer(kind, addresses.reshape(-1), size, state.program)


def check_lanes(kind, addresses, size, own, lanes):
    """The slow path: lanes may lie in several storages where the argument is not known."""
    inside = np.zeros(addresses.shape, bool)
    known = state.arguments if own is None else (own,)
    ranges = [(a.low, a.high) for a in known]
    if own is None and state.live is not None:
        ranges += [(ptr, ptr + nbytes) for ptr, nbytes in state.live()]
    for low, high in ranges:
        inside |= (addresses >= np.uint64(low)) & (addresses + np.uint64(size) <= np.uint64(high))
    if inside.all():
        return
    first = int(addresses[~inside][0])
    if own is None and state.arguments:
        own = min(state.arguments, key=lambda a: min(abs(first - a.low), abs(first - a.high)))
    where = f"address {first:#x}"
    if own is not None:
        offset = (first - own.ptr) // own.itemsize
        where = (
            f"element offset {offset} from argument '{own.name}' (its storage holds elements "
            f"{(own.low - own.ptr) // own.itemsize} to {(own.high - own.ptr) // own.itemsize - 1})"
        )
    raise OutOfBoundsError(
        f"{state.kernel}: {kind} out of bounds at {where}, in program {state.program} of grid "
        f"{state.grid}, {int((~inside).sum())} of {lanes} lanes; check the mask and the strides"
    )


def stuck(addresses, failed):
    """Raises where a program waits for ever: programs run one after the other here."""
    place = (state.program, addresses.tobytes())
    times = state.waits[1] + 1 if state.waits[0] == place else 1
    state.waits = (place, times) if failed else (None, 0)
    if times > PATIENCE:
        state.waits = (None, 0)
        raise RuntimeError(
            f"{state.kernel}: program {state.program} of grid {state.grid} has tried an atomic_cas "
            f"{PATIENCE} times in vain: a lock that was not given back, or a wait for a program "
            "that comes later, which on interpret has not started"
        )
