"""Steps of optimizers, in place, over one array or over many through a table of pointers.

In a table, program k works on elements from starts[k] on of the array owners[k]: its length is
sizes[owner], and pointers[j, owner] is the address of its j-th companion (parameter, gradient, ..).
"""

import triton
import triton.language as tl

from .exponential import divide
from .special import sqrt


@triton.jit
def sgd_rule(
    w, g, buffer, lr, momentum, share, decay, MOMENTUM: tl.constexpr, FIRST: tl.constexpr,
    NESTEROV: tl.constexpr, MAXIMIZE: tl.constexpr,
):  # fmt: skip
    """(w, buffer) after one step; share = 1 - dampening; at the FIRST the buffer is the gradient"""
    if MAXIMIZE:
        g = g * -1.0
    g = g + w * decay
    if MOMENTUM:
        if FIRST:
            buffer = g
        else:
            buffer = buffer * momentum + g * share
        if NESTEROV:
            g = g + buffer * momentum
        else:
            g = buffer
    return w - g * lr, buffer


@triton.jit
def adam_rule(
    w, g, mean, square, peak, step, lr, beta1, beta2, eps, decay, ACC: tl.constexpr,
    DECOUPLED: tl.constexpr, AMSGRAD: tl.constexpr, MAXIMIZE: tl.constexpr, COUNTED: tl.constexpr,
):  # fmt: skip
    """(w, mean, square, peak) after one step of Adam; DECOUPLED: AdamW's weight decay

    lr, beta1, beta2 and decay come as float64, and so does what is computed once a program;
    COUNTED: step is a pointer to the number of steps.
    """
    t = (tl.load(step) if COUNTED else tl.full([], step, tl.int64)).to(tl.float64)
    rate = (lr / (1.0 - tl.exp(t * tl.log(beta1)))).to(ACC)
    root2 = tl.sqrt(1.0 - tl.exp(t * tl.log(beta2))).to(ACC)
    if MAXIMIZE:
        g = g * -1.0
    if DECOUPLED:
        w = w * (1.0 - lr * decay).to(ACC)
    else:
        g = g + w * decay.to(ACC)
    mean = mean + (g - mean) * (1.0 - beta1).to(ACC)
    square = square * beta2.to(ACC) + g * g * (1.0 - beta2).to(ACC)
    top = square
    if AMSGRAD:
        peak = tl.maximum(peak, square, propagate_nan=tl.PropagateNan.ALL)
        top = peak
    below = divide(sqrt(top), tl.full(top.shape, root2, top.dtype)) + eps
    return w - divide(mean, below) * rate, mean, square, peak


@triton.jit
def lane(table, j, tables, owner, like):
    """The address of the j-th companion of an array in a table of `tables` arrays"""
    return tl.load(table + j * tables + owner).to(tl.pointer_type(like), bitcast=True)


