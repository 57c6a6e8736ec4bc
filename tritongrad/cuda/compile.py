"""From a Triton kernel and its arguments to machine code, kept on disk between processes."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from tritongrad.cuda import cubins
from tritongrad.cuda.array import DeviceArray
from tritongrad.errors import CudaError

# Triton's names of types.
TYPES = {
    "float64": "fp64",
    "float32": "fp32",
    "float16": "fp16",
    "bfloat16": "bf16",
    "bool": "u1",
    **{f"int{n}": f"i{n}" for n in (8, 16, 32, 64)},
    **{f"uint{n}": f"u{n}" for n in (8, 16, 32, 64)},
}
OPTIONS = ("num_warps", "num_stages", "num_ctas", "enable_fp_fusion")
PATIENCE = 1.0  # seconds of compilation after which a terminal is told


@dataclass(frozen=True, slots=True)
class Spec:
    """All that the machine code depends on"""

    kernel: Any
    signature: dict[str, str]  # parameter -> type; "constexpr" for what is compiled in
    constants: dict[str, Any]
    aligned: tuple[int, ...]  # positions of pointers and integers that are multiples of 16
    options: dict[str, Any]
    arch: int

    def text(self) -> str:
        """The same in words: two specs with the same text give the same code."""
        constants = sorted((name, _said(value)) for name, value in self.constants.items())
        signature = list(self.signature.items())
        rows = (source_hash(self.kernel), signature, constants, self.aligned, self.options)
        return f"{rows} sm_{self.arch}"


@dataclass(frozen=True, slots=True)
class Binary:
    """Machine code and what launching it needs to know"""

    cubin: bytes
    name: str
    types: tuple[str, ...]  # of the parameters, without the constants
    kept: tuple[int, ...]  # which of launch's arguments these are
    num_warps: int
    num_ctas: int
    shared: int
    tensor_memory: int
    scratch: int  # bytes of global scratch per program
    profile: int
    cooperative: bool
    dependent: bool  # programmatic dependent launch


def specialise(
    kernel: Any, args: tuple, options: tuple, constexprs: dict[str, Any], arch: int
) -> tuple[Spec, tuple[int, ...]]:
    """The spec for these arguments, and which of them stay arguments of the machine code."""
    signature, constants, aligned, kept = {}, {}, [], []
    remaining = iter(enumerate(args))
    for position, param in enumerate(kernel.params):
        name = param.name
        if name in constexprs:
            signature[name], constants[name] = "constexpr", constexprs[name]
            continue
        where, arg = next(remaining, (-1, param.default))
        if where < 0 and not param.has_default:
            raise TypeError(f"launch: {kernel.__name__} lacks its argument {name!r}")
        kind, multiple = classify(param, arg)
        signature[name] = kind
        if kind == "constexpr":
            constants[name] = arg
            continue
        if multiple:
            aligned.append(position)
        kept.append(where)
    surplus = len(list(remaining))
    unknown = set(constexprs) - {param.name for param in kernel.params}
    if surplus or unknown:
        raise TypeError(
            f"launch: {kernel.__name__} takes {[p.name for p in kernel.params]}; got {surplus} "
            f"arguments too many and unknown names {sorted(unknown)}"
        )
    named: dict[str, Any] = dict(zip(OPTIONS, options, strict=True))
    return Spec(kernel, signature, constants, tuple(aligned), named, arch), tuple(kept)


def classify(param: Any, arg: Any) -> tuple[str, bool]:
    """The type of an argument in Triton's words, and whether it is known as a multiple of 16."""
    if arg is None or param.is_constexpr:
        return "constexpr", False
    special = not param.do_not_specialize
    align = special and not param.do_not_specialize_on_alignment
    if isinstance(arg, DeviceArray):
        const = "k" if param.is_const else ""
        return f"*{const}{TYPES[arg.dtype.name]}", align and arg.ptr % 16 == 0
    if isinstance(arg, bool):
        return param.annotation_type or "u1", False
    if isinstance(arg, float):
        return param.annotation_type or ("fp64" if type(arg) is np.float64 else "fp32"), False
    fits = -(2**31) <= arg < 2**31
    kind = param.annotation_type or ("i32" if fits else "i64" if arg < 2**63 else "u64")
    if kind[0] in "fb":
        return kind, False
    if arg == 1 and special:
        return "constexpr", False
    return kind, align and arg % 16 == 0


