"""What a bug report needs: versions, the machine, the device or why there is none, switches."""

from __future__ import annotations

import os
import platform
import sys
from importlib import metadata
from pathlib import Path

import numpy as np

import tritongrad as tg

PACKAGES = "numpy ml_dtypes numba triton cuda-bindings safetensors matplotlib".split()
# Switches of others that change what we compute or how fast.
OTHERS = (
    "CUDA_VISIBLE_DEVICES",
    "TRITON_INTERPRET",
    "TRITON_CACHE_DIR",
    "OPENBLAS_NUM_THREADS",
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMBA_DISABLE_JIT",
    "NUMBA_CACHE_DIR",
)


def main() -> int:
    """Print one fact a line."""
    for name, value in facts():
        print(f"{name:<16}{value}")
    return 0


def headline() -> str:
    """The versions in one line."""
    return (
        f"tritongrad {tg.__version__}, Python {platform.python_version()}, "
        f"NumPy {np.__version__} ({blas()}), {cores()} cores"
    )


def facts() -> list[tuple[str, str]]:
    """Everything that is printed, in order."""
    good, why = tg.cuda.status()
    rows = [
        ("tritongrad", f"{tg.__version__} in {Path(tg.__file__).parent}"),
        ("python", f"{platform.python_version()} {platform.python_implementation()}"),
        ("executable", sys.executable),
        ("platform", platform.platform()),
        ("processor", f"{processor()}, {cores()} of {os.cpu_count()} cores usable"),
        ("blas", blas()),
    ]
    rows += [(name, version(name)) for name in PACKAGES]
    rows.append(("cuda", gpus() if good else f"not available: {why}"))
    return rows + switches()


def version(package: str) -> str:
    """The installed version of a package, without importing it."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def blas() -> str:
    """The library behind NumPy's matrix products."""
    try:
        used = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    except (KeyError, TypeError):
        return "BLAS unknown"
    return f"{used.get('name', 'BLAS')} {used.get('version', '')}".strip()


def cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def processor() -> str:
    """The name of the CPU, as the system knows it."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def gpus() -> str:
    """The CUDA devices with their compute capabilities."""
    found = []
    for index in range(tg.cuda.device_count()):
        major, minor = tg.cuda.get_device_capability(index)
        found.append(f"{tg.cuda.get_device_name(index)} (sm_{major}{minor})")
    return ", ".join(found)


def switches() -> list[tuple[str, str]]:
    """Our environment variables that are set, and those of others that matter."""
    own = sorted(name for name in os.environ if name.startswith("TRITONGRAD_"))
    named = [name for name in (*own, *OTHERS) if name in os.environ]
    if not named:
        return [("environment", "no TRITONGRAD_* switch is set")]
    return [("environment", f"{name}={os.environ[name]}") for name in named]


def python_command() -> str:
    """How to call this Python from here, as a user would type it."""
    try:
        return str(Path(sys.executable).relative_to(Path.cwd()))
    except ValueError:
        return "python3"
