"""Host side of softmax, layer normalisation and cross-entropy."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tritongrad.cuda import tiles
from tritongrad.cuda.array import DeviceArray, empty
from tritongrad.cuda.elementwise import elementwise, power_of_2
from tritongrad.cuda.launch import launch
from tritongrad.cuda.quick import recall, remember
from tritongrad.cuda.reduce import sum as reduce_sum
from tritongrad.cuda.rows import Matrix, matrix, tile_of
from tritongrad.cuda.types import FLOAT32, FLOAT64, INT64, triton_type

WIDEST = 4096  # columns of a tile
PART = 32  # rows that a program of layer norm's weight gradient adds up


def softmax(x: DeviceArray, dim: int) -> DeviceArray:
    """exp(x) / sum(exp(x)) along dim"""
    return _softmax(x, dim, False)


def log_softmax(x: DeviceArray, dim: int) -> DeviceArray:
    """x - log(sum(exp(x))) along dim"""
    return _softmax(x, dim, True)


def _softmax(x: DeviceArray, dim: int, log: bool) -> DeviceArray:
    from tritongrad.kernels import norm

    key = ("softmax", dim, log)
    found = recall(key, x)
    if found is not None:
        return found
    out = empty(x.shape, x.dtype, x.device)
    if out.size:
        view, rows = along(x, dim)
        grid, sizes, tile = row_tiles("softmax", view)
        one = tile["COLS"] >= view.cols.length
        options = {"LOG": log, "ACC": triton_type(wide_type(x.dtype)), "ONE": one, **tile}
        launch_again(key, (x,), norm.softmax_rows, grid, out, rows, *sizes, **options)
    return out


def launch_again(
    key: Any, arrays: tuple, kernel: Any, grid: tuple, out: DeviceArray, *args: Any, **options: Any
) -> None:
    """launch, with a plan of it for when arrays like these come again: see quick.py."""
    launch(kernel, grid, out, *args, **options)
    remember(key, arrays, (out, (kernel, grid, (out, *args), options)))


def softmax_backward(grad: DeviceArray, result: DeviceArray, dim: int) -> DeviceArray:
    """result (grad - sum(grad result)) along dim"""
    return _softmax_backward(grad, result, dim, False)


def log_softmax_backward(grad: DeviceArray, result: DeviceArray, dim: int) -> DeviceArray:
    """grad - exp(result) sum(grad) along dim"""
    return _softmax_backward(grad, result, dim, True)


def _softmax_backward(grad: DeviceArray, result: DeviceArray, dim: int, log: bool) -> DeviceArray:
    from tritongrad.kernels import norm

    key = ("softmax_backward", dim, log)
    found = recall(key, grad, result)
    if found is not None:
        return found
    out = empty(result.shape, result.dtype, result.device)
    if out.size:
        view, rows = along(result, dim)
        grid, sizes, tile = row_tiles("softmax", view)
        one = tile["COLS"] >= view.cols.length
        options = {"LOG": log, "ACC": triton_type(wide_type(result.dtype)), "ONE": one, **tile}
        args = (norm.softmax_backward_rows, grid, out, contiguous(grad), rows, *sizes)
        launch_again(key, (grad, result), *args, **options)
    return out


def layer_norm(
    x: DeviceArray, dims: int, weight: DeviceArray | None, bias: DeviceArray | None, eps: float
) -> tuple[DeviceArray, DeviceArray, DeviceArray]:
    """(result, mean, 1 / sqrt(variance + eps)) over the last `dims` dims; one mean a row"""
    from tritongrad.kernels import norm

    rows, cols = rows_and_cols(x.shape, dims)
    acc = wide_type(x.dtype)
    out = empty(x.shape, x.dtype, x.device)
    means, scales = empty((rows,), acc, x.device), empty((rows,), acc, x.device)
    if out.size:
        tile = wide_tile(x, cols)
        launch(
            norm.layer_norm_rows, (-(-rows // tile["ROWS"]),), out, means, scales, contiguous(x),
            0 if weight is None else contiguous(weight), 0 if bias is None else contiguous(bias),
            rows, cols, real(cols, acc), real(eps, acc),
            AFFINE=(weight is not None) + 2 * (bias is not None), ACC=triton_type(acc),
            ONE=tile["COLS"] >= cols, **tile,
        )  # fmt: skip
    return out, means, scales


def layer_norm_backward(
    grad: DeviceArray, x: DeviceArray, means: DeviceArray, scales: DeviceArray,
    weight: DeviceArray | None, dims: int,
) -> DeviceArray:  # fmt: skip
    """The gradient of layer_norm's input"""
    from tritongrad.kernels import norm

    rows, cols = rows_and_cols(x.shape, dims)
    acc = wide_type(x.dtype)
    out = empty(x.shape, x.dtype, x.device)
    if out.size:
        tile = wide_tile(x, cols)
        launch(
            norm.layer_norm_backward_rows, (-(-rows // tile["ROWS"]),), out, contiguous(grad),
            contiguous(x), means, scales, 0 if weight is None else contiguous(weight), rows, cols,
            real(cols, acc), AFFINE=int(weight is not None), ACC=triton_type(acc), **tile,
        )  # fmt: skip
    return out


def layer_norm_weight_backward(
    grad: DeviceArray, x: DeviceArray, means: DeviceArray, scales: DeviceArray, dims: int
) -> DeviceArray:
    """The gradient of layer_norm's weight, of the shape of the last `dims` dims"""
    from tritongrad.kernels import norm

    rows, cols = rows_and_cols(x.shape, dims)
    acc = wide_type(x.dtype)
    parts = empty((-(-rows // PART), cols), acc, x.device)
    if x.size:
        width = min(power_of_2(cols), 64)
        grid = (parts.shape[0] * -(-cols // width),)
        launch(
            norm.layer_norm_weight_tiles, grid, parts, contiguous(grad), contiguous(x), means,
            scales, rows, cols, ACC=triton_type(acc), ROWS=PART, COLS=width,
        )  # fmt: skip
    return reduce_sum(parts, (0,), dtype=x.dtype).reshape(x.shape[x.ndim - dims :])


def cross_entropy(
    x: DeviceArray, target: DeviceArray, weight: DeviceArray | None, ignore_index: int,
    label_smoothing: float,
) -> tuple[DeviceArray, DeviceArray, DeviceArray]:  # fmt: skip
    """(loss, weight, log sum exp) of every row: classes along dim 1, or dim 0 of a single row

    The mean loss is sum(loss) / sum(weight).
    """
    from tritongrad.kernels import loss

    acc = wide_type(x.dtype)
    losses = empty(target.shape, x.dtype, x.device)
    weights, logs = empty(target.shape, acc, x.device), empty(target.shape, acc, x.device)
    if losses.size:
        view, x = along(x, min(1, x.ndim - 1))
        grid, sizes, tile = row_tiles("cross_entropy", view)
        wrong = empty(grid, INT64, x.device)
        target = contiguous(target)
        launch(
            loss.cross_entropy_rows, grid, losses, weights, logs, x, target,
            0 if weight is None else contiguous(weight), wrong, *sizes, ignore_index,
            real(label_smoothing, acc), real(label_smoothing / view.cols.length, acc),
            ACC=triton_type(acc), WEIGHTED=weight is not None, SMOOTH=label_smoothing != 0, **tile,
        )  # fmt: skip
        check_targets(wrong, target, view.cols.length)
    return losses, weights, logs


def cross_entropy_backward(
    grad: DeviceArray, x: DeviceArray, logs: DeviceArray, target: DeviceArray,
    weight: DeviceArray | None, ignore_index: int, label_smoothing: float,
) -> DeviceArray:  # fmt: skip
    """The gradient of the logits; grad has one number for every row, or one for all"""
    from tritongrad.kernels import loss

    acc = wide_type(x.dtype)
    out = empty(x.shape, x.dtype, x.device)
    if out.size and target.size:
        view, x = along(x, min(1, x.ndim - 1))
        grid, sizes, tile = row_tiles("cross_entropy", view)
        single = grad.size == 1
        share: Any = 0
        if label_smoothing != 0:
            classes = view.cols.length
            share = full(1.0, acc, x) if weight is None else reduce_sum(weight, None, dtype=acc)
            share = share if weight is None else elementwise("div", share, float(classes))
        launch(
            loss.cross_entropy_backward_tiles, grid, out, contiguous(grad), x, contiguous(logs),
            contiguous(target), 0 if weight is None else contiguous(weight), *sizes,
            0 if single else 1, ignore_index, real(label_smoothing, acc),
            real(label_smoothing / view.cols.length, acc), share,
            ACC=triton_type(acc), WEIGHTED=weight is not None, SMOOTH=label_smoothing != 0, **tile,
        )  # fmt: skip
    return out


def check_targets(wrong: DeviceArray, target: DeviceArray, classes: int) -> None:
    """IndexError for a class that does not exist; of a recording, when the graph is asked."""

    def look() -> None:
        row = int(wrong.numpy().min())
        if row < target.size:
            label = target.reshape((-1,))[row].numpy()
            raise IndexError(
                f"cross_entropy: target {label} of row {row} is out of bounds for {classes} "
                "classes; targets go from 0 to classes - 1, and ignore_index leaves a row out"
            )

    wrong.device.verify(look)


def along(x: DeviceArray, dim: int) -> tuple[Matrix, DeviceArray]:
    """x, contiguous, and its matrix whose rows run along dim."""
    x = contiguous(x)
    return matrix(x, (dim % x.ndim,) if x.ndim else ()), x


def row_tiles(name: str, view: Matrix) -> tuple[tuple[int], tuple[int, ...], dict[str, int]]:
    """Grid, the sizes and strides of the kernel's signature, and the tile."""
    array = view.array
    elements, warps = tiles.row_tile(name, array.device, array.dtype, view.cols.length)
    rows, cols = tile_of(view, elements, WIDEST)
    sizes = (view.rows.length, view.cols.length, *view.rows[1:], view.cols.inner)
    return (-(-view.rows.length // rows),), sizes, {"ROWS": rows, "COLS": cols, "num_warps": warps}


def wide_tile(x: DeviceArray, cols: int) -> dict[str, int]:
    elements, warps = tiles.row_tile("layer_norm", x.device, x.dtype, cols)
    width = min(power_of_2(cols), WIDEST)
    return {"ROWS": max(1, min(elements // width, 64)), "COLS": width, "num_warps": warps}


def rows_and_cols(shape: tuple[int, ...], dims: int) -> tuple[int, int]:
    split = len(shape) - dims
    return math.prod(shape[:split]), math.prod(shape[split:])


def contiguous(x: DeviceArray) -> DeviceArray:
    return x if x.contiguous else x.copy()


def wide_type(dtype: np.dtype) -> np.dtype:
    """What rows of dtype are computed in."""
    return FLOAT64 if dtype == FLOAT64 else FLOAT32


def real(value: float, acc: np.dtype) -> Any:
    """A number in the type that launch() passes as the accumulator's."""
    return np.float64(value) if acc == FLOAT64 else float(value)


def full(value: float, dtype: np.dtype, like: DeviceArray) -> DeviceArray:
    """One element of a value."""
    return elementwise("positive", value, out=empty((1,), dtype, like.device))
