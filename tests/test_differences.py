"""docs/differences.md: its tables hold, here and in PyTorch, and it lists every name left out."""

import math
import re
from pathlib import Path

import numpy as np
import pytest

import tritongrad as tg
from tritongrad import absent

PAGE = Path(__file__).resolve().parent.parent / "docs" / "differences.md"
TEXT = PAGE.read_text(encoding="utf-8")
ROW = re.compile(r"^\| `(.+?)` \| `(.+?)` \| `(.+?)` \|", re.M)
ROWS = ROW.findall(TEXT)
PLACES = [place for place in absent.TABLE if place != "Tensor"]


def outcome(program: str, library) -> str:
    """What a program gives, as text, or the class of its error"""
    *before, expression = program.split("; ")
    known = {"torch": library, "np": np, "math": math}
    try:
        exec("; ".join(before), known)
        return repr(eval(expression, known)).replace("tritongrad.", "torch.")
    except Exception as error:
        return type(error).__name__


def test_the_page_has_rows():
    assert len(ROWS) > 20


@pytest.mark.parametrize(("program", "here", "_"), ROWS)
def test_a_row_holds_here(program, here, _):
    assert outcome(program, tg) == here


@pytest.mark.parametrize(("program", "_", "there"), ROWS)
@pytest.mark.filterwarnings("ignore")
def test_a_row_holds_in_pytorch(program, _, there):
    torch = pytest.importorskip("torch")
    assert outcome(program, torch) == there


# names


@pytest.mark.parametrize("place", PLACES)
def test_a_name_left_out_says_what_there_is(place):
    for name, nearest in absent.instead(place).items():
        module = eval(place, {"tritongrad": tg})
        with pytest.raises(AttributeError) as caught:
            getattr(module, name)
        assert str(caught.value).endswith(f"'{place}' has no attribute '{name}'{said(nearest)}")


@pytest.mark.parametrize("place", PLACES)
def test_importing_what_is_left_out_says_what_there_is(place):
    for name, nearest in absent.instead(place).items():
        for line in (f"from {place} import {name}", f"import {place}.{name}"):
            with pytest.raises(ImportError) as caught:
                exec(line)
            assert str(caught.value) == f"No module named '{place}.{name}'{said(nearest)}"
    with pytest.raises(ImportError, match=r"docs/differences\.md"):
        exec(f"import {place}.qwertyuiop")


def said(nearest: str) -> str:
    return f": the nearest there is: {nearest}"


def test_a_method_left_out_says_what_there_is():
    t = tg.ones(1)
    for name, nearest in absent.instead("Tensor").items():
        for owner, what in ((t, "'Tensor' object"), (tg.Tensor, "type object 'Tensor'")):
            assert not hasattr(owner, name)
            with pytest.raises(AttributeError) as caught:
                getattr(owner, name)
            assert str(caught.value) == f"{what} has no attribute '{name}'{said(nearest)}"


def test_what_is_named_instead_exists():
    for place in absent.TABLE:
        for nearest in absent.instead(place).values():
            for name in re.findall(r"tritongrad\.[\w.]*\w", nearest):
                if name.startswith("tritongrad.cuda."):  # its parts load a driver
                    assert name.rpartition(".")[2] in tg.cuda.__all__
                else:
                    eval(name, {"tritongrad": tg})
            for name in re.findall(r"Tensor\.(\w+)", nearest):
                assert hasattr(tg.Tensor, name), name


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda: tg.layer_norm, "tritongrad.nn.functional.layer_norm"),
        (lambda: tg.Linear, "tritongrad.nn.Linear"),
        (lambda: tg.add_, "Tensor.add_"),
        (lambda: tg.logsumex, "tritongrad.logsumexp"),
        (lambda: tg.nn.cross_entropy, "tritongrad.nn.functional.cross_entropy"),
        (lambda: tg.nn.Linaer, "tritongrad.nn.Linear"),
        (lambda: tg.nn.functional.Conv2d, "tritongrad.nn.Conv2d"),
        (lambda: tg.optim.lr_scheduler.StepLr, "tritongrad.optim.lr_scheduler.StepLR"),
        (lambda: tg.utils.data.Dataloader, "tritongrad.utils.data.DataLoader"),
        (lambda: tg.qwertyuiop, "docs/differences.md"),
    ],
)
def test_the_nearest_is_found_elsewhere_or_by_spelling(ask, words):
    with pytest.raises(AttributeError, match=re.escape(words)):
        ask()


def listed() -> str:
    """The last part of the page, made from the table of names"""
    lines = []
    for place in absent.TABLE:
        names = " ".join(f"`{name}`" for name in absent.instead(place))
        lines.append(f"- **{place}**: {names}")
    return "\n".join(lines)


def test_the_page_lists_every_name_left_out():
    found = TEXT.partition("<!-- absent -->\n")[2].partition("\n<!-- /absent -->")[0]
    assert found == listed(), "put the right-hand side between the marks of the page"
