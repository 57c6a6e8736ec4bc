"""Builds the stand-in for libcuda and runs Python code against it in a process of its own."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
KERNELS = Path(__file__).resolve().parent / "standin_kernels.py"

# What every piece of code starts with. PyTorch cannot be imported: a finder in front refuses.
PRELUDE = """
import ctypes, sys
import numpy as np

class NoTorch:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in BLOCKED:
            raise ImportError(f"{name} is blocked in this test")

BLOCKED = {"torch"}
sys.meta_path.insert(0, NoTorch())

def fake():
    lib = ctypes.CDLL("libcuda.so.1")
    lib.fake_log.restype = ctypes.c_char_p
    lib.fake_params.restype = ctypes.c_size_t
    for name in ("fake_launches", "fake_retains", "fake_used"):
        getattr(lib, name).restype = ctypes.c_longlong
    lib.fake_set_total.argtypes = [ctypes.c_longlong]
    lib.fake_fail.argtypes = [ctypes.c_longlong, ctypes.c_int]
    return lib

def recorded(lib):
    "Grid, block, shared memory, launch attributes and parameter bytes of the last launch."
    params = ctypes.create_string_buffer(4096)
    size = lib.fake_params(params)
    config = [lib.fake_config(i) for i in range(7)]
    attributes = [lib.fake_attribute(i) for i in range(1 + 2 * lib.fake_attribute(0))]
    pairs = sorted(zip(attributes[1::2], attributes[2::2]))
    return config, pairs, params.raw[:size]

def gpu():
    from tritongrad.cuda.seam import device_of
    return device_of("cuda", 0)

def on_gpu(array):
    from tritongrad.cuda.array import from_numpy
    return from_numpy(np.asarray(array), gpu())
"""


@functools.cache
def folder() -> Path:
    """Where the stand-in lies, compiled once for all tests of this process."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        pytest.skip("the stand-in for libcuda needs a C compiler (cc, gcc or clang)")
    place = Path(tempfile.mkdtemp(prefix="tritongrad-standin-"))
    library = place / "libcuda.so.1"
    source = Path(__file__).resolve().parent / "fake_libcuda.c"
    command = [compiler, "-shared", "-fPIC", "-O1", "-w", "-o", str(library), str(source), "-ldl"]
    subprocess.run(command, check=True)
    (place / "libcuda.so").symlink_to(library.name)
    return place


def environment(**extra: str) -> dict[str, str]:
    """The environment in which libcuda is the stand-in and nothing of the user's is touched."""
    place = folder()
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TRITON")}
    return kept | {
        "LD_LIBRARY_PATH": str(place),
        "TRITON_LIBCUDA_PATH": str(place),
        "TRITON_CACHE_DIR": str(place / "triton"),
        "TRITONGRAD_CACHE_DIR": str(place / "cubins"),
        "OPENBLAS_NUM_THREADS": "1",
        "PYTHONPATH": f"{ROOT}{os.pathsep}{KERNELS.parent}",
        **extra,
    }


def run(code: str, **extra: str) -> str:
    """What the code prints, in a fresh process with warnings as errors; it has to succeed."""
    done = attempt(code, **extra)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def attempt(code: str, **extra: str) -> subprocess.CompletedProcess:
    """The same, whatever its exit status."""
    text = PRELUDE + textwrap.dedent(code)
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", text],
        env=environment(**extra),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
