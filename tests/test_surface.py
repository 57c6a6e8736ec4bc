"""The names that real PyTorch programs use, each called in each form that they call it in."""

import io
import math
import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from own_functions import Cube
from surface_t0_t1 import T0, T1
from surface_t2 import T2

import tritongrad as tg
from tritongrad import nn, optim
from tritongrad.nn import functional as F
from tritongrad.utils.data import DataLoader, Dataset, RandomSampler


class Net(nn.Module):
    def __init__(self, inside, outside):
        super(Net, self).__init__()  # noqa: UP008  (as the programs write it)
        self.layer = nn.Linear(inside, outside)

    def forward(self, x):
        return self.layer(x)


class Four(nn.Module):
    def forward(self, a, b, c, d):
        return a + b + c + d


class Pairs(Dataset):
    def __len__(self):
        return 3

    def __getitem__(self, n):
        if n >= 3:
            raise IndexError(n)
        return np.full(3, n, np.float32), n


def without_grad(function):
    with tg.no_grad():
        return function()


def warned(function):
    """What a function gives that warns of arguments which PyTorch calls deprecated"""
    with pytest.warns(UserWarning, match="reduction"):
        return function()


FIXED = {
    "torch": tg,
    "nn": nn,
    "F": F,
    "optim": optim,
    "np": np,
    "math": math,
    "io": io,
    "Net": Net,
    "Four": Four,
    "Cube": Cube,
    "DataLoader": DataLoader,
    "RandomSampler": RandomSampler,
    "without_grad": without_grad,
    "warned": warned,
    "open_bytes": lambda path: Path(path).read_bytes(),
    "pairs": Pairs(),
}


def names(device, path):
    """What the words of a row mean; what it makes without saying where lies on `device`."""
    x = tg.tensor([[1.0, -2.0, 3.0], [-4.0, 5.0, -6.0]])
    y = tg.tensor([[1.0, 2.0, 3.0]]).repeat(2, 1)
    i = tg.tensor([2, 0, 1])
    rows = x.cpu().numpy().astype(float)
    cross = np.log(np.exp(rows).sum(1)) - rows[[0, 1], [2, 0]]
    return dict(
        FIXED,
        x=x,
        y=y,
        i=i,
        w=x.clone().requires_grad_(),
        half=tg.full((2, 3), 0.5),
        images=tg.arange(72.0).reshape(2, 1, 6, 6),
        m=nn.Linear(3, 4),
        generator=tg.Generator().manual_seed(0),
        cross=float(cross.mean()),
        device=device,
        path=os.fspath(path / "saved"),
    )


def rows(text):
    """(name, statements, expression, mark, what it gives) of each line"""
    for line in text.strip().replace("\n    ", " ").splitlines():
        name, _, program = line.partition(": ")
        mark = " => " if " => " in program else " ~> "
        code, _, wanted = program.partition(mark)
        *before, expression = code.split("; ")
        yield SimpleNamespace(
            name=name, before="; ".join(before), expression=expression, mark=mark.strip(),
            wanted=wanted,
        )  # fmt: skip


ROWS = [row for text in (T0, T1, T2) for row in rows(text)]


def plain(value):
    return value.detach().cpu().tolist() if isinstance(value, tg.Tensor) else value


def numeric(value):
    """Whether a value is a float or nested lists of floats"""
    if isinstance(value, list):
        return bool(value) and all(map(numeric, value))
    return isinstance(value, float)


@pytest.mark.parametrize("row", ROWS, ids=[f"{n}-{row.name}" for n, row in enumerate(ROWS)])
def test_a_form_that_programs_use(device, row, tmp_path):
    before = tg.get_default_device()
    tg.set_default_device(device)
    try:
        known = names(device, tmp_path)
        exec(row.before, known)
        got = eval(row.expression, known)
        if row.mark == "~>":
            assert isinstance(got, tg.Tensor)
            assert " ".join([got.dtype.name, *map(str, got.shape)]) == row.wanted
            return
        got, wanted = plain(got), plain(eval(row.wanted, known))
    finally:
        tg.set_default_device(before)
    if numeric(wanted):
        assert np.shape(got) == np.shape(wanted)
        np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-6)
    else:
        assert got == wanted


def test_every_row_names_one_form_once():
    keys = [(row.name, row.before, row.expression) for row in ROWS]
    assert len(keys) == len(set(keys))
    assert len({row.name for row in ROWS}) == 180
