"""Times of matrix products: half precisions beside cuBLAS, float32 at each setting."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from bench.gpu.facts import rates
from bench.gpu.measure import (
    OURS,
    REHEARSAL,
    Rows,
    attempted,
    begin,
    compared,
    for_each,
    give_back,
    rounds_of,
    speed_up,
    unrecorded,
)
from bench.gpu.products import FLOAT32, HALF, Product
from bench.gpu.timing import against, copy_bandwidth, floors, per_second, rounded

RATE = {"bfloat16": "half", "float16": "half", "float32": "float32", "float64": "float64"}
SETTING_RATE = {"highest": "float32", "high": "tf32", "medium": "tf32"}
PRODUCTS_OF = {"high": 3}  # tf32 products for each float32 one
SAMPLED = 32  # rows of a result whose errors are worked out on the host


def sized(products: list[Product], options: dict[str, Any]) -> list[Product]:
    return [p.small() for p in products] if options.get("rehearse") else products


def half(options: dict[str, Any]) -> Rows:
    """bfloat16 and float16 products of 20 shapes, beside what the data sheet allows."""
    libs = begin(options)
    known = rates(libs[OURS].cuda.get_device_name())
    yield "copy GB/s", (copy := copy_bandwidth(REHEARSAL if options.get("rehearse") else 256 << 20))
    for product, run in zip(HALF, sized(HALF, options), strict=True):
        with unrecorded(libs):
            row = attempted(product_row, run, libs, rounds_of(options))
        yield product.name, judged(row, run.flops, run.nbytes, known.get(RATE[run.dtype]), copy)
        give_back(libs)


def product_row(product: Product, libs: dict[str, Any], rounds: int) -> dict[str, Any]:
    calls, note = for_each(libs, lambda lib: product.make(lib, "cuda"))
    return note | compared(calls, libs, rounds)


def judged(
    row: dict[str, Any], flops: float, nbytes: float, rate: float | None, copy: float
) -> dict[str, Any]:
    """A row of times with its speeds and its floor."""
    if "error" in row:
        return row
    ms = row[f"{OURS} ms"]["median"]
    row |= {"TFLOP/s": per_second(flops / 1e9, ms), "speed of torch": speed_up(row)}
    return row | against(floors(flops, nbytes, rate, copy), ms)


def float32(options: dict[str, Any]) -> Rows:
    """float32 products at each setting: time beside cuBLAS's float32, error on positive data."""
    libs = begin(options)
    with contextlib.suppress(KeyError):
        libs["torch"].set_float32_matmul_precision("highest")
    from tritongrad.precision import PRECISIONS

    known = rates(libs[OURS].cuda.get_device_name())
    copy = copy_bandwidth(REHEARSAL if options.get("rehearse") else 256 << 20)
    for product, run in zip(FLOAT32, sized(FLOAT32, options), strict=True):
        for setting in PRECISIONS:
            with unrecorded(libs):
                row = attempted(setting_row, run, setting, libs, rounds_of(options))
            work = run.flops * PRODUCTS_OF.get(setting, 1)
            row = judged(row, work, run.nbytes, known.get(SETTING_RATE[setting]), copy)
            if "TFLOP/s" in row:  # of the product that was asked for
                row["TFLOP/s"] = rounded((row["TFLOP/s"] or 0) / PRODUCTS_OF.get(setting, 1))
            yield f"{setting}, {product.name}", row
            give_back(libs)
    for inner in (64,) if options.get("rehearse") else (1024, 4096, 16384):
        for setting in PRECISIONS:
            yield f"error, {setting}, K = {inner}", attempted(error_row, setting, inner)


def setting_row(
    product: Product, setting: str, libs: dict[str, Any], rounds: int
) -> dict[str, Any]:
    def make(lib: Any) -> Callable[[], Any]:
        call = product.make(lib, "cuda")
        return at_setting(setting, call) if lib is libs[OURS] else call

    calls, note = for_each(libs, make)
    return note | compared(calls, libs, rounds)


def at_setting(setting: str, call: Callable[[], Any]) -> Callable[[], Any]:
    """The call, at a precision that is set for it alone."""
    import tritongrad as tg

    def changed() -> Any:
        tg.set_float32_matmul_precision(setting)
        try:
            return call()
        finally:
            tg.set_float32_matmul_precision("highest")

    return changed


def error_row(setting: str, inner: int) -> dict[str, Any]:
    """The largest error on positive data, in units of u |A||B|."""
    import tritongrad as tg
    from bench.gpu.probes_numbers import BOUNDS, U, worst

    a, b = tg.rand(SAMPLED, inner, device="cuda"), tg.rand(inner, 512, device="cuda")
    got = at_setting(setting, lambda: a @ b)().cpu().numpy()
    error = worst(got, a.cpu().numpy(), b.cpu().numpy()) / U
    return {"error in u |A||B|": rounded(error, 3), "bound": BOUNDS[setting] / U}
