"""The copy kernels compiled ahead of time: every architecture, wide accesses, no spills."""

import re

import numpy as np
import pytest

from tritongrad.cuda.array import empty
from tritongrad.cuda.compile import specialise, triton_compile
from tritongrad.cuda.seam import device_of

pytestmark = pytest.mark.triton

OPTIONS = (4, 3, 1, False)
# kernel -> the integers after dst and src, and the constants; sizes and strides as a copy has them
CASES = {
    "copy_contiguous": ((4096,), {"BLOCK": 1024}),
    "copy_rows": ((512, 1, 4, 0, 0, 512, 1, 0, 0, 1024, 1), {"BLOCK": 1024}),
    "copy_tiles": ((256, 128, 1, 0, 0, 128, 0, 0, 256), {"TILE": 64}),
    "copy_4d": ((99, 3, 5, 7, *[2] * 4, *[3] * 4), {"BLOCK": 1024, "WIDE": False}),
    "copy_8d": ((99, *[3] * 7, *[2] * 8, *[3] * 8), {"BLOCK": 1024, "WIDE": True}),
}


def compiled(name, source, target, arch):
    """The kernel `name` that copies from one dtype to another."""
    from tritongrad.kernels import copy

    numbers, constants = CASES[name]
    device = device_of("interpret")  # only types and alignments of the arrays matter
    arrays = [empty((64,), np.dtype(dtype), device) for dtype in (target, source)]
    spec, _ = specialise(getattr(copy, name), (*arrays, *numbers), OPTIONS, constants, arch)
    return triton_compile(spec)


@pytest.mark.parametrize("arch", [80, 90, 100, 120])
@pytest.mark.parametrize("name", CASES)
def test_every_copy_kernel_compiles_for_every_architecture(name, arch):
    made = compiled(name, "f4", "f4", arch)
    assert made.asm["cubin"][:4] == b"\x7fELF" and made.metadata.shared <= 99 << 10
    assert "trap;" not in made.asm["ptx"] and ".local" not in made.asm["ptx"]


@pytest.mark.parametrize(
    ("source", "target"), [("f4", "f2"), ("f8", "?"), ("?", "f4"), ("f2", "i1")]
)
def test_every_kind_of_conversion_compiles(source, target):
    assert compiled("copy_contiguous", source, target, 90).asm["cubin"]


@pytest.mark.parametrize("name", ["copy_contiguous", "copy_rows", "copy_tiles"])
def test_accesses_are_16_bytes_wide(name):
    ptx = compiled(name, "f4", "f4", 90).asm["ptx"]
    loads = re.findall(r"ld\.global\.(?:v4\.)?b(?:32|128)", ptx)
    stores = re.findall(r"st\.global\.(?:v4\.)?b(?:32|128)", ptx)
    assert loads and stores
    assert all(".v4." in access or "128" in access for access in loads + stores), loads + stores
