"""Host side of reductions: which rows, which tiles, and the tree over their results."""

from __future__ import annotations

import builtins
import math
from typing import Any

import numpy as np

from tritongrad.cuda import tiles
from tritongrad.cuda.array import DeviceArray, empty
from tritongrad.cuda.elementwise import elementwise
from tritongrad.cuda.launch import launch
from tritongrad.cuda.quick import recall, remember
from tritongrad.cuda.rows import Axis, Matrix, matrix, normal_dims, reduced_shape, tile_of
from tritongrad.cuda.types import (
    BOOL,
    FLOAT32,
    FLOAT64,
    INT64,
    accumulator,
    total_dtype,
    triton_type,
)
from tritongrad.dtype import as_dtype

CHUNK = 1024  # columns of a piece; a chunk has up to four
PIECES = 4
WIDEST = 4096  # columns of a tile that finds extremes
LOWEST = {True: -(2**63), False: -math.inf}  # of integers, of floats
HIGHEST = {True: 2**63 - 1, False: math.inf}


def accumulator_of(source: np.dtype, target: np.dtype) -> np.dtype:
    """The type to add up in: that of the result, wider if the elements are."""
    if target.kind in "biu" or source.kind in "biu":
        return accumulator(target)
    return FLOAT64 if FLOAT64 in (source, target) else FLOAT32


def sum(x: DeviceArray, dim: Any, keepdim: bool = False, dtype: Any = None) -> DeviceArray:
    """Sum over dims; integers and bools as int64"""
    return totals(x, dim, keepdim, total_dtype(x.dtype, dtype), "add", identity=0)


def prod(x: DeviceArray, dim: Any, keepdim: bool = False, dtype: Any = None) -> DeviceArray:
    return totals(x, dim, keepdim, total_dtype(x.dtype, dtype), "multiply", identity=1)


def mean(x: DeviceArray, dim: Any, keepdim: bool = False, dtype: Any = None) -> DeviceArray:
    """Sum over dims, divided by the number of elements: the division is part of the last pass"""
    count = math.prod(x.shape[d] for d in normal_dims(dim, x.ndim))
    target = x.dtype if dtype is None else as_dtype(dtype).numpy
    return totals(x, dim, keepdim, target, "add", identity=0, finish="quotient", count=count)


def amax(x: DeviceArray, dim: Any = None, keepdim: bool = False) -> DeviceArray:
    """The largest element over dims; nan wins"""
    check_not_empty("amax", x, normal_dims(dim, x.ndim))
    lowest = LOWEST[x.dtype.kind in "biu"]
    return totals(x, dim, keepdim, x.dtype, "larger", identity=lowest)


def amin(x: DeviceArray, dim: Any = None, keepdim: bool = False) -> DeviceArray:
    check_not_empty("amin", x, normal_dims(dim, x.ndim))
    highest = HIGHEST[x.dtype.kind in "biu"]
    return totals(x, dim, keepdim, x.dtype, "smaller", identity=highest)


def max(x: DeviceArray, dim: Any = None, keepdim: bool = False) -> Any:
    """The largest of all, or along one dim (values, indices of the first)"""
    return amax(x) if dim is None else extreme("max", x, dim, keepdim)


def min(x: DeviceArray, dim: Any = None, keepdim: bool = False) -> Any:
    return amin(x) if dim is None else extreme("min", x, dim, keepdim)


def argmax(x: DeviceArray, dim: Any = None, keepdim: bool = False) -> DeviceArray:
    """The index of the first largest element, of all in C order where dim is None"""
    return extreme("argmax", x, dim, keepdim)[1]


def argmin(x: DeviceArray, dim: Any = None, keepdim: bool = False) -> DeviceArray:
    return extreme("argmin", x, dim, keepdim)[1]


def any(x: DeviceArray, dim: Any = None, keepdim: bool = False) -> DeviceArray:
    """Whether some element over dims is not 0"""
    return totals(x, dim, keepdim, BOOL, "larger", identity=0, prepare="not_zero")


def all(x: DeviceArray, dim: Any = None, keepdim: bool = False) -> DeviceArray:
    return totals(x, dim, keepdim, BOOL, "smaller", identity=1, prepare="not_zero")


