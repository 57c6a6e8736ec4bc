"""cuda.make_graphed_callables on the stand-in: launches, gradients, memory, and what it refuses."""

import pytest
from standin import run

pytestmark = pytest.mark.triton

START = """
import tritongrad as tg
from tritongrad import nn
lib = fake()
tg.set_default_device("cuda")
make = tg.cuda.make_graphed_callables

def queued(function):
    lib.fake_log_on(1)
    function()
    return [line.split()[0] for line in lib.fake_log().decode().split("\\n") if line]
"""


def test_a_module_replays_both_passes_and_the_gradients_arrive():
    told = run(
        START
        + """
net = nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 2))
wanted = [p.shape for p in net.parameters()]
names = list(net.state_dict())
same = make(net, (tg.randn(3, 6, requires_grad=True),))
print(same is net, type(net).__name__, names == list(net.state_dict()))
x = tg.randn(3, 6, requires_grad=True)
y = net(x)
print(y.shape, y.requires_grad, y.grad_fn.name())
print(sorted(queued(lambda: net(x))))
y.sum().backward()
print(x.grad.shape, [p.grad.shape for p in net.parameters()] == wanted)
first = [p.grad.data_ptr() for p in net.parameters()]
static = {g.data_ptr() for g in net.forward.__closure__[0].cell_contents.leaving}
net(x).sum().backward()          # adds to what is there, in memory that is the parameters' own
print([p.grad.data_ptr() for p in net.parameters()] == first, static & set(first))
optimizer = tg.optim.SGD(net.parameters(), lr=0.1)
for _ in range(3):
    optimizer.zero_grad()
    loss = (net(x) ** 2).mean()
    loss.backward()
    optimizer.step()
with tg.no_grad():
    print(net(x).requires_grad)
net.eval()
print("GraphLaunch" in queued(lambda: net(x)))
net.train()
print("GraphLaunch" in queued(lambda: net(x)))
"""
    )
    lines = told.splitlines()
    assert lines[0] == "True Sequential True"
    assert lines[1] == "tritongrad.Size([3, 2]) True GraphedCallableBackward"
    assert lines[2] == "['DtoD', 'GraphLaunch']"
    assert lines[3:] == ["tritongrad.Size([3, 6]) True", "True set()", "False", "False", "True"]


def test_the_gradients_are_those_that_were_recorded():
    told = run(
        START
        + """
# The stand-in computes nothing, so the results are put where the graphs leave them.
def fill(t, value):
    gpu().upload(t.data_ptr(), np.full(t.shape, value, "f4"))
samples = tg.ones(4, requires_grad=True), tg.ones(4)
f = make(lambda a, b: (a * b, (a > b), a.detach() + 1), samples)
fill(f.results[0], 2.5), fill(f.leaving[0], 7)
a = tg.tensor([3.0] * 4, requires_grad=True)
b = tg.tensor([4.0] * 4)
y, greater, z = f(a, b)
print(y.tolist(), greater.dtype, y.requires_grad, greater.requires_grad, z.requires_grad)
print(f.places[0].tolist(), f.places[1].tolist())
y.backward(tg.tensor([0.5] * 4))
print(a.grad.tolist(), f.arriving[0].tolist(), b.grad)
fill(f.leaving[0], 9)
print(a.grad.tolist(), len(f.leaving))
"""
    )
    assert told.splitlines() == [
        "[2.5, 2.5, 2.5, 2.5] tritongrad.bool True False False",
        "[3.0, 3.0, 3.0, 3.0] [4.0, 4.0, 4.0, 4.0]",
        "[7.0, 7.0, 7.0, 7.0] [0.5, 0.5, 0.5, 0.5] None",
        "[7.0, 7.0, 7.0, 7.0] 1",
    ]


def test_several_callables_functions_without_gradients_and_all_memory_comes_back():
    told = run(
        START
        + """
layers = nn.Linear(4, 4), nn.Linear(4, 2), lambda a: a * 2
given = tg.randn(3, 4), tg.randn(3, 4, requires_grad=True), tg.randn(5)
one, two, three = make(layers, tuple((t,) for t in given))
x = tg.randn(3, 4)
two(one(x)).sum().backward()
print(one.weight.grad.shape, two.bias.grad.shape)
print(three(tg.randn(5)).grad_fn, three.backward)
del layers, given, one, two, three, x
import gc
gc.collect()
tg.cuda.empty_cache()
print(tg.cuda.memory_allocated(), lib.fake_used())
"""
    )
    assert told.splitlines() == [
        "tritongrad.Size([4, 4]) tritongrad.Size([2])",
        "None None",
        "0 0",
    ]


def test_what_does_not_fit_the_recording_is_refused():
    told = run(
        START
        + """
def tells(f):
    try:
        f()
    except (TypeError, ValueError, RuntimeError) as error:
        print(type(error).__name__, error)
f = make(lambda a: a * 2, tg.randn(5))
tells(lambda: f())
tells(lambda: f(3))
tells(lambda: f(tg.randn(4)))
tells(lambda: f(tg.randn(5, device="cpu")))
tells(lambda: f(tg.randn(5, requires_grad=True)))
tells(lambda: make(f, (2,)))
tells(lambda: make(f, (tg.randn(5, device="cpu"),)))
tells(lambda: make((f, f), ((tg.randn(5),),)))
tells(lambda: make(lambda a: a.sum().item(), tg.randn(5)))
tells(lambda: make(lambda a: {"a": a}, tg.randn(5)))
unused = tg.randn(5, requires_grad=True), tg.randn(5, requires_grad=True)
tells(lambda: make(lambda a, b: a * 2, unused))
g = make(lambda a, b: a * 2, unused, allow_unused_input=True)
g(*unused).sum().backward()
print(unused[0].grad.shape, unused[1].grad, gpu().capture)
"""
    )
    lines = told.splitlines()
    words = (
        "TypeError make_graphed_callables: recorded with 1 arguments, got 0",
        "argument 0 must be a Tensor, got int",
        "recorded as ((5,), 'tritongrad.float32', 'cuda:0'), got ((4,), ",
        "'cuda:0'), got ((5,), 'tritongrad.float32', 'cpu')",
        "argument 0 requires a gradient and the one recorded did not",
        "sample_args[0] must be a Tensor, got int",
        "sample_args[0] must be on 'cuda', got one on cpu",
        "2 callables need as many tuples of sample_args, got 1",
        "the result must be a Tensor or a tuple of them, got float",
        "the result must be a Tensor or a tuple of them, got dict",
        "RuntimeError One of the differentiated Tensors appears to not have been used",
    )
    for line, text in zip(lines[:-1], words, strict=True):
        assert text in line
    assert lines[-1] == "tritongrad.Size([5]) None None"
