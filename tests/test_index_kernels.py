"""Indexing on device arrays: NumPy's semantics, sums in a fixed order, named bad indices."""

import numpy as np
import pytest

pytest.importorskip("triton", reason="the interpreter comes with Triton")

from tritongrad.cuda import index as cuda
from tritongrad.cuda import shape
from tritongrad.cuda.array import DeviceArray, from_numpy
from tritongrad.cuda.seam import device_of

DEVICE = device_of("interpret")
RNG = np.random.default_rng(0)


def up(array):
    return from_numpy(np.ascontiguousarray(array), DEVICE)


def lift(index, device):
    """The arrays of an index on the device, or as they are"""
    if isinstance(index, tuple):
        return tuple(lift(item, device) for item in index)
    return up(index) if device and isinstance(index, np.ndarray) else index


def ints(*values, dtype=np.int64):
    return np.array(values, dtype)


X = RNG.normal(size=(4, 5, 6)).astype(np.float32)
MASK = RNG.random((4, 5)) < 0.5
INDICES = [
    1,
    (slice(None), -2),
    (Ellipsis, slice(None, None, -2)),
    (None, 1, Ellipsis, None),
    ints(2, 0, -1),
    ints(3, 1, dtype=np.int32),
    ints(3, 1, dtype=np.uint8),
    [0, 3],
    [],
    ints([0, 1], [-1, 2]),
    (slice(None), ints(4, 4, 0)),
    (slice(None), slice(None), ints(5, -6, 2)),
    (Ellipsis, ints(5, -6, 2)),
    (slice(1, 3), ints(4, 4, 0), slice(None, None, 2)),
    (ints(0, 1), ints(2, 3)),
    (ints(0, 1), slice(None), ints(2, 3)),
    (slice(None), ints(0, 1), ints(2, 3)),
    (slice(None, None, -1), ints(0, 1), ints(2, 3)),
    (ints(0, 1), None, ints(2, 3)),
    (ints([0], [1]), ints(2, 3, 1)),
    (2, ints(2, 3), slice(None)),
    (2, slice(None), ints(2, 3)),
    (ints(0, 1), 2, 3),
    (ints(0, 1), ints(2, 3), ints(4, 5)),
    (np.array(2), ints(1, 1)),
    MASK,
    (MASK, 2),
    (MASK, ints(2)),
    X > 0,
    (slice(None), MASK[0]),
    (ints(1, 2), MASK[0][:5] & False),
    np.zeros((4, 5, 6), bool),
    True,
    False,
]


@pytest.mark.parametrize("index", INDICES, ids=lambda i: repr(i).replace("\n", "")[:60])
@pytest.mark.parametrize("on_device", [False, True], ids=["host", "device"])
class TestNumpySemantics:
    def test_getitem(self, index, on_device):
        try:
            want = X[index]
        except IndexError:
            with pytest.raises(IndexError):
                cuda.getitem(up(X), lift(index, on_device))
            return
        got = cuda.getitem(up(X), lift(index, on_device))
        assert got.shape == want.shape and got.dtype == want.dtype
        assert np.array_equal(got.numpy(), want)

    def test_getitem_of_a_view(self, index, on_device):
        host = np.arange(6 * 12 * 5).reshape(6, 12, 5)
        try:
            want = host.T[1:, ::-2].transpose(0, 2, 1)[:, :5, :6][index]
        except IndexError:
            return
        view = up(host).T[1:, ::-2].transpose((0, 2, 1))[:, :5, :6]
        assert np.array_equal(cuda.getitem(view, lift(index, on_device)).numpy(), want)

    def test_setitem(self, index, on_device):
        want, got = X.copy(), up(X)
        try:
            picked = want[index].shape
        except IndexError:
            with pytest.raises(IndexError):
                cuda.setitem(got, lift(index, on_device), 1.0)
            return
        value = RNG.normal(size=picked).astype(np.float32)
        want[index] = value
        cuda.setitem(got, lift(index, on_device), up(value))
        assert np.array_equal(got.numpy(), want)
        want[index] = 7
        cuda.setitem(got, lift(index, on_device), 7)
        assert np.array_equal(got.numpy(), want)

    def test_setitem_through_a_view(self, index, on_device):
        host = np.arange(2 * 4 * 5 * 6, dtype=np.int32).reshape(6, 5, 8)
        device = up(host)
        want, got = host.T[::2], device.T[::2]
        try:
            want[index] = -5
        except IndexError:
            return
        cuda.setitem(got, lift(index, on_device), -5)
        assert np.array_equal(device.numpy(), host)

    def test_accumulating_put(self, index, on_device):
        want = X.copy()
        try:
            value = RNG.normal(size=want[index].shape).astype(np.float32)
        except IndexError:
            return
        np.add.at(want, index, value)
        got = cuda.index_put(up(X), lift(index, on_device), up(value), True)
        assert np.array_equal(got.numpy(), want)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64, np.uint8], ids=str)
