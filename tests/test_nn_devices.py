"""Every module: the same results on every device, and copies that are equal."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from nn_cases import CASES

import tritongrad as tg
from tritongrad import nn


def made(name, args, settings, device="cpu"):
    def tensors(v):
        return tg.tensor(v, dtype=tg.float32) if isinstance(v, np.ndarray) else v

    tg.manual_seed(0)
    module = getattr(nn, name)(*args, **{k: tensors(v) for k, v in settings.items()})
    return module.to(device)


def given(value, device):
    if isinstance(value, tuple):
        return tuple(given(v, device) for v in value)
    dtype = tg.float32 if value.dtype.kind == "f" else None
    return tg.tensor(value, dtype=dtype, device=device)


def flat(found):
    if isinstance(found, (tuple, list)):
        return [t for part in found for t in flat(part)]
    return [found]


def run(module, inputs, device):
    x = [given(v, device) for v in inputs]
    own = x if len(x) == 1 else x[:1]
    for t in own:
        if t.is_floating_point():
            t.requires_grad_()
    results = [t for t in flat(module(*x)) if t.requires_grad]
    if results:
        sum((t * t).sum() for t in results).backward()
    grads = [t.grad for t in (*own, *module.parameters()) if t.requires_grad]
    return [t.detach().cpu().numpy() for t in (*results, *grads)]


# Large and slow on the interpreter without saying more: the convolutions of the other cases do.
SMALL = [c for c in CASES if not any(np.size(v) > 150 for v in c[3] if isinstance(v, np.ndarray))]


@pytest.mark.parametrize(("name", "args", "settings", "inputs"), SMALL)
def test_a_module_gives_the_same_on_every_device(name, args, settings, inputs, accelerator):
    ours, wanted = (run(made(name, args, settings, d), inputs, d) for d in (accelerator, "cpu"))
    assert ours or name == "Identity" or not wanted
    for one, other in zip(ours, wanted, strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize(("name", "args", "settings"), {c[0]: c[:3] for c in CASES}.values())
def test_a_module_can_be_pickled_and_copied(name, args, settings):
    module = made(name, args, settings)
    for again in (pickle.loads(pickle.dumps(module)), copy.deepcopy(module)):
        assert repr(again) == repr(module) and type(again) is type(module)
        state = again.state_dict()
        assert list(state) == list(module.state_dict())
        for key, value in module.state_dict().items():
            assert state[key].tolist() == value.tolist() and state[key] is not value
        assert [p.requires_grad for p in again.parameters()] == [True] * len(
            list(module.parameters())
        )
