"""Images of other sizes: by the nearest element, by lines, by cubics; by channels as pixels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tritongrad.create import tensor
from tritongrad.front import of_tensors

Taps = list[tuple[np.ndarray, np.ndarray | None]]  # (indices of a dim, their weights)
DIMS = {"linear": (3,), "bilinear": (4,), "bicubic": (4,), "trilinear": (5,)}
EVERY = ("nearest", "nearest-exact", *DIMS)


@of_tensors
def interpolate(
    input: Any, size: Any = None, scale_factor: Any = None, mode: str = "nearest",
    align_corners: bool | None = None, recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Any:  # fmt: skip
    """(batch, channels, *) at another `size`, or at `scale_factor` times its own.

    align_corners: the centres of the first and last elements stay where they are, not their edges.
    """
    _check(input, size, scale_factor, mode, align_corners, antialias)
    inner = tuple(input.shape[2:])
    sizes, scales = _sizes(inner, size, scale_factor)
    if recompute_scale_factor:
        scales = (None,) * len(inner)
    kind = np.float64 if input._array.dtype == np.float64 else np.float32
    x = input if mode.startswith("nearest") or input._array.dtype.itemsize > 2 else input.float()
    for d, (n, m, scale) in enumerate(zip(inner, sizes, scales, strict=True), 2):
        found = TAPS.get(mode, _lines)(n, m, scale, bool(align_corners), kind)
        x = _resampled(x, d, found)
    return x.to(input.dtype)


def _resampled(x: Any, dim: int, taps: Taps) -> Any:
    """The weighted sum of the elements at each tap's indices along a dim."""
    total: Any = None
    for index, weight in taps:
        part = x.index_select(dim, tensor(index, device=x.device))
        if weight is not None:
            shape = (-1, *(1,) * (x.ndim - dim - 1))
            part = part * tensor(weight.reshape(shape), device=x.device)
        total = part if total is None else total + part
    return total


def _step(n: int, m: int, scale: float | None, kind: Any) -> Any:
    """How far one element of the result goes in the input."""
    return kind(1 / scale) if scale is not None else kind(n) / kind(m)


def _nearest(n: int, m: int, scale: float | None, _: bool, kind: Any) -> Taps:
    at = np.arange(m, dtype=np.float32) * _step(n, m, scale, np.float32)
    return [(np.minimum(np.floor(at).astype(np.int64), n - 1), None)]


def _nearest_exact(n: int, m: int, scale: float | None, _: bool, kind: Any) -> Taps:
    at = (np.arange(m, dtype=np.float32) + np.float32(0.5)) * _step(n, m, scale, np.float32)
    return [(np.minimum(np.floor(at).astype(np.int64), n - 1), None)]


def _centres(n: int, m: int, scale: float | None, corners: bool, kind: Any) -> np.ndarray:
    """Where the elements of the result lie in the input."""
    i = np.arange(m, dtype=kind)
    if corners:
        return i * (kind(n - 1) / kind(m - 1) if m > 1 else kind(0))
    return (i + kind(0.5)) * _step(n, m, scale, kind) - kind(0.5)


def _lines(n: int, m: int, scale: float | None, corners: bool, kind: Any) -> Taps:
    at = np.maximum(_centres(n, m, scale, corners, kind), 0)
    low = np.minimum(at.astype(np.int64), n - 1)
    part = np.minimum(at - low.astype(kind), 1)
    return [(low, 1 - part), (np.minimum(low + 1, n - 1), part)]


def _cubics(n: int, m: int, scale: float | None, corners: bool, kind: Any) -> Taps:
    """Keys' cubic convolution with a = -0.75."""
    at = _centres(n, m, scale, corners, kind)
    low = np.floor(at)
    part = at - low
    a = kind(-0.75)
    near = [((a + 2) * t - (a + 3)) * t * t + 1 for t in (part, 1 - part)]
    far = [((a * t - 5 * a) * t + 8 * a) * t - 4 * a for t in (part + 1, 2 - part)]
    index = low.astype(np.int64)
    return [
        (np.clip(index + k, 0, n - 1), weight)
        for k, weight in zip(range(-1, 3), (far[0], near[0], near[1], far[1]), strict=True)
    ]


