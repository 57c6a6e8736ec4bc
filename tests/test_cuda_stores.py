"""Plans of in-place updates, sums and fills: the same launches, counts and refusals as without."""

import pytest
from standin import run

pytestmark = pytest.mark.triton

STORES = """
import tritongrad as tg
from tritongrad.cuda import elementwise, quick
lib, device = fake(), gpu()

def seen(f, target):
    lib.fake_log_on(1)
    f()
    config, attributes, params = recorded(lib)
    assert int.from_bytes(params[:8], "little") == target._array.ptr
    return config, attributes, params

def forbidden(*args, **kwargs):
    raise AssertionError("the general way")

x, y = (tg.randn(8, 48, device="cuda") for _ in range(2))
odd = tg.randn(7, device="cuda")
half = x.half()
whole = tg.arange(8, device="cuda")
cases = {
    "add": (x, lambda: x.add_(y)),
    "sub": (x, lambda: x.sub_(y)),
    "mul by a number": (x, lambda: x.mul_(0.3)),
    "by itself": (x, lambda: x.add_(x)),
    "odd": (odd, lambda: odd.mul_(3)),
    "half": (half, lambda: half.mul_(0.3)),
    "zero": (x, lambda: x.zero_()),
    "zero half": (half, lambda: half.zero_()),
    "row": (x, lambda: x.add_(y[0])),
    "overlapping": (x, lambda: x.view(-1)[:16].add_(x.view(-1)[1:17])),
    "transposed": (x, lambda: x.t().add_(y.t())),
    "whole": (whole, lambda: whole.add_(2)),
    "whole zero": (whole, lambda: whole.zero_()),
}
from tritongrad import inplace
usual, slow = inplace.run_inplace, []
for name, (target, f) in cases.items():
    if name == "overlapping":
        f(), f(), f()
    else:
        first = seen(f, target)
        f(), f()
    inplace.run_inplace = forbidden
    try:
        again = seen(f, target)
    except AssertionError:
        slow.append(name)
        continue
    finally:
        inplace.run_inplace = usual
    if first != again:
        print(name, first, again)
print(sorted(slow))
"""


def test_a_store_by_a_plan_launches_what_the_general_way_launches():
    told = run(STORES)
    assert told == "['overlapping', 'row', 'transposed', 'whole', 'whole zero']\n"


def test_stores_by_a_plan_are_counted_and_refused_as_the_others_are():
    told = run(
        """
        import tritongrad as tg
        w = tg.randn(4, 4, device="cuda", requires_grad=True)
        g = tg.randn(4, 4, device="cuda")
        for _ in range(4):
            with tg.no_grad():
                w.sub_(g), w.mul_(2.0), w.zero_()
        for write in (lambda: w.sub_(g), lambda: w.mul_(2.0), lambda: w.zero_()):
            y = w * w
            try:
                write()
            except RuntimeError as error:
                print("leaf" in str(error))
            with tg.no_grad():
                write()
            try:
                y.sum().backward()
            except RuntimeError as error:
                print("modified by an inplace operation" in str(error))
        z = w * 1.0
        z.add_(g), z.mul_(2.0)
        print(z.grad_fn.name())
        with tg.inference_mode():
            i = w + g
            i.add_(g), i.add_(g), i.add_(g), i.zero_(), i.zero_()
        try:
            i.add_(g)
        except RuntimeError as error:
            print("nference" in str(error))
        other = tg.randn(4, 4, device="cuda").double()
        for wrong in (other, g[:2, :3], tg.randn(4, 4), "x"):
            try:
                with tg.no_grad():
                    g.add_(wrong)
                print("stored")
            except (RuntimeError, TypeError) as error:
                print(type(error).__name__)
        """
    )
    assert told.split() == ["True"] * 6 + ["MulBackward0", "True"] + [
        "stored", "RuntimeError", "RuntimeError", "TypeError"]  # fmt: skip


def test_sums_and_new_arrays_by_plans_are_launched_as_before():
    told = run(
        """
        import tritongrad as tg
        lib = fake()
        x = tg.randn(8, 48, device="cuda")
        def seen(f):
            array = f()._array
            config, attributes, params = recorded(lib)
            assert int.from_bytes(params[:8], "little") == array.ptr
            return config, attributes, params[8:], array.shape, array.strides, array.dtype
        for f in (lambda: x.sum(), lambda: x.sum(0), lambda: x.mean(1, keepdim=True),
                  lambda: x.amax(), lambda: tg.ones(3, 5, device="cuda"),
                  lambda: tg.full((3, 5), 2.5, device="cuda", dtype=tg.float16)):
            found = [seen(f) for _ in range(4)]
            print(found[0] == found[1] == found[2] == found[3])
        print(seen(lambda: tg.full((2,), 7.0, device="cuda")) == seen(
            lambda: tg.full((2,), 8.0, device="cuda")))
        """
    )
    assert told.split() == ["True"] * 6 + ["False"]
