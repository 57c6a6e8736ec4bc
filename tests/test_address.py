"""Where an array's memory begins, by its object's layout and by NumPy's own words."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from tritongrad.cpu import address


@pytest.mark.parametrize("dtype", ["?", "f4", "f8", "i8", "c16"])
def test_both_ways_give_one_address(dtype):
    x = np.zeros((5, 6, 7), dtype)
    frozen = x.copy()
    frozen.setflags(write=False)
    views = [x[1], x[:, 2, 3], x.T, x[::-2, ::-1], np.broadcast_to(x[0, 0, 0], (3,)), frozen[2:]]
    for y in (x, np.zeros(()), np.ones(3)[:0], *views, *map(np.ndarray.copy, views)):
        assert address.by_layout(y) == address.by_numpy(y) == address.address(y)


def test_only_a_layout_that_was_seen_is_relied_upon(monkeypatch):
    assert address.SEEN and address.address is address.by_layout
    monkeypatch.setattr(address, "HEAD", address.HEAD + 8)  # the number of dims
    assert not address.is_so()
    monkeypatch.undo()
    monkeypatch.setattr(sys.implementation, "name", "another")
    assert not address.is_so()
