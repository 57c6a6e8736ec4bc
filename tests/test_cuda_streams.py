"""Streams, events and graphs on the stand-in: which calls reach the driver, and in what order."""

from standin import attempt, run


def test_work_goes_to_the_current_stream_of_the_thread():
    told = run(
        """
        import threading
        import tritongrad.cuda as cuda
        lib, x = fake(), on_gpu(np.ones((4, 4), "f4"))
        def ran_on():
            lib.fake_log_on(1)
            x.T.copy()
            (launch,) = [line for line in lib.fake_log().decode().splitlines() if "Launch" in line]
            return int(launch.split()[-1])
        first = ran_on()
        one, two = cuda.Stream(), cuda.Stream()
        seen = [first]
        with one:
            seen.append(ran_on())
            with two:
                seen.append(ran_on())
                thread = threading.Thread(target=lambda: seen.append(ran_on()))
                thread.start(); thread.join()
            seen.append(ran_on())
            assert cuda.current_stream() == one != two
        seen.append(ran_on())
        try:
            with one:
                raise KeyError
        except KeyError:
            seen.append(ran_on())
        print([s - first for s in seen], cuda.current_stream() == cuda.default_stream())
        cuda.set_stream(two)
        print(cuda.current_stream() == two, ran_on() - first)
        """
    )
    assert told.splitlines() == ["[0, 1, 2, 0, 1, 0, 0] True", "True 2"]


def test_a_stream_waits_for_an_event_and_for_another_stream():
    told = run(
        """
        import tritongrad.cuda as cuda
        lib, device = fake(), gpu()
        one, two = cuda.Stream(), cuda.Stream()
        start, end = cuda.Event(enable_timing=True), cuda.Event(enable_timing=True)
        never = cuda.Event()
        lib.fake_log_on(1)
        start.record(one)
        two.wait_event(start)
        two.wait_stream(one)
        two.wait_event(never)
        end.record(two)
        end.synchronize()
        print(lib.fake_log().decode().replace("\\n", "; "))
        print(start.query(), never.query(), one.query(), start.elapsed_time(end))
        for first, second in ((never, end), (start, cuda.Event(enable_timing=True))):
            try:
                first.elapsed_time(second)
            except ValueError as error:
                print(error)
        """
    )
    lines = told.splitlines()
    assert lines[0] == (
        "EventRecord 1 2; StreamWaitEvent 3 1; EventRecord 2 2; StreamWaitEvent 3 2; "
        "EventRecord 3 3; EventSynchronize 3; "
    )
    assert lines[1:3] == [
        "True True True 0.5",
        "elapsed_time: make both events with Event(enable_timing=True)",
    ]
    assert "record both" in lines[3]


def test_streams_of_other_libraries_are_taken_and_ours_are_given():
    told = run(
        """
        import tritongrad.cuda as cuda
        lib, x = fake(), on_gpu(np.ones((4, 4), "f4"))
        class Theirs:
            def __cuda_stream__(self):
                return 0, cuda.Stream().cuda_stream
        theirs = Theirs()
        with cuda.stream(theirs) as stream:
            x.T.copy()
            print(cuda.current_stream().cuda_stream == stream.cuda_stream)
        print(stream.__cuda_stream__() == (0, stream.cuda_stream), hash(stream) is not None)
        again = cuda.stream(stream.cuda_stream)
        print(again == stream, again.lane is stream.lane)
        """
    )
    assert told.splitlines() == ["True", "True True", "True True"]


def test_a_device_hands_out_no_more_than_its_pool_of_streams():
    told = run(
        """
        import tritongrad.cuda as cuda
        gpu()
        print(len({cuda.Stream() for _ in range(100)}))
        """
    )
    assert told == "32\n"


def test_two_devices_keep_their_streams_apart():
    told = run(
        """
        import tritongrad.cuda as cuda
        from tritongrad.cuda.array import from_numpy, copyto
        from tritongrad.cuda.device import device_of
        first, second = device_of("cuda", 0), device_of("cuda", 1)
        x, y = (from_numpy(np.ones((4, 4), "f4"), d) for d in (first, second))
        x.T.copy(), y.T.copy(), x.T.copy()
        with cuda.Stream("cuda:1"):
            print(cuda.current_device(), cuda.current_stream().device)
            print(cuda.current_stream("cuda:0") == cuda.default_stream("cuda:0"))
        print(cuda.current_device(), cuda.memory_allocated(1))
        for wrong in (lambda: copyto(x, y), lambda: device_of("cuda", 2)):
            try:
                wrong()
            except RuntimeError as error:
                print(error)
        """,
        FAKECUDA_NDEV="2",
    )
    assert told.splitlines() == [
        "1 cuda:1",
        "True",
        "0 512",
        "copyto: dst is on cuda:0 and src on cuda:1",
        "device: cuda:2 does not exist; there are 2 GPUs",
    ]


