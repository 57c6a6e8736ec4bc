"""The wheel, the sdist, the editable install and the bare checkout: each holds every module.

Everything is built from a copy of the tree and installed into an environment of its own that sees
NumPy and ml_dtypes and nothing else, which is also the test that the core needs no more.
"""

import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import venv
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LINK = ROOT / "tritongrad" / "kernels"
LEFT_OUT = (
    ".git",
    ".venv*",
    "__pycache__",
    "*.egg-info",
    "build",
    "dist",
    ".*_cache",
    ".hypothesis",
)

# Finds every module named on the command line, computes, and says where the package lies.
VISIT = """
import importlib.util, os, sys
import tritongrad
missing = [name for name in sys.argv[1:] if importlib.util.find_spec(name) is None]
assert not missing, missing
assert tritongrad.ones(2, 3).sum().item() == 6
assert "triton" not in sys.modules
try:
    import kernels
except ImportError:
    print(os.path.dirname(os.path.dirname(tritongrad.__file__)))
else:
    sys.exit("plain `import kernels` works")
"""


def modules() -> list[str]:
    """The name of every module, by the files in the tree"""
    files = [f for f in (ROOT / "tritongrad").rglob("*.py") if LINK not in f.parents]
    names = [f.relative_to(ROOT) for f in files]
    names += [Path("tritongrad", f.relative_to(ROOT)) for f in (ROOT / "kernels").rglob("*.py")]
    return sorted(name.as_posix() for name in names)


def dotted(file: str) -> str:
    """`tritongrad/ops/reduce.py` as `tritongrad.ops.reduce`"""
    return file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def run(*command: object, cwd: Path) -> str:
    """What a command prints; its whole output in the failure if it fails"""
    env = {
        key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "PIP_"))
    }
    words = [str(word) for word in command]
    done = subprocess.run(words, cwd=cwd, env=env, capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(words)}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def visit(python: Path, cwd: Path) -> Path:
    """Import everything with this Python from this folder; where tritongrad was found"""
    names = [dotted(file) for file in modules() if not file.endswith("__main__.py")]
    return Path(run(python, "-c", VISIT, *names, cwd=cwd).strip())


@pytest.fixture(scope="module")
def workshop(tmp_path_factory):
    """A copy of the tree and a folder of links to the few packages that may be seen"""
    if int(metadata.version("setuptools").partition(".")[0]) < 77:
        pytest.skip("setuptools below 77 cannot build this project: install the [test] extra")
    folder = tmp_path_factory.mktemp("packaging")
    ignore = shutil.ignore_patterns(*LEFT_OUT)
    shutil.copytree(ROOT, folder / "tree", symlinks=True, ignore=ignore)
    (folder / "seen").mkdir()
    (folder / "elsewhere").mkdir()
    for package in ("numpy", "ml_dtypes", "setuptools"):
        for file in metadata.distribution(package).files or ():
            top, target = file.parts[0], folder / "seen" / file.parts[0]
            if (
                top not in ("..", "__pycache__")
                and not top.endswith(".pth")
                and not target.exists()
            ):
                target.symlink_to(str(metadata.distribution(package).locate_file(top)))
    return folder


def build(kind: str, tree: Path) -> Path:
    """Build a wheel or an sdist of a tree with the installed setuptools"""
    program = f"from setuptools import build_meta as b; print(b.build_{kind}('dist'))"
    return tree / "dist" / run(sys.executable, "-c", program, cwd=tree).split()[-1]


def environment(workshop: Path, name: str, *install: object) -> Path:
    """The Python of a fresh environment with this installed by pip, without a network"""
    folder = workshop / name
    venv.create(folder, with_pip=False, symlinks=os.name != "nt")
    python = next(folder.glob("bin/python")) if os.name != "nt" else folder / "Scripts/python.exe"
    where = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site = Path(run(python, "-c", where, cwd=folder).strip())
    (site / "seen.pth").write_text(f"{workshop / 'seen'}\n")
    if install:
        flags = ("--quiet", "--no-deps", "--no-index", "--no-build-isolation")
        pip = (sys.executable, "-m", "pip", "--python", python, "install", *flags)
        run(*pip, *install, cwd=workshop / "elsewhere")
    return python


def test_the_packages_list_names_every_folder_and_no_other():
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    folders = {dotted(file.rpartition("/")[0]) for file in modules()}
    assert sorted(listed) == sorted(folders)
    assert folders == {dotted(f) for f in modules() if f.endswith("/__init__.py")}


def test_the_link_to_the_kernels_is_a_link():
    assert LINK.is_symlink() and os.readlink(LINK) == os.path.join("..", "kernels")


def test_wheel(workshop):
    wheel = build("wheel", workshop / "tree")
    assert wheel.name.endswith("-py3-none-any.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        info = next(name for name in names if name.endswith("/METADATA"))
        lines = archive.read(info).decode().splitlines()
    assert sorted(name for name in names if name.endswith(".py")) == modules()
    assert {n.partition("/")[0] for n in names} == {"tritongrad", info.partition("/")[0]}
    assert "tritongrad/py.typed" in names and any(n.endswith("/LICENSE") for n in names)
    needs = [line for line in lines if line.startswith("Requires-Dist:") and "extra ==" not in line]
    assert sorted(re.findall(r": (\w+)", line)[0] for line in needs) == ["ml_dtypes", "numpy"]
    python = environment(workshop, "wheel", wheel)
    assert workshop / "wheel" in visit(python, workshop / "elsewhere").parents


def test_sdist_builds_the_same_package(workshop):
    sdist = build("sdist", workshop / "tree")
    with tarfile.open(sdist) as archive:
        archive.extraction_filter = getattr(tarfile, "data_filter", None)  # 3.11.4 or newer
        archive.extractall(workshop / "unpacked")
    (tree,) = (workshop / "unpacked").iterdir()
    with zipfile.ZipFile(build("wheel", tree)) as archive:
        assert sorted(n for n in archive.namelist() if n.endswith(".py")) == modules()
    python = environment(workshop, "sdist", sdist)
    assert workshop / "sdist" in visit(python, workshop / "elsewhere").parents


def test_editable_install_follows_the_tree(workshop):
    python = environment(workshop, "editable", "-e", workshop / "tree")
    assert visit(python, workshop / "elsewhere") == workshop / "tree"
    new = workshop / "tree" / "tritongrad" / "written_later.py"
    new.write_text("value = 42\n")
    program = "from tritongrad.written_later import value; print(value)"
    assert run(python, "-c", program, cwd=workshop / "elsewhere").strip() == "42"
    new.unlink()


def test_bare_checkout_works_where_it_lies(workshop):
    python = environment(workshop, "bare")
    assert visit(python, workshop / "tree") == workshop / "tree"
