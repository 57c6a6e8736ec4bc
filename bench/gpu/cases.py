"""What is timed: the same calls for tritongrad and, where it is installed, PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

ITEM = {"float32": 4, "float16": 2, "bfloat16": 2, "float64": 8, "int64": 8}
VOCABULARY = 32_000


class Case(NamedTuple):
    """`make(lib, nbytes, device)` -> (the call, the bytes that it has to move)"""

    name: str
    make: Callable[[Any, int, str], tuple[Callable[[], Any], int]]

    @property
    def least(self) -> float:
        """The share of a copy's bandwidth that is good enough; 0 where nothing is promised."""
        if self.name.startswith(("argmax", "cumsum", "transposed")):
            return 0.0
        return 0.88 if self.name.startswith(("softmax", "log_softmax", "layer_norm")) else 0.92


def shape_of(nbytes: int, dtype: str = "float32", cols: int = 4096) -> tuple[int, int]:
    """The shape of about nbytes in rows of so many columns."""
    return max(nbytes // ITEM[dtype] // cols, 1), cols


def matrix(lib: Any, nbytes: int, device: str, dtype: str = "float32", cols: int = 4096) -> Any:
    """Random numbers of about nbytes."""
    return lib.randn(*shape_of(nbytes, dtype, cols), device=device).to(getattr(lib, dtype))


def size(t: Any) -> int:
    return t.numel() * ITEM[str(t.dtype).rpartition(".")[2]]


def mapped(name: str, dtype: str, operands: int) -> Case:
    """An elementwise operation: every operand is read and one result written."""

    def make(lib: Any, nbytes: int, device: str) -> tuple[Callable[[], Any], int]:
        tensors = [matrix(lib, nbytes, device, dtype) for _ in range(operands)]
        function = getattr(lib.nn.functional if name == "gelu" else lib, name)
        return lambda: function(*tensors), (operands + 1) * size(tensors[0])

    return Case(f"{name} {dtype}", make)


def numbered(name: str, dtype: str, *numbers: float) -> Case:
    """An elementwise operation with numbers beside its tensor: one read, one write."""

    def make(lib: Any, nbytes: int, device: str) -> tuple[Callable[[], Any], int]:
        x = matrix(lib, nbytes, device, dtype)
        function = getattr(lib, name)
        return lambda: function(x, *numbers), 2 * size(x)

    return Case(f"{name} {', '.join(map(str, numbers))} {dtype}", make)


def power(lib: Any, nbytes: int, device: str) -> tuple[Callable[[], Any], int]:
    x, y = (lib.rand(*shape_of(nbytes), device=device) + 0.5 for _ in range(2))
    return lambda: lib.pow(x, y), 3 * size(x)


def copied(lib: Any, nbytes: int, device: str) -> tuple[Callable[[], Any], int]:
    x = matrix(lib, nbytes, device)
    return lambda: x.clone(), 2 * size(x)


def cast(lib: Any, nbytes: int, device: str) -> tuple[Callable[[], Any], int]:
    x = matrix(lib, nbytes, device)
    return lambda: x.to(lib.bfloat16), size(x) * 3 // 2


def transposed(lib: Any, nbytes: int, device: str) -> tuple[Callable[[], Any], int]:
    x = matrix(lib, nbytes, device)
    return lambda: x.t().contiguous(), 2 * size(x)


def in_place(lib: Any, nbytes: int, device: str) -> tuple[Callable[[], Any], int]:
    x, y = matrix(lib, nbytes, device), matrix(lib, nbytes, device)
    return lambda: x.sub_(y, alpha=1e-6), 3 * size(x)


def bias(lib: Any, nbytes: int, device: str) -> tuple[Callable[[], Any], int]:
    x, b = matrix(lib, nbytes, device), lib.randn(4096, device=device)
    return lambda: x + b, 2 * size(x)


def reduced(name: str, dim: int | None, dtype: str = "float32") -> Case:
    """Over all, rows or columns: one read; a running sum also writes as much."""

    def make(lib: Any, nbytes: int, device: str) -> tuple[Callable[[], Any], int]:
        x = matrix(lib, nbytes, device, dtype)
        function = getattr(lib, name)
        moved = size(x) * (2 if name == "cumsum" else 1)
        return (lambda: function(x)) if dim is None else (lambda: function(x, dim)), moved

    return Case(f"{name} {'all' if dim is None else f'dim {dim}'} {dtype}", make)


def rowwise(name: str, dtype: str, back: bool = False) -> Case:
    """Softmax and its like: a read and a write; backward alone reads two and writes one."""

    def make(lib: Any, nbytes: int, device: str) -> tuple[Callable[[], Any], int]:
        x = matrix(lib, nbytes, device, dtype)
        function = getattr(lib.nn.functional, name)
        extra = ((x.shape[-1],),) if name == "layer_norm" else (-1,)
        if not back:
            return lambda: function(x, *extra), 2 * size(x)
        x.requires_grad_()
        with lib.enable_grad():
            y = function(x, *extra)
        g = matrix(lib, nbytes, device, dtype)
        return lambda: lib.autograd.grad(y, x, g, retain_graph=True), 3 * size(x)

    return Case(f"{name}{' backward' if back else ''} {dtype}", make)


def cross_entropy(back: bool) -> Case:
    """Of 32,000 classes: one read, and for the gradient another and a write."""

    def make(lib: Any, nbytes: int, device: str) -> tuple[Callable[[], Any], int]:
        x = matrix(lib, nbytes, device, cols=VOCABULARY)
        target = (lib.arange(x.shape[0], device=device) * 7919) % VOCABULARY
        function = lib.nn.functional.cross_entropy
        if not back:
            return lambda: function(x, target), size(x)
        x.requires_grad_()

        def both() -> Any:
            with lib.enable_grad():
                return lib.autograd.grad(function(x, target), x)

        return both, 3 * size(x)

    return Case(f"cross_entropy{' and backward' if back else ''} float32", make)


BANDWIDTH = [
    mapped("add", "float32", 2),
    mapped("add", "bfloat16", 2),
    mapped("mul", "float16", 2),
    mapped("relu", "float32", 1),
    mapped("exp", "float32", 1),
    mapped("gelu", "float32", 1),
    mapped("gelu", "bfloat16", 1),
    mapped("tanh", "float32", 1),
    numbered("clamp", "float32", -1, 1),
    numbered("clamp", "bfloat16", -1, 1),
    numbered("pow", "float32", 2),
    numbered("pow", "float32", 3),
    Case("pow of tensors float32", power),
    Case("copy float32", copied),
    Case("cast float32 to bfloat16", cast),
    Case("transposed copy float32", transposed),
    Case("sub_ with alpha float32", in_place),
    Case("add a row float32", bias),
    reduced("sum", None),
    reduced("sum", 0),
    reduced("sum", 1),
    reduced("sum", 1, "bfloat16"),
    reduced("argmax", 1),
    reduced("cumsum", 1),
    rowwise("softmax", "float32"),
    rowwise("softmax", "bfloat16"),
    rowwise("softmax", "float32", back=True),
    rowwise("log_softmax", "float32"),
    rowwise("layer_norm", "float32"),
    rowwise("layer_norm", "bfloat16"),
    rowwise("layer_norm", "float32", back=True),
    cross_entropy(False),
    cross_entropy(True),
]
