"""Compiles users' kernels for GPUs that are not here: by warmup(arch=), by TRITONGRAD_COMPILE."""

from __future__ import annotations

import contextlib
import functools
import os
import re
import threading
from collections.abc import Iterator
from typing import Any

DEFAULT_ARCH = 90  # what is compiled for where there is no GPU, and none is named
# The most shared memory of a program, by architecture, in KiB; of others nothing is known.
SHARED = {80: 163, 86: 99, 87: 163, 89: 99, 90: 227, 100: 227, 103: 227, 120: 99, 121: 99}
TENSOR_MEMORY = 512  # columns, where there is any


class Aim(threading.local):
    """The architecture that this thread compiles for; None means that of the GPU."""

    arch: int | None = None
    for_a_launch = False  # whether a launch follows, and so runs the hooks


aim = Aim()


@contextlib.contextmanager
def aimed_at(arch: Any) -> Iterator[None]:
    """What is compiled inside is for this architecture, 90 or "sm_90"; None changes nothing."""
    outer = aim.arch
    aim.arch = outer if arch is None else number_of(str(arch), "warmup: arch")
    try:
        yield
    finally:
        aim.arch = outer


@functools.cache
def number_of(text: str, who: str) -> int:
    found = re.fullmatch(r"(?:sm_?)?(\d{2,3})a?", text.strip())
    if found is None:
        raise ValueError(f"{who} must be an architecture such as 80 or sm_90, got {text!r}")
    return int(found[1])


class Hooks(list):
    """The hooks of a kernel, which wait for the launch where this thread compiles for one"""

    def __iter__(self) -> Iterator:
        return iter(()) if aim.for_a_launch else super().__iter__()


def asked() -> tuple[int, ...]:
    """The architectures for which every launch on interpret is compiled too."""
    return listed(os.environ.get("TRITONGRAD_COMPILE", ""))


@functools.cache
def listed(text: str) -> tuple[int, ...]:
    if text in ("", "0"):
        return ()
    if text == "1":
        return (DEFAULT_ARCH,)
    return tuple(number_of(part, "TRITONGRAD_COMPILE") for part in text.split(","))


def compile_too(stock: Any, kernel: Any, args: tuple, kwargs: dict) -> None:
    """Compile a launch for the architectures asked for, so that what they refuse is heard here

    `stock` is Triton's own JITFunction.run, which keeps what it has compiled.
    """
    if kernel.pre_run_hooks and type(kernel.pre_run_hooks) is not Hooks:
        kernel.pre_run_hooks = Hooks(kernel.pre_run_hooks)
    for arch in asked():
        try:
            aim.for_a_launch = True
            with aimed_at(arch):
                made = stock(kernel, *args, grid=(1,), warmup=True, **kwargs)
            refuse_oversized(made.metadata, arch)
        except Exception as error:
            error.add_note(
                f"compiling {kernel.__name__} for sm_{arch}, which TRITONGRAD_COMPILE asks for; "
                "the interpreter has not run it"
            )
            raise
        finally:
            aim.for_a_launch = False


def refuse_oversized(metadata: Any, arch: int) -> None:
    """Code that needs more than the GPU has compiles, and then does not start."""
    from triton.runtime.errors import OutOfResources

    limit = SHARED.get(arch, 1 << 20) << 10
    if metadata.shared > limit:
        raise OutOfResources(metadata.shared, limit, "shared memory")
    columns = getattr(metadata, "tmem_size", None) or 0
    if columns > TENSOR_MEMORY:
        raise OutOfResources(columns, TENSOR_MEMORY, "tensor memory")
