"""Runs @triton.jit kernels on the CPU, in this process: real Python frames over NumPy arrays.

A kernel's code object runs unchanged with private globals in which Triton's names mean their
interpreted forms, so nothing of Triton is patched: other threads may compile meanwhile, and a
breakpoint or a print inside a kernel works as anywhere else.
"""

import builtins
import functools
import inspect
import math
import operator
import sys
import types

import numpy as np
import triton.language as tl
from triton.language.semantic import TritonSemantic
from triton.runtime.interpreter import InterpretedFunction, TensorHandle
from triton.runtime.jit import JITFunction

from .interpreter_builder import Argument, Builder, state
from .interpreter_reduce import Reductions

JIT = (JITFunction, InterpretedFunction)
DTYPES = {
    "bool": tl.int1,
    "bfloat16": tl.bfloat16,
    **{f"float{n}": getattr(tl, f"float{n}") for n in (16, 32, 64)},
    **{f"int{n}": getattr(tl, f"int{n}") for n in (8, 16, 32, 64)},
    **{f"uint{n}": getattr(tl, f"uint{n}") for n in (8, 16, 32, 64)},
}


def run(kernel, grid, args, constexprs, live=None):
    """Launches `kernel` over `grid`: arrays, ints, floats and bools in the order of the signature.

    An array has ptr, dtype and storage (with ptr and nbytes). `live` lists (ptr, nbytes) of the
    memory that a pointer read from memory may point into: by default all of the device's.
    """
    code = interpreted(kernel)
    values = list(bind(code, args, constexprs))
    live = live or live_memory(args)
    old = state.kernel, state.arguments, state.live, state.grid, state.program
    state.kernel, state.live = code.__name__, live
    state.arguments = tuple(v.handle.attr["argument"] for v in values if is_pointer(v))
    state.grid = (*grid, 1, 1)[:3]
    try:
        with np.errstate(all="ignore"):
            for state.program in programs_of(state.grid):
                code(*values)
    except Exception as error:
        error.add_note(f"in kernel {code.__name__}, program {state.program} of grid {state.grid}")
        raise
    finally:
        state.kernel, state.arguments, state.live, state.grid, state.program = old


def programs_of(grid):
    """The programs of a grid, x fastest."""
    columns, rows, layers = grid
    return ((x, y, z) for z in range(layers) for y in range(rows) for x in range(columns))


def live_memory(args):
    """What lists the live memory of the arguments' device, if it keeps such a list."""
    for value in args:
        device = getattr(getattr(value, "storage", None), "device", None)
        if hasattr(device, "blocks"):
            return lambda: list(device.blocks.items())
    return None


def bind(code, args, constexprs):
    """The kernel's arguments in its own order, as the compiler would type them."""
    remaining = iter(args)
    for name, parameter in code.parameters.items():
        if name in constexprs:
            yield translate(constexprs[name])
            continue
        value = next(remaining, parameter.default)
        if value is inspect.Parameter.empty:
            raise TypeError(f"{code.__name__}: argument '{name}' is missing")
        yield convert(name, value)
    if surplus := list(remaining):
        raise TypeError(f"{code.__name__}: {len(surplus)} arguments too many")


def convert(name, value):
    """One launch argument as a Triton scalar or pointer."""
    if isinstance(value, (bool, np.bool_)):
        return scalar(np.array([value], np.bool_), tl.int1)
    if isinstance(value, (int, np.integer)):
        return integer(int(value))
    if type(value) is np.float64:  # as launch() types it; a Python float is a float32
        return scalar(np.array([value]), tl.float64)
    if isinstance(value, (float, np.floating)):
        return scalar(np.array([value], np.float32), tl.float32)
    if hasattr(value, "storage"):
        return pointer(name, value.ptr, value.dtype, value.storage.ptr, value.storage.nbytes)
    if isinstance(value, (tuple, list)):
        return tuple(convert(f"{name}[{i}]", item) for i, item in enumerate(value))
    return translate(value)


def integer(value):
    dtype = np.int32 if -(2**31) <= value < 2**31 else np.int64 if value < 2**63 else np.uint64
    return scalar(np.array([value], dtype), DTYPES[np.dtype(dtype).name])


def pointer(name, ptr, dtype, low, nbytes):
    dtype = np.dtype(dtype)
    argument = Argument(name, ptr, dtype.itemsize, low, low + nbytes)
    kind = tl.pointer_type(DTYPES[dtype.name])
    handle = TensorHandle(np.array([ptr], np.uint64), kind, {"argument": argument})
    return Value(handle, kind)


def scalar(data, kind):
    return Value(TensorHandle(data, kind), kind)


def is_pointer(value):
    return isinstance(value, Value) and "argument" in value.handle.attr


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
        scope.setdefault("range", loop)
        cells = [types.CellType(translate(c.cell_contents)) for c in python.__closure__ or ()]
        function = types.FunctionType(
            python.__code__, scope, python.__name__, python.__defaults__, tuple(cells)
        )
        function.__kwdefaults__ = python.__kwdefaults__
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
        result = member(*args, **kwargs)
        if type(result) is tl.tensor:  # functions of tl.math name the class
            result.__class__ = Value
        return result

    return call


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


def unrolled(start, end=None, step=1, **_):
    """tl.static_range(): the loop variable is a plain int."""
    start, end = (0, start) if end is None else (start, end)
    return range(*map(operator.index, (start, end, step)))


def unchanged(input, *_, **__):
    return input


def static_assert(condition, message="", **_):
    if not condition:
        raise AssertionError(str(message))


class Value(tl.tensor):
    """A Triton tensor over a NumPy array, with Python's protocols for the debugger."""

    def __init__(self, handle, type):
        self.handle, self.type, self.dtype = handle, type, type.scalar
        self.shape, self.numel = shape_and_size(type.shape if type.is_block() else ())

    def __index__(self):
        return int(self.handle.data.reshape(-1)[0])

    def __float__(self):
        return float(self.handle.data.reshape(-1)[0])

    def __bool__(self):
        if self.handle.data.size != 1:
            if sys._getframe(1).f_globals["__name__"].startswith("triton."):
                return True  # Triton asks so whether an optional argument was given
            raise ValueError(f"a block of shape {self.handle.data.shape} has no truth value")
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


@functools.cache
def shape_and_size(shape):
    """A block's shape as Triton spells it; made once per shape, for it costs 10 us."""
    return tl.core.tuple([tl.constexpr(s) for s in shape]), tl.constexpr(math.prod(shape))


def add_methods():
    """Binds every operator and method of Triton's tensors to our semantic."""
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


def signed_types(stock_to_ir=tl.dtype.to_ir):
    """The IR type of a scalar is, to our builder, the Triton dtype: it knows its signedness."""

    def to_ir(self, builder):
        return self if isinstance(builder, Builder) else stock_to_ir(self, builder)

    tl.dtype.to_ir = to_ir


_functions, _modules = {}, {}
semantic = Semantic(Builder())
_reductions = Reductions(Value)
_replacements = {
    id(tl.range): loop,
    id(tl.static_range): unrolled,
    id(tl.static_assert): static_assert,
    id(tl.static_print): print,
    id(tl.reduce): _reductions.reduce,
    id(tl.core._reduce_with_indices): _reductions.reduce_with_indices,
    id(tl.associative_scan): _reductions.scan,
    **{id(f): unchanged for f in (tl.multiple_of, tl.max_contiguous, tl.max_constancy)},
}
signed_types()
add_methods()
