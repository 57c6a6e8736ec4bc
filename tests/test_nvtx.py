"""Ranges for NVIDIA's tools: which are told to the package nvtx, and what is said without it."""

import sys
import types

import pytest

import tritongrad as tg
from tritongrad.profiler import profile, record_function


class Domain:
    def __init__(self):
        self.calls = []

    def get_event_attributes(self, message):
        return message

    def push_range(self, message):
        self.calls.append(message)

    def pop_range(self):
        self.calls.append("end")


@pytest.fixture
def domain(monkeypatch):
    """What the package nvtx would be told"""
    from tritongrad.cuda import nvtx

    found = Domain()
    package = types.ModuleType("nvtx")
    package.get_domain = lambda name: found
    package.mark = lambda message, domain: found.calls.append((message, domain))
    monkeypatch.setitem(sys.modules, "nvtx", package)
    nvtx._domain.cache_clear()
    nvtx._attributes.cache_clear()
    yield found
    nvtx._domain.cache_clear()
    nvtx._attributes.cache_clear()


def test_operations_are_ranges_when_asked(domain):
    with profile(nvtx=True), record_function("part"):
        tg.ones(2).sum()
    assert domain.calls == ["part", "ones", "end", "sum", "end", "end"]
    with profile():
        tg.ones(2)
    assert len(domain.calls) == 6


def test_ranges_of_ones_own(domain):
    @tg.cuda.nvtx.range("f{}", 1)
    def f():
        tg.cuda.nvtx.mark("here")

    tg.cuda.nvtx.range_push("a")
    f()
    tg.cuda.nvtx.range_pop()
    assert domain.calls == ["a", "f1", ("here", "tritongrad"), "end", "end"]


def test_without_the_package_ranges_say_what_to_install(monkeypatch):
    from tritongrad.cuda import nvtx

    monkeypatch.setitem(sys.modules, "nvtx", None)
    nvtx._domain.cache_clear()
    for call in (lambda: nvtx.range_push("a"), nvtx.range_pop, lambda: profile(nvtx=True)):
        with pytest.raises(RuntimeError, match="pip install nvtx"):
            call()
    nvtx._domain.cache_clear()


def test_the_real_package():
    package = pytest.importorskip("nvtx", reason="ranges go through the package nvtx")
    assert package.get_domain("tritongrad") is not None
    with profile(nvtx=True) as prof:
        tg.ones(2).sum()
    tg.cuda.nvtx.mark("end")
    assert len(prof.events()) == 2
