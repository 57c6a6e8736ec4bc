"""Datasets, samplers and DataLoader: data in batches, in order or at random, made by workers."""

from typing import TYPE_CHECKING

from tritongrad.absent import names_the_nearest
from tritongrad.utils.data.collate import default_collate as default_collate
from tritongrad.utils.data.collate import default_convert as default_convert
from tritongrad.utils.data.dataloader import DataLoader as DataLoader
from tritongrad.utils.data.dataset import ChainDataset as ChainDataset
from tritongrad.utils.data.dataset import ConcatDataset as ConcatDataset
from tritongrad.utils.data.dataset import Dataset as Dataset
from tritongrad.utils.data.dataset import IterableDataset as IterableDataset
from tritongrad.utils.data.dataset import StackDataset as StackDataset
from tritongrad.utils.data.dataset import Subset as Subset
from tritongrad.utils.data.dataset import TensorDataset as TensorDataset
from tritongrad.utils.data.dataset import random_split as random_split
from tritongrad.utils.data.sampler import BatchSampler as BatchSampler
from tritongrad.utils.data.sampler import RandomSampler as RandomSampler
from tritongrad.utils.data.sampler import Sampler as Sampler
from tritongrad.utils.data.sampler import SequentialSampler as SequentialSampler
from tritongrad.utils.data.sampler import SubsetRandomSampler as SubsetRandomSampler
from tritongrad.utils.data.sampler import WeightedRandomSampler as WeightedRandomSampler
from tritongrad.utils.data.worker import get_worker_info as get_worker_info

if not TYPE_CHECKING:
    __getattr__ = names_the_nearest(__name__)
