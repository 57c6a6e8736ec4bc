"""What is no tensor, given to any public function: never an AttributeError of its parts."""

from __future__ import annotations

import itertools
import warnings

import numpy as np
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


@pytest.mark.parametrize("kind", ["<U1", "complex128", "object", "uint16", "datetime64[s]"])
def test_an_array_that_no_tensor_could_hold_is_no_operand(kind):
    other, x = np.zeros(2, kind), tg.ones(2)
    for call in (tg.add, tg.pow, tg.eq, x.add_, x.pow_, tg.ones(2, dtype=tg.int64).mul_):
        args = (other,) if hasattr(call, "__self__") else (x, other)
        with pytest.raises(TypeError, match=f"Tensor or a number, got an array of {kind[:3]}"):
            call(*args)
    assert x.tolist() == [1.0, 1.0]


def test_out_takes_as_many_tensors_as_there_are_results():
    x = tg.tensor([[1.0, 5.0], [7.0, 2.0]])
    values, places = tg.empty(2), tg.empty(2, dtype=tg.int64)
    found = tg.max(x, 1, out=(values, places))
    assert found.values is values and found.indices is places
    assert values.tolist() == [5.0, 7.0] and places.tolist() == [1, 0]
    for wrong in (values, (values,), (values, places, places)):
        with pytest.raises(TypeError, match="out= must be a tuple of 2 Tensors"):
            tg.min(x, 1, out=wrong)
    with pytest.raises(RuntimeError, match="out= has shape"):
        tg.min(x, 1, out=(values, tg.empty(3, dtype=tg.int64)))
    assert values.tolist() == [5.0, 7.0], "nothing is written unless all fits"


@pytest.mark.parametrize("dtype", [tg.bool, tg.int64])
def test_counts_of_whole_numbers_are_refused(dtype):
    x = tg.ones(3, dtype=dtype)
    for call in (lambda: tg.histogram(x, tg.tensor([0.0, 1.0])), lambda: tg.histogram(x, 3)):
        with pytest.raises(RuntimeError, match="histogram: expected a floating tensor"):
            call()


def test_logspace_overflows_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert tg.logspace(0, 400, 2).tolist() == [1.0, float("inf")]
