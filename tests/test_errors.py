"""Bad calls: PyTorch's class, a text that says what was got and what to do, nothing changed."""

from __future__ import annotations

import re

import pytest
from bad_calls import EVERY, arguments

import tritongrad as tg
from tritongrad.checks import bits


def test_there_are_a_hundred_of_them_and_each_has_a_name():
    assert len(EVERY) >= 100
    assert len({row[0] for row in EVERY}) == len(EVERY)


@pytest.mark.parametrize("row", EVERY, ids=[row[0] for row in EVERY])
def test_bad_call(row, device):
    _, error, call, text, words = row
    tensors = arguments(tg, text, device)
    before = [(bits(t), t._version_count, t.requires_grad) for t in tensors]
    with tg.device(device), pytest.raises(error) as caught:
        call(tg, *tensors)
    assert [(bits(t), t._version_count, t.requires_grad) for t in tensors] == before
    assert all(t.grad is None for t in tensors)
    message = bracketed(str(caught.value))
    missing = [w for w in phrases(bracketed(words)) if w not in message]
    assert not missing, f"{missing} not in {message!r}"


def bracketed(text: str) -> str:
    """Shapes written in one way: (3, 4) and (3,) as [3, 4] and [3]."""
    return re.sub(r"\((\d[\d, ]*?),?\)", r"[\1]", text)


def phrases(words: str) -> list[str]:
    """Words apart by blanks; what stands in brackets, "[2, 3]", is one."""
    found, open_ = [], False
    for part in words.split(" "):
        if open_:
            found[-1] += " " + part
        else:
            found.append(part)
        opened = part.startswith("[")
        open_ = (open_ or opened) and not part.endswith("]")
    return found


def test_devices_do_not_mix(accelerator):
    a, b = tg.ones(3), tg.ones(3, device=accelerator)
    for call in (
        lambda: a + b,
        lambda: a.reshape(1, 3).mm(b.reshape(3, 1)),
        lambda: tg.cat([a, b]),
    ):
        with pytest.raises(RuntimeError, match=rf"same device.*cpu.*{accelerator}.*\.to\(device\)"):
            call()
    with pytest.raises(TypeError, match=r"cpu\(\)"):
        b.numpy()


def test_integer_division_by_zero_is_pythons_error():
    a = tg.tensor([1, 2])
    for call in (lambda: a // 0, lambda: a % 0, lambda: a // tg.tensor([1, 0])):
        with pytest.raises(ZeroDivisionError, match="zero"):
            call()
    assert (tg.tensor([-(2**63)]) // -1).item() == -(2**63)
