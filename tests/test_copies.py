"""copy, deepcopy and pickle of tensors, and PyTorch's old constructors."""

import copy
import pickle

import numpy as np
import pytest

import tritongrad as tg
from tritongrad.dtype import BY_NAME, TENSOR_TYPES

LONG_AGO = [(name, BY_NAME[element]) for name, element in TENSOR_TYPES.items()]


@pytest.mark.parametrize("name", BY_NAME)
@pytest.mark.parametrize("protocol", [2, 5])
def test_pickle(name, protocol, device):
    t = tg.arange(6).reshape(2, 3).to(BY_NAME[name]).to(device)
    for view in (t, t.t(), t[:, ::2], t[0, 0], t[:0]):
        got = pickle.loads(pickle.dumps(view, protocol))
        assert got.dtype is view.dtype and got.shape == view.shape
        assert got.device == view.device and got.tolist() == view.tolist()


def test_pickle_keeps_requires_grad():
    w = tg.ones(2, requires_grad=True)
    assert pickle.loads(pickle.dumps(w)).requires_grad
    got = pickle.loads(pickle.dumps(w * 2))
    assert got.requires_grad and got.is_leaf


def test_tensors_of_a_gpu_that_is_not_here_unpickle_on_the_cpu():
    from tritongrad.tensor_exchange import rebuild

    assert rebuild(tg.Tensor, np.ones(2), "cuda:998", False, None).device == "cpu"


class Named(tg.Tensor):
    """A subclass with attributes"""


def test_subclasses_keep_their_class_and_attributes():
    t = Named([1.0, 2.0])
    t.name = ["x"]
    for got in (copy.copy(t), copy.deepcopy(t), pickle.loads(pickle.dumps(t))):
        assert type(got) is Named and got.name == ["x"] and got.tolist() == [1, 2]
    assert copy.deepcopy(t).name is not t.name


def test_copy_shares_memory_and_version():
    t = tg.ones(2, requires_grad=True)
    other = copy.copy(t)
    assert other is not t and other.data_ptr() == t.data_ptr() and other.requires_grad
    with tg.no_grad():
        other.mul_(2)
    assert t.tolist() == [2, 2] and t._version_count == 1


def test_deepcopy(device):
    t = tg.ones(2, 3, device=device).t().requires_grad_()
    t.grad = tg.full((3, 2), 5.0, device=device)
    same = copy.deepcopy([t, t, t.grad])
    got = same[0]
    assert same[1] is got and same[2] is got.grad
    assert got.data_ptr() != t.data_ptr() and got.requires_grad and got.device == t.device
    assert got.grad.tolist() == t.grad.tolist() and got.grad.data_ptr() != t.grad.data_ptr()


def test_only_leaves_deepcopy():
    t = tg.ones(2, requires_grad=True)
    for result in (t * 2, t[0], t.view(2)):
        with pytest.raises(RuntimeError, match="graph leaves"):
            copy.deepcopy(result)
    assert copy.deepcopy(t.detach()).tolist() == [1, 1]
    assert copy.deepcopy(tg.ones(3)[1:]).tolist() == [1, 1]


def test_deepcopy_in_inference_mode():
    with tg.inference_mode():
        t = tg.ones(2)
    for got in (copy.deepcopy(t), copy.copy(t)):
        with pytest.raises(RuntimeError, match="Inference"):
            got.view(2)


def test_parameters():
    p = tg.nn.Parameter(tg.ones(2))
    for got in (copy.copy(p), copy.deepcopy(p), pickle.loads(pickle.dumps(p))):
        assert type(got) is tg.nn.Parameter and got.requires_grad and got.tolist() == [1, 1]


# the old constructors


@pytest.mark.parametrize(("name", "dtype"), LONG_AGO)
def test_constructors_by_type(name, dtype):
    kind = getattr(tg, name)
    assert kind([1, 0]).dtype is dtype and kind([1, 0]).tolist() == [1, 0]
    assert kind(2, 3).shape == (2, 3) and kind().shape == (0,) and kind(2, 3).dtype is dtype
    assert isinstance(kind([1]), kind) and isinstance(kind([1]), tg.Tensor)
    assert not isinstance(3, kind)
    assert tg.ones(2).type(kind).dtype is dtype
    assert tg.ones(2).type(f"torch.{name}").dtype is dtype
    assert repr(kind) == f"<class 'tritongrad.{name}'>"


def test_tensor_constructor(device):
    assert tg.Tensor([1, 2]).dtype is tg.float32
    assert tg.Tensor([[1, 2], [3, 4]]).tolist() == [[1, 2], [3, 4]]
    assert tg.Tensor((2, 3)).tolist() == [2, 3]
    assert tg.Tensor(np.arange(3)).dtype is tg.float32
    assert tg.Tensor(2, 3).shape == (2, 3) and tg.Tensor(5).shape == (5,)
    assert tg.Tensor(tg.Size([2, 3])).shape == (2, 3) and tg.Tensor().shape == (0,)
    assert tg.Tensor([1.0], device=device).device.type == device
    t = tg.ones(2)
    assert tg.Tensor(t) is not t and tg.Tensor(t).data_ptr() == t.data_ptr()
    assert tg.Tensor(tg.arange(2)).dtype is tg.int64
    with pytest.raises(TypeError, match=r"float32, got tritongrad\.int64"):
        tg.FloatTensor(tg.arange(2))
    with pytest.raises(TypeError, match="sizes"):
        tg.Tensor([1], [2])


def test_tensor_constructor_takes_the_default_type():
    tg.set_default_dtype(tg.float64)
    try:
        assert tg.Tensor([1]).dtype is tg.float64 and tg.Tensor(2).dtype is tg.float64
    finally:
        tg.set_default_dtype(tg.float32)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float64", "int64", "uint8", "bool"])
@pytest.mark.parametrize("value", [0, -0.0, 1, 2.5])
def test_full_holds_the_same_bytes_on_every_device(value, dtype, device):
    if value == 2.5 and "float" not in dtype:
        value = 3
    want = np.full((2, 3), value, getattr(tg, dtype).numpy)
    made = tg.full((2, 3), value, dtype=getattr(tg, dtype), device=device)
    assert made.cpu()._array.tobytes() == want.tobytes()
    assert tg.full((0, 3), value, dtype=getattr(tg, dtype), device=device).shape == (0, 3)
