"""Host side of elementwise operations: dtypes, broadcasting, tiles, and one launch of a map."""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Any

import numpy as np

from tritongrad.cuda.array import DeviceArray, empty
from tritongrad.cuda.launch import launch
from tritongrad.dtype import FLOAT32, HALVES, WIDE_NUMBERS

BOOL = np.dtype(bool)
TO_BOOL = frozenset(
    "eq ne lt le gt ge logical_and logical_or logical_xor logical_not isnan isinf isfinite".split()
)
BITWISE = frozenset("bitwise_and bitwise_or bitwise_xor bitwise_not".split())
IN_FLOAT = frozenset("isnan isinf isfinite".split())  # these answer for integers too
FIRST_IS_A_CONDITION = frozenset(["where", "masked_scale"])
# A number as the exponent: products and roots instead of the general power.
POWERS = {2: "square", 3: "cube", 4: "fourth", 1: "positive", -1: "reciprocal"}

Operand = Any  # a DeviceArray or a Python number
Plan = list[tuple[tuple[int, ...], tuple[int, ...], dict[str, int]]]
Launches = list[tuple[Any, tuple[int, ...], tuple, dict[str, Any]]]  # kernel, grid, args, options


def elementwise(name: str, *operands: Operand, out: DeviceArray | None = None) -> DeviceArray:
    """The operation `name` on operands of one dtype, broadcast; `out` may be an operand itself."""
    out, launches = launches_of(name, operands, out)
    for kernel, grid, args, options in launches:
        launch(kernel, grid, *args, **options)
    return out


def launches_of(
    name: str, operands: tuple, out: DeviceArray | None = None
) -> tuple[DeviceArray, Launches]:
    """The result, which nothing has been written to, and the launches that write it."""
    name, operands = specialised(name, operands)
    arrays = [x for x in operands if isinstance(x, DeviceArray)]
    if not arrays and out is not None:
        arrays = [out]
    first = arrays[0]
    shape = first.shape
    for x in arrays:
        if x.storage.device is not first.storage.device:
            raise apart(name, arrays)
    for x in arrays:
        if x.shape != shape:
            shape = np.broadcast_shapes(*[x.shape for x in arrays])
            break
    if out is None:
        out = empty(shape, BOOL if name in TO_BOOL else result_dtype(name, arrays), first.device)
    if out.size == 0:
        return out, []
    dtype = arrays[-1].dtype if name in FIRST_IS_A_CONDITION else first.dtype
    function, compute = scalar_function(name, dtype, wide(operands, dtype))
    numbers, args = 0, []
    for i, x in enumerate(operands):
        if not isinstance(x, DeviceArray):
            numbers |= 1 << i
            x = number(x, number_dtype(name, dtype), compute)
        args.append(x)
    args += [0] * (4 - len(args))
    constexprs = {
        "FUNCTION": function,
        "COMPUTE": compute,
        "ARITY": len(operands),
        "NUMBERS": numbers,
    }
    if all(x.shape == shape and x.contiguous for x in arrays) and out.contiguous:
        return out, contiguous(out, args, constexprs)
    return out, tiled(out, args, constexprs)


def apart(name: str, arrays: list[DeviceArray]) -> RuntimeError:
    """The error for operands on several devices."""
    devices = " and ".join(sorted({str(x.device) for x in arrays}))
    return RuntimeError(
        f"{name}: expected all tensors to be on the same device, but found at least two, "
        f"{devices}: move one with .to(device)"
    )


def specialised(name: str, operands: tuple) -> tuple[str, tuple]:
    """Powers by small numbers as the functions that do them without a logarithm."""
    if name == "pow" and isinstance(operands[1], (int, float)):
        exponent, floating = operands[1], operands[0].dtype.kind not in "biu"
        if exponent in POWERS and (floating or exponent > 0):
            return POWERS[exponent], operands[:1]
        if exponent == 0.5 and floating:
            return "sqrt_without_minus_0", operands[:1]
    return name, operands


def result_dtype(name: str, arrays: list[DeviceArray]) -> np.dtype:
    return arrays[-1].dtype if name in FIRST_IS_A_CONDITION else arrays[0].dtype


def wide(operands: tuple, dtype: np.dtype) -> bool:
    """Whether a number needs 64 bits where the array does not: comparisons take any integer."""
    return dtype.kind in "iub" and any(
        isinstance(x, int) and not -(2**31) <= x < 2**31 for x in operands
    )


@cache
def scalar_function(name: str, dtype: np.dtype, wide: bool) -> tuple[Any, Any]:
    """The Triton function of an operation, and the type that it computes in for arrays of dtype."""
    import triton.language as tl

    from tritongrad.kernels import elementwise as kernels

    function = getattr(kernels, name)
    if dtype == np.float64:
        return function, tl.float64
    if dtype.kind not in "biu" or name in IN_FLOAT:  # bfloat16 is of kind V
        return function, tl.float32
    if dtype == BOOL and name in BITWISE:
        return function, tl.int1
    return function, tl.int64 if dtype == np.int64 or wide else tl.int32


