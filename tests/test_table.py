"""The tables of tricky inputs, row by row, on every device."""

from __future__ import annotations

import hunt_rules
import hunt_table
import numpy as np
import pytest

import tritongrad as tg

ROWS = (
    hunt_table.CLAMP
    + hunt_table.POW
    + hunt_table.REDUCE
    + hunt_rules.PRODUCTS
    + hunt_rules.INTEGERS
    + hunt_rules.WRITES
    + hunt_rules.MORE
)


def plain(result):
    """Tensors and arrays as lists."""
    return result.tolist() if isinstance(result, (tg.Tensor, np.ndarray)) else result


def is_error(expected):
    return isinstance(expected, type) and issubclass(expected, Exception)


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_row(row, device):
    _, do, expected = row

    def t(values, dtype=tg.float32):
        return tg.tensor(values, dtype=dtype, device=device)

    allowed = expected if isinstance(expected, tuple) else (expected,)
    errors = tuple(e for e in allowed if is_error(e))
    words = [e for e in allowed if isinstance(e, str)]
    values = [repr(e) for e in allowed if not is_error(e) and not isinstance(e, str)]
    try:
        found = plain(do(t))
    except errors as error:
        assert all(w in str(error) for w in words), str(error)
        assert str(error), "an error without words"
    else:
        assert repr(found) in values


def test_every_row_has_a_name_of_its_own():
    names = [row[0] for row in ROWS]
    assert len(set(names)) == len(names) >= 140
