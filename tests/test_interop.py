"""Exchange with other libraries: DLPack, `__array__`, `__cuda_array_interface__`, asarray."""

import gc
import weakref

import numpy as np
import pytest

import tritongrad as tg
from tritongrad import interop
from tritongrad.autograd.variable import wrap
from tritongrad.dtype import BY_NAME

INTERPRET = "interpret runs the kernels by Triton's interpreter"
WITHOUT_BFLOAT16 = [name for name in BY_NAME if name != "bfloat16"]


class Source:
    """Another library's array: all that is known of it is DLPack"""

    def __init__(self, t, **forced):
        self.t, self.forced, self.asked = t, forced, {}

    def __dlpack__(self, **asked):
        self.asked = asked
        return self.t.__dlpack__(**{**asked, **self.forced})

    def __dlpack_device__(self):
        return self.t.__dlpack_device__()


# out


@pytest.mark.parametrize("name", WITHOUT_BFLOAT16)
def test_numpy_reads_the_same_memory(name):
    t = tg.arange(6).reshape(2, 3).to(BY_NAME[name])
    for view in (t, t.t(), t[:, ::2], t[1:], t[0, 0], t[:0]):
        got = np.from_dlpack(view)
        assert got.dtype == BY_NAME[name].numpy and np.array_equal(got, view.numpy())
        assert got.strides == view.numpy().strides or got.size == 0
        assert got.size == 0 or np.shares_memory(got, t.numpy())


def test_all_four_keywords_are_obeyed():
    t = tg.ones(2, 3)
    assert "dltensor_versioned" in repr(t.__dlpack__(max_version=(1, 0)))
    assert "dltensor_versioned" not in repr(t.__dlpack__())
    assert not np.shares_memory(np.from_dlpack(t, copy=True), t.numpy())
    assert np.shares_memory(np.from_dlpack(t, copy=False, device="cpu"), t.numpy())
    with pytest.raises(BufferError):
        t.__dlpack__(dl_device=(2, 0))
    with pytest.raises(RuntimeError, match="stream"):
        t.__dlpack__(stream=1)
    assert t.__dlpack_device__() == (1, 0)


def test_tensors_that_require_grad_are_not_exported():
    w = tg.ones(2, requires_grad=True)
    for t in (w, w * 2):
        with pytest.raises(BufferError, match="detach"):
            t.__dlpack__()
        with pytest.raises(RuntimeError, match="detach"):
            np.asarray(t)
    assert np.from_dlpack(w.detach()).tolist() == [1, 1]


def test_exported_memory_lives_as_long_as_its_reader():
    got = np.from_dlpack(tg.arange(1000.0))
    gc.collect()
    assert got.sum() == 499500


def test_memory_of_interpret_stays_there():
    pytest.importorskip("triton", reason=INTERPRET)
    t = tg.ones(2, device="interpret")
    with pytest.raises(BufferError, match=r"\.cpu\(\)"):
        t.__dlpack__()
    with pytest.raises(TypeError, match=r"Tensor\.cpu\(\)"):
        np.asarray(t)
    assert t.__dlpack__(dl_device=(1, 0)) is not None  # a copy on the CPU was asked for
    with pytest.raises(BufferError, match="copy=False"):
        t.__dlpack__(dl_device=(1, 0), copy=False)


def test_only_tensors_on_cuda_have_the_cuda_array_interface():
    pytest.importorskip("triton", reason=INTERPRET)
    assert not hasattr(tg.ones(2), "__cuda_array_interface__")
    assert not hasattr(tg.ones(2, device="interpret"), "__cuda_array_interface__")


def test_array():
    t = tg.arange(3.0)
    assert np.asarray(t) is t.numpy() or np.shares_memory(np.asarray(t), t.numpy())
    assert not np.shares_memory(np.array(t), t.numpy())
    assert np.asarray(t, dtype=np.float64).dtype == np.float64
    with pytest.raises(ValueError):
        np.array(t, dtype=np.float64, copy=False)
    assert np.asarray(t.bfloat16()).dtype == tg.bfloat16.numpy
    assert np.mean(t) == 1


def test_numpy_leaves_arithmetic_to_tensors():
    t = tg.ones(2)
    for got in (np.ones(2) * t, t * np.ones(2), np.float64(2) * t):
        assert isinstance(got, tg.Tensor)
    with pytest.raises(TypeError):
        np.sin(t)


# in


@pytest.mark.parametrize("name", BY_NAME)
@pytest.mark.parametrize("forced", [{}, {"max_version": None}])
def test_arrays_of_others_are_read_in_place(name, forced):
    t = tg.arange(6).reshape(2, 3).to(BY_NAME[name])
    for view in (t, t.t(), t[:, ::2], t[0, 0]):
        got = tg.from_dlpack(Source(view, **forced))
        assert got.dtype is view.dtype and got.shape == view.shape
        assert got.data_ptr() == view.data_ptr() and got.tolist() == view.tolist()
        assert got.stride() == view.stride()


def test_writes_are_seen_on_both_sides():
    array = np.zeros(3)
    t = tg.from_dlpack(array)
    t += 1
    array[0] = 5
    assert t.tolist() == [5, 1, 1] and array.tolist() == [5, 1, 1]
    array.flags.writeable = False
    with pytest.raises(RuntimeError, match="read-only"):
        tg.from_dlpack(array).add_(1)


def test_capsules_and_old_producers_are_read():
    t = tg.arange(3)
    assert tg.from_dlpack(t.__dlpack__()).tolist() == [0, 1, 2]
    assert tg.from_dlpack(t.bfloat16().__dlpack__(max_version=(1, 0))).dtype is tg.bfloat16

    class Old(Source):
        def __dlpack__(self, stream=None):
            return self.t.__dlpack__(stream=stream)

    assert tg.from_dlpack(Old(t)).tolist() == [0, 1, 2]


