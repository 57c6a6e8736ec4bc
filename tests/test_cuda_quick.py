"""Plans of elementwise operations: the same launches as the general way, in any circumstance."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from standin import environment, run

pytestmark = pytest.mark.triton

PARITY = """
import tritongrad as tg
from tritongrad import elementwise as core, where
lib, device = fake(), gpu()

def tensors(dtype):
    a, b = (tg.randn(8, 48, device="cuda").to(dtype) for _ in range(2))
    row, odd = b[0], tg.randn(7, 5, device="cuda").to(dtype)
    return a, b, row, odd

def cases(dtype):
    a, b, row, odd = tensors(dtype)
    mask = a > b
    yield "add", lambda: a + b
    yield "itself", lambda: a * a
    yield "number", lambda: a * 0.3
    yield "whole number", lambda: a * 3
    yield "huge number", lambda: a + 1e300
    yield "number first", lambda: 1 - a
    yield "exp", lambda: odd.exp()
    yield "one element", lambda: odd[0, 0] + odd[0, 1]
    yield "row", lambda: a + row
    yield "transposed", lambda: a.t().exp()
    yield "transposed and not", lambda: a.t()[:8, :8] - b[:, :8]
    yield "expanded", lambda: row.expand(8, 48) * a
    yield "unaligned", lambda: a[:, 1:].neg()
    yield "less", lambda: a < b
    yield "less than a number", lambda: a < 0.25
    yield "not nan", lambda: a.isnan()
    yield "clamp", lambda: a.clamp(-0.1, 1)
    yield "clamp by a tensor", lambda: a.clamp(row, 1.0)
    yield "clamp from below", lambda: a.clamp(min=0.5)
    yield "where", lambda: where(mask, a, b)
    yield "where number", lambda: where(mask, a, 0.7)
    yield "where broadcast", lambda: where(mask, row, b)
    for exponent in (2, 2.0, -1, 0.5, 2.5, 3, 1):
        yield f"power {exponent}", lambda exponent=exponent: a ** exponent
    yield "power", lambda: a ** b

def whole():
    a, b = (tg.arange(96, device="cuda").reshape(8, 12) for _ in range(2))
    mask = a > b
    yield "whole add", lambda: a + b
    yield "whole times number", lambda: a * 3
    yield "whole less", lambda: a < b
    yield "whole div", lambda: a / b
    yield "masks", lambda: mask.logical_and(mask)
    yield "bits", lambda: a & b

def seen(f):
    lib.fake_log_on(1)
    result = f()
    config, attributes, params = recorded(lib)
    array = result._array
    assert int.from_bytes(params[:8], "little") == array.ptr
    return config, attributes, params[8:], array.shape, array.strides, array.dtype, array.size

def forbidden(*args):
    raise AssertionError("the general way")

NUMBERS = "add", "number", "number first", "clamp", "where number", "less than a number", "row"
general, slow = core.run, []
for dtype in (tg.float32, tg.float64, tg.float16, tg.bfloat16, None):
    for name, f in cases(dtype) if dtype else whole():
        if dtype in (tg.float64, tg.float16, tg.bfloat16) and name not in NUMBERS:
            continue
        first = seen(f)
        seen(f), seen(f)
        core.run = forbidden
        try:
            again = seen(f)
        except AssertionError:
            slow.append(name)
            continue
        finally:
            core.run = general
        if first != again:
            print(dtype, name, first, again)