def test_sums_at_equal_indices_run_in_the_order_of_the_index(dtype):
    n, rows = 700, 7
    index = RNG.integers(0, rows, n)
    source = (RNG.random((n, 3)) * 9).astype(dtype)
    want = np.ones((rows, 3), dtype)
    np.add.at(want, index, source)
    got = cuda.index_add(up(np.ones((rows, 3), dtype)), 0, up(index), up(source))
    assert got.dtype == dtype and got.numpy().tobytes() == want.tobytes()
    flat = cuda.scatter_add(up(np.zeros(rows, dtype)), 0, up(index), up(source[:, 0]))
    want = np.zeros(rows, dtype)
    np.add.at(want, index, source[:, 0])
    assert flat.numpy().tobytes() == want.tobytes()


def test_halves_are_summed_in_float32():
    ones = np.ones(2100, np.float16)
    index = np.zeros(2100, np.int64)
    assert cuda.index_add(up(np.zeros(2, np.float16)), 0, up(index), up(ones)).numpy()[0] == 2100
    columns = cuda.scatter_add(
        up(np.zeros((2, 3), np.float16)),
        0,
        up(np.zeros((2100, 3), int)),
        up(np.ones((2100, 3), np.float16)),
    )
    assert (columns.numpy()[0] == 2100).all()


@pytest.mark.parametrize("dim", [0, 1, 2, -1])
def test_gather_and_scatter_along_a_dimension(dim):
    sizes = list(X.shape)
    sizes[dim] = 9
    for part in (sizes, [max(1, n - 2) if i != dim % 3 else 9 for i, n in enumerate(sizes)]):
        index = RNG.integers(0, X.shape[dim], part)
        inside = X[tuple(slice(n) if i != dim % 3 else slice(None) for i, n in enumerate(part))]
        want = np.take_along_axis(inside, index, dim)
        assert np.array_equal(cuda.gather(up(X), dim, up(index)).numpy(), want)
        view = up(np.ascontiguousarray(X.transpose(2, 0, 1))).transpose((1, 2, 0))
        assert np.array_equal(cuda.gather(view, dim, up(index)).numpy(), want)
        source = RNG.normal(size=part).astype(np.float32)
        grid = list(np.indices(part))
        grid[dim] = index
        added, written = X.copy(), X.copy()
        np.add.at(added, tuple(grid), source)
        assert np.array_equal(cuda.scatter_add(up(X), dim, up(index), up(source)).numpy(), added)
        for place in np.ndindex(*part):
            written[tuple(g[place] for g in grid)] = source[place]
        assert np.array_equal(cuda.scatter(up(X), dim, up(index), up(source)).numpy(), written)
        added[tuple(grid)] = 2.5
        assert np.array_equal(cuda.scatter(up(added), dim, up(index), 2.5).numpy(), added)


@pytest.mark.parametrize("dim", [0, 1, -1])
def test_slices_along_a_dimension(dim):
    index = ints(3, 0, 0, 2)
    got = cuda.index_select(up(X), dim, up(index))
    assert got.contiguous and np.array_equal(got.numpy(), np.take(X, index, dim))


def test_embedding_and_its_gradient():
    weight = RNG.normal(size=(50, 300)).astype(np.float32)
    index = RNG.integers(0, 50, (3, 7))
    assert np.array_equal(cuda.embedding(up(weight), up(index)).numpy(), weight[index])
    g = RNG.normal(size=(3, 7, 300)).astype(np.float32)
    want = np.zeros_like(weight)
    np.add.at(want, index, g)
    assert np.array_equal(cuda.embedding_backward(up(g), up(index), 50).numpy(), want)


