"""Methods of Tensor that hand it over, to other libraries, to copy and to pickle."""

from __future__ import annotations

from typing import Any

import numpy as np

from tritongrad.autograd.variable import INFERENCE, make_leaf, new, version_of, wrap
from tritongrad.devices import CPU, device, place
from tritongrad.tensor_base import TensorBase


class ExchangeMethods(TensorBase):
    """Protocols that other libraries and Python's own modules ask for."""

    __slots__ = ()

    def __new__(cls, *data: Any, device: Any = None) -> Any:
        """`Tensor([1, 2])`, `Tensor(2, 3)`: the old constructor; see `tensor` and `empty`."""
        from tritongrad.legacy import construct

        return construct(cls, "Tensor", data, None, device)

    def __dlpack__(
        self,
        *,
        stream: Any = None,
        max_version: tuple[int, int] | None = None,
        dl_device: tuple[int, int] | None = None,
        copy: bool | None = None,
    ) -> Any:
        """A capsule that another library's `from_dlpack` takes."""
        from tritongrad import interop

        return interop.dlpack(self, stream, max_version, dl_device, copy)

    def __dlpack_device__(self) -> tuple[int, int]:
        """DLPack's (kind, number) of the device."""
        from tritongrad import interop

        return interop.dlpack_device(self)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """What `np.asarray` makes of a CPU tensor: the same memory."""
        return np.array(self.numpy(), dtype=dtype, copy=copy)

    @property
    def __cuda_array_interface__(self) -> dict:
        """The memory of a tensor on cuda, for Numba, CuPy, mpi4py ..."""
        from tritongrad import interop

        return interop.cuda_array_interface(self)

    # copies

    def __copy__(self) -> Any:
        """A tensor of its own over the same memory."""
        copied = new(type(self))
        copied._array = self._array
        inference = getattr(self, "_version", None) is INFERENCE
        copied._version = INFERENCE if inference else version_of(self)
        copied._node = None
        if self.requires_grad:
            make_leaf(copied)
        if hasattr(self, "__dict__"):
            copied.__dict__.update(self.__dict__)
        return copied

    def __deepcopy__(self, memo: dict) -> Any:
        """A tensor with a copy of the values and of the gradient; of leaves only."""
        if id(self) in memo:
            return memo[id(self)]
        if not self.is_leaf:
            raise RuntimeError(
                "Only Tensors created explicitly by the user (graph leaves) support the deepcopy "
                "protocol: deepcopy tensor.detach(), or clone() within the graph"
            )
        copied = new(type(self))
        memo[id(self)] = copied
        copied._array = self._array.copy()
        copied._node = None
        if getattr(self, "_version", None) is INFERENCE:
            copied._version = INFERENCE
        if self.requires_grad:
            copied.requires_grad_()
        if self.grad is not None:
            grad = self.grad if self.grad.is_leaf else self.grad.detach()
            copied._grad = grad.__deepcopy__(memo)
        if hasattr(self, "__dict__"):
            from copy import deepcopy

            copied.__dict__.update(deepcopy(self.__dict__, memo))
        return copied

    def __reduce_ex__(self, protocol: Any) -> tuple:
        """How pickle rebuilds it: from a NumPy array, on its device where there is one."""
        where = self.device
        name = None if where.type == "cpu" else str(where)
        attributes = dict(self.__dict__) if hasattr(self, "__dict__") else None
        return rebuild, (type(self), self._host(), name, self.requires_grad, attributes)


def rebuild(
    kind: type, array: np.ndarray, where: str | None, requires_grad: bool, attributes: dict | None
) -> Any:
    """A tensor from what `__reduce_ex__` said; on the CPU if its device is not here."""
    t = wrap(place(array, CPU if where is None else reachable(device(where))))
    if kind is not type(t):
        t, plain = new(kind), t
        t._array, t._node = plain._array, None
    if attributes:
        t.__dict__.update(attributes)
    return t.requires_grad_() if requires_grad else t


def reachable(where: device) -> device:
    """The device if this machine has it, else the CPU."""
    if where.type == "cuda":
        from tritongrad import cuda

        found = cuda.is_available() and (where.index or 0) < cuda.device_count()
    else:
        import importlib.util

        found = not where.index and importlib.util.find_spec("triton") is not None
    return where if found else CPU
