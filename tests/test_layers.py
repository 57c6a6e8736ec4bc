"""Who may import whom, and the measures of the house style that a machine can take."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("kernels", "tritongrad", "tests", "bench", "examples")


def sources(*folders: str) -> list[Path]:
    """Every Python file below these folders, each once: the link to kernels/ is not followed"""
    files = [file for folder in folders for file in sorted((ROOT / folder).rglob("*.py"))]
    return [file for file in files if ROOT / "tritongrad" / "kernels" not in file.parents]


def by_name(file: Path) -> str:
    """A test's label: the file as seen from the root"""
    return file.relative_to(ROOT).as_posix()


ALL = [*sources(*FOLDERS), ROOT / "dev.py"]
LIBRARY = sources("kernels", "tritongrad")
every_file = pytest.mark.parametrize("file", ALL, ids=by_name)
every_library_file = pytest.mark.parametrize("file", LIBRARY, ids=by_name)


def imports(tree: ast.AST) -> list[str]:
    """The absolute names that a piece of source imports, at any depth"""
    names = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names.append(node.module or "")
    return names


def test_imports_keep_to_the_contracts():
    pytest.importorskip("importlinter", reason="import-linter comes with the [test] extra")
    program = (
        "from importlinter.cli import lint_imports_command as c; c(['--no-cache', '--no-logo'])"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_kernels_import_triton_and_each_other_only():
    for file in sources("kernels"):
        for name in imports(ast.parse(file.read_text())):
            assert name.partition(".")[0] == "triton", f"{by_name(file)} imports {name}"


def test_triton_and_the_driver_are_named_in_cuda_only():
    """That `import tritongrad` loads neither is what tests/test_import.py sees"""
    for file in sources("tritongrad"):
        if ROOT / "tritongrad" / "cuda" not in file.parents:
            names = {name.partition(".")[0] for name in imports(ast.parse(file.read_text()))}
            assert not names & {"triton", "cuda"}, by_name(file)


@every_file
def test_a_file_opens_with_one_sentence_and_is_read_in_one_sitting(file):
    text = file.read_text()
    docstring = ast.get_docstring(ast.parse(text))
    assert docstring and docstring.splitlines()[0].strip(), "the first line says what the file is"
    names = sum(
        bool(re.match(r"from \S+ import (\w+) as \w+$", line)) for line in text.splitlines()
    )
    assert text.count("\n") - names <= 300, (
        "over 300 lines (public names aside): it holds two things"
    )


@every_library_file
def test_no_function_is_over_40_lines(file):
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or 0) - node.lineno + 1
            assert lines <= 40, f"{node.name} has {lines} lines"


@every_file
def test_nothing_is_promised_or_tied_to_one_machine(file):
    promises = ["TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"]
    folders = [f"/{name}/" for name in ("work", "tmp", "root", "home")]
    text = file.read_text()
    assert [word for word in promises + folders if word in text] == []


@every_file
def test_torch_is_never_imported_by_name(file):
    """Parity tests reach it through pytest.importorskip alone; bench/ may measure against it"""
    if ROOT / "bench" in file.parents:
        return
    assert "torch" not in {name.partition(".")[0] for name in imports(ast.parse(file.read_text()))}