def test_masks_triangles_and_one_hot():
    for k in (-2, 0, 1, 9):
        assert np.array_equal(cuda.tril(up(X), k).numpy(), np.tril(X, k))
        assert np.array_equal(cuda.triu(up(X).transpose((0, 2, 1)), k).numpy(), np.triu(X.mT, k))
    nan = X.copy()
    nan[0] = np.nan
    got = cuda.masked_fill(up(nan), up(MASK[:, :, None]), 0.1)
    assert np.array_equal(got.numpy(), np.where(MASK[:, :, None], np.float32(0.1), nan), True)
    wide = cuda.masked_fill(up(X.astype(np.float64)), up(MASK[:, :, None]), 0.1)
    assert (wide.numpy()[MASK] == 0.1).all()
    assert np.array_equal(cuda.masked_select(up(X), up(MASK[:, :, None])).numpy(), X[MASK].ravel())
    assert np.array_equal(cuda.nonzero(up(MASK)).numpy(), np.argwhere(MASK))
    want = np.eye(7, dtype=np.int64)[[[0, 6], [3, 3]]]
    assert np.array_equal(cuda.one_hot(up(ints([0, 6], [3, 3]))).numpy(), want)


def test_sorting_is_stable_and_puts_nan_last_or_first():
    x = np.array([[3, np.nan, 1, 1], [2, 2, -np.inf, 5]], np.float32)
    values, order = cuda.sort(up(x), -1, False)
    assert np.array_equal(values.numpy(), np.sort(x), True)
    assert np.array_equal(order.numpy(), [[2, 3, 0, 1], [2, 0, 1, 3]])
    values, order = cuda.sort(up(x), 1, True)
    assert np.array_equal(order.numpy(), [[1, 0, 2, 3], [3, 0, 1, 2]])
    values, order = cuda.topk(up(x), 2, 1)
    assert np.array_equal(values.numpy(), [[np.nan, 3], [5, 2]], True)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda x, i: cuda.getitem(x, (0, i)), "getitem: index 7 .* dimension [01] with size 5"),
        (lambda x, i: cuda.setitem(x, (0, i), 1), "setitem: index 7 .* size 5"),
        (
            lambda x, i: cuda.index_select(x, 1, i),
            "index_select: index 7 .* dimension 1 .* size 5",
        ),
        (lambda x, i: cuda.embedding(x, i), "embedding: index 7 .* size 4"),
        (
            lambda x, i: cuda.gather(x[:, 0], 1, i[None]),
            "gather: index 7 .* dimension 1 .* size 6",
        ),
        (lambda x, i: cuda.one_hot(i, 3), "one_hot: index 7 .* size 3"),
    ],
)
def test_an_index_out_of_range_is_named(call, text):
    with pytest.raises(RuntimeError if "gather" in text else IndexError, match=text):
        call(up(X), up(ints(0, 2, 7)))
    with pytest.raises(IndexError, match=r"getitem: index -5 is out of bounds for dimension 0"):
        cuda.getitem(up(X), ints(-5))
    with pytest.raises(RuntimeError, match="gather: index -1"):
        cuda.gather(up(X), 0, up(np.full((1, 1, 1), -1)))


def test_other_wrong_indices_are_named():
    with pytest.raises(IndexError, match="4 indices for the 3 dimensions"):
        cuda.getitem(up(X), (0, 0, 0, ints(0)))
    with pytest.raises(IndexError, match="must be integers or bool, got float32"):
        cuda.getitem(up(X), up(np.zeros(2, np.float32)))
    with pytest.raises(IndexError, match="mask of shape"):
        cuda.getitem(up(X), np.ones(3, bool))
    with pytest.raises(IndexError, match="do not broadcast together"):
        cuda.getitem(up(X), (ints(0, 1), ints(0, 1, 2)))
    with pytest.raises(RuntimeError, match="gather: index"):
        cuda.gather(up(X), 0, up(np.zeros((1, 6, 1), int)))


def test_a_failed_write_leaves_the_array_alone():
    x: DeviceArray = up(X)
    with pytest.raises(IndexError):
        cuda.setitem(x, up(ints(0, 9)), 5)
    assert np.array_equal(x.numpy(), X)


def test_joining_views_along_a_dimension():
    for dim in (0, 1, -1):
        parts = [X, X[:, ::-1], np.delete(X, 0, dim)]
        got = shape.cat([up(X), up(X)[:, ::-1], up(parts[2])], dim)
        assert got.contiguous and np.array_equal(got.numpy(), np.concatenate(parts, dim))
