"""cuda.make_graphed_callables: modules and functions whose two passes are CUDA graphs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .autograd import Function
from .autograd.engine import grad
from .autograd.function import once_differentiable
from .autograd.modes import enable_grad
from .autograd.variable import Variable
from .nn.module import Module

NAME = "make_graphed_callables"


def make_graphed_callables(
    callables: Any,
    sample_args: tuple,
    num_warmup_iters: int = 3,
    allow_unused_input: bool = False,
) -> Any:
    """The same functions and modules, whose forward and backward replay CUDA graphs.

    `sample_args` are tensors like those of later calls: in shape, dtype, device and whether they
    require a gradient. A module keeps its class, and runs as it is where it is in another mode
    (train, eval) than now. With a tuple of callables there is a tuple of tuples of arguments.
    Results and gradients lie where they were recorded: a call overwrites those of the call before
    it, so that each backward comes before the next call. See `graphed` for a whole step.
    """
    if callable(callables):
        return _graphed(callables, sample_args, num_warmup_iters, allow_unused_input)
    if len(callables) != len(sample_args):
        raise ValueError(
            f"{NAME}: {len(callables)} callables need as many tuples of sample_args, got "
            f"{len(sample_args)}"
        )
    return tuple(
        _graphed(one, args, num_warmup_iters, allow_unused_input)
        for one, args in zip(callables, sample_args, strict=True)
    )


def _graphed(target: Any, sample_args: Any, warmup: int, allow_unused: bool) -> Any:
    """One callable; a module gets a new forward and stays what it is."""
    args = (sample_args,) if isinstance(sample_args, Variable) else tuple(sample_args)
    if not isinstance(target, Module):
        return Replayed(target, args, (), warmup, allow_unused)
    parameters = tuple(p for p in target.parameters() if p.requires_grad)
    usual, training = target.forward, target.training
    replayed = Replayed(usual, args, parameters, warmup, allow_unused)

    def forward(*now: Any) -> Any:
        return replayed(*now) if target.training == training else usual(*now)

    target.forward = forward
    return target


class Replayed:
    """A recorded function: its places for arguments, its results, and both graphs

    forward, backward   the CUDAGraphs; backward is None where nothing has a gradient
    """

    def __init__(
        self, function: Callable, args: tuple, parameters: tuple, warmup: int, allow_unused: bool
    ) -> None:
        self.parameters = parameters
        self.places = tuple(_place(i, arg) for i, arg in enumerate(args))
        self.wanted = tuple(t for t in (*self.places, *parameters) if t.requires_grad)
        self.allow_unused = allow_unused
        with enable_grad():
            for _ in range(warmup):  # compiles the kernels and fills the pool
                self._gradients(_results(function(*self.places))[0], None)
            self._record(function)
        self.operation = _operation(self)

    def _gradients(self, results: tuple, gradients: list | None) -> list:
        """Those of wanted, None for what is none; ones where no gradients are given."""
        ends = [t for t in results if t.requires_grad]
        if not ends or not self.wanted:
            return [None] * len(self.wanted)
        starts = gradients or [t.detach().new_ones(t.shape) for t in ends]
        return list(grad(ends, self.wanted, starts, allow_unused=self.allow_unused))

    def _record(self, function: Callable) -> None:
        from .cuda.graphs import CUDAGraph, graph

        self.forward, self.backward = CUDAGraph(), None
        with graph(self.forward):
            results, self.alone = _results(function(*self.places))
        ends = [t for t in results if t.requires_grad]
        self.arriving = [t.detach().new_empty(t.shape) for t in ends]
        self.leaving = [None] * len(self.wanted)
        if ends and self.wanted:
            self.backward = CUDAGraph()
            with graph(self.backward):
                self.leaving = self._gradients(results, self.arriving)
        self.differentiable = [t.requires_grad for t in results]
        self.results = tuple(t.detach() for t in results)

    def __call__(self, *args: Any) -> Any:
        self._check(args)
        results = self.operation.apply(*args, *self.parameters)
        return results[0] if self.alone else results

    def _check(self, args: tuple) -> None:
        if len(args) != len(self.places):
            raise TypeError(f"{NAME}: recorded with {len(self.places)} arguments, got {len(args)}")
        for i, (arg, place) in enumerate(zip(args, self.places, strict=True)):
            if not isinstance(arg, Variable):
                raise TypeError(f"{NAME}: argument {i} must be a Tensor, got {type(arg).__name__}")
            if _kind(arg) != _kind(place):
                raise ValueError(
                    f"{NAME}: argument {i} was recorded as {_kind(place)}, got {_kind(arg)}; "
                    "record another callable for it"
                )
            if arg.requires_grad and not place.requires_grad:
                raise ValueError(
                    f"{NAME}: argument {i} requires a gradient and the one recorded did not; "
                    "use requires_grad=True in sample_args, or detach() it"
                )

    def play(self, args: tuple) -> tuple:
        """Run the recorded forward on these arguments."""
        for place, arg in zip(self.places, args, strict=False):
            place.copy_(arg)
        self.forward.replay()
        return tuple(t.detach() for t in self.results)

    def play_back(self, gradients: tuple) -> tuple:
        """A gradient for each argument and parameter."""
        given = [g for g, one in zip(gradients, self.differentiable, strict=True) if one]
        for place, g in zip(self.arriving, given, strict=True):
            place.copy_(g)
        if self.backward is not None:
            self.backward.replay()
        found = iter(self.leaving)
        inputs = (*self.places, *self.parameters)
        return tuple(next(found) if t.requires_grad else None for t in inputs)


def _operation(replayed: Replayed) -> type[Function]:
    """Both passes as one differentiable operation."""

    class GraphedCallable(Function):
        @staticmethod
        def forward(ctx: Any, *args: Any) -> tuple:
            results = replayed.play(args)
            fixed = zip(results, replayed.differentiable, strict=True)
            ctx.mark_non_differentiable(*(t for t, one in fixed if not one))
            return results

        @staticmethod
        @once_differentiable
        def backward(ctx: Any, *gradients: Any) -> tuple:
            return replayed.play_back(gradients)

    return GraphedCallable


def _place(i: int, arg: Any) -> Any:
    """Memory of its own for an argument like this one."""
    if not isinstance(arg, Variable):
        raise TypeError(f"{NAME}: sample_args[{i}] must be a Tensor, got {type(arg).__name__}")
    tensor: Any = arg
    if tensor.device.type != "cuda":
        raise ValueError(f"{NAME}: sample_args[{i}] must be on 'cuda', got one on {tensor.device}")
    return tensor.detach().clone().requires_grad_(tensor.requires_grad)


def _results(value: Any) -> tuple[tuple, bool]:
    """The results as a tuple, and whether there was one alone."""
    alone = isinstance(value, Variable)
    results: Sequence = (value,) if alone else value
    if not isinstance(results, (tuple, list)) or not all(isinstance(t, Variable) for t in results):
        raise TypeError(
            f"{NAME}: the result must be a Tensor or a tuple of them, got {type(value).__name__}"
        )
    return tuple(results), alone


def _kind(t: Any) -> tuple:
    return tuple(t.shape), str(t.dtype), str(t.device)
