"""PyTorch's eager programming model without PyTorch: NumPy on the CPU, Triton on the GPU."""

from __future__ import annotations

import importlib
import sys as _sys
from math import e as e
from math import inf as inf
from math import nan as nan
from math import pi as pi
from typing import TYPE_CHECKING, Any

from . import autograd as autograd
from . import create as _create
from .absent import Finder as _Finder
from .absent import missing as _missing
from .absent import put_on as _put_on
from .autograd import enable_grad as enable_grad
from .autograd import inference_mode as inference_mode
from .autograd import is_grad_enabled as is_grad_enabled
from .autograd import is_inference_mode_enabled as is_inference_mode_enabled
from .autograd import no_grad as no_grad
from .autograd import set_grad_enabled as set_grad_enabled
from .comparing import allclose as allclose
from .comparing import broadcast_shapes as broadcast_shapes
from .comparing import equal as equal
from .comparing import is_floating_point as is_floating_point
from .comparing import is_tensor as is_tensor
from .comparing import isclose as isclose
from .comparing import numel as numel
from .comparing import promote_types as promote_types
from .comparing import result_type as result_type
from .cpu.team import get_num_threads as get_num_threads
from .cpu.team import set_num_threads as set_num_threads
from .create import arange as arange
from .create import as_tensor as as_tensor
from .create import empty as empty
from .create import empty_like as empty_like
from .create import eye as eye
from .create import from_numpy as from_numpy
from .create import full as full
from .create import full_like as full_like
from .create import linspace as linspace
from .create import logspace as logspace
from .create import ones as ones
from .create import ones_like as ones_like
from .create import zeros as zeros
from .create import zeros_like as zeros_like
from .devices import device as device
from .devices import get_default_device as get_default_device
from .devices import set_default_device as set_default_device
from .dtype import bfloat16 as bfloat16
from .dtype import bool_ as bool  # noqa: F401
from .dtype import dtype as dtype
from .dtype import finfo as finfo
from .dtype import float16 as float16
from .dtype import float32 as float32
from .dtype import float64 as float64
from .dtype import get_default_dtype as get_default_dtype
from .dtype import iinfo as iinfo
from .dtype import int8 as int8
from .dtype import int16 as int16
from .dtype import int32 as int32
from .dtype import int64 as int64
from .dtype import set_default_dtype as set_default_dtype
from .dtype import uint8 as uint8
from .errors import OutOfMemoryError as OutOfMemoryError
from .ops.activation import clamp as clamp
from .ops.activation import clamp_max as clamp_max
from .ops.activation import clamp_min as clamp_min
from .ops.activation import elu as elu
from .ops.activation import erf as erf
from .ops.activation import gelu as gelu
from .ops.activation import gelu_tanh as gelu_tanh
from .ops.activation import leaky_relu as leaky_relu
from .ops.activation import relu as relu
from .ops.activation import sigmoid as sigmoid
from .ops.activation import silu as silu
from .ops.activation import softplus as softplus
from .ops.activation import tanh as tanh
from .ops.compare import bitwise_and as bitwise_and
from .ops.compare import bitwise_left_shift as bitwise_left_shift
from .ops.compare import bitwise_not as bitwise_not
from .ops.compare import bitwise_or as bitwise_or
from .ops.compare import bitwise_right_shift as bitwise_right_shift
from .ops.compare import bitwise_xor as bitwise_xor
from .ops.compare import ceil as ceil
from .ops.compare import eq as eq
from .ops.compare import floor as floor
from .ops.compare import floor_divide as floor_divide
from .ops.compare import fmod as fmod
from .ops.compare import ge as ge
from .ops.compare import gt as gt
from .ops.compare import isfinite as isfinite
from .ops.compare import isinf as isinf
from .ops.compare import isnan as isnan
from .ops.compare import le as le
from .ops.compare import logical_and as logical_and
from .ops.compare import logical_not as logical_not
from .ops.compare import logical_or as logical_or
from .ops.compare import logical_xor as logical_xor
from .ops.compare import lt as lt
from .ops.compare import ne as ne
from .ops.compare import remainder as remainder
from .ops.compare import trunc as trunc
from .ops.copy import clone as clone
from .ops.einsum import einsum as einsum
from .ops.einsum import tensordot as tensordot
from .ops.elementwise import abs as abs
from .ops.elementwise import add as add
from .ops.elementwise import atan2 as atan2
from .ops.elementwise import cos as cos
from .ops.elementwise import div as _true_divide
from .ops.elementwise import exp as exp
from .ops.elementwise import expm1 as expm1
from .ops.elementwise import log as log
from .ops.elementwise import log1p as log1p
from .ops.elementwise import log2 as log2
from .ops.elementwise import log10 as log10
from .ops.elementwise import maximum as maximum
from .ops.elementwise import minimum as minimum
from .ops.elementwise import mul as mul
from .ops.elementwise import neg as neg
from .ops.elementwise import pow as pow
from .ops.elementwise import reciprocal as reciprocal
from .ops.elementwise import rsqrt as rsqrt
from .ops.elementwise import sign as sign
from .ops.elementwise import sin as sin
from .ops.elementwise import sqrt as sqrt
from .ops.elementwise import square as square
from .ops.elementwise import sub as sub
from .ops.index import embedding as embedding
from .ops.index import gather as gather
from .ops.index import index_add as index_add
from .ops.index import index_copy as index_copy
from .ops.index import index_fill as index_fill
from .ops.index import index_put as index_put
from .ops.index import index_select as index_select
from .ops.index import scatter as scatter
from .ops.index import scatter_add as scatter_add
from .ops.index import take_along_dim as take_along_dim
from .ops.linalg import bmm as bmm
from .ops.linalg import dot as dot
from .ops.linalg import matmul as matmul
from .ops.linalg import mm as mm
from .ops.masks import argwhere as argwhere
from .ops.masks import masked_fill as masked_fill
from .ops.masks import masked_select as masked_select
from .ops.masks import nonzero as nonzero
from .ops.masks import tril as tril
from .ops.masks import triu as triu
from .ops.masks import where as where
from .ops.mixed import addcdiv as addcdiv
from .ops.mixed import addcmul as addcmul
from .ops.mixed import div as div
from .ops.mixed import inner as inner
from .ops.mixed import lerp as lerp
from .ops.mixed import nan_to_num as nan_to_num
from .ops.mixed import round as round
from .ops.nn import log_softmax as log_softmax
from .ops.nn import softmax as softmax
from .ops.order import argsort as argsort
from .ops.order import bincount as bincount
from .ops.order import bucketize as bucketize
from .ops.order import histc as histc
from .ops.order import histogram as histogram
from .ops.order import msort as msort
from .ops.order import searchsorted as searchsorted
from .ops.order import sort as sort
from .ops.order import topk as topk
from .ops.order import unique as unique
from .ops.products import addbmm as addbmm
from .ops.products import addmm as addmm
from .ops.products import addmv as addmv
from .ops.products import baddbmm as baddbmm
from .ops.products import mv as mv
from .ops.products import outer as outer
from .ops.products import trace as trace
from .ops.reduce import all as all
from .ops.reduce import amax as amax
from .ops.reduce import amin as amin
from .ops.reduce import any as any
from .ops.reduce import argmax as argmax
from .ops.reduce import argmin as argmin
from .ops.reduce import logsumexp as logsumexp
from .ops.reduce import mean as mean
from .ops.reduce import prod as prod
from .ops.reduce import sum as sum
from .ops.scan import cumprod as cumprod
from .ops.scan import cumsum as cumsum
from .ops.shape import cat as cat
from .ops.shape import column_stack as column_stack
from .ops.shape import concat as concat
from .ops.shape import concatenate as concatenate
from .ops.shape import flip as flip
from .ops.shape import fliplr as fliplr
from .ops.shape import flipud as flipud
from .ops.shape import hstack as hstack
from .ops.shape import meshgrid as meshgrid
from .ops.shape import repeat_interleave as repeat_interleave
from .ops.shape import roll as roll
from .ops.shape import rot90 as rot90
from .ops.shape import stack as stack
from .ops.shape import tile as tile
from .ops.shape import vstack as vstack
from .ops.slices import diag as diag
from .ops.slices import diag_embed as diag_embed
from .ops.slices import diagonal as diagonal
from .ops.slices import narrow as narrow
from .ops.slices import select as select
from .ops.split import chunk as chunk
from .ops.split import hsplit as hsplit
from .ops.split import split as split
from .ops.split import split_with_sizes as split_with_sizes
from .ops.split import tensor_split as tensor_split
from .ops.split import unbind as unbind
from .ops.split import vsplit as vsplit
from .ops.statistics import aminmax as aminmax
from .ops.statistics import count_nonzero as count_nonzero
from .ops.statistics import max as max
from .ops.statistics import median as median
from .ops.statistics import min as min
from .ops.statistics import nanmean as nanmean
from .ops.statistics import nansum as nansum
from .ops.statistics import norm as norm
from .ops.statistics import quantile as quantile
from .ops.statistics import std as std
from .ops.statistics import std_mean as std_mean
from .ops.statistics import var as var
from .ops.statistics import var_mean as var_mean
from .ops.strided import as_strided as as_strided
from .ops.view import atleast_1d as atleast_1d
from .ops.view import atleast_2d as atleast_2d
from .ops.view import broadcast_tensors as broadcast_tensors
from .ops.view import broadcast_to as broadcast_to
from .ops.view import detach as detach
from .ops.view import detach_ as detach_
from .ops.view import flatten as flatten
from .ops.view import movedim as movedim
from .ops.view import permute as permute
from .ops.view import ravel as ravel
from .ops.view import reshape as reshape
from .ops.view import squeeze as squeeze
from .ops.view import t as t
from .ops.view import transpose as transpose
from .ops.view import unflatten as unflatten
from .ops.view import unsqueeze as unsqueeze
from .precision import (
    are_deterministic_algorithms_enabled as are_deterministic_algorithms_enabled,
)
from .precision import get_float32_matmul_precision as get_float32_matmul_precision
from .precision import set_float32_matmul_precision as set_float32_matmul_precision
from .precision import use_deterministic_algorithms as use_deterministic_algorithms
from .printing import set_printoptions as set_printoptions
from .random import Generator as Generator
from .random import bernoulli as bernoulli
from .random import default_generator as default_generator
from .random import get_rng_state as get_rng_state
from .random import initial_seed as initial_seed
from .random import manual_seed as manual_seed
from .random import multinomial as multinomial
from .random import normal as normal
from .random import rand as rand
from .random import rand_like as rand_like
from .random import randint as randint
from .random import randint_like as randint_like
from .random import randn as randn
from .random import randn_like as randn_like
from .random import randperm as randperm
from .random import seed as seed
from .random import set_rng_state as set_rng_state
from .tensor import Tensor as Tensor
from .tensor_base import Size as Size
from .version import __version__ as __version__

