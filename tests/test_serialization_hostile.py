"""load on damaged and hostile files: an error each time, never memory that the file only claims."""

import io
import json
import random
import tracemalloc
from collections import OrderedDict

import pytest

import tritongrad as tg


class Pipe:
    """A file that can only be read, a few bytes at a time"""

    def __init__(self, data):
        self.data = io.BytesIO(data)

    def read(self, count):
        return self.data.read(min(count, 7))


def packed(header, data=b"", length=None) -> bytes:
    """A file with this header, given as text or as what JSON makes text of"""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return (len(text) if length is None else length).to_bytes(8, "little") + text + data


def entry(dtype="F32", shape=(2,), offsets=(0, 8)):
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


def tree(data, version=1, **entries):
    """The header of a file of ours with this JSON"""
    text = data if isinstance(data, str) else json.dumps({"version": version, "data": data})
    return {"__metadata__": {"tritongrad": text}, **entries}


E8 = bytes(8)
W = {"w": entry()}
HOSTILE = {
    "empty": b"",
    "short": b"\x08\0\0",
    "length only": (8).to_bytes(8, "little"),
    "huge length": b"\xff" * 8,
    "length beyond the file": packed(W, E8, 10**6),
    "length above the limit": packed(W, E8, 10**9),
    "length zero": packed(b"", E8),
    "not JSON": packed(b"{'a': 1}"),
    "not an object": packed([1]),
    "not UTF-8": packed(b'{"\xff": 1}'),
    "nested": packed(b'{"a":' + b"[" * 10**5),
    "long number": packed(b'{"a": ' + b"9" * 10**5 + b"}"),
    "key twice": packed(b'{"a": 1, "a": 2}'),
    "nan": packed(b'{"a": NaN}'),
    "entry of a number": packed({"w": 3}),
    "entry with more keys": packed({"w": {**entry(), "x": 1}}, E8),
    "entry without a shape": packed({"w": {"dtype": "F32", "data_offsets": [0, 8]}}, E8),
    "unknown type": packed({"w": entry("F8_E4M3", [8])}, E8),
    "type of a list": packed({"w": entry(["F32"])}, E8),
    "negative size": packed({"w": entry(shape=[-2])}, E8),
    "bool as a size": packed({"w": entry(shape=[True, 2])}, E8),
    "float as a size": packed({"w": entry(shape=[2.0])}, E8),
    "overflowing sizes": packed({"w": entry(shape=[2**62, 4])}, E8),
    "overflowing empty": packed({"w": entry(shape=[0, 2**62, 2**62], offsets=(0, 0))}),
    "many dims": packed({"w": entry(shape=[1] * 65 + [2])}, E8),
    "offsets beyond the file": packed({"w": entry(shape=[10**9], offsets=[0, 4 * 10**9])}, E8),
    "offsets in reverse": packed({"w": entry(offsets=[8, 0])}, E8),
    "offsets of floats": packed({"w": entry(offsets=[0.0, 8.0])}, E8),
    "three offsets": packed({"w": entry(offsets=[0, 4, 8])}, E8),
    "too few bytes": packed({"w": entry(shape=[3])}, E8),
    "overlap": packed({"w": entry(), "v": entry(offsets=(4, 12))}, bytes(12)),
    "the same bytes twice": packed({"w": entry(), "v": entry()}, E8),
    "gap": packed({"w": entry(offsets=(4, 12))}, bytes(12)),
    "truncated": packed(W, bytes(7)),
    "more bytes": packed(W, bytes(9)),
    "bool of 2": packed({"w": entry("BOOL", [8])}, bytes(7) + b"\2"),
    "metadata of a list": packed({"__metadata__": [], **W}, E8),
    "metadata of numbers": packed({"__metadata__": {"a": 1}, **W}, E8),
    "tree: no JSON": packed(tree("{")),
    "tree: nested": packed(tree("[" * 10**5)),
    "tree: a list": packed(tree("[]")),
    "tree: another version": packed(tree(1, version=2)),
    "tree: unknown kind": packed(tree({"os.system": "ls"})),
    "tree: two kinds": packed(tree({"tuple": [], "dict": []})),
    "tree: no kind": packed(tree({})),
    "tree: absent tensor": packed(tree({"tensor": "v"}, **W), E8),
    "tree: tensor twice": packed(tree([{"tensor": "w"}] * 2, **W), E8),
    "tree: tensor left out": packed(tree([], **W), E8),
    "tree: tensor for a key": packed(tree({"dict": [[{"tensor": "w"}, 1]]}, **W), E8),
    "tree: list for a key": packed(tree({"dict": [[[], 1]]})),
    "tree: key twice": packed(tree({"dict": [["a", 1], ["a", 2]]})),
    "tree: row of three": packed(tree({"dict": [[1, 2, 3]]})),
    "tree: dict of a number": packed(tree({"dict": 3})),
    "tree: grad of an int": packed(
        tree({"tensor": "w", "requires_grad": True}, w=entry("I32")), E8
    ),
    "tree: unknown device": packed(tree({"tensor": "w", "device": "/dev/mem"}, **W), E8),
    "tree: device of a list": packed(tree({"tensor": "w", "device": []}, **W), E8),
    "tree: bytes": packed(tree({"bytes": "!"})),
    "tree: float": packed(tree({"float": "1_0"})),
    "tree: dtype": packed(tree({"dtype": "object"})),
    "tree: tensor of uint16": packed(tree({"tensor": "w"}, w=entry("U16", [4])), E8),
    "uint16": packed({"w": entry("U16", [4])}, E8),
    "a zip archive": b"PK\x03\x04" + bytes(100),
    "a pickle": b"\x80\x02}q\x01." + bytes(100),
}


