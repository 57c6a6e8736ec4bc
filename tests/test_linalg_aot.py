"""Products, indices, random numbers and windows: watched on the interpreter, compiled for GPUs.

The interpreter gets few large tiles; here the cases also run with those a GPU gets, and what they
launch is compiled: for Hopper in all types, for the others one example of each kernel.
"""

from __future__ import annotations

import functools
import re
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("triton", reason="it compiles the kernels")
from kernel_cases import up
from kernel_cases_linalg import CASES
from test_aot import FULL, HOPPER, OTHERS, name_of, resources, specs_of
from tricheck import watching

from tritongrad.cuda import linalg, tiles
from tritongrad.cuda.array import empty
from tritongrad.cuda.compile import triton_compile
from tritongrad.cuda.seam import device_of

pytestmark = pytest.mark.triton

FEW_SCALARS = 32  # bytes of stack: what a compiler parks outside the loop is not a spill to fear
SHARED = {80: 163 << 10, 90: 227 << 10, 100: 227 << 10, 120: 99 << 10}  # bytes a program may have


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_agrees_with_numpy_and_touches_only_what_it_may(case):
    with np.errstate(all="ignore"), watching() as watch:
        for got, want, rtol in case.run():
            check_values(got.numpy(), np.asarray(want), rtol)
    assert not watch.found, watch.found[:3]


def check_values(got: np.ndarray, want: np.ndarray, rtol: float) -> None:
    assert got.shape == want.shape
    if got.dtype.kind in "biu" or rtol == 0:
        assert np.array_equal(got, want.astype(got.dtype))
    else:
        got, want = got.astype(np.float64), want.astype(np.float64)
        np.testing.assert_allclose(got, want, rtol=rtol, atol=rtol)


@functools.cache
def launches_as_on_a_gpu(name: str) -> list[tuple]:
    """What a case launches with the tiles of a GPU; indices are computed, for they are checked."""
    device, launches = device_of("interpret"), []

    def launch(kernel: Any, grid: Any, args: Any, options: Any, constexprs: Any) -> None:
        launches.append((kernel, args, options, constexprs))
        if kernel.__name__ == "linear":
            type(device).launch(device, kernel, grid, args, options, constexprs)

    lane = SimpleNamespace(capture=None)  # no graph is being recorded
    gpu = {"kind": "cuda", "capability": (8, 0), "lane": lane, "launch": launch}
    for attribute, value in gpu.items():
        setattr(device, attribute, value)
    try:
        with np.errstate(all="ignore"):
            for _ in next(case for case in CASES if case.name == name).run():
                pass
    finally:
        for attribute in gpu:
            delattr(device, attribute)
    return launches


def examples(name: str, arch: int) -> dict[tuple, Any]:
    """Of the launches of a case one for each kernel, arithmetic, tile and type; all if FULL."""
    found: dict[tuple, Any] = {}
    for text, spec in specs_of(launches_as_on_a_gpu(name), arch).items():
        tile = tuple(spec.constants.get(key) for key in ("MODE", "BM", "ADD"))
        key = (name_of(spec.kernel), tile, tuple(spec.signature.values())[:3])
        found.setdefault((*key, text) if FULL else key, spec)
    return found


def check(spec: Any) -> str:
    """Compiles for a GPU, checks what the machine has to give, and returns the PTX."""
    compiled = triton_compile(spec)
    text, where = compiled.asm["ptx"], f"{name_of(spec.kernel)} on sm_{spec.arch}: {spec.constants}"
    assert "trap;" not in text, where
    assert compiled.metadata.shared <= SHARED[spec.arch], where
    assert getattr(compiled.metadata, "tmem_size", 0) <= 512, where
    assert not re.search(r"(atom|red)\.\S*\.(f16|f32|f64|bf16)", text), where
    assert not re.search(r"div\.(full|approx)\.|sqrt\.approx", text), where
    _, stack, local = resources(compiled.asm["cubin"])
    assert local == 0 and stack <= FEW_SCALARS, f"{stack} bytes of registers spilled in {where}"
    if "random" in name_of(spec.kernel):
        assert not re.search(r"fma\.rn|\.ftz|\.approx", text), where
    if ".f32.tf32.tf32" in text and spec.constants.get("MODE") == "tf32x3":
        assert "cvt.rna.tf32" in text, f"tf32 of unrounded numbers in {where}"
    if spec.constants.get("MODE") == "ieee" and "fp32" in spec.signature["out"]:
        assert "tf32" not in text, where
    return text


