"""The CUDA driver behind cuda.bindings: whether there is one, and calls that cannot fail unseen."""

from __future__ import annotations

import ctypes
import importlib.util
import os
from typing import Any

from tritongrad.errors import CudaError

ADVICE = {
    "CUDA_ERROR_OUT_OF_MEMORY": "free tensors, or use smaller batches",
    "CUDA_ERROR_ILLEGAL_ADDRESS": "a kernel left its memory, this one or an earlier one: set "
    "TRITONGRAD_SYNC=1 to learn which, and restart the process",
    "CUDA_ERROR_MISALIGNED_ADDRESS": "a kernel was told of an alignment that its pointer has not: "
    "set TRITONGRAD_SYNC=1 to learn which, and restart the process",
    "CUDA_ERROR_ASSERT": "a device_assert of a kernel failed; its text is on stderr",
    "CUDA_ERROR_LAUNCH_FAILED": "a kernel crashed: set TRITONGRAD_SYNC=1 to learn which, and "
    "restart the process",
    "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES": "use fewer warps or smaller tiles",
    "CUDA_ERROR_INVALID_CONTEXT": "another library changed this thread's context; call "
    "tritongrad.cuda.set_device again",
    "CUDA_ERROR_NO_BINARY_FOR_GPU": "the driver is older than the assembler of Triton: update the "
    "driver, or set TRITON_PTXAS_PATH to an older ptxas",
    "CUDA_ERROR_UNSUPPORTED_PTX_VERSION": "the driver is older than Triton: update the driver",
    "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED": "this cannot be part of a CUDA graph: move .item(), "
    ".cpu(), .numpy() and synchronize() out of the capture",
    "CUDA_ERROR_STREAM_CAPTURE_INVALIDATED": "an earlier call broke the capture; capture again",
    "CUDA_ERROR_NO_DEVICE": "no GPU is visible: look at CUDA_VISIBLE_DEVICES and nvidia-smi",
    "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH": "the kernel module and libcuda differ: reboot",
}
PROPERTIES = {
    "major": "COMPUTE_CAPABILITY_MAJOR",
    "minor": "COMPUTE_CAPABILITY_MINOR",
    "multiprocessors": "MULTIPROCESSOR_COUNT",
    "max_shared": "MAX_SHARED_MEMORY_PER_BLOCK_OPTIN",
    "max_threads": "MAX_THREADS_PER_BLOCK",
    "max_registers": "MAX_REGISTERS_PER_BLOCK",
}
FORKED = (
    "cuda: this process was forked after CUDA had been initialised, and CUDA does not survive a "
    "fork; start it with multiprocessing.get_context('spawn') instead"
)

_owner = 0  # id of the process that called cuInit; 0 before
_count = 0


def status() -> tuple[bool, str]:
    """Whether CUDA can be used, and the reason: what is missing, or what there is."""
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError as error:
        return False, f"no NVIDIA driver: {error}"
    if importlib.util.find_spec("triton") is None:
        return False, "triton is not installed: pip install 'tritongrad[cuda]'"
    try:
        import cuda.bindings.driver as cu
    except ImportError as error:
        return False, f"cuda-bindings is not installed ({error}): pip install 'tritongrad[cuda]'"
    if forked():
        return False, FORKED
    try:
        (code,) = cu.cuInit(0)
    except RuntimeError as error:  # what cuda.bindings raises when it cannot load the driver
        return False, f"no NVIDIA driver: {error}"
    if code:
        return False, f"cuInit failed with {code.name}: {ADVICE.get(code.name, 'see nvidia-smi')}"
    code, count = cu.cuDeviceGetCount()
    if code or not count:
        return False, f"the driver shows no device ({code.name})"
    _remember(count)
    return True, f"{count} device{'s' if count > 1 else ''}"


def _remember(count: int) -> None:
    global _owner, _count
    _owner, _count = os.getpid(), count


def forked() -> bool:
    """Whether an ancestor, and not this process, initialised CUDA."""
    return _owner not in (0, os.getpid())


def initialise() -> Any:
    """cuda.bindings.driver, ready for use, or RuntimeError with the reason why not."""
    if _owner != os.getpid():
        if forked():
            raise RuntimeError(FORKED)
        available, reason = status()
        if not available:
            raise RuntimeError(f"cuda is not available: {reason}")
    import cuda.bindings.driver as cu

    return cu


def device_count() -> int:
    """How many GPUs this process sees; 0 where CUDA cannot be used."""
    if _owner == os.getpid():
        return _count
    return _count if status()[0] else 0


def properties(device: Any) -> dict[str, int]:
    """What host code asks of a GPU, by the names of PROPERTIES."""
    cu = initialise()

    def value(key: str) -> int:
        attribute = getattr(cu.CUdevice_attribute, f"CU_DEVICE_ATTRIBUTE_{key}")
        return check(cu.cuDeviceGetAttribute(attribute, device), "cuDeviceGetAttribute", key)

    return {name: value(key) for name, key in PROPERTIES.items()}


def failed(call: str, code: Any, doing: str = "") -> CudaError:
    """The error to raise for a call that returned this code."""
    import cuda.bindings.driver as cu

    name = getattr(code, "name", str(code))
    found, text = cu.cuGetErrorString(code)
    what = text.decode() if not found and text else "unknown error"
    where = f" ({doing})" if doing else ""
    hint = ADVICE.get(name, "set TRITONGRAD_SYNC=1 to learn which kernel it belongs to")
    return CudaError(f"{call}{where}: {name}: {what}; {hint}", name)


def check(result: tuple, call: str, doing: str = "") -> Any:
    """The values of a call's result, alone if there is one; CudaError unless it succeeded."""
    if result[0]:
        raise failed(call, result[0], doing)
    return result[1] if len(result) == 2 else result[1:]
