"""save and load: everything comes back bit for bit, and a save that fails changes nothing."""

import io
import os
import stat
import subprocess
import sys
from collections import Counter, OrderedDict, defaultdict

import numpy as np
import pytest

import tritongrad as tg
from tritongrad.dtype import BY_NAME

safetensors_numpy = pytest.importorskip("safetensors.numpy")


def saved(obj) -> bytes:
    """What save writes"""
    file = io.BytesIO()
    tg.save(obj, file)
    return file.getvalue()


def again(obj):
    """obj, saved and loaded"""
    return tg.load(io.BytesIO(saved(obj)))


def same(a, b) -> bool:
    """Whether two values are equal to the last bit, types included"""
    if type(a) is not type(b):
        return False
    if isinstance(a, tg.Tensor):
        bits = a.detach().cpu().numpy().tobytes() == b.detach().cpu().numpy().tobytes()
        alike = a.dtype is b.dtype and a.shape == b.shape and a.device == b.device
        return bits and alike and a.requires_grad == b.requires_grad
    if isinstance(a, dict):
        pairs = zip(a.items(), b.items(), strict=True)
        return len(a) == len(b) and all(same(k, m) and same(v, w) for (k, v), (m, w) in pairs)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, (np.ndarray, np.generic)):
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    return repr(a) == repr(b)  # nan equals nan, and -0.0 is not 0.0


@pytest.mark.parametrize("name", BY_NAME)
def test_tensors_of_every_type_come_back(name, device):
    t = tg.randn(3, 4, generator=tg.Generator().manual_seed(3)).mul(50).to(BY_NAME[name])
    state = {"plain": t, "turned": t.t(), "part": t[1:, ::2], "none": t[:0], "one": t[0, 0]}
    state = {key: value.to(device) for key, value in state.items()}
    assert same(again(state), state)


def test_a_checkpoint_comes_back():
    w = tg.randn(3, 2)
    checkpoint = {
        "model": OrderedDict([("0.weight", w), ("0.bias", tg.zeros(2))]),
        "optim": {
            "state": {0: {"step": 7, "exp_avg": w * 2}, 1: {}},
            "param_groups": [
                {"lr": 0.1, "betas": (0.9, 0.999), "foreach": None, "maximize": False}
            ],
        },
        "epoch": 3,
        "losses": [1.5, float("inf"), float("-inf"), float("nan"), -0.0, 5e-324],
        "name": "run \u2713 \ud800 \n",
        "best": (1, (2.5, "x"), []),
        "large": -(10**30),
        "shape": w.shape,
        "dtype": tg.bfloat16,
        "device": tg.device("cuda:1"),
        "bytes": b"\0\xff",
        (1, "a"): {True: 1, None: 2, 2.5: 3},
        "history": np.arange(6.0).reshape(2, 3),
        "mean": np.float32(0.1),
        "flag": np.bool_(True),
    }
    assert same(again(checkpoint), checkpoint)


@pytest.mark.parametrize("obj", [3, None, "x", [], {}, (), tg.ones(2), [tg.ones(1), (2,)]])
def test_the_outermost_value_may_be_anything(obj):
    assert same(again(obj), obj)


def test_parameters_stay_parameters():
    state = {"w": tg.nn.Parameter(tg.ones(2)), "frozen": tg.nn.Parameter(tg.ones(2), False)}
    assert same(again(state), state)


def test_a_tensor_of_a_graph_comes_back_as_a_leaf():
    got = again(tg.ones(2, requires_grad=True) * 3)
    assert got.requires_grad and got.is_leaf and got.tolist() == [3, 3]


def test_names_that_collide_are_kept_apart():
    state = {"a.b": tg.ones(1), "a": {"b": tg.zeros(1)}, "__metadata__": tg.ones(2), "": tg.ones(3)}
    assert same(again(state), state)


def test_other_libraries_read_a_flat_dict(tmp_path):
    file = tmp_path / "x.safetensors"
    tg.save({"w": tg.ones(2, 3), "b": tg.tensor([1.5], dtype=tg.bfloat16)}, file)
    got = safetensors_numpy.load_file(file)
    assert sorted(got) == ["b", "w"]
    assert got["w"].tolist() == [[1, 1, 1]] * 2 and got["b"].dtype == tg.bfloat16.numpy


def test_files_of_other_libraries_are_read(tmp_path):
    file = tmp_path / "x.safetensors"
    safetensors_numpy.save_file({"w": np.eye(2), "i": np.arange(3)}, file, {"format": "np"})
    got = tg.load(file)
    assert sorted(got) == ["i", "w"] and same(got["w"], tg.eye(2, dtype=tg.float64))


def test_map_location(accelerator):
    data = saved({"w": tg.ones(2, device=accelerator), "b": tg.ones(1)})

    def devices(map_location):
        got = tg.load(io.BytesIO(data), map_location)
        return [t.device.type for t in got.values()]

    assert devices(None) == [accelerator, "cpu"]
    assert devices("cpu") == devices(tg.device("cpu")) == ["cpu", "cpu"]
    assert devices(accelerator) == [accelerator, accelerator]
    assert devices({"cpu": accelerator}) == [accelerator, accelerator]
    assert devices(lambda t, where: t if where != "cpu" else t.to(accelerator)) == [
        "cpu",
        accelerator,
    ]
    assert devices(lambda t, where: None) == [accelerator, "cpu"]
    with pytest.raises(TypeError, match="must give a Tensor, got int"):
        devices(lambda t, where: 3)
    with pytest.raises(ZeroDivisionError):
        devices(lambda t, where: 1 / 0)


