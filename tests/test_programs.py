"""Random programs of views, writes, detach, no_grad, hooks: right gradients or a clear error."""

from __future__ import annotations

import hypothesis.strategies as st
import numpy as np
import pytest
from hunt_programs import (
    KINDS,
    WEIGHTS,
    Library,
    Plain,
    fitting,
    loss_of,
    random_leaves,
    random_program,
    slopes_of,
)
from hunt_size import LONG, size
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

import tritongrad as tg

CLEAR = ("modified by an inplace operation", "overlap")  # errors that a program may end in
RTOL, ATOL = 1e-9, 1e-10  # of float64; the derivatives that it is compared with are exact


def backward_of(program, leaves, device):
    """(the library's run, None or the text of the clear error it ended in)."""
    run = Library(leaves, device)
    for step in program:
        run.step(*step)
    for leaf in run.leaves:
        run.hook(leaf)
    loss = loss_of(tg, run.registers, WEIGHTS)
    if not loss.requires_grad:
        return run, "no gradient"
    try:
        loss.backward(retain_graph=True)
    except RuntimeError as error:
        assert any(words in str(error) for words in CLEAR), error
        return run, str(error)
    check_hooks(run)
    first = [None if x.grad is None else x.grad.cpu().numpy().copy() for x in run.leaves]
    loss.backward()
    for x, g in zip(run.leaves, first, strict=True):
        if g is not None:
            np.testing.assert_array_equal(x.grad.cpu().numpy(), g + g)
            x.grad = tg.tensor(g, device=device)
    return run, None


def check_hooks(run):
    """Called at most once a backward, with a gradient of the tensor's shape."""
    for t, calls in run.hooks:
        assert calls in ([], [tuple(t.shape)])
    for leaf, (t, calls) in zip(run.leaves, run.hooks[-len(run.leaves) :], strict=True):
        assert leaf is t
        assert bool(calls) == (leaf.grad is not None)


def check(program, leaves, device="cpu"):
    """The gradients of a program are its derivatives; returns whether they were compared."""
    run, error = backward_of(program, leaves, device)
    plain = Plain(leaves)
    for step in program:
        plain.step(*step)
    for i, (got, want) in enumerate(zip(run.registers, plain.registers, strict=True)):
        host = got.detach().cpu().numpy()
        np.testing.assert_allclose(host, want.real, RTOL, ATOL, err_msg=f"register {i}")
    if error is not None and error != "no gradient":
        return False
    for x, want in zip(run.leaves, slopes_of(program, leaves), strict=True):
        got = np.zeros(want.shape) if x.grad is None else x.grad.cpu().numpy()
        np.testing.assert_allclose(got, want, RTOL, ATOL)
    return True


def run_program(seed, steps, device):
    rng = np.random.default_rng([seed, 77])
    leaves = random_leaves(rng)
    program = random_program(rng, leaves, steps)
    try:
        return check(program, leaves, device)
    except AssertionError as error:
        text = "\n".join(map(str, program))
        raise AssertionError(f"seed {seed}, leaves\n{leaves}\n{text}\n{error}") from error


@pytest.mark.parametrize(("steps", "share"), [(4, 0.90), (8, 0.79), (14, 0.69)])
def test_programs_give_their_derivatives_or_a_clear_error(steps, share):
    count = size(300, 6_700)
    compared = sum(run_program(seed, steps, "cpu") for seed in range(count))
    assert compared > share * count, "more programs end in an error than have to"


def test_programs_on_another_device(accelerator):
    count = size(6, 300)
    compared = sum(run_program(seed, 7, accelerator) for seed in range(10_000, 10_000 + count))
    assert compared > 0.4 * count


def second_slopes(run, program, leaves):
    """(the library's, Plain's) derivatives of the sum of the squared gradients."""
    loss = loss_of(tg, run.registers, WEIGHTS)
    grads = tg.autograd.grad(loss, run.leaves, create_graph=True, allow_unused=True)
    total = sum((g * g).sum() for g in grads if g is not None)
    if not total.requires_grad:
        return None
    got = tg.autograd.grad(total, run.leaves, allow_unused=True)
    h, want = 1e-5, []
    for k, leaf in enumerate(leaves):
        slopes = np.zeros(leaf.shape)
        for at in np.ndindex(leaf.shape):
            both = []
            for sign in (1, -1):
                moved = [x.copy() for x in leaves]
                moved[k][at] += sign * h
                both.append(sum((g * g).sum() for g in slopes_of(program, moved)))
            slopes[at] = (both[0] - both[1]) / (2 * h)
        want.append(slopes)
    return got, want


def test_second_derivatives_of_programs():
    compared = 0
    for seed in range(size(25, 1_000)):
        rng = np.random.default_rng([seed, 78])
        leaves = random_leaves(rng)
        program = random_program(rng, leaves, 6)
        if any(kind in ("detach", "no_grad") for kind, *_ in program):
            continue  # differences of frozen values are not what the gradient's gradient is
        run = Library(leaves, "cpu")
        for step in program:
            run.step(*step)
        try:
            found = second_slopes(run, program, leaves)
        except RuntimeError as error:
            assert any(words in str(error) for words in CLEAR), error
            continue
        for got, want in zip(*found, strict=True) if found else ():
            have = np.zeros(want.shape) if got is None else got.numpy()
            np.testing.assert_allclose(have, want, 1e-5, 1e-6, err_msg=f"{seed}: {program}")
            compared += 1
    assert compared > 10


class Programs(RuleBasedStateMachine):
    """Hypothesis writes the program, so that it can shrink one that goes wrong."""

    @initialize(seed=st.integers(0, 4))
    def start(self, seed):
        self.leaves = random_leaves(np.random.default_rng(seed))
        self.plain = Plain(self.leaves)
        self.program = []

    @rule(kind=st.sampled_from(KINDS), name=st.integers(0, 7), i=st.integers(0), j=st.integers(0))
    def step(self, kind, name, i, j):
        n = len(self.plain.registers)
        step = fitting(self.plain, len(self.leaves), kind, name, i % n, j % n)
        if step is not None:
            self.plain.step(*step)
            self.program.append(step)

    @invariant()
    def numbers_stay_numbers(self):
        if hasattr(self, "plain"):
            assert all(np.isfinite(r).all() for r in self.plain.registers)

    def teardown(self):
        if getattr(self, "program", None):
            check(self.program, self.leaves)


TestPrograms = Programs.TestCase
TestPrograms.settings = settings(
    max_examples=size(25, 1_000),
    stateful_step_count=12,
    deadline=None,
    derandomize=not LONG,
    database=None,
)
