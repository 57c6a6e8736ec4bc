"""Quick ways of operations: what they take and what they leave is the same to whoever looks."""

from __future__ import annotations

import numpy as np
import pytest
from test_quick_devices import Form, tensor

import tritongrad as tg
from tritongrad import elementwise as core
from tritongrad.autograd.variable import INFERENCE, wrap
from tritongrad.inplace import inplace
from tritongrad.op import REGISTRY

PAIRS = ("add sub mul div pow floor_divide remainder clamp_min clamp_max").split()
SINGLE = ("exp log sqrt rsqrt reciprocal sin cos tanh sigmoid abs neg logical_not").split()


def values(dtype):
    return tg.tensor([[0.5, 2.0, 3.0], [1.5, 0.25, 4.0]], dtype=dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16"])
@pytest.mark.parametrize("name", PAIRS + SINGLE)
def test_in_place_is_what_it_is_out_of_place(name, dtype):
    entry = REGISTRY[name].entry
    others = [()]
    if name in PAIRS:
        others = [(2.0,), (3,), (values(dtype) + 1,), (values(dtype)[1],), (values(dtype)[0, 1],)]
    for other in others:
        for make in (lambda x: x, lambda x: x.T.contiguous().T, lambda x: x.repeat(1, 2)[:, :3]):
            x = make(values(dtype))
            want, before = entry(x, *other), x._version_count
            with tg.no_grad():
                got = getattr(x, f"{name}_")(*other)
            assert got is x and x.dtype == getattr(tg, dtype)
            assert x.tolist() == want.to(x.dtype).tolist(), (name, other)
            assert x._version_count > before


def test_what_may_not_be_written_is_not_zeroed_either():
    with pytest.raises(RuntimeError, match=r"zero_.*more than one element"):
        tg.ones(1).expand(3).zero_()
    host = np.ones(3, np.float32)
    host.flags.writeable = False
    for write in (lambda t: t.zero_(), lambda t: t.add_(1.0), lambda t: t.add_(tg.ones(3))):
        with pytest.raises(RuntimeError, match="read-only NumPy array"):
            write(wrap(host))
    with tg.inference_mode():
        made = tg.ones(3)
    with pytest.raises(RuntimeError, match="Inference tensors"):
        made.zero_()
    with pytest.raises(RuntimeError, match="a leaf Variable that requires grad"):
        tg.ones(3, requires_grad=True).zero_()
    x = tg.ones(2, 3)
    part, before = x[:, 1], x._version_count
    assert part.zero_() is part and x.tolist() == [[1.0, 0.0, 1.0]] * 2
    assert x._version_count == part._version_count == before + 1


def test_what_has_no_plan_goes_the_general_way_and_is_learned(monkeypatch):
    """A plan of an operation on a device is made on the way, for the next time."""
    told = []
    monkeypatch.setattr(core, "run", lambda op, args: told.append(("run", op.name)) or "result")
    monkeypatch.setattr(
        "tritongrad.cuda.quick.learn", lambda op, args: told.append(("learn", op.name, len(args)))
    )
    form = Form()
    form.number[REGISTRY["clamp_both"]] = lambda a, low, high: None  # a plan that refuses
    x = tensor(form, 1.0, 2.0)
    assert x.sin() == "result" and told == [("run", "sin"), ("learn", "sin", 1)]
    told.clear()
    assert REGISTRY["clamp_both"].entry(x, 1.0, 2.0) == "result"
    assert told == [("run", "clamp_both"), ("learn", "clamp_both", 3)]


def test_what_has_a_plan_for_several_forms_goes_by_it(monkeypatch):
    form = Form()
    x, y = tensor(form, 1.0, 2.0, leaf=True), tensor(form, 3.0, 4.0)
    monkeypatch.setattr("tritongrad.cuda.quick.planned", lambda op, args: y._array)
    monkeypatch.setattr(core, "run", lambda op, args: "the general way")
    result = x.sin()
    assert result._array is y._array and result.grad_fn.name() == "SinBackward0"
    assert result.grad_fn.next_functions[0][0].variable is x


@pytest.mark.parametrize("name", ["bitwise_and", "bitwise_or", "bitwise_xor"])
def test_bits_of_floats_are_refused_in_place_as_they_are_elsewhere(name):
    for x in (tg.ones(3), tg.ones(3, requires_grad=True) * 1.0, tg.ones(3, dtype=tg.float64)):
        for other in (x, 2.0, tg.ones(3, dtype=x.dtype)):
            for call in (getattr(tg, name), getattr(tg.Tensor, f"{name}_")):
                with pytest.raises(RuntimeError, match=f"{name}: expects integer or bool tensors"):
                    call(x, other)


DTYPES = "bool uint8 int8 int16 int32 int64 float16 bfloat16 float32 float64".split()


@pytest.mark.parametrize("name", ["add", "mul", "maximum", "eq"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_in_place_casts_to_the_type_of_the_target_if_it_can(name, dtype):
    """Of another width or sign, yes; whole numbers to bools and floats to whole numbers, no."""
    kinds = [0, 1, 1, 1, 1, 1, 2, 2, 2, 2]
    for other, kind in zip(DTYPES, kinds, strict=True):
        x = tg.tensor([[0, 1, 3], [5, 7, 100]], dtype=dtype)
        y = tg.tensor([[1, 1, 2], [5, 3, 1]], dtype=other)
        want = REGISTRY[name].entry(x, y)
        write = getattr(x, f"{name}_", None) or inplace(REGISTRY[name].entry).__get__(x)
        if name != "eq" and kind > kinds[DTYPES.index(dtype)]:
            with pytest.raises(RuntimeError, match="can't be cast to the desired output type"):
                write(y)
            continue
        write(y)
        assert x.tolist() == want.to(x.dtype).tolist() and x.dtype == getattr(tg, dtype, tg.bool)


@pytest.mark.triton
def test_an_operand_that_overlaps_the_target_is_read_before_it_is_written():
    pytest.importorskip("triton")
    for place in ("cpu", "interpret"):
        x, y = (tg.arange(9000.0, device=place) for _ in range(2))
        x[1:].add_(x[:-1])
        assert x[1:].cpu().tolist() == (tg.arange(1.0, 9000.0) * 2 - 1).tolist()
        y[:-1].add_(y[1:])
        assert y[:-1].cpu().tolist() == (tg.arange(8999.0) * 2 + 1).tolist()


@pytest.mark.parametrize("alpha", [0, 1, 2, 3, -1, 0.5, 1.0, True])
@pytest.mark.parametrize("name", ["add", "sub"])
def test_alpha_scales_what_is_added_whatever_it_is(name, alpha):
    for dtype in ("float32", "float64", "bfloat16"):
        x, y = values(dtype), values(dtype) + 1
        scaled = alpha * y.double()
        want = x.double() + scaled if name == "add" else x.double() - scaled
        for call in (getattr(tg, name), getattr(tg.Tensor, name), getattr(tg.Tensor, f"{name}_")):
            for given in (x.clone(), x.clone().requires_grad_() * 1.0):
                assert call(given, y, alpha=alpha).tolist() == want.to(x.dtype).tolist()
            assert call(x.clone(), other=y, alpha=alpha).tolist() == want.to(x.dtype).tolist()
    for call in (
        lambda: x.mul_(y, alpha=2),
        lambda: x.exp_(alpha=2),
        lambda: tg.mul(x, y, alpha=2),
    ):
        with pytest.raises(TypeError):
            call()


class Stores:
    """Plans of in-place updates on a device that only tell; and who else was asked."""

    def __init__(self, patch):
        self.form, self.told, self.stored = Form(), [], True
        for name in ("add_", "zero_"):
            self.form.same[name] = self.form.number[name] = self.plan
        patch.setattr("tritongrad.inplace.run_inplace", lambda op, name, *_: self.told.append(name))
        patch.setattr(
            "tritongrad.cuda.quick.learn_store", lambda *args: self.told.append(("learn", args[1]))
        )

    def plan(self, target, other):
        self.told.append((target, other))
        return target if self.stored else None

    def tensor(self, *values, leaf=False, form=None):
        t = tensor(form or self.form, *values, leaf=leaf)
        t._array.storage = object()
        return t

    def asked(self, call):
        self.told.clear()
        call()
        return list(self.told)


def test_updates_on_a_device_go_by_their_plans(monkeypatch):
    plans = Stores(monkeypatch)
    x, y = plans.tensor(1.0, 2.0), plans.tensor(3.0, 4.0)
    here, there = x._array, y._array
    for other, value in ((y, there), (x, here), (2.0, 2.0), (3, 3)):
        assert plans.asked(lambda other=other: x.add_(other)) == [(here, value)]
        assert x.add_(other) is x
    assert plans.asked(x.zero_) == [(here, 0.0)]
    assert getattr(x, "_version", None) is None  # nobody has asked for it
    w = plans.tensor(1.0, 2.0, leaf=True)
    with tg.no_grad():
        for count, (call, name) in enumerate(
            ((lambda: w.add_(y), "add_"), (lambda: w.add_(2.0), "add_"), (w.zero_, "zero_")), 1
        ):
            assert len(plans.asked(call)) == 1
            assert (w._version[0], w._version[2]) == (count, name)
        assert len(plans.asked(lambda: y.add_(w))) == 1
    plans.stored = False  # a plan that refuses
    assert plans.asked(lambda: x.add_(y)) == [(here, there), "add_"]
    assert plans.asked(x.zero_) == [(here, 0.0), "zero_"]


def test_updates_on_a_device_that_have_no_plan_go_the_general_way(monkeypatch):
    plans = Stores(monkeypatch)
    x, y, w = plans.tensor(1.0, 2.0), plans.tensor(3.0, 4.0), plans.tensor(1.0, 2.0, leaf=True)
    overlapping = plans.tensor(1.0, 2.0)
    overlapping._array.storage = x._array.storage
    elsewhere = plans.tensor(1.0, 2.0, form=Form())
    with tg.inference_mode():
        made = plans.tensor(1.0, 2.0)
        made._version = INFERENCE
    for call, name in (
        (lambda: x.add_(overlapping), "add_"),
        (lambda: x.add_(elsewhere), "add_"),
        (lambda: x.add_(tg.ones(2)), "add_"),
        (lambda: x.add_(True), "add_"),
        (lambda: x.add_(w), "add_"),  # recorded
        (lambda: w.add_(x), "add_"),
        (lambda: w.add_(2.0), "add_"),
        (w.zero_, "zero_"),
        (lambda: made.add_(2.0), "add_"),
        (lambda: made.add_(x), "add_"),
        (made.zero_, "zero_"),
        (lambda: x.add_(y, alpha=1), "add_"),
    ):
        assert plans.asked(call) == [name]
    assert plans.asked(lambda: x.sub_(y)) == [("learn", "sub_"), "sub_"]
    assert plans.asked(lambda: x.mul_(2.0)) == [("learn", "mul_"), "mul_"]
    assert plans.asked(elsewhere.zero_) == [("learn", "zero_"), "zero_"]
    with pytest.raises(TypeError):
        x.add_()


def test_an_operation_of_four_operands_has_names_and_defaults(declared):
    def line(input: tg.Tensor, low: float, high: float = 2.0, scale: float = 1.0):
        """scale * (low + (high - low) * input)"""

    entry = core.elementwise(
        samples=[], cpu=lambda x, low, high, scale: scale * (low + (high - low) * x)
    )(line)
    x, out = tg.tensor([0.0, 0.5, 1.0]), tg.zeros(3)
    assert entry(x, 1.0).tolist() == entry(x, low=1.0).tolist() == [1.0, 1.5, 2.0]
    assert entry(x, 1.0, 3.0).tolist() == entry(x, 1.0, high=3.0).tolist() == [1.0, 2.0, 3.0]
    assert entry(x, 1.0, 3.0, 2.0).tolist() == entry(x, 1.0, 3.0, scale=2.0).tolist() == [2, 4, 6]
    assert entry(x, 1.0, scale=4.0, out=out) is out and out.tolist() == [4.0, 6.0, 8.0]
    for call in (lambda: entry(x), lambda: entry(x, 1.0, odd=2.0), lambda: entry(x, 1, 2, 3, 4)):
        with pytest.raises(TypeError, match=r"line\(\): .*it takes \(input"):
            call()


def test_whole_numbers_of_any_length_are_numbers_beside_floats():
    huge = 10**30
    for dtype in (tg.float32, tg.float64):
        x = tg.tensor([-1.0, 2.0], dtype=dtype)
        for got in (x + huge, x.clamp(huge, None), tg.where(x > 5, x, huge), x.clone().add_(huge)):
            assert got.dtype is dtype and got.tolist() == [tg.tensor(1e30, dtype=dtype).item()] * 2
        assert x.clamp(-huge, huge).tolist() == [-1.0, 2.0]
        for call in (lambda x=x: x + 10**400, lambda x=x: tg.where(x > 5, x, 10**400)):
            with pytest.raises(OverflowError):
                call()


@pytest.mark.parametrize("number", [1, -3, 0, 2**40, 2**62, -(2**63)])
@pytest.mark.parametrize("name", ["add_", "sub_", "mul_"])
def test_counters_change_in_place_as_numpy_says_and_count_their_writes(name, number):
    values = np.array([[0, -1, 5], [2**62, -(2**63), 2**63 - 1]])
    x = tg.from_numpy(values.copy())
    part = x[:, ::2]
    with np.errstate(over="ignore"):
        want = getattr(np, {"add_": "add", "sub_": "subtract", "mul_": "multiply"}[name])(
            values, np.int64(number)
        )
    assert getattr(x, name)(number) is x
    np.testing.assert_array_equal(x.numpy(), want)
    np.testing.assert_array_equal(part.numpy(), want[:, ::2])


def test_a_saved_index_that_was_counted_up_is_refused():
    index = tg.tensor([0, 1])
    loss = tg.ones(3, requires_grad=True).index_select(0, index).sum()
    index.add_(1)
    with pytest.raises(RuntimeError, match="modified"):
        loss.backward()
