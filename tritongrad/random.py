"""Random tensors: counter-based generators, one seed the same numbers on every device."""

from __future__ import annotations

import math
import os
import threading
from contextlib import contextmanager
from typing import Any

import numpy as np

from .autograd.variable import Variable
from .comparing import broadcast_shapes
from .cpu import random as host
from .create import finish, size_of
from .devices import as_device, device, device_of_array, seam
from .dtype import as_dtype, finfo, get_default_dtype, iinfo
from .front import of_tensors
from .tensor import Tensor

DEFAULT_SEED = 67280421310721  # what PyTorch starts from


class Generator:
    """A stream of Philox counters: a seed and how many counters are used up.

    Philox4x32-10: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", 2011.
    """

    def __init__(self, device: Any = None) -> None:
        self.device = as_device(device)
        self._lock = threading.Lock()
        self._seed = DEFAULT_SEED
        self.offset = 0

    def manual_seed(self, seed: int) -> Generator:
        """Start the stream of a seed, any 64-bit integer, from its beginning."""
        if not hasattr(seed, "__index__"):
            raise TypeError(f"manual_seed: expected an int, got {type(seed).__name__}")
        seed = seed.__index__()
        if not -(1 << 63) <= seed < 1 << 64:
            raise RuntimeError(f"manual_seed: the seed must fit into 64 bits, got {seed}")
        with self._lock:
            self._seed = seed & (1 << 64) - 1
            self.offset = 0
        return self

    def initial_seed(self) -> int:
        """The seed of the stream."""
        return self._seed

    def seed(self) -> int:
        """Start from a seed that the operating system draws, and return it."""
        drawn = int.from_bytes(os.urandom(8), "little")
        self.manual_seed(drawn)
        return drawn

    def advance(self, counters: int) -> tuple[int, int]:
        """Take so many counters: (seed, the first of them)."""
        with self._lock:
            first = self.offset
            self.offset += counters
        return self._seed, first

    def get_state(self) -> Tensor:
        """Seed and position as a uint8 tensor of 16 bytes."""
        words = np.array([self._seed, self.offset], np.uint64)
        return finish(words.view(np.uint8), False)

    def set_state(self, state: Tensor) -> Generator:
        """Go where get_state() was."""
        if not isinstance(state, Variable) or state._array.shape != (16,):
            raise RuntimeError("set_state: expected what get_state() returned, 16 bytes of uint8")
        words = np.ascontiguousarray(state._host()).view(np.uint64)
        with self._lock:
            self._seed, self.offset = int(words[0]), int(words[1])
        return self


default_generator = Generator("cpu")


def manual_seed(seed: int) -> Generator:
    """Start the default generator, which every device shares, from a seed."""
    return default_generator.manual_seed(seed)


def seed() -> int:
    """Start the default generator from a seed that the operating system draws."""
    return default_generator.seed()


def initial_seed() -> int:
    """The seed of the default generator."""
    return default_generator.initial_seed()


def get_rng_state() -> Tensor:
    """The state of the default generator."""
    return default_generator.get_state()


def set_rng_state(new_state: Tensor) -> None:
    """Set the state of the default generator."""
    default_generator.set_state(new_state)


@contextmanager
def fork_rng(devices: Any = None, enabled: bool = True) -> Any:
    """What is drawn within leaves the default generator, one for all devices, as it was."""
    state = default_generator.get_state()
    try:
        yield
    finally:
        if enabled:
            default_generator.set_state(state)


def draw(kind: str, count: int, dtype: Any, where: device, generator: Any, *args: Any) -> Any:
    """An array from a kernel of cpu/random.py or cuda/random.py; `args` come before the seed."""
    source = default_generator if generator is None else generator
    if not isinstance(source, Generator):
        raise TypeError(f"generator must be a Generator, got {type(source).__name__}")
    counters = host.used(kind, count, dtype)
    if where.type == "cpu":
        return getattr(host, kind)(*args, *source.advance(counters))
    from .cuda import random as kernels

    on = seam(where)
    kernels.refuse_in_capture(on)  # before the counters are taken: nothing is drawn then
    return getattr(kernels, kind)(*args, *source.advance(counters), on)


def whole(name: str, argument: str, value: Any) -> int:
    """A whole number, from anything that is one."""
    if not hasattr(value, "__index__"):
        raise TypeError(f"{name}: argument '{argument}' must be an int, got {type(value).__name__}")
    return value.__index__()


def check_holds(name: str, dtype: np.dtype, first: int, last: int) -> None:
    """Refuse numbers that a dtype cannot hold: they would wrap, or be infinite."""
    d = as_dtype(dtype)
    limits = finfo(d) if d.is_floating_point else None if dtype.kind == "b" else iinfo(d)
    low, high = (limits.min, limits.max) if limits else (0, 1)
    if first < low or last > high:
        raise RuntimeError(
            f"{name}: {first if first < low else last} is out of bounds for {d.name}, which holds "
            f"{low} to {high}: use a wider dtype"
        )


NAMES = {"uniform": "rand", "normal": "randn"}


def _floating(name: str, dtype: Any) -> np.dtype:
    d = as_dtype(dtype) if dtype is not None else get_default_dtype()
    if not d.is_floating_point:
        raise RuntimeError(f"{name}: only floating dtypes can be drawn from, got {d}")
    return d.numpy


def _continuous(kind, shape, generator, dtype, device, requires_grad):
    d = _floating(NAMES[kind], dtype)
    count = math.prod(shape)
    array = draw(kind, count, d, as_device(device), generator, shape, d)
    return finish(array, requires_grad)


