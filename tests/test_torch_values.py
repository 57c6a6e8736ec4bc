"""PyTorch, where it happens to be installed: special values, and every form of a call."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import tritongrad as tg

torch = pytest.importorskip("torch")
nan, inf = float("nan"), float("inf")


def listed(result):
    return list(result) if isinstance(result, (tuple, list)) else [result]


def agree(ours, other, rtol=1e-12, atol=1e-12):
    assert tuple(ours.shape) == tuple(other.shape)
    assert ours.dtype.name == str(other.dtype).removeprefix("torch.")
    a, b = ours._host(), other.detach().numpy()
    np.testing.assert_allclose(a.astype(b.dtype), b, rtol=rtol, atol=atol)


SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0, 3.0, inf, -inf, nan, 1e-310, 1e300]


@pytest.mark.parametrize(
    "name",
    "exp expm1 log log1p log2 log10 sqrt rsqrt reciprocal square abs sign sin cos tanh sigmoid "
    "floor ceil round trunc relu neg isnan isinf isfinite logical_not erf".split(),
)
def test_special_values_and_their_gradients(name):
    values = SPECIAL
    if name in ("abs", "sign", "relu"):  # nan has no sign and no slope; PyTorch says 0, 0 and 1
        values = [v for v in SPECIAL if v == v]
    x = tg.tensor(values, dtype=tg.float64, requires_grad=True)
    t = torch.tensor(values, dtype=torch.float64, requires_grad=True)
    a, b = getattr(tg, name)(x), getattr(torch, name)(t)
    agree(a, b, rtol=1e-12)
    if b.requires_grad:
        a.sum().backward()
        b.sum().backward()
        agree(x.grad, t.grad, rtol=1e-12)


PAIRS = list(itertools.product(SPECIAL, SPECIAL))


@pytest.mark.parametrize(
    "name", "add sub mul div pow maximum minimum atan2 fmod remainder floor_divide".split()
)
def test_special_pairs(name):
    left, right = ([p[i] for p in PAIRS] for i in (0, 1))
    if name == "pow":  # denormal and huge bases by huge exponents: both round, neither is special
        left, right = zip(*[p for p in PAIRS if 1e-310 not in p and 1e300 not in p], strict=True)
    a = getattr(tg, name)(tg.tensor(left, dtype=tg.float64), tg.tensor(right, dtype=tg.float64))
    function = getattr(torch, name)  # pair by pair: its vector form of fmod errs at infinities
    pairs = zip(left, right, strict=True)
    b = [function(*torch.tensor(p, dtype=torch.float64).unbind()) for p in pairs]
    agree(a, torch.stack(b), rtol=1e-12)


@pytest.mark.parametrize("kind", ["number", "tensor"])
@pytest.mark.parametrize("bounds", [(-0.5, 0.5), (0.5, -0.5), (nan, 0.5), (-0.5, nan), (0.5, 0.5)])
def test_clamp_and_its_gradients(bounds, kind):
    values = [*SPECIAL, 0.5, -0.5]
    x = tg.tensor(values, dtype=tg.float64, requires_grad=True)
    t = torch.tensor(values, dtype=torch.float64, requires_grad=True)
    low, high = bounds
    if kind == "number":
        a, b = x.clamp(low, high), t.clamp(low, high)
    else:
        a = x.clamp(*[tg.full((1,), v, dtype=tg.float64) for v in bounds])
        b = t.clamp(*[torch.full((1,), v, dtype=torch.float64) for v in bounds])
    agree(a, b)
    a.sum().backward()
    b.sum().backward()
    agree(x.grad, t.grad)


def test_clamp_of_integers():
    big = 2**62
    for call in (
        lambda t: t.tensor([1, 5]).clamp(0.5, 2.5),
        lambda t: t.tensor([big + 1]).clamp(max=big),
        lambda t: t.tensor([-3, 3], dtype=t.int8).clamp(-1, 1),
    ):
        a, b = call(tg), call(torch)
        agree(a, b)
        assert a.tolist() == b.tolist()


@pytest.mark.parametrize("name", ["max", "min", "argmax", "argmin", "amax", "amin"])
def test_extremes_with_ties_and_nan(name):
    for values in ([3.0, 1.0, 3.0, 1.0], [1.0, nan, 2.0, nan], [inf, -inf, inf, 0.0]):
        for args in ((), (0,)):
            x = tg.tensor(values, dtype=tg.float64, requires_grad=True)
            t = torch.tensor(values, dtype=torch.float64, requires_grad=True)
            ours, other = listed(getattr(x, name)(*args)), listed(getattr(t, name)(*args))
            for a, b in zip(ours, other, strict=True):
                agree(a, b)
            if other[0].requires_grad and not (name in ("amax", "amin") and nan in values):
                ours[0].sum().backward()
                other[0].sum().backward()
                agree(x.grad, t.grad)


@pytest.mark.parametrize("base", [0.0, -0.0, 1.0, -1.0, 2.0, -2.0, nan, inf])
@pytest.mark.parametrize("exponent", [0.0, 1.0, 2.0, 3.0, -1.0, 0.5, nan])
def test_gradients_of_powers(base, exponent):
    for tensor_exponent in (False, True):
        grads = []
        for library in (tg, torch):
            x = library.tensor([base], dtype=library.float64, requires_grad=True)
            e = exponent
            if tensor_exponent:
                e = library.tensor([exponent], dtype=library.float64, requires_grad=True)
            (x**e).sum().backward()
            grads.append([x.grad.tolist(), e.grad.tolist() if tensor_exponent else None])
        if (base, exponent) == (0, 0.5) and str(base) == "-0.0":
            continue  # the slope of a root at -0.0 is inf or -inf, as one likes
        for a, b in zip(*grads, strict=True):
            np.testing.assert_allclose(np.array(a, float), np.array(b, float), rtol=1e-14)


VALUES = [[3.0, -1.0, 2.0, 0.5], [1.0, 4.0, -2.0, 0.25], [0.0, 1.5, -0.5, 2.5]]
FORMS = {  # calls of public functions and methods, in the forms that programs use
    "sum": lambda t, x: t.sum(x),
    "sum dim": lambda t, x: x.sum(1),
    "sum dims keepdim": lambda t, x: x.sum((0, 1), keepdim=True),
    "sum axis": lambda t, x: t.sum(x, axis=0),
    "sum dtype": lambda t, x: x.sum(dtype=t.float32),
    "sum all dims": lambda t, x: x.sum(dim=()),
    "mean": lambda t, x: x.mean(),
    "mean dim": lambda t, x: t.mean(x, -1, True),
    "prod": lambda t, x: x.prod(),
    "prod dim": lambda t, x: x.prod(0),
    "max": lambda t, x: x.max(),
    "max dim": lambda t, x: x.max(1),
    "max keepdim": lambda t, x: t.max(x, dim=0, keepdim=True),
    "max of two": lambda t, x: t.max(x, x * 0),
    "min": lambda t, x: t.min(x),
    "min dim": lambda t, x: x.min(-1).indices,
    "amax": lambda t, x: x.amax((0, 1)),
    "argmax": lambda t, x: x.argmax(),
    "argmin dim": lambda t, x: x.argmin(1, keepdim=True),
    "var": lambda t, x: x.var(),
    "var unbiased": lambda t, x: x.var(1, unbiased=False),
    "var correction": lambda t, x: t.var(x, dim=0, correction=0, keepdim=True),
    "std": lambda t, x: x.std(0),
    "norm": lambda t, x: x.norm(),
    "norm p dim": lambda t, x: t.norm(x, p=1, dim=1),
    "any": lambda t, x: (x > 2).any(),
    "all dim": lambda t, x: (x > -3).all(0),
    "logsumexp": lambda t, x: x.logsumexp(1),
    "cumsum": lambda t, x: x.cumsum(1),
    "softmax": lambda t, x: t.softmax(x, dim=-1),
    "log_softmax": lambda t, x: x.log_softmax(0),
    "add alpha": lambda t, x: t.add(x, x, alpha=3),
    "sub alpha": lambda t, x: x.sub(x, alpha=0.5),
    "rsub": lambda t, x: 1 - x,
    "rdiv": lambda t, x: 1 / (x + 5),
    "rpow": lambda t, x: 2.0**x,
    "pow": lambda t, x: t.pow(x, 3),
    "floordiv": lambda t, x: x // 0.75,
    "mod": lambda t, x: x % 0.75,
    "abs": lambda t, x: abs(x),
    "clamp": lambda t, x: t.clamp(x, -1, 1),
    "clamp max": lambda t, x: x.clamp(max=0.5),
    "clip": lambda t, x: x.clip(0, 1),
    "where": lambda t, x: t.where(x > 0, x, 0.0),
    "matmul": lambda t, x: x @ x.T,
    "matvec": lambda t, x: x @ x[0],
    "vecmat": lambda t, x: x[:, 0] @ x,
    "addmm": lambda t, x: t.addmm(x[:, :3], x, x.t(), beta=0.5, alpha=2),
    "outer": lambda t, x: t.outer(x[0], x[1]),
    "dot": lambda t, x: x[0].dot(x[1]),
    "einsum": lambda t, x: t.einsum("ij,kj->ik", x, x),
    "t": lambda t, x: x.t(),
    "transpose": lambda t, x: x.transpose(0, 1),
    "permute": lambda t, x: x.permute(1, 0),
    "reshape": lambda t, x: x.reshape(2, -1),
    "view": lambda t, x: x.view(-1),
    "flatten": lambda t, x: t.flatten(x),
    "unsqueeze": lambda t, x: x.unsqueeze(-1),
    "squeeze": lambda t, x: x[:, :1].squeeze(),
    "expand": lambda t, x: x[:, :1].expand(-1, 5),
    "repeat": lambda t, x: x.repeat(2, 1),
    "cat": lambda t, x: t.cat((x, x), dim=1),
    "stack": lambda t, x: t.stack([x, x], 1),
    "split": lambda t, x: x.split(3, 1),
    "chunk": lambda t, x: t.chunk(x, 2, dim=1),
    "tril": lambda t, x: x.tril(),
    "triu": lambda t, x: t.triu(x, 1),
    "flip": lambda t, x: x.flip(0, 1),
    "roll": lambda t, x: x.roll(1, 0),
    "index int": lambda t, x: x[1],
    "index slices": lambda t, x: x[1:, ::2],
    "index none ellipsis": lambda t, x: x[None, ..., 0],
    "index list": lambda t, x: x[[2, 0]],
    "index tensor": lambda t, x: x[:, t.tensor([0, 3, 3])],
    "index pairs": lambda t, x: x[t.tensor([0, 1]), t.tensor([1, 2])],
    "index mask": lambda t, x: x[x > 1],
    "gather": lambda t, x: x.gather(1, t.tensor([[0, 1], [2, 3], [3, 3]])),
    "scatter_add": lambda t, x: x.scatter_add(1, t.tensor([[0], [1], [2]]), x[:, :1]),
    "index_select": lambda t, x: t.index_select(x, 0, t.tensor([2, 2])),
    "masked_fill": lambda t, x: x.masked_fill(x > 1, -1.0),
    "sort": lambda t, x: x.sort(1),
    "topk": lambda t, x: x.topk(2, 1),
    "clone": lambda t, x: x.clone(),
    "to": lambda t, x: x.to(t.float32),
    "diag": lambda t, x: x[:, :3].diag(),
    "trace": lambda t, x: x[:, :3].trace(),
    "sigmoid": lambda t, x: x.sigmoid(),
    "relu": lambda t, x: t.relu(x),
    "tanh": lambda t, x: t.tanh(x),
}


@pytest.mark.parametrize("form", FORMS)
def test_forms_of_calls_and_their_gradients(form):
    x = tg.tensor(VALUES, dtype=tg.float64, requires_grad=True)
    t = torch.tensor(VALUES, dtype=torch.float64, requires_grad=True)
    ours, other = listed(FORMS[form](tg, x)), listed(FORMS[form](torch, t))
    assert len(ours) == len(other)
    for a, b in zip(ours, other, strict=True):
        agree(a, b)
    recorded = [(a, b) for a, b in zip(ours, other, strict=True) if b.requires_grad]
    if recorded and form != "floordiv":  # of which PyTorch has no gradient
        sum((a * a).sum() for a, _ in recorded).backward()
        sum((b * b).sum() for _, b in recorded).backward()
        agree(x.grad, t.grad)


WRITES = {
    "add_": lambda t, x: x.add_(1.0),
    "mul_ tensor": lambda t, x: x.mul_(x * 2),
    "sub_ alpha": lambda t, x: x.sub_(x, alpha=0.5),
    "div_": lambda t, x: x.div_(3.0),
    "pow_": lambda t, x: x.pow_(2),
    "clamp_": lambda t, x: x.clamp_(min=0.0),
    "relu_": lambda t, x: x.relu_(),
    "zero_ of a row": lambda t, x: x[1].zero_(),
    "fill_ of a column": lambda t, x: x[:, 0].fill_(7.0),
    "copy_": lambda t, x: x[0].copy_(x[1] * 2),
    "row": lambda t, x: x.__setitem__(0, 5.0),
    "slice": lambda t, x: x.__setitem__((slice(None), slice(1, 3)), x[:, :2] * 3),
    "mask": lambda t, x: x.__setitem__(x > 1, 0.0),
    "list": lambda t, x: x.__setitem__([0, 2], x[:2] * 2),
    "iadd": lambda t, x: x.__iadd__(x),
    "view of a view": lambda t, x: x.t()[1:][:, 1].mul_(4.0),
    "masked_fill_": lambda t, x: x.masked_fill_(x < 0, 1.0),
}


@pytest.mark.parametrize("write", WRITES)
def test_writes_in_place_and_the_gradients_through_them(write):
    x = tg.tensor(VALUES, dtype=tg.float64, requires_grad=True)
    t = torch.tensor(VALUES, dtype=torch.float64, requires_grad=True)
    a, b = x * 2.0, t * 2.0
    WRITES[write](tg, a)
    WRITES[write](torch, b)
    agree(a, b)
    (a * a).sum().backward()
    (b * b).sum().backward()
    agree(x.grad, t.grad)