def test_tensors_of_a_gpu_that_is_not_here_load_on_the_cpu():
    data = saved({"w": tg.ones(2, device="interpret")})
    text = b'"device\\": \\"interpret\\"'
    assert text in data  # as JSON within JSON
    other = data.replace(text, b'"device\\": \\"cuda:998\\" ')
    other = (len(other) - len(data) + int.from_bytes(data[:8], "little")).to_bytes(8, "little") + (
        other[8:]
    )
    assert tg.load(io.BytesIO(other))["w"].device == "cpu"


@pytest.mark.parametrize(
    ("obj", "message"),
    [
        ({"a": [object()]}, r"obj\['a'\]\[0\] is a object, which is not stored"),
        (tg.nn.Module(), "save its state_dict"),
        (defaultdict(int), "is a defaultdict"),
        ({frozenset(): 1}, "is a frozenset"),
        (np.array([object()]), "is a ndarray"),
        (10**4200, "is a int"),
    ],
)
def test_other_values_are_refused_by_name(obj, message):
    with pytest.raises(TypeError, match=message):
        saved(obj)


def test_a_list_that_contains_itself_is_refused():
    loop: list = []
    loop.append(loop)
    with pytest.raises(ValueError, match="contain itself"):
        saved(loop)


# files


def test_a_failed_save_leaves_the_old_file(tmp_path, monkeypatch):
    file = tmp_path / "x.pt"
    tg.save({"w": tg.ones(2)}, file)
    before = file.read_bytes()

    def fail(*_):
        raise OSError("no space left on device")

    for name in ("replace", "chmod", "fsync"):
        with monkeypatch.context() as patch:
            patch.setattr(os, name, fail)
            with pytest.raises(OSError, match="no space"):
                tg.save({"w": tg.zeros(1000)}, file)
        assert file.read_bytes() == before and os.listdir(tmp_path) == ["x.pt"]
    with pytest.raises(TypeError):
        tg.save({"w": tg.zeros(2), "x": object()}, file)
    assert file.read_bytes() == before


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
def test_permissions_are_those_of_the_old_file_or_of_any_new_one(tmp_path):
    tg.save([1], tmp_path / "new")
    (tmp_path / "other").write_bytes(b"")
    assert os.stat(tmp_path / "new").st_mode == os.stat(tmp_path / "other").st_mode
    os.chmod(tmp_path / "new", 0o640)
    (tmp_path / "link").symlink_to("new")
    tg.save([2], tmp_path / "link")
    assert (tmp_path / "link").is_symlink() and tg.load(tmp_path / "new") == [2]
    assert stat.S_IMODE(os.stat(tmp_path / "new").st_mode) == 0o640


def test_paths_that_cannot_be_written_are_named(tmp_path):
    with pytest.raises(RuntimeError, match=r"parent directory .* does not exist"):
        tg.save([1], tmp_path / "no" / "x")
    with pytest.raises(IsADirectoryError):
        tg.save([1], tmp_path)
    with pytest.raises(FileNotFoundError):
        tg.load(tmp_path / "x")


class Pipe:
    """A file that can only be read, a few bytes at a time"""

    def __init__(self, data):
        self.data = io.BytesIO(data)

    def read(self, count):
        return self.data.read(min(count, 7))


def test_streams_are_read_without_seeking():
    data = saved({"w": tg.randn(5, 5), "n": 3})
    assert same(tg.load(Pipe(data)), tg.load(io.BytesIO(data)))
    for wrong in (data[:-1], data + b"x", data[:20], b""):
        with pytest.raises(RuntimeError, match="not a whole safetensors file"):
            tg.load(Pipe(wrong))


def test_schedulers_come_back_within_a_checkpoint():
    def made():
        optimizer = tg.optim.SGD([tg.ones(1, requires_grad=True)], lr=1.0)
        return tg.optim.lr_scheduler.MultiStepLR(optimizer, [1, 3, 3], gamma=0.5)

    one, other = made(), made()
    one.step()
    checkpoint = again({"scheduler": one.state_dict(), "epoch": 1})
    assert type(checkpoint["scheduler"]["milestones"]) is Counter
    assert same(checkpoint["scheduler"], one.state_dict())
    other.load_state_dict(checkpoint["scheduler"])
    assert other.milestones == Counter({1: 1, 3: 2}) and other.last_epoch == 1


def test_a_file_that_is_open_as_text_is_refused(tmp_path):
    tg.save([1], tmp_path / "x")
    with open(tmp_path / "x") as file, pytest.raises(TypeError, match="mode 'rb'"):
        tg.load(file)


def test_save_without_safetensors_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "safetensors", None)
    with pytest.raises(ImportError, match=r"pip install 'tritongrad\[save\]'"):
        saved([1])


def test_loading_neither_unpickles_nor_needs_safetensors(tmp_path):
    tg.save({"w": tg.ones(2), "n": 3}, tmp_path / "x")
    program = f"""
import sys
sys.modules["safetensors"] = sys.modules["pickle"].Unpickler = None
import tritongrad as tg
assert tg.load({str(tmp_path / "x")!r})["n"] == 3
"""
    program = "import pickle\n" + program
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
