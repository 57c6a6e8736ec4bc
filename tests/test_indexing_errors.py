"""What is refused as an index: the class is PyTorch's, the text names index, dim and size."""

from __future__ import annotations

import numpy as np
import pytest

import tritongrad as tg

ERRORS = [
    (lambda x: x[5], IndexError, "index 5 is out of bounds for dimension 0 with size 2"),
    (lambda x: x[0, -4], IndexError, "index -4 is out of bounds for dimension 1 with size 3"),
    (lambda x: x[0, 0, 0, 0], IndexError, "too many indices for tensor of dimension 3"),
    (lambda x: x[tg.tensor([0, 7])], IndexError, "index 7 is out of bounds .* 0 with size 2"),
    (lambda x: x[tg.tensor([0]), tg.tensor([-9])], IndexError, "index -9 .* 1 with size 3"),
    (lambda x: x[[0, 1], [0, 1, 2]], IndexError, r"shapes \[2\], \[3\]"),
    (lambda x: x[tg.tensor([True] * 3)], IndexError, r"mask \[3\] at index 0 .* \[2, 3, 4\]"),
    (lambda x: x[1.5], IndexError, r"valid indices \(got float\)"),
    (lambda x: x["a"], IndexError, r"valid indices \(got str\)"),
    (lambda x: x[tg.tensor([1.0])], IndexError, "must be long, int or bool"),
    (lambda x: x[0, 0, 0][0], IndexError, "too many indices for tensor of dimension 0"),
    (lambda x: x[..., ...], IndexError, "single ellipsis"),
    (lambda x: x[::0], ValueError, "step cannot be zero"),
    (lambda x: x.gather(1, tg.tensor([[[3]]])), RuntimeError, "index 3 .* dimension 1 with size 3"),
    (lambda x: x.gather(1, tg.tensor([[[-1]]])), RuntimeError, "index -1 "),
    (lambda x: x.gather(1, tg.tensor([0])), RuntimeError, "same number of dimensions"),
    (lambda x: x.gather(0, tg.zeros(1, 1, 1)), RuntimeError, "Expected dtype int32/int64"),
    (lambda x: x.gather(0, tg.zeros(1, 9, 1).long()), RuntimeError, "apart from dimension 0"),
    (lambda x: x.index_select(0, tg.tensor([2])), IndexError, "index 2 .* 0 with size 2"),
    (lambda x: x.index_select(0, tg.tensor([[0]])), IndexError, "supposed to be a vector"),
    (lambda x: x.scatter(0, tg.tensor([[[2]]]), 1.0), RuntimeError, "index 2 "),
    (lambda x: x.scatter_(0, tg.tensor([[[2]]]), 1.0), RuntimeError, "index 2 "),
    (lambda x: x.scatter(0, tg.tensor([[[0]]]), tg.zeros(1, 1, 1).double()), RuntimeError, "dtype"),
    (lambda x: x.scatter_add(0, tg.tensor([[[2]]]), x), RuntimeError, "index 2 "),
    (lambda x: x.index_add(0, tg.tensor([5]), x[:1]), RuntimeError, "index 5 "),
    (lambda x: x.index_add(0, tg.tensor([0]), x), RuntimeError, "expected"),
    (lambda x: x.index_copy(0, tg.tensor([0]), x), IndexError, "Number of indices"),
    (lambda x: x.index_fill(0, tg.tensor([3]), 1), IndexError, "index 3 "),
    (lambda x: x.masked_fill(tg.ones(2), 1.0), RuntimeError, "boolean masks"),
    (lambda x: x.masked_fill(tg.ones(2) > 0, 1.0), RuntimeError, "must match the size"),
    (lambda x: x.long().fill_(float("nan")), RuntimeError, "without overflow"),
    (lambda x: x.to(tg.int8).fill_(300), RuntimeError, "300 .* int8 without overflow"),
    (lambda x: x.__setitem__(0, tg.zeros(7)), RuntimeError, r"existing size \(7\)"),
    (lambda x: x.__setitem__([0], tg.zeros(7)), RuntimeError, r"shape \[7\] cannot be broadcast"),
    (lambda x: x.__setitem__([5], 1.0), IndexError, "index 5 "),
    (lambda x: x[0, 0].tril(), RuntimeError, "at least 2 dim"),
    (lambda x: x.topk(9), RuntimeError, "k out of range"),
    (lambda x: tg.nn.functional.one_hot(tg.tensor([-1, 2])), RuntimeError, "non-negative"),
    (lambda x: tg.bincount(tg.tensor([-1])), RuntimeError, "non-negative integral"),
    (lambda x: tg.embedding(x[0], tg.tensor([3])), IndexError, "index 3 .* with size 3"),
    (lambda x: x.gather(0, [0]), TypeError, "argument 'index' must be a Tensor"),
]


@pytest.mark.parametrize(("call", "error", "text"), ERRORS)
def test_errors_name_index_dim_and_size_and_change_nothing(call, error, text):
    x = tg.tensor(np.linspace(-1, 1, 24, dtype=np.float32).reshape(2, 3, 4))
    before, version = x.numpy().copy(), x._version_count
    with pytest.raises(error, match=text):
        call(x)
    assert (x.numpy() == before).all() and x._version_count == version
