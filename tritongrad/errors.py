"""The exception classes that are the library's own; all else raises Python's."""


class CudaError(RuntimeError):
    """A call of the CUDA driver failed; `code` is the name of its error."""

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message)
        self.code = code


class OutOfMemoryError(RuntimeError):
    """The device has no room for an allocation, even after giving back what was cached."""


class OutOfRange(IndexError, RuntimeError):
    """An index outside of a dim: an IndexError, and where PyTorch raises it a RuntimeError too."""
