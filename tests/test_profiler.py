"""profile(): what it sees, that it adds up, and that nothing is left of it afterwards."""

import gzip
import json
import sys
import threading
import types

import pytest
from standin import run

import tritongrad as tg
from tritongrad import nn, optim
from tritongrad.profiler import ProfilerActivity, profile, record_function
from tritongrad.profiler_record import Event


def step(device="cpu"):
    """One step of training on random numbers"""
    model = nn.Sequential(nn.Linear(4, 3), nn.ReLU()).to(device)
    sgd = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    with record_function("forward"):
        loss = model(tg.ones(5, 4, device=device)).sum()
    loss.backward()
    sgd.step()
    return loss.item()


def by_name(prof):
    return {row.key: row for row in prof.key_averages()}


def test_a_step_of_training_is_seen(device):
    with profile(activities=[ProfilerActivity.CPU]) as prof:
        step(device)
    seen = by_name(prof)
    wanted = {"ones", "linear", "relu", "forward", "backward", "SGD.step", "item"}
    assert wanted <= set(seen)
    assert {"ReluBackward0", "LinearBackward0"} <= set(seen)
    assert seen["relu"].count == seen["SGD.step"].count == 1


def test_times_add_up():
    with profile() as prof:
        for _ in range(20):
            step()
    rows = prof.key_averages()
    assert all(row.self_cpu_time_total <= row.cpu_time_total + 1e-6 for row in rows)
    assert all(row.self_cpu_time_total >= 0 for row in rows)
    outermost = sum(e.host_time for e in prof.events() if e.parent is None)
    assert sum(row.self_cpu_time_total for row in rows) <= outermost * 1.001
    for event in prof.events():
        assert event.parent is None or event.parent.start <= event.start
        assert event.parent is None or event.parent.end >= event.end


def test_bytes_are_those_of_inputs_and_results():
    a, b = tg.ones(100, 10), tg.ones(10)
    with profile() as prof:
        a.add(b)
        a.add_(1)
        a.t()
        a.sum(0)
        b.expand(50, 10).mul(2)
        a.contiguous()
        tg.zeros(7)
        tg.cat([a, a])
    seen = {name: row.bytes for name, row in by_name(prof).items()}
    assert seen["add"] == 4 * (1000 + 10 + 1000) and seen["add_"] == 4 * 2000
    assert seen["t"] == seen["expand"] == seen["contiguous"] == 0
    assert seen["sum"] == 4 * 1010 and seen["mul"] == 4 * (10 + 500)
    assert seen["zeros"] == 28 and seen["cat"] == 4 * 4000


def test_bytes_of_backward_are_those_of_gradients_and_what_was_saved():
    a = tg.ones(100, requires_grad=True)
    b = tg.ones(100, 1, requires_grad=True)
    with profile() as prof:
        a.relu().backward(tg.ones(100))
        b.mm(b.t()).backward(tg.ones(100, 100))
        a.reshape(10, 10).backward(tg.ones(10, 10))
    seen = {name: row.bytes for name, row in by_name(prof).items()}
    assert seen["ReluBackward0"] == 4 * 300
    assert 4 * 10400 <= seen["MmBackward0"] <= 4 * 20400  # g once, or for each of two products
    assert seen["ViewBackward0"] == 0
    assert seen["reshape"] == 0


def test_nothing_is_left_of_a_profile():
    places = [tg, tg.Tensor, nn.functional, optim.SGD, tg.op, tg.autograd.loop, tg.ops.linalg]
    places += [*tg.Tensor.__mro__[1:-1], tg.autograd.loop.Pass]
    before = [dict(vars(place)) for place in places]
    with profile():
        assert tg.mm is not before[0]["mm"] and tg.Tensor.mm is not before[1].get("mm")
        taken = tg.mm
        step()
    for place, names in zip(places, before, strict=True):
        assert all(vars(place)[name] is value for name, value in names.items())
    assert taken(tg.ones(1, 2), tg.ones(2, 1)).tolist() == [[2]]


def test_a_module_imported_meanwhile_keeps_nothing():
    late = types.ModuleType("tritongrad.late")
    sys.modules["tritongrad.late"] = late
    try:
        with profile():
            late.mm = tg.mm
        assert late.mm is tg.mm
    finally:
        del sys.modules["tritongrad.late"]


def test_results_are_those_without_a_profile():
    tg.manual_seed(0)
    plain = step()
    tg.manual_seed(0)
    with profile():
        assert step() == plain


def test_an_error_inside_ends_the_profile():
    before = tg.mm
    prof = profile()
    with pytest.raises(RuntimeError, match="mm"), prof:
        tg.ones(2, 3).mm(tg.ones(2, 3))
    assert tg.mm is before and [e.name for e in prof.events()] == ["ones", "ones", "mm"]
    assert all(e.end >= e.start > 0 for e in prof.events())
    with profile() as again:
        tg.ones(1)
    assert [e.name for e in again.events()] == ["ones"]


