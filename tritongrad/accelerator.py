"""`accelerator`: which device other than the CPU there is."""

from __future__ import annotations

from .devices import device


def is_available() -> bool:
    """Whether a GPU can be used."""
    from . import cuda

    return cuda.is_available()


def current_accelerator(check_available: bool = False) -> device | None:
    """The device of the current GPU, None if there is none."""
    from . import cuda

    return device("cuda", cuda.current_device()) if cuda.is_available() else None


def device_count() -> int:
    """How many GPUs there are."""
    from . import cuda

    return cuda.device_count() if cuda.is_available() else 0


def synchronize() -> None:
    """Wait until the GPU has done all that it was given."""
    from . import cuda

    if cuda.is_available():
        cuda.synchronize()
