"""Device sides of sorting."""

from tritongrad.cuda.index import argsort

__all__ = ["argsort"]
