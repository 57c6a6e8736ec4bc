"""Matrix products of device arrays: shapes and strides worked out, one launch each."""

from typing import Any

import numpy as np

from tritongrad.cuda import tiles
from tritongrad.cuda.array import DeviceArray, empty
from tritongrad.cuda.elementwise import elementwise
from tritongrad.cuda.launch import launch
from tritongrad.cuda.quick import recall, remember
from tritongrad.cuda.views import reshaped_strides

GROUP = 8  # rows of tiles that share columns of b while they are in the cache
MODES = {"highest": "ieee", "high": "tf32x3", "medium": "tf32", "integer": "integer"}
Batch = tuple[int, int, int]  # length, stride of a, stride of b, in elements


def mm(a: DeviceArray, b: DeviceArray, precision: str = "highest") -> DeviceArray:
    """Product of two matrices."""
    found = recall(precision, a, b)
    return matmul(a, b, precision) if found is None else found


def bmm(a: DeviceArray, b: DeviceArray, precision: str = "highest") -> DeviceArray:
    """Products of the matrices of two batches."""
    return matmul(a, b, precision)


def matmul(a: DeviceArray, b: DeviceArray, precision: str = "highest") -> DeviceArray:
    """Products of the last two dimensions, broadcast over the others."""
    rows, inner = a.shape[-2:]
    if b.ndim == 2 and a.ndim > 2:  # one matrix of many rows, where a can be seen as such
        strides = reshaped_strides(a, (a.size // inner, inner)) if a.size else None
        if strides is not None:
            flat = a.as_strided((a.size // inner, inner), strides)
            return matmul(flat, b, precision).reshape((*a.shape[:-1], b.shape[1]))
    shape = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    out = empty((*shape, rows, b.shape[-1]), a.dtype, a.device)
    if out.size:
        a = a.broadcast_to((*shape, rows, inner))
        b = b.broadcast_to((*shape, *b.shape[-2:]))
        only = _launch(out, a, b, precision)
        if only is not None and a.ndim == 2:
            remember(precision, (a, b), (out, only))
    return out


def linear(
    x: DeviceArray, weight: DeviceArray, bias: DeviceArray | None = None, precision: str = "highest"
) -> DeviceArray:
    """Product of the last dim and the transpose of a matrix, plus a row."""
    row = () if bias is None else (bias,)
    key = ("linear", precision)
    found = recall(key, x, weight, *row)
    if found is not None:
        return found
    out = empty((*x.shape[:-1], weight.shape[0]), x.dtype, x.device)
    if out.size:
        rows = x.reshape((out.size // weight.shape[0], x.shape[-1]))
        flat = out.reshape((len(rows), weight.shape[0]))
        only = _launch(flat, rows, weight.T, precision, bias)
        if only is not None and x.ndim == 2:
            kernel, grid, (_, _, _, *rest), options = only
            step = kernel, grid, (out, x, weight, *rest), options
            remember(key, (x, weight, *row), (out, step))
    return out


def _launch(
    out: DeviceArray,
    a: DeviceArray,
    b: DeviceArray,
    precision: str,
    bias: DeviceArray | None = None,
) -> tuple | None:
    """Fill a contiguous, non-empty out with a @ b + bias, batches alike: what was launched."""
    from tritongrad.kernels import matmul as kernels

    batch = _batch_dims(a, b)
    if len(batch) > 2:  # neither operand walks its batches in two strides: lay them out
        a, b = a.copy(), b.copy()
        batch = _batch_dims(a, b)
    (outer, *a_b_outer), (batches, *a_b_batch) = [(1, 0, 0)] * (2 - len(batch)) + batch
    rows, cols, inner = *out.shape[-2:], a.shape[-1]
    if outer * batches == 1 and fits_tma(a, b, out):
        programs = a.device.properties["multiprocessors"]
        _launch_tma(kernels.matmul_tma, out, a, b, programs)
        if bias is not None:
            elementwise("add", out, bias, out=out)
        return None
    line = tiles.line_of(a.dtype, precision)
    if a.device.kind == "interpret":
        tile = tiles.interpreted_tile(line, cols, inner)
    else:
        tile = tiles.matmul_tile(line, rows, cols, outer * batches, a.device)
    grid = (-(-rows // tile.rows) * -(-cols // tile.cols) * outer * batches,)
    a_strides = (a_b_outer[0], a_b_batch[0], *_steps(a))
    b_strides = (a_b_outer[1], a_b_batch[1], *_steps(b))
    row = 0 if bias is None else bias if bias.contiguous else bias.copy()
    args = (out, a, b, row, rows, cols, inner, batches, *a_strides, *b_strides)
    options = _options(tile, line, a.dtype) | {"BIAS": bias is not None}
    launch(kernels.matmul, grid, *args, **options)
    return kernels.matmul, grid, args, options


def _options(tile: tiles.Tile, line: str, dtype: np.dtype) -> dict[str, Any]:
    """The constants of a launch with these tiles, by the arithmetic of a line of their table."""
    return {
        **{"BM": tile.rows, "BN": tile.cols, "BK": tile.inner, "GROUP": GROUP},
        "MODE": MODES.get("integer" if line == "long" else line, "ieee"),
        "SUM": _sum_dtype(dtype),
        "FLUSH": tiles.FLUSH // tile.inner if line in ("highest", "high") else 0,
        "num_warps": tile.warps,
        "num_stages": tile.stages,
    }


def _steps(array: DeviceArray) -> tuple[int, int]:
    """Strides of the last two dimensions in elements."""
    return array.strides[-2] // array.itemsize, array.strides[-1] // array.itemsize


def _sum_dtype(dtype: np.dtype) -> Any:
    """What the products of a dtype are summed in, as Triton calls it."""
    import triton.language as tl

    if dtype.kind in "iu":
        return tl.int64 if dtype.itemsize == 8 else tl.int32
    return tl.float64 if dtype == np.float64 else tl.float32


def _batch_dims(a: DeviceArray, b: DeviceArray) -> list[Batch]:
    """The fewest dimensions that walk the batches of both, outermost first."""
    found: list[Batch] = []
    for n, s_a, s_b in zip(a.shape[:-2], a.strides, b.strides, strict=False):
        row = (n, s_a // a.itemsize, s_b // b.itemsize)
        if n == 1:
            continue
        if found and found[-1][1] == n * row[1] and found[-1][2] == n * row[2]:
            row = (found.pop()[0] * n, *row[1:])
        found.append(row)
    return found


def fits_tma(a: DeviceArray, b: DeviceArray, out: DeviceArray) -> bool:
    """Whether the tensor memory accelerator can and should carry this product's tiles."""
    if a.device.kind != "cuda" or a.itemsize != 2:
        return False
    if not (9, 0) <= tuple(a.device.capability) < (11, 0):  # later ones have less shared memory
        return False
    if max(*out.shape[-2:], a.shape[-1]) > 2**31 - 512:  # coordinates of tiles have 32 bits
        return False
    tile = tiles.tma_tile(a.device)
    if -(-out.shape[-2] // tile.rows) * -(-out.shape[-1] // tile.cols) < tiles.MANY:
        return False
    aligned = all(_major(x) is not None and x.ptr % 16 == 0 for x in (a, b))
    return aligned and out.shape[-1] % 8 == 0 and a.shape[-1] >= tile.inner


def _major(x: DeviceArray) -> tuple[bool, int] | None:
    """(is transposed, elements between rows) of a matrix that TMA can read, else None."""
    for is_t, (along, across) in ((False, _steps(x)[::-1]), (True, _steps(x))):
        if along == 1 and across > 0 and across * x.itemsize % 16 == 0:
            return is_t, across
    return None


def _launch_tma(
    kernel: Any, out: DeviceArray, a: DeviceArray, b: DeviceArray, programs: int
) -> None:
    """The persistent kernel; for sizes and alignments that `fits_tma` has accepted."""
    tile = tiles.tma_tile(a.device)
    rows, cols = out.shape[-2:]
    (a_is_t, s_a), (b_is_t, s_b) = _major(a) or (False, 0), _major(b) or (False, 0)
    programs = min(programs, -(-rows // tile.rows) * -(-cols // tile.cols))
    launch(
        *(kernel, (programs,), out, a, b, rows, cols, a.shape[-1], s_a, s_b, programs),
        **{"BM": tile.rows, "BN": tile.cols, "BK": tile.inner, "GROUP": GROUP},
        A_IS_T=a_is_t,
        B_IS_T=b_is_t,
        num_warps=tile.warps,
        num_stages=tile.stages,
    )