def var(
    x: DeviceArray, dim: Any = None, correction: float = 1, keepdim: bool = False
) -> DeviceArray:
    """Mean squared distance from the mean, in two passes; `correction` is taken off the count"""
    return spread(x, dim, correction, keepdim, "quotient")


def std(
    x: DeviceArray, dim: Any = None, correction: float = 1, keepdim: bool = False
) -> DeviceArray:
    return spread(x, dim, correction, keepdim, "root_of_quotient")


def spread(x: DeviceArray, dim: Any, correction: float, keepdim: bool, finish: str) -> DeviceArray:
    dims = normal_dims(dim, x.ndim)
    centre = mean(x, dims, dtype=accumulator(x.dtype)).reshape((-1,))
    count = builtins.max(math.prod(x.shape[d] for d in dims) - correction, 0)
    return totals(
        x, dims, keepdim, x.dtype, "add", identity=0, prepare="squared_difference",
        finish=finish, count=count, shift=centre,
    )  # fmt: skip


def logsumexp(x: DeviceArray, dim: Any = None, keepdim: bool = False) -> DeviceArray:
    """log(sum(exp(x))) over dims, from the largest element down"""
    dims = normal_dims(dim, x.ndim)
    acc = accumulator(x.dtype)
    top = totals(x, dims, keepdim, acc, "larger", identity=-math.inf)
    finite = elementwise("where", elementwise("isfinite", top), top, 0.0)
    total = totals(
        x, dims, keepdim, acc, "add", identity=0, prepare="exp_difference",
        shift=finite.reshape((-1,)),
    )  # fmt: skip
    result = elementwise("add", elementwise("log", total), finite)
    return result if result.dtype == x.dtype else result.astype(x.dtype)


def norm(x: DeviceArray, p: float = 2, dim: Any = None, keepdim: bool = False) -> DeviceArray:
    """(sum |x| ** p) ** (1 / p) over dims; p may be inf, -inf, 0"""
    args = (x, dim, keepdim, x.dtype)
    if p == 2:
        return totals(*args, "add", identity=0, prepare="square", finish="root")
    if p == 1:
        return totals(*args, "add", identity=0, prepare="absolute")
    if p == 0:
        return totals(*args, "add", identity=0, prepare="not_zero")
    if p == math.inf:
        return totals(*args, "larger", identity=0, prepare="absolute")
    if p == -math.inf:
        return totals(*args, "smaller", identity=math.inf, prepare="absolute")
    acc = accumulator(x.dtype)
    powers = elementwise("pow", elementwise("abs", x.astype(acc)), float(p))
    result = elementwise("pow", totals(powers, dim, keepdim, acc, "add", identity=0), 1 / p)
    return result if result.dtype == x.dtype else result.astype(x.dtype)


def check_not_empty(name: str, x: DeviceArray, dim: tuple[int, ...]) -> None:
    for d in dim:
        if x.shape[d] == 0:
            raise IndexError(
                f"{name}: Expected reduction dim {d} to have non-zero size, got shape {x.shape}"
            )


def totals(
    x: DeviceArray, dim: Any, keepdim: bool, dtype: np.dtype, combine: str, *, identity: Any,
    prepare: str = "plain", finish: str = "keep", count: float = 0,
    shift: DeviceArray | None = None,
) -> DeviceArray:  # fmt: skip
    """One number a row: COMBINE over prepare(x, shift[row]), finished, as dtype"""
    key = ("totals", combine, dim, keepdim, dtype, prepare, finish, count)
    found = recall(key, x) if shift is None else None
    if found is not None:
        return found
    dims = normal_dims(dim, x.ndim)
    acc = accumulator(x.dtype) if dtype == BOOL else accumulator_of(x.dtype, dtype)
    if x.dtype == acc == FLOAT32 and prepare == "plain" and combine in ("add", "multiply"):
        acc = FLOAT64  # a float32 tree costs a unit a level: sums promise 2u sum|x| in all
    out = empty(reduced_shape(x.shape, dims, keepdim), dtype, x.device)
    if out.size:
        view = matrix(x, dims)
        steps = tree(out, view, acc, combine, identity, prepare, finish, count, shift)
        if shift is None:
            remember(key, (x,), *steps)
    return out


