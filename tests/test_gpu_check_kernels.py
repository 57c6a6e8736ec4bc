"""The part of bench/gpu_check.py that runs every kernel on a GPU, without one."""

import numpy as np
import pytest

pytest.importorskip("triton", reason="gpu_check runs Triton kernels")

from standin import run

from bench.gpu import kernels


def test_the_kernels_part_finds_what_disagrees():
    found = kernels.cases("interpret")
    assert kernels.fault_of(next(c for c in found if c.name == "add-float32")) == ""
    one = np.array([1, 2, np.nan, np.inf], "f4")
    assert not kernels.disagreeing(one, one.astype("f8"), 0).any()
    assert kernels.disagreeing(one, np.array([1, 2.1, np.nan, 3]), 1e-3).tolist() == [0, 1, 0, 1]


def test_copies_of_every_kind_agree_with_numpy():
    found = [c for c in kernels.cases("interpret") if c.name.startswith("copy-")]
    assert len(found) == 6 and [kernels.fault_of(case) for case in found[:3]] == [""] * 3


def test_products_by_tma_launch_the_persistent_kernel():
    told = run(
        """
from bench.gpu import kernels
lib = fake()
lib.fake_log_on(1)
cases = [c for c in kernels.cases("cuda") if c.name.startswith("tma-")]
for number, _ in enumerate(cases[3].run()):
    pass
print(len(cases), number, lib.fake_launches())
print(sum("matmul_tma" in line for line in lib.fake_log().decode().splitlines()))
"""
    )
    assert told.splitlines() == ["8 1 2", "2"]


def test_copies_are_launched_by_every_kernel_of_theirs():
    told = run(
        """
from bench.gpu import kernels
lib = fake()
lib.fake_log_on(1)
case = next(c for c in kernels.cases("cuda") if c.name == "copy-float32-float16")
for _ in case.run():
    pass
log = lib.fake_log().decode()
print([name for name in ("contiguous", "rows", "tiles", "4d", "8d") if f"copy_{name}" in log])
"""
    )
    assert told == "['contiguous', 'rows', 'tiles', '4d', '8d']\n"
