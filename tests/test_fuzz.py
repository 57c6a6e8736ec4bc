"""Random operation x shape x dtype x layout x special values, within bounds stated beforehand."""

from __future__ import annotations

import numpy as np
from hunt_bounds import BINARY, EXACT, INTEGER, REDUCTIONS, UNARY, ulp_of, wrong
from hunt_size import size
from hunt_values import (
    FLOATS,
    INTS,
    dtype_named,
    host,
    random_floats,
    random_ints,
    random_layout,
    random_shape,
    tensor_of,
)

import tritongrad as tg


def widened(array, exact):
    """For float64: itself where IEEE rounds correctly, long double elsewhere."""
    if array.dtype == np.float64:
        return array if exact else array.astype(np.longdouble)
    return array.astype(np.float64)


def explain(name, operands, got, exact, bad):
    at = tuple(np.argwhere(bad)[0])
    inputs = [np.broadcast_to(x, got.shape)[at] if np.ndim(x) else x for x in operands]
    kinds = [(x.dtype.name, x.shape) if hasattr(x, "dtype") else x for x in operands]
    return f"{name} of {kinds} at {at}: {inputs} gives {got[at]!r}, exactly {exact[at]!r}"


def check_floats(name, promise, tensors, arrays):
    """One elementwise operation, its in-place form and out=, against its promise."""
    result = getattr(tg, name)(*tensors)
    got = host(result)
    exact = promise.ulps == EXACT
    want = np.asarray(promise.reference(*[widened(np.asarray(a), exact) for a in arrays]))
    assert got.shape == want.shape
    if got.dtype == bool:
        assert (got == want).all(), explain(name, arrays, got, want, got != want)
        return
    ulps = promise.half if got.dtype.itemsize == 2 and not exact else promise.ulps
    bad = wrong(got, want, ulps * ulp_of(want, got.dtype))
    assert not bad.any(), explain(name, arrays, got, want, bad)
    check_forms(name, tensors, result)


def check_forms(name, tensors, result):
    """The in-place form and out= give the bits of the operation on the same memory layout."""
    first, *rest = tensors
    if hasattr(first, name + "_") and first.shape == result.shape:
        target = first.clone()
        again = getattr(tg, name)(target, *rest)
        getattr(target, name + "_")(*rest)
        assert host(target).tobytes() == host(again).tobytes(), f"{name}_ has other bits"
    out = tg.empty_like(result)
    getattr(tg, name)(*tensors, out=out)
    assert host(out).tobytes() == host(result).tobytes(), f"{name} with out= has other bits"


def one_operand(rng, shape, dtype, promise, device):
    layout = random_layout(rng)
    t = tensor_of(random_floats(rng, shape, dtype, promise.low, promise.high), layout, device)
    return t, host(t)


def unary_case(rng, device):
    name = str(rng.choice(list(UNARY)))
    dtype = dtype_named(str(rng.choice(FLOATS)))
    t, a = one_operand(rng, random_shape(rng), dtype, UNARY[name], device)
    check_floats(name, UNARY[name], [t], [a])


def beside(rng, shape):
    """A shape that broadcasts with another: the same, a tail of it, ones in it, 0-d."""
    kind = rng.integers(5)
    if kind == 0 and shape:
        shape = shape[int(rng.integers(len(shape))) :]
    if kind == 1:
        shape = tuple(1 if rng.random() < 0.5 else n for n in shape)
    return () if kind == 2 else shape


def binary_case(rng, device):
    name = str(rng.choice(list(BINARY)))
    dtype = dtype_named(str(rng.choice(FLOATS)))
    shape = random_shape(rng)
    t, a = one_operand(rng, shape, dtype, BINARY[name], device)
    u, b = one_operand(rng, beside(rng, shape), dtype, BINARY[name], device)
    if rng.random() < 0.15:
        u = b = float(rng.choice([0.0, 1.0, -2.0, 0.5, np.inf, np.nan, 3.0]))
    pair = [(t, a), (u, b)]
    if rng.random() < 0.3 and isinstance(u, tg.Tensor):
        pair.reverse()
    check_floats(name, BINARY[name], [p[0] for p in pair], [p[1] for p in pair])


def wrapped(value, dtype):
    """A Python integer modulo the width of a dtype."""
    bits = 8 * dtype.itemsize
    value %= 1 << bits
    return value - (1 << bits) if dtype.kind == "i" and value >> (bits - 1) else value


