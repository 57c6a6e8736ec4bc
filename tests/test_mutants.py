"""Tests of the tests: a bug planted at run time must be caught by the generated checks."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
from references import expected_value

import tritongrad as tg
import tritongrad.kernels
from tritongrad import checks, inplace
from tritongrad.autograd import loop
from tritongrad.checks import CheckFailed, as_op
from tritongrad.samples import Rand
from tritongrad.testing import assert_close, devices, materialise

PAIR = (Rand((3, 4)), Rand((4,)))
needs_interpret = pytest.mark.skipif("interpret" not in devices(), reason="Triton is not installed")


def plant_formula(patch, name, argument, formula):
    op = as_op(name)
    patch.setattr(op, "formulas", {**op.formulas, op.parameters.index(argument): formula})
    patch.setattr(op, "_plans", {})
    patch.setattr(op, "quick", [None] * len(op.quick))


def plant_numpy_kernel(patch, name, kernel):
    """Another NumPy kernel: in the operation, and in the quick way that remembers it."""
    op = as_op(name)
    patch.setattr(op, "cpu", kernel)
    quick = getattr(op.entry, "operator", op.entry)
    for called, cell in zip(quick.__code__.co_freevars, quick.__closure__ or (), strict=True):
        if called == "kernel":  # forgotten, so that it is looked for again, and remembered after
            patch.setattr(cell, "cell_contents", None)


def plant_in_kernel(patch, tmp_path, module, name, old, new):
    """A Triton kernel whose source has `new` for `old`."""
    source = Path(tritongrad.kernels.__path__[0], f"{module}.py").read_text()
    assert source.count(old) >= 1
    file = tmp_path / f"planted_{module}.py"
    file.write_text(source.replace(old, new))
    spec = importlib.util.spec_from_file_location(f"tritongrad.kernels.{file.stem}", file)
    planted = importlib.util.module_from_spec(spec)
    patch.setitem(sys.modules, spec.name, planted)
    spec.loader.exec_module(planted)
    patch.setattr(f"tritongrad.kernels.{module}.{name}", getattr(planted, name))


def value_check(name, sample=PAIR):
    arguments = materialise(sample, dtype="float64")
    got = checks.outputs_of(as_op(name), arguments)
    assert_close(got, expected_value(as_op(name), arguments), rtol=1e-10, atol=1e-12)


def gradient_check(name, sample=PAIR):
    checks.check_gradient(name, materialise(sample, dtype="float64"))


def device_check(name, sample=PAIR, layout="contiguous"):
    arguments = materialise(sample, device="interpret", layout=layout)
    outputs = checks.check_value(name, arguments)
    checks.check_same(name, arguments, outputs)


def caught(check, *args, by=(CheckFailed, AssertionError), **kwargs):
    with pytest.raises(by):
        check(*args, **kwargs)


def test_without_a_bug_everything_passes():
    gradient_check("mul")
    value_check("clamp_both", (Rand((3, 4)), -0.5, 0.5))
    value_check("exp", (Rand((3, 4)),))
    checks.check_inplace_form("sub", "sub_", materialise(PAIR))
    if "interpret" in devices():
        device_check("mul")
        device_check("mul", layout="transposed")


@pytest.mark.parametrize(
    ("name", "argument", "formula"),
    [
        ("mul", "input", lambda g, other: g * other * 1.001),
        ("mul", "other", lambda g, input: -g * input),
        ("div", "other", lambda g, other, result: -g * (result * other)),
        ("maximum", "input", lambda g, input, other: tg.where(input < other, g, 0)),
    ],
    ids=["scaled", "sign", "inverse", "swapped"],
)
def test_a_wrong_formula(monkeypatch, name, argument, formula):
    plant_formula(monkeypatch, name, argument, formula)
    caught(gradient_check, name, (Rand((3, 4), 0.5, 2.0), Rand((4,), 0.5, 2.0)))


def test_a_formula_whose_own_gradient_is_lost(monkeypatch):
    plant_formula(monkeypatch, "mul", "input", lambda g, other: g * other.detach())
    caught(gradient_check, "mul")


def test_a_dropped_bound(monkeypatch):
    plant_numpy_kernel(monkeypatch, "clamp_both", lambda x, low, high: np.maximum(x, low))
    caught(value_check, "clamp_both", (Rand((3, 4)), -0.5, 0.5))


def test_a_missing_sum_to_shape(monkeypatch):
    monkeypatch.setattr(loop, "sum_to_shape", lambda g, shape: g)
    caught(gradient_check, "mul", by=(CheckFailed, ValueError))
    arguments = materialise(PAIR)
    caught(checks.check_same_gradient, "mul", arguments, by=(CheckFailed, ValueError))


@pytest.mark.parametrize(
    ("name", "kernel", "sample"),
    [
        ("exp", lambda x: np.exp(x) * 1.0001, (Rand((3, 4)),)),
        ("mul", lambda a, b: np.multiply(a, b) + 1e-6, PAIR),
        ("minimum", np.fmax, PAIR),
        ("floor", np.trunc, (Rand((3, 4)),)),
    ],
    ids=["scaled", "shifted", "other-ufunc", "trunc"],
)
def test_a_wrong_numpy_kernel(monkeypatch, name, kernel, sample):
    plant_numpy_kernel(monkeypatch, name, kernel)
    caught(value_check, name, sample)


def test_a_numpy_kernel_that_writes_into_its_input(monkeypatch):
    def scribble(a, b):
        a += 0.5
        return a - 0.5 + b

    plant_numpy_kernel(monkeypatch, "add", scribble)
    caught(checks.check_value, "add", materialise(PAIR))


def test_a_lost_version_bump(monkeypatch):
    monkeypatch.setattr(inplace, "count_write", lambda t, name: None)
    caught(checks.check_inplace_form, "sub", "sub_", materialise(PAIR))


def test_an_inplace_form_of_another_operation(monkeypatch):
    monkeypatch.setattr(tg.Tensor, "sub_", tg.Tensor.add_)
    caught(checks.check_inplace_form, "sub", "sub_", materialise(PAIR))


@needs_interpret
@pytest.mark.parametrize(
    ("name", "old", "new", "layout"),
    [
        ("map_contiguous", "i < n,", "i < n - 1,", "contiguous"),
        ("map_tiles", "(col < cols)", "(col < cols - 1)", "transposed"),
        ("map_tiles", "(row < rows)", "(row < rows - 1)", "transposed"),
    ],
    ids=["contiguous", "column", "row"],
)
def test_a_skipped_last_element(monkeypatch, tmp_path, name, old, new, layout):
    plant_in_kernel(monkeypatch, tmp_path, "maps", name, old, new)
    same = (Rand((3, 5)), Rand((3, 5)))
    caught(device_check, "mul", same, layout)


@needs_interpret
def test_a_dropped_mask_of_a_kernel(monkeypatch, tmp_path):
    plant_in_kernel(monkeypatch, tmp_path, "maps", "map_contiguous", "i < n,", "i < n + 5000,")
    caught(device_check, "mul", (Rand((3, 5)), Rand((3, 5))), by=(Exception,))


@needs_interpret
def test_a_wrong_scalar_function(monkeypatch, tmp_path):
    from tritongrad.cuda.elementwise import scalar_function

    source = "def sub(x, y):\n"
    plant_in_kernel(
        monkeypatch, tmp_path, "elementwise", "sub", source, source.replace("x, y", "y, x")
    )
    scalar_function.cache_clear()
    try:
        caught(device_check, "sub")
    finally:
        monkeypatch.undo()
        scalar_function.cache_clear()
