"""Methods of Tensor that compute: arithmetic, functions, comparisons, reductions, products."""

from __future__ import annotations

from typing import Any

from .ops import (
    activation,
    compare,
    elementwise,
    linalg,
    mixed,
    nn,
    products,
    reduce,
    scan,
    statistics,
)
from .tensor_base import TensorBase


class MathMethods(TensorBase):
    """Operators and functions of the elements, bound to the operations."""

    __slots__ = ()

    # arithmetic

    add = elementwise.add
    sub = subtract = elementwise.sub
    mul = multiply = elementwise.mul
    div = divide = mixed.div
    true_divide = elementwise.div
    pow = elementwise.pow
    __add__ = __radd__ = elementwise.add.operator
    __sub__ = elementwise.sub.operator
    __mul__ = __rmul__ = elementwise.mul.operator
    __truediv__ = elementwise.div.operator
    __pow__ = elementwise.pow.operator
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
    lerp = mixed.lerp
    addcmul = mixed.addcmul
    addcdiv = mixed.addcdiv
    nan_to_num = mixed.nan_to_num
    floor = compare.floor
    ceil = compare.ceil
    round = mixed.round
    trunc = compare.trunc

    def where(self, condition: Any, other: Any) -> Any:
        """self where condition holds, else other."""
        return elementwise.where(condition, self, other)

    # comparisons and logic

    eq = compare.eq
    ne = not_equal = compare.ne

    def __eq__(self, other: Any) -> Any:
        """Element by element; what is neither a tensor nor a number is simply another object."""
        try:
            return compare.eq(self, other)
        except TypeError:
            return NotImplemented

    def __ne__(self, other: Any) -> Any:
        try:
            return compare.ne(self, other)
        except TypeError:
            return NotImplemented

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
    bitwise_left_shift = __lshift__ = compare.bitwise_left_shift
    bitwise_right_shift = __rshift__ = compare.bitwise_right_shift

    def __rlshift__(self, other: Any) -> Any:
        return compare.bitwise_left_shift(other, self)

    def __rrshift__(self, other: Any) -> Any:
        return compare.bitwise_right_shift(other, self)

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
    softmax = nn.softmax
    log_softmax = nn.log_softmax
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
    mv = products.mv
    outer = products.outer
    inner = mixed.inner
    addmm = products.addmm
    addmv = products.addmv
    addbmm = products.addbmm
    baddbmm = products.baddbmm
    trace = products.trace

    def __rmatmul__(self, other: Any) -> Any:
        return linalg.matmul(other, self)