def integer_case(rng, device):
    name = str(rng.choice(list(INTEGER)))
    dtype = dtype_named(str(rng.choice(INTS)))
    shape = random_shape(rng, 3)
    a, b = random_ints(rng, shape, dtype), random_ints(rng, beside(rng, shape), dtype)
    if name in ("floor_divide", "remainder", "fmod"):
        b[b == 0] = 1
    t = tensor_of(a, random_layout(rng), device)
    u = tensor_of(b, random_layout(rng), device)
    a, b = host(t), host(u)
    result = getattr(tg, name)(t, u)
    got = host(result)
    pairs = zip(*(x.ravel().tolist() for x in np.broadcast_arrays(a, b)), strict=True)
    want = [INTEGER[name](x, y) for x, y in pairs]
    if got.dtype != bool:
        assert got.dtype == dtype
        want = [wrapped(x, dtype) for x in want]
    assert got.ravel().tolist() == want, (name, dtype, a, b)
    check_forms(name, [t, u], result)


def reduction_case(rng, device):
    name = str(rng.choice(list(REDUCTIONS)))
    reference, error = REDUCTIONS[name]
    dtype = dtype_named(str(rng.choice(FLOATS)))
    shape = random_shape(rng) if rng.random() < 0.9 else (int(rng.integers(1, 9)), 2049)
    axis = None if not shape or rng.random() < 0.3 else int(rng.integers(len(shape)))
    cut = 2.0 if name == "prod" else float(np.sqrt(float(tg.finfo(tg.float16).max)))
    t = tensor_of(random_floats(rng, shape, dtype, -cut, cut), random_layout(rng), device)
    a = host(t)
    if not a.size and name not in ("sum", "mean", "prod"):
        return
    result = getattr(tg, name)(t, tuple(range(a.ndim)) if axis is None else axis)
    got, wide = host(result), widened(a, False)
    want = np.asarray(reference(wide, axis))
    allowed = error(wide, dtype, axis) + ulp_of(want, dtype)
    bad = wrong(got, want, np.where(np.isnan(allowed), 0, allowed))
    assert not bad.any(), (name, dtype, a.shape, axis, got[bad][:3], want[bad][:3], a)


def large_case(rng, device):
    """Sizes at which the CPU uses blocks, its pool and its team of threads."""
    table = UNARY if rng.random() < 0.5 else BINARY
    name = str(rng.choice(list(table)))
    dtype = dtype_named(str(rng.choice(FLOATS)))
    shape = [(20_001,), (131, 257), (3, 100_003), (1 << 18,)][int(rng.integers(4))]
    t, a = one_operand(rng, shape, dtype, table[name], device)
    if table is UNARY:
        check_floats(name, table[name], [t], [a])
        return
    u, b = one_operand(rng, beside(rng, shape), dtype, table[name], device)
    check_floats(name, table[name], [t, u], [a, b])


def casting_case(rng, device):
    """Casts: rounded once, to the nearest, ties to even."""
    source = dtype_named(str(rng.choice(FLOATS + INTS)))
    target = dtype_named(str(rng.choice(FLOATS)))
    shape = random_shape(rng)
    if source.kind in "iu":
        a = random_ints(rng, shape, source)
    else:
        a = random_floats(rng, shape, source, -np.inf, np.inf)
    t = tensor_of(a, random_layout(rng), device)
    want = host(t).astype(target)
    if source.kind in "iu" and target.itemsize == 2:
        want = host(t).astype(np.float32).astype(target)
    got = host(t.to(target))
    same = (got == want) | (got != got) & (want != want)
    assert same.all(), (source, target, host(t)[~same][:3], got[~same][:3], want[~same][:3])


CASES = [unary_case, unary_case, binary_case, binary_case, integer_case, reduction_case]
CASES += [casting_case]


def search(cases, seeds, device):
    """Run a random case for each seed; the seed stands before what goes wrong."""
    for seed in seeds:
        rng = np.random.default_rng([seed, 5])
        case = cases[int(rng.integers(len(cases)))]
        try:
            with np.errstate(all="ignore"):  # references overflow where results do
                case(rng, device)
        except Exception as error:
            raise AssertionError(f"seed {seed}, {case.__name__}: {error}") from error


def test_small_tensors_on_the_cpu():
    search(CASES, range(size(4_000, 180_000)), "cpu")


def test_large_tensors_on_the_cpu():
    search([large_case], range(10**6, 10**6 + size(20, 2_000)), "cpu")


def test_small_tensors_elsewhere(accelerator):
    search(CASES, range(2 * 10**6, 2 * 10**6 + size(150, 20_000)), accelerator)
