"""CUDA graphs on the stand-in: what is recorded, whose memory it is, and errors inside."""

from standin import attempt, run

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


def test_a_graphed_step_copies_new_inputs_into_the_recorded_places():
    told = run(
        GRAPH
        + """
class Tensor:
    requires_grad = False
    def __init__(self, array):
        self.array = array
    shape = property(lambda self: self.array.shape)
    def data_ptr(self):
        return self.array.ptr
    def clone(self):
        return Tensor(self.array.copy())
    def copy_(self, other):
        copyto(self.array, other.array)

def step(x, scale):
    return x.array.T.copy()
fast = cuda.graphed(step, warmup=1)
for number in range(4):
    result = fast(Tensor(on_gpu(np.full((4, 4), number, f4))), 2)
(place, scale) = fast.places
print(place.array.numpy()[0], scale)
for wrong in ((place,), (place, 3), (Tensor(on_gpu(np.ones((3, 4), f4))), 2)):
    try:
        fast(*wrong)
    except (TypeError, ValueError) as error:
        print(error)
"""
    )
    lines = told.splitlines()
    assert lines[0] == "[3. 3. 3. 3.] 2"
    wanted = ("2 arguments, got 1", "with 2, got 3", "shape (4, 4), got")
    for line, words in zip(lines[1:], wanted, strict=True):
        assert words in line


def test_what_a_graph_uploads_is_a_copy_of_its_own():
    told = run(
        GRAPH
        + """
g, host = cuda.CUDAGraph(), np.arange(5.0)
lib.fake_log_on(1)
with cuda.graph(g):
    y = on_gpu(host)
log = lib.fake_log().decode()
print("MemAllocHost 40" in log, "EventRecord" in log, len(g.capture.host))
host[:] = 7
print(g.capture.host[0], y.numpy())
g.reset()
print("MemFreeHost" in lib.fake_log().decode())
"""
    )
    assert told.splitlines() == [
        "True False 1",
        "[0. 1. 2. 3. 4.] [0. 1. 2. 3. 4.]",
        "True",
    ]


def test_indices_and_classes_are_checked_when_the_graph_is_asked():
    told = run(
        """
        import tritongrad as tg
        from tritongrad import nn
        from tritongrad.cuda.nn import check_targets
        from tritongrad.cuda.picking import check_found
        words = tg.tensor([[0, 1], [2, 3]], device="cuda")
        table = tg.randn(5, 4, device="cuda", requires_grad=True)
        device = gpu()
        def step():
            logits = nn.functional.embedding(words, table)
            loss = nn.functional.cross_entropy(logits.reshape(4, 4), words.reshape(4))
            loss.backward()
            return loss
        g = tg.cuda.CUDAGraph()
        print(device.capturing)
        with tg.cuda.graph(g):
            print(device.capturing)
            loss = step()
        print(device.capturing, len(g.capture.checks) >= 2)
        g.replay()
        wrong, labels = on_gpu(np.array([3])), on_gpu(np.array([0, 1, 2, 9]))
        for look in (lambda: check_targets(wrong, labels, 5),
                     lambda: device.verify(lambda: check_found(wrong, labels, "take", 1, 6))):
            h = tg.cuda.CUDAGraph()
            with tg.cuda.graph(h):
                y = table + 1.0
                look()
            h.replay()
            try:
                h.check()
            except IndexError as error:
                print(error)
        """
    )
    assert told.splitlines() == [
        "False",
        "True",
        "False True",
        "cross_entropy: target 9 of row 3 is out of bounds for 5 classes; targets go from 0 to "
        "classes - 1, and ignore_index leaves a row out",
        "take: index 9 is out of bounds for dimension 1 with size 6",
    ]
