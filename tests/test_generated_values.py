"""Every operation x its samples x every device: values, dtypes, layouts, determinism."""

from __future__ import annotations

import pytest
from cases import EVERY, FIRST, OF_MEMORY, OPERATIONS, is_a_gradient
from references import REFERENCES, expected_value

from tritongrad.checks import (
    EXACT,
    FLOATS,
    WHOLE,
    admitted,
    check_same,
    check_twice,
    check_value,
    outputs_of,
)
from tritongrad.samples import Ints, Rand
from tritongrad.testing import LAYOUTS, assert_close, materialise


def test_every_operation_has_samples_and_a_docstring():
    assert not [op.name for op in OPERATIONS if not op.samples]
    assert not [op.name for op in OPERATIONS if not (op.function.__doc__ or "").strip()]


@pytest.mark.parametrize(("op", "sample"), EVERY)
def test_value(op, sample, device):
    arguments = materialise(sample, device=device)
    outputs = check_value(op, arguments)
    check_twice(op, arguments, outputs)
    if device != "cpu":
        check_same(op, arguments, outputs, exact=op.name in EXACT or op.view)


@pytest.mark.parametrize(("op", "sample"), [c for c in EVERY if c.values[0].name in REFERENCES])
def test_value_is_that_of_the_definition(op, sample):
    arguments = materialise(sample, dtype="float64")
    got = outputs_of(op, arguments)
    assert_close(got, expected_value(op, arguments), rtol=1e-10, atol=1e-12, check_dtype=False)


@pytest.mark.parametrize("dtype", FLOATS[1:])
@pytest.mark.parametrize(("op", "sample"), FIRST)
def test_floating_dtypes(op, sample, dtype, device):
    if not any(isinstance(a, (Rand, list)) for a in sample):
        sample = tuple(Rand(a.shape) if isinstance(a, Ints) else a for a in sample)
    (taken,) = (admitted(op, lambda d: materialise(sample, dtype=d, device=device), [dtype]),)
    if taken:
        arguments = materialise(sample, dtype=dtype, device=device)
        outputs = check_value(op, arguments, f" ({dtype})")
        check_same(op, arguments, outputs, exact=False)


@pytest.mark.parametrize(("op", "sample"), [c for c in FIRST if not is_a_gradient(c.values[0])])
def test_integer_and_bool_dtypes(op, sample, device):
    kinds = {}
    if op.elementwise is not None:  # elsewhere an integer argument may be an index: only int64
        kinds = {d: {"int_dtype": d} for d in WHOLE if d != "bool"}

    def make(dtype: str) -> tuple:
        return materialise(sample, dtype=dtype, device=device, **kinds.get(dtype, {}))

    taken = admitted(op, make)
    for dtype in taken:
        outputs = outputs_of(op, make(dtype))
        check_same(op, make(dtype), outputs, exact=not outputs[0].is_floating_point())


@pytest.mark.parametrize("layout", [*LAYOUTS[1:], "expanded"])
@pytest.mark.parametrize(("op", "sample"), [c for c in FIRST if c.values[0].name not in OF_MEMORY])
def test_layouts(op, sample, layout, device):
    arguments = materialise(sample, layout=layout, device=device)
    check_value(op, arguments, f" ({layout})")
