"""`backends.cuda`: how float32 products are rounded."""

from __future__ import annotations

from tritongrad import precision


class Matmul:
    """`backends.cuda.matmul`"""

    @property
    def allow_tf32(self) -> bool:
        """Whether float32 products may be rounded to TF32 (precision "medium")."""
        return precision.get_float32_matmul_precision() == "medium"

    @allow_tf32.setter
    def allow_tf32(self, allow: bool) -> None:
        precision.set_float32_matmul_precision("medium" if allow else "highest")


matmul = Matmul()


def is_built() -> bool:
    """Whether the library has a CUDA side: it always has."""
    return True
