"""Every kernel once past 2^31 elements: the last programs only, over memory that is not there."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("triton", reason="the interpreter comes with Triton")
from far_arrays import FAR, far, sparse_memory
from far_cases import CASES
from kernel_list import kernels

from tritongrad.cuda import conv

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


# What a kernel numbers in 32 bits is refused beyond.
COLUMN = (1, 1, 2**16, 2**15)  # as many pixels as there are numbers
FILTER = (1, 2**20, 2**6, 2**5)


@pytest.mark.parametrize(
    ("name", "shapes", "sizes"),
    [
        ("conv2d", (COLUMN, (1, 1, 1, 1)), ()),
        ("conv2d", (FILTER, FILTER), ()),
        ("conv2d_grad_input", (COLUMN, (1, 1, 1, 1)), (COLUMN,)),
        ("conv2d_grad_input", ((1, 2**20, 1, 1), (2**20, 1, 64, 32)), ((1, 1, 64, 32),)),
        ("conv2d_grad_weight", (COLUMN, COLUMN), ((1, 1, 1, 1),)),
        ("conv2d_grad_weight", ((1, 1, 1, 1), FILTER), (FILTER,)),
    ],
)
def test_a_convolution_of_more_than_its_kernel_can_number_is_refused(name, shapes, sizes):
    with sparse_memory() as longest:
        arrays = [far(shape, np.int8) for shape in shapes]
        with pytest.raises(RuntimeError, match=rf"{name}: {2**31} pixels, or .* split the batch"):
            getattr(conv, name)(*arrays, *sizes)
    assert not longest, "something was launched"
