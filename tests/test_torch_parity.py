"""PyTorch, where it happens to be installed: values, dtypes, shapes, gradients, errors."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from bad_calls import EVERY as BAD_CALLS
from bad_calls import arguments
from cases import DIFFERENTIABLE, EVERY

import tritongrad as tg
from tritongrad.autograd.variable import Variable
from tritongrad.testing import materialise

torch = pytest.importorskip("torch")
functional = torch.nn.functional

# Operations of ours that PyTorch has under another name, or in another form.
NAMES = {
    "clamp_both": lambda x, low, high: torch.clamp(x, low, high),
    "clamp_min": lambda x, low: torch.clamp(x, min=low),
    "clamp_max": lambda x, high: torch.clamp(x, max=high),
    "log_sigmoid": functional.logsigmoid,
    "softplus": functional.softplus,
    "silu": functional.silu,
    "gelu": functional.gelu,
    "gelu_tanh": lambda x: functional.gelu(x, approximate="tanh"),
    "leaky_relu": functional.leaky_relu,
    "elu": functional.elu,
    "linear": functional.linear,
    "embedding": lambda weight, index: functional.embedding(index, weight),
    "one_hot": functional.one_hot,
    "var": lambda x, dim, correction, keepdim: x.var(dim, correction=correction, keepdim=keepdim),
    "std": lambda x, dim, correction, keepdim: x.std(dim, correction=correction, keepdim=keepdim),
    "norm": lambda x, p, dim, keepdim: torch.linalg.vector_norm(x, p, dim, keepdim),
    "getitem": lambda x, index: x[index],
    "slices": lambda x, key: x[key],
    "cast": lambda x, dtype: x.to(getattr(torch, dtype)),
    "cat": torch.cat,
    "where": torch.where,
    "unfold": lambda x, dim, size, step: x.unfold(dim, size, step),
    "reshape": lambda x, *size: x.reshape(*size),
    "view": lambda x, *size: x.view(*size),
    "expand": lambda x, *size: x.expand(*size),
    "permute": lambda x, *dims: x.permute(*dims),
}
# What we do otherwise, on purpose, or by name only.
OURS = {
    "slices": "negative steps, which PyTorch refuses",
    "prod": "over several dims, which PyTorch refuses",
    "masked_fill": "input broadcasts to the mask, which PyTorch refuses",
    "norm": "p = 0 has gradient 0",
}


def to_torch(argument):
    """Arguments of ours as PyTorch's."""
    if isinstance(argument, Variable):
        t = torch.from_numpy(np.array(argument._array))
        return t.requires_grad_() if argument.requires_grad else t
    if isinstance(argument, dict):
        return {k: to_torch(v) for k, v in argument.items()}
    if isinstance(argument, (list, tuple)):
        return type(argument)(to_torch(a) for a in argument)
    return getattr(torch, argument.name) if isinstance(argument, tg.dtype) else argument


def theirs(op):
    """PyTorch's function for an operation, or None."""
    return (
        NAMES.get(op.name) or getattr(torch, op.name, None) or getattr(torch.Tensor, op.name, None)
    )


def listed(result):
    return list(result) if isinstance(result, (tuple, list)) else [result]


def agree(ours, other, rtol=1e-12, atol=1e-12):
    assert tuple(ours.shape) == tuple(other.shape)
    assert ours.dtype.name == str(other.dtype).removeprefix("torch.")
    a, b = ours._host(), other.detach()
    b = (b.float() if b.dtype == torch.bfloat16 else b).numpy()
    np.testing.assert_allclose(a.astype(b.dtype), b, rtol=rtol, atol=atol)


def both(op, sample, dtype):
    """Our outputs and theirs for one sample; skips what PyTorch has not, or refuses."""
    function = theirs(op)
    if function is None or op.name.endswith("_backward"):
        pytest.skip("not in PyTorch")
    args, kwargs = materialise(sample, dtype=dtype, requires_grad=True)
    args_t, kwargs_t = to_torch(args), to_torch(kwargs)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            other = listed(function(*args_t, **kwargs_t))
    except (RuntimeError, TypeError, ValueError, IndexError) as error:
        if op.name in OURS or _takes_less(error):
            pytest.skip(f"PyTorch refuses: {error}")
        raise
    return args, args_t, listed(op.entry(*args, **kwargs)), other


