"""Device sides of masks and triangles."""

from tritongrad.cuda.index import masked_fill, nonzero, one_hot, tril, triu

__all__ = ["masked_fill", "nonzero", "one_hot", "tril", "triu"]
