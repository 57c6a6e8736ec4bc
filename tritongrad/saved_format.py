"""Reads the safetensors format: every claim of the file is checked before it costs memory."""

from __future__ import annotations

import io
import json
import math
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np

MAX_HEADER = 100_000_000  # bytes, as in the safetensors package
CHUNK = 1 << 20
DTYPES = {
    "BOOL": np.dtype(bool),
    "U8": np.dtype(np.uint8),
    "I8": np.dtype(np.int8),
    "U16": np.dtype(np.uint16),
    "I16": np.dtype(np.int16),
    "U32": np.dtype(np.uint32),
    "I32": np.dtype(np.int32),
    "U64": np.dtype(np.uint64),
    "I64": np.dtype(np.int64),
    "F16": np.dtype(np.float16),
    "BF16": np.dtype(ml_dtypes.bfloat16),
    "F32": np.dtype(np.float32),
    "F64": np.dtype(np.float64),
    "C64": np.dtype(np.complex64),
}
STARTS = {  # of files that are something else
    b"PK": "a zip archive, as torch.save writes: it holds a pickle, which could run any program",
    b"\x80\x02": "a pickle, which could run any program",
    b"\x80\x03": "a pickle, which could run any program",
    b"\x80\x04": "a pickle, which could run any program",
    b"\x80\x05": "a pickle, which could run any program",
    b"\x93N": "a NumPy file: use tritongrad.from_numpy(numpy.load(...))",
    b"\x89H": "an HDF5 file",
}
CONVERT = (
    "; where it was made, write it anew: "
    "safetensors.torch.save_file(torch.load(f, weights_only=True), 'x.safetensors')"
)


class Entry(NamedTuple):
    """A tensor of the file: where its bytes lie after the header."""

    name: str
    dtype: np.dtype
    shape: tuple[int, ...]
    begin: int
    end: int


def bad(reason: str) -> RuntimeError:
    """The error for a file that is not what it should be."""
    return RuntimeError(f"load: not a whole safetensors file: {reason}")


def read(file: Any) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """The arrays by name and the metadata of an open file, from where it stands to its end."""
    left = _bytes_left(file)
    first = _exactly(file, 9, left)
    length = int.from_bytes(first[:8], "little")
    if first[8:] != b"{":
        for start, what in STARTS.items():
            if first.startswith(start):
                raise RuntimeError(f"load: this is {what}{CONVERT if 'pickle' in what else ''}")
        raise bad("its header does not begin with '{'")
    if not 0 < length <= MAX_HEADER:
        raise bad(f"its header would have {length} bytes, {MAX_HEADER} are allowed")
    if left is not None and length > left - 8:
        raise bad(f"its header would have {length} bytes, {left - 8} follow")
    entries, metadata = parse(b"{" + _exactly(file, length - 1, None))
    total = entries[-1].end if entries else 0
    if left is None:
        file, left = _whole(file, total), 8 + length + total
    if left - 8 - length != total:
        raise bad(f"its tensors have {total} bytes, {left - 8 - length} follow the header")
    return {e.name: _array(file, e) for e in entries}, metadata


# the header


def parse(header: bytes) -> tuple[list[Entry], dict[str, str]]:
    """The entries in the order of their bytes, and the metadata."""
    try:
        table = json.loads(
            header.decode("utf-8"), object_pairs_hook=unique, parse_constant=_no_constant
        )
    except RecursionError:
        raise bad("its header is nested too deeply") from None
    except ValueError as error:  # JSONDecodeError and UnicodeDecodeError are ValueErrors
        raise bad(f"its header is no JSON: {error}") from None
    metadata = table.pop("__metadata__", {})
    if type(metadata) is not dict or any(type(v) is not str for v in metadata.values()):
        raise bad("its metadata must be a table of strings")
    entries = [_entry(name, described) for name, described in table.items()]
    entries.sort(key=lambda e: (e.begin, e.end))
    end = 0
    for e in entries:
        if e.begin != end:
            what = "overlaps the tensor before it" if e.begin < end else "leaves a gap"
            raise bad(f"tensor {e.name!r} begins at {e.begin}, which {what}: {end} is next")
        end = e.end
    return entries, metadata


