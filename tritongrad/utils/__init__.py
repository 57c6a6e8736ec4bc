"""What training needs beside tensors: data in batches."""

from tritongrad.utils import data as data
