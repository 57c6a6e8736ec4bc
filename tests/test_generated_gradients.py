"""Every operation x its samples x every device: gradients, gradients of gradients, in place."""

from __future__ import annotations

import pytest
from cases import DIFFERENTIABLE, OF_MEMORY, OPERATIONS, case

from tritongrad.checks import (
    FLOATS,
    check_gradient,
    check_inplace_form,
    check_inplace_gradient,
    check_same_gradient,
    gradients,
    inplace_forms,
    outputs_of,
)
from tritongrad.testing import LAYOUTS, materialise

FORMS = inplace_forms()
INPLACE = [
    case(op, s)
    for op in OPERATIONS
    for s in op.samples
    if op.name in FORMS and not isinstance(s[0], (int, float))
]
FIRST = [case(op, op.samples[0]) for op in OPERATIONS if op.formulas]
ANY_LAYOUT = [c for c in FIRST if c.values[0].name not in OF_MEMORY]


@pytest.mark.parametrize(("op", "sample"), DIFFERENTIABLE)
def test_gradient_and_second_gradient_against_differences(op, sample):
    check_gradient(op, materialise(sample, dtype="float64"))


@pytest.mark.parametrize(("op", "sample"), DIFFERENTIABLE)
def test_gradient_is_that_of_float64_on_the_cpu(op, sample, device):
    check_same_gradient(op, materialise(sample, device=device))


@pytest.mark.parametrize("dtype", FLOATS[2:])
@pytest.mark.parametrize(("op", "sample"), FIRST)
def test_gradient_in_half_precision_has_its_shape_and_dtype(op, sample, dtype, device):
    gradients(op, materialise(sample, device=device, dtype=dtype))


@pytest.mark.parametrize("layout", LAYOUTS[1:])
@pytest.mark.parametrize(("op", "sample"), ANY_LAYOUT)
def test_gradient_of_other_layouts(op, sample, layout, device):
    check_same_gradient(op, materialise(sample, layout=layout, device=device))


@pytest.mark.parametrize(("op", "sample"), INPLACE)
def test_inplace_form_gives_the_same_bits(op, sample, device):
    check_inplace_form(op, FORMS[op.name], materialise(sample, device=device))


def _fits(op, sample) -> bool:
    """Whether the result of a sample has the shape and dtype of its first argument."""
    arguments = materialise(sample)
    (result,) = outputs_of(op, arguments)
    return (result.shape, result.dtype) == (arguments[0][0].shape, arguments[0][0].dtype)


@pytest.mark.parametrize(
    ("op", "sample"), [c for c in INPLACE if c.values[0].formulas and _fits(*c.values)]
)
def test_gradient_through_the_inplace_form(op, sample):
    check_inplace_gradient(op, FORMS[op.name], materialise(sample))