TAPS: dict[str, Callable[..., Taps]] = {
    "nearest": _nearest,
    "nearest-exact": _nearest_exact,
    "bicubic": _cubics,
}


def _check(input: Any, size: Any, scale: Any, mode: str, corners: Any, antialias: bool) -> None:
    if mode not in EVERY or antialias:
        raise NotImplementedError(
            f"interpolate: mode must be one of {', '.join(EVERY)}, without antialias; got {mode!r}"
            f"{' with antialias' if antialias else ''}"
        )
    if input.ndim not in DIMS.get(mode, (3, 4, 5)):
        raise NotImplementedError(
            f"interpolate: got {input.ndim}D input, but {mode} mode needs "
            f"{' or '.join(f'{n}D' for n in DIMS.get(mode, (3, 4, 5)))} input"
        )
    if (size is None) == (scale is None):
        raise ValueError("interpolate: give one of size and scale_factor")
    if corners is not None and mode not in DIMS:
        raise ValueError(f"interpolate: align_corners is for {', '.join(DIMS)}, not for {mode}")
    if mode in DIMS and not input.is_floating_point():
        raise NotImplementedError(f"interpolate: {mode} needs a floating dtype, got {input.dtype}")


def _sizes(inner: tuple, size: Any, scale: Any) -> tuple[tuple, tuple]:
    """(sizes of the result, scales or None for each dim)"""
    given = scale if size is None else size
    each = tuple(given) if isinstance(given, (tuple, list)) else (given,) * len(inner)
    if len(each) != len(inner):
        raise ValueError(
            f"interpolate: {len(each)} sizes or scale factors for {len(inner)} dims besides batch "
            f"and channels, which are {list(inner)}"
        )
    if size is None:
        scales = tuple(float(s) for s in each)
        sizes = tuple(int(n * s) for n, s in zip(inner, scales, strict=True))
    else:
        sizes, scales = tuple(n.__index__() for n in each), (None,) * len(inner)
    if min((*inner, *sizes)) <= 0:
        raise RuntimeError(f"interpolate: sizes must be above 0, got {inner} to {sizes}")
    return sizes, scales


@of_tensors
def pixel_shuffle(input: Any, upscale_factor: int) -> Any:
    """(*, c r r, h, w) as (*, c, h r, w r): r x r channels become the pixels of one."""
    *batch, c, h, w = input.shape
    r = upscale_factor
    if r <= 0 or c % (r * r):
        raise RuntimeError(
            f"pixel_shuffle: expects its input's channels to be divisible by the square of "
            f"upscale_factor, got {c} channels and {r}"
        )
    parts = input.reshape(*batch, c // (r * r), r, r, h, w)
    n = len(batch)
    order = (*range(n + 1), n + 3, n + 1, n + 4, n + 2)
    return parts.permute(order).reshape(*batch, c // (r * r), h * r, w * r)


@of_tensors
def pixel_unshuffle(input: Any, downscale_factor: int) -> Any:
    """(*, c, h r, w r) as (*, c r r, h, w): the other way round."""
    *batch, c, h, w = input.shape
    r = downscale_factor
    if r <= 0 or h % r or w % r:
        raise RuntimeError(
            f"pixel_unshuffle: expects height and width to be divisible by downscale_factor, got "
            f"{h} x {w} and {r}"
        )
    parts = input.reshape(*batch, c, h // r, r, w // r, r)
    n = len(batch)
    order = (*range(n + 1), n + 2, n + 4, n + 1, n + 3)
    return parts.permute(order).reshape(*batch, c * r * r, h // r, w // r)