if TYPE_CHECKING:
    from . import amp as amp
    from . import cuda as cuda
    from . import distributions as distributions
    from . import profiler as profiler
    from . import testing as testing
    from .amp import autocast as autocast
    from .compiling import compile as compile
    from .drawing import draw as draw
    from .interop import asarray as asarray
    from .interop import from_dlpack as from_dlpack
    from .legacy import BFloat16Tensor as BFloat16Tensor
    from .legacy import BoolTensor as BoolTensor
    from .legacy import ByteTensor as ByteTensor
    from .legacy import CharTensor as CharTensor
    from .legacy import DoubleTensor as DoubleTensor
    from .legacy import FloatTensor as FloatTensor
    from .legacy import HalfTensor as HalfTensor
    from .legacy import IntTensor as IntTensor
    from .legacy import LongTensor as LongTensor
    from .legacy import ShortTensor as ShortTensor
    from .plotting import plot as plot
    from .serialization import load as load
    from .serialization import save as save

tensor = _create.tensor  # the function, not the module of that name
absolute, clip, divide, multiply, negative, subtract = abs, clamp, div, mul, neg, sub
true_divide, moveaxis, swapaxes, swapdims = _true_divide, movedim, transpose, transpose
greater, greater_equal, less, less_equal, not_equal = gt, ge, lt, le, ne
ger, vdot, row_stack = outer, dot, vstack
newaxis = None
preserve_format, contiguous_format = "preserve_format", "contiguous_format"  # the only ones
spmm = mm  # the first matrix may be sparse in PyTorch; here every one is dense
float = float32
double = float64
half = float16
long = int64
int = int32
short = int16

_LAZY = (
    "accelerator",
    "amp",
    "backends",
    "cuda",
    "distributions",
    "kernels",
    "nn",
    "optim",
    "profiler",
    "testing",
    "utils",
)
_LAZY_FUNCTIONS = {
    "autocast": ".amp",
    "compile": ".compiling",
    "draw": ".drawing",
    "plot": ".plotting",
    "save": ".serialization",
    "load": ".serialization",
    "asarray": ".interop",
    "from_dlpack": ".interop",
    "FloatTensor": ".legacy",
    "DoubleTensor": ".legacy",
    "HalfTensor": ".legacy",
    "BFloat16Tensor": ".legacy",
    "LongTensor": ".legacy",
    "IntTensor": ".legacy",
    "ShortTensor": ".legacy",
    "CharTensor": ".legacy",
    "ByteTensor": ".legacy",
    "BoolTensor": ".legacy",
}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return importlib.import_module(f".{name}", __name__)
    if name in _LAZY_FUNCTIONS:
        function = getattr(importlib.import_module(_LAZY_FUNCTIONS[name], __name__), name)
        return globals().setdefault(name, function)
    raise _missing(__name__, name)


_put_on(Tensor)
_sys.meta_path.append(_Finder)
