"""Kernels compiled for GPUs that are not here: warmup(arch=), TRITONGRAD_COMPILE."""

from __future__ import annotations

import re

import pytest

pytest.importorskip("triton", reason="the kernels are Triton's")
import triton
import triton.language as tl
from triton.runtime.errors import OutOfResources

import tritongrad as tg
from tritongrad.cuda.ahead import aim, listed

pytestmark = pytest.mark.triton
SAID = {"enable_fp_fusion": False}  # Triton 3.9 warns where it is not


@triton.jit
def double(out, x, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(out + i, 2 * tl.load(x + i, i < n), i < n)


@triton.autotune(configs=[triton.Config({"BLOCK": 4}), triton.Config({"BLOCK": 8})], key=["n"])
@triton.jit
def tuned(out, x, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(out + i, 2 * tl.load(x + i, i < n), i < n)


@triton.jit
def first_above(out, x, n, most):
    for i in range(n):
        if tl.load(x + i) > most:
            tl.store(out, i)
            break


@triton.jit
def sum_from_int(out, x, n):
    total = 0
    for i in range(n):
        total += tl.load(x + i)
    tl.store(out, total)


@triton.jit
def product(out, a, b, N: tl.constexpr):
    at = tl.arange(0, N)[:, None] * N + tl.arange(0, N)[None, :]
    tl.store(out + at, tl.dot(tl.load(a + at), tl.load(b + at)))


def pair(n=8):
    x = tg.arange(float(n), device="interpret")
    return tg.empty_like(x), x


def target(made):
    return made.asm["ptx"].split(".target ")[1].split()[0]


def test_warmup_compiles_for_the_architecture_that_is_named():
    out, x = pair()
    archs = {80: "sm_80", "sm_90": "sm_90a", "100": "sm_100a", 120: "sm_120a", None: "sm_90a"}
    for arch, want in archs.items():
        made = double.warmup(out, x, 8, BLOCK=8, grid=(1,), arch=arch, **SAID)
        assert target(made) == want and len(made.asm["cubin"]) > 0
    assert target(double.warmup(out, x, 8, BLOCK=8, grid=(1,), **SAID)) == "sm_90a"
    made = tuned.warmup(out, x, 8, grid=(1,), arch=80, **SAID)
    assert [target(one) for one in made] == ["sm_80"] * 2 and aim.arch is None
    with pytest.raises(ValueError, match=r"warmup: arch must be an architecture .* got 'hopper'"):
        double.warmup(out, x, 8, BLOCK=8, grid=(1,), arch="hopper")


def test_every_launch_is_compiled_too_where_that_is_asked(monkeypatch):
    out, x = pair()
    first_above[(1,)](out, x, 8, 3.0)
    sum_from_int[(1,)](out, x, 8)  # the interpreter does not mind
    monkeypatch.setenv("TRITONGRAD_COMPILE", "80,sm_90")
    out.zero_()
    double[(2,)](out, x, 8, BLOCK=4, **SAID)
    assert out.tolist() == [2.0 * n for n in range(8)]
    tuned[lambda meta: (8 // meta["BLOCK"],)](out, x, 8, **SAID)
    with pytest.raises(triton.CompilationError, match="Break") as caught:
        first_above[(1,)](out, x, 8, 3.0, **SAID)
    assert "compiling first_above for sm_80, which TRITONGRAD_COMPILE" in caught.value.__notes__[0]
    out.zero_()
    with pytest.raises(triton.CompilationError):
        sum_from_int[(1,)](out, x, 8, **SAID)
    assert out.sum().item() == 0  # it was not run


def test_what_no_such_gpu_could_start_is_refused(monkeypatch):
    a = tg.zeros(128, 128, device="interpret")
    monkeypatch.setenv("TRITONGRAD_COMPILE", "90")
    product[(1,)](a, a, a, N=128, **SAID)
    monkeypatch.setenv("TRITONGRAD_COMPILE", "120")
    with pytest.raises(OutOfResources, match=r"Hardware limit: 101376") as caught:
        product[(1,)](a, a, a, N=128, **SAID)
    assert "sm_120" in caught.value.__notes__[0]


def test_hooks_of_a_launch_run_once_though_it_is_compiled(monkeypatch):
    ran = []
    kernel = triton.jit(double.fn)
    kernel.add_pre_run_hook(lambda *args, **named: ran.append(named["BLOCK"]))
    monkeypatch.setenv("TRITONGRAD_COMPILE", "1")
    kernel[(1,)](*pair(), 8, BLOCK=8, **SAID)
    assert ran == [8]


def test_the_switch_names_architectures():
    assert listed("") == listed("0") == () and listed("1") == (90,)
    assert listed("80, sm_90a,sm120") == (80, 90, 120)
    with pytest.raises(ValueError, match="TRITONGRAD_COMPILE must be an architecture such as 80"):
        listed("80;90")


@triton.jit
def copy_rows(x, out, ROWS: tl.constexpr):
    at = [tl.program_id(0) * ROWS, 0]
    out.store(at, x.load(at))


@pytest.mark.parametrize("arch", [80, 90, 120])
def test_what_is_passed_for_a_descriptor_is_what_the_code_takes(arch):
    from triton.tools.tensor_descriptor import TensorDescriptor

    from tritongrad.cuda.tensormaps import expanded

    described = TensorDescriptor.from_tensor(tg.zeros(40, 32, device="interpret"), [16, 32])
    made = copy_rows.warmup(described, described, ROWS=16, grid=(3,), arch=arch, **SAID)
    maps = made.metadata.tensordesc_meta or [None]
    kinds = expanded("tensordesc<fp32[16, 32]>", maps[0])
    bits = {"tensormap": "b8", "i1": "u8", "i32": "u32", "i64": "u64", "*fp32": "u64"}
    head = made.asm["ptx"].split(".entry")[1].split("{")[0]
    taken = [re.findall(r"\.([bu]\d+)", line)[0] for line in head.splitlines() if ".param" in line]
    assert taken == [bits[kind] for kind in kinds] * 2 + ["u64"] * 2
