"""Convolution and pooling on the device: shapes worked out, one launch each (two for a weight)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tritongrad.cuda import tiles
from tritongrad.cuda.array import DeviceArray, empty, from_numpy
from tritongrad.cuda.launch import launch
from tritongrad.cuda.linalg import MODES
from tritongrad.cuda.moving import dense, sum_dtype
from tritongrad.cuda.picking import BLOCK
from tritongrad.windows import divisors, geometry, pool_geometry

SPAN = 4096  # pixels that one slice of a weight's gradient sums; the same for every batch size
Shape = tuple[int, ...]


def conv2d(
    x: DeviceArray,
    w: DeviceArray,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    precision: str = "highest",
) -> DeviceArray:
    """out[n, o, h, ..] = sum over c, r, s of x[n, c, h * stride - padding + r * dilation, ..] w"""
    from tritongrad.kernels import conv as kernels

    size, *steps = geometry("conv2d", x.shape, w.shape, stride, padding, dilation, groups)
    _check("conv2d", x, w)
    out = empty((x.shape[0], w.shape[0], *size), x.dtype, x.device)
    sizes = _sizes(x.shape, w.shape, size, steps, groups)
    filters, inner = w.shape[0] // groups, math.prod(w.shape[1:])
    pixels = x.shape[0] * math.prod(size)
    _product(
        kernels.conv2d, out, dense(x), dense(w), sizes, pixels, filters, inner, groups, precision
    )
    return out


def conv2d_grad_input(
    g: DeviceArray,
    w: DeviceArray,
    x_shape: Shape,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    precision: str = "highest",
) -> DeviceArray:
    """The gradient of conv2d's input, for the gradient g of its result."""
    from tritongrad.kernels import conv as kernels

    size, *steps = geometry("conv2d", x_shape, w.shape, stride, padding, dilation, groups)
    _check("conv2d_grad_input", g, w)
    out = empty(tuple(x_shape), g.dtype, g.device)
    sizes = _sizes(x_shape, w.shape, size, steps, groups)
    inner = w.shape[0] // groups * math.prod(w.shape[2:])
    pixels = x_shape[0] * math.prod(x_shape[2:])
    kernel, channels = kernels.conv2d_grad_input, w.shape[1]
    _product(kernel, out, dense(g), dense(w), sizes, pixels, channels, inner, groups, precision)
    return out


