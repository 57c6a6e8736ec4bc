"""What every operation must do, one function a demand; `testing.check_operation` runs them all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import ml_dtypes
import numpy as np

from .autograd import engine
from .autograd.gradcheck import GradcheckError, gradcheck, gradgradcheck
from .autograd.variable import Variable, registry, version_of, wrap
from .dtype import BY_NAME, as_dtype
from .op import REGISTRY, Op

FLOATS = ("float32", "float64", "float16", "bfloat16")
WHOLE = ("int64", "int32", "int16", "int8", "uint8", "bool")
REFUSALS = (RuntimeError, TypeError, ZeroDivisionError)
# Operations that IEEE 754 rounds correctly, or that only choose: the same bits on every device.
EXACT = frozenset(
    "add sub mul div neg abs sign sqrt reciprocal square maximum minimum clamp_both clamp_min "
    "clamp_max clamp_backward clamp_min_backward clamp_max_backward relu relu_backward leaky_relu "
    "where masked_scale eq ne lt le gt ge floor ceil round trunc isnan isinf isfinite".split()
)


class CheckFailed(AssertionError):
    """An operation does not do what it must."""


def as_op(op: Any) -> Op:
    """An operation from itself, its public function, or its name."""
    if isinstance(op, Op):
        return op
    return REGISTRY[op] if isinstance(op, str) else op.op


def tensors_of(arguments: Any) -> Iterator[Any]:
    """The tensors among arguments, in lists too."""
    for a in arguments.values() if isinstance(arguments, dict) else arguments:
        if isinstance(a, Variable):
            yield a
        elif isinstance(a, (list, tuple, dict)):
            yield from tensors_of(a)


def replaced(arguments: Any, change: Callable) -> Any:
    """The arguments with change(tensor) for each tensor."""
    if isinstance(arguments, Variable):
        return change(arguments)
    if isinstance(arguments, (list, tuple)):
        return type(arguments)([replaced(a, change) for a in arguments])
    if isinstance(arguments, dict):
        return {k: replaced(a, change) for k, a in arguments.items()}
    return arguments


def outputs_of(op: Op, arguments: tuple[list, dict]) -> list:
    """What the public function returns, as a list."""
    args, kwargs = arguments
    result = op.entry(*args, **kwargs)
    return list(result) if isinstance(result, (tuple, list)) else [result]


def floating(outputs: Sequence) -> list:
    return [t for t in outputs if t.is_floating_point()]


def bits(t: Any) -> tuple:
    """All that two equal tensors share: shape, dtype, and every bit."""
    host = np.ascontiguousarray(t._host())
    return tuple(t.shape), t.dtype.name, host.tobytes()


def check_value(op: Any, arguments: tuple[list, dict], what: str = "") -> list:
    """The values are those of a float64 run of the NumPy kernel, rounded once; returns them."""
    op = as_op(op)
    before = [bits(t) for t in tensors_of(arguments)]
    outputs = outputs_of(op, arguments)
    for t, old in zip(tensors_of(arguments), before, strict=True):
        if bits(t) != old or version_of(t)[0] or t.grad is not None:
            raise CheckFailed(f"{op.name}: changed an input{what}")
    expected = outputs_of(op, replaced_all(arguments, _widened))
    for i, (got, want) in enumerate(zip(outputs, expected, strict=True)):
        compare(f"{op.name}: value of output {i}{what}", got, want)
    return outputs


def replaced_all(arguments: tuple[list, dict], change: Callable) -> tuple[list, dict]:
    return replaced(arguments[0], change), replaced(arguments[1], change)


def _widened(t: Any) -> Any:
    """The same values as float64 (floating) or as they are, on the CPU."""
    host = t._host()
    return wrap(host.astype(np.float64) if t.dtype.is_floating_point else host.copy())


def compare(what: str, got: Any, want: Any, ulps: float = 8) -> None:
    """Refuse another shape, or values further than rounding (and `ulps` of the largest) allows."""
    if tuple(got.shape) != tuple(want.shape):
        raise CheckFailed(f"{what}: shape {tuple(got.shape)}, expected {tuple(want.shape)}")
    a, e = got._host(), want._host()
    if not got.dtype.is_floating_point:
        if got.dtype is not want.dtype:
            raise CheckFailed(f"{what}: {got.dtype}, expected {want.dtype}")
        if (a != e).any():
            raise CheckFailed(f"{what}: {a} is not {e}")
        return
    eps = float(ml_dtypes.finfo(a.dtype).eps)
    a, e = a.astype(np.float64), e.astype(np.float64)
    finite = np.abs(e[np.isfinite(e)])
    scale = float(finite.max()) if finite.size else 0.0
    half = got.dtype.itemsize == 2
    rtol, atol = (2 * eps, eps * scale / 8) if half else (ulps * eps, ulps * eps * scale)
    if not np.allclose(a, e, rtol=rtol, atol=atol, equal_nan=True):
        raise CheckFailed(f"{what}: got\n{a}\nexpected\n{e}\nrtol {rtol:.2g}, atol {atol:.2g}")


def check_same(op: Any, arguments: tuple, outputs: Sequence, exact: bool = True) -> None:
    """The same call on the CPU gives the same shapes, dtypes, and bits (nearly, if not exact)."""
    op = as_op(op)
    expected = outputs_of(op, replaced_all(arguments, lambda t: wrap(t._host())))
    for i, (got, want) in enumerate(zip(outputs, expected, strict=True)):
        if got.dtype is not want.dtype:
            raise CheckFailed(f"{op.name}: output {i} is {got.dtype}, on the CPU {want.dtype}")
        compare(f"{op.name}: output {i} against the CPU", got, want)
        if exact and not _same_bits(got, want):
            raise CheckFailed(
                f"{op.name}: output {i} has not the CPU's bits:\n{got._host()}\n{want._host()}"
            )


def _same_bits(a: Any, b: Any) -> bool:
    """Equal bits, but any nan equals any other."""
    x, y = a._host(), b._host()
    if x.dtype.kind in "biu":
        return bool((x == y).all())
    return bits(wrap(np.where(np.isnan(x), 0, x))) == bits(wrap(np.where(np.isnan(y), 0, y)))


def check_twice(op: Any, arguments: tuple, outputs: Sequence) -> None:
    """A second call gives the same bits."""
    op = as_op(op)
    again = outputs_of(op, arguments)
    if [bits(t) for t in again] != [bits(t) for t in outputs]:
        raise CheckFailed(f"{op.name}: two calls with the same arguments differ")


def require_grad(op: Op, arguments: tuple[list, dict]) -> list:
    """Make the floating tensors of differentiable arguments leaves that require grad."""
    args, kwargs = arguments
    chosen = [args[i] for i in op.differentiable if i < len(args)]
    chosen += [v for k, v in kwargs.items() if op.parameters.index(k) in op.differentiable]
    leaves = [t for t in tensors_of(chosen) if t.is_floating_point()]
    return [t.requires_grad_() for t in leaves]


def check_gradient(op: Any, arguments: tuple[list, dict], second: bool = True) -> None:
    """Backward agrees with differences, and backward of backward too (float64 arguments)."""
    op = as_op(op)
    leaves = require_grad(op, arguments)
    if not leaves:
        return

    def function(*inputs: Any) -> tuple:
        swap = {id(t): x for t, x in zip(leaves, inputs, strict=True)}
        swapped = replaced_all(arguments, lambda t: swap.get(id(t), t))
        return tuple(floating(outputs_of(op, swapped)))

    rounded = any(t.dtype.itemsize < 8 for t in function(*leaves))  # a cast: differences are coarse
    eps, atol = (1e-3, 1e-2) if rounded else (1e-6, 1e-5)
    try:
        gradcheck(function, leaves, eps=eps, atol=atol)
        if second:
            gradgradcheck(function, leaves, eps=eps, atol=10 * atol)
    except (GradcheckError, RuntimeError, AttributeError, TypeError) as error:
        raise CheckFailed(f"{op.name}: {error}") from error


def gradients(op: Op, arguments: tuple[list, dict], seed: int = 0) -> list:
    """The gradients of all outputs, weighted at random, by the differentiable arguments."""
    leaves = require_grad(op, arguments)
    outputs = [t for t in floating(outputs_of(op, arguments)) if t.requires_grad]
    if not outputs:
        return []
    random = np.random.default_rng(seed)
    starts = []
    for t in outputs:
        starts.append(t.new_tensor(np.asarray(random.uniform(-1, 1, t._array.shape))))
    grads = engine.grad(outputs, leaves, starts, allow_unused=True)
    for leaf, g in zip(leaves, grads, strict=True):
        if g is not None and (g.shape, g.dtype, g.device) != (leaf.shape, leaf.dtype, leaf.device):
            raise CheckFailed(f"{op.name}: a gradient is {g.shape} {g.dtype}, not as its argument")
    return list(grads)


def check_same_gradient(op: Any, arguments: tuple[list, dict], ulps: float = 32) -> None:
    """Gradients here are those of float64 on the CPU, within the rounding of the dtype."""
    op = as_op(op)
    expected = gradients(op, replaced_all(arguments, _widened))
    found = gradients(op, arguments)
    for i, (got, want) in enumerate(zip(found, expected, strict=True)):
        if (got is None) != (want is None):
            raise CheckFailed(f"{op.name}: gradient {i} is {got}, expected {want}")
        if got is not None:
            compare(f"{op.name}: gradient {i}", got, want, ulps)


def inplace_forms() -> dict[str, str]:
    """Operation -> the name of its in-place method."""
    methods: dict[str, Any] = {n: getattr(registry.Tensor, n, None) for n in dir(registry.Tensor)}
    return {
        m.op.name: name
        for name, m in methods.items()
        if name.endswith("_") and not name.startswith("_") and hasattr(m, "op")
        if name == m.op.name + "_"
    }


def check_inplace_form(op: Any, method: str, arguments: tuple[list, dict]) -> None:
    """The in-place form gives the same bits; or it refuses, and changes nothing."""
    op = as_op(op)
    args, kwargs = arguments
    (expected,) = outputs_of(op, arguments)
    target = args[0].clone()
    fits = expected.shape == target.shape and expected.dtype is target.dtype
    before, version = bits(target), version_of(target)[0]
    try:
        result = getattr(target, method)(*args[1:], **kwargs)
    except RuntimeError as error:
        if fits:
            raise CheckFailed(f"{method} refuses what {op.name} takes: {error}") from error
        if bits(target) != before or version_of(target)[0] != version:
            raise CheckFailed(f"{method} failed and changed its target") from error
        return
    if result is not target or version_of(target)[0] <= version:
        raise CheckFailed(f"{method} must return its target, its version counted up")
    if fits and bits(target) != bits(expected):
        raise CheckFailed(f"{method} gives\n{target}\n{op.name} gives\n{expected}")


def check_inplace_gradient(op: Any, method: str, arguments: tuple[list, dict]) -> None:
    """Gradients through the in-place form, on a tensor that is not a leaf, are the same."""
    op = as_op(op)
    expected = gradients(op, arguments)
    args, kwargs = arguments

    def twin(*new: Any, **named: Any) -> Any:
        return getattr(new[0].clone(), method)(*new[1:], **named)

    original, op.entry = op.entry, twin
    try:
        found = gradients(op, (args, kwargs))
    finally:
        op.entry = original
    for i, (got, want) in enumerate(zip(found, expected, strict=True)):
        compare(f"{method}: gradient {i}", got, want)


def admitted(op: Any, make: Callable[[str], tuple], dtypes: Sequence = WHOLE) -> list[str]:
    """The dtypes that an operation takes; a refusal must name the operation or the dtype."""
    op = as_op(op)
    taken = []
    for name in dtypes:
        try:
            outputs_of(op, make(name))
        except REFUSALS as error:
            if op.name not in str(error) and name not in str(error):
                raise CheckFailed(f"{op.name}: refuses {name} without words: {error!r}") from error
            continue
        taken.append(as_dtype(name).name)
    return taken


def check_operation(
    op: Any, sample: tuple | None = None, device: Any = "cpu", seed: int = 0
) -> None:
    """All demands on an operation, with one sample or all of its own. Raises CheckFailed.

    `op` is a function declared with @op or @elementwise: values against float64, gradients
    against differences, other devices against the CPU, dtypes, layouts, determinism.
    """
    from .testing import LAYOUTS, materialise

    op = as_op(op)
    for one in [sample] if sample is not None else op.samples:
        for layout in LAYOUTS:
            arguments = materialise(one, device=device, layout=layout, seed=seed)
            outputs = check_value(op, arguments, f" ({layout})")
            check_same(op, arguments, outputs, exact=False)
            check_twice(op, arguments, outputs)
        for dtype in FLOATS[1:]:
            check_value(op, materialise(one, device=device, dtype=dtype, seed=seed), f" ({dtype})")
        check_gradient(op, materialise(one, dtype=BY_NAME["float64"], seed=seed))
        check_same_gradient(op, materialise(one, device=device, seed=seed))


__all__ = ["CheckFailed", "check_operation"]
