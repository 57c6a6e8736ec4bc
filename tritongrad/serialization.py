"""save and load: tensors in the safetensors format, other values as JSON beside them; no pickle."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tritongrad import saved_format
from tritongrad.autograd.variable import Variable, wrap
from tritongrad.devices import CPU, as_device, device, place
from tritongrad.dtype import BY_NUMPY
from tritongrad.saved_tree import Reader, Writer
from tritongrad.tensor_exchange import reachable

KEY = "tritongrad"  # of our entry in the metadata
MISSING = (
    "save: needs the package safetensors, version 0.8 or newer: pip install 'tritongrad[save]'"
)


def save(obj: Any, f: Any) -> None:
    """Write tensors, and dicts, lists, tuples, numbers and strings around them, to a path or file.

    A flat dict of tensors is a plain safetensors file, which other libraries read. A path holds
    either the old content or all of the new. Tensors that share memory are stored apart.
    """
    try:
        import safetensors
        from safetensors import TensorSpec, serialize, serialize_file
    except ImportError as error:
        raise ImportError(MISSING) from error
    writer = Writer()
    metadata = {KEY: writer.text(obj)}
    arrays = {name: a if a.flags.c_contiguous else a.copy() for name, a in writer.arrays.items()}
    specs = {
        name: TensorSpec(
            dtype=a.dtype.name,
            shape=list(a.shape),
            data_ptr=a.__array_interface__["data"][0],
            data_len=a.nbytes,
        )
        for name, a in arrays.items()
    }
    if hasattr(f, "write"):
        f.write(serialize(specs, metadata))
        return
    path = os.path.realpath(os.fspath(f))
    if os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path):
        with open(path, "wb") as special:  # a pipe, /dev/null: nothing that could be replaced
            special.write(serialize(specs, metadata))
        return
    with _replacing(path) as temporary:
        try:
            serialize_file(specs, temporary, metadata)
        except safetensors.SafetensorError as error:
            raise OSError(f"save: cannot write {path}: {error}") from error


@contextlib.contextmanager
def _replacing(path: str) -> Iterator[str]:
    """A new file beside the path, which takes its place when all has gone well."""
    folder = os.path.dirname(path)
    if not os.path.isdir(folder):
        raise RuntimeError(f"save: parent directory {folder} does not exist: make it first")
    if os.path.isdir(path):
        raise IsADirectoryError(f"save: {path} is a directory: name a file in it")
    temporary = os.path.join(folder, f".tritongrad-{secrets.token_hex(8)}.tmp")
    flags = os.O_CREAT | os.O_EXCL | os.O_RDWR | getattr(os, "O_BINARY", 0)
    os.close(os.open(temporary, flags, 0o666))  # less the umask, as any new file
    try:
        mode = os.stat(path if os.path.exists(path) else temporary).st_mode
        yield temporary
        os.chmod(temporary, stat.S_IMODE(mode))  # safetensors makes a file for its user alone
        with open(temporary, "rb+") as written:
            os.fsync(written.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def load(f: Any, map_location: Any = None, *, weights_only: Any = None) -> Any:
    """What `save` wrote to a path or file, or the dict of tensors of any safetensors file.

    Tensors go to the device that they were on, or to the CPU where that is not here.
    `map_location`: a device for all, a dict from saved to wanted devices, or a
    function(tensor on the CPU, saved device) -> tensor or None. `weights_only` is always true: no
    file can run anything.
    """
    if hasattr(f, "read"):
        arrays, metadata = saved_format.read(f)
    else:
        with open(os.fspath(f), "rb", buffering=0) as file:
            arrays, metadata = saved_format.read(file)
    put = _placing(map_location)
    if KEY in metadata:
        return Reader(arrays, put).value(metadata[KEY])
    return {name: put(array, "cpu", name) for name, array in arrays.items()}


def _placing(map_location: Any) -> Callable:
    """place(array, saved device) for what the caller said."""
    call = table = fixed = None
    if isinstance(map_location, dict):
        table = {str(k): as_device(v) for k, v in map_location.items()}
    elif callable(map_location):
        call = map_location
    elif map_location is not None:
        fixed = as_device(map_location)

    def put(array: np.ndarray, saved: str, name: str = "") -> Any:
        if array.dtype not in BY_NUMPY:
            raise RuntimeError(f"load: no tensor has the type {array.dtype} of {name!r:.80}")
        if call is not None:
            t = call(wrap(array), saved)
            if isinstance(t, Variable):
                return t
            if t is not None:
                raise TypeError(f"load: map_location must give a Tensor, got {type(t).__name__}")
        if table is not None and saved in table:
            return wrap(place(array, table[saved]))
        return wrap(place(array, fixed or (CPU if saved == "cpu" else reachable(device(saved)))))

    return put
