"""A user's own kernels: the example, prints and breakpoints inside, wild accesses."""

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("triton", reason="users' kernels are Triton's")

import triton
import triton.language as tl
from test_examples import load, losses, run

import tritongrad as tg

pytestmark = pytest.mark.triton
EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "custom_kernel.py"


@pytest.fixture(scope="module")
def example():
    return load("custom_kernel")


def test_the_example_checks_its_gradient_and_learns():
    printed = run("custom_kernel")
    found = list(losses(printed).values())
    assert printed.startswith("gradcheck on interpret: True\n")
    assert len(found) == 5 and found[0] > 20 * found[-1]


def test_the_example_is_under_100_lines():
    assert len(EXAMPLE.read_text().splitlines()) < 100


def test_the_example_needs_no_pytorch():
    program = (
        "import sys; sys.modules['torch'] = None; sys.path.insert(0, sys.argv[1]);"
        "import custom_kernel; assert custom_kernel.check(2, 3); print('torch' in sys.modules)"
    )
    command = [sys.executable, "-c", program, str(EXAMPLE.parent)]
    done = subprocess.run(command, cwd=EXAMPLE.parent.parent, capture_output=True, text=True)
    assert done.stdout == "True\n", done.stderr  # the None that blocks it, and nothing else


def test_forward_and_backward_are_those_of_the_operations_it_fuses(example):
    for shape in ((3, 5), (2, 3, 700), (1, 1)):
        x = tg.randn(*shape, device="interpret", requires_grad=True)
        bias = tg.randn(shape[-1], device="interpret", requires_grad=True)
        fused = example.BiasSquaredReLU.apply(x, bias)
        apart = (x + bias).clamp(min=0).square()
        assert fused.detach().cpu().numpy() == pytest.approx(apart.detach().cpu().numpy(), rel=1e-6)
        weight = tg.randn(*shape, device="interpret")
        one = tg.autograd.grad((fused * weight).sum(), (x, bias))
        two = tg.autograd.grad((apart * weight).sum(), (x, bias))
        for a, b in zip(one, two, strict=True):
            assert a.cpu().numpy() == pytest.approx(b.cpu().numpy(), rel=1e-4, abs=1e-5)


def test_a_transposed_input_is_laid_out_first(example):
    x, bias = tg.randn(4, 3, device="interpret"), tg.randn(4, device="interpret")
    want = (x.t() + bias).clamp(min=0).square()
    got = example.BiasSquaredReLU.apply(x.t(), bias)
    assert got.cpu().numpy() == pytest.approx(want.cpu().numpy(), rel=1e-6)


def test_autotune_measures_nothing_on_interpret(example):
    x = tg.randn(2, 3, device="interpret", requires_grad=True)
    example.BiasSquaredReLU.apply(x, tg.zeros(3, device="interpret")).sum().backward()
    tuner = example.bias_squared_relu_backward
    assert tuner.best_config.kwargs == {"BLOCK": 1024} and tuner.cache == {}


