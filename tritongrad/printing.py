"""How a tensor reads: PyTorch's layout of values, and what is said after them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .dtype import BOOL, BY_NUMPY, INT64, get_default_dtype

PROFILES = {
    "default": {"precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80},
    "short": {"precision": 2, "threshold": 1000, "edgeitems": 2, "linewidth": 80},
    "full": {"precision": 4, "threshold": math.inf, "edgeitems": 3, "linewidth": 80},
}
options: dict[str, Any] = {**PROFILES["default"], "sci_mode": None}


def set_printoptions(
    precision=None, threshold=None, edgeitems=None, linewidth=None, profile=None, sci_mode=None
):
    """Set how tensors are printed.

    precision: digits after the point; threshold: elements beyond which the middle is left out;
    edgeitems: how many stay at each end; linewidth: columns; profile: "default", "short" or "full";
    sci_mode: scientific notation always (True), never (False) or as needed (None).
    """
    if profile is not None:
        if profile not in PROFILES:
            raise ValueError(
                f"set_printoptions: profile {profile!r} is not one of {list(PROFILES)}"
            )
        options.update(PROFILES[profile])
    given = {"precision": precision, "threshold": threshold}
    given |= {"edgeitems": edgeitems, "linewidth": linewidth}
    options.update({name: value for name, value in given.items() if value is not None})
    options["sci_mode"] = sci_mode


class Formatter:
    """One format for all values of a tensor: their notation and width."""

    def __init__(self, values: np.ndarray) -> None:
        self.floating = values.dtype.kind == "f"
        self.whole = True  # floats without fractions are printed as "3."
        self.scientific = False
        self.width = 1
        if not self.floating:
            self.width = max((len(str(v)) for v in values.reshape(-1).tolist()), default=1)
            return
        finite = values[np.isfinite(values) & (values != 0)].astype(np.float64)
        if not finite.size:
            return
        self.whole = bool((finite == np.ceil(finite)).all())
        sizes = np.abs(finite)
        low, high = float(sizes.min()), float(sizes.max())
        scientific = high / low > 1000.0 or high > 1.0e8 or (not self.whole and low < 1.0e-4)
        wanted = options["sci_mode"]
        self.scientific = scientific if wanted is None else wanted
        self.width = max(len(self.text(v)) for v in finite.tolist())

    def text(self, value: Any) -> str:
        """A value without padding."""
        if not self.floating:
            return str(value)
        if self.scientific:
            return f"{value:.{options['precision']}e}"
        if self.whole:
            return f"{value:.0f}." if math.isfinite(value) else f"{value:.0f}"
        return f"{value:.{options['precision']}f}"

    def padded(self, value: Any) -> str:
        return self.text(value).rjust(self.width)


def represent(t: Any, contents: str | None = None) -> str:
    """repr(t): values, then size, dtype, device and history where they are not the usual."""
    prefix = "tensor("
    array = t._array
    if contents is None:
        contents = "[]" if not array.size else _values(t, len(prefix))
    suffixes = []
    if type(array) is not np.ndarray:
        suffixes.append(f"device='{t.device}'")
    default = get_default_dtype().numpy
    usual = (default,) if not array.size else (default, INT64, BOOL)
    if not array.size and len(array.shape) != 1:
        suffixes.append(f"size={tuple(array.shape)}")
    if array.dtype not in usual:
        suffixes.append(f"dtype={BY_NUMPY[array.dtype]!r}")
    node = t.grad_fn
    if node is not None:
        suffixes.append(f"grad_fn=<{node.name()}>")
    elif t.requires_grad:
        suffixes.append("requires_grad=True")
    return _with_suffixes(prefix + contents, suffixes, len(prefix))


def _values(t: Any, indent: int) -> str:
    shortened = t._array.size > options["threshold"]
    values = _edges(t._array) if shortened else t._array
    values = values if isinstance(values, np.ndarray) else values.numpy()
    if values.dtype.kind == "V" or values.dtype == np.float16:
        values = values.astype(np.float32)
    return _nested(values, t._array.shape, indent, shortened, Formatter(values))


def _edges(array: Any, dim: int = 0) -> np.ndarray:
    """The first and last few along every dim: all that will be shown."""
    if dim == len(array.shape):
        return array if isinstance(array, np.ndarray) else array.numpy()
    n, size, before = options["edgeitems"], array.shape[dim], (slice(None),) * dim
    if size <= 2 * n:
        return _edges(array, dim + 1)
    ends = (slice(0, n), slice(size - n, size))
    return np.concatenate([_edges(array[(*before, end)], dim + 1) for end in ends], dim)


def _nested(
    values: np.ndarray, shape: tuple, indent: int, shortened: bool, format: Formatter
) -> str:
    """Nested brackets. `shape` is the whole tensor's: where values has less, dots stand for it."""
    if not shape:
        return format.padded(values.item()) if format.floating else format.text(values.item())
    n = options["edgeitems"]
    dots = shortened and shape[0] > 2 * n
    if len(shape) == 1:
        texts = [format.padded(v) for v in values.tolist()]
        if dots:
            texts[n:n] = [" ..."]
        per_line = max(1, (options["linewidth"] - indent) // (format.width + 2))
        lines = [", ".join(texts[i : i + per_line]) for i in range(0, len(texts), per_line)]
        return "[" + (",\n" + " " * (indent + 1)).join(lines) + "]"
    parts = [_nested(v, shape[1:], indent + 1, shortened, format) for v in values]
    if dots:
        parts[n:n] = ["..."]
    return "[" + ("," + "\n" * (len(shape) - 1) + " " * (indent + 1)).join(parts) + "]"


def _with_suffixes(text: str, suffixes: list, indent: int) -> str:
    """The text with what is said after it, on new lines where a line would be too long."""
    last = len(text) - text.rfind("\n") + 1
    for suffix in suffixes:
        if last + len(suffix) + 2 > options["linewidth"]:
            text += ",\n" + " " * indent + suffix
            last = indent + len(suffix)
        else:
            text += ", " + suffix
            last += len(suffix) + 2
    return text + ")"