GRAPH = """
import tritongrad.cuda as cuda
from tritongrad.cuda.array import copyto, empty
lib, device, f4 = fake(), gpu(), np.dtype("f4")
x = on_gpu(np.ones((4, 4), f4))
x.T.copy()
"""


def test_a_graph_records_launches_and_replays_them_in_one_call():
    told = run(
        GRAPH
        + """
g = cuda.CUDAGraph()
before = lib.fake_launches()
with cuda.graph(g):
    y = x.T.copy()
    z = y.T.copy()
recorded_launches = lib.fake_launches() - before
lib.fake_log_on(1)
g.replay(); g.replay()
print(recorded_launches, lib.fake_log().decode().split()[:3:2], lib.fake_launches() - before)
print(device.capture, cuda.current_stream() == cuda.default_stream())
"""
    )
    assert told == "2 ['GraphLaunch', '1'] 6\nNone True\n"


def test_memory_of_a_graph_stays_its_own_until_the_graph_is_gone():
    told = run(
        GRAPH
        + """
cuda.empty_cache()
g = cuda.CUDAGraph()
old = empty((4, 4), f4, device)
with cuda.graph(g):
    y = x.T.copy()
    address = y.ptr
    del y                      # reused inside the recording ...
    z = x.T.copy()
    reused = z.ptr == address
    where, old = old.ptr, None  # ... and older memory freed inside is not
    w = empty((4, 4), f4, device)
    kept_apart = w.ptr != where
inside = {z.ptr, w.ptr}
source = x.ptr
del x, z, w
fresh = [empty((4, 4), f4, device) for _ in range(8)]
taken = {a.ptr for a in fresh}
print(reused, kept_apart, bool(taken & inside), where in taken, source in taken)
g.replay()
del fresh
g.reset()
cuda.empty_cache()
print(lib.fake_used(), cuda.memory_allocated())
try:
    g.replay()
except RuntimeError as error:
    print(error)
"""
    )
    lines = told.splitlines()
    assert lines[0] == "True True False False False"
    assert lines[1] == "0 0"
    assert "nothing is recorded" in lines[2]


def test_tensors_made_in_a_graph_may_outlive_it():
    told = run(
        GRAPH
        + """
g = cuda.CUDAGraph()
with cuda.graph(g):
    z = x.T.copy()
del g
used = lib.fake_used()
cuda.empty_cache()
print(z.numpy().shape)
del z, x
cuda.empty_cache()
print(lib.fake_used())
"""
    )
    assert told == "(4, 4)\n0\n"


def test_waiting_inside_a_capture_is_an_error_and_leaves_everything_usable():
    told = run(
        GRAPH
        + """
for wrong in (x.numpy, cuda.current_stream().synchronize, lambda: 1 / 0):
    g = cuda.CUDAGraph()
    try:
        with cuda.graph(g):
            y = x.T.copy()
            y.numpy() if wrong == x.numpy else cuda.current_stream().synchronize() if wrong else 0
            1 / 0
    except (RuntimeError, ZeroDivisionError) as error:
        print(type(error).__name__, "out of the capture" in str(error))
    with cuda.graph(g):
        y = x.T.copy()
    g.replay()
print(x.T.copy().numpy().shape, device.capture)
"""
    )
    assert told.splitlines() == ["CudaError True"] * 3 + ["(4, 4) None"]


def test_a_second_capture_on_a_device_is_refused():
    done = attempt(
        GRAPH
        + """
g, h = cuda.CUDAGraph(), cuda.CUDAGraph()
with cuda.graph(g):
    with cuda.graph(h):
        pass
"""
    )
    assert "CUDA_ERROR_STREAM_CAPTURE" in done.stderr or "another capture is running" in done.stderr


def test_a_graphed_step_runs_as_it_is_first_and_is_replayed_afterwards():
    told = run(
        GRAPH
        + """
calls = []
def step():
    calls.append(1)
    return x.T.copy()
fast = cuda.graphed(step, warmup=2)
results = [fast() for _ in range(6)]
print(len(calls), results[3] is results[5], results[0] is results[3])
"""
    )
    assert told == "3 True False\n"
