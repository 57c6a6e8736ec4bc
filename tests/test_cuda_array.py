"""Device arrays against NumPy: every view, copy and conversion, on the interpret device."""

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tritongrad.cuda.array import InterpretArray, copyto, empty, from_numpy
from tritongrad.cuda.copying import collapsed
from tritongrad.cuda.seam import device_of

BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
DTYPES = [
    *map(np.dtype, ("?", "u1", "i1", "i2", "i4", "i8", "f2")),
    BFLOAT16,
    *map(np.dtype, ("f4", "f8")),
]
DEVICE = device_of("interpret")
SHAPE = (2, 3, 4, 6)
HOST = np.arange(144, dtype=np.int32).reshape(SHAPE)


class Window:
    """What a device array of host memory shows, as NumPy would read it."""

    def __init__(self, array: InterpretArray) -> None:
        self.__array_interface__ = {
            "data": (array.ptr, False),
            "shape": array.shape,
            "strides": array.strides,
            "typestr": array.dtype.str,
            "version": 3,
        }


def seen(array):
    return np.asarray(Window(array)) if array.size else np.empty(array.shape, array.dtype)


def numbers(draw, low, high):
    return draw(st.none() | st.integers(low, high))


@st.composite
def keys(draw, shape):
    """A basic index of an array of this shape."""
    key, axis = [], 0
    for _ in range(draw(st.integers(0, len(shape) + 2))):
        kind = draw(st.sampled_from(["int", "slice", "new"]))
        if kind == "new":
            key.append(None)
        elif axis < len(shape):
            if kind == "int" and shape[axis]:
                key.append(draw(st.integers(-shape[axis], shape[axis] - 1)))
            else:
                step = draw(st.sampled_from([None, 1, 2, 3, -1, -2]))
                key.append(slice(numbers(draw, -7, 7), numbers(draw, -7, 7), step))
            axis += 1
    if draw(st.booleans()):
        key.append(Ellipsis)
    return tuple(key)


@st.composite
def shapes(draw, size):
    """A shape with so many elements."""
    lengths, left = [], size
    for _ in range(draw(st.integers(0, 3))):
        divisors = [n for n in range(1, left + 1) if left % n == 0] or [0]
        lengths.append(draw(st.sampled_from(divisors)))
        left = left // lengths[-1] if lengths[-1] else 0
    return (*lengths, left)


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(st.data())
def test_views_show_what_numpys_show(data):
    host, array = HOST, from_numpy(HOST, DEVICE)
    for _ in range(data.draw(st.integers(1, 4))):
        kind = data.draw(st.sampled_from(["index", "transpose", "reshape", "squeeze"]))
        if kind == "index":
            key = data.draw(keys(host.shape))
            host, array = np.asarray(host[key]), array[key]
        elif kind == "transpose":
            axes = data.draw(st.permutations(range(host.ndim)))
            host, array = host.transpose(axes), array.transpose(axes)
        elif kind == "reshape":
            shape = data.draw(shapes(host.size))
            host, array = host.reshape(shape), array.reshape(shape)
        else:
            host, array = host.squeeze(), array.squeeze()
        assert array.shape == host.shape and array.dtype == host.dtype
        assert np.array_equal(seen(array), host)
    assert np.array_equal(array.numpy(), host)
    assert array.contiguous == host.flags.c_contiguous or array.size <= 1


def test_reshape_copies_only_where_no_strides_will_do():
    array = from_numpy(HOST, DEVICE)
    assert array.transpose(1, 0, 2, 3).reshape(3, 2, 24).storage is array.storage
    assert array.transpose(1, 0, 2, 3).reshape(6, 24).storage is not array.storage
    assert array.reshape(-1, 6).shape == (24, 6)


@pytest.mark.parametrize(
    ("wrong", "error", "words"),
    [
        (lambda a: a[2], IndexError, "index 2 is out of range for dimension 0"),
        (lambda a: a[0, 0, 0, 0, 0], IndexError, "5 indices for the 4 dimensions"),
        (lambda a: a.reshape(5, -1), ValueError, "does not hold the 144 elements"),
        (lambda a: a.broadcast_to((2, 3, 4, 7)), ValueError, "does not broadcast"),
        (lambda a: a.squeeze(0), ValueError, "not of length 1"),
        (lambda a: a.transpose(0, 0, 1, 2), ValueError, "do not permute"),
        (lambda a: a.T.view("i8"), ValueError, "last dim must be contiguous"),
        (lambda a: len(a.reshape(-1)[0]), TypeError, "0-d array"),
    ],
)
def test_wrong_views_are_named(wrong, error, words):
    with pytest.raises(error, match=words):
        wrong(from_numpy(HOST, DEVICE))


