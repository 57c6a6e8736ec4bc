"""Names that programs written for PyTorch use now and then, found by running such programs."""

from __future__ import annotations

import importlib
import json
import math

import pytest

import tritongrad as tg
from tritongrad import nn
from tritongrad.nn.utils import rnn
from tritongrad.profiler import ProfilerAction, profile, schedule, tensorboard_trace_handler

# (count, 3 << count, -100 >> count) of int8, as PyTorch and NumPy have them
SHIFTS = [(0, 3, -100), (1, 6, -50), (6, -64, -2), (7, -128, -1), (8, 0, -1), (40, 0, -1)]


def test_bits_move_out_of_a_number_and_do_not_come_back(device):
    counts, left, right = (
        tg.tensor(column, dtype=tg.int8, device=device) for column in zip(*SHIFTS, strict=True)
    )
    three, negative = tg.full_like(counts, 3), tg.full_like(counts, -100)
    assert (three << counts).tolist() == left.tolist()
    assert (negative >> counts).tolist() == right.tolist()
    assert (three << -counts)[1:].tolist() == [0] * 5 and (negative >> -counts)[1].item() == -1
    wide = tg.arange(4, device=device)
    assert (1 << wide).tolist() == [1, 2, 4, 8] and (255 >> wide).tolist() == [255, 127, 63, 31]
    assert (wide << 40).tolist() == [n << 40 for n in range(4)]
    wide <<= 3
    wide >>= 1
    assert wide.tolist() == [0, 4, 8, 12]
    for wrong in (tg.ones(2, device=device), tg.ones(2, device=device) > 0):
        with pytest.raises(RuntimeError, match="bitwise_left_shift: expects integer tensors"):
            wrong.bitwise_left_shift(wrong)


def test_the_same_bytes_are_read_as_another_type(device):
    x = tg.tensor([[1.0, -2.5, 0.0], [3.0, 4.0, 5.0]], device=device)
    bits = x.view(tg.int32)
    assert bits.tolist()[0] == [1065353216, -1071644672, 0] and bits.dtype is tg.int32
    assert x.view(dtype=tg.int16).shape == (2, 6) and x.view(tg.uint8)[0, 2:4].tolist() == [128, 63]
    assert x.t().view(tg.int32).stride() == (1, 3)
    assert x[:, :2].clone().view(tg.int64).shape == (2, 1)
    bits[0, 0] = 0
    assert x[0].tolist() == [0.0, -2.5, 0.0] and x.view(3, 2).shape == (3, 2)
    for wrong in (tg.float64, tg.bool):
        with pytest.raises(RuntimeError, match="view: "):
            x.view(wrong)
    with pytest.raises(RuntimeError, match="a last dim with stride 1; got shape"):
        x.t().view(tg.int16)


def test_writing_through_other_bytes_is_seen_by_backward(device):
    x = tg.tensor([1.0, 2.0], device=device, requires_grad=True)
    y = x.exp()
    assert not x.view(tg.int32).requires_grad
    y.view(tg.int32).zero_()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


def test_a_diagonal_is_filled(device):
    assert tg.zeros(2, 3, device=device).fill_diagonal_(5).tolist() == [[5, 0, 0], [0, 5, 0]]
    tall = tg.zeros(6, 2, device=device)
    assert tall.fill_diagonal_(1, wrap=True).nonzero().tolist() == [[0, 0], [1, 1], [3, 0], [4, 1]]
    assert tg.zeros(2, 2, 2, device=device).fill_diagonal_(1).nonzero().tolist() == [
        [0] * 3,
        [1] * 3,
    ]
    w = tg.ones(2, 2, device=device, requires_grad=True)
    (w * 2).fill_diagonal_(0).sum().backward()
    assert w.grad.tolist() == [[0, 2], [2, 0]]
    for shape, words in (((3,), "larger than 1"), ((2, 3, 2), "equal length")):
        with pytest.raises(RuntimeError, match=words):
            tg.zeros(shape, device=device).fill_diagonal_(1)


def test_sequences_of_several_lengths_are_padded_and_packed(device):
    rows = [tg.arange(float(n), device=device) + 1 for n in (3, 5, 1)]
    padded = rnn.pad_sequence(rows, batch_first=True, padding_value=-1)
    assert padded.tolist() == [[1, 2, 3, -1, -1], [1, 2, 3, 4, 5], [1, -1, -1, -1, -1]]
    assert rnn.pad_sequence(rows, padding_side="left")[:, 0].tolist() == [0, 0, 1, 2, 3]
    assert [t.tolist() for t in rnn.unpad_sequence(padded, [3, 5, 1], True)] == [
        t.tolist() for t in rows
    ]
    packed = rnn.pack_sequence(rows, enforce_sorted=False)
    assert packed.data.tolist() == [1, 1, 1, 2, 2, 3, 3, 4, 5]
    assert packed.batch_sizes.tolist() == [3, 2, 2, 1, 1]
    assert packed.sorted_indices.tolist() == packed.unsorted_indices.tolist() == [1, 0, 2]
    again, lengths = rnn.pad_packed_sequence(packed, True, -1, total_length=6)
    assert again[:, :5].tolist() == padded.tolist() and again[:, 5].tolist() == [-1] * 3
    assert lengths.tolist() == [3, 5, 1]
    for lengths, words in (([3, 5, 1], "sorted"), ([5, 3], "3 lengths"), ([6, 3, 1], "between 1")):
        with pytest.raises(RuntimeError, match=words):
            rnn.pack_padded_sequence(padded, lengths, batch_first=True)


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
@pytest.mark.parametrize("both", [False, True])
def test_packed_sequences_go_through_a_network_as_each_does_alone(device, kind, both):
    tg.manual_seed(0)
    net = getattr(nn, kind)(3, 4, 2, bidirectional=both).double().to(device)
    starts = tg.randn(4 if both else 2, 3, 4, dtype=tg.float64, device=device)
    states = (starts, starts * 0.5) if kind == "LSTM" else starts
    rows = [tg.randn(n, 3, dtype=tg.float64, device=device) for n in (2, 4, 2)]
    xs = [t.clone().requires_grad_() for t in rows]
    packed, last = net(rnn.pack_sequence(xs, enforce_sorted=False), states)
    found, _ = rnn.pad_packed_sequence(packed)
    last = last if kind == "LSTM" else (last,)
    (found.square().sum() + sum(t.square().sum() for t in last)).backward()
    got = [p.grad.clone() for p in net.parameters()]
    net.zero_grad()
    for k, row in enumerate(rows):
        x = row.clone().requires_grad_()
        own = tuple(t[:, k] for t in states) if kind == "LSTM" else states[:, k]
        y, end = net(x, own)
        end = end if kind == "LSTM" else (end,)
        tg.testing.assert_close(found[: len(row), k], y)
        assert found[len(row) :, k].abs().sum().item() == 0
        for a, b in zip(last, end, strict=True):
            tg.testing.assert_close(a[:, k], b)
        (y.square().sum() + sum(t.square().sum() for t in end)).backward()
        tg.testing.assert_close(xs[k].grad, x.grad)
    for a, p in zip(got, net.parameters(), strict=True):
        tg.testing.assert_close(a, p.grad)


