"""Machine code on disk: one file a compilation, written whole or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from functools import lru_cache
from pathlib import Path

FORMAT = 1  # a change of the file's layout, or of what launching needs to know
# What of the environment changes the code that Triton makes.
ENVIRONMENT = ("TRITON_PTXAS_PATH", "TRITON_PTXAS_BLACKWELL_PATH", "TRITON_DISABLE_LINE_INFO")
ENVIRONMENT += ("TRITON_DEBUG", "DISABLE_PTXAS_OPT", "PTXAS_OPTIONS", "TRITON_F32_DEFAULT")


def key_of(text: str) -> str:
    """The name of a compilation: of its spec, of Triton, and of our format."""
    import triton

    surroundings = [os.environ.get(name) for name in ENVIRONMENT]
    whole = f"{FORMAT} {triton.__version__} {surroundings} {text}"
    return hashlib.sha256(whole.encode()).hexdigest()


@lru_cache(maxsize=1)
def kernels_hash() -> str:
    """One hash over the sources of all our kernels: they call each other, and are few."""
    import tritongrad.kernels

    digest = hashlib.sha256()
    for path in sorted(Path(tritongrad.kernels.__path__[0]).glob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def folder() -> Path:
    """Where the files lie: TRITONGRAD_CACHE_DIR, else the user's cache folder."""
    named = os.environ.get("TRITONGRAD_CACHE_DIR")
    if named:
        return Path(named)
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(base, "tritongrad")


def fallback() -> Path:
    """Where they lie if that place cannot be written: a folder only this user can write."""
    return Path(tempfile.gettempdir(), f"tritongrad-{os.getuid()}")


def read(key: str) -> tuple[dict, bytes] | None:
    """Metadata and machine code, or None if there is no such file or it is damaged."""
    for place in (folder(), fallback()):
        try:
            if place.stat().st_uid not in (os.getuid(), 0):  # code that others could have put there
                continue
            raw = (place / f"{key}.bin").read_bytes()
        except OSError:
            continue
        head, separator, cubin = raw.partition(b"\n")
        with contextlib.suppress(ValueError, KeyError):
            meta = json.loads(head)
            if separator and meta.pop("sha256") == hashlib.sha256(cubin).hexdigest():
                return meta, cubin
    return None


def write(key: str, meta: dict, cubin: bytes) -> None:
    """Keep a compilation; without any writable folder it is simply not kept."""
    head = json.dumps({**meta, "sha256": hashlib.sha256(cubin).hexdigest()})
    for place in (folder(), fallback()):
        try:
            place.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=place, suffix=".tmp")
            with os.fdopen(handle, "wb") as file:
                file.write(head.encode() + b"\n" + cubin)
            os.replace(temporary, place / f"{key}.bin")  # readers see the old file or the new
            return
        except OSError:
            continue