def unique(pairs: list[tuple[str, Any]]) -> dict:
    """An object of JSON in which no key comes twice."""
    table = dict(pairs)
    if len(table) != len(pairs):
        raise ValueError("a key comes twice")
    return table


def _no_constant(word: str) -> Any:
    raise ValueError(f"{word} is no number of JSON")


def _entry(name: str, described: Any) -> Entry:
    if type(described) is not dict or set(described) != {"dtype", "shape", "data_offsets"}:
        raise bad(f"tensor {name!r} must have dtype, shape and data_offsets, and nothing else")
    dtype = DTYPES.get(described["dtype"]) if type(described["dtype"]) is str else None
    if dtype is None:
        raise RuntimeError(
            f"load: tensor {name!r} has the type {described['dtype']!r:.50}; "
            f"the types that can be read are {', '.join(DTYPES)}"
        )
    shape, offsets = described["shape"], described["data_offsets"]
    if not _sizes(shape) or len(shape) > 64:
        raise bad(f"tensor {name!r} has the shape {shape!r:.80}")
    if not _sizes(offsets) or len(offsets) != 2 or offsets[0] > offsets[1]:
        raise bad(f"tensor {name!r} has the data_offsets {offsets!r:.80}")
    if math.prod(n for n in shape if n) * dtype.itemsize >= 1 << 63:
        raise bad(f"tensor {name!r} has the shape {shape!r:.80}: too large for any machine")
    wanted, has = math.prod(shape) * dtype.itemsize, offsets[1] - offsets[0]
    if wanted != has:
        raise bad(f"tensor {name!r} of shape {shape} and {dtype} takes {wanted} bytes, has {has}")
    return Entry(name, dtype, tuple(shape), offsets[0], offsets[1])


def _sizes(values: Any) -> bool:
    return type(values) is list and all(type(v) is int and 0 <= v < 1 << 63 for v in values)


# the bytes


def _bytes_left(file: Any) -> int | None:
    """How many bytes the file has from here on; None if only reading can tell."""
    try:
        here = file.tell()
        end = file.seek(0, io.SEEK_END)
        file.seek(here)
    except (AttributeError, OSError, ValueError):
        return None
    return end - here


def _exactly(file: Any, count: int, left: int | None) -> bytes:
    """The next bytes, read piece by piece: memory is taken for what is there, not for a claim."""
    if left is not None and left < count:
        raise bad(f"it has {left} bytes")
    pieces, missing = [], count
    while missing:
        piece = file.read(min(missing, CHUNK))
        if isinstance(piece, str):
            raise TypeError("load: the file is open as text: open it with mode 'rb'")
        if not piece:
            raise bad(f"it ends {missing} bytes early")
        pieces.append(piece)
        missing -= len(piece)
    return b"".join(pieces)


def _whole(file: Any, total: int) -> io.BytesIO:
    """The rest of a stream that cannot be measured, which must have `total` bytes."""
    data = io.BytesIO(_exactly(file, total, None))
    if file.read(1):
        raise bad(f"its tensors have {total} bytes, more follow the header")
    return data


def _array(file: Any, entry: Entry) -> np.ndarray:
    array = np.empty(entry.shape, entry.dtype)
    flat: Any = array.reshape(-1).view(np.uint8) if array.size else b""
    memory = memoryview(flat)
    done = 0
    while done < len(memory):
        if hasattr(file, "readinto"):
            count = file.readinto(memory[done:])
        else:
            piece = file.read(min(len(memory) - done, CHUNK))
            count = len(piece)
            memory[done : done + count] = piece
        if not count:
            raise bad(f"it ends within tensor {entry.name!r}")
        done += count
    if entry.dtype.kind == "b" and array.size and array.view(np.uint8).max() > 1:
        raise bad(f"tensor {entry.name!r} is of bools and holds {array.view(np.uint8).max()}")
    return array