def rand(*sizes, size=None, generator=None, dtype=None, device=None, requires_grad=False):
    """Uniform numbers in [0, 1)."""
    return _continuous(
        "uniform", size_of("rand", sizes, size), generator, dtype, device, requires_grad
    )


def randn(*sizes, size=None, generator=None, dtype=None, device=None, requires_grad=False):
    """Normal numbers of mean 0 and variance 1."""
    return _continuous(
        "normal", size_of("randn", sizes, size), generator, dtype, device, requires_grad
    )


@of_tensors
def rand_like(
    input, *, dtype=None, device=None, requires_grad=False, generator=None, memory_format=None
):
    """Uniform numbers in the shape, dtype and device of input."""
    d, on = dtype or input.dtype, device if device is not None else input.device
    return rand(input.shape, generator=generator, dtype=d, device=on, requires_grad=requires_grad)


@of_tensors
def randn_like(
    input, *, dtype=None, device=None, requires_grad=False, generator=None, memory_format=None
):
    """Normal numbers in the shape, dtype and device of input."""
    d, on = dtype or input.dtype, device if device is not None else input.device
    return randn(input.shape, generator=generator, dtype=d, device=on, requires_grad=requires_grad)


def randint(
    low=0, high=None, size=None, *, generator=None, dtype=None, device=None, requires_grad=False
):
    """Whole numbers from low (0 if absent) up to, not including, high."""
    if size is None and isinstance(high, (tuple, list)):
        low, high, size = 0, low, high
    elif high is None:
        low, high = 0, low
    if size is None:
        raise TypeError("randint: missing argument 'size'")
    low, high = whole("randint", "low", low), whole("randint", "high", high)
    if low >= high:
        raise RuntimeError(f"randint: expected low < high, got low={low} and high={high}")
    shape = size_of("randint", (size,))
    d = (as_dtype(dtype) if dtype is not None else as_dtype("int64")).numpy
    check_holds("randint", d, low, high - 1)
    count = math.prod(shape)
    array = draw("randint", count, d, as_device(device), generator, low, high, shape, d)
    return finish(array, requires_grad)


@of_tensors
def randint_like(input, low, high=None, *, dtype=None, device=None):
    """Whole numbers in the shape, dtype and device of input."""
    low, high = (0, low) if high is None else (low, high)
    on = device if device is not None else input.device
    return randint(low, high, input.shape, dtype=dtype or input.dtype, device=on)


def randperm(n, *, generator=None, dtype=None, device=None, requires_grad=False):
    """The whole numbers from 0 to n - 1 in random order."""
    n = whole("randperm", "n", n)
    if n < 0:
        raise RuntimeError(f"randperm: n must be non-negative, got {n}")
    if dtype is not None:
        check_holds("randperm", as_dtype(dtype).numpy, 0, max(n - 1, 0))
    array = draw("randperm", n, np.int64, as_device(device), generator, n)
    t = finish(array, False)
    return t if dtype is None else t.to(as_dtype(dtype))


def normal(mean=0.0, std=1.0, size=None, *, generator=None, dtype=None, device=None):
    """Normal numbers of a mean and a standard deviation: numbers with `size`, or tensors."""
    check_std("normal", std)
    like = next((x for x in (mean, std) if isinstance(x, Variable)), None)
    if like is not None:
        size = broadcast_shapes(*(x.shape for x in (mean, std) if isinstance(x, Variable)))
        dtype, device = dtype or like.dtype, device or like.device
    if size is None:
        raise TypeError("normal: missing argument 'size'")
    return randn(size, generator=generator, dtype=dtype, device=device) * std + mean


def check_std(name: str, std: Any) -> None:
    """Refuse a negative standard deviation."""
    if bool((std < 0).any()) if isinstance(std, Tensor) else std < 0:
        raise RuntimeError(f"{name} expects std >= 0.0, but found std {std}")


@of_tensors
def bernoulli(input, p=None, *, generator=None):
    """1 with the probability that each element of input (or `p`) says, else 0."""
    chance = input.detach() if p is None else p
    inside = (chance >= 0) & (chance <= 1)
    if not (bool(inside.all()) if isinstance(inside, Tensor) else inside):
        raise RuntimeError("bernoulli: expects probabilities in [0, 1], got others")
    u = rand(input.shape, generator=generator, dtype=as_dtype("float32"), device=input.device)
    return (u < chance).to(input.dtype)


@of_tensors
def multinomial(input, num_samples, replacement=False, *, generator=None):
    """Indices drawn in proportion to the weights in input, a vector or a matrix of rows."""
    if input.ndim not in (1, 2):
        raise RuntimeError(f"multinomial: input must be 1-d or 2-d, got shape {list(input.shape)}")
    num_samples = whole("multinomial", "num_samples", num_samples)
    if num_samples <= 0:
        raise RuntimeError(f"multinomial: cannot sample num_samples={num_samples} <= 0 samples")
    count = num_samples if input.ndim == 1 else num_samples * input.shape[0]
    where = device_of_array(input._array)
    array = draw(
        "multinomial",
        max(count, input.numel()),
        np.float64,
        where,
        generator,
        input._array,
        num_samples,
        replacement,
    )
    return finish(array, False)


def fill(kind: str, t: Tensor, generator: Any, scale: float = 1.0, shift: float = 0.0) -> Tensor:
    """Overwrite a tensor with random numbers (the `uniform_` and `normal_` of tensors)."""
    new = rand if kind == "uniform" else randn
    values = new(t.shape, generator=generator, dtype=t.dtype, device=t.device)
    return t.copy_(values * scale + shift)