def test_one_profile_at_a_time():
    with profile() as prof:
        with pytest.raises(RuntimeError, match="only one"):
            profile().start()
        tg.ones(1)
    assert len(prof.events()) == 1
    with pytest.raises(RuntimeError, match="before start"):
        prof.stop()
    with pytest.raises(TypeError, match="ProfilerActivity, got 'cpu'"):
        profile(activities=["cpu"])


def test_threads_have_their_own_nesting():
    def work():
        with record_function("mine"):
            tg.ones(3).add(1)

    with profile() as prof:
        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert by_name(prof)["mine"].count == 3
    for event in prof.events():
        assert event.parent is None or event.parent.thread == event.thread


def test_the_table_is_sorted_and_aligned():
    with profile(record_shapes=True) as prof:
        a = tg.ones(64, 64)
        for _ in range(3):
            a.mm(a)
        a.mm(a[:, :1])
    text = prof.key_averages().table(sort_by="count", row_limit=1)
    assert text.splitlines()[2].split()[0] == "mm" and " 4 " in text
    assert "Self host time total" in text and "device" not in text
    rows = prof.key_averages(group_by_input_shape=True)
    shapes = {row.input_shapes: row.count for row in rows if row.key == "mm"}
    assert shapes == {"[[64, 64], [64, 64]]": 3, "[[64, 64], [64, 1]]": 1}
    lines = rows.table().splitlines()
    assert lines[0].endswith("Input shapes") and "[[64, 64], [64, 1]]" in rows.table()
    with pytest.raises(ValueError, match=r"count.*got 'speed'"):
        rows.table(sort_by="speed")
    with profile() as prof:
        tg.ones(1)
    with pytest.raises(RuntimeError, match="record_shapes=True"):
        prof.key_averages(group_by_input_shape=True)
    assert str(prof.key_averages()) == prof.key_averages().table()


def test_device_times_have_columns_and_rows_of_their_own(tmp_path):
    """As a GPU's clock would give them: the marks of one need one"""
    with profile() as prof:
        tg.ones(2, 3).sum()
    for k, event in enumerate(prof.events()):
        event.device_time, event.device_start = 10.0 + k, 20.0 * k
    row = by_name(prof)["sum"]
    assert row.device_time == row.self_device_time_total == 11 and row.rate == 28 / 1e3 / 11
    assert "Self device" in prof.key_averages().table(sort_by="cuda_time_total").splitlines()[0]
    prof.export_chrome_trace(tmp_path / "t.json")
    rows = json.loads((tmp_path / "t.json").read_text())["traceEvents"]
    assert [r["dur"] for r in rows if r.get("tid") == "device"] == [10.0, 11.0]


def test_a_gpu_is_timed_by_marks_in_its_stream():
    """On the stand-in for the driver, where a quarter of a millisecond passes from mark to mark"""
    told = run(
        """
        import tritongrad as tg
        t = tg.ones(2, 3, device="cuda")
        with tg.profiler.profile() as prof:
            with tg.profiler.record_function("both"):
                u = t.t().contiguous()
                tg.ones(4)
        for e in prof.events():
            print(e.name, e.device_time, e.self_device_time, e.marks)
        print("Self device" in prof.key_averages().table())
        with tg.profiler.profile() as prof:
            with tg.cuda.graph(tg.cuda.CUDAGraph()):
                t.t().contiguous()
        print({e.device_time for e in prof.events()})
        """
    )
    lines = told.splitlines()
    assert lines[:2] == ["both 2000.0 1000.0 None", "t 250.0 250.0 None"]
    assert lines[2:4] == ["contiguous 750.0 500.0 None", "clone 250.0 250.0 None"]
    assert lines[4] == "ones None 0.0 None"
    assert lines[-2:] == ["True", "{None}"]


def test_the_trace_is_what_chrome_reads(tmp_path):
    with profile(record_shapes=True) as prof:
        step()
    prof.export_chrome_trace(tmp_path / "t.json")
    prof.export_chrome_trace(str(tmp_path / "t.json.gz"))
    rows = json.loads((tmp_path / "t.json").read_text())["traceEvents"]
    assert json.loads(gzip.decompress((tmp_path / "t.json.gz").read_bytes()))["traceEvents"] == rows
    calls = [row for row in rows if row["ph"] == "X"]
    assert len(calls) == len(prof.events())
    assert all({"name", "ts", "dur", "pid", "tid"} <= set(row) for row in calls)
    assert all(row["ts"] >= 0 and row["dur"] >= 0 for row in calls)
    (mm,) = [row for row in calls if row["name"] == "linear"]
    assert mm["args"]["Input Dims"] == [[5, 4], [3, 4], [3]]


def test_record_function_is_a_decorator_and_costs_nothing_alone():
    @record_function("outer")
    def work():
        return tg.ones(1)

    assert work().tolist() == [1]
    with profile() as prof:
        work()
    outer, ones = prof.events()
    assert (outer.name, ones.parent, repr(ones)[:14]) == ("outer", outer, "Event('ones', ")
    assert isinstance(ones, Event) and outer.bytes == ones.bytes == 4