def test_a_profile_follows_its_schedule(tmp_path):
    plan = schedule(skip_first=1, wait=1, warmup=1, active=2, repeat=2)
    none, warm, record, save = ProfilerAction
    assert [plan(n) for n in range(10)] == [none, *[none, warm, record, save] * 2, none]
    counts = []

    def ready(prof):
        counts.append([row.count for row in prof.key_averages() if row.key == "exp"])
        tensorboard_trace_handler(tmp_path)(prof)

    with profile(schedule=plan, on_trace_ready=ready) as prof:
        for step in range(10):
            for _ in range(step):
                tg.ones(2).exp()
            prof.step()
    assert counts == [[3 + 4], [7 + 8]] and prof.step_num == 10
    for file in tmp_path.iterdir():
        assert json.loads(file.read_text())["traceEvents"]
    assert len(list(tmp_path.iterdir())) == 2
    with pytest.raises(RuntimeError, match="step\\(\\) before start"):
        prof.step()
    with pytest.raises(ValueError, match="active"):
        schedule(wait=0, warmup=0, active=0)


MODULES = """backends.cudnn backends.cuda backends.mps cuda.amp nn.parallel nn.utils.rnn
nn.utils.clip_grad nn.utils.convert_parameters utils.data.dataloader utils.data.sampler
utils.data.dataset nn.parameter nn.init autograd.function autograd.variable optim.optimizer"""


@pytest.mark.parametrize("name", MODULES.split())
def test_modules_that_programs_import_by_name(name):
    assert importlib.import_module(f"tritongrad.{name}")


def test_small_properties():
    with tg.inference_mode():
        assert tg.ones(1).is_inference()
    assert not tg.ones(1).is_inference()
    assert tg.version.cuda is None and math.isclose(tg.version.hip is None, 1)
    tg.backends.cudnn.benchmark, kept = True, tg.backends.cudnn.benchmark
    tg.backends.cudnn.benchmark = kept
    assert tg.backends.cudnn.version() is None


def test_sizes_are_given_by_name_too(device):
    for make in (tg.zeros, tg.ones, tg.empty, tg.rand, tg.randn):
        assert make(size=(2, 3), device=device).shape == (2, 3)
        with pytest.raises(TypeError, match="sizes are given twice"):
            make(2, size=(2, 3), device=device)
    x = tg.ones(2, 3, device=device)
    for like in (x.new_zeros, x.new_ones, x.new_empty):
        assert like(size=(4,)).shape == like(4).shape == (4,)
    assert x.view(size=(3, 2)).shape == (3, 2) and x.is_contiguous(memory_format=None)
    assert tg.arange(end=3, device=device).tolist() == tg.arange(3).tolist() == [0, 1, 2]
    assert tg.randint(high=3, size=(4,), device=device).max().item() < 3
    for call in (tg.arange, tg.randint):
        with pytest.raises(TypeError, match="missing argument"):
            call()


def test_tensors_are_overwritten_with_random_numbers(device):
    tg.manual_seed(0)
    x = tg.empty(20_000 if device == "cpu" else 500, device=device)
    assert set(x.bernoulli_(0.25).tolist()) == {0.0, 1.0} and abs(x.mean().item() - 0.25) < 0.1
    assert x.bernoulli_(tg.ones_like(x)).min().item() == 1 and x.bernoulli_(0.0).max().item() == 0
    assert set(x.random_(3, 6).tolist()) == {3.0, 4.0, 5.0} and set(x.random_(2).tolist()) == {0, 1}
    assert x.exponential_(2.0) is x and x.min().item() > 0 and abs(x.mean().item() - 0.5) < 0.1
    with pytest.raises(RuntimeError, match="exponential_ expects lambda"):
        x.exponential_(0)
    with pytest.raises(RuntimeError, match="low < high"):
        x.random_()


def test_what_a_tensor_says_of_itself():
    x = tg.ones(2)
    assert x.is_signed() and not x.byte().is_signed() and not x.is_complex()
    assert x.get_device() == -1
