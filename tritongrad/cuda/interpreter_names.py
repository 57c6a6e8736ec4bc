"""What Triton's names mean to interpreted code: functions bound to our arithmetic, and tensors.

Nothing of Triton is replaced, but for the method that tells a dtype's IR type, which asks for whom.
"""

import builtins
import functools
import inspect
import math
import sys
import types

import numpy as np
import triton.language as tl
from triton.language.semantic import TritonSemantic
from triton.runtime.interpreter import InterpretedFunction, TensorHandle
from triton.runtime.jit import JITFunction

from . import interpreter_libdevice as libdevice
from .interpreter_builder import Builder
from .interpreter_constants import Constant, static_assert, unrolled
from .interpreter_numbers import block_type
from .interpreter_reduce import Reductions

JIT = (JITFunction, InterpretedFunction)
SEMANTIC = TritonSemantic.__module__


def scalar(data, kind):
    return Value(TensorHandle(data, kind), kind)


class Interpreted:
    """A jitted function that runs as Python; its globals are translated at the first call."""

    def __init__(self, jitted):
        self.jitted = jitted
        self.python = jitted.fn
        while not inspect.isfunction(self.python):
            self.python = self.python.fn
        self.__name__ = self.python.__name__
        self.parameters = inspect.signature(self.python).parameters

    @functools.cached_property
    def function(self):
        python = self.python
        outer, names = python.__globals__, names_of(python.__code__)
        scope = {name: translate(outer[name]) for name in names if name in outer}
        scope.update(__builtins__=builtins, __name__=python.__module__)
        scope = OF_PYTHON | scope
        cells = [types.CellType(translate(c.cell_contents)) for c in python.__closure__ or ()]
        defaults = translate(python.__defaults__)
        function = types.FunctionType(
            python.__code__, scope, python.__name__, defaults, tuple(cells)
        )
        named = python.__kwdefaults__ or {}
        function.__kwdefaults__ = {name: translate(value) for name, value in named.items()}
        return function

    def __call__(self, *args, **kwargs):
        kwargs.pop("_semantic", None)
        return self.function(*args, **kwargs)


def names_of(code):
    """Every global name that a code object, or one nested in it, may read."""
    nested = [c for c in code.co_consts if isinstance(c, types.CodeType)]
    return set(code.co_names).union(*map(names_of, nested))


def interpreted(kernel):
    """The interpreted form of a jitted function; autotuners and heuristics are looked through."""
    while not isinstance(kernel, JIT):
        if not hasattr(kernel, "fn"):
            raise TypeError(f"{kernel!r} is not a @triton.jit kernel")
        kernel = kernel.fn
    found = _functions.get(kernel.fn)
    if found is None:
        found = _functions[kernel.fn] = Interpreted(kernel)
    return found


def translate(value):
    """A value as interpreted code must see it: functions of Triton bound, the rest unchanged."""
    if isinstance(value, JIT):
        return interpreted(value)
    if isinstance(value, types.ModuleType):
        return _modules.setdefault(value, Module(value)) if of_kernels(value) else value
    if isinstance(value, tuple) and type(value) is tuple:
        return tuple(map(translate, value))
    if getattr(value, "__module__", None) in libdevice.MODULES and inspect.isfunction(value):
        return libdevice.function(value.__name__, semantic)
    if type(value) is tl.constexpr:
        return Constant(value.value)
    replacement = _replacements.get(id(value))
    if replacement is not None:
        return replacement
    return bound(value) if tl.core.is_builtin(value) else value


def of_kernels(module):
    """Whether a module can hold jitted functions: Triton's own, or one that imports Triton."""
    return module.__name__.startswith("triton.") or any(
        isinstance(v, JIT) or v is tl for v in vars(module).values()
    )


def bound(member):
    """A builtin of Triton with our semantic in place of the compiler's."""

    @functools.wraps(member)
    def call(*args, **kwargs):
        kwargs["_semantic"] = semantic
        return ours(member(*args, **kwargs))

    return call


def ours(result):
    """A result of Triton's with our methods: functions of tl.math and the like name the class."""
    if type(result) in OURS:
        result.__class__ = OURS[type(result)]
    return result


class Module:
    """A module whose attributes are translated when first read."""

    def __init__(self, module):
        self.__dict__["__wrapped__"] = module

    def __getattr__(self, name):
        value = self.__dict__[name] = translate(getattr(self.__wrapped__, name))
        return value


def loop(*bounds, **options):
    """range(): the loop variable is a Triton scalar, as in compiled code."""
    kinds = [b.dtype for b in bounds if isinstance(b, tl.tensor)]
    wide = any(k.primitive_bitwidth == 64 for k in kinds)
    dtype, kind = (np.int64, tl.int64) if wide else (np.int32, tl.int32)
    for i in unrolled(*bounds, **options):
        yield scalar(np.array([i], dtype), kind)


def chosen(python, language):
    """min() or max(), in a kernel Triton's where a value is known only when it runs."""

    def call(*values, **options):
        runtime = len(values) == 2 and any(isinstance(v, tl.tensor) for v in values)
        return translate(language)(*values) if runtime else python(*values, **options)

    return call


