"""launch(kernel, grid, ...): run a Triton kernel on the device of its arguments."""

from __future__ import annotations

from typing import Any

from tritongrad.cuda.array import CudaArray, InterpretArray

ARRAYS = (CudaArray, InterpretArray)


def launch(
    kernel: Any,
    grid: tuple[int, ...],
    *args: Any,
    num_warps: int = 4,
    num_stages: int = 3,
    num_ctas: int = 1,
    enable_fp_fusion: bool = False,
    **constexprs: Any,
) -> None:
    """Run kernel over the grid; args are arrays and numbers in signature order."""
    options = {
        "num_warps": num_warps,
        "num_stages": num_stages,
        "num_ctas": num_ctas,
        "enable_fp_fusion": enable_fp_fusion,
    }
    for arg in args:
        if type(arg) in ARRAYS:
            arg.storage.device.launch(kernel, grid, args, options, constexprs)
            return
    raise RuntimeError(f"launch: no argument of {kernel.__name__} is a device array; pass one")