def _takes_less(error):
    """Whether PyTorch's function of that name has fewer forms (numbers, defaults)."""
    return isinstance(error, TypeError) and "argument" in str(error)


@pytest.mark.parametrize(("op", "sample"), EVERY)
def test_values_shapes_and_dtypes(op, sample):
    for dtype in ("float64", "float32"):
        _, _, ours, other = both(op, sample, dtype)
        tight = dtype == "float64"
        for a, b in zip(ours, other, strict=True):
            agree(a, b, rtol=1e-10 if tight else 2e-6, atol=1e-12 if tight else 2e-6)


@pytest.mark.parametrize(("op", "sample"), DIFFERENTIABLE)
def test_gradients(op, sample):
    args, args_t, ours, other = both(op, sample, "float64")
    starts = [np.cos(np.arange(b.numel(), dtype=np.float64)).reshape(b.shape) for b in other]
    pairs = [(a, b, s) for a, b, s in zip(ours, other, starts, strict=True) if b.requires_grad]
    if not pairs:
        pytest.skip("PyTorch has no gradient here")
    outs, others, weights = zip(*pairs, strict=True)
    tg.autograd.backward(outs, [tg.tensor(w) for w in weights])
    try:
        torch.autograd.backward(others, [torch.from_numpy(np.array(w)) for w in weights])
    except RuntimeError as error:
        pytest.skip(f"PyTorch has no gradient here: {error}")
    for a, b in zip(flat(args), flat(args_t), strict=True):
        if b.grad is None:
            assert a.grad is None or not a.grad._host().any()
        else:
            agree(a.grad, b.grad, rtol=1e-9, atol=1e-10)


def flat(arguments):
    for a in arguments:
        if isinstance(a, (Variable, torch.Tensor)):
            yield a
        elif isinstance(a, (list, tuple)):
            yield from flat(a)


DTYPES = "bool uint8 int8 int16 int32 int64 float16 bfloat16 float32 float64".split()


@pytest.mark.parametrize("first", DTYPES)
def test_promotion_of_tensors_0d_tensors_and_numbers(first):
    for second in DTYPES:
        for shape in ((2,), ()):
            a = (tg.ones(2, dtype=first) * tg.ones(shape, dtype=second)).dtype.name
            b = torch.ones(2, dtype=getattr(torch, first)) * torch.ones(
                shape, dtype=getattr(torch, second)
            )
            assert a == str(b.dtype).removeprefix("torch."), (first, second, shape)
    for number in (True, 2, 2.0):
        for function in (lambda t, n: t * n, lambda t, n: t / n, lambda t, n: t > n):
            for shape in ((2,), ()):
                a = function(tg.ones(shape, dtype=first), number).dtype.name
                b = function(torch.ones(shape, dtype=getattr(torch, first)), number).dtype
                assert a == str(b).removeprefix("torch."), (first, number, shape)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "name",
    "sum prod cumsum exp sqrt sigmoid floor round square relu neg abs sign amax max any all "
    "isnan logical_not reciprocal argsort".split(),
)
def test_result_dtypes_or_refusal(name, dtype):
    values = [1, 0, 3]

    def call(library):
        t = library.tensor(values, dtype=getattr(library, dtype))
        args = (0,) if name == "cumsum" else ()
        return getattr(t, name)(*args) if hasattr(t, name) else getattr(library, name)(t, *args)

    try:
        other = call(torch)
    except (RuntimeError, TypeError):
        return  # we may take more
    if (name, dtype) in {("square", "bool"), ("sign", "bool"), ("any", "uint8"), ("all", "uint8")}:
        pytest.skip("bool is squared as bool, and has no sign; any and all are bool, always")
    ours = call(tg)
    assert ours.dtype.name == str(other.dtype).removeprefix("torch.")
    np.testing.assert_allclose(
        ours._host().astype(np.float64), other.double().numpy(), rtol=1e-2, atol=0
    )


@pytest.mark.parametrize("row", BAD_CALLS, ids=[row[0] for row in BAD_CALLS])
def test_errors_have_pytorchs_class(row):
    _, error, call, text, _ = row
    with warnings.catch_warnings(), pytest.raises(error):
        warnings.simplefilter("ignore")
        call(torch, *arguments(torch, text))
