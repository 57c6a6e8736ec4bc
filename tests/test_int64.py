"""Every kernel once past 2^31 elements: the last programs only, over memory that is not there."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("triton", reason="the interpreter comes with Triton")
from far_arrays import FAR, sparse_memory
from far_cases import CASES
from kernel_list import kernels

pytestmark = pytest.mark.triton


def compare(name):
    """Run a case; the longest argument of each kernel that it launched."""
    with np.errstate(all="ignore"), sparse_memory() as longest:
        for number, (got, want, rtol) in enumerate(CASES[name]()):
            got, want = np.asarray(got), np.asarray(want)
            assert got.shape == want.shape, (name, number)
            error = np.abs(got.astype(float) - want.astype(float))
            limit = rtol * np.maximum(np.abs(want.astype(float)), 1)
            if got.dtype.kind in "biu":
                error, limit = got != want.astype(got.dtype), 0.0
            assert (error <= limit).all(), (name, number, got, want)
    return longest


REACHED: dict[str, int] = {}


@pytest.mark.parametrize("name", CASES)
def test_the_end_of_more_than_2_to_the_31_elements_is_right(name):
    for kernel, length in compare(name).items():
        REACHED[kernel] = max(REACHED.get(kernel, 0), length)


def test_every_kernel_was_there():
    if len(REACHED) < 20:
        for name in CASES:  # this test alone was asked for, or runs in another worker
            test_the_end_of_more_than_2_to_the_31_elements_is_right(name)
    short = kernels() - {k for k, n in REACHED.items() if n > FAR}
    assert not short