@pytest.mark.parametrize("source", DTYPES, ids=str)
def test_conversions_are_those_of_numpy(source):
    values = np.array([0, 1, -1, 2.5, -2.5, 100.4, 3.999, 0.1, 1 / 3, 65504, -0.0, 1e-3])
    special = [np.nan, np.inf, -np.inf, 1 + 2**-8, 1 + 3 * 2**-8, 1 + 2**-11 + 2**-13]
    host = values if source.kind in "iub" else np.array([*values, *special])
    with np.errstate(all="ignore"):
        host = host.astype(source)
        for target in DTYPES:
            known = host
            if target.kind in "iu":  # C leaves what does not fit undefined
                info = np.iinfo(target)
                wide = host.astype(np.float64)
                known = host[np.isfinite(wide) & (wide > info.min - 1) & (wide < info.max)]
            result = from_numpy(known, DEVICE).astype(target)
            assert result.dtype == target and result.contiguous
            wanted = known.astype(target)
            bits = np.dtype(f"u{target.itemsize}")
            same = result.numpy().view(bits) == wanted.view(bits)
            if target.kind not in "iub":
                same |= np.isnan(wanted.astype("f8")) & np.isnan(result.numpy().astype("f8"))
            assert same.all(), (target, known[~same])


def test_a_negative_float_wraps_into_an_unsigned_integer_as_in_numpy():
    host = np.array([-1.0, -2.5, 300.0], np.float32)
    got = from_numpy(host, DEVICE).astype(np.uint8).numpy()
    assert got.tolist() == [255, 254, 44]


@pytest.mark.parametrize("rank", [1, 2, 3, 4, 5, 8, 9])
def test_a_copy_of_any_rank_and_strides_is_that_of_numpy(rank):
    rng = np.random.default_rng(rank)
    host = rng.standard_normal((3, *[2] * (rank - 1))).astype(np.float32)
    axes = rng.permutation(rank)
    flip = tuple(slice(None, None, -1 if axis % 2 else 1) for axis in range(rank))
    wanted = host.transpose(axes)[flip]
    result = from_numpy(host, DEVICE).transpose(axes)[flip].astype(np.float64)
    assert result.contiguous and np.array_equal(result.numpy(), wanted.astype(np.float64))


def test_long_rows_take_the_path_by_rows():
    host = np.arange(3 * 5 * 300, dtype=np.float32).reshape(3, 5, 300)
    array = from_numpy(host, DEVICE)
    assert np.array_equal(array[:, ::2, :299].copy().numpy(), host[:, ::2, :299])
    target = empty((3, 5, 300), np.dtype("f4"), DEVICE)
    copyto(target, from_numpy(np.zeros((), "f4"), DEVICE))
    copyto(target[:, :, 7:], array[::-1, :, 7:])
    wanted = np.zeros_like(host)
    wanted[:, :, 7:] = host[::-1, :, 7:]
    assert np.array_equal(target.numpy(), wanted)


@pytest.mark.parametrize("axes", [(0, 1, 3, 2), (3, 0, 1, 2), (2, 3, 0, 1), (1, 3, 0, 2)])
def test_transposed_copies_go_by_tiles(axes):
    host = np.arange(2 * 3 * 70 * 33, dtype=np.float32).reshape(2, 3, 70, 33)
    result = from_numpy(host, DEVICE).transpose(axes).astype(np.float64)
    assert np.array_equal(result.numpy(), host.transpose(axes))


def test_overlapping_copies_act_as_if_copied_first():
    host = np.arange(5000.0)  # several programs, which would read what others have written
    array = from_numpy(host, DEVICE)
    copyto(array[1:], array[:-1])
    assert array.numpy().tolist() == [0, *range(4999)]
    copyto(array, array[::-1])
    assert array.numpy().tolist() == [*range(4998, -1, -1), 0]


def test_broadcast_and_empty_copies():
    row = from_numpy(np.arange(3, dtype=np.int64), DEVICE)
    target = empty((2, 3), np.dtype("f4"), DEVICE)
    copyto(target, row)
    assert target.numpy().tolist() == [[0, 1, 2], [0, 1, 2]]
    nothing = empty((0, 3), np.dtype("f4"), DEVICE)
    copyto(nothing, row)
    assert nothing.T.copy().shape == (3, 0)


def test_dimensions_are_merged_where_both_arrays_allow_it():
    a = from_numpy(HOST, DEVICE)
    assert collapsed(a, a) == [(144, 1, 1)]
    assert collapsed(a, a.T.T) == [(144, 1, 1)]
    assert collapsed(a[:, :, :, :5], a[:, :, :, :5]) == [(24, 6, 6), (5, 1, 1)]
    assert len(collapsed(a, a.transpose(1, 0, 2, 3).transpose(1, 0, 2, 3))) == 1


def test_memory_of_the_interpret_device_is_aligned_and_accounted():
    before = DEVICE.allocated
    arrays = [empty((n,), np.dtype("u1"), DEVICE) for n in (1, 63, 64, 65, 4096)]
    assert all(a.ptr % 64 == 0 and DEVICE.blocks[a.ptr] == a.nbytes for a in arrays)
    assert DEVICE.allocated == before + sum(a.nbytes for a in arrays)
    arrays.clear()
    assert DEVICE.allocated == before
