"""amp.GradScaler: scaled losses, unscaled gradients, steps left out, a scale that adjusts."""

from __future__ import annotations

import math

import pytest

import tritongrad as tg

SCALE = {"init_scale": 8.0, "growth_interval": 2}


def made(device, **options):
    w = tg.ones(2, device=device, requires_grad=True)
    return w, tg.optim.SGD([w], lr=0.5), tg.amp.GradScaler(**options)


def test_a_step_is_that_without_scaling(device):
    w, optimizer, scaler = made(device, **SCALE)
    loss = scaler.scale((w * w).sum())
    assert loss.item() == 16
    loss.backward()
    assert w.grad.tolist() == [16, 16]
    scaler.step(optimizer)
    assert w.grad.tolist() == [2, 2] and w.tolist() == [0, 0]
    scaler.update()
    assert scaler.get_scale() == 8


def test_the_scale_grows_after_sound_steps_and_shrinks_after_others(device):
    w, optimizer, scaler = made(device, **SCALE)
    for expected, factor in ((8, 1.0), (16, 1.0), (8, math.inf), (4, math.nan), (4, 1.0), (8, 1.0)):
        before = w.tolist()
        w.grad = tg.full((2,), factor, device=device)
        scaler.step(optimizer)
        assert (w.tolist() == before) == (not math.isfinite(factor))
        scaler.update()
        assert scaler.get_scale() == expected
    scaler.update(3.0)
    assert scaler.get_scale() == 3


def test_gradients_are_unscaled_once_for_clipping():
    w, optimizer, scaler = made("cpu", **SCALE)
    scaler.scale([(w * 3).sum()])[0].backward()
    scaler.unscale_(optimizer)
    assert w.grad.tolist() == [3, 3]
    with pytest.raises(RuntimeError, match="unscale_"):
        scaler.unscale_(optimizer)
    scaler.step(optimizer)
    assert w.tolist() == [-0.5, -0.5]
    with pytest.raises(RuntimeError, match="step"):
        scaler.step(optimizer)
    scaler.update()
    with pytest.raises(RuntimeError, match="update"):
        scaler.update()


def test_a_scaler_that_is_off_does_nothing():
    w, optimizer, scaler = made("cpu", enabled=False)
    loss = (w * 2).sum()
    assert scaler.scale(loss) is loss and scaler.get_scale() == 1 and not scaler.is_enabled()
    loss.backward()
    scaler.unscale_(optimizer)
    scaler.step(optimizer)
    scaler.update()
    assert w.tolist() == [0, 0] and scaler.state_dict() == {}
    scaler.load_state_dict({})


def test_its_state_is_saved_and_goes_on():
    w, optimizer, scaler = made("cpu", **SCALE)
    w.grad = tg.ones(2)
    scaler.step(optimizer)
    scaler.update()
    other = tg.cuda.amp.GradScaler()
    other.load_state_dict(scaler.state_dict())
    assert other.state_dict() == scaler.state_dict() and other.is_enabled()
    with pytest.raises(RuntimeError, match="empty"):
        other.load_state_dict({})
    with pytest.raises(ValueError, match="growth_factor"):
        tg.amp.GradScaler(growth_factor=1.0)
    with pytest.raises(AttributeError, match="nothing is cast by itself"):
        tg.amp.custom_fwd(float)


def test_autocast_is_for_programs_that_switch_it_off(monkeypatch):
    x = tg.ones(2)
    for context in (
        tg.autocast("cuda", enabled=False),
        tg.amp.autocast(device_type="cpu", dtype=tg.bfloat16, enabled=False),
        tg.cuda.amp.autocast(False),
    ):
        with context:
            assert (x + 1).dtype is tg.float32
        assert context(math.sqrt)(4) == 2
    with pytest.raises(RuntimeError, match="autocast: nothing is cast by itself"):
        tg.autocast("cpu", tg.bfloat16)
    monkeypatch.setattr(tg.amp, "cuda_is_available", lambda: False)
    with pytest.warns(UserWarning, match="cuda is not available"), tg.autocast("cuda"):
        assert (x + 1).dtype is tg.float32
    monkeypatch.setattr(tg.amp, "cuda_is_available", lambda: True)
    with pytest.raises(RuntimeError, match="autocast"):
        tg.autocast("cuda")


def test_compile_gives_models_back():
    net = tg.nn.Linear(2, 1)
    assert tg.compile(net) is net and tg.compile(net, mode="max-autotune", dynamic=True) is net

    @tg.compile(fullgraph=True)
    def double(x):
        return 2 * x

    assert double(3) == 6
    with pytest.raises(TypeError, match="compile: expected a module or a function, got int"):
        tg.compile(3)
