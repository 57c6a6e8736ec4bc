"""Modules beside PyTorch's, where it is installed: values, gradients, names, first weights."""

from __future__ import annotations

import numpy as np
import pytest
from nn_cases import CASES

import tritongrad as tg

torch = pytest.importorskip("torch")


def given(library, value, grad=True):
    if isinstance(value, tuple):
        return tuple(given(library, v, grad) for v in value)
    if not isinstance(value, np.ndarray):
        return value
    t = library.tensor(value)
    return t.requires_grad_() if grad and value.dtype.kind == "f" else t


def flat(found):
    if isinstance(found, (tuple, list)):
        return [t for part in found for t in flat(part)]
    return [found]


def made(library, name, args, settings):
    settings = {k: given(library, v, False) for k, v in settings.items()}
    return getattr(library.nn, name)(*args, **settings).double()


def weights(library, t):
    return library.tensor(np.linspace(-1.0, 2.0, t.numel()).reshape(tuple(t.shape)))


def run(library, module, inputs, own):
    """What a module gives for inputs, and the gradients of all that has one."""
    x = [given(library, v, i < own) for i, v in enumerate(inputs)]
    results = [t for t in flat(module(*x)) if t.requires_grad]
    total = sum((t * weights(library, t)).sum() for t in results)
    if results:
        total.backward()
    leaves = [t for t in (*flat(x), *module.parameters()) if t.requires_grad]
    return [t.detach().numpy() for t in results], [t.grad.numpy() for t in leaves]


@pytest.mark.parametrize(("name", "args", "settings", "inputs"), CASES)
@pytest.mark.parametrize("training", [True, False])
def test_a_module_is_pytorch_s(name, args, settings, inputs, training):
    own = len(inputs) - name.endswith("Loss")
    ours, theirs = (made(library, name, args, settings) for library in (tg, torch))
    assert repr(ours) == repr(theirs)
    assert [n for n, _ in ours.named_parameters()] == [n for n, _ in theirs.named_parameters()]
    state = theirs.state_dict()
    assert list(ours.state_dict()) == list(state)
    ours.load_state_dict({k: tg.tensor(v.numpy()) for k, v in state.items()})
    for _ in range(2):  # running statistics move
        results = run(tg, ours.train(training), inputs, own)
        others = run(torch, theirs.train(training), inputs, own)
        for found, wanted in zip(results, others, strict=True):
            for one, other in zip(found, wanted, strict=True):
                rtol = 1e-7 if "ard" in name else 1e-9  # PyTorch's Hardsigmoid has 1/6 in float32
                np.testing.assert_allclose(one, other, rtol=rtol, atol=1e-11)
    for key, value in theirs.state_dict().items():
        np.testing.assert_allclose(ours.state_dict()[key].numpy(), value.numpy(), rtol=1e-9)


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("Linear", (50, 200)),
        ("Conv2d", (16, 32, 5)),
        ("Conv1d", (40, 80, 3)),
        ("ConvTranspose2d", (16, 32, 5)),
        ("Embedding", (100, 50)),
        ("LSTM", (30, 40)),
        ("GRUCell", (30, 40)),
        ("Bilinear", (20, 30, 20)),
    ],
)
def test_first_weights_are_spread_as_pytorch_s(name, args):
    tg.manual_seed(0)
    torch.manual_seed(0)
    ours, theirs = (made(library, name, args, {}).state_dict() for library in (tg, torch))
    for key, value in theirs.items():
        one, other = ours[key].numpy(), value.numpy()
        assert one.std() == pytest.approx(other.std(), rel=4 / np.sqrt(one.size))
        assert np.abs(one).max() == pytest.approx(np.abs(other).max(), rel=0.2)


def tree(nn):
    return nn.Sequential(
        nn.Linear(2, 3),
        nn.ModuleList([nn.Linear(2, 2)] * 3 + [nn.ReLU(inplace=True)]),
        nn.ModuleDict({"a": nn.Sequential(), "b": nn.Sequential(nn.Tanh(), nn.Tanh())}),
        nn.ModuleList(),
        nn.Dropout(0.2),
        nn.Embedding(3, 4, 1),
    )


def test_a_tree_looks_like_pytorch_s():
    assert repr(tree(tg.nn)) == repr(tree(torch.nn))
    assert list(tree(tg.nn).state_dict()) == list(tree(torch.nn).state_dict())
    both = [
        lib.nn.ParameterList([lib.nn.Parameter(lib.ones(2, 3)), lib.nn.Parameter(lib.ones(4))])
        for lib in (tg, torch)
    ]
    assert repr(both[0]).replace("tritongrad.", "torch.") == repr(both[1])


@pytest.mark.parametrize("norm", [1.0, 2.0, float("inf")])
def test_gradients_are_clipped_as_pytorch_clips(norm):
    ends = []
    for library in (tg, torch):
        params = [library.ones(3, requires_grad=True), library.ones(2, 2, requires_grad=True)]
        sum(
            (p * library.linspace(-1, 3, p.numel()).reshape(p.shape)).sum() for p in params
        ).backward()
        total = library.nn.utils.clip_grad_norm_(params, 1.5, norm)
        library.nn.utils.clip_grad_value_(params[:1], 0.2)
        ends.append([float(total), *[v for p in params for v in p.grad.reshape(-1).tolist()]])
    assert ends[0] == pytest.approx(ends[1], rel=1e-6)
