"""Functions composed of operations (repeat, roll, pad ...): values against NumPy, gradients."""

from __future__ import annotations

import numpy as np
import pytest

import tritongrad as tg
from tritongrad.testing import gradcheck

X = np.arange(24.0).reshape(2, 3, 4) / 7 - 1.3
INDEX = np.array([2, 0, 2])

# name: (our function, NumPy's)
FUNCTIONS = {
    "repeat": (lambda x: x.repeat(2, 1, 3), lambda x: np.tile(x, (2, 1, 3))),
    "repeat_new_dim": (lambda x: x.repeat((2, 1, 1, 2)), lambda x: np.tile(x, (2, 1, 1, 2))),
    "repeat_nothing": (lambda x: x.repeat(0, 1, 1), lambda x: np.tile(x, (0, 1, 1))),
    "tile": (lambda x: tg.tile(x, (2,)), lambda x: np.tile(x, 2)),
    "repeat_interleave": (lambda x: x.repeat_interleave(3, 1), lambda x: np.repeat(x, 3, 1)),
    "repeat_interleave_each": (
        lambda x: x.repeat_interleave(tg.tensor([1, 0, 2]), 1),
        lambda x: np.repeat(x, [1, 0, 2], 1),
    ),
    "repeat_interleave_flat": (lambda x: x.repeat_interleave(2), lambda x: np.repeat(x, 2)),
    "flip": (lambda x: x.flip(0, 2), lambda x: np.flip(x, (0, 2))),
    "fliplr": (tg.fliplr, np.fliplr),
    "flipud": (tg.flipud, np.flipud),
    "roll": (lambda x: x.roll((1, -2), (0, 2)), lambda x: np.roll(x, (1, -2), (0, 2))),
    "roll_flat": (lambda x: x.roll(5), lambda x: np.roll(x, 5)),
    "roll_round": (lambda x: x.roll(3, 1), lambda x: np.roll(x, 3, 1)),
    "rot90": (lambda x: tg.rot90(x, 3, (1, 2)), lambda x: np.rot90(x, 3, (1, 2))),
    "pad": (
        lambda x: tg.nn.functional.pad(x, (1, 2, 0, 1), value=2.5),
        lambda x: np.pad(x, ((0, 0), (0, 1), (1, 2)), constant_values=2.5),
    ),
    "pad_cuts": (
        lambda x: tg.nn.functional.pad(x, (-1, 1)),
        lambda x: np.pad(x[..., 1:], [(0, 0)] * 2 + [(0, 1)]),
    ),
    "stack": (lambda x: tg.stack([x, x * 2], 1), lambda x: np.stack([x, x * 2], 1)),
    "cat": (lambda x: tg.cat([x, x * x], -1), lambda x: np.concatenate([x, x * x], -1)),
    "hstack": (lambda x: tg.hstack([x, x]), lambda x: np.hstack([x, x])),
    "vstack": (lambda x: tg.vstack([x, x]), lambda x: np.vstack([x, x])),
    "column_stack": (
        lambda x: tg.column_stack([x[0, 0], x[0].T]),
        lambda x: np.column_stack([x[0, 0], x[0].T]),
    ),
    "movedim": (lambda x: x.movedim((0, 1), (2, 0)), lambda x: np.moveaxis(x, (0, 1), (2, 0))),
    "ravel": (lambda x: x.transpose(0, 2).ravel(), lambda x: x.transpose(2, 1, 0).ravel()),
    "diag_embed": (
        lambda x: tg.diag_embed(x[0, 0], 1),
        lambda x: np.diag(x[0, 0], 1),
    ),
    "diag": (lambda x: tg.diag(x[0], -1), lambda x: np.diag(x[0], -1)),
    "take_along_dim": (
        lambda x: tg.take_along_dim(x, tg.tensor(INDEX, device=x.device).reshape(1, 3, 1), 1),
        lambda x: x[:, INDEX],
    ),
    "index_copy": (
        lambda x: x.index_copy(1, tg.tensor([2, 0]), x[:, :2] * 3),
        lambda x: np.stack([x[:, 1] * 3, x[:, 1], x[:, 0] * 3], 1),
    ),
    "index_fill": (
        lambda x: x.index_fill(1, tg.tensor([1]), 5.0),
        lambda x: np.stack([x[:, 0], np.full((2, 4), 5.0), x[:, 2]], 1),
    ),
    "masked_select": (lambda x: x.masked_select(x > 0), lambda x: x[x > 0]),
    "sort": (lambda x: tg.sort(x, 1, descending=True)[0], lambda x: -np.sort(-x, 1)),
    "topk": (lambda x: x.topk(2)[0], lambda x: -np.sort(-x, -1)[..., :2]),
    "hsplit": (lambda x: tg.hsplit(x, 3)[1], lambda x: np.hsplit(x, 3)[1]),
    "vsplit": (lambda x: tg.vsplit(x, 2)[1], lambda x: np.vsplit(x, 2)[1]),
}
every = pytest.mark.parametrize(("ours", "numpys"), FUNCTIONS.values(), ids=FUNCTIONS)


@every
def test_value_is_numpys(ours, numpys, device):
    got, want = ours(tg.tensor(X, device=device)), numpys(X)
    assert got.shape == want.shape and got.dtype == tg.float64
    assert np.allclose(got.cpu().numpy(), want)


@every
def test_value_of_a_tensor_with_other_strides(ours, numpys):
    x = tg.tensor(np.ascontiguousarray(X.transpose(2, 0, 1))).permute(1, 2, 0)
    assert np.allclose(ours(x).numpy(), numpys(X))


@every
def test_gradient(ours, numpys):
    x = tg.tensor(X, requires_grad=True)
    assert gradcheck(lambda x: ours(x) * 2, (x,))


def test_joined_dtypes_promote():
    joined = tg.cat([tg.tensor([1]), tg.tensor([2.5]), tg.tensor([3.0], dtype=tg.float64)])
    assert joined.dtype == tg.float64 and joined.tolist() == [1, 2.5, 3]


def test_an_empty_vector_joins_anything():
    assert tg.cat([tg.zeros(0), tg.ones(2, 3)]).shape == (2, 3)
