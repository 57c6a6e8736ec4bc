"""class Tensor: PyTorch's names bound to operations."""

from __future__ import annotations

from typing import Any

from .autograd.variable import registry
from .devices import as_device
from .dtype import as_dtype, finfo
from .dtype import dtype as element
from .ops import (
    copy,
    index,
    masks,
    order,
    shape,
    slices,
    strided,
)
from .ops import split as splits
from .ops import view as view_ops
from .ops.convert import Conversions
from .ops.subscript import subscript
from .tensor_exchange import ExchangeMethods
from .tensor_math import MathMethods
from .tensor_writes import WriteMethods


class Tensor(Conversions, MathMethods, WriteMethods, ExchangeMethods):
    """A multi-dimensional array that records what is done with it."""

    __slots__ = ()

    # new tensors of this one's dtype and device

    def new_zeros(
        self, *sizes: Any, size: Any = None, dtype=None, device=None, requires_grad=False
    ):
        """Zeros of a shape."""
        sizes = sizes if size is None else (size,)
        return self.new_full(sizes, 0, dtype=dtype, device=device, requires_grad=requires_grad)

    def new_ones(self, *sizes: Any, size: Any = None, dtype=None, device=None, requires_grad=False):
        """Ones of a shape."""
        sizes = sizes if size is None else (size,)
        return self.new_full(sizes, 1, dtype=dtype, device=device, requires_grad=requires_grad)

    def new_full(self, size, fill_value, *, dtype=None, device=None, requires_grad=False):
        """One value in a shape."""
        from . import create

        if type(fill_value) is not int:
            d = self._array.dtype if dtype is None else as_dtype(dtype).numpy
            fill_value = create.number("new_full", fill_value, d)
        if size == (self._array.shape,) and device is None and dtype is None and not requires_grad:
            return create.like(self._array, fill_value)  # what formulas ask for
        shape = create.size_of("new_full", size if isinstance(size, tuple) else (size,))
        d = self._array.dtype if dtype is None else as_dtype(dtype).numpy
        where = self.device if device is None else as_device(device)
        return create.finish(create.filled(shape, fill_value, d, where), requires_grad)

    def new_empty(
        self, *sizes: Any, size: Any = None, dtype=None, device=None, requires_grad=False
    ):
        """Arbitrary content in a shape."""
        sizes = sizes if size is None else (size,)
        return self.new_full(sizes, 0, dtype=dtype, device=device, requires_grad=requires_grad)

    def new_tensor(self, data, *, dtype=None, device=None, requires_grad=False):
        """A tensor with a copy of data."""
        from . import create

        return create.tensor(
            data,
            dtype=dtype or self.dtype,
            device=device or self.device,
            requires_grad=requires_grad,
        )

    # random content

    def normal_(self, mean: float = 0.0, std: float = 1.0, *, generator: Any = None) -> Any:
        """Overwrite with normal numbers of a mean and a standard deviation."""
        from . import random

        random.check_std("normal_", std)
        return random.fill("normal", self, generator, std, mean)

    def uniform_(self, from_: float = 0.0, to: float = 1.0, *, generator: Any = None) -> Any:
        """Overwrite with uniform numbers in [from_, to)."""
        from . import random

        if from_ > to:
            raise RuntimeError(f"uniform_ expects from_ <= to, but found from_={from_} > to={to}")
        return random.fill("uniform", self, generator, to - from_, from_)

    def bernoulli_(self, p: Any = 0.5, *, generator: Any = None) -> Any:
        """Overwrite with 1 with probability p (a number or a tensor), else 0."""
        from . import random

        return self.copy_(random.bernoulli(self, p, generator=generator))

    def random_(self, from_: int = 0, to: int | None = None, *, generator: Any = None) -> Any:
        """Overwrite with whole numbers in [from_, to); random_(to) starts at 0."""
        from . import random

        low, high = (0, from_) if to is None else (from_, to)
        drawn = random.randint(low, high, self.shape, generator=generator, device=self.device)
        return self.copy_(drawn)

    def exponential_(self, lambd: float = 1.0, *, generator: Any = None) -> Any:
        """Overwrite with numbers of density lambd exp(-lambd x)."""
        from . import random

        if lambd <= 0:
            raise RuntimeError(f"exponential_ expects lambda > 0.0, but found lambda={lambd}")
        u = random.rand(self.shape, generator=generator, dtype=self.dtype, device=self.device)
        return self.copy_((1 - u).clamp(max=1 - finfo(self.dtype).eps / 2).log() / -lambd)

    # views and copies

    def view(self, *shape: Any, dtype: Any = None, size: Any = None) -> Any:
        """The elements in C order in another shape, or the bytes read as another dtype."""
        first = shape[0] if shape else dtype
        if isinstance(first, element) or dtype is not None:
            return strided.reread(self, first)
        return view_ops.view(self, *shape) if size is None else view_ops.view(self, size)

    detach = view_ops.detach
    detach_ = view_ops.detach_
    reshape = view_ops.reshape
    view_as = view_ops.view_as
    reshape_as = view_ops.reshape_as
    flatten = view_ops.flatten
    ravel = view_ops.ravel
    unflatten = view_ops.unflatten
    squeeze = view_ops.squeeze
    unsqueeze = view_ops.unsqueeze
    transpose = swapaxes = swapdims = view_ops.transpose
    t = view_ops.t
    permute = view_ops.permute
    movedim = moveaxis = view_ops.movedim
    expand = view_ops.expand
    expand_as = view_ops.expand_as
    broadcast_to = view_ops.broadcast_to
    narrow = slices.narrow
    select = slices.select
    diagonal = slices.diagonal
    diag_embed = slices.diag_embed
    diag = slices.diag
    split = splits.split
    split_with_sizes = splits.split_with_sizes
    chunk = splits.chunk
    tensor_split = splits.tensor_split
    unbind = splits.unbind
    unfold = strided.unfold
    as_strided = strided.as_strided
    storage_offset = strided.storage_offset
    clone = copy.clone
    contiguous = copy.contiguous
    repeat = shape.repeat
    tile = shape.tile
    repeat_interleave = shape.repeat_interleave
    flip = shape.flip
    fliplr = shape.fliplr
    flipud = shape.flipud
    roll = shape.roll
    rot90 = shape.rot90

    @property
    def T(self) -> Any:
        """The dims in reverse order."""
        return view_ops.permute(self, tuple(range(self.ndim))[::-1])

    @property
    def mT(self) -> Any:
        """The last two dims exchanged."""
        if self.ndim < 2:
            raise RuntimeError(
                f"mT is only supported on matrices or batches of them, got {self.ndim}-D tensor"
            )
        return view_ops.transpose(self, -2, -1)

    # indexing

    __getitem__ = subscript
    gather = index.gather
    take_along_dim = index.take_along_dim
    scatter = index.scatter
    scatter_add = index.scatter_add
    index_select = index.index_select
    index_add = index.index_add
    index_copy = index.index_copy
    index_fill = index.index_fill
    index_put = index.index_put
    masked_fill = masks.masked_fill
    masked_select = masks.masked_select
    nonzero = masks.nonzero
    argwhere = masks.argwhere
    tril = masks.tril
    triu = masks.triu
    sort = order.sort
    msort = order.msort
    argsort = order.argsort
    topk = order.topk
    unique = order.unique
    bincount = order.bincount
    histc = order.histc

    # comparisons of the whole

    def equal(self, other: Any) -> bool:
        """Whether the other tensor has the same shape and elements."""
        from .comparing import equal

        return equal(self, other)

    def allclose(self, other: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan=False):
        """Whether all elements are close to the other's: |self - other| <= atol + rtol |other|."""
        from .comparing import allclose

        return allclose(self, other, rtol, atol, equal_nan)

    def isclose(self, other: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan=False):
        """Where elements are close to the other's."""
        from .comparing import isclose

        return isclose(self, other, rtol, atol, equal_nan)

    def multinomial(self, num_samples: int, replacement=False, *, generator: Any = None) -> Any:
        """Indices drawn in proportion to the elements, which are weights."""
        from .random import multinomial

        return multinomial(self, num_samples, replacement, generator=generator)

    def __iter__(self) -> Any:
        if not self._array.shape:
            raise TypeError("iteration over a 0-d tensor")
        return iter(splits.unbind(self))


registry.Tensor = Tensor
