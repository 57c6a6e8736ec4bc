"""The table of types that results have, PyTorch's row by row, and what names a type."""

from __future__ import annotations

import copy
import importlib
import pickle

import ml_dtypes
import numpy as np
import pytest

import tritongrad as tg

types = importlib.import_module("tritongrad.dtype")  # the package has a class of this name

NAMES = "bool uint8 int8 int16 int32 int64 float16 bfloat16 float32 float64".split()
PAIRS = {  # two tensors with dims
    "bool": "bool uint8 int8 int16 int32 int64 float16 bfloat16 float32 float64",
    "uint8": "uint8 uint8 int16 int16 int32 int64 float16 bfloat16 float32 float64",
    "int8": "int8 int16 int8 int16 int32 int64 float16 bfloat16 float32 float64",
    "int16": "int16 int16 int16 int16 int32 int64 float16 bfloat16 float32 float64",
    "int32": "int32 int32 int32 int32 int32 int64 float16 bfloat16 float32 float64",
    "int64": "int64 int64 int64 int64 int64 int64 float16 bfloat16 float32 float64",
    "float16": "float16 float16 float16 float16 float16 float16 float16 float32 float32 float64",
    "bfloat16": "bfloat16 " * 6 + "float32 bfloat16 float32 float64",
    "float32": "float32 " * 9 + "float64",
    "float64": "float64 " * 10,
}
KIND = {n: 0 if n == "bool" else 2 if "float" in n else 1 for n in NAMES}
NUMBERS = {True: "bool", 3: "int64", 1.5: "float32"}


def array(name, *shape):
    return tg.ones(shape, dtype=name)


@pytest.mark.parametrize("a", NAMES)
def test_two_tensors_or_two_0d_tensors(a):
    for b, want in zip(NAMES, PAIRS[a].split(), strict=True):
        assert tg.promote_types(getattr(tg, a), getattr(tg, b)).name == want
        assert (array(a, 2) * array(b, 2)).dtype.name == want
        assert (array(a) * array(b)).dtype.name == want
        assert tg.result_type(array(a, 2), array(b, 2)).name == want


@pytest.mark.parametrize("a", NAMES)
def test_a_0d_tensor_raises_the_category_only(a):
    for b in NAMES:
        want = a if KIND[a] >= KIND[b] else b
        assert (array(a, 2) * array(b)).dtype.name == want
        assert (array(b) * array(a, 2)).dtype.name == want


@pytest.mark.parametrize("a", NAMES)
def test_a_number_raises_the_category_only(a):
    for number, own in NUMBERS.items():
        want = a if KIND[a] >= KIND[own] else own
        for shape in ((2,), ()):
            assert (array(a, *shape) * number).dtype.name == want
            assert (number * array(a, *shape)).dtype.name == want


def test_a_0d_tensor_beats_a_number_of_its_category():
    assert (array("int8") * 3).dtype is tg.int8
    assert (array("float16") * 1.5).dtype is tg.float16
    assert (array("bool") * 3).dtype is tg.int64
    # of three, the later counts only by its category
    c = array("bool", 2)
    assert tg.where(c, array("int8"), 2).dtype is tg.int8
    assert tg.where(c, array("int8", 2), array("int64")).dtype is tg.int8
    assert tg.where(c, array("int8", 2), array("float16")).dtype is tg.float16


def test_the_default_type_is_what_floats_and_integer_functions_become():
    before = tg.get_default_dtype()
    assert before is tg.float32
    try:
        tg.set_default_dtype(tg.float64)
        assert (array("int32", 2) * 1.5).dtype is tg.float64
        assert array("int32", 2).exp().dtype is tg.float64
        assert (array("int32", 2) / 2).dtype is tg.float64
        assert tg.tensor(1.5).dtype is tg.float64
        assert tg.finfo().bits == 64
    finally:
        tg.set_default_dtype(before)
    for wrong in (tg.int64, "float32", np.float32, None):
        with pytest.raises(TypeError, match="set_default_dtype: only floating"):
            tg.set_default_dtype(wrong)
    assert tg.get_default_dtype() is before
    assert array("int32", 2).exp().dtype is tg.float32