@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.parametrize("stream", [io.BytesIO, Pipe])
def test_hostile_file_gets_an_error_and_no_memory(kind, stream):
    data = HOSTILE[kind]
    tracemalloc.start()
    try:
        with pytest.raises(RuntimeError, match=r"^(load|device|only Tensors|interpret)"):
            tg.load(stream(data))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1_000_000 + 30 * len(data)


def test_a_file_of_pytorch_is_refused_with_the_way_out():
    with pytest.raises(RuntimeError, match=r"torch\.save writes.*safetensors\.torch\.save_file"):
        tg.load(io.BytesIO(HOSTILE["a zip archive"]))


def test_a_shape_of_nothing_is_no_error():
    got = tg.load(io.BytesIO(packed({"w": entry(shape=[0, 5], offsets=[0, 0])})))
    assert got["w"].shape == (0, 5)
    assert tg.load(io.BytesIO(packed(b"{}"))) == {}


def saved(obj) -> bytes:
    """What save writes"""
    file = io.BytesIO()
    tg.save(obj, file)
    return file.getvalue()


def mutated(data: bytes, chance: random.Random) -> bytes:
    """data with a few bytes changed, put in, taken out or repeated, most often in the header"""
    changed = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        reach = len(changed) if chance.random() < 0.2 else min(len(changed), 700)
        at = chance.randrange(reach) if reach else 0
        what = chance.randrange(6)
        if what == 0 and changed:
            changed[at] = chance.randrange(256)
        elif what == 1 and changed:
            changed[at] ^= 1 << chance.randrange(8)
        elif what == 2:
            changed[at:at] = bytes(
                chance.choices(b'0123456789,:[]{}"\\-e. ', k=chance.randint(1, 3))
            )
        elif what == 3:
            del changed[at : at + chance.randint(1, 9)]
        elif what == 4:
            changed[at:at] = changed[at : at + chance.randint(1, 40)]
        else:
            del changed[at + chance.randrange(50) :]
    if chance.random() < 0.7 and len(data) > 8:  # a length that fits, so that the rest is read
        length = int.from_bytes(data[:8], "little") + len(changed) - len(data)
        changed[:8] = max(length, 0).to_bytes(8, "little")
    return bytes(changed)


HEADER = 100_000  # what Python's own objects of a header of 1 KB may take


def check_mutations(seeds: range) -> None:
    """Every damaged file is refused by a RuntimeError, or is another good file"""
    state = {
        "model": OrderedDict(w=tg.ones(3, 2), b=tg.zeros(2, dtype=tg.bfloat16)),
        "optim": {"state": {0: {"step": 3, "on": True}}, "groups": [{"betas": (0.9, None)}]},
        "mask": tg.tensor([True, False]),
    }
    files = [saved(state), saved({"w": tg.ones(200, 100)}), packed({"w": entry()}, E8)]
    for seed in seeds:
        chance = random.Random(seed)
        data = mutated(files[seed % 3], chance)
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        try:
            tg.load(io.BytesIO(data))
        except RuntimeError:
            pass
        except Exception as error:
            raise AssertionError(f"seed {seed}: {data!r}") from error
        taken = tracemalloc.get_traced_memory()[1] - before
        assert taken < 2 * len(data) + HEADER, f"seed {seed}: {taken} bytes of memory"


@pytest.fixture
def traced():
    tracemalloc.start()
    yield
    tracemalloc.stop()


def test_random_damage(traced):
    pytest.importorskip("safetensors")
    check_mutations(range(20_000))


@pytest.mark.slow
def test_much_random_damage(traced):
    pytest.importorskip("safetensors")
    check_mutations(range(20_000, 200_000))
