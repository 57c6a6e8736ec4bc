"""Backward hooks of modules: called with the gradients of all inputs, or outputs, at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tritongrad.autograd.function import Function
from tritongrad.autograd.variable import Variable


class Gate(Function):
    """The tensors themselves; in backward, `passing` sees their gradients, to change them."""

    @staticmethod
    def forward(ctx: Any, passing: Callable, *tensors: Any) -> tuple:
        ctx.passing = passing
        return tuple(t.view_as(t) for t in tensors)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> tuple:
        return (None, *ctx.passing(grads))


class Watch:
    """One call of a module that has backward hooks: gates around its inputs and its outputs."""

    def __init__(self, module: Any) -> None:
        self.module = module
        self.grad_output: tuple = ()
        self.given: tuple = ()
        self.gated = False

    def inputs(self, args: tuple) -> tuple:
        """The arguments; their gradients, when they come, are shown to the hooks."""
        self.given = tuple(i for i, a in enumerate(args) if _records(a))
        self.count = len(args)
        self.gated = bool(self.given)
        return _through(args, self.given, self._of_inputs)

    def outputs(self, result: Any) -> Any:
        """The result; its gradients are kept for the hooks, which come now if no input has any."""
        parts = result if isinstance(result, tuple) else (result,)
        at = tuple(i for i, t in enumerate(parts) if _records(t))

        def of_outputs(grads: tuple) -> tuple:
            return self._of_outputs(grads, at, len(parts))

        through = _through(parts, at, of_outputs)
        return through if isinstance(result, tuple) else through[0]

    def _of_outputs(self, grads: tuple, at: tuple, count: int) -> tuple:
        full = _spread(grads, at, count)
        for hook in list(self.module._backward_pre_hooks.values()):
            changed = hook(self.module, full)
            if changed is not None:
                full = changed if isinstance(changed, tuple) else (changed,)
        self.grad_output = full
        if not self.gated:
            self._call((None,) * self.count)
        return tuple(full[i] for i in at)

    def _of_inputs(self, grads: tuple) -> tuple:
        full = self._call(_spread(grads, self.given, self.count))
        return tuple(full[i] for i in self.given)

    def _call(self, grad_input: tuple) -> tuple:
        for hook in list(self.module._backward_hooks.values()):
            changed = hook(self.module, grad_input, self.grad_output)
            if changed is not None:
                grad_input = changed if isinstance(changed, tuple) else (changed,)
        return grad_input


def _records(value: Any) -> bool:
    return isinstance(value, Variable) and value.requires_grad


def _spread(grads: tuple, at: tuple, count: int) -> tuple:
    """Gradients in the places `at` of `count`, None in the others."""
    full: list = [None] * count
    for i, grad in zip(at, grads, strict=True):
        full[i] = grad
    return tuple(full)


def _through(values: tuple, at: tuple, passing: Callable) -> tuple:
    """The values, those in the places `at` through a gate."""
    if not at:
        return values
    passed = Gate.apply(passing, *[values[i] for i in at])
    full = list(values)
    for i, t in zip(at, passed if isinstance(passed, tuple) else (passed,), strict=True):
        full[i] = t
    return tuple(full)
