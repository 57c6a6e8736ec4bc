"""Reductions and scans of the interpreter: trees of whole-array steps, in a fixed order."""

import numpy as np
import triton.language as tl
from triton.runtime.interpreter import TensorHandle

from .interpreter_numbers import numpy_dtype

# A combine function that only applies an operator runs as the ufunc: told by its bytecode.
UFUNCS = {
    (lambda a, b: a + b).__code__.co_code: np.add,
    (lambda a, b: a * b).__code__.co_code: np.multiply,
    (lambda a, b: a & b).__code__.co_code: np.bitwise_and,
    (lambda a, b: a | b).__code__.co_code: np.bitwise_or,
    (lambda a, b: a ^ b).__code__.co_code: np.bitwise_xor,
}


class Reductions:
    """tl.reduce and tl.associative_scan over values of class `value`."""

    def __init__(self, value):
        self.value = value

    def reduce(self, input, axis, combine_fn, keep_dims=False, **_):
        """Pairs neighbours until one is left: the order never depends on other axes."""
        inputs = (input,) if isinstance(input, tl.tensor) else tuple(input)
        axis = getattr(axis, "value", axis)
        shape = inputs[0].handle.data.shape
        blocks = [v.handle.data.reshape(-1) if axis is None else v.handle.data for v in inputs]
        blocks = [np.moveaxis(b, axis or 0, -1) for b in blocks]
        kinds = [v.dtype for v in inputs]
        while blocks[0].shape[-1] > 1:
            halves = [b[..., 0::2] for b in blocks], [b[..., 1::2] for b in blocks]
            blocks = self.combine(combine_fn, kinds, *halves)
        results = [b[..., 0] for b in blocks]
        if getattr(keep_dims, "value", keep_dims):
            flat = (1,) * len(shape)
            results = [
                r.reshape(flat) if axis is None else np.expand_dims(r, axis) for r in results
            ]
        values = tuple(map(self.wrap, results, kinds))
        return values[0] if isinstance(input, tl.tensor) else values

    def reduce_with_indices(self, input, axis, combine_fn, keep_dims=False, **_):
        """Reduces (value, its place on the axis); axis None means the flattened block."""
        axis = getattr(axis, "value", axis)
        data = input.handle.data
        places = np.arange(data.size, dtype=np.int32).reshape(data.shape)
        if axis is not None:
            along = np.arange(data.shape[axis], dtype=np.int32)
            places = np.moveaxis(np.moveaxis(places, axis, -1) * 0 + along, -1, axis)
        index = self.wrap(np.ascontiguousarray(places), tl.int32)
        return self.reduce((input, index), axis, combine_fn, keep_dims)

    def scan(self, input, axis, combine_fn, reverse=False, **_):
        """Hillis and Steele's scan: step d combines with the value d places before."""
        inputs = (input,) if isinstance(input, tl.tensor) else tuple(input)
        axis, reverse = getattr(axis, "value", axis), getattr(reverse, "value", reverse)
        kinds = [v.dtype for v in inputs]
        blocks = [np.moveaxis(v.handle.data, axis, -1) for v in inputs]
        blocks = [b[..., ::-1] if reverse else b for b in blocks]
        size, step = blocks[0].shape[-1], 1
        ufunc = ufunc_of(combine_fn, kinds)
        while step < size:
            if ufunc is not None:
                (block,) = blocks
                later = ufunc(block[..., :-step], block[..., step:])
                blocks = [np.concatenate([block[..., :step], later], -1)]
                step *= 2
                continue
            before = [np.roll(b, step, -1) for b in blocks]
            combined = self.combine(combine_fn, kinds, before, blocks)
            later = np.arange(size) >= step
            blocks = [np.where(later, c, b) for c, b in zip(combined, blocks, strict=True)]
            step *= 2
        blocks = [b[..., ::-1] if reverse else b for b in blocks]
        results = [np.ascontiguousarray(np.moveaxis(b, -1, axis)) for b in blocks]
        values = tuple(map(self.wrap, results, kinds))
        return values[0] if isinstance(input, tl.tensor) else values

    def combine(self, combine_fn, kinds, left, right):
        """One step over all pairs at once."""
        ufunc = ufunc_of(combine_fn, kinds)
        if ufunc is not None:
            return [ufunc(a, b) for a, b in zip(left, right, strict=True)]
        values = [self.wrap(b, k) for b, k in zip((*left, *right), kinds * 2, strict=True)]
        result = combine_fn(*values)
        results = (result,) if isinstance(result, tl.tensor) else tuple(result)
        shape = left[0].shape
        return [np.broadcast_to(r.handle.data, shape) for r in results]

    def wrap(self, data, kind):
        if data.ndim == 0:
            data = data.reshape(1)
            return self.value(TensorHandle(data.astype(numpy_dtype(kind)), kind), kind)
        block = tl.block_type(kind, list(data.shape))
        return self.value(TensorHandle(data.astype(numpy_dtype(kind), copy=False), kind), block)


def ufunc_of(combine_fn, kinds):
    """The ufunc that a combine function of one value stands for, if NumPy computes it as is."""
    code = combine_fn.python.__code__
    if len(kinds) != 1 or kinds[0] in (tl.bfloat16, tl.int1) or code.co_argcount != 2:
        return None
    return UFUNCS.get(code.co_code)
