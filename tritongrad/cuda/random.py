"""Random numbers made on the device: same seed, same offset, same bits as cpu/random.py."""

import numpy as np

from tritongrad.cpu import random as host
from tritongrad.cuda.array import empty, from_numpy
from tritongrad.cuda.launch import launch
from tritongrad.kernels import random as kernels

COUNTERS = {"cuda": 256, "interpret": 16384}  # counters a program draws from

used = host.used


def refuse_in_capture(device):
    """A seed and an offset are fixed when a graph is recorded: its replays would all draw alike."""
    if device.capturing:
        raise RuntimeError(
            "random: drawn while a CUDA graph is recorded, these numbers would be the same at "
            "every replay; draw them outside and copy them in: make x before the recording, use "
            "it there, and x.copy_(tg.rand(...)) before each replay (an argument of a "
            "tg.cuda.graphed function is copied in by itself); for dropout, pass a mask that way"
        )


def signed(value):
    """The int64 with the low 64 bits of value: kernels take seeds and widths so."""
    value &= 0xFFFFFFFFFFFFFFFF
    return value - (value >> 63 << 64)


def draw(kernel, shape, dtype, device, lanes, *scalars, **constants):
    """Fill a new array with kernel's numbers, `lanes` from each counter."""
    refuse_in_capture(device)
    out = empty(shape, dtype, device)
    if out.size:
        block = COUNTERS[device.kind]
        grid = (-(-out.size // (block * lanes)),)
        launch(kernel, grid, out, out.size, *map(signed, scalars), BLOCK=block, **constants)
    return out


def uniform(shape, dtype, seed, offset, device):
    """Numbers in [0, 1), never 1.0."""
    dtype = np.dtype(dtype)
    if dtype == np.float64:
        return draw(kernels.uniform64, shape, dtype, device, 2, seed, offset)
    digits = {"float32": 24, "float16": 11, "bfloat16": 8}[dtype.name]
    constants = {"DIGITS": digits, "SCALE": 2.0**-digits}
    return draw(kernels.uniform32, shape, dtype, device, 4, seed, offset, **constants)


def normal(shape, dtype, seed, offset, device):
    """Standard normal numbers."""
    if np.dtype(dtype) == np.float64:
        return draw(kernels.normal64, shape, dtype, device, 2, seed, offset)
    return draw(kernels.normal32, shape, dtype, device, 4, seed, offset)


def randint(low, high, shape, dtype, seed, offset, device):
    """Integers in [low, high)."""
    width = host.check_range(low, high)
    return draw(kernels.randint, shape, dtype, device, 2, seed, offset, low, width)


def bernoulli_mask(p, shape, seed, offset, device):
    """True with probability p."""
    bound = host.threshold(p)
    return draw(kernels.bernoulli, shape, np.dtype(bool), device, 4, seed, offset, bound)


def randperm(n, seed, offset, device):
    """A permutation of 0 .. n-1, computed on the host: sorting is not the device's work here."""
    refuse_in_capture(device)
    return from_numpy(host.randperm(n, seed, offset), device)


def multinomial(input, num_samples, replacement, seed, offset, device=None):
    """Indices drawn in proportion to the weights of each row, computed on the host."""
    refuse_in_capture(input.device)
    drawn = host.multinomial(input.numpy(), num_samples, replacement, seed, offset)
    return from_numpy(drawn, input.device)
