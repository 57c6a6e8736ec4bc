"""Every kernel compiles for every GPU generation, to instructions that keep IEEE arithmetic.

By default all types are compiled for Hopper, and one example of each kernel for the others;
TRITONGRAD_AOT=full compiles everything for all.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import os
import pkgutil
import re
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("triton", reason="it compiles the kernels")
import triton
from cases import OPERATIONS as DECLARED
from kernel_cases import CASES as MAP_CASES
from kernel_cases_linalg import CASES as LINALG_CASES
from kernel_cases_nn import CASES as NN_CASES
from test_cuda_copy_aot import CASES as COPY_CASES
from tricheck import recording, watching

import tritongrad.kernels
from tritongrad.cuda.compile import OPTIONS, Spec, specialise, triton_compile
from tritongrad.cuda.seam import device_of
from tritongrad.kernels import elementwise
from tritongrad.testing import materialise

pytestmark = pytest.mark.triton

CASES = [*MAP_CASES, *NN_CASES]
FULL = os.environ.get("TRITONGRAD_AOT") == "full"
HOPPER, OTHERS = 90, (80, 100, 120)
CUOBJDUMP = Path(triton.__file__).parent / "backends" / "nvidia" / "bin" / "cuobjdump"

# Instructions that no kernel may contain: (pattern, what is wrong with it).
NEVER = [
    (r"div\.(full|approx)\.", "a quotient that is not correctly rounded"),
    (r"sqrt\.approx", "a root that is not correctly rounded"),
    (r"(atom|red)\.\S*\.(f16|f32|f64|bf16)", "a float atomic: its order varies"),
    (r"\btrap;", "a body that the compiler has given up on"),
    (r"(sin|cos|tanh|lg2)\.approx", "an approximation"),
]
# Nor may those whose results NumPy has to agree with; float64 functions of libdevice work on parts
# of numbers with the float32 instructions listed here, which no user's value goes through.
INSIDE_LIBDEVICE = r"(abs\.ftz\.f32|rcp\.approx\.ftz\.f64|ex2\.approx\.ftz\.f32)"
STRICT = [
    (r"\.ftz", "an instruction that takes denormals for 0"),
    (r"\.approx", "an approximation"),
    (r"\b(max|min)(\.xorsign\.abs)?\.(f16|bf16|f16x2|bf16x2|f32)\b", "an extreme that drops nan"),
    (r"fma\.rn\.f32", "a fused product: the CPU rounds twice"),
]
TILED = ("matmul", "conv")  # compiled with the tiles of a GPU in test_linalg_aot.py
OURS = frozenset("maps reduce scan norm loss optim".split())


def entry_points() -> dict[str, Any]:
    """Every kernel: the jitted functions that store, and that no other jitted function calls."""
    found: dict[str, Any] = {}
    for module in pkgutil.iter_modules(tritongrad.kernels.__path__):
        loaded = importlib.import_module(f"tritongrad.kernels.{module.name}")
        for name, f in vars(loaded).items():
            if hasattr(f, "fn") and f.fn.__module__ == loaded.__name__:
                found[f"{module.name}.{name}"] = f
    sources = {key: source_of(f) for key, f in found.items()}
    called = {n for s in sources.values() for n in re.findall(r"(?<!def )\b(\w+)\(", s)}
    return {
        key: f
        for key, f in found.items()
        if re.search(r"\.store\(|atomic_", sources[key]) and key.split(".")[1] not in called
    }


def source_of(f: Any) -> str:
    return inspect.getsource(f.fn)


def name_of(kernel: Any) -> str:
    return f"{kernel.fn.__module__.rpartition('.')[2]}.{kernel.__name__}"


def specs_of(launches: list[tuple], arch: int) -> dict[str, Spec]:
    """What has to be compiled for some launches, each once."""
    specs = [
        specialise(kernel, args, tuple(options[name] for name in OPTIONS), named, arch)[0]
        for kernel, args, options, named in launches
    ]
    return {spec.text(): spec for spec in specs}


def kinds_of(launches: list[tuple], arch: int) -> list[Spec]:
    """One spec of each kind, or all of them where everything is asked for."""
    specs = specs_of(launches, arch).values()
    return list(specs) if FULL else list({kind_of(spec): spec for spec in specs}.values())


def kind_of(spec: Spec) -> str:
    """The kernel, its types and functions: sizes, strides and tiles differ within one kind."""
    pointers = [t for t in spec.signature.values() if t[0] == "*"]
    named = {k: v for k, v in spec.constants.items() if type(v) is not int}
    tiled = {k: v for k, v in spec.constants.items() if k in ("ARITY", "NUMBERS", "AFFINE")}
    return f"{name_of(spec.kernel)} {pointers} {named} {tiled} sm_{spec.arch}"


@functools.cache
def launches_of(index: int) -> list[tuple]:
    """What a case launches; nothing runs, so values mean nothing."""
    with np.errstate(all="ignore"), recording() as launches:
        for _ in CASES[index].run():
            pass
    return launches


@functools.cache
def launches_of_operations() -> list[tuple]:
    """What two samples of each operation launch on the interpret device."""
    device = device_of("interpret")
    launches: list[tuple] = []

    def launch(kernel: Any, grid: Any, args: Any, options: Any, constexprs: Any) -> None:
        launches.append((kernel, args, options, constexprs))
        type(device).launch(device, kernel, grid, args, options, constexprs)

    device.launch = launch
    try:
        for op in DECLARED:
            for sample in op.samples[:2] if op.elementwise is None else ():
                args, named = materialise(sample, device="interpret")
                op.entry(*args, **named)
    finally:
        del device.launch
    return launches


_checked: set[str] = set()


def check(spec: Spec) -> None:
    """Compiles a spec, once, and reads its instructions."""
    key = spec.text() if FULL else kind_of(spec)
    if key in _checked:
        return
    _checked.add(key)
    compiled = triton_compile(spec)
    text, name = compiled.asm["ptx"], name_of(spec.kernel)
    where = f"{name} on sm_{spec.arch}: {spec.signature} {spec.constants}"
    for pattern, fault in NEVER:
        assert not re.search(pattern, text), f"{fault} in {where}"
    if name.split(".")[0] in OURS:
        check_arithmetic(re.sub(INSIDE_LIBDEVICE, "", text), where)
    if name == "maps.map_contiguous":
        check_width(spec, text, where)
    registers, _, local = resources(compiled.asm["cubin"])
    assert local == 0, f"spilled registers in {where}"
    assert registers <= 255


def check_arithmetic(text: str, where: str) -> None:
    for pattern, fault in STRICT:
        found = re.search(pattern, text)
        assert not found, f"{fault} ({found.group()}) in {where}"
    # PTX has no max.NaN.f64: Triton adds a comparison, which a max and a min of one pair share
    extremes = len(re.findall(r"\b(?:max|min)\.f64", text))
    if "not_zero" not in where:  # whose values are 0 and 1
        assert extremes <= 2 * len(re.findall(r"setp\.nan\.f64", text)), f"nan dropped in {where}"


def check_width(spec: Spec, text: str, where: str) -> None:
    """Contiguous operands move 16 bytes at a time, or all that a thread has of a narrow type."""
    moves = set(re.findall(r"(?:ld|st)\.global(?!\.nc)\S*", text))
    if spec.constants["EVEN"]:  # tables of libdevice are read through .nc
        narrow = any(re.fullmatch(r"\*\D+[18]", kind) for kind in spec.signature.values())
        allowed = {"v4.b32", "v2.b64"} | ({"v2.b32"} if narrow else set())
        assert {m.partition("global.")[2] for m in moves} <= allowed, (moves, where)
    elif "n" not in spec.constants:  # all blocks but the last one, unless there is one element
        assert any(".v4.b32" in m or ".v2.b64" in m or ".v2.b32" in m for m in moves), where


def resources(cubin: bytes) -> tuple[int, int, int]:
    """(registers, bytes of stack, bytes of spills) of a thread, from the machine code."""
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(cubin)
        file.flush()
        command = [str(CUOBJDUMP), "-res-usage", file.name]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(r"REG:(\d+) STACK:(\d+).* LOCAL:(\d+)", said)
    assert found, said
    return int(found[1]), int(found[2]), int(found[3])


@pytest.mark.parametrize("index", range(len(CASES)), ids=[case.name for case in CASES])
def test_compiles_for_hopper_to_ieee_instructions(index):
    for spec in kinds_of(launches_of(index), HOPPER):
        check(spec)


@pytest.mark.parametrize("arch", OTHERS)
def test_compiles_for_other_generations(arch):
    done: set[str] = set()
    for index in range(len(CASES)):
        for spec in specs_of(launches_of(index), arch).values():
            if FULL or name_of(spec.kernel) not in done:
                done.add(name_of(spec.kernel))
                check(spec)


def test_the_kernels_of_all_operations_compile():
    done: set[str] = set()
    for spec in specs_of(launches_of_operations(), HOPPER).values():
        if name_of(spec.kernel).split(".")[0] in (*OURS, *TILED):
            continue
        if FULL or name_of(spec.kernel) not in done:
            done.add(name_of(spec.kernel))
            check(spec)


def test_no_kernel_lacks_an_interpreter_and_a_compilation_test():
    launched = {name_of(launch[0]) for launch in launches_of_operations()}
    for index in range(len(CASES)):
        launched |= {name_of(launch[0]) for launch in launches_of(index)}
    with watching() as watch:
        for case in LINALG_CASES:
            if not case.name.startswith("matmul") and re.search("float|integers", case.name):
                list(case.run())
    launched |= watch.kernels | {f"copy.{name}" for name in COPY_CASES}
    assert set(entry_points()) - launched == set()


def test_every_elementwise_operation_has_its_function_among_them():
    """The map is one kernel: what differs from operation to operation is a function given to it"""
    given = [launch[3] for index in range(len(CASES)) for launch in launches_of(index)]
    compiled = {named["FUNCTION"].__name__ for named in given if "FUNCTION" in named}
    wanted = {op.name for op in DECLARED if op.elementwise is not None}
    assert {getattr(elementwise, name).__name__ for name in wanted} - compiled == set()
