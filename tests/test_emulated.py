"""The cuda side with results: on the stand-in driver, with kernels run by the interpreter."""

import pytest

pytest.importorskip("triton", reason="kernels run in Triton's interpreter")

from standin import run

pytestmark = pytest.mark.triton

PLAYED = """
import emulated
emulated.install()
import tritongrad as tg
import tritongrad.nn.functional
"""
ASK = """
from bench.gpu import facts, probes
facts.is_stand_in = lambda: False
for name in {names!r}:
    [(_, row)] = probes.ask(name)
    print(name, row["verdict"], row["result"] if row["verdict"] == "no" else "", sep="")
"""
QUICK = ["first_launch_inside", "freed_inside", "upload_inside", "waiting_inside", "plans"]
# All that do not ask for time, memory by the GiB, or Triton's own launcher, which is not played.
RIGHT_OR_WRONG = [
    *("cubin_loads", "int_address_parameters", "parameter_layout", "tma_scratch", "users_kernels"),
    *("release_threshold", "memory_of_a_graph", "exec_update", "threads", "cluster_launch"),
    *("random_inside", "float32_rules", "rounding_to_half", "bits_of_the_cpu", "random_bits"),
]


def yes(names):
    return "".join(f"{name}yes\n" for name in names)


def test_questions_of_graphs_and_plans_are_answered_with_yes():
    assert run(PLAYED + ASK.format(names=QUICK)) == yes(QUICK)


@pytest.mark.slow
@pytest.mark.parametrize("name", RIGHT_OR_WRONG)
def test_every_question_of_right_and_wrong_is_answered_with_yes(name):
    assert run(PLAYED + ASK.format(names=[name])) == yes([name])


def test_a_fault_of_a_kernel_is_told_by_the_next_call_that_waits():
    assert run(PLAYED + ASK.format(names=["illegal_address"])) == yes(["illegal_address"])


def test_page_locked_memory_may_be_dropped_while_a_graph_is_recorded():
    told = run(
        PLAYED
        + """
pinned = tg.cuda.pinned_empty((8,), np.float32)
pinned[:] = 3
x = on_gpu(pinned)
graph = tg.cuda.CUDAGraph()
with tg.cuda.graph(graph):
    del pinned
    y = tg.ones(8, device="cuda") * 2
graph.replay()
print(y.cpu().numpy().tolist())
"""
    )
    assert told == f"{[2.0] * 8}\n"


def test_a_captured_step_gives_the_bits_of_the_eager_one():
    told = run(
        PLAYED
        + """
from bench.gpu.training import training_step
sizes = 4, 9, 5, 3
eager, one = training_step(tg, sizes)
step, two = training_step(tg, sizes)
graphed = tg.cuda.graphed(step)
losses = [(eager().item(), graphed().item()) for _ in range(6)]
print(all(a == b for a, b in losses), losses[-1][0] < losses[0][0])
print(all((a == b).all().item() for a, b in zip(one, two)))
"""
    )
    assert told == "True True\nTrue\n"


def test_a_scaled_update_and_softmax_are_one_launch_each_with_the_bits_of_the_cpu():
    told = run(
        PLAYED
        + """
rng = np.random.default_rng(0)
a, b = (rng.standard_normal((33, 7)).astype("f4") for _ in range(2))
for dtype, launches in ((tg.float32, 1), (tg.float64, 1), (tg.float16, 2)):
    x, y = (tg.tensor(t).to(dtype).to("cuda") for t in (a, b))
    here, there = (tg.tensor(t).to(dtype) for t in (a, b))
    counted = []
    emulated.ran.clear()
    for i in range(4):
        x.sub_(y, alpha=0.1 + i)
        here.sub_(there, alpha=0.1 + i)
        counted.append(len(emulated.ran))
        emulated.ran.clear()
    print(set(counted) == {launches}, (x.cpu().numpy() == here.numpy()).all())
emulated.ran.clear()
x = tg.tensor(a).to("cuda")
results = [x.softmax(-1).cpu().numpy().tobytes() for _ in range(4)]
print(len(set(results)), emulated.ran)
y = x.view(-1)[1:]
y.add_(x.view(-1)[:-1], alpha=0.5)
flat = a.reshape(-1)
print((y.cpu().numpy() == flat[1:] + flat[:-1] * np.float32(0.5)).all())
"""
    )
    assert told == "True True\n" * 3 + f"1 {['softmax_rows'] * 4}\nTrue\n"


def test_each_gradient_of_a_layer_norm_is_computed_once():
    told = run(
        PLAYED
        + """
a, g = (np.random.default_rng(i).standard_normal((5, 9)).astype("f4") for i in range(2))
found = {}
for device in ("cpu", "cuda"):
    x = tg.tensor(a, device=device, requires_grad=True)
    weight, bias = (tg.tensor(a[i], device=device, requires_grad=True) for i in range(2))
    y = tg.nn.functional.layer_norm(x, (9,), weight, bias)
    emulated.ran.clear()
    y.backward(tg.tensor(g, device=device))
    found[device] = [t.detach().cpu().numpy() for t in (y, x.grad, weight.grad, bias.grad)]
print(sorted(name for name in emulated.ran if name != "reduce_tiles"))
print([bool(np.allclose(*pair, rtol=1e-5, atol=1e-6)) for pair in zip(*found.values())])
"""
    )
    kernels = ["layer_norm_backward_rows", "layer_norm_weight_tiles"]
    assert told == f"{kernels}\n{[True] * 4}\n"
