"""Independent definitions of operations on whole arrays, by plain NumPy and loops."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

ALL = slice(None)


def _dims(dim: Any, n: int) -> tuple:
    dims = (
        range(n) if dim is None or dim == () else dim if isinstance(dim, (tuple, list)) else [dim]
    )
    return tuple(d % n for d in dims) if n else ()


def _reduction(function: Any) -> Any:
    def reference(x: np.ndarray, dim: Any = None, keepdim: bool = False, *rest: Any) -> Any:
        return function(x, axis=_dims(dim, x.ndim), keepdims=keepdim)

    return reference


def _spread(root: bool) -> Any:
    def reference(x: np.ndarray, dim: Any, correction: int, keepdim: bool) -> Any:
        axes = _dims(dim, x.ndim)
        total = ((x - x.mean(axis=axes, keepdims=True)) ** 2).sum(axis=axes, keepdims=keepdim)
        count = int(np.prod([x.shape[d] for d in axes]))
        with np.errstate(all="ignore"):
            found = total / max(count - correction, 0)
        return np.sqrt(found) if root else found

    return reference


def _norm(x: np.ndarray, p: float, dim: Any, keepdim: bool) -> np.ndarray:
    axes, size = _dims(dim, x.ndim), np.abs(x)
    if p == 0:
        return (size != 0).sum(axis=axes, keepdims=keepdim).astype(x.dtype)
    if np.isinf(p):
        pick = np.max if p > 0 else np.min
        return pick(size, axis=axes, keepdims=keepdim, **({"initial": 0} if p > 0 else {}))
    return (size**p).sum(axis=axes, keepdims=keepdim) ** (1 / p)


def _logsumexp(x: np.ndarray, dim: Any, keepdim: bool = False) -> np.ndarray:
    with np.errstate(divide="ignore"):
        return np.log(np.exp(x).sum(axis=_dims(dim, x.ndim), keepdims=keepdim))


def _first(better: Any) -> Any:
    """The index of the first best, by a loop over each line."""

    def reference(x: np.ndarray, dim: Any = None, keepdim: bool = False) -> np.ndarray:
        lines = x.reshape(-1) if dim is None or x.ndim == 0 else np.moveaxis(x, dim, -1)
        found = np.zeros(lines.shape[:-1], np.int64)
        for at in np.ndindex(found.shape):
            line = lines[at].tolist()
            found[at] = line.index(better(line))
        if not keepdim:
            return found
        return found.reshape((1,) * x.ndim) if dim is None else np.expand_dims(found, dim)

    return reference


def _argsort(x: np.ndarray, dim: int = -1, descending: bool = False, stable: bool = False) -> Any:
    if x.ndim == 0:
        return np.zeros((), np.int64)
    return np.argsort(-x if descending else x, axis=dim, kind="stable")


def _gathered(x: np.ndarray, dim: int, index: np.ndarray) -> np.ndarray:
    result = np.empty(index.shape, x.dtype)
    for at in np.ndindex(index.shape):
        source = list(at)
        if x.ndim:
            source[dim] = index[at]
        result[at] = x[tuple(source)]
    return result


def _scattered(add: bool) -> Any:
    def reference(x: np.ndarray, dim: int, index: np.ndarray, src: Any) -> np.ndarray:
        result = x.copy()
        for at in np.ndindex(index.shape):
            target = list(at)
            if x.ndim:
                target[dim] = index[at]
            value = src[at] if isinstance(src, np.ndarray) and src.ndim else src
            result[tuple(target)] = value + (result[tuple(target)] if add else 0)
        return result

    return reference


def _index_add(x: Any, dim: int, index: Any, source: Any, alpha: float = 1) -> np.ndarray:
    result = np.moveaxis(x.copy(), dim, 0)
    parts = np.moveaxis(source, dim, 0)
    for i, part in zip(index, parts, strict=True):
        result[i] += alpha * part
    return np.moveaxis(result, 0, dim)


def _index_put(x: np.ndarray, indices: Any, values: Any, accumulate: bool = False) -> np.ndarray:
    result = x.copy()
    if accumulate:
        np.add.at(result, indices, values)
    else:
        result[indices] = values
    return result


def _getitem(x: np.ndarray, index: Any) -> np.ndarray:
    """NumPy's, but whole numbers pick first, as in PyTorch: they never move the other dims."""
    if isinstance(index, tuple) and any(isinstance(i, int) for i in index):
        assert not any(i is None or i is Ellipsis for i in index)
        x = x[tuple(i if isinstance(i, int) else ALL for i in index)]
        index = tuple(i for i in index if not isinstance(i, int))
    return x[index]


def _embed(x: np.ndarray, shape: tuple, key: Any, value: float = 0) -> np.ndarray:
    result = np.full(shape, value, x.dtype)
    result[key] = x
    return result


def _sizes(size: Any, more: tuple) -> tuple:
    return (size, *more) if isinstance(size, int) else tuple(size)


def _expand(x: np.ndarray, size: Any, *more: Any) -> np.ndarray:
    sizes = _sizes(size, more)
    lead = len(sizes) - x.ndim
    kept = [x.shape[i - lead] if n == -1 else n for i, n in enumerate(sizes)]
    return np.array(np.broadcast_to(x, kept))


def _narrow(x: np.ndarray, dim: int, start: int, length: int) -> np.ndarray:
    return x.take(range(start, start + length), dim)


