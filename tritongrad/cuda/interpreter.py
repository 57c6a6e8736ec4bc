"""Runs @triton.jit kernels on the CPU, in this process: real Python frames over NumPy arrays.

A kernel's code object runs unchanged with private globals in which Triton's names mean their
interpreted forms, so nothing of Triton is patched: other threads may compile meanwhile, and a
breakpoint or a print inside a kernel works as anywhere else.
"""

import inspect
import os

import numpy as np
import triton.language as tl
from triton.runtime.interpreter import TensorHandle
from triton.tools.tensor_descriptor import TensorDescriptor

from .interpreter_memory import Argument, state
from .interpreter_names import Value, interpreted, ours, scalar, semantic, translate
from .interpreter_races import watched
from .user_launch import flat, held, rebuilt

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
    Returns the names of the arguments that the kernel has written to.
    """
    code = interpreted(kernel)
    values = list(bind(code, args, constexprs))
    live = live or live_memory(args)
    old = state.kernel, state.arguments, state.live, state.grid, state.program
    state.kernel, state.live = code.__name__, live
    state.arguments = tuple(filter(None, map(argument_of, flat(values))))
    state.poison = os.environ.get("TRITONGRAD_POISON") == "1"
    state.grid = (*grid, 1, 1)[:3]
    races, observer = watched(), state.observer
    if races is not None:
        state.observer = races.observe
    try:
        with np.errstate(all="ignore"):
            for program in programs_of(state.grid):
                state.program = program
                code(*values)
    except Exception as error:
        error.add_note(f"in kernel {code.__name__}, program {state.program} of grid {state.grid}")
        raise
    else:
        if races is not None:
            races.check()
        return {argument.name for argument in state.arguments if argument.written}
    finally:
        state.kernel, state.arguments, state.live, state.grid, state.program = old
        state.observer = observer


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
    if isinstance(value, TensorDescriptor):
        return descriptor(name, value)
    if isinstance(value, tuple):
        return rebuilt(value, (convert(f"{name}[{i}]", item) for i, item in enumerate(value)))
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


def descriptor(name, value):
    """A tensor descriptor that was made on the host."""
    array = held(value.base)
    base = pointer(name, array.ptr, array.dtype, array.storage.ptr, array.storage.nbytes)
    made = semantic.make_tensor_descriptor(
        base,
        [integer(int(n)) for n in value.shape],
        [*(integer(int(n)) for n in value.strides[:-1]), tl.constexpr(1)],
        [tl.constexpr(n) for n in value.block_shape],
        value.padding,
    )
    made.handle.round_f32_to_tf32 = getattr(value, "round_f32_to_tf32", False)
    return ours(made)


def argument_of(value):
    """The argument that a pointer or a descriptor came as; None for other values."""
    handle = getattr(value, "handle", None)
    return getattr(getattr(handle, "base", handle), "attr", {}).get("argument")