def test_what_names_a_type():
    for name in NAMES:
        d = getattr(tg, name)
        assert types.as_dtype(d) is types.as_dtype(name) is types.as_dtype(d.numpy) is d
        assert d.name == name and repr(d) == f"tritongrad.{name}"
        assert d.itemsize == d.numpy.itemsize
        assert d.is_floating_point == ("float" in name) and not d.is_complex
        assert d.is_signed == (name not in ("bool", "uint8"))
        assert pickle.loads(pickle.dumps(d)) is d and copy.deepcopy(d) is d
    words = {"float": "float32", "double": "float64", "half": "float16", "long": "int64"}
    words |= {"int": "int32", "short": "int16", "bool_": "bool"}
    for word, name in words.items():
        assert types.as_dtype(word).name == name
    assert types.as_dtype(bool) is tg.bool and types.as_dtype(int) is tg.int64
    assert types.as_dtype(float) is tg.float64
    assert types.as_dtype(ml_dtypes.bfloat16) is tg.bfloat16
    assert types.as_dtype(np.int16) is tg.int16
    for wrong in ("float31", np.complex64, str, object(), 3):
        with pytest.raises(TypeError, match="is not one of bool, uint8"):
            types.as_dtype(wrong)


def test_names_of_tensor_types():
    for word, name in types.TENSOR_TYPES.items():
        assert types.element_type(word).name == name
        assert types.element_type("torch." + word).name == name
        assert types.element_type("torch.cuda." + word).name == name
        assert types.element_type(getattr(tg, word)).name == name
    for wrong in ("Tensor", "float32", 3, int, None, types.BY_NAME["int8"], np.zeros(2)):
        assert types.element_type(wrong) is None


def test_what_may_be_stored_in_place():
    for a in NAMES:
        for b in NAMES:
            want = KIND[a] <= KIND[b]
            assert types.can_cast(getattr(tg, a).numpy, getattr(tg, b).numpy) == want
            x = array(b, 2)
            if "bool" in (a, b):
                continue
            if want:
                x.mul_(array(a, 2))
                assert x.dtype.name == b
            else:
                with pytest.raises(RuntimeError, match="can't be cast"):
                    x.mul_(array(a, 2))


def test_the_type_of_a_number_alone():
    for number, name in ((True, "bool"), (np.True_, "bool"), (1, "int64"), (np.int8(1), "int64")):
        assert types.number_dtype(number).name == name
    assert types.number_dtype(1.5).name == types.number_dtype(np.float64(2)).name == "float32"


def test_limits():
    for name in ("float16", "float32", "float64"):
        ours, numpys = tg.finfo(getattr(tg, name)), np.finfo(name)
        for field in ("bits", "eps", "max", "min", "tiny", "smallest_normal", "resolution"):
            assert getattr(ours, field) == pytest.approx(float(getattr(numpys, field)), rel=1e-6)
        assert ours.dtype == name
    assert tg.finfo(tg.bfloat16).eps == 2**-7 and tg.finfo(tg.bfloat16).bits == 16
    assert tg.finfo(tg.bfloat16).dtype == "bfloat16"
    for name in NAMES[1:6]:
        ours, numpys = tg.iinfo(getattr(tg, name)), np.iinfo(name)
        assert (ours.bits, ours.max, ours.min) == (numpys.bits, numpys.max, numpys.min)
        assert ours.dtype == name
    assert tg.iinfo("int8").max == 127


def test_halves_and_wide_floats_meet_where_both_fit():
    assert types.promote(types.FLOAT16, types.BFLOAT16) == types.FLOAT32
    assert types.promote(types.BFLOAT16, types.FLOAT16) == types.FLOAT32
    assert types.promote(types.BFLOAT16, types.FLOAT64) == types.FLOAT64
    assert types.promote(types.FLOAT64, types.BFLOAT16) == types.FLOAT64
    with pytest.raises(AssertionError, match="at least one operand"):
        types.common_dtype([None, None])