def test_from_dlpack_of_a_tensor_shares_memory_and_version():
    t = tg.ones(2)
    other = tg.from_dlpack(t)
    other.mul_(3)
    assert t.tolist() == [3, 3] and t._version_count == 1


def test_device_and_copy_of_from_dlpack(accelerator):
    t = tg.ones(2)
    moved = tg.from_dlpack(Source(t), device=accelerator)
    assert moved.device.type == accelerator and moved.tolist() == [1, 1]
    with pytest.raises(ValueError, match="copy=False"):
        tg.from_dlpack(Source(t), device=accelerator, copy=False)
    assert tg.from_dlpack(Source(t), copy=True).data_ptr() != t.data_ptr()
    assert tg.from_dlpack(Source(t), copy=False).data_ptr() == t.data_ptr()


def test_what_cannot_be_read_is_named():
    with pytest.raises(TypeError, match="__dlpack__, got list"):
        tg.from_dlpack([1])
    with pytest.raises(TypeError, match="complex128"):
        tg.from_dlpack(np.zeros(2, np.complex128))

    class Elsewhere(Source):
        def __dlpack_device__(self):
            return 10, 0

    with pytest.raises(BufferError, match="DLPack device 10"):
        tg.from_dlpack(Elsewhere(tg.ones(1)))


def test_the_owner_lives_as_long_as_the_tensor():
    array = np.arange(3.0)
    seen = weakref.ref(array)
    t = tg.from_dlpack(Source(wrap(array)))
    del array
    gc.collect()
    assert seen() is not None and t.tolist() == [0, 1, 2]
    del t
    gc.collect()
    assert seen() is None


def test_memory_described_by_the_cuda_array_interface():
    """The interface over host memory and the device `interpret`, which stand in for a GPU"""
    pytest.importorskip("triton", reason=INTERPRET)
    from tritongrad.devices import device, seam

    array = np.arange(6.0, dtype=np.float32).reshape(2, 3)
    described = dict(array.T.__array_interface__)
    described = {k: described[k] for k in ("shape", "typestr", "data", "strides", "version")}
    t = interop.from_cuda_interface(array, described, seam(device("interpret")))
    assert t.tolist() == array.T.tolist() and t.data_ptr() == array.ctypes.data
    t = interop.from_cuda_interface(
        array, {"shape": (3,), "typestr": "<f4", "data": (array.ctypes.data, False)},
        seam(device("interpret")),
    )  # fmt: skip
    assert (t * 2).tolist() == [0, 2, 4]
    with pytest.raises(TypeError, match="uint16"):
        described["typestr"] = "<u2"
        interop.from_cuda_interface(array, described, seam(device("interpret")))


@pytest.mark.parametrize("obj", [[1.0, 2.0], (1, 2), 3.5, np.float32(2), np.arange(3)])
def test_asarray_is_tensor_of_it(obj):
    got, want = tg.asarray(obj), tg.tensor(obj)
    assert got.dtype is want.dtype and got.tolist() == want.tolist()


def test_asarray_shares_memory_where_it_can():
    array, t = np.zeros(3, np.float32), tg.zeros(3, requires_grad=True)
    assert tg.asarray(array).data_ptr() == array.ctypes.data
    assert tg.asarray(t).data_ptr() == t.data_ptr() and not tg.asarray(t).requires_grad
    assert tg.asarray(Source(tg.ones(2))).tolist() == [1, 1]
    assert tg.asarray(array, copy=True).data_ptr() != array.ctypes.data
    assert tg.asarray(array, dtype=tg.float64, requires_grad=True).requires_grad
    with pytest.raises(ValueError, match="without a copy"):
        tg.asarray(array, dtype=tg.float64, copy=False)
    with pytest.raises(ValueError, match="without a copy"):
        tg.asarray([1.0], copy=False)


# the real ones


def test_torch():
    torch = pytest.importorskip("torch")
    for name in BY_NAME:
        theirs = torch.arange(6).reshape(2, 3).to(getattr(torch, name)).t()
        ours = tg.from_dlpack(theirs)
        assert ours.data_ptr() == theirs.data_ptr() and ours.tolist() == theirs.tolist()
        back = torch.from_dlpack(ours)
        assert back.dtype is theirs.dtype and back.data_ptr() == theirs.data_ptr()
        assert back.stride() == theirs.stride()
    with pytest.raises(BufferError):
        torch.from_dlpack(tg.ones(1, requires_grad=True))


def test_jax():
    jnp = pytest.importorskip("jax.numpy")
    for name in ("float32", "float16", "bfloat16", "int32", "uint8"):
        theirs = jnp.arange(6, dtype=getattr(jnp, name)).reshape(2, 3)
        ours = tg.from_dlpack(theirs)
        assert ours.dtype is BY_NAME[name] and ours.tolist() == theirs.tolist()
        assert ours.data_ptr() == theirs.unsafe_buffer_pointer()
        back = jnp.from_dlpack(
            ours.clone()
        )  # what is read-only needs a newer capsule than JAX asks for
        assert back.dtype == theirs.dtype and back.tolist() == theirs.tolist()
        with pytest.raises(RuntimeError, match="read-only"):
            ours.add_(1)  # JAX's arrays never change


@pytest.mark.gpu
def test_cupy():
    cupy = pytest.importorskip("cupy")
    ours = tg.arange(6.0, device="cuda").reshape(2, 3).t()
    theirs = cupy.asarray(ours)
    assert theirs.data.ptr == ours.data_ptr() and theirs.tolist() == ours.tolist()
    assert tg.asarray(theirs).data_ptr() == ours.data_ptr()