def no_dot_scaled(*_, **__):
    raise NotImplementedError("tl.dot_scaled runs on interpret with Triton 3.9 or later only")


OF_PYTHON = {"range": loop, "min": chosen(min, tl.minimum), "max": chosen(max, tl.maximum)}


def unchanged(input, *_, **__):
    return input


class Value(tl.tensor):
    """A Triton tensor over a NumPy array, with Python's protocols for the debugger."""

    def __init__(self, handle, type):
        self.handle, self.type, self.dtype = handle, type, type.scalar
        self.shape, self.numel = shape_and_size(tuple(type.shape.values) if type.is_block() else ())

    def __index__(self):
        return int(self.handle.data.reshape(-1)[0])

    def __float__(self):
        return float(self.handle.data.reshape(-1)[0])

    def __bool__(self):
        asker = sys._getframe(1).f_globals["__name__"]
        if asker == SEMANTIC:
            return True  # it asks so whether an optional argument was given
        if self.handle.data.size != 1:
            if asker.startswith("triton."):
                return True
            raise ValueError(
                f"a block of shape {self.handle.data.shape} has no truth value: join masks by & | "
                "and ~, choose by tl.where, ask for one answer by tl.max or tl.sum"
            )
        return bool(self.handle.data.reshape(-1)[0])

    def __repr__(self):
        return repr(self.handle.data)

    def __str__(self):
        return str(self.handle.data)

    def __iter__(self):
        raise TypeError("a Triton tensor cannot be iterated")

    @property
    def T(self):
        return self.trans()


class Descriptor(tl.tensor_descriptor):
    """A tensor descriptor; its methods are bound to our semantic."""


OURS = {tl.tensor: Value, tl.tensor_descriptor: Descriptor}


@functools.cache
def shape_and_size(shape):
    """A block's shape as Triton spells it; made once per shape, for it costs 10 us."""
    return tl.core.tuple([Constant(s) for s in shape]), Constant(math.prod(shape))


def add_methods():
    """Binds every operator and method of Triton's tensors and descriptors to our semantic."""
    for name, member in inspect.getmembers_static(tl.tensor_descriptor, tl.core.is_builtin):
        setattr(Descriptor, name, translate(member))
    own = set(vars(Value))
    for name in dir(tl.tensor):
        member = getattr(tl, name, None)
        if not isinstance(member, JIT):
            member = inspect.getattr_static(tl.tensor, name)
        if name in own:
            continue
        if isinstance(member, JIT):
            setattr(Value, name, lambda self, *a, _f=member, **k: interpreted(_f)(self, *a, **k))
        elif tl.core.is_builtin(member):
            setattr(Value, name, translate(member))


class Semantic(TritonSemantic):
    """Triton's typing rules over our builder and tensors."""

    tensor = Value

    def broadcast_impl_value(self, lhs, rhs):
        """As Triton's, whose types of blocks, made anew each time, are most of a kernel's time."""
        left, right = lhs.type, rhs.type
        if not left.is_block():
            return (self.filled(lhs, right), rhs) if right.is_block() else (lhs, rhs)
        if not right.is_block():
            return lhs, self.filled(rhs, left)
        a, b = left.shape.values, right.shape.values
        if a == b:
            return lhs, rhs
        if len(a) != len(b) or any(n != m and n != 1 != m for n, m in zip(a, b, strict=True)):
            return super().broadcast_impl_value(lhs, rhs)
        shape = [m if n == 1 else n for n, m in zip(a, b, strict=True)]
        return self.spread(lhs, shape), self.spread(rhs, shape)

    def cast(self, input, dst_ty, *rounding):
        same = dst_ty.scalar is input.dtype  # Triton compares their names
        return input if same else super().cast(input, dst_ty, *rounding)

    def filled(self, scalar, like):
        kind = block_type(scalar.type.scalar, like.shape.values)
        return Value(self.builder.create_splat(kind, scalar.handle), kind)

    def spread(self, block, shape):
        if block.type.shape.values == shape:
            return block
        kind = block_type(block.type.scalar, shape)
        return Value(self.builder.create_broadcast(block.handle, shape), kind)


def signed_types(stock_to_ir=tl.dtype.to_ir):
    """The IR type of a scalar is, to our builder, the Triton dtype: it knows its signedness."""

    def to_ir(self, builder):
        return self if isinstance(builder, Builder) else stock_to_ir(self, builder)

    tl.dtype.to_ir = to_ir


_functions, _modules = {}, {}
semantic = Semantic(Builder())
_reductions = Reductions(Value)
_replacements = {
    id(tl.constexpr): Constant,
    id(tl.range): loop,
    id(tl.static_range): unrolled,
    id(tl.static_assert): static_assert,
    id(tl.static_print): print,
    id(tl.reduce): _reductions.reduce,
    id(tl.core._reduce_with_indices): _reductions.reduce_with_indices,
    id(tl.associative_scan): _reductions.scan,
    **{id(f): unchanged for f in (tl.multiple_of, tl.max_contiguous, tl.max_constancy)},
}
if not hasattr(Builder, "create_dot_scaled"):
    _replacements[id(tl.dot_scaled)] = no_dot_scaled
signed_types()
add_methods()