@triton.jit
def sgd_table(
    like, pointers, sizes, owners, starts, tables, lr, momentum, share, decay,
    ACC: tl.constexpr, MOMENTUM: tl.constexpr, FIRST: tl.constexpr, NESTEROV: tl.constexpr,
    MAXIMIZE: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """One step of SGD for every array of the table; `like` is one of them and gives the type"""
    owner = tl.load(owners + tl.program_id(0))
    i = tl.load(starts + tl.program_id(0)) + tl.arange(0, BLOCK)
    mask = i < tl.load(sizes + owner)
    TYPE: tl.constexpr = like.dtype.element_ty
    at_w = lane(pointers, 0, tables, owner, TYPE) + i
    at_g = lane(pointers, 1, tables, owner, TYPE) + i
    at_b = lane(pointers, 2, tables, owner, TYPE) + i
    w = tl.load(at_w, mask).to(ACC)
    g = tl.load(at_g, mask).to(ACC)
    b = g
    if MOMENTUM and not FIRST:
        b = tl.load(at_b, mask).to(ACC)
    w, b = sgd_rule(w, g, b, lr, momentum, share, decay, MOMENTUM, FIRST, NESTEROV, MAXIMIZE)
    tl.store(at_w, w.to(TYPE), mask)
    if MOMENTUM:
        tl.store(at_b, b.to(TYPE), mask)


@triton.jit
def adam_table(
    like, pointers, sizes, owners, starts, tables, step, lr, beta1, beta2, eps, decay,
    ACC: tl.constexpr, DECOUPLED: tl.constexpr, AMSGRAD: tl.constexpr, MAXIMIZE: tl.constexpr,
    COUNTED: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """One step of Adam for every array of the table; COUNTED: step is a pointer"""
    owner = tl.load(owners + tl.program_id(0))
    i = tl.load(starts + tl.program_id(0)) + tl.arange(0, BLOCK)
    mask = i < tl.load(sizes + owner)
    TYPE: tl.constexpr = like.dtype.element_ty
    at_w = lane(pointers, 0, tables, owner, TYPE) + i
    at_g = lane(pointers, 1, tables, owner, TYPE) + i
    at_m = lane(pointers, 2, tables, owner, TYPE) + i
    at_s = lane(pointers, 3, tables, owner, TYPE) + i
    at_p = lane(pointers, 4, tables, owner, TYPE) + i
    w = tl.load(at_w, mask).to(ACC)
    g = tl.load(at_g, mask).to(ACC)
    m = tl.load(at_m, mask).to(ACC)
    s = tl.load(at_s, mask).to(ACC)
    p = s
    if AMSGRAD:
        p = tl.load(at_p, mask).to(ACC)
    w, m, s, p = adam_rule(
        w, g, m, s, p, step, lr, beta1, beta2, eps, decay, ACC,
        DECOUPLED, AMSGRAD, MAXIMIZE, COUNTED,
    )  # fmt: skip
    tl.store(at_w, w.to(TYPE), mask)
    tl.store(at_m, m.to(TYPE), mask)
    tl.store(at_s, s.to(TYPE), mask)
    if AMSGRAD:
        tl.store(at_p, p.to(TYPE), mask)


@triton.jit
def sgd_one(
    w, g, buffer, n, lr, momentum, share, decay,
    ACC: tl.constexpr, MOMENTUM: tl.constexpr, FIRST: tl.constexpr, NESTEROV: tl.constexpr,
    MAXIMIZE: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """One step of SGD for n contiguous elements"""
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    mask = i < n
    TYPE: tl.constexpr = w.dtype.element_ty
    now = tl.load(w + i, mask).to(ACC)
    grad = tl.load(g + i, mask).to(ACC)
    b = grad
    if MOMENTUM and not FIRST:
        b = tl.load(buffer + i, mask).to(ACC)
    now, b = sgd_rule(now, grad, b, lr, momentum, share, decay, MOMENTUM, FIRST, NESTEROV, MAXIMIZE)
    tl.store(w + i, now.to(TYPE), mask)
    if MOMENTUM:
        tl.store(buffer + i, b.to(TYPE), mask)


@triton.jit
def adam_one(
    w, g, mean, square, peak, n, step, lr, beta1, beta2, eps, decay,
    ACC: tl.constexpr, DECOUPLED: tl.constexpr, AMSGRAD: tl.constexpr, MAXIMIZE: tl.constexpr,
    COUNTED: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """One step of Adam for n contiguous elements; COUNTED: step is a pointer"""
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    mask = i < n
    TYPE: tl.constexpr = w.dtype.element_ty
    now = tl.load(w + i, mask).to(ACC)
    grad = tl.load(g + i, mask).to(ACC)
    m = tl.load(mean + i, mask).to(ACC)
    s = tl.load(square + i, mask).to(ACC)
    p = s
    if AMSGRAD:
        p = tl.load(peak + i, mask).to(ACC)
    now, m, s, p = adam_rule(
        now, grad, m, s, p, step, lr, beta1, beta2, eps, decay, ACC,
        DECOUPLED, AMSGRAD, MAXIMIZE, COUNTED,
    )  # fmt: skip
    tl.store(w + i, now.to(TYPE), mask)
    tl.store(mean + i, m.to(TYPE), mask)
    tl.store(square + i, s.to(TYPE), mask)
    if AMSGRAD:
        tl.store(peak + i, p.to(TYPE), mask)
