"""Garbage calls: a documented exception with words, or a result; inputs are never harmed."""

from __future__ import annotations

import random
import signal
import threading
import warnings
from contextlib import contextmanager

import numpy as np
from hunt_garbage import (
    ALLOWED,
    arguments,
    described,
    functions,
    methods,
    state_of,
    tensor,
    tensors_in,
)
from hunt_size import size

import tritongrad as tg

SECONDS = 20  # more than any call takes; a call that hangs ends there


class Hangs(BaseException):
    """A call did not end."""


@contextmanager
def time_limit():
    """End what hangs, where signals can."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(*_):
        raise Hangs

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def one_call(seed, device):
    """(what was called, the function, its arguments, may it write?)."""
    rng = random.Random(seed)
    args, kwargs = arguments(rng, device)
    if rng.random() < 0.5:
        names = functions()
        name, f = names[rng.randrange(len(names))]
    else:
        name = rng.choice(methods())
        target = tensor(rng, device)
        f = getattr(tg.Tensor, name)
        args = [target, *args]
    return name, f, args, kwargs


def kinds(args, kwargs):
    """The names of the types of what is no tensor, in lists too."""
    found = {"float", "int"}  # what numbers become
    for v in [*args, *kwargs.values()]:
        for part in [v, *v] if isinstance(v, (list, tuple)) else [v]:
            if not isinstance(part, tg.Tensor):
                module = "numpy." * isinstance(part, (np.generic, np.ndarray))
                found.add(module + type(part).__name__)
                found.add(f"numpy.{part.__name__}" if part is np.float32 else str(part)[8:-2])
    return found


def complaint(seed, device):
    """What is wrong with what a call does, or None."""
    name, f, args, kwargs = one_call(seed, device)
    inputs = tensors_in([*args, *kwargs.values()])
    before = [state_of(t) for t in inputs]
    call = (
        f"{name}({', '.join(map(described, args))}, {kwargs and described(list(kwargs.items()))})"
    )
    try:
        with time_limit(), warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # PyTorch's words, for losses
            warnings.simplefilter("error", RuntimeWarning)
            warnings.simplefilter("error", np.exceptions.ComplexWarning)
            f(*args, **kwargs)
    except ALLOWED as error:
        if not str(error).strip():
            return f"{call}: {type(error).__name__} without words"
        if [state_of(t) for t in inputs] != before:
            return f"{call}: failed ({error}) and changed an argument"
        return None
    except AttributeError as error:
        # Functions made of others call methods of what they get, as PyTorch's of nn.functional do.
        words = str(error).removeprefix("type object ")
        if any(words.startswith(f"'{kind}' ") for kind in kinds(args, kwargs)):
            return None
        return f"{call}: AttributeError: {error}"
    except BaseException as error:
        return f"{call}: {type(error).__name__}: {error}"
    # functions of nn.functional have an argument `inplace`
    writes = (
        name.endswith("_")
        or name.startswith("F.")
        or name.startswith("__i")
        or name == "__setitem__"
    )
    if (
        not writes
        and "out" not in kwargs
        and [s[0] for s in map(state_of, inputs)] != [s[0] for s in before]
    ):
        return f"{call}: changed an argument"
    return None


def search(seeds, device):
    with tg.device(device):
        found = [(seed, text) for seed in seeds if (text := complaint(seed, device))]
    lines = "\n".join(f"seed {seed}: {text}" for seed, text in found[:10])
    assert not found, f"{len(found)} calls\n{lines}"


def test_garbage_on_the_cpu():
    search(range(size(3_000, 90_000)), "cpu")


def test_garbage_elsewhere(accelerator):
    search(range(10**6, 10**6 + size(400, 10_000)), accelerator)