def _split(x: np.ndarray, size: Any, dim: int = 0) -> list:
    n = x.shape[dim]
    sizes = [size] * (n // size) + [n % size] * bool(n % size) if isinstance(size, int) else size
    ends = np.cumsum([0, *sizes])
    return [_narrow(x, dim, int(a), int(b - a)) for a, b in itertools.pairwise(ends)]


def _squeeze(x: np.ndarray, dim: Any = None) -> np.ndarray:
    dims = _dims(dim, x.ndim)
    return x.reshape([n for d, n in enumerate(x.shape) if n != 1 or d not in dims])


def _unfold(x: np.ndarray, dim: int, size: int, step: int) -> np.ndarray:
    if x.ndim == 0:
        return x.reshape(1)
    dim %= x.ndim
    starts = range(0, x.shape[dim] - size + 1, step)
    return np.stack([np.moveaxis(_narrow(x, dim, s, size), dim, -1) for s in starts], dim)


def _as_strided(x: Any, size: Any, stride: Any, offset: Any = None, layout: Any = None) -> Any:
    result, flat = np.empty(size, x.dtype), x.reshape(-1)
    for at in np.ndindex(*size):
        result[at] = flat[(offset or 0) + sum(i * s for i, s in zip(at, stride, strict=True))]
    return result


def _one_hot(x: np.ndarray, classes: int = -1) -> np.ndarray:
    return np.eye(int(x.max()) + 1 if classes == -1 else classes, dtype=np.int64)[x]


def _nonzero(x: np.ndarray, as_tuple: bool = False) -> Any:
    return list(np.nonzero(x)) if as_tuple else np.argwhere(x)


def _band(keep: Any) -> Any:
    def reference(x: np.ndarray, diagonal: int = 0) -> np.ndarray:
        rows, cols = np.indices(x.shape[-2:])
        return x * keep(cols - rows, diagonal)

    return reference


def _linear(input: np.ndarray, weight: np.ndarray, bias: Any = None) -> np.ndarray:
    product = np.einsum("...i,oi->...o", input, weight)
    return product if bias is None else product + bias


ARRAYS = {  # the whole result, in the form of the operation's samples
    "sum": _reduction(np.sum),
    "sum_of_all": np.sum,
    "mean": _reduction(lambda x, **o: np.sum(x, **o) / (x.size / max(np.sum(x, **o).size, 1))),
    "prod": _reduction(np.prod),
    "amax": _reduction(np.max),
    "amin": _reduction(np.min),
    "any": _reduction(np.any),
    "all": _reduction(np.all),
    "var": _spread(False),
    "std": _spread(True),
    "norm": _norm,
    "logsumexp": _logsumexp,
    "argmax": _first(max),
    "argmin": _first(min),
    "argsort": _argsort,
    "cumsum": lambda x, dim, dtype=None: np.cumsum(x, dim) if x.ndim else x,
    "cumprod": lambda x, dim, dtype=None: np.cumprod(x, dim) if x.ndim else x,
    "mm": np.dot,
    "bmm": lambda a, b: np.einsum("bij,bjk->bik", a, b),
    "matmul": np.matmul,
    "dot": lambda a, b: (a * b).sum(),
    "outer": np.multiply.outer,
    "linear": _linear,
    "t": np.transpose,
    "transpose": lambda x, a, b: np.swapaxes(x, a, b) if x.ndim else x,
    "permute": lambda x, dims, *more: np.transpose(x, _sizes(dims, more)),
    "clone": np.array,
    "cast": lambda x, dtype: x.astype(dtype),
    "to_device": lambda x, device, source=None: x,
    "copy": lambda x, source, device=None: np.array(np.broadcast_to(source, x.shape)),
    "fill": lambda x, value: np.full(x.shape, value, x.dtype),
    "zero": np.zeros_like,
    "reshape": lambda x, size, *more: x.reshape(_sizes(size, more)),
    "view": lambda x, size, *more: x.reshape(_sizes(size, more)),
    "expand": _expand,
    "squeeze": _squeeze,
    "unsqueeze": np.expand_dims,
    "as_strided": _as_strided,
    "unfold": _unfold,
    "diagonal": lambda x, offset=0, a=0, b=1: np.diagonal(x, offset, a, b),
    "narrow": _narrow,
    "select": lambda x, dim, index: x.take(index, dim),
    "slices": lambda x, key: x[key],
    "embed": _embed,
    "split": _split,
    "unbind": lambda x, dim=0: [x.take(i, dim) for i in range(x.shape[dim])],
    "stack": lambda xs, dim=0: np.stack(xs, dim),
    "cat": lambda xs, dim=0: np.concatenate([x for x in xs if x.shape != (0,)], dim),
    "flip": lambda x, dims, *more: np.flip(x, _sizes(dims, more)),
    "gather": lambda x, dim, index, sparse_grad=False: _gathered(x, dim, index),
    "scatter": lambda x, dim, index, src=None, value=None: _scattered(False)(x, dim, index, src),
    "scatter_add": _scattered(True),
    "index_add": _index_add,
    "index_select": lambda x, dim, index: x.take(index, dim),
    "index_put": _index_put,
    "getitem": _getitem,
    "embedding": lambda weight, index: weight[index],
    "embedding_backward": lambda g, index, rows: _index_add(
        np.zeros((rows, g.shape[-1])), 0, index.reshape(-1), g.reshape(-1, g.shape[-1])
    ),
    "masked_fill": lambda x, mask, value: np.where(mask, value, x),
    "tril": _band(np.less_equal),
    "triu": _band(np.greater_equal),
    "nonzero": _nonzero,
    "one_hot": _one_hot,
}

__all__ = ["ARRAYS"]
