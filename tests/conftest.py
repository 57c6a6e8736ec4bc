"""Which devices the tests run on, and the flag for slow ones."""

from __future__ import annotations

import os
import threading
from types import SimpleNamespace

import pytest

os.environ["TRITONGRAD_POISON"] = "1"  # fresh memory of `interpret` is nan: what is skipped shows

import tritongrad as tg
from tritongrad.op import REGISTRY, op
from tritongrad.testing import devices

NO_PARAMETERS = SimpleNamespace(params={})


@pytest.fixture
def declared():
    """Declare operations; they are forgotten afterwards."""
    before = dict(REGISTRY)
    yield op
    REGISTRY.clear()
    REGISTRY.update(before)


@pytest.fixture
def no_grad_elsewhere():
    """While the test runs, another thread is in no_grad()."""
    inside, done = threading.Event(), threading.Event()

    def other():
        with tg.no_grad():
            inside.set()
            done.wait(10)

    thread = threading.Thread(target=other)
    thread.start()
    inside.wait(10)
    yield
    done.set()
    thread.join()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slow", action="store_true", help="run the tests marked slow too")


@pytest.hookimpl(tryfirst=True)  # before `-m` chooses
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    skip = pytest.mark.skip(reason="slow: run with --slow")
    for item in items:
        if "slow" in item.keywords and not config.getoption("--slow"):
            item.add_marker(skip)
        given = getattr(item, "callspec", NO_PARAMETERS).params
        if "interpret" in (given.get("device"), given.get("accelerator")):
            item.add_marker(pytest.mark.triton)  # kernels run in Triton's interpreter


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """`device`: every device present; `accelerator`: those that are not the CPU."""
    if "device" in metafunc.fixturenames:
        metafunc.parametrize("device", devices())
    if "accelerator" in metafunc.fixturenames:
        metafunc.parametrize("accelerator", devices()[1:])
