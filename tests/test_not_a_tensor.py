"""What is no tensor, given to any public function: never an AttributeError of its parts."""

from __future__ import annotations

import itertools
import warnings

import pytest
from hunt_garbage import functions

import tritongrad as tg
from tritongrad.front import front, of_tensors

F = tg.nn.functional
BAD = [None, "a", [1.0], object()]


def calls():
    """What is no tensor among up to three arguments, with tensors and ones for the others."""
    given = {}  # by identity: tensors answer == with tensors
    t = tg.ones(2, 3)
    for bad in BAD:
        for count in range(1, 4):
            for args in itertools.product((t, 1, bad), repeat=count):
                given[tuple(map(id, args))] = args
    return list(given.values())


@pytest.mark.filterwarnings("ignore")
def test_no_public_function_raises_an_attribute_error():
    found, given = [], calls()
    for name, function in functions():
        for args in given:
            try:
                function(*args)
            except AttributeError as error:
                found.append((name, [type(a).__name__ for a in args], str(error)))
            except Exception:
                continue
    assert not found, f"{len(found)} calls: {sorted({f[0]: f for f in found}.items())}"


NAMED = [
    (lambda: F.mse_loss(None, tg.ones(2)), "mse_loss: argument 'input' must be a Tensor, got No"),
    (lambda: F.huber_loss(tg.ones(2), "a"), "huber_loss: argument 'target' must be a Tensor, got"),
    (lambda: F.prelu(tg.ones(2), weight=[1.0]), "prelu: argument 'weight' must be a Tensor, got"),
    (lambda: F.glu(object()), "glu: argument 'input' must be a Tensor, got object"),
    (lambda: tg.outer(tg.ones(2), None), "outer: argument '.*' must be a Tensor, got NoneType"),
    (lambda: tg.atleast_1d([1.0]), "atleast_1d: argument 'input' must be a Tensor, got list"),
    (lambda: tg.tril(tg.ones(2, 2), None), "tril: argument 'diagonal' must be an int, got NoneTy"),
    (lambda: tg.split(tg.ones(4), None), "split: argument 'split_size' must be an int, got None"),
    (lambda: tg.atan2(tg.ones(4), None), "atan2: argument 'other' must be a Tensor or a number"),
    (lambda: tg.broadcast_tensors(*[tg.ones(2)] * 3, 1.0), "broadcast_tensors: argument 'tensors'"),
    (lambda: tg.einsum("i,i,i->i", *[tg.ones(2)] * 2, 1.0), "einsum: argument 'operands' must be"),
]


@pytest.mark.parametrize(("call", "words"), NAMED, ids=[words[:12] for _, words in NAMED])
def test_the_error_names_the_function_and_the_argument(call, words):
    with warnings.catch_warnings(), pytest.raises(TypeError, match=words):
        warnings.simplefilter("ignore")
        call()


@pytest.mark.parametrize("declare", [of_tensors, front()])
def test_faults_of_the_function_itself_stay_what_they_are(declare):
    @declare
    def twice(input, other=None):
        return input.no_such_method()

    with pytest.raises(AttributeError, match="no_such_method"):
        twice(tg.ones(2))
    with pytest.raises(TypeError, match="twice: argument 'input' must be a Tensor, got str"):
        twice("a")

    @declare
    def broken(input):
        return {}.no_such_method

    with pytest.raises(AttributeError, match="no_such_method"):
        broken(tg.ones(2))


def test_faults_of_an_operation_stay_what_they_are(declared):
    @declared(samples=[], cpu=lambda x: x.no_such_method())
    def faulty_operation(input):
        return (input,)

    with pytest.raises(AttributeError, match="no_such_method"):
        faulty_operation(tg.ones(2))


def test_the_last_name_is_that_of_all_the_arguments_that_follow():
    @of_tensors
    def total(first, *others):
        return sum((o.sum() for o in others), first.sum())

    assert total(*[tg.ones(2)] * 4).item() == 8
    for place, name in enumerate(("first", "others", "others", "others")):
        args = [tg.ones(2)] * place + [1.5] + [tg.ones(2)] * (3 - place)
        with pytest.raises(TypeError, match=f"'{name}' must be a Tensor, got float$"):
            total(*args)


def test_what_is_in_a_list_is_said_to_be_in_it():
    @of_tensors
    def total(tensors):
        return sum((t.sum() for t in tensors), tg.zeros(()))

    for kind in (list, tuple):
        given = kind([tg.ones(2), 1.5])
        with pytest.raises(TypeError, match=rf"got float \(in a {kind.__name__}\)$"):
            total(given)