def number(value: Any, dtype: np.dtype, compute: Any) -> Any:
    """A Python number as launch() takes it, rounded to dtype; np.float64 goes as float64."""
    if compute.is_floating():
        if dtype == np.float64:
            return np.float64(value)
        with np.errstate(over="ignore"):
            rounded = np.asarray(float(value)).astype(np.float32 if dtype.kind in "biu" else dtype)
            return float(rounded.astype(np.float32))
    value = int(value)
    if not -(2**63) <= value < 2**63:
        raise OverflowError(f"the number {value} does not fit 64 bits")
    return value


def number_dtype(name: str, dtype: np.dtype) -> np.dtype:
    """What an operation on arrays of a dtype rounds its numbers to."""
    return FLOAT32 if name in WIDE_NUMBERS and dtype in HALVES else dtype


def contiguous(out: DeviceArray, args: list, constexprs: dict) -> Launches:
    from tritongrad.kernels import maps

    block, warps = block_of(out.size)
    grid = (-(-out.size // block),)
    sizes = {"EVEN": out.size % 16 == 0, "BLOCK": block, "num_warps": warps}
    return [(maps.map_contiguous, grid, (out, *args, out.size), constexprs | sizes)]


def block_of(size: int) -> tuple[int, int]:
    """Elements and warps of a program: large ones, once there are programs for every processor."""
    return (1024, 4) if size <= 1 << 18 else (4096, 8)


def tiled(out: DeviceArray, args: list, constexprs: dict) -> Launches:
    """Any strides: one launch, or several beyond four dimensions."""
    from tritongrad.kernels import maps

    views = [x.broadcast_to(out.shape) if isinstance(x, DeviceArray) else None for x in args]
    strides = tuple(
        None if x is None else tuple(s // x.itemsize for s in x.strides) for x in (out, *views)
    )
    launches: Launches = []
    for offsets, (count, *integers), tile in tile_plan(out.shape, strides):
        moved = [
            a if v is None else v.as_strided(v.shape, v.strides, o * v.itemsize)
            for a, v, o in zip((out, *args), (out, *views), offsets, strict=True)
        ]
        warps = 8 if tile["ROWS"] * tile["COLS"] > 1024 else 4
        options = constexprs | tile | {"num_warps": warps}
        launches.append((maps.map_tiles, (count,), (*moved, *integers), options))
    return launches


@lru_cache(maxsize=4096)
def tile_plan(shape: tuple[int, ...], strides: tuple) -> Plan:
    """The launches that cover an array of `shape`: offsets of the operands, (grid, sizes and
    strides), tile. Strides of numbers are None."""
    known = [s if s is not None else (0,) * len(shape) for s in strides]
    dims = collapse([(n, *steps) for n, *steps in zip(shape, *known, strict=True)])
    loops, dims = outermost(dims)
    size1, rows, cols = (d[0] for d in dims[1:])
    tile = tile_of(dims)
    count = dims[0][0] * size1 * -(-rows // tile["ROWS"]) * -(-cols // tile["COLS"])
    steps = [d[1 + k] for k in range(len(strides)) for d in dims]
    offsets = [(0,) * len(strides)]
    for n, *step in loops:
        offsets = [
            tuple(o + i * s for o, s in zip(base, step, strict=True))
            for base in offsets
            for i in range(n)
        ]
    return [(base, (count, size1, rows, cols, *steps), tile) for base in offsets]


def collapse(dims: list[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """The fewest dimensions (length, stride of each array), by falling stride of the first."""
    dims = sorted((d for d in dims if d[0] != 1), key=lambda d: [-abs(s) for s in d[1:]])
    result: list[tuple[int, ...]] = []
    for n, *steps in dims:
        if result and all(o == n * s for o, s in zip(result[-1][1:], steps, strict=True)):
            result[-1] = (result[-1][0] * n, *steps)
        else:
            result.append((n, *steps))
    return result


def outermost(dims: list) -> tuple[list, list]:
    """(dimensions for loops on the host, four for the kernel: two outer, rows, columns).

    The columns are the innermost dimension, the rows the longest other one.
    """
    width = len(dims[0]) if dims else 6
    dims = [(1, *[0] * (width - 1))] * (4 - len(dims)) + dims
    *rest, cols = dims
    rest.sort(key=lambda d: d[0])
    return rest[:-3], [*rest[-3:], cols]


def tile_of(dims: list) -> dict[str, int]:
    """Rows and columns of a tile: square where an array's neighbours lie along the rows."""
    (rows, *row_steps), (cols, *col_steps) = dims[-2:]
    budget, _ = block_of(rows * cols * dims[0][0] * dims[1][0])
    turned = any(abs(r) == 1 and abs(c) > 1 for r, c in zip(row_steps, col_steps, strict=True))
    width = min(power_of_2(cols), 32 if turned and rows >= 32 else budget)
    return {"ROWS": min(power_of_2(rows), budget // width), "COLS": width}


def power_of_2(n: int) -> int:
    """The smallest power of two that is at least n."""
    return 1 << (n - 1).bit_length()