@pytest.mark.parametrize("name", [case.name for case in CASES])
def test_compiles_for_hopper_with_the_tiles_of_a_gpu(name):
    for spec in examples(name, HOPPER).values():
        text = check(spec)
        tensor_cores = spec.constants.get("MODE") in ("tf32", "tf32x3")
        half = any(t in ("*fp16", "*bf16") for t in spec.signature.values())
        if "MODE" in spec.constants and (tensor_cores or half):
            assert "wgmma.mma_async" in text, spec.constants
            assert "HGMMA" in triton_compile(spec).asm["sass"], spec.constants


@pytest.mark.parametrize("arch", OTHERS)
def test_compiles_for_other_generations(arch):
    done: set[tuple] = set()
    for case in CASES:
        for key, spec in examples(case.name, arch).items():
            if FULL or key[:2] not in done:
                done.add(key[:2])
                check(spec)


@pytest.mark.parametrize("arch", [90, 100])
@pytest.mark.parametrize("a_is_t", [False, True])
@pytest.mark.parametrize("b_is_t", [False, True])
def test_the_persistent_kernel_moves_tiles_by_tma(arch, a_is_t, b_is_t):
    from tritongrad.kernels import matmul as kernels

    launches: list[tuple] = []
    device = device_of("interpret")
    device.launch = lambda k, grid, args, options, named: launches.append((k, args, options, named))
    try:
        a, b = up(np.zeros((256, 256), np.float16)), up(np.zeros((256, 256), np.float16))
        a, b = a.T if a_is_t else a, b.T if b_is_t else b
        linalg._launch_tma(kernels.matmul_tma, empty((256, 256), a.dtype, device), a, b, 2)
    finally:
        del device.launch
    (spec,) = specs_of(launches, arch).values()
    text = check(spec)
    assert "cp.async.bulk.tensor" in text
    assert ("wgmma.mma_async" if arch == 90 else "tcgen05.mma") in text


class Gpu:
    """As much of a device as the choice of a kernel asks for"""

    kind, capability = "cuda", (9, 0)


@pytest.mark.parametrize(
    ("shape", "capability", "chosen"),
    [
        ((4096, 4096, 4096), (9, 0), True),
        ((4096, 4096, 4096), (8, 0), False),
        ((4096, 4096, 4096), (12, 0), False),
        ((512, 4096, 512), (9, 0), False),
        ((4096, 4100, 4096), (9, 0), False),
        ((4096, 4096, 4100), (9, 0), False),
        ((2**31 - 512, 64, 8), (9, 0), True),
        ((2**31 - 504, 64, 8), (9, 0), False),
        ((4096, 4096, 2**31 - 504), (9, 0), False),
        ((4096, 2**31 - 504, 4096), (9, 0), False),
    ],
)
def test_the_persistent_kernel_is_for_large_aligned_products(shape, capability, chosen):
    rows, inner, cols = shape
    a, b, out = (Operand(n, m, capability) for n, m in ((rows, inner), (inner, cols), (rows, cols)))
    assert linalg.fits_tma(a, b, out) is chosen


class Operand:
    """A contiguous float16 matrix without memory"""

    itemsize, ptr = 2, 1 << 20

    def __init__(self, rows: int, cols: int, capability: tuple[int, int]) -> None:
        self.shape, self.strides = (rows, cols), (2 * cols, 2)
        self.device = Gpu()
        self.device.capability = capability


def test_every_line_of_the_tables_is_reached():
    lines = {tiles.line_of(np.dtype(d), "highest") for d in ("f2", "f4", "f8", "i2", "i8")}
    assert lines | {"high", "medium"} == set(tiles.GPU) == set(tiles.CONVOLUTION)