print(sorted(set(slow)))
"""


def test_a_plan_launches_what_the_general_way_launches():
    told = run(PARITY)
    assert told == "['bits', 'huge number', 'whole div', 'whole times number']\n"


def test_gradients_and_modes_are_those_of_the_general_way():
    told = run(
        """
        import tritongrad as tg
        from tritongrad.autograd.variable import INFERENCE
        x = tg.randn(4, 4, device="cuda", requires_grad=True)
        y = tg.randn(4, 4, device="cuda", requires_grad=True)
        for f in (lambda: x * y, lambda: x * 2.0, lambda: x.exp(), lambda: x.clamp(-1, 1),
                  lambda: x.clamp(y, 1.0), lambda: 2 - x, lambda: x.t() * y):
            seen = set()
            for _ in range(4):
                node = f().grad_fn
                shape = node.name(), node.shape, len(node.edges), len(node.tensors)
                seen.add((*shape, tuple(map(str, node.values))))
                f().backward(tg.ones(4, 4, device="cuda"))
            with tg.no_grad():
                assert f().grad_fn is None
            with tg.inference_mode():
                assert f()._version is INFERENCE
            print(seen)
        assert x.grad.shape == y.grad.shape == (4, 4)
        try:
            with tg.inference_mode():
                z = x + y
            z * x
        except RuntimeError as error:
            print("Inference" in str(error))
        """
    )
    lines = told.splitlines()
    assert len(lines) == 8
    assert all(line.count("Backward0") == 1 for line in lines[:-1]), told
    assert lines[-1] == "True"


def test_another_stream_a_capture_and_a_full_device():
    told = run(
        """
        import tritongrad as tg
        lib, device = fake(), gpu()
        x = tg.randn(64, 64, device="cuda")
        def op():
            return x + x
        for _ in range(4):
            op()
        side = tg.cuda.Stream()
        with side:
            y = op()
            print(x._array.ptr in device.memory.watched, y._array.storage.home is side.lane.blocks)
            z = y + y
            z = y + y
            print((y + y)._array.storage.home is side.lane.blocks)
        del y, z
        g = tg.cuda.CUDAGraph()
        with tg.cuda.graph(g):
            y = op() + 1.0
            y = y + y
            z = y + y
        print({y._array.ptr, z._array.ptr} <= {block for _, block in g.capture.owned})
        g.replay()
        del y, z
        g.reset()
        del g
        kept = [op()]
        tg.cuda.empty_cache()
        used = tg.cuda.memory_allocated()
        lib.fake_fail(1, 2)
        try:
            kept.append(op())
            kept.append(op())
        except tg.cuda.OutOfMemoryError as error:
            print("no memory for 16384 bytes" in str(error), len(kept))
        lib.fake_fail(0, 0)
        print(tg.cuda.memory_allocated() == used, op().shape)
        """
    )
    assert told.splitlines() == [
        "True True",
        "True",
        "True",
        "True 1",
        "True tritongrad.Size([64, 64])",
    ]


def test_threads_take_buffers_of_their_own_and_all_memory_comes_back():
    told = run(
        """
        import gc, threading
        import tritongrad as tg
        x = tg.randn(32, 32, device="cuda")
        (x + x), (x + x)
        before, launches = tg.cuda.memory_allocated(), fake().fake_launches()
        def work():
            for _ in range(2000):
                y = x + x
        threads = [threading.Thread(target=work) for _ in range(4)]
        sys.setswitchinterval(1e-6)
        [t.start() for t in threads], [t.join() for t in threads]
        print(fake().fake_launches() - launches, tg.cuda.memory_allocated() - before)
        device = gpu()
        print(sum(len(found) * size for size, found in device.lane.blocks.lists.items())
              == device.lane.blocks.held)
        """
    )
    assert told == "8000 0\nTrue\n"


def test_host_time_is_a_few_calls_of_python():
    """Loose, as machines are noisy: 2.5 us are 2 of the unit here, and 15 us would be 11"""
    bench = Path(__file__).resolve().parent.parent / "bench" / "cuda_host.py"
    done = subprocess.run(
        [sys.executable, bench, "--json"],
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout)
    for name, row in found["rows"].items():
        assert row["recorded"] < 5 * found["plain"], (name, found)
        assert row["recorded"] < found["Triton"], (name, found)


def test_a_product_by_a_plan_is_launched_as_before_and_forgotten_with_the_tiles():
    told = run(
        """
        import tritongrad as tg
        from tritongrad.cuda import quick, tiles
        lib = fake()
        def seen(f):
            array = f()._array
            config, attributes, params = recorded(lib)
            assert int.from_bytes(params[:8], "little") == array.ptr
            return config, attributes, params[8:], array.shape, array.strides, array.dtype
        made = []
        def recall(key, *arrays):
            made.append(usual(key, *arrays))
            return made[-1]
        usual = quick.recall
        from tritongrad.cuda import linalg
        linalg.recall = recall
        from tritongrad.ops import linalg as declared
        planned = declared._planned
        def before(a, b):
            found = planned(a, b)
            made.extend([] if found is None else [found])
            return found
        declared._planned = before
        for dtype in (tg.float32, tg.bfloat16):
            a, b = (tg.randn(48, 48, device="cuda").to(dtype) for _ in range(2))
            row = tg.randn(1, 48, device="cuda").to(dtype)
            for f in (lambda: a @ b, lambda: a @ a, lambda: a.t() @ b, lambda: row @ b[:, 1:]):
                made.clear()
                found = [seen(f) for _ in range(4)]
                print(found[0] == found[1] == found[2] == found[3], [x is not None for x in made])
        made.clear()
        tg.set_float32_matmul_precision("high")
        x = a.float()
        x @ x
        tiles.forget()
        tg.set_float32_matmul_precision("highest")
        c = tg.randn(48, 48, device="cuda")
        c @ c, a @ b
        print(made == [None] * 3)
        """
    )
    lines = told.splitlines()
    new, known = "True [False, False, True, True]", "True [True, True, True, True]"
    assert lines == [new, known, new, new] * 2 + ["True"]
