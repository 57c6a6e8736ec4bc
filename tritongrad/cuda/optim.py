"""Host side of optimizer steps: arrays of one dtype share a launch by a table of pointers.

Launches are prepared first, so that memory runs out, if it does, before anything is changed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Any, NamedTuple

import numpy as np

from tritongrad.cuda.array import DeviceArray, from_numpy
from tritongrad.cuda.launch import launch
from tritongrad.cuda.types import FLOAT64, accumulator, triton_type

BLOCK = 1024
Launches = list[Callable[[], Any]]
Companions = Sequence[DeviceArray | None]  # one for each parameter: its gradient, its moments ..


class Table(NamedTuple):
    """What the kernels over many arrays read: see kernels/optim.py"""

    pointers: DeviceArray
    sizes: DeviceArray
    owners: DeviceArray
    starts: DeviceArray
    arrays: int
    programs: int


def sgd_step(*arrays: Any, **settings: Any) -> None:
    """sgd_launches, at once."""
    for start in sgd_launches(*arrays, **settings):
        start()


def adam_step(*arrays: Any, **settings: Any) -> None:
    """adam_launches, at once."""
    for start in adam_launches(*arrays, **settings):
        start()


def sgd_launches(
    params: Sequence[DeviceArray], grads: Sequence[DeviceArray], buffers: Companions, *,
    lr: float, momentum: float = 0.0, dampening: float = 0.0, weight_decay: float = 0.0,
    nesterov: bool = False, maximize: bool = False, first: bool = False,
) -> Launches:  # fmt: skip
    """w -= lr * (momentum of (g + weight_decay w)), in place; the `first` step sets the buffers"""
    from tritongrad.kernels import optim as kernels

    flags = {"MOMENTUM": momentum != 0, "FIRST": first, "NESTEROV": nesterov, "MAXIMIZE": maximize}
    launches: Launches = []
    for group in groups(params, grads, buffers):
        acc = accumulator(group[0][0].dtype)
        numbers = [real(v, acc) for v in (lr, momentum, 1 - dampening, weight_decay)]
        both = kernels.sgd_one, kernels.sgd_table
        launches.append(prepared(group, numbers, *both, (), {**flags, "ACC": acc}))
    return launches


def adam_launches(
    params: Sequence[DeviceArray], grads: Sequence[DeviceArray], means: Companions,
    squares: Companions, peaks: Companions, step: int | DeviceArray, *,
    lr: float, beta1: float, beta2: float, eps: float, weight_decay: float = 0.0,
    decoupled: bool = False, amsgrad: bool = False, maximize: bool = False,
) -> Launches:  # fmt: skip
    """One step of Adam (`decoupled`: AdamW) in place; step counts from 1, or is an int64 array

    An array of one element lets a captured graph count its own replays.
    """
    from tritongrad.kernels import optim as kernels

    flags = {
        "DECOUPLED": decoupled,
        "AMSGRAD": amsgrad,
        "MAXIMIZE": maximize,
        "COUNTED": isinstance(step, DeviceArray),
    }
    launches: Launches = []
    for group in groups(params, grads, means, squares, peaks):
        acc = accumulator(group[0][0].dtype)
        # float64: a step as a float32 would take another beta, and 1 - beta loses digits
        numbers = [np.float64(v) for v in (lr, beta1, beta2)]
        numbers += [real(eps, acc), np.float64(weight_decay)]
        flags_of_type = {**flags, "ACC": acc}
        both = kernels.adam_one, kernels.adam_table
        launches.append(prepared(group, numbers, *both, (step,), flags_of_type))
    return launches


def groups(params: Sequence[DeviceArray], *companions: Companions) -> list[list[tuple]]:
    """Parameters with elements, and their companions, by dtype."""
    found: dict[np.dtype, list[tuple]] = {}
    for row in zip(params, *companions, strict=True):
        param, grad, *rest = row
        if param.size == 0:
            continue
        for name, x in (("parameter", param), ("state", param), *(("state", r) for r in rest)):
            if x is not None and not x.contiguous:
                raise RuntimeError(
                    f"optimizer step: a {name} of shape {x.shape} is not contiguous; the fused "
                    "step needs parameters and states made with contiguous()"
                )
        grad = grad if grad.dtype == param.dtype else grad.astype(param.dtype)
        grad = grad if grad.contiguous else grad.copy()
        found.setdefault(param.dtype, []).append((param, grad, *rest))
    return list(found.values())


def prepared(
    group: list[tuple], numbers: list, one: Any, many: Any, step: tuple, flags: dict[str, Any]
) -> Callable[[], Any]:
    """The launch for a group of rows (parameter, gradient, states ..)."""
    flags = {**flags, "ACC": triton_type(flags["ACC"])}
    if len(group) == 1:
        row, size = [0 if x is None else x for x in group[0]], group[0][0].size
        grid = (-(-size // BLOCK),)
        return partial(launch, one, grid, *row, size, *step, *numbers, BLOCK=BLOCK, **flags)
    first, table = group[0][0], table_for(group)
    return partial(
        launch_keeping, group, many, (table.programs,), first, *table[:4], table.arrays, *step,
        *numbers, BLOCK=BLOCK, **flags,
    )  # fmt: skip


def launch_keeping(group: list[tuple], *args: Any, **options: Any) -> None:
    """launch, until which the arrays that a table only points to must live: copies of gradients."""
    launch(*args, **options)


def table_for(group: list[tuple]) -> Table:
    """The table of the rows of a group."""
    keys = tuple(tuple(0 if x is None else x.ptr for x in row) for row in group)
    return table_of(keys, tuple(row[0].size for row in group), group[0][0].device)


@lru_cache(maxsize=64)
def table_of(keys: tuple[tuple[int, ...], ...], sizes: tuple[int, ...], device: Any) -> Table:
    """The table of these addresses; the same parameters and states come back at every step."""
    counts = [-(-n // BLOCK) for n in sizes]
    owners = np.repeat(np.arange(len(sizes)), counts)
    starts = np.concatenate([np.arange(c) * BLOCK for c in counts])
    arrays = [np.array(keys, np.int64).T.copy(), np.array(sizes), owners, starts]
    a, b, c, d = [from_numpy(x.astype(np.int64), device) for x in arrays]
    return Table(a, b, c, d, len(sizes), int(owners.size))


def real(value: float, acc: np.dtype) -> Any:
    """A number in the type that launch() passes as the accumulator's."""
    return np.float64(value) if acc == FLOAT64 else float(value)
