"""What training needs beside tensors: data in batches."""

from typing import TYPE_CHECKING

from tritongrad.absent import names_the_nearest
from tritongrad.utils import data as data

if not TYPE_CHECKING:
    __getattr__ = names_the_nearest(__name__)
