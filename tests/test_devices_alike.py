"""The device that interprets kernels takes what the CPU takes: no operation or dtype less."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from cases import FIRST, OPERATIONS, is_a_gradient

from tritongrad.checks import FLOATS, REFUSALS, WHOLE, outputs_of
from tritongrad.testing import materialise

GENERATED = sorted(Path(__file__).parent.glob("test_generated_*.py"))


def takes(op, sample, dtype: str, device: str) -> bool:
    """Whether an operation takes operands of a dtype there; index arguments stay int64."""
    kinds = {"int_dtype": dtype} if dtype in WHOLE and dtype != "bool" else {}
    if op.elementwise is None:
        kinds = {}
    try:
        outputs_of(op, materialise(sample, dtype=dtype, device=device, **kinds))
    except REFUSALS:
        return False
    return True


@pytest.mark.triton
def test_no_operation_refuses_there_what_it_takes_here():
    differ = [
        (op.name, dtype)
        for op, sample in (case.values for case in FIRST)
        for dtype in (*FLOATS, *(() if is_a_gradient(op) else WHOLE))
        if takes(op, sample, dtype, "cpu") != takes(op, sample, dtype, "interpret")
    ]
    assert differ == []


def test_no_generated_test_leaves_out_a_device():
    """Nor does one skip: what passes on the CPU is demanded of the others"""
    assert len(GENERATED) >= 2 and len(OPERATIONS) > 100
    for file in GENERATED:
        left_out = re.findall(r"skip|xfail|interpret|cuda", file.read_text())
        assert left_out == [], file.name