def compiled(spec: Spec, kept: tuple[int, ...]) -> Binary:
    """The machine code, from disk if an earlier process has compiled it."""
    key = cubins.key_of(spec.text())
    found = cubins.read(key)
    if found is None:
        with progress(spec.kernel.__name__):
            found = build(spec)
        cubins.write(key, *found)
    meta, cubin = found
    types = tuple(kind for kind in spec.signature.values() if kind != "constexpr")
    return Binary(cubin=cubin, types=types, kept=kept, **meta)


def build(spec: Spec) -> tuple[dict, bytes]:
    """Compile, and take from the result what launching needs."""
    result = triton_compile(spec)
    meta = result.metadata
    return {
        "name": meta.name,
        "num_warps": meta.num_warps,
        "num_ctas": meta.num_ctas,
        "shared": meta.shared,
        "tensor_memory": getattr(meta, "tmem_size", 0) or 0,
        "scratch": getattr(meta, "global_scratch_size", 0) or 0,
        "profile": getattr(meta, "profile_scratch_size", 0) or 0,
        "cooperative": bool(getattr(meta, "launch_cooperative_grid", False)),
        "dependent": bool(getattr(meta, "launch_pdl", False)),
    }, result.asm["cubin"]


def triton_compile(spec: Spec) -> Any:
    """Triton's own compilation of a spec, with its own cache."""
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    from tritongrad.cuda.triton_driver import install

    install()  # before Triton looks for a driver, which could import PyTorch
    attrs = {(position,): [["tt.divisibility", 16]] for position in spec.aligned}
    source = ASTSource(spec.kernel, spec.signature, constexprs=spec.constants, attrs=attrs)
    target = GPUTarget("cuda", spec.arch, 32)
    return triton.compile(source, target=target, options=dict(spec.options))


def refuse_oversized(binary: Binary, properties: dict[str, int]) -> None:
    """Triton returns code that traps, or that cannot start, where the tiles are too large."""
    limits = (
        ("bytes of shared memory", binary.shared, properties["max_shared"]),
        ("columns of tensor memory", binary.tensor_memory, 512),
        ("threads", binary.num_warps * 32, properties["max_threads"]),
    )
    for what, needed, limit in limits:
        if needed > limit:
            raise CudaError(
                f"launch: {binary.name} needs {needed} {what} and the device has {limit}; use "
                "smaller tiles, fewer stages or fewer warps"
            )


@contextlib.contextmanager
def progress(name: str) -> Iterator[None]:
    """Say on the terminal what takes long."""
    if not sys.stderr.isatty():
        yield
        return
    started = time.perf_counter()
    says = f"tritongrad: compiling {name} ..."
    timer = threading.Timer(PATIENCE, lambda: print(says, end="", file=sys.stderr, flush=True))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        seconds = time.perf_counter() - started
        if seconds > PATIENCE:
            print(f"\r{says} {seconds:.1f} s (once; kept on disk)", file=sys.stderr)


def source_hash(function: Any) -> str:
    """What changes whenever the code of a kernel, or of a function it calls, does."""
    if function.__module__.startswith("tritongrad.kernels.") and "<" not in function.__qualname__:
        return f"{function.__module__}.{function.__qualname__}@{cubins.kernels_hash()}"
    return function.cache_key  # walks the sources of all it calls; a user's functions only


def _said(value: Any) -> str:
    if hasattr(value, "cache_key"):
        return source_hash(value)
    return f"{type(value).__name__} {value!r}"
