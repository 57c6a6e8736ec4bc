"""Matrix products that are timed: sizes, layouts, batches, for tritongrad and PyTorch alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from bench.gpu.cases import ITEM


class Product(NamedTuple):
    """A product of (batch x) rows x inner and inner x cols, each operand transposed or not."""

    rows: int
    cols: int
    inner: int
    layout: str = "nn"
    batch: int = 0
    dtype: str = "float32"

    @property
    def name(self) -> str:
        batch = f"{self.batch} x " if self.batch else ""
        return f"{batch}{self.rows} x {self.inner} x {self.cols} {self.layout} {self.dtype}"

    @property
    def flops(self) -> float:
        return 2.0 * self.rows * self.cols * self.inner * max(self.batch, 1)

    @property
    def nbytes(self) -> float:
        sides = self.rows * self.inner + self.inner * self.cols + self.rows * self.cols
        return float(ITEM[self.dtype] * sides * max(self.batch, 1))

    def small(self) -> Product:
        """The same in a size that a rehearsal can afford."""
        rows, cols, inner = (min(n, 48 + n % 16) for n in (self.rows, self.cols, self.inner))
        return self._replace(rows=rows, cols=cols, inner=inner, batch=min(self.batch, 2))

    def operands(self, lib: Any, device: str) -> tuple[Any, Any]:
        batch = (self.batch,) if self.batch else ()
        shapes = ((self.rows, self.inner), (self.inner, self.cols))
        sides = []
        for letter, shape in zip(self.layout, shapes, strict=True):
            held = shape if letter == "n" else shape[::-1]
            made = lib.randn(*batch, *held, device=device).to(getattr(lib, self.dtype))
            sides.append(made if letter == "n" else made.transpose(-1, -2))
        return sides[0], sides[1]

    def make(self, lib: Any, device: str) -> Callable[[], Any]:
        a, b = self.operands(lib, device)
        return lambda: lib.matmul(a, b)


SHAPES = [
    *(Product(n, n, n) for n in (512, 1024, 2048, 4096, 8192)),
    *(Product(4096, 4096, 4096, layout) for layout in ("nt", "tn", "tt")),
    Product(32768, 512, 1024),  # tall
    Product(512, 32768, 1024),  # wide
    Product(1024, 1024, 16384),  # deep
    Product(4096, 14336, 4096),
    Product(64, 4096, 4096),  # few rows
    Product(16, 11008, 4096, "nt"),
    Product(1000, 1000, 1000),
    Product(333, 777, 555),  # ragged
    Product(4097, 4099, 4101),
    Product(128, 128, 64, "nt", 256),  # batched
    Product(1024, 1024, 64, "nt", 32),
    Product(512, 512, 512, "nn", 16),
]
HALF = [shape._replace(dtype=d) for d in ("bfloat16", "float16") for shape in SHAPES]
FLOAT32 = [
    *(Product(n, n, n) for n in (1024, 2048, 4096, 8192)),
    Product(4096, 4096, 4096, "nt"),
    Product(4096, 4096, 4096, "tn"),
    Product(4097, 4099, 4101),
    Product(512, 512, 512, "nn", 64),
]
