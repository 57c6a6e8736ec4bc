"""What machine this is, and whether its driver is a real one."""

from __future__ import annotations

import ctypes
import platform
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from typing import Any

from bench.gpu.isolate import Refused

PACKAGES = ("tritongrad", "triton", "numpy", "ml_dtypes", "cuda-bindings", "torch", "pytest")
# Dense rates of NVIDIA's data sheets in TFLOP/s, for floors: name -> bits or kind of arithmetic.
RATES = {
    "NVIDIA H200": {"half": 989.4, "tf32": 494.7, "float32": 66.9, "float64": 66.9},
    "NVIDIA H100 80GB HBM3": {"half": 989.4, "tf32": 494.7, "float32": 66.9, "float64": 66.9},
    "NVIDIA H100 PCIe": {"half": 756.0, "tf32": 378.0, "float32": 51.2, "float64": 51.2},
    "NVIDIA A100": {"half": 312.0, "tf32": 156.0, "float32": 19.5, "float64": 19.5},
}


rehearsing = False  # a stand-in may be timed where the figure is thrown away


def is_stand_in() -> bool:
    """Whether libcuda is the tests' stand-in, which executes nothing."""
    try:
        return hasattr(ctypes.CDLL("libcuda.so.1"), "fake_launches")
    except OSError:
        return False


def require_gpu() -> None:
    """Refuse to measure where nothing runs."""
    import tritongrad as tg

    available, reason = tg.cuda.status()
    if not available:
        raise Refused(f"no GPU: {reason}")
    if is_stand_in() and not rehearsing:
        raise Refused("the driver is a stand-in that executes nothing: there is no time to take")


def version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def rates(name: str) -> dict[str, float]:
    """The data sheet's TFLOP/s of a GPU; empty where it is not known here."""
    fitting = [known for known in RATES if name.startswith(known)]
    return RATES[max(fitting, key=len)] if fitting else {}


def gather(_: Any = None) -> Iterator[tuple[str, Any]]:
    """Device, driver and versions, row by row."""
    import tritongrad as tg

    yield "stand_in", is_stand_in()
    available, reason = tg.cuda.status()
    yield "available", available
    yield "reason", reason
    yield "python", platform.python_version()
    yield "platform", platform.platform()
    yield "executable", sys.executable
    yield "tritongrad", tg.__version__
    for package in PACKAGES[1:]:
        yield package, version(package)
    if not available:
        return
    import cuda.bindings.driver as cu

    from tritongrad.cuda.gpu import gpu

    device = gpu(0)
    yield "device", device.name()
    yield "capability", list(device.capability)
    yield "properties", device.properties
    yield "memory", device.memory.free_and_total()[1]
    code, driver = cu.cuDriverGetVersion()
    yield "driver_api", f"{driver // 1000}.{driver % 1000 // 10}" if not code else None
    yield "driver", kernel_module()
    yield f"nvidia-smi {SMI}", smi()
    yield "rates_tflops", rates(device.name())


SMI = "driver_version,clocks.max.sm,clocks.max.mem,power.limit,persistence_mode,mig.mode.current"


def smi() -> str | None:
    """What NVIDIA's own tool says of the first GPU, for the record."""
    command = ["nvidia-smi", "-i", "0", f"--query-gpu={SMI}", "--format=csv,noheader"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None


def kernel_module() -> str | None:
    """The version of NVIDIA's kernel module."""
    try:
        with open("/proc/driver/nvidia/version", encoding="utf-8") as file:
            words = file.readline().split()
    except OSError:
        return None
    return next((word for word in words if word[0].isdigit() and "." in word), None)
