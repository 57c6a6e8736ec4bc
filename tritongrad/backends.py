"""`backends`: the switches that PyTorch's programs ask for, as far as they mean something here."""

from __future__ import annotations

from . import precision


class _Matmul:
    """`backends.cuda.matmul`"""

    @property
    def allow_tf32(self) -> bool:
        """Whether float32 products may be rounded to TF32 (precision "medium")."""
        return precision.get_float32_matmul_precision() == "medium"

    @allow_tf32.setter
    def allow_tf32(self, allow: bool) -> None:
        precision.set_float32_matmul_precision("medium" if allow else "highest")


class _Cuda:
    """`backends.cuda`"""

    matmul = _Matmul()

    @staticmethod
    def is_built() -> bool:
        """Whether the library has a CUDA side: it always has."""
        return True


class _Cudnn:
    """`backends.cudnn`: there is no cuDNN here; the switches are kept and change nothing."""

    enabled = False
    benchmark = False
    deterministic = True  # every kernel gives the same bits each time
    allow_tf32 = False

    @staticmethod
    def is_available() -> bool:
        """False: there is no cuDNN here."""
        return False


class _Mps:
    """`backends.mps`: Apple's GPUs are not supported."""

    @staticmethod
    def is_available() -> bool:
        """False: Apple's GPUs are not supported."""
        return False

    is_built = is_available


cuda = _Cuda()
cudnn = _Cudnn()
mps = _Mps()
