"""Dropout as modules: in training each element, or each channel, is dropped at random."""

from __future__ import annotations

from typing import Any

from tritongrad.nn import functional as F
from tritongrad.nn.module import Module


class Dropout(Module):
    """Each element set to 0 with probability p in training, the others divided by 1 - p."""

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        if not 0 <= p <= 1:
            raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
        self.p, self.inplace = p, inplace

    def forward(self, input: Any) -> Any:
        return F.dropout(input, self.p, self.training, self.inplace)

    def extra_repr(self) -> str:
        return f"p={self.p}, inplace={self.inplace}"


class Dropout1d(Dropout):
    """Dropout of whole channels (dim 1)."""

    def forward(self, input: Any) -> Any:
        return F.dropout2d(input, self.p, self.training, self.inplace)


class Dropout2d(Dropout1d):
    """Dropout of whole channels (dim 1) of images."""


class Dropout3d(Dropout1d):
    """Dropout of whole channels (dim 1) of volumes."""
