"""Nested Python values as JSON that names their tensors, and back."""

from __future__ import annotations

import base64
import json
import math
from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np

from tritongrad.autograd.variable import Variable
from tritongrad.devices import device
from tritongrad.dtype import BY_NAME, dtype
from tritongrad.saved_format import DTYPES, bad, unique
from tritongrad.tensor_base import Size

VERSION = 1
DEPTH = 100
DIGITS = 4000  # Python reads and writes no longer integers
SEQUENCES = {"tuple": tuple, "Size": Size}
TABLES = {"dict": dict, "OrderedDict": OrderedDict, "Counter": Counter}
KNOWN = "tensors, dicts, lists, tuples, numbers, strings, bytes, bools, None, dtypes, NumPy arrays"


class Writer:
    """Turns a value into JSON, and collects its arrays by name."""

    def __init__(self) -> None:
        self.arrays: dict[str, np.ndarray] = {}

    def text(self, value: Any) -> str:
        """The whole value as text."""
        return json.dumps({"version": VERSION, "data": self.encode(value, ())})

    def encode(self, value: Any, path: tuple) -> Any:
        """JSON for a value: an object of one key, its kind, unless JSON has the kind itself."""
        if len(path) > DEPTH:
            raise ValueError(f"save: deeper than {DEPTH} levels: does a list contain itself?")
        kind = type(value)
        if value is None or kind is bool or kind is str:
            return value
        if kind is int and abs(value) < 10**DIGITS:
            return value
        if kind is float and math.isfinite(value):
            return value
        if kind is list:
            return [self.encode(v, (*path, i)) for i, v in enumerate(value)]
        if kind in SEQUENCES.values():
            return {kind.__name__: [self.encode(v, (*path, i)) for i, v in enumerate(value)]}
        if kind in TABLES.values():
            rows = [[self.key(k, path), self.encode(v, (*path, k))] for k, v in value.items()]
            return {kind.__name__: rows}
        if isinstance(value, Variable):
            return self.tensor(value, path)
        if kind in _SIMPLE:
            name, write, _ = _SIMPLE[kind]
            return {name: write(value)}
        if isinstance(value, (np.ndarray, np.generic)):
            array = np.asarray(value)
            if array.dtype.newbyteorder("=") in DTYPES.values():
                name = self.store(array.astype(array.dtype.newbyteorder("="), copy=False), path)
                return {"array" if isinstance(value, np.ndarray) else "scalar": name}
        raise self.refused(value, path)

    def key(self, key: Any, path: tuple) -> Any:
        """JSON for a key of a dict."""
        if type(key) is tuple:
            return {"tuple": [self.key(k, path) for k in key]}
        if key is None or type(key) in (str, bool, int, float):
            return self.encode(key, path)
        raise self.refused(key, path)

    def tensor(self, t: Any, path: tuple) -> dict:
        """JSON for a tensor: its name, and what is special about it."""
        from tritongrad.nn.parameter import Parameter

        kind = "parameter" if isinstance(t, Parameter) else "tensor"
        described: dict[str, Any] = {kind: self.store(t._host(), path)}
        if t.device.type != "cpu":
            described["device"] = str(t.device)
        if t.requires_grad:
            described["requires_grad"] = True
        return described

    def store(self, array: np.ndarray, path: tuple) -> str:
        """Note an array under a name made of the keys that lead to it."""
        name = ".".join(map(str, path)) or "tensor"
        name = base = name.encode("utf-8", "backslashreplace").decode()
        count = 1
        while name in self.arrays or name == "__metadata__":
            count += 1
            name = f"{base}#{count}"
        self.arrays[name] = array
        return name

    def refused(self, value: Any, path: tuple) -> TypeError:
        at = "".join(f"[{k!r}]" for k in path)
        way = f"save holds {KNOWN}"
        if hasattr(value, "state_dict"):
            way = "save its state_dict() instead"
        return TypeError(f"save: obj{at} is a {type(value).__name__}, which is not stored: {way}")


