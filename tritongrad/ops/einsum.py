"""Sums of products in Einstein's notation, by permutations and one matrix product a pair."""

from __future__ import annotations

import string
from collections.abc import Sequence
from typing import Any

from tritongrad.front import front

from .dims import check_dim, tensor
from .linalg import bmm, mm

SPARE = "".join(map(chr, range(0x3B1, 0x400)))  # for dims that have no name


@front()
def einsum(equation, *operands):
    """Products of tensors whose dims are named by letters, summed over letters not in the result.

    "ij,jk->ik" is a matrix product, "bii->b" a batch of traces; "..." stands for batch dims.
    """
    if not isinstance(equation, str):
        raise TypeError(f"einsum: argument 'equation' must be a str, got {type(equation).__name__}")
    if len(operands) == 1 and isinstance(operands[0], (list, tuple)):
        operands = tuple(operands[0])
    terms, result = parse(equation, [tensor("einsum", t, "operands").ndim for t in operands])
    sizes: dict[str, int] = {}
    for term, t in zip(terms, operands, strict=True):
        for letter, size in zip(term, t.shape, strict=True):
            if sizes.setdefault(letter, size) != size:
                if 1 not in (size, sizes[letter]):
                    raise RuntimeError(
                        f"einsum: {equation!r}: {letter!r} is {sizes[letter]} in one operand and "
                        f"{size} in another"
                    )
                sizes[letter] = max(size, sizes[letter]) if size else 0
    parts = [_distinct(term, t) for term, t in zip(terms, operands, strict=True)]
    letters, value = parts[0]
    for i, (more, other) in enumerate(parts[1:], 1):
        later = set(result).union(*[p[0] for p in parts[i + 1 :]])
        letters, value = _pair(letters, value, more, other, later, sizes)
    summed = [d for d, letter in enumerate(letters) if letter not in result]
    if summed:
        value = value.sum(summed)
        letters = "".join(c for c in letters if c in result)
    if letters == result and value is not operands[0]:
        return value
    return value.permute([letters.index(c) for c in result])


def parse(equation: str, ranks: Sequence[int]) -> tuple[list[str], str]:
    """The letters of each operand and of the result; the dims of "..." get letters of their own."""
    equation = equation.replace(" ", "")
    inputs, arrow, result = equation.partition("->")
    terms = inputs.split(",")
    if len(terms) != len(ranks):
        raise RuntimeError(
            f"einsum: {equation!r} names {len(terms)} operands, but {len(ranks)} were given"
        )
    spare = [c for c in SPARE if c not in equation] if "..." in inputs else []
    most = 0
    for i, (term, rank) in enumerate(zip(terms, ranks, strict=True)):
        letters = term.replace("...", "")
        hidden = rank - len(letters)
        if set(letters) - set(string.ascii_letters):
            raise RuntimeError(f"einsum: {equation!r}: dims are named by letters, got {term!r}")
        if hidden < 0 or (hidden and "..." not in term):
            raise RuntimeError(
                f"einsum: {equation!r}: {term!r} names {len(letters)} dims, but operand {i} has "
                f"{rank}"
            )
        most = max(most, hidden if "..." in term else 0)
        terms[i] = term.replace("...", "".join(reversed(spare[:hidden])))
    batch = "".join(reversed(spare[:most]))
    if not arrow:
        every = "".join(terms)
        result = batch + "".join(sorted(c for c in set(every) - set(batch) if every.count(c) == 1))
    result = result.replace("...", batch)
    if len(set(result)) != len(result) or set(result) - set("".join(terms)):
        raise RuntimeError(
            f"einsum: {equation!r}: each letter of the result must be in an operand, and once"
        )
    return terms, result


def _distinct(letters: str, t: Any) -> tuple[str, Any]:
    """A letter that an operand names twice means its diagonal."""
    for c in letters:
        while letters.count(c) > 1:
            first, second = letters.index(c), letters.rindex(c)
            t = t.diagonal(0, first, second)
            letters = letters[:first] + letters[first + 1 : second] + letters[second + 1 :] + c
    return letters, t


def _pair(a: str, x: Any, b: str, y: Any, later: set, sizes: dict) -> tuple[str, Any]:
    """The product of two operands, summed over the letters that nothing else names."""
    x, a = _reduced(x, a, later | set(b))
    y, b = _reduced(y, b, later | set(a))
    batch = [c for c in a if c in b and c in later]
    inner = [c for c in a if c in b and c not in later]
    left, right = [c for c in a if c not in b], [c for c in b if c not in a]
    shape = [[sizes[c] for c in group] for group in (batch, left, inner, right)]
    x = _arranged(x, a, batch + left + inner, sizes)
    y = _arranged(y, b, batch + inner + right, sizes)
    n, rows, k, cols = [_product(group) for group in shape]
    if batch:
        value = bmm(_shaped(x, [n, rows, k]), _shaped(y, [n, k, cols]))
    else:
        value = mm(_shaped(x, [rows, k]), _shaped(y, [k, cols]))
    return "".join(batch + left + right), _shaped(value, shape[0] + shape[1] + shape[3])


def _reduced(t: Any, letters: str, needed: set) -> tuple[Any, str]:
    dims = [d for d, c in enumerate(letters) if c not in needed]
    return (t.sum(dims) if dims else t), "".join(c for c in letters if c in needed)


def _arranged(t: Any, letters: str, order: list, sizes: dict) -> Any:
    """Dims in an order, those of size 1 expanded where the letter's size is another."""
    if list(letters) != order:
        t = t.permute([letters.index(c) for c in order])
    shape = [sizes[c] for c in order]
    return t if list(t.shape) == shape else t.expand(shape)


def _shaped(t: Any, shape: list) -> Any:
    return t if list(t.shape) == shape else t.reshape(shape)


def _product(sizes: list[int]) -> int:
    n = 1
    for size in sizes:
        n *= size
    return n


@front()
def tensordot(a, b, dims=2):
    """Sum of products over the last `dims` dims of a and the first of b, or two lists of dims."""
    if isinstance(dims, int):
        if not 0 <= dims <= min(a.ndim, b.ndim):
            raise RuntimeError(
                f"tensordot: dims must lie between 0 and the dims of both tensors, got {dims} for "
                f"{list(a.shape)} and {list(b.shape)}"
            )
        over = list(range(a.ndim - dims, a.ndim)), list(range(dims))
    else:
        over = tuple(
            [check_dim("tensordot", d, t.ndim) for d in (ds if hasattr(ds, "__len__") else [ds])]
            for ds, t in zip(dims, (a, b), strict=True)
        )
    free_a = [d for d in range(a.ndim) if d not in over[0]]
    free_b = [d for d in range(b.ndim) if d not in over[1]]
    shape = [a.shape[d] for d in free_a] + [b.shape[d] for d in free_b]
    inner = _product([a.shape[d] for d in over[0]])
    x = a.permute(free_a + over[0]).reshape([1, _product(shape[: len(free_a)]), inner])
    y = b.permute(over[1] + free_b).reshape([1, inner, _product(shape[len(free_a) :])])
    return bmm(x, y).reshape(shape)
