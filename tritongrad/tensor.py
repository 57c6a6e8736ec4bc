"""class Tensor: PyTorch's names bound to operations."""

from __future__ import annotations

from typing import Any

from . import writes
from .autograd.variable import registry
from .devices import as_device
from .dtype import as_dtype
from .inplace import inplace
from .ops import (
    activation,
    compare,
    copy,
    elementwise,
    index,
    linalg,
    masks,
    order,
    reduce,
    scan,
    shape,
    slices,
    statistics,
    strided,
)
from .ops import split as splits
from .ops import view as view_ops
from .ops.convert import Conversions
from .ops.subscript import subscript
from .tensor_base import TensorBase


class Tensor(Conversions, TensorBase):
    """A multi-dimensional array that records what is done with it."""

    __slots__ = ()

    # arithmetic

    add = __add__ = __radd__ = elementwise.add
    sub = subtract = __sub__ = elementwise.sub
    mul = multiply = __mul__ = __rmul__ = elementwise.mul
    div = divide = true_divide = __truediv__ = elementwise.div
    pow = __pow__ = elementwise.pow
    floor_divide = __floordiv__ = compare.floor_divide
    remainder = __mod__ = compare.remainder
    fmod = compare.fmod
    neg = negative = __neg__ = elementwise.neg
    abs = absolute = __abs__ = elementwise.abs

    def __pos__(self) -> Any:
        return self

    def __rsub__(self, other: Any) -> Any:
        return elementwise.sub(other, self)

    def __rtruediv__(self, other: Any) -> Any:
        return elementwise.div(other, self)

    def __rpow__(self, other: Any) -> Any:
        return elementwise.pow(other, self)

    def __rfloordiv__(self, other: Any) -> Any:
        return compare.floor_divide(other, self)

    def __rmod__(self, other: Any) -> Any:
        return compare.remainder(other, self)

    # elementwise functions

    exp = elementwise.exp
    expm1 = elementwise.expm1
    log = elementwise.log
    log1p = elementwise.log1p
    log2 = elementwise.log2
    log10 = elementwise.log10
    sqrt = elementwise.sqrt
    rsqrt = elementwise.rsqrt
    reciprocal = elementwise.reciprocal
    square = elementwise.square
    sign = elementwise.sign
    sin = elementwise.sin
    cos = elementwise.cos
    atan2 = elementwise.atan2
    maximum = elementwise.maximum
    minimum = elementwise.minimum
    clamp = clip = activation.clamp
    clamp_min = activation.clamp_min
    clamp_max = activation.clamp_max
    relu = activation.relu
    tanh = activation.tanh
    sigmoid = activation.sigmoid
    erf = activation.erf
    floor = compare.floor
    ceil = compare.ceil
    round = compare.round
    trunc = compare.trunc

    def where(self, condition: Any, other: Any) -> Any:
        """self where condition holds, else other."""
        return elementwise.where(condition, self, other)

    # comparisons and logic

    eq = __eq__ = compare.eq
    ne = not_equal = __ne__ = compare.ne
    lt = less = __lt__ = compare.lt
    le = less_equal = __le__ = compare.le
    gt = greater = __gt__ = compare.gt
    ge = greater_equal = __ge__ = compare.ge
    __hash__ = TensorBase.__hash__  # __eq__ above would take it away
    logical_and = compare.logical_and
    logical_or = compare.logical_or
    logical_xor = compare.logical_xor
    logical_not = compare.logical_not
    bitwise_and = __and__ = __rand__ = compare.bitwise_and
    bitwise_or = __or__ = __ror__ = compare.bitwise_or
    bitwise_xor = __xor__ = __rxor__ = compare.bitwise_xor
    bitwise_not = __invert__ = compare.bitwise_not
    isnan = compare.isnan
    isinf = compare.isinf
    isfinite = compare.isfinite

    # reductions

    sum = reduce.sum
    nansum = statistics.nansum
    mean = reduce.mean
    nanmean = statistics.nanmean
    prod = reduce.prod
    max = statistics.max
    min = statistics.min
    amax = reduce.amax
    amin = reduce.amin
    aminmax = statistics.aminmax
    argmax = reduce.argmax
    argmin = reduce.argmin
    any = reduce.any
    all = reduce.all
    var = statistics.var
    std = statistics.std
    norm = statistics.norm
    logsumexp = reduce.logsumexp
    median = statistics.median
    quantile = statistics.quantile
    count_nonzero = statistics.count_nonzero
    cumsum = scan.cumsum
    cumprod = scan.cumprod

    # matrices and vectors

    mm = linalg.mm
    bmm = linalg.bmm
    matmul = __matmul__ = linalg.matmul
    dot = linalg.dot
    mv = linalg.mv
    outer = linalg.outer
    addmm = linalg.addmm
    addmv = linalg.addmv
    addbmm = linalg.addbmm
    baddbmm = linalg.baddbmm
    trace = linalg.trace

    def __rmatmul__(self, other: Any) -> Any:
        return linalg.matmul(other, self)

    # in place

    add_ = __iadd__ = inplace(elementwise.add)
    sub_ = __isub__ = inplace(elementwise.sub)
    mul_ = __imul__ = inplace(elementwise.mul)
    div_ = __itruediv__ = inplace(elementwise.div)
    pow_ = __ipow__ = inplace(elementwise.pow)
    floor_divide_ = __ifloordiv__ = inplace(compare.floor_divide)
    remainder_ = __imod__ = inplace(compare.remainder)
    neg_ = inplace(elementwise.neg)
    abs_ = inplace(elementwise.abs)
    exp_ = inplace(elementwise.exp)
    log_ = inplace(elementwise.log)
    sqrt_ = inplace(elementwise.sqrt)
    rsqrt_ = inplace(elementwise.rsqrt)
    reciprocal_ = inplace(elementwise.reciprocal)
    square_ = inplace(elementwise.square)
    sin_ = inplace(elementwise.sin)
    cos_ = inplace(elementwise.cos)
    tanh_ = inplace(activation.tanh)
    sigmoid_ = inplace(activation.sigmoid)
    relu_ = inplace(activation.relu)
    floor_ = inplace(compare.floor)
    ceil_ = inplace(compare.ceil)
    round_ = inplace(compare.round)
    trunc_ = inplace(compare.trunc)
    clamp_min_ = inplace(activation.clamp_min)
    clamp_max_ = inplace(activation.clamp_max)
    _clamp_both_ = inplace(activation.clamp_both)
    logical_not_ = inplace(compare.logical_not)
    bitwise_and_ = __iand__ = inplace(compare.bitwise_and)
    bitwise_or_ = __ior__ = inplace(compare.bitwise_or)
    bitwise_xor_ = __ixor__ = inplace(compare.bitwise_xor)

    def clamp_(self, min: Any = None, max: Any = None) -> Any:
        """In-place form of `clamp`."""
        form, bounds = activation.clamp_form(min, max)
        names = {"clamp_min": Tensor.clamp_min_, "clamp_max": Tensor.clamp_max_}
        return names.get(form.op.name, Tensor._clamp_both_)(self, *bounds)

    clip_ = clamp_

    # new tensors of this one's dtype and device

    def new_zeros(self, *size: Any, dtype: Any = None, device: Any = None, requires_grad=False):
        """Zeros of a shape."""
        return self.new_full(size, 0, dtype=dtype, device=device, requires_grad=requires_grad)

    def new_ones(self, *size: Any, dtype: Any = None, device: Any = None, requires_grad=False):
        """Ones of a shape."""
        return self.new_full(size, 1, dtype=dtype, device=device, requires_grad=requires_grad)

    def new_full(self, size, fill_value, *, dtype=None, device=None, requires_grad=False):
        """One value in a shape."""
        from . import create

        shape = create.size_of("new_full", size if isinstance(size, tuple) else (size,))
        where = self.device if device is None else as_device(device)
        d = self._array.dtype if dtype is None else as_dtype(dtype).numpy
        return create.finish(create.filled(shape, fill_value, d, where), requires_grad)

    def new_empty(self, *size: Any, dtype: Any = None, device: Any = None, requires_grad=False):
        """Arbitrary content in a shape."""
        return self.new_full(size, 0, dtype=dtype, device=device, requires_grad=requires_grad)

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

        return random.fill("normal", self, generator, std, mean)

    def uniform_(self, from_: float = 0.0, to: float = 1.0, *, generator: Any = None) -> Any:
        """Overwrite with uniform numbers in [from_, to)."""
        from . import random

        return random.fill("uniform", self, generator, to - from_, from_)

    # views and copies

    detach = view_ops.detach
    detach_ = view_ops.detach_
    view = view_ops.view
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
    fill_ = writes.fill_
    zero_ = writes.zero_
    copy_ = writes.copy_

    @property
    def T(self) -> Any:
        """The dims in reverse order."""
        return view_ops.permute(self, tuple(range(self.ndim))[::-1])

    @property
    def mT(self) -> Any:
        """The last two dims exchanged."""
        return view_ops.transpose(self, -2, -1)

    # indexing

    __getitem__ = subscript
    __setitem__ = writes.setitem
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
    scatter_ = writes.scatter_
    scatter_add_ = writes.scatter_add_
    index_add_ = writes.index_add_
    index_copy_ = writes.index_copy_
    index_fill_ = writes.index_fill_
    index_put_ = writes.index_put_
    masked_fill_ = writes.masked_fill_
    tril_ = writes.tril_
    triu_ = writes.triu_
    _put = writes.put

    def __iter__(self) -> Any:
        if not self._array.shape:
            raise TypeError("iteration over a 0-d tensor")
        return iter(splits.unbind(self))


registry.Tensor = Tensor