def conv2d_grad_weight(
    g: DeviceArray,
    x: DeviceArray,
    w_shape: Shape,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    precision: str = "highest",
) -> DeviceArray:
    """The gradient of conv2d's weight: slices of pixels summed apart, then added in order."""
    from tritongrad.kernels import conv as kernels

    size, *steps = geometry("conv2d", x.shape, w_shape, stride, padding, dilation, groups)
    _check("conv2d_grad_weight", g, x)
    pixels = x.shape[0] * math.prod(size)
    _check_counts("conv2d_grad_weight", pixels)
    slices = max(1, -(-pixels // SPAN))
    out = empty(tuple(w_shape), g.dtype, g.device)
    wide = np.dtype(np.float32) if g.itemsize == 2 and g.dtype.kind not in "iu" else g.dtype
    parts = empty((slices, *w_shape), wide, g.device) if slices > 1 else out
    sizes = (*_sizes(x.shape, w_shape, size, steps, groups), min(SPAN, pixels))
    filters, depth = w_shape[0] // groups, math.prod(w_shape[1:])
    kernel = kernels.conv2d_grad_weight
    x, g, inner = dense(x), dense(g), min(SPAN, pixels)
    _product(kernel, parts, g, x, sizes, filters, depth, inner, groups, precision, slices)
    if slices > 1:
        block = BLOCK[g.device.kind]
        args = (out, parts, out.size, slices)
        constants = {"SUM": sum_dtype(g.dtype), "BLOCK": block}
        launch(kernels.sum_slices, (-(-out.size // block),), *args, **constants)
    return out


def _check(op: str, a: DeviceArray, b: DeviceArray) -> None:
    if a.dtype != b.dtype:
        raise RuntimeError(f"{op}: dtypes {a.dtype} and {b.dtype} differ; convert one with .to()")


def _check_counts(op: str, *counts: int) -> None:
    """Kernels number pixels, channels and the elements of a filter in 32 bits each."""
    if max(counts) >= 2**31:
        raise RuntimeError(
            f"{op}: {max(counts)} pixels, or elements of a filter, are too many: the most is "
            "2**31 - 1; split the batch or the channels"
        )


def _sizes(x_shape: Shape, w_shape: Shape, size: Shape, steps: list, groups: int) -> Shape:
    """The sizes that every kernel takes, channels and filters by group."""
    channels, filters = x_shape[1] // groups, w_shape[0] // groups
    image = (x_shape[0], channels, *x_shape[2:], filters, *size, *w_shape[2:])
    return (*image, *(n for step in steps for n in step))


def _product(
    kernel: Any,
    out: DeviceArray,
    a: DeviceArray,
    b: DeviceArray,
    sizes: Shape,
    rows: int,
    cols: int,
    inner: int,
    groups: int,
    precision: str,
    slices: int = 1,
) -> None:
    """Launch a kernel that makes rows x cols results of a group in tiles."""
    if not out.size:
        return
    _check_counts(kernel.__name__, rows, cols, inner)
    line = tiles.line_of(a.dtype, precision)
    if a.device.kind == "interpret":
        tile = tiles.interpreted_tile(line, cols, inner)
    else:
        tile = tiles.CONVOLUTION[line]
    grid = (-(-rows // tile.rows) * -(-cols // tile.cols), groups, slices)
    launch(
        *(kernel, grid, out, a, b, *sizes),
        MODE=MODES.get("integer" if line == "long" else line, "ieee"),
        SUM=sum_dtype(a.dtype),
        FLUSH=tiles.FLUSH // tile.inner if line in ("highest", "high") else 0,
        **{"BM": tile.rows, "BN": tile.cols, "BK": tile.inner},
        num_warps=tile.warps,
        num_stages=tile.stages,
    )


def _pool(
    kernel: Any, arrays: tuple[DeviceArray, ...], shape: Shape, steps: tuple, **constants: Any
) -> None:
    """Launch a pooling kernel over the elements of its first array; steps as pairs."""
    n, block = arrays[0].size, BLOCK[arrays[0].device.kind] // 4
    if n:
        numbers = (number for step in steps for number in step)
        sizes = (n, *shape[-2:], *numbers)
        launch(kernel, (-(-n // block),), *arrays, *sizes, BLOCK=block, **constants)


def max_pool2d(
    x: DeviceArray,
    kernel: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
) -> tuple[DeviceArray, DeviceArray]:
    """The largest element of each window and its position in the plane; nan counts as largest."""
    from tritongrad.kernels import pool as kernels

    steps = pool_geometry("max_pool2d", x.shape, kernel, stride, padding, dilation, ceil_mode)
    out = empty((*x.shape[:-2], *steps[0]), x.dtype, x.device)
    index = empty(out.shape, np.dtype(np.int64), x.device)
    least = int(np.iinfo(x.dtype).min) if x.dtype.kind in "iu" else -math.inf
    _pool(kernels.max_pool2d, (out, index, dense(x)), x.shape, steps, LEAST=least)
    return out, index


def max_pool2d_backward(
    g: DeviceArray,
    indices: DeviceArray,
    x_shape: Shape,
    kernel: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
) -> DeviceArray:
    """g added at the positions that max_pool2d returned."""
    from tritongrad.kernels import pool as kernels

    steps = pool_geometry("max_pool2d", x_shape, kernel, stride, padding, dilation, ceil_mode)
    out = empty(tuple(x_shape), g.dtype, g.device)
    arrays = (out, dense(g), dense(indices))
    _pool(kernels.max_pool2d_backward, arrays, x_shape, steps, SUM=sum_dtype(g.dtype))
    return out


def avg_pool2d(
    x: DeviceArray,
    kernel: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> DeviceArray:
    """The mean of each window."""
    from tritongrad.kernels import pool as kernels

    steps = pool_geometry("avg_pool2d", x.shape, kernel, stride, padding, 1, ceil_mode)
    by = from_numpy(divisors(x.shape, steps, count_include_pad, divisor_override), x.device)
    out = empty((*x.shape[:-2], *steps[0]), x.dtype, x.device)
    arrays = (out, dense(x), by)
    _pool(kernels.avg_pool2d, arrays, x.shape, steps[:4], SUM=sum_dtype(x.dtype))
    return out


def avg_pool2d_backward(
    g: DeviceArray,
    x_shape: Shape,
    kernel: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> DeviceArray:
    """g shared out evenly over each window."""
    from tritongrad.kernels import pool as kernels

    steps = pool_geometry("avg_pool2d", x_shape, kernel, stride, padding, 1, ceil_mode)
    by = from_numpy(divisors(x_shape, steps, count_include_pad, divisor_override), g.device)
    out = empty(tuple(x_shape), g.dtype, g.device)
    arrays = (out, dense(g), by)
    _pool(kernels.avg_pool2d_backward, arrays, x_shape, steps[:4], SUM=sum_dtype(g.dtype))
    return out