def tree(
    out: DeviceArray, view: Matrix, acc: np.dtype, combine: str, identity: Any, prepare: str,
    finish: str, count: float, shift: DeviceArray | None,
) -> list:  # fmt: skip
    """Launches until one number a row is left: those, each with its result."""
    from tritongrad.kernels import reduce as kernels

    fixed = {"COMBINE": combine, "IDENTITY": identity, "ACC": triton_type(acc)}
    number = np.float64(count) if acc == FLOAT64 else float(count)
    steps = []
    while True:
        rows, cols = view.rows, view.cols
        tile, chunks = tile_for(view, out.device)
        last = chunks == 1
        to = out if last else empty((rows.length, chunks), acc, out.device)
        grid = (-(-rows.length // tile["ROWS"]) * chunks,)
        args = (
            to, view.array, 0 if shift is None else shift, rows.length, cols.length,
            *rows[1:], *cols[1:], chunks, 1, number,
        )  # fmt: skip
        options = {
            "PREPARE": getattr(kernels, prepare),
            "FINISH": getattr(kernels, finish if last else "keep"),
            "SHIFTED": shift is not None,
            **tile,
            **fixed,
        }
        launch(kernels.reduce_tiles, grid, *args, **options)
        steps.append((to, (kernels.reduce_tiles, grid, args, options)))
        if last:
            return steps
        view = Matrix(to, Axis(rows.length, 0, 0, chunks), Axis(chunks, 0, 0, 1))
        prepare, shift = "plain", None


def tile_for(view: Matrix, device: Any) -> tuple[dict[str, int], int]:
    """(rows, columns, pieces and warps of a tile, the chunks that a row is cut into)"""
    length = view.cols.length
    elements, warps = tiles.row_tile("reduce", device, view.array.dtype, length)
    rows, width = tile_of(view, elements, CHUNK)
    pieces = PIECES if not view.across and length > CHUNK else 1
    rows = 1 if pieces > 1 else rows
    chunks = -(-length // (width * pieces)) or 1
    return {"ROWS": rows, "COLS": width, "PIECES": pieces, "num_warps": warps}, chunks


def extreme(name: str, x: DeviceArray, dim: Any, keepdim: bool) -> tuple[DeviceArray, DeviceArray]:
    """(values, indices) of the first largest or smallest element of each row"""
    from tritongrad.kernels import reduce as kernels

    dims = normal_dims(dim, x.ndim)
    if x.size == 0:
        check_not_empty(name, x, dims)
    shape = reduced_shape(x.shape, dims, keepdim)
    values, indices = empty(shape, x.dtype, x.device), empty(shape, INT64, x.device)
    if not values.size:
        return values, indices
    integer = x.dtype.kind in "biu"
    largest = name.endswith("max")
    acc = accumulator(x.dtype)
    view, index = matrix(x, dims), None
    fixed = {
        "LARGEST": largest,
        "IDENTITY": (LOWEST if largest else HIGHEST)[integer],
        "ACC": triton_type(acc),
    }
    while True:
        rows, cols = view.rows, view.cols
        elements, warps = tiles.row_tile("argmax", x.device, view.array.dtype, cols.length)
        tile_rows, width = tile_of(view, elements, WIDEST)
        chunks = -(-cols.length // width)
        last = chunks == 1
        to = values if last else empty((rows.length, chunks), acc, x.device)
        to_index = indices if last else empty((rows.length, chunks), INT64, x.device)
        launch(
            kernels.index_tiles, (-(-rows.length // tile_rows) * chunks,), to, to_index,
            view.array, 0 if index is None else index, rows.length, cols.length,
            *rows[1:], *cols[1:], chunks, 1, FIRST=index is None, ROWS=tile_rows, COLS=width,
            num_warps=warps, **fixed,
        )  # fmt: skip
        if last:
            return values, indices
        index = to_index
        view = Matrix(to, Axis(rows.length, 0, 0, chunks), Axis(chunks, 0, 0, 1))