@triton.jit
def printing(x, y, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    value = tl.load(x + i, i < n)
    print("block", value)
    tl.store(y + i, value, i < n)


@triton.jit
def stopping(x, y, n, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    value = tl.load(x + i, i < n)
    breakpoint()
    tl.store(y + i, value + value, i < n)


@triton.jit
def without_a_mask(x, y, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(y + i, tl.load(x + i), i < n)


@triton.jit
def with_a_wrong_stride(x, y, n, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    tl.store(y + 2 * i, tl.load(x + i, i < n), i < n)


def pair(n=8):
    x = tg.arange(n, dtype=tg.float32, device="interpret")
    return x, tg.empty_like(x)


def test_a_print_inside_a_kernel_shows_the_values_of_each_program(capsys):
    x, y = pair()
    printing[(2,)](x, y, 8, BLOCK=4)
    shown = capsys.readouterr().out
    assert shown.count("block") == 2
    assert "0. 1. 2. 3." in shown and "4. 5. 6. 7." in shown


def test_a_breakpoint_stops_inside_the_kernel_with_its_variables(monkeypatch):
    stops = []

    def hook():
        frame = sys._getframe(1)
        stops.append((frame.f_code.co_name, Path(frame.f_code.co_filename).name, frame.f_locals))

    monkeypatch.setattr(sys, "breakpointhook", hook)
    x, y = pair()
    stopping[(1,)](x, y, 8, BLOCK=8)
    [(name, file, variables)] = stops
    assert (name, file) == ("stopping", Path(__file__).name)
    assert variables["value"].handle.data.tolist() == list(range(8))
    assert y.cpu().numpy().tolist() == [2 * i for i in range(8)]


def test_pdb_steps_through_a_kernel(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(
        "import triton, triton.language as tl, tritongrad as tg\n"
        "@triton.jit\n"
        "def kernel(x, BLOCK: tl.constexpr):\n"
        "    value = tl.load(x + tl.arange(0, BLOCK))\n"
        "    breakpoint()\n"
        "    tl.store(x + tl.arange(0, BLOCK), value + 1)\n"
        "x = tg.zeros(4, device='interpret')\n"
        "kernel[(1,)](x, BLOCK=4)\n"
        "print(x.tolist())\n"
    )
    command = [sys.executable, str(program)]
    root = str(EXAMPLE.parent.parent)
    done = subprocess.run(
        command,
        input="p 'BLOCK is', BLOCK\ncontinue\n",
        env={"PYTHONPATH": root, "PATH": ""},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert "('BLOCK is', " in done.stdout and "kernel()" in done.stdout, done.stderr
    assert done.stdout.endswith("[1.0, 1.0, 1.0, 1.0]\n")


def test_an_access_outside_an_argument_is_named():
    x, y = pair()
    with pytest.raises(IndexError) as caught:
        without_a_mask[(3,)](x, y, 8, BLOCK=4)
    said = str(caught.value)
    for words in ("without_a_mask", "load out of bounds", "'x'", "program (2, 0, 0)", "4 of 4"):
        assert words in said, said
    with pytest.raises(IndexError, match=r"store out of bounds at element offset 8 from.*'y'"):
        with_a_wrong_stride[(1,)](x, y, 8, BLOCK=8)
    assert "in kernel without_a_mask, program (2, 0, 0)" in caught.value.__notes__[0]


@triton.jit
def doubled(out, x, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(out + i, 2 * tl.load(x + i, i < n), i < n)


BAD_LAUNCHES = [
    (lambda k, x: k[(1,)](tg.ones(4), tg.ones(4), 4, BLOCK=4), RuntimeError, "on the CPU"),
    (lambda k, x: k[(1,)](x.numpy(), x.numpy(), 4, BLOCK=4), RuntimeError, "doubled: a tensor"),
    (lambda k, x: k[(1,)](x, [1.0], 4, BLOCK=4), TypeError, "doubled: argument 'x' must be"),
    (lambda k, x: k[(1,)](x, x, 4, BLOCK=4, SIZE=4), TypeError, r"\['SIZE'\] by name"),
    (lambda k, x: k[(1,)](x, x, 4, 4, 4), TypeError, "doubled takes .*; got 5 arguments"),
    (lambda k, x: k[1](x, x, 4, BLOCK=4), TypeError, "the grid must be a tuple of ints"),
    (lambda k, x: k[(1, 1, 1, 1)](x, x, 4, BLOCK=4), ValueError, "1 to 3 sizes"),
    (lambda k, x: k[(-1,)](x, x, 4, BLOCK=4), ValueError, "none of them negative"),
]


@pytest.mark.parametrize(("launch", "error", "text"), BAD_LAUNCHES)
def test_a_launch_that_cannot_be_meant_says_so(launch, error, text):
    x = tg.ones(4, device="interpret")
    if "numpy" in launch.__code__.co_names:
        x = x.cpu()
    with pytest.raises(error, match=text):
        launch(doubled, x)


def test_a_launch_may_name_options_and_have_no_programs():
    x = tg.ones(4, device="interpret")
    doubled[(0,)](x, x, 4, BLOCK=4)
    assert x.tolist() == [1] * 4
    doubled[(1,)](x, x, 4, BLOCK=4, num_warps=2, num_stages=1)
    assert x.tolist() == [2] * 4


def test_a_kernel_is_compiled_ahead_of_time_without_a_gpu():
    x = tg.ones(4, device="interpret")
    made = doubled.warmup(x, x, 4, BLOCK=4, grid=(1,), enable_fp_fusion=False)
    assert ".entry doubled" in made.asm["ptx"] and x.tolist() == [1] * 4