class Reader:
    """Turns JSON back into the value. `place(array, device)` makes a tensor of an array."""

    def __init__(self, arrays: dict[str, np.ndarray], place: Callable) -> None:
        self.arrays = arrays
        self.place = place
        self.placing = False  # an error is then not the file's

    def value(self, text: str) -> Any:
        """The value of a text; each array is used once."""
        try:
            whole = json.loads(text, object_pairs_hook=unique)
            if type(whole) is not dict or set(whole) != {"version", "data"}:
                raise bad("its metadata of tritongrad must hold version and data")
            if whole["version"] != VERSION:
                raise RuntimeError(
                    f"load: the file is of version {whole['version']!r:.20}, this tritongrad "
                    f"reads version {VERSION}: install a newer one"
                )
            value = self.decode(whole["data"])
        except RecursionError:
            raise bad("its metadata is nested too deeply") from None
        except (ValueError, TypeError, KeyError, OverflowError) as error:
            if self.placing:
                raise
            raise bad(f"its metadata does not describe a value: {error}") from None
        if self.arrays:
            raise bad(f"its metadata leaves out the tensor {next(iter(self.arrays))!r:.80}")
        return value

    def decode(self, described: Any) -> Any:
        """The value that JSON describes."""
        if type(described) is list:
            return [self.decode(d) for d in described]
        if type(described) is not dict:
            return described
        described = dict(described)
        if "tensor" in described or "parameter" in described:
            return self.tensor(described)
        ((kind, content),) = described.items()
        if kind in SEQUENCES:
            return SEQUENCES[kind]([self.decode(d) for d in _list(content)])
        if kind in TABLES:
            rows = [(self.decode(k), self.decode(v)) for k, v in _list(content)]
            table = TABLES[kind](dict(rows))  # a Counter of the rows would count them
            if len(table) != len(rows) or any(isinstance(k, Variable) for k in table):
                raise ValueError("a dict has a key twice, or a tensor for a key")
            return table
        if kind == "array":
            return self.taken(content)
        if kind == "scalar":
            return self.taken(content)[()]
        return _READ[kind](content)

    def tensor(self, described: dict) -> Any:
        """The tensor or parameter that JSON describes."""
        parameter = "parameter" in described
        array = self.taken(described.pop("parameter" if parameter else "tensor"))
        where = described.pop("device", "cpu")
        grad = described.pop("requires_grad", False)
        if described or type(where) is not str or type(grad) is not bool:
            raise ValueError("a tensor has a name, a device and requires_grad")
        self.placing = True
        t = self.place(array, where)
        self.placing = False
        if parameter:
            from tritongrad.nn.parameter import Parameter

            return Parameter(t, grad)
        return t.requires_grad_() if grad else t

    def taken(self, name: Any) -> np.ndarray:
        """An array by name, for the first and only time."""
        if type(name) is not str or name not in self.arrays:
            raise ValueError(f"there is no tensor {name!r:.80}, or it is named twice")
        return self.arrays.pop(name)


def _list(content: Any) -> list:
    if type(content) is not list:
        raise ValueError("a list was expected")
    return content


def _float(content: Any) -> float:
    if content not in ("nan", "inf", "-inf"):
        raise ValueError(f"no special float: {content!r:.20}")
    return float(content)


# A type, the name it goes under, how it becomes text, and how text becomes it.
_SIMPLE: dict[type, tuple[str, Callable, Callable]] = {
    float: ("float", repr, _float),
    bytes: (
        "bytes",
        lambda value: base64.b64encode(value).decode(),
        lambda content: base64.b64decode(content, validate=True),
    ),
    dtype: ("dtype", lambda value: value.name, lambda content: BY_NAME[content]),
    device: ("device", str, device),
}
_READ = {name: read for name, _, read in _SIMPLE.values()}
