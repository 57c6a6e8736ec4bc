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


def matrix(lib: Any, nbytes: int, device: str, dtype: str = "float32", cols: int = 4096) -> Any:
    """Random numbers of about nbytes in rows of so many columns."""
    rows = max(nbytes // ITEM[dtype] // cols, 1)
    return lib.randn(rows, cols, device=device).to(getattr(lib, dtype))


def size(t: Any) -> int:
    return t.numel() * ITEM[str(t.dtype).rpartition(".")[2]]


def mapped(name: str, dtype: str, operands: int) -> Case:
    """An elementwise operation: every operand is read and one result written."""

    def make(lib: Any, nbytes: int, device: str) -> tuple[Callable[[], Any], int]:
        tensors = [matrix(lib, nbytes, device, dtype) for _ in range(operands)]
        function = getattr(lib.nn.functional if name == "gelu" else lib, name)
        return lambda: function(*tensors), (operands + 1) * size(tensors[0])

    return Case(f"{name} {dtype}", make)


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


class Product(NamedTuple):
    """A product of (batch x) rows x inner and inner x cols, each operand transposed or not."""

    rows: int
    cols: int
    inner: int
    dtype: str
    layout: str = "nn"
    batch: int = 0

    @property
    def name(self) -> str:
        batch = f"{self.batch} x " if self.batch else ""
        return f"{batch}{self.rows} x {self.inner} x {self.cols} {self.dtype} {self.layout}"

    @property
    def flops(self) -> float:
        return 2.0 * self.rows * self.cols * self.inner * max(self.batch, 1)

    @property
    def nbytes(self) -> float:
        sides = self.rows * self.inner + self.inner * self.cols + self.rows * self.cols
        return float(ITEM[self.dtype] * sides * max(self.batch, 1))

    def make(self, lib: Any, device: str) -> Callable[[], Any]:
        batch = (self.batch,) if self.batch else ()
        sides = []
        for letter, shape in zip(
            self.layout, ((self.rows, self.inner), (self.inner, self.cols)), strict=True
        ):
            held = shape if letter == "n" else shape[::-1]
            made = lib.rand(*batch, *held, device=device).to(getattr(lib, self.dtype))
            sides.append(made if letter == "n" else made.transpose(-1, -2))
        a, b = sides
        return lambda: lib.matmul(a, b)


PRODUCTS = [
    *(Product(n, n, n, d) for d in ("bfloat16", "float32") for n in (512, 1024, 2048, 4096, 8192)),
    *(Product(4096, 4096, 4096, "bfloat16", layout) for layout in ("nt", "tn", "tt")),
    Product(4096, 4096, 4096, "float32", "nt"),
    Product(4096, 4096, 4096, "float16"),
    Product(4097, 4099, 4101, "bfloat16"),
    Product(64, 4096, 4096, "bfloat16"),
    Product(16, 11008, 4096, "bfloat16", "nt"),
    Product(64, 100, 1000, "float32"),
    Product(128, 128, 64, "bfloat16", "nt", 256),
]
