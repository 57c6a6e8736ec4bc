"""What a Tensor is, before any operation: its properties and its part in autograd."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .autograd import engine
from .autograd.graph import KeepGrad, Node, Output, RemovableHandle
from .autograd.variable import INFERENCE, LEAF, Variable, edge_of, make_leaf, version_of, wrap
from .devices import device, device_of_array
from .dtype import BY_NUMPY, dtype
from .tensor_values import TensorValues


class Size(tuple):
    """A shape: a tuple of sizes that reads like PyTorch's."""

    def numel(self) -> int:
        """The number of elements."""
        n = 1
        for size in self:
            n *= size
        return n

    def __repr__(self) -> str:
        return f"tritongrad.Size({list(self)})"

    def __getitem__(self, key: Any) -> Any:
        got = super().__getitem__(key)
        return Size(got) if isinstance(key, slice) else got

    def __add__(self, other: Any) -> Any:
        return Size(super().__add__(other))


class TensorBase(TensorValues):
    """Properties, and the tensor's part in autograd."""

    __slots__ = ()

    # what it is

    @property
    def shape(self) -> Size:
        return Size(self._array.shape)

    def size(self, dim: int | None = None) -> Any:
        """The shape, or the size of one dim."""
        return Size(self._array.shape) if dim is None else self._array.shape[_dim(self, dim)]

    @property
    def dtype(self) -> dtype:
        return BY_NUMPY[self._array.dtype]

    @property
    def device(self) -> device:
        return device_of_array(self._array)

    @property
    def ndim(self) -> int:
        return len(self._array.shape)

    def dim(self) -> int:
        """The number of dims."""
        return len(self._array.shape)

    def numel(self) -> int:
        """The number of elements."""
        return self._array.size

    ndimension, nelement = dim, numel

    @property
    def itemsize(self) -> int:
        return self._array.dtype.itemsize

    def element_size(self) -> int:
        """Bytes of one element."""
        return self._array.dtype.itemsize

    @property
    def nbytes(self) -> int:
        return self._array.nbytes

    def stride(self, dim: int | None = None) -> Any:
        """Elements from one index to the next in each dim (NumPy counts bytes)."""
        strides = tuple(s // self._array.dtype.itemsize for s in self._array.strides)
        return strides if dim is None else strides[_dim(self, dim)]

    def is_contiguous(self, memory_format: Any = None) -> bool:
        """Whether the elements lie in C order without gaps."""
        a = self._array
        return a.flags.c_contiguous if type(a) is np.ndarray else a.contiguous

    def data_ptr(self) -> int:
        """The address of the first element."""
        a = self._array
        return a.__array_interface__["data"][0] if type(a) is np.ndarray else a.data_ptr()

    def is_inference(self) -> bool:
        """Whether it was made in inference mode."""
        return getattr(self, "_version", None) is INFERENCE

    def is_floating_point(self) -> bool:
        return self.dtype.is_floating_point

    def is_signed(self) -> bool:
        """Whether the dtype has negative numbers."""
        return self.dtype.is_signed

    def is_complex(self) -> bool:
        """False: no dtype is complex."""
        return False

    def get_device(self) -> int:
        """The number of the GPU, -1 on the CPU."""
        return -1 if self.is_cpu else self.device.index or 0

    @property
    def is_cuda(self) -> bool:
        return self.device.type == "cuda"

    @property
    def is_cpu(self) -> bool:
        return type(self._array) is np.ndarray

    # its part in the graph

    @property
    def requires_grad(self) -> bool:
        return edge_of(self) is not None

    @requires_grad.setter
    def requires_grad(self, wanted: bool) -> None:
        self.requires_grad_(wanted)

    def requires_grad_(self, requires_grad: bool = True) -> Any:
        """Make a leaf record what is done with it, or stop that."""
        if not self.is_leaf:
            if requires_grad:
                return self
            raise RuntimeError(
                "you can only change requires_grad flags of leaf variables: use detach() for a "
                "tensor that needs no gradient"
            )
        if requires_grad and not self.dtype.is_floating_point:
            raise RuntimeError(
                f"only Tensors of floating point dtype can require gradients, got {self.dtype}"
            )
        if requires_grad != (self._node is LEAF):
            if requires_grad:
                make_leaf(self)
            else:
                self._node = None
        return self

    @property
    def is_leaf(self) -> bool:
        edge = edge_of(self)
        return edge is None or edge is self

    @property
    def grad_fn(self) -> Node | None:
        edge = edge_of(self)
        return None if edge is self else edge

    @property
    def grad(self) -> Any:
        return getattr(self, "_grad", None)

    @grad.setter
    def grad(self, value: Any) -> None:
        if value is not None:
            engine.check_grad(self, value)
        self._grad = value

    @property
    def _version_count(self) -> int:
        return version_of(self)[0]

    @property
    def data(self) -> Any:
        """The same memory without history; writes through it are not seen by autograd."""
        return wrap(self._array)

    @data.setter
    def data(self, value: Any) -> None:
        if not isinstance(value, Variable):
            raise TypeError(f"data: expected a Tensor, got {type(value).__name__}")
        if type(value._array) is not type(self._array) and not self.is_leaf:
            raise RuntimeError("data: only a leaf can be given an array of another device")
        self._array = value._array

    def backward(
        self,
        gradient: Any = None,
        retain_graph: bool | None = None,
        create_graph: bool = False,
        inputs: Sequence | None = None,
    ) -> None:
        """Add the gradient of this tensor to `grad` of the leaves it came from.

        `gradient`: of what comes after, in this tensor's shape; may be absent for one element.
        `inputs`: accumulate into these only. `create_graph`: record, for second derivatives.
        """
        if inputs is None:
            engine.backward_from(self, gradient, retain_graph, create_graph)
        else:
            engine.run_backward((self,), (gradient,), retain_graph, create_graph, inputs)

    def register_hook(self, hook: Callable) -> RemovableHandle:
        """Call hook(grad) when this tensor's gradient is known; it may return another."""
        edge = edge_of(self)
        if edge is None:
            raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
        if isinstance(edge, Node):
            return edge.register_hook(hook)
        if self._hooks is None:
            self._hooks = {}
        return RemovableHandle(self._hooks, hook)

    def retain_grad(self) -> None:
        """Keep the gradient of a tensor that is not a leaf in its `grad`."""
        edge = edge_of(self)
        if edge is None:
            raise RuntimeError("can't retain_grad on Tensor that has requires_grad=False")
        if isinstance(edge, Node):
            edge.register_hook(KeepGrad(self))

    @property
    def retains_grad(self) -> bool:
        edge = edge_of(self)
        hooks = edge.hooks if isinstance(edge, Node) else None
        return bool(hooks) and any(type(h) is KeepGrad for h in hooks.values())

    @property
    def output_nr(self) -> int:
        edge = edge_of(self)
        return edge.index if isinstance(edge, Output) else 0


def _dim(t: TensorBase, dim: int) -> int:
    n = max(t.ndim, 1)
    if not -n <= dim < n:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-n}, {n - 1}], but got {dim})"
        )
    return dim % n
