"""Exchange with other libraries: DLPack both ways, `__array__`, `__cuda_array_interface__`."""

from __future__ import annotations

from typing import Any

import numpy as np

from tritongrad import create
from tritongrad.autograd.variable import Variable, edge_of, wrap
from tritongrad.devices import CPU, as_device, seam
from tritongrad.devices import device as device_named
from tritongrad.dtype import BFLOAT16, BY_NUMPY, as_dtype

HOST = (1, 3)  # DLPack's numbers of devices: CPU, pinned memory
CUDA = (2, 13)  # CUDA, managed memory


# out: the bodies of Tensor's methods


def dlpack(
    t: Any,
    stream: Any = None,
    max_version: tuple[int, int] | None = None,
    dl_device: tuple[int, int] | None = None,
    copy: bool | None = None,
) -> Any:
    """A capsule that another library's `from_dlpack` takes; the memory is shared unless `copy`."""
    if t.requires_grad:
        raise BufferError(
            "__dlpack__: can't export tensors that require gradient, use tensor.detach()"
        )
    array, kind = t._array, t.device.type
    if kind == "cpu":
        if array.dtype == BFLOAT16:
            from tritongrad.dlpack_bfloat16 import exported

            return exported(array, stream, max_version, dl_device, copy)
        return array.__dlpack__(
            stream=stream, max_version=max_version, dl_device=dl_device, copy=copy
        )
    if dl_device is not None and dl_device[0] == 1:
        if copy is False:
            raise BufferError(f"__dlpack__: {t.device} to the CPU takes a copy, got copy=False")
        return dlpack(t.cpu(), None, max_version, dl_device, None)
    if kind != "cuda":
        raise BufferError(
            f"__dlpack__: no other library knows memory of the device {kind}: use tensor.cpu()"
        )
    if dl_device is not None and tuple(dl_device) != (2, array.device.index):
        raise BufferError(f"__dlpack__: the tensor is on {t.device}, got dl_device={dl_device}")
    from tritongrad.cuda.interop import capsule

    return capsule(array.copy() if copy else array, stream, max_version)


def dlpack_device(t: Any) -> tuple[int, int]:
    """DLPack's (kind, number) of the device: 1 is the CPU, 2 is CUDA."""
    kind = t.device.type
    return (2, t._array.device.index) if kind == "cuda" else (1, 0)


def cuda_array_interface(t: Any) -> dict:
    """How Numba, CuPy, mpi4py ... find the memory: version 3, on tensors on cuda only."""
    if t.device.type != "cuda":
        raise AttributeError(
            f"__cuda_array_interface__: the tensor is on {t.device}, only tensors on cuda have it"
        )
    if t.requires_grad:
        raise RuntimeError(
            "Can't get __cuda_array_interface__ on Variable that requires grad. "
            "If gradients aren't required, use var.detach()"
        )
    array = t._array
    if array.dtype == BFLOAT16:
        raise AttributeError(
            "__cuda_array_interface__ has no bfloat16: use DLPack, or .float() first"
        )
    from tritongrad.cuda.interop import stream_of

    return {
        "shape": array.shape,
        "typestr": array.dtype.str,
        "data": (array.ptr if array.size else 0, False),
        "version": 3,
        "strides": None if array.contiguous else array.strides,
        "stream": stream_of(array),
    }


# in


def from_dlpack(ext_tensor: Any, *, device: Any = None, copy: bool | None = None) -> Any:
    """A tensor that shares the memory of another library's array.

    `device` moves it, `copy=True` gives it memory of its own, `copy=False` refuses where a copy
    would be needed. Takes whatever has `__dlpack__`, and DLPack capsules.
    """
    if isinstance(ext_tensor, Variable):
        if edge_of(ext_tensor) is not None:
            raise BufferError("from_dlpack: the tensor requires gradient, use tensor.detach()")
        t = ext_tensor.detach()
    elif type(ext_tensor).__name__ == "PyCapsule":
        t = _from_host(_Capsule(ext_tensor))
    elif not hasattr(ext_tensor, "__dlpack__"):
        raise TypeError(
            f"from_dlpack: expected an array that has __dlpack__, got {type(ext_tensor).__name__}"
        )
    else:
        kind, index = ext_tensor.__dlpack_device__()
        if kind in CUDA:
            from tritongrad.cuda import interop

            t = wrap(interop.from_dlpack(ext_tensor, seam(device_named("cuda", int(index)))))
        elif kind in HOST:
            t = _from_host(ext_tensor)
        else:
            raise BufferError(
                f"from_dlpack: arrays of the DLPack device {int(kind)} cannot be read: "
                "move them to the CPU or to CUDA first"
            )
    where = t.device if device is None else as_device(device)
    if copy is False and where != t.device:
        raise ValueError(f"from_dlpack: {t.device} to {where} takes a copy, got copy=False")
    moved = t.to(where)
    return moved.clone() if copy and moved is t else moved


class _Capsule:
    """A capsule as an array for NumPy, which itself refuses memory that is not the host's."""

    def __init__(self, capsule: Any) -> None:
        self.capsule = capsule

    def __dlpack__(self, **_: Any) -> Any:
        return self.capsule

    def __dlpack_device__(self) -> tuple[int, int]:
        return 1, 0


def _from_host(source: Any) -> Any:
    from tritongrad.dlpack_bfloat16 import imported

    array = imported(source)
    if array.dtype not in BY_NUMPY:
        raise TypeError(
            f"from_dlpack: no tensor has the type {array.dtype}; the types are "
            f"{', '.join(d.name for d in BY_NUMPY.values())}"
        )
    return wrap(array)


def from_cuda_interface(source: Any, described: dict, gpu: Any) -> Any:
    """A tensor over an array that has `__cuda_array_interface__`."""
    from tritongrad.cuda.interop import from_interface

    return wrap(from_interface(source, described, gpu))


def asarray(
    obj: Any,
    *,
    dtype: Any = None,
    device: Any = None,
    copy: bool | None = None,
    requires_grad: bool = False,
) -> Any:
    """obj as a tensor, sharing its memory where possible and `copy` is not True.

    Takes tensors, NumPy arrays, arrays of other libraries by DLPack or
    `__cuda_array_interface__`, capsules, numbers and nested lists of them.
    """
    if isinstance(obj, Variable):
        t: Any = obj.detach()
    elif _foreign(obj):
        if hasattr(obj, "__dlpack__") or type(obj).__name__ == "PyCapsule":
            t = from_dlpack(obj)
        else:
            t = from_cuda_interface(obj, obj.__cuda_array_interface__, seam(as_device("cuda")))
    else:
        t = create.as_tensor(obj, device=CPU)
    shared = isinstance(obj, (Variable, np.ndarray)) or _foreign(obj)
    stays = isinstance(obj, Variable) or _foreign(obj)
    where = t.device if device is None and stays else as_device(device)
    other = dtype is not None and as_dtype(dtype) is not t.dtype
    if copy is False and (not shared or where != t.device or other):
        raise ValueError(f"asarray: can't make a tensor of {type(obj).__name__} without a copy")
    result = t.to(device=where, dtype=dtype)
    if copy and shared and result._array is t._array:
        result = result.clone()
    return result.requires_grad_() if requires_grad else result


def _foreign(obj: Any) -> bool:
    if isinstance(obj, (np.ndarray, np.generic)):
        return False
    return (
        hasattr(obj, "__dlpack__")
        or hasattr(obj, "__cuda_array_interface__")
        or type(obj).__name__ == "PyCapsule"
    )
