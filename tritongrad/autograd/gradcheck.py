"""Gradients against numerical differences: gradcheck, gradgradcheck."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .engine import grad
from .modes import enable_grad, no_grad
from .variable import Variable, wrap


class GradcheckError(RuntimeError):
    """An analytical gradient is not what the differences say."""


def gradcheck(
    func: Callable,
    inputs: Any,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
) -> bool:
    """Whether backward agrees with (func(x + eps) - func(x - eps)) / (2 eps), element by element.

    Inputs that require grad should be float64: in float32 the differences have 2 or 3 digits.
    Raises GradcheckError, or returns False if `raise_exception` is false.
    """
    try:
        _check(func, _sequence(inputs), eps, atol, rtol, nondet_tol)
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def gradgradcheck(
    func: Callable,
    inputs: Any,
    grad_outputs: Any = None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    seed: int = 0,
) -> bool:
    """gradcheck of the gradients of func, with respect to its inputs and to `grad_outputs`.

    Without `grad_outputs` they are random, from `seed`.
    """
    inputs = _sequence(inputs)
    if grad_outputs is None:
        random = np.random.default_rng(seed)
        grad_outputs = [_random_like(t, random) for t in _outputs(func, inputs) if t.requires_grad]
    grad_outputs = _sequence(grad_outputs)
    count = len(inputs)

    def first_gradients(*args: Any) -> tuple:
        outputs = [t for t in _outputs(func, args[:count]) if t.requires_grad]
        wanted = [t for t in args[:count] if _is_wanted(t)]
        grads = grad(outputs, wanted, args[count:], create_graph=True, allow_unused=True)
        return tuple(g for g in grads if g is not None)

    return gradcheck(
        first_gradients,
        (*inputs, *grad_outputs),
        eps=eps,
        atol=atol,
        rtol=rtol,
        raise_exception=raise_exception,
        nondet_tol=nondet_tol,
    )


def _sequence(inputs: Any) -> tuple:
    return (inputs,) if isinstance(inputs, Variable) else tuple(inputs)


def _is_wanted(t: Any) -> bool:
    return isinstance(t, Variable) and t.requires_grad


def _outputs(func: Callable, inputs: Sequence) -> list:
    """The floating tensors that func returns."""
    with enable_grad():
        result = func(*inputs)
    if isinstance(result, Variable):
        result = (result,)
    return [t for t in result if isinstance(t, Variable) and t._array.dtype.kind not in "biu"]


def _random_like(t: Any, random: np.random.Generator) -> Any:
    return t.new_tensor(np.asarray(random.standard_normal(t._array.shape))).requires_grad_()


def _check(
    func: Callable, inputs: tuple, eps: float, atol: float, rtol: float, nondet_tol: float
) -> None:
    wanted = [(i, t) for i, t in enumerate(inputs) if _is_wanted(t)]
    if not wanted:
        raise ValueError(
            "gradcheck expects at least one input tensor to require gradient, but none of them "
            "have requires_grad=True."
        )
    for i, t in wanted:
        if t._array.size and any(
            s == 0 and n > 1 for s, n in zip(t._array.strides, t._array.shape, strict=True)
        ):
            raise RuntimeError(
                f"gradcheck: The {i}th input has a dimension with stride 0. gradcheck only "
                "supports inputs that are non-overlapping to be able to compute the numerical "
                "gradients correctly. You should call .contiguous on the input before passing it."
            )
    outputs = _outputs(func, inputs)
    tensors = [t for _, t in wanted]
    for o, output in enumerate(outputs):
        analytical = _analytical(output, tensors)
        again = _analytical(output, tensors)
        for (i, t), a, b in zip(wanted, analytical, again, strict=True):
            numerical = _numerical(func, inputs, t, o, eps).reshape(a.shape)
            _compare(o, i, t, output, numerical, a, atol, rtol)
            if (np.abs(a - b) > nondet_tol).any():
                raise GradcheckError(
                    f"gradcheck: Backward is not reentrant: run twice, the gradient of output {o} "
                    f"with respect to input {i} differs by {np.abs(a - b).max()} (nondet_tol is "
                    f"{nondet_tol}), although it matches the numerical gradient."
                )


def _analytical(output: Any, inputs: list) -> list[np.ndarray]:
    """By backward: for each input the matrix d output[k] / d input[j], as [j, k]."""
    columns = output._array.size
    found = [np.zeros((t._array.size, columns)) for t in inputs]
    if not output.requires_grad:
        return found
    for k in range(columns):
        host = np.zeros(columns, output._array.dtype)
        host[k] = 1
        one = output.new_tensor(host.reshape(output._array.shape))
        grads = grad(output, inputs, one, retain_graph=True, allow_unused=True)
        for matrix, g in zip(found, grads, strict=True):
            if g is not None:
                matrix[:, k] = g._host().ravel()
    return found


def _numerical(func: Callable, inputs: tuple, t: Any, o: int, eps: float) -> np.ndarray:
    """By differences: d outputs[o][k] / d t[j], as [j, k]. t is changed in place and put back."""
    before = t._host().copy()
    moved = before.copy()
    flat = moved.ravel()

    def value() -> np.ndarray:
        with no_grad():
            _write(t._array, moved)
            result = func(*inputs)
        result = (result,) if isinstance(result, Variable) else result
        floating = [
            r for r in result if isinstance(r, Variable) and r._array.dtype.kind not in "biu"
        ]
        return floating[o]._host().astype(np.float64).ravel()

    rows = []
    try:
        for j in range(flat.size):
            old = flat[j]
            flat[j] = old + eps
            high = value()
            flat[j] = old - eps
            rows.append((high - value()) / (2 * eps))
            flat[j] = old
    finally:
        _write(t._array, before)
    return np.array(rows)


def _write(array: Any, values: np.ndarray) -> None:
    """Store values in a tensor's memory, unseen by its version count."""
    if isinstance(array, np.ndarray):
        array[...] = values
    else:
        with no_grad():
            wrap(array).copy_(wrap(values))


def _compare(
    o: int,
    i: int,
    t: Any,
    output: Any,
    numerical: np.ndarray,
    analytical: np.ndarray,
    atol: float,
    rtol: float,
) -> None:
    right = np.isclose(analytical, numerical, rtol=rtol, atol=atol, equal_nan=True)
    if right.all():
        return
    j, k = (int(n) for n in np.argwhere(~right)[0])
    source = tuple(int(n) for n in np.unravel_index(j, t._array.shape))
    target = tuple(int(n) for n in np.unravel_index(k, output._array.shape))
    raise GradcheckError(
        f"gradcheck: Jacobian mismatch for output {o} with respect to input {i}: the derivative of "
        f"output[{o}] at index {target} by input[{i}] at index {source} is {analytical[j, k]:.8g} "
        f"analytically, {numerical[j, k]:.8g} numerically; {(~right).sum()} of {right.size} "
        f"differ (atol {atol}, rtol {rtol}),\nnumerical:{numerical}\nanalytical:{analytical}"
    )


__all__ = ["GradcheckError", "gradcheck", "gradgradcheck"]
