"""A Tensor's values outside of the library: Python numbers, lists, NumPy arrays, text."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import printing
from .autograd.variable import Variable


class TensorValues(Variable):
    """Conversions of a tensor to Python and NumPy. They wait for the device."""

    __slots__ = ()
    __array_ufunc__ = None  # NumPy leaves `array * tensor` to us

    def numpy(self, *, force: bool = False) -> np.ndarray:
        """The same memory as a NumPy array (CPU tensors that need no gradient; else `force`)."""
        if force:
            return self.detach().cpu()._array
        if self.requires_grad:
            raise RuntimeError(
                "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy()"
            )
        if type(self._array) is not np.ndarray:
            raise TypeError(
                f"can't convert {self.device} tensor to numpy. Use Tensor.cpu() to copy the tensor "
                "to host memory first"
            )
        return self._array

    def _host(self) -> np.ndarray:
        """The values as a NumPy array, wherever they are; waits for the device."""
        a = self._array
        return a if type(a) is np.ndarray else a.numpy()

    def item(self) -> Any:
        """The one element as a Python number."""
        if self._array.size != 1:
            raise RuntimeError(
                f"a Tensor with {self._array.size} elements cannot be converted to Scalar (shape "
                f"{list(self._array.shape)}): use tolist(), or reduce it first"
            )
        host = self._host()
        return host.item() if host.dtype.kind != "V" else float(host.reshape(())[()])

    def tolist(self) -> Any:
        """The elements as nested lists of Python numbers."""
        host = self._host()
        return (host.astype(np.float32) if host.dtype.kind == "V" else host).tolist()

    def __bool__(self) -> bool:
        if self._array.size != 1:
            what = "no value" if self._array.size == 0 else "more than one value"
            raise RuntimeError(
                f"Boolean value of Tensor with {what} is ambiguous (shape "
                f"{list(self._array.shape)}): use .any() or .all()"
            )
        return bool(self.item())

    def __float__(self) -> float:
        return float(self._scalar())

    def __int__(self) -> int:
        return int(self._scalar())

    def _scalar(self) -> Any:
        if self._array.size != 1:
            raise ValueError(
                "only one element tensors can be converted to Python scalars, got shape "
                f"{list(self._array.shape)}: use tolist(), or reduce it first"
            )
        return self.item()

    def __index__(self) -> int:
        if self._array.dtype.kind not in "biu" or self._array.size != 1:
            raise TypeError(
                "only integer tensors of a single element can be converted to an index, got "
                f"{self.dtype} of shape {list(self._array.shape)}"
            )
        return int(self.item())

    def __len__(self) -> int:
        if not self._array.shape:
            raise TypeError("len() of a 0-d tensor")
        return self._array.shape[0]

    def __contains__(self, element: Any) -> bool:
        return bool((self == element).any())

    def __repr__(self, *, tensor_contents: str | None = None) -> str:
        return printing.represent(self, tensor_contents)

    def __format__(self, spec: str) -> str:
        return (
            format(self.item(), spec) if self._array.shape == () else object.__format__(self, spec)
        )
